"""Randomisation inference over exactly the allocations that could have been drawn, intervals by inversion.

Statistics: the two-way least-squares effect, or the within-period contrast (Thompson et al. 2018) with weights
n1 n0/(n1 + n0). Both are linear in the outcome, T(y - theta x) = T(y) - theta T(x), so each allocation is at least as
extreme as the observed one on one interval of theta, and the test inverts exactly by sorting their ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from stepped_wedge.analysis.returns import Returns
from stepped_wedge.crews import ALONE, Crew, slices
from stepped_wedge.refusals import refuse_unless

STATISTICS = ("two-way", "within-period")
ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class RandomisationTest:
    """estimate: the statistic as observed. p: two-sided, the share of allocations at least as extreme."""

    statistic: str
    estimate: float
    p: float
    interval: tuple[float, float]
    allocations: int
    alpha: float
    values: np.ndarray

    @property
    def smallest_p(self) -> float:
        return 1 / self.allocations


def randomisation_test(
    returns: Returns,
    rows: np.ndarray,
    observed: Sequence[int] | np.ndarray,
    allocations: np.ndarray,
    *,
    statistic: str = "two-way",
    null: float = 0.0,
    alpha: float = 0.05,
    chunk: int = 20_000,
    crew: Crew = ALONE,
) -> RandomisationTest:
    """Test theta = null and invert.

    rows: S x T, the layout of each sequence. observed: the sequence each cluster had. allocations: N x I, all that
    could have been drawn, the observed one among them. Cells without a return stay lost under every allocation.
    """
    refuse_unless(statistic in STATISTICS, "permutation.statistic", f"must be one of {', '.join(STATISTICS)}")
    own = np.asarray(observed)
    clusters = returns.design.cluster_count
    refuse_unless(allocations.shape[1] == clusters == len(own), "permutation.allocations", "must place every cluster")
    refuse_unless(rows.shape[1] == returns.design.period_count, "permutation.rows", "must cover every period")
    place = np.flatnonzero((allocations == own).all(1))
    refuse_unless(
        len(place), "permutation.allocations", "the allocation as drawn is not among those that could be drawn"
    )
    whole = bool(returns.observed.all()) and not np.isnan(rows).any()
    x_own = rows[own]
    y = np.where(returns.observed, returns.mean, 0.0)
    if whole:
        values, slopes = _looked_up(rows, allocations, statistic, np.stack([y, x_own]), own)
    else:
        refuse_unless(
            statistic == "two-way",
            "permutation.statistic",
            "with lost cells or transition periods the two-way statistic is offered",
        )
        values, slopes = _solved(rows, allocations, returns.observed, y, np.nan_to_num(x_own), chunk, crew)
    estimate = float(values[place[0]])
    slopes = np.where((allocations == own).all(1), 1.0, slopes)
    distance = np.abs(values - null * slopes)
    scale = ROUNDING * max(1e-300, float(np.abs(distance).max()))
    p = float((distance >= abs(estimate - null) - scale).mean())
    interval = _inverted(values, slopes, estimate, alpha)
    return RandomisationTest(statistic, estimate, p, interval, len(allocations), alpha, values)


def _looked_up(
    rows: np.ndarray, allocations: np.ndarray, statistic: str, columns: np.ndarray, own: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Complete data: the statistic is a sum of one looked-up number a cluster, the same scale for all allocations."""
    x = rows[own]
    if statistic == "two-way":
        centred = x - x.mean(0) - x.mean(1, keepdims=True) + x.mean()
        ss = float((centred**2).sum())
        refuse_unless(ss > 1e-12, "data", "the effect is not identified beside cluster and period effects")
        c = (
            columns
            - columns.mean(1, keepdims=True)
            - columns.mean(2, keepdims=True)
            + columns.mean((1, 2), keepdims=True)
        )
        table = np.einsum("kij,sj->kis", c, rows) / ss
    else:
        refuse_unless(np.isin(rows, (0, 1)).all(), "permutation.statistic", "within-period needs cells of 0 or 1")
        treated = x.sum(0)
        control = len(x) - treated
        usable = (treated > 0) & (control > 0)
        refuse_unless(usable.any(), "data", "no period has clusters under both conditions")
        with np.errstate(divide="ignore", invalid="ignore"):
            weight = np.where(usable, treated * control / (treated + control), 0.0)
            weight = weight / weight.sum()
            up = np.where(usable, weight / treated, 0.0)
            down = np.where(usable, weight / control, 0.0)
        table = np.einsum("kij,sj->kis", columns, rows * up - (1 - rows) * down)
    found = np.zeros((len(columns), len(allocations)))
    for i in range(allocations.shape[1]):
        found += table[:, i, :][:, allocations[:, i]]
    return found[0], found[1]


