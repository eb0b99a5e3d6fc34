"""Power over the ways a trial may turn out: orders, unknown sizes, lost clusters, late switches and missing returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import sqrt

import numpy as np

from stepped_wedge.crews import ALONE, Crew, slices
from stepped_wedge.designs import Design, switched_late, time_columns, without_clusters
from stepped_wedge.power import (
    Plan,
    cell_model,
    degrees,
    power,
    power_given,
)
from stepped_wedge.precision import precision_blocks
from stepped_wedge.references import Inference, power_of_test
from stepped_wedge.refusals import CaseRefused, refuse_unless


@dataclass(frozen=True, eq=False)
class PowerSpread:
    """Power over many ways a trial may turn out. values: one power each."""

    values: np.ndarray

    @property
    def summary(self) -> dict[str, float]:
        v = self.values
        return {
            "count": len(v),
            "min": float(v.min()),
            "p10": float(np.quantile(v, 0.1)),
            "mean": float(v.mean()),
            "max": float(v.max()),
        }


def power_over_allocations(plan: Plan, allocations: np.ndarray, chunk: int = 50_000, crew: Crew = ALONE) -> PowerSpread:
    """Power under each allocation (rows: sequence of every cluster) when sizes stay with their clusters.

    The precision of a cluster does not depend on its sequence, so each allocation costs a sum of looked-up terms.
    """
    design = plan.design
    refuse_unless(allocations.shape[1] == design.cluster_count, "allocations", "must give a sequence to every cluster")
    df = degrees(plan) if plan.inference.uses_t else None
    rows = design.rows_of_sequences()
    if not design.is_complete or plan.components.eta2 or plan.outcome.is_on_link_scale or plan.outcome.is_marginal:
        parts = [allocations[part] for part in slices(len(allocations), 50)]
        return PowerSpread(np.concatenate(crew.each("orders", partial(_powers_reordered, plan, rows, df), parts)))
    blocks = precision_blocks(design, cell_model(plan))
    pulled = np.einsum("ijk,sk->isj", blocks, rows)
    own = np.einsum("isj,sj->is", pulled, rows)
    z = time_columns(design, plan.time_model)
    back = np.linalg.inv(z.T @ blocks.sum(0) @ z)
    work = partial(_powers_looked_up, abs(plan.effect.theta), plan.inference, df, pulled @ z, own, back)
    return PowerSpread(
        np.concatenate(crew.each("orders", work, [allocations[part] for part in slices(len(allocations), chunk)]))
    )


def _powers_looked_up(
    theta: float,
    test: Inference,
    df: float | None,
    pulled: np.ndarray,
    own: np.ndarray,
    back: np.ndarray,
    part: np.ndarray,
) -> np.ndarray:
    cross, known = np.zeros((len(part), pulled.shape[2])), np.zeros(len(part))
    for i in range(len(own)):
        cross += pulled[i, part[:, i]]
        known += own[i, part[:, i]]
    known -= np.einsum("ap,pq,aq->a", cross, back, cross)
    return np.array([power_of_test(theta * sqrt(i), test, df) for i in known])


def _powers_reordered(plan: Plan, rows: np.ndarray, df: float | None, part: np.ndarray) -> np.ndarray:
    crossed = plan.design.crossover
    layouts = (Design(rows[each], sequence=each, crossover=crossed) for each in part)
    return np.array([power_given(plan.but(design=design), df) for design in layouts])


def power_with_uncertain_sizes(
    plan: Plan, mean: float, cv: float, draws: int, generator: np.random.Generator, crew: Crew = ALONE
) -> PowerSpread:
    """Power when cluster sizes are not known yet: gamma-distributed with this mean and coefficient of variation."""
    drawn = uncertain_sizes(mean, cv, (draws, plan.design.cluster_count), generator)
    parts = [drawn[part] for part in slices(draws, 50)]
    return PowerSpread(np.concatenate(crew.each("sizes", partial(_powers_of_sizes, plan), parts)))


def uncertain_sizes(mean: float, cv: float, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """Sizes of at least 1 from a gamma distribution with this mean and coefficient of variation."""
    refuse_unless(0 < cv <= 10 and mean > 0, "size", "the mean size and its coefficient of variation must be above 0")
    return np.maximum(1.0, generator.gamma(1 / cv**2, mean * cv**2, size=shape))


def _powers_of_sizes(plan: Plan, drawn: np.ndarray) -> np.ndarray:
    return np.array([power(plan.but(size=sizes)).power for sizes in drawn])


@dataclass(frozen=True)
class DropOut:
    """Power when some clusters leave; a loss after which the effect is not identified has power nan."""

    lost: tuple[tuple[str, ...], ...]
    power: tuple[float, ...]

    @property
    def worst(self) -> tuple[tuple[str, ...], float]:
        spot = int(np.argmin(np.nan_to_num(np.array(self.power), nan=-1.0)))
        return self.lost[spot], self.power[spot]


def power_after_losing(plan: Plan, groups: Sequence[Sequence[int]]) -> DropOut:
    """Power after each group of clusters (by index) has left the trial."""
    found, names = [], plan.design.cluster_names
    for group in groups:
        keep = np.setdiff1d(np.arange(plan.design.cluster_count), group)
        try:
            smaller = without_clusters(plan.design, group)
            size = plan.size[keep] if isinstance(plan.size, np.ndarray) else plan.size
            found.append(power(plan.but(design=smaller, size=size)).power)
        except CaseRefused:
            found.append(float("nan"))
    return DropOut(tuple(tuple(names[i] for i in group) for group in groups), tuple(found))


def power_when_late(plan: Plan, periods: int = 1) -> tuple[tuple[str, float], ...]:
    """(cluster, power if that cluster alone switches so many periods late); nan where nothing is identified then."""
    found = []
    for i in np.flatnonzero(plan.design.switch < plan.design.period_count):
        try:
            value = power(plan.but(design=switched_late(plan.design, [int(i)], periods))).power
        except CaseRefused:
            value = float("nan")
        found.append((plan.design.cluster_names[i], value))
    return tuple(found)


@dataclass(frozen=True, eq=False)
class PowerToday:
    """Planned power, power by the actual roll-out if every return comes, power by what has come, and what to chase.

    missing: (cluster, period, power with that return alone added), the most useful first.
    """

    planned: float
    if_all_return: float
    today: float | None
    missing: tuple[tuple[str, str, float], ...]
    why_not: str | None = None


def power_today(plan: Plan, actual: Design, returned: np.ndarray) -> PowerToday:
    """Power from the actual roll-out and returns so far.

    actual: the layout as it happened (late switches, lost cells). returned: I x T individuals, 0 or nan where no
    return has come. Cells not returned keep the planned size in the forecast.
    """
    returned = np.nan_to_num(np.asarray(returned, dtype=float))
    refuse_unless(returned.shape == actual.x.shape, "returned", "must be a table of clusters by periods")
    planned_size = np.broadcast_to(np.asarray(plan.size, dtype=float), actual.x.shape)
    size = np.where(returned > 0, returned, planned_size)
    whole = plan.but(design=actual, size=size)
    came = returned > 0
    absent = actual.observed & ~came
    try:
        now, why = power(_restricted(whole, came, size)).power, None
    except CaseRefused as problem:
        now, why = None, problem.reason
    gains = []
    for i, j in np.argwhere(absent):
        with_it = came.copy()
        with_it[i, j] = True
        try:
            gain = power(_restricted(whole, with_it, size)).power
        except CaseRefused:
            gain = float("nan")
        gains.append((actual.cluster_names[i], actual.period_names[j], gain))
    gains.sort(key=lambda row: -np.nan_to_num(row[2], nan=-1.0))
    return PowerToday(power(plan).power, power(whole).power, now, tuple(gains), why)


def _restricted(plan: Plan, keep: np.ndarray, size: np.ndarray) -> Plan:
    x = np.where(keep & plan.design.observed, plan.design.x, np.nan)
    rows, columns = ~np.isnan(x).all(1), ~np.isnan(x).all(0)
    refuse_unless(rows.sum() > 1, "returned", "fewer than two clusters have returned anything")
    design = Design(x[rows][:, columns], crossover=plan.design.crossover)
    control = plan.effect.control
    effect = plan.effect
    if isinstance(control, tuple):
        effect = replace(effect, control=tuple(c for c, kept in zip(control, columns, strict=True) if kept))
    return plan.but(design=design, size=size[rows][:, columns], effect=effect)
