"""Every published number about evaluations, counted from the records that the reader may see."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, Q

from evaluations.choices import OVER, TRIALS, DutyState, Stage
from evaluations.models import Duty, Evaluation


@dataclass(frozen=True)
class RegisterFigures:
    evaluations: int
    running: int
    published: int
    stopped: int
    trials: int


@dataclass(frozen=True)
class PromiseFigures:
    kept: int
    kept_late: int
    late: int
    late_without_a_reason: int
    due: int
    undated: int

    @property
    def all(self) -> int:
        return self.kept + self.kept_late + self.late + self.due + self.undated


def of_the_register(person: Any = None) -> RegisterFigures:
    """Counts of evaluations, not of partners or reports. Without a person: what the public sees."""
    seen = Evaluation.objects.visible_to(person or AnonymousUser())
    counts = seen.order_by().aggregate(
        evaluations=Count("pk"),
        running=Count("pk", filter=~Q(status__in=OVER)),
        published=Count("pk", filter=Q(status=Stage.PUBLISHED)),
        stopped=Count("pk", filter=Q(status=Stage.STOPPED)),
        trials=Count("pk", filter=Q(design__in=TRIALS)),
    )
    return RegisterFigures(**counts)


def of_promises(duties: list[Duty] | None = None) -> PromiseFigures:
    """How the centre keeps its promises to publish. Counts of promises, several to an evaluation."""
    told = Duty.objects.visible_to(AnonymousUser()) if duties is None else duties
    states: Counter[str] = Counter()
    silent = 0
    for duty in told:
        states[duty.state] += 1
        silent += duty.state == DutyState.LATE and not (duty.late_reason or duty.reason)
    return PromiseFigures(
        kept=states[DutyState.KEPT],
        kept_late=states[DutyState.KEPT_LATE],
        late=states[DutyState.LATE],
        late_without_a_reason=silent,
        due=states[DutyState.DUE],
        undated=states[DutyState.UNDATED],
    )