def _solved(
    rows: np.ndarray,
    allocations: np.ndarray,
    returned: np.ndarray,
    y: np.ndarray,
    x_own: np.ndarray,
    chunk: int,
    crew: Crew,
) -> tuple[np.ndarray, np.ndarray]:
    """Lost or unobserved cells: every allocation is fitted, in batches, with its own pattern of cells."""
    parts = [allocations[part] for part in slices(len(allocations), chunk)]
    found = crew.each("orders fitted", partial(_solved_part, rows, returned, y, x_own), parts)
    values, slopes = (np.concatenate(each) for each in zip(*found, strict=True))
    return values, slopes


def _solved_part(
    rows: np.ndarray, returned: np.ndarray, y: np.ndarray, x_own: np.ndarray, part: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    x = rows[part]
    mask = returned[None] & ~np.isnan(x)
    pure = _residual(np.where(mask, x, 0.0), mask.astype(float))
    ss = (pure * np.nan_to_num(x)).sum((1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        return (
            np.where(ss > 1e-10, (pure * y).sum((1, 2)) / ss, 0.0),
            np.where(ss > 1e-10, (pure * x_own).sum((1, 2)) / ss, 0.0),
        )


def _residual(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """x after cluster and period effects over the cells of each mask (N x I x T)."""
    in_row = np.maximum(mask.sum(2, keepdims=True), 1)
    centred = (x - x.sum(2, keepdims=True) / in_row) * mask
    share = mask / in_row
    gram = -np.einsum("nij,nik->njk", mask, share)
    steps = np.arange(mask.shape[2])
    gram[:, steps, steps] += mask.sum(1)
    # the constant is in both sets of effects: one period is pinned
    gram[:, -1, :] = 0
    gram[:, :, -1] = 0
    gram[:, -1, -1] = 1
    empty = np.einsum("njj->nj", gram) <= 1e-12
    gram[:, steps, steps] += empty
    target = centred.sum(1)
    target[:, -1] = 0
    try:
        trend = np.linalg.solve(gram, target[:, :, None])[:, :, 0]
    except np.linalg.LinAlgError:  # lost cells can cut the table in two: any solution gives the same residuals
        trend = (np.linalg.pinv(gram, hermitian=True) @ target[:, :, None])[:, :, 0]
    fitted = mask * trend[:, None, :]
    return centred - (fitted - fitted.sum(2, keepdims=True) / in_row * mask)


def _inverted(values: np.ndarray, slopes: np.ndarray, estimate: float, alpha: float) -> tuple[float, float]:
    """All theta with p > alpha, as the interval around the estimate.

    |T - theta c| >= |estimate - theta| holds between its two roots where |c| < 1, outside them where |c| > 1, and
    everywhere where |c| = 1.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        one, two = (estimate - values) / (1 - slopes), (estimate + values) / (1 + slopes)
    low, high = np.minimum(one, two), np.maximum(one, two)
    always = np.abs(np.abs(slopes) - 1) < ROUNDING
    inside, outside = ~always & (np.abs(slopes) < 1), ~always & (np.abs(slopes) > 1)
    needed = alpha * len(values) + ROUNDING
    bounds = []
    for sign in (-1.0, 1.0):
        # walking away from the estimate an inside allocation stops counting at its end, an outside one starts again
        end = (high if sign > 0 else low)[inside]
        far_low, far_high = (low[outside], high[outside]) if sign > 0 else (high[outside], low[outside])
        stops = np.concatenate([end, far_low[(far_low - estimate) * sign >= 0]])
        starts = far_high[(far_high - estimate) * sign > 0]
        points = np.concatenate([stops, starts])
        change = np.concatenate([-np.ones(len(stops)), np.ones(len(starts))])
        order = np.argsort(points * sign, kind="stable")
        count = always.sum() + inside.sum() + outside.sum() + np.cumsum(change[order])
        below = np.flatnonzero(count <= needed)
        bounds.append(float(points[order][below[0]]) if len(below) else sign * float("inf"))
    return bounds[0], bounds[1]
