"""Who might assess what: a proposal with even loads and no conflicts, for a person to change before it is applied."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from django.db.models import Count
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import lil_array

from calls import figures
from calls.choices import ApplicationStatus
from calls.models import Application, Assessment, Call
from people.models import Person

MOST_PAIRS = 20_000  # beyond this many the programme takes longer than a person waits
SECONDS = 5


@dataclass(frozen=True)
class Proposal:
    """For each application the people proposed; and in sentences why there are not enough where there are not."""

    chosen: dict[int, list[int]] = field(default_factory=dict)
    shortfalls: list[str] = field(default_factory=list)
    load: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Problem:
    """Numbers only: what each application still needs, who may not, what each person has already and may have at most."""

    needs: Sequence[int]
    forbidden: frozenset[tuple[int, int]]
    has: Sequence[int]
    most: int | None = None


def suggest(
    call: Call, applications: Sequence[Application], people: Sequence[Person], *, most: int | None = None
) -> Proposal:
    """Propose assessors for these applications, given what everybody has in this call already."""
    conflicts = figures.conflicts_in(call, [person.pk for person in people])
    load = figures.load_on_assessors(call)
    asked = assessors_of(applications)
    forbidden = {
        (row, column)
        for row, application in enumerate(applications)
        for column, person in enumerate(people)
        if person.pk in asked.get(application.pk, ()) or conflicts.reason(application.pk, person.pk)
    }
    needs = [max(0, call.assessors_each - len(asked.get(application.pk, ()))) for application in applications]
    problem = Problem(needs, frozenset(forbidden), [load[person.pk] for person in people], most)
    pairs, missing = solve(problem)
    chosen: dict[int, list[int]] = {application.pk: [] for application in applications}
    for row, column in pairs:
        chosen[applications[row].pk].append(people[column].pk)
        load[people[column].pk] += 1
    return Proposal(chosen, _why(problem, missing, applications, people, conflicts), dict(load))


def assessors_of(applications: Sequence[Application]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    in_force = Assessment.objects.in_force().filter(application__in=[one.pk for one in applications])
    for application, person in in_force.values_list("application", "assessor"):
        found.setdefault(application, set()).add(person)
    return found


def short_of_assessors(call: Call) -> list[Application]:
    """Eligible applications of the call that have fewer assessors than it asks for."""
    eligible = Application.objects.filter(call=call, status=ApplicationStatus.ELIGIBLE)
    full = (
        Assessment.objects.in_force()
        .filter(application__call=call)
        .order_by()
        .values("application")
        .annotate(number=Count("pk"))
        .filter(number__gte=call.assessors_each)
    )
    return list(
        eligible.exclude(pk__in=full.values("application")).select_related("organisation").order_by("reference")
    )


def solve(problem: Problem) -> tuple[list[tuple[int, int]], dict[int, int]]:
    """Pairs (application, person), and how many each application is short of. As few short as possible, then even loads."""
    if not problem.needs or not problem.has:
        return [], {row: need for row, need in enumerate(problem.needs) if need}
    if len(problem.needs) * len(problem.has) > MOST_PAIRS:
        return _in_turn(problem)
    return _best(problem)


def _best(problem: Problem) -> tuple[list[tuple[int, int]], dict[int, int]]:
    rows, columns = len(problem.needs), len(problem.has)
    cells = rows * columns
    # After the pairs come what each application is short of, then the highest and the lowest load.
    highest, lowest, size = cells + rows, cells + rows + 1, cells + rows + 2
    cost = np.zeros(size)
    # A little noise mixes who sits with whom; always the same for the same question.
    cost[:cells] = np.random.default_rng(20190329).random(cells) * 0.01
    cost[cells : cells + rows], cost[highest], cost[lowest] = 1000 + columns, 1, -1
    upper = np.full(size, np.inf)
    upper[:cells] = 1
    for row, column in problem.forbidden:
        upper[row * columns + column] = 0
    whole = lil_array((rows + 2 * columns, size))
    least, greatest = np.zeros(rows + 2 * columns), np.full(rows + 2 * columns, np.inf)
    for row, need in enumerate(problem.needs):
        whole[row, row * columns : (row + 1) * columns] = 1
        whole[row, cells + row] = 1
        least[row] = greatest[row] = need
    for column, has in enumerate(problem.has):
        above, below = rows + 2 * column, rows + 2 * column + 1
        whole[above, column:cells:columns] = -1
        whole[above, highest] = 1
        least[above] = has
        whole[below, column:cells:columns] = 1
        whole[below, lowest] = -1
        least[below] = -has
    if problem.most is not None:
        for column, has in enumerate(problem.has):
            upper[column:cells:columns] = np.minimum(upper[column:cells:columns], 1 if has < problem.most else 0)
        upper[highest] = max(problem.most, *problem.has)
    found = milp(
        cost,
        constraints=LinearConstraint(whole.tocsr(), least, greatest),
        bounds=Bounds(0, upper),
        integrality=np.ones(size),
        options={"time_limit": SECONDS, "mip_rel_gap": 0.001},
    )
    if found.x is None:
        return _in_turn(problem)
    solution = np.rint(found.x).astype(int)
    pairs = [(int(cell) // columns, int(cell) % columns) for cell in np.flatnonzero(solution[:cells])]
    return pairs, {row: int(short) for row, short in enumerate(solution[cells : cells + rows]) if short}


def _in_turn(problem: Problem) -> tuple[list[tuple[int, int]], dict[int, int]]:
    """For thousands of applications: the hardest to place first, each to those who have least."""
    load = list(problem.has)
    free = {
        row: [column for column in range(len(load)) if (row, column) not in problem.forbidden]
        for row in range(len(problem.needs))
    }
    pairs, short = [], {}
    for row in sorted(free, key=lambda one: (len(free[one]) - problem.needs[one], one)):
        open_to = [column for column in free[row] if problem.most is None or load[column] < problem.most]
        chosen = sorted(open_to, key=lambda column: (load[column], (column + row) % len(load)))[: problem.needs[row]]
        for column in chosen:
            load[column] += 1
            pairs.append((row, column))
        if missing := problem.needs[row] - len(chosen):
            short[row] = missing
    return pairs, short


def _why(
    problem: Problem,
    missing: dict[int, int],
    applications: Sequence[Application],
    people: Sequence[Person],
    conflicts: figures.Conflicts,
) -> list[str]:
    """Which condition binds, for each application that is short."""
    if not missing:
        return []
    if not people:
        return ["Nobody can be asked yet: there are no assessors. Invite people as assessors first."]
    sentences = []
    room = sum(max(0, problem.most - has) for has in problem.has) if problem.most is not None else None
    if room is not None and sum(problem.needs) > room:
        sentences.append(
            f"{sum(problem.needs)} assessments are needed, and with at most {problem.most} each the assessors have room for {room}."
        )
    for row, short in missing.items():
        barred = [person.shown_name for person in people if conflicts.reason(applications[row].pk, person.pk)]
        because = f" In conflict or handed back: {'; '.join(barred)}." if barred else ""
        free = len(people) - sum((row, column) in problem.forbidden for column in range(len(people)))
        sentences.append(
            f"{applications[row].reference} needs {problem.needs[row]} and is {short} short: "
            f"{free} of {len(people)} assessors could take it.{because}"
        )
    return sentences
