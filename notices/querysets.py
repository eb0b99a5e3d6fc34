from datetime import datetime, timedelta
from typing import Any, Self

from django.db import models
from django.db.models import Exists, Min, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone

from notices.choices import RELEASED_WITH_THEIR_CAUSE, UNSENT, NoticeKind, NoticeStatus


class NoticeQuerySet(models.QuerySet):
    def visible_to(self, person: Any) -> Self:
        """Staff see mail, save what is kept from them; nobody else does. Sign-in codes are shown to nobody."""
        if getattr(person, "is_centre_staff", False):
            return self.exclude(kept_from__contains=[person.pk])
        return self.none()

    def about(self, subject: models.Model) -> Self:
        return self.filter(subject_type=subject._meta.label_lower, subject_id=subject.pk)

    def unsent(self) -> Self:
        return self.filter(status__in=UNSENT)

    def held(self) -> Self:
        return self.filter(status=NoticeStatus.HELD)

    def released_by_hand(self) -> Self:
        return self.held().exclude(subject_type__in=RELEASED_WITH_THEIR_CAUSE)

    def free_to_go(self) -> Self:
        """Without what waits because its template is paused; the one mail that is tried is free, and so is what signs people in."""
        pauses = self.model._meta.apps.get_model("notices", "Pause").objects.current()
        paused = pauses.filter(template=OuterRef("template")).exclude(trial=OuterRef("pk"))
        return self.filter(Q(kind=NoticeKind.SECURITY) | ~Exists(paused))

    def waiting_for(self, template: str | OuterRef) -> Self:
        """What a pause of this template holds up."""
        return self.filter(template=template, status=NoticeStatus.PENDING).exclude(kind=NoticeKind.SECURITY)

    def due(self, at: datetime | None = None) -> Self:
        return self.free_to_go().filter(status=NoticeStatus.PENDING, due_at__lte=at or timezone.now())

    def with_expired_lease(self, at: datetime | None = None) -> Self:
        return self.filter(status=NoticeStatus.LEASED, lease_until__lt=at or timezone.now())

    def needing_a_person(self) -> Self:
        return self.filter(status=NoticeStatus.DEAD, handled_at__isnull=True)

    def to_try_again(self, template: str, seen: datetime) -> Self:
        """Mails of one template that had failed by then, and that nobody has dealt with. The words of security mail are gone."""
        attempts = self.model._meta.apps.get_model("notices", "Attempt").objects
        later = attempts.filter(notice=OuterRef("pk"), at__gt=seen)
        left = self.needing_a_person().filter(template=template).exclude(kind=NoticeKind.SECURITY)
        return left.filter(~Exists(later))

    def due_by_the_database_clock(self) -> Self:
        """Several machines send; the clock of the database is the one they share."""
        return self.free_to_go().filter(status=NoticeStatus.PENDING, due_at__lte=Now())

    def with_expired_lease_by_the_database_clock(self) -> Self:
        return self.filter(status=NoticeStatus.LEASED, lease_until__lt=Now())

    def age_of_oldest_due(self) -> timedelta | None:
        """How long the oldest mail that may go has been due and unsent; None when nothing waits."""
        now = timezone.now()
        waiting = Q(status=NoticeStatus.PENDING) | Q(status=NoticeStatus.LEASED)
        due = self.free_to_go().filter(waiting, first_due_at__lte=now)
        oldest = due.aggregate(oldest=Min("first_due_at"))["oldest"]
        return now - oldest if oldest else None

    def for_list(self) -> Self:
        return self.defer("body_text", "body_html").order_by("-id")


class SuppressionQuerySet(models.QuerySet):
    def holding(self, at: datetime | None = None) -> Self:
        now = at or timezone.now()
        return self.filter(Q(until__isnull=True) | Q(until__gt=now), since__lte=now)


class PauseQuerySet(models.QuerySet):
    def current(self) -> Self:
        return self.filter(ended_at=None)

    def being_tried(self) -> Self:
        return self.current().exclude(tried_at=None)
