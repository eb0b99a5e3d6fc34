"""Reminders of what is owed. Due is a function of the data and the moment, never of a tick of the clock.

Each rule is a number of civil days before the due day (after it, when negative), at nine in the morning in Europe/London. A
sweep queues, for each obligation and person, the newest rule whose moment has come, once, by one statement for each rule. After a week without a clock
one reminder goes out, not three. A question about a report is due on the day it is asked, and is chased in the same way.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone
from django.utils.timezone import localtime

from programmes.actions.obligations import moment_on
from programmes.choices import ObligationStatus
from programmes.models import Obligation
from programmes.notices import STILL_OWES, remind_of_questions, remind_of_reports, tell_staff_reports_are_late

MIDNIGHT, MORNING = time(0, 0), time(9, 0)
LAST_CHASE = timedelta(days=30)


@dataclass(frozen=True)
class Rule:
    """``days`` before the due day; after it, when negative."""

    name: str
    days: int

    def moment(self, due_at: datetime) -> datetime:
        return moment_on(localtime(due_at).date() - timedelta(days=self.days), MORNING)


RULES = (Rule("14-before", 14), Rule("3-before", 3), Rule("on-the-day", 0), Rule("3-after", -3), Rule("10-after", -10))
QUESTIONS = (Rule("7-after-question", -7), Rule("21-after-question", -21))


def rule_that_applies(due_at: datetime, at: datetime) -> Rule | None:
    """The newest rule whose moment has come; None while it is too early."""
    reached = [rule for rule in RULES if rule.moment(due_at) <= at]
    return reached[-1] if reached else None


def due_before(rule: Rule, at: datetime) -> datetime:
    """What is due before this moment has reached the rule: ``rule.moment(due_at) <= at``, turned round for a query."""
    last_day = localtime(at).date() + timedelta(days=rule.days)
    if localtime(at).time() < MORNING:
        last_day -= timedelta(days=1)
    return moment_on(last_day + timedelta(days=1), MIDNIGHT)


def remind_of_what_is_owed(at: datetime | None = None) -> int:
    """Queue every reminder whose moment has come and that is not in the outbox yet. Returns how many were queued."""
    now = at or timezone.now()
    still = Obligation.objects.filter(partnership__status__in=STILL_OWES)
    owed = still.filter(status=ObligationStatus.OWED, due_at__gte=now - LAST_CHASE)
    queried = still.filter(status=ObligationStatus.QUERIED).annotate(asked_at=Max("reports__questions__asked_at"))
    number = 0
    for rule, reached in _reached(owed, "due_at", RULES, now):
        number += _remind_of(reached, rule)
    for rule, reached in _reached(queried.filter(asked_at__gte=now - LAST_CHASE), "asked_at", QUESTIONS, now):
        number += remind_of_questions(reached, rule=rule.name)
    return number


def _reached(
    obligations: QuerySet[Obligation], moment: str, rules: Sequence[Rule], now: datetime
) -> Iterator[tuple[Rule, QuerySet[Obligation]]]:
    """Each rule with those for which it is the newest whose moment has come."""
    for rule, newer in zip(rules, [*rules[1:], None], strict=True):
        reached = obligations.filter(**{f"{moment}__lt": due_before(rule, now)})
        if newer is not None:
            reached = reached.filter(**{f"{moment}__gte": due_before(newer, now)})
        yield rule, reached


@transaction.atomic
def _remind_of(owed: QuerySet[Obligation], rule: Rule) -> int:
    number = remind_of_reports(owed, rule=rule.name, is_late=rule.days < 0)
    return number + tell_staff_reports_are_late(owed, rule=rule.name) if rule.days < 0 else number
