from datetime import date, datetime
from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from programmes.choices import OUTSTANDING, REPORTS, RUNNING


class PublicFromQuerySet(models.QuerySet):
    """Records that are invisible to the public until a moment; an empty moment means never."""

    def public(self, at: datetime | None = None) -> Self:
        return self.filter(public_from__lte=at or timezone.now())


class ProgrammeQuerySet(PublicFromQuerySet):
    def visible_to(self, person: Any) -> Self:
        return self if getattr(person, "is_centre_staff", False) else self.public()


def hidden_from(person: Any, partnership: str = "") -> Q:
    """Partnerships of which a member of staff may not know yet: a conflict of interest was declared, and nothing is announced.

    ``partnership`` is the way to it from another record ("partnership__").
    """
    waits = Q(**{f"{partnership}public_from__isnull": True}) | Q(**{f"{partnership}public_from__gt": timezone.now()})
    return Q(**{f"{partnership}kept_from__contains": [person.pk]}) & waits


class PartnershipQuerySet(PublicFromQuerySet):
    def visible_to(self, person: Any) -> Self:
        """The public sees what has been announced; a partner sees its own; staff see all that is not kept from them."""
        if getattr(person, "is_centre_staff", False):
            return self.exclude(hidden_from(person))
        if not getattr(person, "is_authenticated", False):
            return self.public().filter(programme__public_from__lte=timezone.now())
        mine = person.memberships.current().values("organisation")
        return self.filter(
            Q(public_from__lte=timezone.now(), programme__public_from__lte=timezone.now()) | Q(organisation__in=mine)
        )

    def of(self, person: Any) -> Self:
        """Partnerships of the organisations that the person acts for today."""
        if not getattr(person, "is_authenticated", False):
            return self.none()
        return self.filter(organisation__in=person.memberships.current().values("organisation"))

    def running(self) -> Self:
        return self.filter(status__in=RUNNING)

    def for_list(self) -> Self:
        return self.select_related("organisation", "programme", "strand", "wave").order_by("organisation__name", "pk")


class ObligationQuerySet(models.QuerySet):
    def visible_to(self, person: Any) -> Self:
        """What a partner owes is between the partner and the centre."""
        if getattr(person, "is_centre_staff", False):
            return self.exclude(hidden_from(person, "partnership__"))
        if not getattr(person, "is_authenticated", False):
            return self.none()
        return self.filter(partnership__organisation__in=person.memberships.current().values("organisation"))

    def reports(self) -> Self:
        return self.filter(kind__in=REPORTS)

    def outstanding(self) -> Self:
        return self.filter(status__in=OUTSTANDING)

    def due_by(self, day: date) -> Self:
        return self.filter(due_at__date__lte=day)

    def late(self, at: datetime | None = None) -> Self:
        return self.outstanding().filter(due_at__lt=at or timezone.now())

    def for_list(self) -> Self:
        return self.select_related(
            "partnership__organisation", "partnership__programme", "partnership__strand"
        ).order_by("due_at", "pk")


class ReportQuerySet(models.QuerySet):
    def visible_to(self, person: Any) -> Self:
        """Staff see reports once they are sent; a partner sees its own, drafts among them."""
        if getattr(person, "is_centre_staff", False):
            return self.submitted().exclude(hidden_from(person, "obligation__partnership__"))
        if not getattr(person, "is_authenticated", False):
            return self.none()
        return self.filter(
            obligation__partnership__organisation__in=person.memberships.current().values("organisation")
        )

    def submitted(self) -> Self:
        return self.filter(submitted_at__isnull=False)
