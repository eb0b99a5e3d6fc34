"""What a partnership owes, until when, and what becomes of it."""

from datetime import date, datetime, time, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.timezone import get_default_timezone, localdate

from audit.actions import record
from lifecycle.actions import RecordChanged, move
from notices.actions import withdraw_all_about
from people.models import Person
from people.rules import require
from programmes.choices import OUTSTANDING, ObligationKind, ObligationStatus
from programmes.models import Obligation, Partnership

END_OF_WORK = time(17, 0)


def moment_on(day: date, at: time = END_OF_WORK) -> datetime:
    """The moment of a civil day and time in Europe/London."""
    return datetime.combine(day, at, tzinfo=get_default_timezone())


def owe(
    partnership: Partnership,
    kind: str,
    *,
    title: str,
    due_at: datetime | None = None,
    in_days: int | None = None,
    guidance: str = "",
) -> Obligation:
    """Add something owed, by a moment or by five o'clock so many civil days from now."""
    if due_at is None:
        due_at = moment_on(localdate() + timedelta(days=in_days or 0))
    return Obligation.objects.create(
        partnership=partnership,
        kind=kind,
        title=title,
        guidance=guidance,
        due_at=due_at,
        is_demonstration=partnership.is_demonstration,
    )


@transaction.atomic
def ask_for(
    partnership: Partnership, kind: str, *, title: str, guidance: str, due_at: datetime, by: Person
) -> Obligation:
    """The same thing by the same moment is owed once, however often the button is pressed."""
    require(by, "programmes.manage_partnership", partnership)
    Partnership.objects.select_for_update(of=("self",)).get(pk=partnership.pk)
    if (owed := _owed_already(partnership, kind, title=title, due_at=due_at)) is not None:
        return owed
    obligation = owe(partnership, kind, title=title, due_at=due_at, guidance=guidance)
    record("asked for", obligation, by=by, due_at=due_at)
    return obligation


@transaction.atomic
def schedule_reports(
    partnership: Partnership, *, first_on: date, every_months: int, how_many: int, by: Person
) -> list[Obligation]:
    """Progress reports at equal steps of months: 31 January, then 28 or 29 February, then 31 March.

    Those that are owed already, from a first press of the button, are not asked for twice.
    """
    require(by, "programmes.manage_partnership", partnership)
    if not 1 <= how_many <= 24 or not 1 <= every_months <= 24:
        raise ValidationError("Ask for 1 to 24 reports, 1 to 24 months apart. Nothing was added.")
    Partnership.objects.select_for_update(of=("self",)).get(pk=partnership.pk)
    kind, owed, new = ObligationKind.PROGRESS_REPORT, [], 0
    for number in range(how_many):
        due_at = moment_on(_months_later(first_on, number * every_months))
        title = "Progress report" if how_many == 1 else f"Progress report {number + 1} of {how_many}"
        one = _owed_already(partnership, kind, title=title, due_at=due_at)
        if one is None:
            one, new = owe(partnership, kind, title=title, due_at=due_at), new + 1
        owed.append(one)
    if new:
        record("scheduled reports", partnership, by=by, count=new, every_months=every_months)
    return owed


def _owed_already(partnership: Partnership, kind: str, *, title: str, due_at: datetime) -> Obligation | None:
    same = partnership.obligations.filter(kind=kind, title=title, due_at=due_at)
    return same.exclude(status=ObligationStatus.WAIVED).first()


def _months_later(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, min(day.day, last))
        except ValueError:
            continue
    raise ValueError(day)


@transaction.atomic
def move_due_date(obligation: Obligation, *, to: datetime, why: str, by: Person) -> None:
    """Reminders of the old date are taken back; those of the new one follow from the data."""
    require(by, "programmes.manage_obligation", obligation)
    if not why.strip():
        raise ValidationError("Say why the date moves: the partner sees it. Nothing was changed.")
    unchanged = Obligation.objects.filter(pk=obligation.pk, due_version=obligation.due_version, status__in=OUTSTANDING)
    if not unchanged.update(due_at=to, due_version=obligation.due_version + 1):
        raise RecordChanged(obligation)
    record("moved the due date", obligation, by=by, was=obligation.due_at, now=to, why=why)
    obligation.due_at, obligation.due_version = to, obligation.due_version + 1
    withdraw_all_about(obligation, by=by, why="The due date moved")


@transaction.atomic
def waive(obligation: Obligation, *, reason: str, by: Person) -> None:
    require(by, "programmes.manage_obligation", obligation)
    if not reason.strip():
        raise ValidationError("Say why it is not needed any more. Nothing was changed.")
    _waive(obligation, reason=reason.strip(), by=by)


def _waive(obligation: Obligation, *, reason: str, by: Person) -> None:
    move(obligation, ObligationStatus.WAIVED, by=by, waived_reason=reason, settled_at=timezone.now(), settled_by=by)
    withdraw_all_about(obligation, by=by, why="It is not needed any more")


def waive_what_is_outstanding(partnership: Partnership, *, reason: str, by: Person) -> None:
    for obligation in partnership.obligations.outstanding():
        _waive(obligation, reason=reason, by=by)
