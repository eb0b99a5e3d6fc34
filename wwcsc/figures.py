"""Numbers of the front pages that need more than one app."""

from dataclasses import dataclass

from django.utils import timezone

from calls.models import Call
from evaluations.models import Evaluation
from evidence_store.models import Entry
from partners.models import Organisation
from programmes.models import Partnership


@dataclass(frozen=True)
class FrontPage:
    authorities: int
    authorities_with_us: int
    evaluations: int
    practices: int
    open_calls: int


def front_page() -> FrontPage:
    """What the front page counts: only what is public at this moment. Units: authority, evaluation, practice, call."""
    now = timezone.now()
    public = Partnership.objects.public(now).filter(programme__public_from__lte=now)
    current = Organisation.objects.current_authorities().filter(is_public=True)
    direct = current.filter(pk__in=public.values("organisation"))
    through = current.filter(pk__in=public.values("areas"))
    return FrontPage(
        authorities=current.count(),
        authorities_with_us=(direct | through).distinct().count(),
        evaluations=Evaluation.objects.public(now).count(),
        practices=Entry.objects.public().current().count(),
        open_calls=Call.objects.public(now).open(now).count(),
    )
