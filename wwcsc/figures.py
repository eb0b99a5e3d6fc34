"""Numbers of the front pages that need more than one app, each counted in the figures of its own."""

from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from calls.models import Call
from evaluations.figures import of_the_register
from evidence_store.models import Entry
from programmes.figures import of_partners


@dataclass(frozen=True)
class FrontPage:
    authorities: int
    authorities_with_us: int
    evaluations: int
    practices: int
    open_calls: int


def front_page() -> FrontPage:
    """What the front page counts: only what is public at this moment. Units: authority, evaluation, practice, call."""
    partners, public = of_partners(), AnonymousUser()
    return FrontPage(
        authorities=partners.authorities,
        authorities_with_us=partners.authorities_with_us,
        evaluations=of_the_register().evaluations,
        practices=Entry.objects.visible_to(public).current().count(),
        open_calls=Call.objects.visible_to(public).open(timezone.now()).count(),
    )
