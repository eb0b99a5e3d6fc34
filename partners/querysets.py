from datetime import date, datetime
from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.timezone import localdate

from partners.choices import APPLICANT_KINDS, MembershipRole, OrganisationKind


class DatedQuerySet(models.QuerySet):
    """Rows that hold from one day to another. The last day is the first on which they hold no more."""

    starts = "valid_from"
    ends = "valid_until"

    def on(self, day: date) -> Self:
        started = Q(**{f"{self.starts}__isnull": True}) | Q(**{f"{self.starts}__lte": day})
        running = Q(**{f"{self.ends}__isnull": True}) | Q(**{f"{self.ends}__gt": day})
        return self.filter(started, running)

    def current(self) -> Self:
        return self.on(localdate())


class OrganisationQuerySet(models.QuerySet):
    def visible_to(self, person: Any) -> Self:
        """Organisations are public facts, save those that only the centre and their own people know of."""
        if getattr(person, "is_centre_staff", False):
            return self
        public = Q(is_public=True)
        if getattr(person, "is_authenticated", False):
            return self.filter(public | Q(pk__in=type(self)(self.model).of(person).values("pk")))
        return self.filter(public)

    def of(self, person: Any, *roles: str) -> Self:
        """Organisations to which the person belongs today, in one of the roles where some are named."""
        if not getattr(person, "is_authenticated", False) or not person.is_active:
            return self.none()
        today = localdate()
        held = Q(memberships__person=person, memberships__starts_on__lte=today) & (
            Q(memberships__ends_on__isnull=True) | Q(memberships__ends_on__gt=today)
        )
        if roles:
            held &= Q(memberships__role__in=roles)
        return self.filter(held).distinct()

    def existing_on(self, day: date) -> Self:
        return self.filter(
            Q(exists_from__isnull=True) | Q(exists_from__lte=day),
            Q(exists_until__isnull=True) | Q(exists_until__gt=day),
        )

    def authorities(self) -> Self:
        return self.filter(kind=OrganisationKind.LOCAL_AUTHORITY)

    def current_authorities(self) -> Self:
        return self.authorities().existing_on(localdate())

    def able_to_apply(self) -> Self:
        return self.filter(kind__in=APPLICANT_KINDS).existing_on(localdate())

    def known_as(self, words: str) -> Self:
        """Found by any of its names, present or past, and by any of its codes."""
        return self.filter(
            Q(name__icontains=words) | Q(names__name__icontains=words) | Q(codes__code__iexact=words)
        ).distinct()


class MembershipQuerySet(DatedQuerySet):
    starts = "starts_on"
    ends = "ends_on"

    def leads(self) -> Self:
        return self.filter(role=MembershipRole.LEAD)

    def visible_to(self, person: Any) -> Self:
        if getattr(person, "is_centre_staff", False):
            return self
        if not getattr(person, "is_authenticated", False):
            return self.none()
        mine = type(self)(self.model).current().filter(person=person).values("organisation")
        return self.filter(organisation__in=mine)


class InvitationQuerySet(models.QuerySet):
    def open(self, at: datetime | None = None) -> Self:
        return self.filter(accepted_at__isnull=True, withdrawn_at__isnull=True, expires_at__gt=at or timezone.now())

    def visible_to(self, person: Any) -> Self:
        if getattr(person, "is_centre_staff", False):
            return self
        if not getattr(person, "is_authenticated", False):
            return self.none()
        return self.filter(organisation__memberships__in=_leads_of(person)).distinct()


def _leads_of(person: Any) -> Any:
    return person.memberships.current().leads()


class InspectionQuerySet(models.QuerySet):
    def published_by(self, day: date) -> Self:
        return self.filter(published_on__lte=day)

    def with_an_overall_grade(self) -> Self:
        return self.exclude(overall__in=("", "not_judged"))


class AgreementQuerySet(models.QuerySet):
    def visible_to(self, person: Any) -> Self:
        """The two parties see an agreement; the public sees only that one was signed, on the partnership."""
        if getattr(person, "is_centre_staff", False):
            return self
        if not getattr(person, "is_authenticated", False):
            return self.none()
        return self.filter(organisation__in=person.memberships.current().values("organisation"))
