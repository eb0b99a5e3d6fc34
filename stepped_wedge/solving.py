"""What is needed for a target power: people in each cell, clusters, or sequences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from stepped_wedge.designs import Design, stepped_wedge
from stepped_wedge.power import (
    Answer,
    Plan,
    answer_of,
    cell_model,
    degrees,
    null_variance,
    power,
    power_at_size,
    variance,
)
from stepped_wedge.references import degrees_of_freedom
from stepped_wedge.refusals import CaseRefused, refuse_unless


@dataclass(frozen=True)
class SizeAnswer:
    """The smallest size a cell that reaches the target; n is None when no size does."""

    n: int | None
    limiting_power: float
    answer: Answer | None = None
    power_at_n_minus_1: float | None = None


type PowerOf = Callable[[Plan], float]


def size_for(plan: Plan, target: float, power_of: PowerOf | None = None) -> SizeAnswer:
    """Smallest whole number of individuals a cluster-period for the target power, by doubling and bisection.

    power_of: the power of a plan with a size, where it is not that of its single effect.

    The limit of ever larger cells is looked at first: with cluster-period variance or decay the variance has a
    floor, and some targets cannot be reached at any size.
    """
    df = degrees_for_solving(plan)

    def reached(of: Plan, size: float) -> float:
        return power_at_size(of, size, df) if power_of is None else power_of(of.but(size=float(size)))

    limit = reached(_by_least_squares(plan), _endless(plan))
    if limit < target:
        return SizeAnswer(None, limit)
    start = size_for(_by_least_squares(plan), target, power_of).n if plan.outcome.is_by_likelihood else None
    low, high = _bracket(lambda size: size > 0 and reached(plan, size) >= target, start)
    while high - low > 1:
        middle = (high + low) // 2
        low, high = (low, middle) if reached(plan, middle) >= target else (middle, high)
    before = reached(plan, high - 1) if high > 1 else None
    return SizeAnswer(high, limit, power(plan.but(size=float(high))), before)


def _bracket(is_enough: Callable[[int], bool], start: int | None) -> tuple[int, int]:
    """(too few, enough). From one upwards by doubling, or outwards from a start that is near."""
    high = start or 1
    step = max(1, high // 40)
    low = high - step
    if is_enough(high):
        while is_enough(low):
            low, high, step = low - 2 * step, low, 2 * step
        return max(low, 0), high
    while not is_enough(high):
        low, high, step = high, high + step, 2 * step
    return low, high


def _by_least_squares(plan: Plan) -> Plan:
    """With endless cells least squares and maximum likelihood agree."""
    return plan.but(outcome=replace(plan.outcome, model="conditional")) if plan.outcome.is_by_likelihood else plan


def _endless(plan: Plan) -> float:
    """A size so large that what shrinks with it is 1e-10 of what does not, and no larger: rounding stays harmless."""
    parts = plan.components
    shrinking = float(np.max(cell_model(plan, size=1.0).noise)) + max(parts.psi2, 0.0)
    passing = parts.gamma2 + parts.tau2 * (1 - parts.r)
    if passing > 1e-12 * shrinking:
        return max(1e3, 1e10 * shrinking / passing)
    if parts.eta2 > 1e-12 * shrinking:
        # what is known stays finite while the blocks it is the difference of grow: more digits are lost than won
        return max(1e3, 1e5 * shrinking / parts.eta2)
    return max(1e3, 1e10 * shrinking / parts.tau2) if parts.tau2 > 1e-12 * shrinking else 1e12


def degrees_for_solving(plan: Plan) -> float | None:
    if plan.inference.uses_t and plan.inference.df_rule == "satterthwaite" and plan.inference.df is None:
        raise CaseRefused("inference.df_rule", "satterthwaite degrees of freedom depend on the size that is asked for")
    return degrees(plan)


def clusters_for(plan: Plan, target: float, most: int = 100_000) -> tuple[int, Answer] | None:
    """Smallest number of copies of the whole layout that reaches the target: (copies, its answer), or None.

    The information of c copies is c times that of one; degrees of freedom are taken again at every c.
    """
    one = variance(plan)
    at_null = null_variance(plan)

    def answer(copies: int) -> Answer:
        test = plan.inference
        df = None
        if test.uses_t:
            larger = Design(np.tile(plan.design.x, (copies, 1)), crossover=plan.design.crossover)
            df = (
                test.df
                if test.df is not None
                else degrees_of_freedom(larger, str(test.df_rule), time_model=plan.time_model)
            )
        return answer_of(plan, one / copies, df, None if at_null is None else at_null / copies)

    high = 1
    while answer(high).power < target:
        high *= 2
        if high > most:
            return None
    low = high // 2
    while high - low > 1:
        middle = (high + low) // 2
        low, high = (low, middle) if answer(middle).power >= target else (middle, high)
    return high, answer(high)


@dataclass(frozen=True)
class Scanned:
    """One number of sequences: clusters, periods and what that trial finds."""

    sequences: int
    clusters: int
    periods: int
    answer: Answer


def sequences_for(plan: Plan, target: float, most: int = 60) -> tuple[Scanned | None, tuple[Scanned, ...]]:
    """Smallest number of sequences that reaches the target, with the clusters of each sequence as planned: (it, scan).

    Every number from two on is looked at: with decay, power need not grow by a rule that bisection could trust. The
    scan ends at the answer; the answer is None when `most` sequences do not reach the target.
    """
    each = _clusters_of_each_sequence(plan)
    scan = []
    for sequences in range(2, most + 1):
        found = _scanned(plan, [each] * sequences)
        if found is None:
            continue
        scan.append(found)
        if found.answer.power >= target:
            return found, tuple(scan)
    return None, tuple(scan)


def steps_of_the_same_clusters(plan: Plan) -> tuple[Scanned, ...]:
    """The same clusters in more or fewer sequences, as evenly as they go: every number from two to one a cluster."""
    _clusters_of_each_sequence(plan)
    clusters, found = plan.design.cluster_count, []
    for sequences in range(2, min(clusters, 60) + 1):
        short, longer = divmod(clusters, sequences)
        one = _scanned(plan, [short + (s < longer) for s in range(sequences)])
        if one is not None:
            found.append(one)
    return tuple(found)


def _clusters_of_each_sequence(plan: Plan) -> int:
    design = plan.design
    counts = set(design.clusters_per_sequence)
    classic = stepped_wedge(design.clusters_per_sequence)
    refuse_unless(
        len(counts) == 1 and classic.x.shape == design.x.shape and np.array_equal(classic.x, design.x),
        "request",
        "sequences are scanned for a classic wedge with the same number of clusters in each",
    )
    refuse_unless(isinstance(plan.size, float), "size", "a scan over sequences needs one size for all cells")
    control = plan.effect.control
    refuse_unless(
        not isinstance(control, tuple) or len(set(control)) == 1,
        "effect",
        "a scan over sequences needs one level under control for all periods",
    )
    return counts.pop()


def _scanned(plan: Plan, counts: list[int]) -> Scanned | None:
    """None where the degrees of freedom that were asked for are not defined for so few."""
    control = plan.effect.control
    effect = replace(plan.effect, control=control[0]) if isinstance(control, tuple) else plan.effect
    design = stepped_wedge(counts)
    try:
        answer = power(plan.but(design=design, effect=effect))
    except CaseRefused as problem:
        if problem.path == "inference.df_rule":
            return None
        raise
    return Scanned(len(counts), design.cluster_count, design.period_count, answer)
