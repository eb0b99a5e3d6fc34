"""How the mail is doing: each number computed once, from the outbox."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from notices.choices import NoticeKind, NoticeStatus
from notices.models import Notice, Pause, Pulse
from people.models import Person

RELAY_SILENT = "mail relay silent"


@dataclass(frozen=True)
class MailFigures:
    waiting: int
    held: int
    needing_a_person: int
    sent_in_a_day: int
    oldest_waits: timedelta | None
    done_in: timedelta | None  # where a rate is set and holds mail back
    relay_silent_since: datetime | None


def mail_figures(person: Person) -> MailFigures:
    """Counted over what the person may see: a number must not tell of a mail that is kept from it."""
    day_ago = timezone.now() - timedelta(days=1)
    seen = Notice.objects.visible_to(person)
    counts = seen.aggregate(
        waiting=Count("pk", filter=Q(status__in=(NoticeStatus.PENDING, NoticeStatus.LEASED))),
        held=Count("pk", filter=Q(status=NoticeStatus.HELD)),
        needing_a_person=Count("pk", filter=Q(status=NoticeStatus.DEAD, handled_at__isnull=True)),
        sent_in_a_day=Count("pk", filter=Q(status=NoticeStatus.SENT, sent_at__gte=day_ago)),
    )
    silent = Pulse.objects.filter(name=RELAY_SILENT).first()
    return MailFigures(
        **counts,
        oldest_waits=seen.age_of_oldest_due(),
        done_in=_done_in(seen.due().count()) if settings.MAIL_RATE > 0 else None,
        relay_silent_since=silent.at if silent else None,
    )


def _done_in(due: int) -> timedelta | None:
    """How long what is due needs at the rate that was set; None under a minute."""
    needed = timedelta(minutes=due / settings.MAIL_RATE)
    return needed if needed > timedelta(minutes=1) else None


@dataclass(frozen=True)
class NotSent:
    """Mails of one template that could not be sent, and what one of them is about."""

    template: str
    count: int
    subject: str


def not_sent_by_template(person: Person) -> list[NotSent]:
    """Where more than one mail of a template could not be sent: the cause is probably the same, and may be gone."""
    rows = Notice.objects.visible_to(person).needing_a_person().exclude(kind=NoticeKind.SECURITY).order_by()
    counted = rows.values("template").annotate(count=Count("pk"), subject=Max("subject"))
    return [NotSent(**row) for row in counted.filter(count__gt=1).order_by("-count", "template")[:10]]


def pauses_for(person: Person) -> QuerySet[Pause]:
    """Templates that are paused, each with how much of what this person may see ``waits``, and the number of ``one`` of them."""
    waiting = Notice.objects.visible_to(person).waiting_for(OuterRef("template")).order_by()
    counted = waiting.values("template").annotate(rows=Count("pk")).values("rows")
    return (
        Pause.objects.current()
        .select_related("trial", "tried_by")
        .annotate(
            waits=Coalesce(Subquery(counted), 0),
            one=Subquery(waiting.order_by("priority", "due_at", "pk").values("pk")[:1]),
        )
    )
