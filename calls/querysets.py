from datetime import datetime
from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from calls.choices import ApplicationStatus, AssessmentStatus, CallStatus
from partners.choices import MembershipRole

# A call that was public stays public when it is cancelled, with the reason; one cancelled before is never seen.
SEEN_BY_THE_PUBLIC = (
    CallStatus.PUBLISHED,
    CallStatus.ASSESSING,
    CallStatus.DECIDED,
    CallStatus.ANNOUNCED,
    CallStatus.ARCHIVED,
    CallStatus.CANCELLED,
)


UNFINISHED = (AssessmentStatus.ASSIGNED, AssessmentStatus.STARTED)
HIDING = (AssessmentStatus.ASSIGNED, AssessmentStatus.CONFLICTED)


class CallQuerySet(models.QuerySet):
    def visible_to(self, person: Any) -> Self:
        return self if getattr(person, "is_centre_staff", False) else self.public()

    def public(self, at: datetime | None = None) -> Self:
        return self.filter(status__in=SEEN_BY_THE_PUBLIC, public_from__lte=at or timezone.now())

    def open(self, at: datetime | None = None) -> Self:
        now = at or timezone.now()
        return self.filter(status=CallStatus.PUBLISHED, opens_at__lte=now, closes_at__gt=now)

    def opening_later(self, at: datetime | None = None) -> Self:
        return self.filter(status=CallStatus.PUBLISHED, opens_at__gt=at or timezone.now())

    def closed(self, at: datetime | None = None) -> Self:
        """Closed, or long past: the closing day of an archived call may not be known."""
        over = Q(closes_at__lte=at or timezone.now()) | Q(closes_at__isnull=True)
        return self.exclude(status__in=(CallStatus.DRAFT, CallStatus.APPROVED, CallStatus.CANCELLED)).filter(over)

    def cancelled(self) -> Self:
        return self.filter(status=CallStatus.CANCELLED)

    def for_list(self) -> Self:
        return self.select_related("programme", "strand").order_by("closes_at", "pk")


class ApplicationQuerySet(models.QuerySet):
    def visible_to(self, person: Any) -> Self:
        """Applicants see their own organisation's; staff see all that were sent; an assessor sees those it may score.

        A member of staff who was asked to assess it sees nothing before declaring that there is no conflict of interest,
        and nothing for good after declaring one. Staff do not read drafts: an unsent application belongs to those who write it.
        """
        if not getattr(person, "is_authenticated", False) or not person.is_active:
            return self.none()
        own = Q(organisation__in=person.memberships.current().values("organisation"))
        asked = self.model.assessments.rel.related_model.objects.filter(assessor=person)  # type: ignore[attr-defined]
        if person.is_centre_staff:
            hidden = asked.filter(status__in=HIDING)
            sent = Q(submitted_at__isnull=False) & ~Q(pk__in=hidden.values("application"))
            return self.filter(own | sent)
        scored = asked.filter(status__in=(AssessmentStatus.STARTED, AssessmentStatus.SUBMITTED))
        return self.filter(own | Q(pk__in=scored.values("application")))

    def of(self, person: Any) -> Self:
        """Those of the organisations to which the person belongs today."""
        if not getattr(person, "is_authenticated", False):
            return self.none()
        return self.filter(organisation__in=person.memberships.current().values("organisation"))

    def editable_by(self, person: Any) -> Self:
        roles = (MembershipRole.LEAD, MembershipRole.EDITOR)
        return self.filter(
            status=ApplicationStatus.DRAFT,
            organisation__in=person.memberships.current().filter(role__in=roles).values("organisation"),
        )

    def sent(self) -> Self:
        """Those that reached the centre, also when they were withdrawn later."""
        return self.filter(submitted_at__isnull=False)

    def for_list(self) -> Self:
        return self.select_related("call__programme", "organisation", "decision").order_by("-pk")


class AssessmentQuerySet(models.QuerySet):
    def visible_to(self, person: Any) -> Self:
        """An assessor sees its own, and the others' once every one is in. Staff see all that they are not blind to."""
        if not getattr(person, "is_authenticated", False) or not person.is_active:
            return self.none()
        mine = Q(assessor=person)
        seen = ~Q(application__in=self.model._default_manager.blinding(person).values("application"))  # type: ignore[attr-defined]
        if person.is_centre_staff:
            return self.filter(mine | seen)
        sent = self.model._default_manager.filter(assessor=person, status=AssessmentStatus.SUBMITTED)
        both_in = Q(application__in=sent.values("application"), status=AssessmentStatus.SUBMITTED)
        return self.filter(mine | (both_in & seen))

    def blinding(self, person: Any) -> Self:
        """The person's own assessments because of which it may know nothing of what others do with these applications.

        Blind until it has sent its scores and everybody else has; blind for good where it declared a conflict.
        """
        waiting = self.model._default_manager.unfinished().exclude(assessor=person)  # type: ignore[attr-defined]
        waits = models.Exists(waiting.filter(application=models.OuterRef("application")))
        still = Q(status__in=(*UNFINISHED, AssessmentStatus.CONFLICTED)) | (
            Q(status=AssessmentStatus.SUBMITTED) & waits
        )
        return self.filter(still, assessor=person)

    def hiding(self, person: Any) -> Self:
        """The person's own assessments that hide the content: a conflict, or nothing declared yet."""
        return self.filter(assessor=person, status__in=HIDING)

    def in_force(self) -> Self:
        """Those that count: neither handed back nor given up for a conflict."""
        return self.filter(status__in=(*UNFINISHED, AssessmentStatus.SUBMITTED))

    def unfinished(self) -> Self:
        return self.filter(status__in=UNFINISHED)

    def submitted(self) -> Self:
        return self.filter(status=AssessmentStatus.SUBMITTED)

    def for_list(self) -> Self:
        return self.select_related("application__call", "application__organisation", "assessor").order_by("pk")
