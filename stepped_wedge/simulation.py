"""Simulated trials: a check on formulas, and size and coverage of analyses under a stated truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import sqrt

import numpy as np
from scipy.special import expit, ndtri, stdtrit

from stepped_wedge.analysis.returns import Returns, returns_of
from stepped_wedge.crews import ALONE, Crew, slices
from stepped_wedge.designs import Design
from stepped_wedge.outcomes import from_link
from stepped_wedge.power import Plan, cell_model, degrees, variance
from stepped_wedge.precision import CellModel, cell_weights, covariance_blocks
from stepped_wedge.references import two_way_residual
from stepped_wedge.refusals import refuse_unless


@dataclass(frozen=True)
class Rate:
    """A share of simulated trials and its Monte Carlo standard error."""

    share: float
    trials: int

    @property
    def standard_error(self) -> float:
        return sqrt(max(self.share * (1 - self.share), 1e-12) / self.trials)


def cell_means(
    design: Design,
    model: CellModel,
    trials: int,
    generator: np.random.Generator,
    *,
    effects: float | Sequence[float] = 0.0,
    trend: Sequence[float] | float = 0.0,
) -> np.ndarray:
    """trials x I x T simulated cell means. effects: one number, or one for each time since the switch."""
    factors = np.linalg.cholesky(covariance_blocks(design, model))
    noise = generator.standard_normal((trials, *design.x.shape))
    return np.einsum("ijk,nik->nij", factors, noise) + mean_of_cells(design, effects, trend)


def mean_of_cells(design: Design, effects: float | Sequence[float], trend: Sequence[float] | float = 0.0) -> np.ndarray:
    """I x T expected values: trend by period plus the effect at each exposure time."""
    level = np.broadcast_to(np.asarray(trend, dtype=float), (design.period_count,))
    if isinstance(effects, int | float):
        return level + effects * design.filled
    curve = np.concatenate([[0.0], np.asarray(effects, dtype=float)])
    refuse_unless(design.exposure.max() < len(curve), "effects", "needs a value for every time since the switch")
    return level + curve[design.exposure] * design.filled


def two_way_tests(design: Design, means: np.ndarray, alpha: float = 0.05) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(estimates, half-widths of intervals, rejections) of the two-way analysis of every simulated trial at once."""
    refuse_unless(design.is_complete, "design.x", "needs a complete design")
    x = design.x - design.x.mean(0) - design.x.mean(1, keepdims=True) + design.x.mean()
    ss = (x**2).sum()
    y = means - means.mean(1, keepdims=True) - means.mean(2, keepdims=True) + means.mean((1, 2), keepdims=True)
    estimates = np.einsum("nij,ij->n", y, x) / ss
    df = two_way_residual(design)
    residual = (y**2).sum((1, 2)) - estimates**2 * ss
    half = stdtrit(df, 1 - alpha / 2) * np.sqrt(residual / df / ss)
    return estimates, half, np.abs(estimates) > half


def randomisation_rejections(
    design: Design, means: np.ndarray, allocations: np.ndarray, alpha: float = 0.05, statistic: str = "two-way"
) -> np.ndarray:
    """Rejections of the randomisation test of every simulated trial at once (complete designs)."""
    rows = design.rows_of_sequences()
    if statistic == "two-way":
        y = means - means.mean(1, keepdims=True) - means.mean(2, keepdims=True) + means.mean((1, 2), keepdims=True)
        table = np.einsum("nij,sj->nis", y, rows)
    else:
        treated = design.x.sum(0)
        control = len(design.x) - treated
        weight = np.where((treated > 0) & (control > 0), treated * control, 0.0)
        up = weight / np.maximum(treated, 1)
        down = weight / np.maximum(control, 1)
        table = np.einsum("nij,sj->nis", means, rows * up - (1 - rows) * down)
    values = np.zeros((len(means), len(allocations)))
    for i in range(allocations.shape[1]):
        values += table[:, i, allocations[:, i]]
    own = table[:, np.arange(allocations.shape[1]), design.sequences].sum(1)
    p = (np.abs(values) >= np.abs(own)[:, None] * (1 - 1e-9)).mean(1)
    return p <= alpha + 1e-12


def simulated_power(
    plan: Plan, trials: int, generator: np.random.Generator, chunk: int = 2000, crew: Crew = ALONE
) -> Rate:
    """Share of simulated trials in which the generalised least-squares test of the plan rejects.

    Gaussian cell means with the plan's covariance; for links on the scale of the link. Every chunk has a generator of
    its own, so that the answer does not depend on who does the work.
    """
    df = degrees(plan)
    level = 1 - plan.inference.alpha / 2
    critical = float(ndtri(level) if df is None else stdtrit(df, level)) * sqrt(variance(plan))
    parts = slices(trials, chunk)
    sized = [(part.stop - part.start, each) for part, each in zip(parts, generator.spawn(len(parts)), strict=True)]
    return Rate(sum(crew.each("simulated trials", partial(_rejections, plan, critical), sized)) / trials, trials)


def _rejections(plan: Plan, critical: float, part: tuple[int, np.random.Generator]) -> int:
    model = cell_model(plan)
    means = cell_means(plan.design, model, part[0], part[1], effects=plan.effect.theta)
    weights = cell_weights(plan.design, model, plan.time_model)
    return int((np.abs(np.einsum("nij,ij->n", means, weights)) > critical).sum())


def simulated_returns(
    plan: Plan, generator: np.random.Generator, effects: float | Sequence[float] | None = None
) -> Returns:
    """One simulated trial: events of binary outcomes and counts, means and spreads of continuous ones.

    Cluster and cluster-period effects are drawn on the scale of the model (identity or link).
    """
    design, parts, link = plan.design, plan.components, plan.outcome.link
    shape = design.x.shape
    size = np.broadcast_to(np.asarray(plan.size, dtype=float), shape)
    random_only = CellModel(parts, 1.0, 1e-12)
    control = 0.0 if plan.effect.control is None else plan.effect.control
    eta = cell_means(
        design, random_only, 1, generator, effects=plan.effect.theta if effects is None else effects, trend=control
    )[0]
    if plan.outcome.family == "gaussian":
        spread = float(parts.residual or 0.0)
        mean = eta + generator.standard_normal(shape) * np.sqrt(spread / size)
        within = spread * generator.chisquare(np.maximum(size - 1, 1e-9))
        return returns_of(design, mean, size, within)
    if plan.outcome.family == "binomial":
        p = expit(eta) if link == "logit" else np.clip(np.vectorize(from_link)(eta, link), 1e-6, 1 - 1e-6)
        events = generator.binomial(size.astype(int), p)
        share = events / size
        return returns_of(design, share, size, size * share * (1 - share), kind="shares")
    events = generator.poisson(size * np.exp(eta))
    return returns_of(design, events / size, size, kind="rates")
