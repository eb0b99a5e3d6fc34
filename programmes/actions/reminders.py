"""Reminders of what is owed. Due is a function of the data and the moment, never of a tick of the clock.

Each rule is a number of civil days before the due day (after it, when negative), at nine in the morning in Europe/London. A
sweep queues, for each obligation and person, the newest rule whose moment has come, once. After a week without a clock
one reminder goes out, not three.
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.utils import timezone
from django.utils.timezone import localtime

from notices.models import Notice
from partners.choices import MembershipRole
from programmes.actions.obligations import moment_on
from programmes.choices import ObligationStatus, PartnershipStatus
from programmes.models import Obligation
from programmes.notices import WHO_REPORTS, people_of, programme_staff, remind_report_is_due, tell_staff_report_is_late

MORNING = time(9, 0)
LAST_CHASE = timedelta(days=30)
STILL_OWES = (
    PartnershipStatus.PROPOSED,
    PartnershipStatus.AGREED,
    PartnershipStatus.ISSUED,
    PartnershipStatus.SIGNED,
    PartnershipStatus.ACTIVE,
    PartnershipStatus.COMPLETED,
)


@dataclass(frozen=True)
class Rule:
    """``days`` before the due day; after it, when negative."""

    name: str
    days: int

    def moment(self, due_at: datetime) -> datetime:
        return moment_on(localtime(due_at).date() - timedelta(days=self.days), MORNING)


RULES = (Rule("14-before", 14), Rule("3-before", 3), Rule("on-the-day", 0), Rule("3-after", -3), Rule("10-after", -10))


def rule_that_applies(due_at: datetime, at: datetime) -> Rule | None:
    """The newest rule whose moment has come; None while it is too early."""
    reached = [rule for rule in RULES if rule.moment(due_at) <= at]
    return reached[-1] if reached else None


def remind_of_what_is_owed(at: datetime | None = None) -> int:
    """Queue every reminder whose moment has come and that is not in the outbox yet. Returns how many were queued."""
    now = at or timezone.now()
    earliest = max(rule.days for rule in RULES)
    owed = (
        Obligation.objects.outstanding()
        .filter(
            partnership__status__in=STILL_OWES,
            due_at__lte=now + timedelta(days=earliest + 1),
            due_at__gte=now - LAST_CHASE,
            status=ObligationStatus.OWED,
        )
        .for_list()
    )
    return sum(_remind_of(obligation, now) for obligation in owed)


def _remind_of(obligation: Obligation, now: datetime) -> int:
    rule = rule_that_applies(obligation.due_at, now)
    if rule is None:
        return 0
    roles = WHO_REPORTS if obligation.is_report else (MembershipRole.LEAD,)
    before = Notice.objects.about(obligation).count()
    for person in people_of(obligation.partnership, *roles):
        remind_report_is_due(obligation, person, rule=rule.name, days=rule.days)
    if rule.days < 0:
        for person in programme_staff(obligation.partnership):
            tell_staff_report_is_late(obligation, person, rule=rule.name, days=rule.days)
    return Notice.objects.about(obligation).count() - before
