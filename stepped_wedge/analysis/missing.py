"""What the result would be if the returns that were lost lay elsewhere than expected.

An analysis of the cells that came back is the analysis of the whole table with each lost cell at its expectation given
the others (missing at random). An estimate is linear in the cells, so if lost cell l lies d_l off its expectation the
estimate moves by sum of w_l d_l, with w_l its weight in the whole table, and its standard error stays (delta
adjustment in a pattern-mixture model: Little 1993; Cro et al. 2020). The worst plausible case moves every lost cell by
the same number of standard deviations of a cell, each in the direction that moves the estimate the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq

from stepped_wedge.analysis.effects import EffectTerms, effect_terms
from stepped_wedge.analysis.mixed import MixedFit
from stepped_wedge.analysis.mixed.structures import covariance_of_cells
from stepped_wedge.analysis.returns import Returns
from stepped_wedge.analysis.two_way import Estimate, fit_two_way
from stepped_wedge.designs import Design
from stepped_wedge.refusals import refuse_unless

PLAUSIBLE = 2.0
FARTHEST = 50.0


@dataclass(frozen=True, eq=False)
class Lost:
    """Lost cells of one analysis.

    cells: I x T booleans. treat: their condition. expected: their mean given the others. spread: standard deviation
    of a cell about that. weights: of each lost cell in the estimate from the whole table. In the order of the cells.
    """

    returns: Returns
    design: Design
    cells: np.ndarray
    expected: np.ndarray
    spread: np.ndarray
    weights: np.ndarray
    estimate: Estimate

    def values(self, sds: float) -> np.ndarray:
        """Means of the lost cells when each lies this many standard deviations off, so that a positive number raises the estimate."""
        return self._possible(self.expected + sds * self.spread * np.where(self.weights < 0, -1.0, 1.0))

    def extremes(self, side: int) -> np.ndarray:
        """Each lost cell at the lowest or highest mean that any cell returned, whichever moves the estimate to this side."""
        seen = self.returns.mean[self.returns.observed]
        return np.where(self.weights * side > 0, seen.max(), seen.min())

    def with_values(self, values: np.ndarray) -> Estimate:
        """The estimate when the lost cells have these means."""
        moved = self.estimate.value + float(self.weights @ (values - self.expected))
        return replace(self.estimate, value=moved)

    def filled(self, values: np.ndarray) -> Returns:
        """The table with these means in the lost cells (for randomisation tests; sizes are those of the cluster)."""
        mean, n = self.returns.mean.copy(), self.returns.n.copy()
        mean[self.cells] = values
        n[self.cells] = sizes_of_lost(self.returns, self.cells)
        return replace(self.returns, design=self.design, mean=mean, n=n)

    def tipping_point(self) -> tuple[float, bool] | None:
        """(standard deviations at which the interval first begins, or ceases, to exclude zero; does it exclude zero now).

        The sign is the direction of the estimate. None when no distance up to 50 does it.
        """
        low, high = self.estimate.interval
        excludes = low > 0 or high < 0
        sides = [-1.0 if low > 0 else 1.0] if excludes else [1.0, -1.0]
        reached = [found for side in sides if (found := self._reach(side, excludes)) is not None]
        return (min(reached, key=abs), excludes) if reached else None

    def _reach(self, side: float, excludes: bool) -> float | None:
        def room(sds: float) -> float:
            """Distance of the end of the interval that is followed from zero: it changes sign at the tipping point."""
            low, high = self.with_values(self.values(side * sds)).interval
            leading = (low if side < 0 else high) if excludes else (high if side < 0 else low)
            return leading * side

        if room(FARTHEST) <= 0 or room(0.0) > 0:
            return None
        return side * float(brentq(room, 0.0, FARTHEST, xtol=1e-6))

    def _possible(self, values: np.ndarray) -> np.ndarray:
        return np.clip(values, 0.0, 1.0) if self.returns.kind == "shares" else values


def sizes_of_lost(returns: Returns, cells: np.ndarray) -> np.ndarray:
    """People expected in lost cells: the mean of the cells that their cluster returned."""
    usual = np.where(returns.observed, returns.n, 0.0).sum(1) / np.maximum(returns.observed.sum(1), 1)
    return usual[np.nonzero(cells)[0]]


def lost_cells(returns: Returns, planned: np.ndarray) -> tuple[Design, np.ndarray]:
    """(the whole design, which of its cells were lost). planned: I x T, nan where no return was to come."""
    cells = ~returns.observed & ~np.isnan(planned)
    x = np.where(returns.observed, returns.design.x, planned)
    return replace(returns.design, x=x, sequence=None, starts=None, crossover=True), cells


def lost_in_two_way(
    returns: Returns,
    planned: np.ndarray,
    effect: str = "single",
    estimand: str | Sequence[float] = "average",
    alpha: float = 0.05,
) -> Lost:
    """For the analysis of cell means with cluster and period effects; the spread is its residual standard deviation."""
    design, cells = lost_cells(returns, planned)
    terms = _same_terms(returns, design, effect)
    clusters, periods = design.x.shape
    grid = np.indices(design.x.shape)
    fixed = np.concatenate([np.eye(clusters)[grid[0]], np.eye(periods)[grid[1]][:, :, 1:], terms.columns], axis=2)
    whole = fixed[returns.observed | cells]
    seen = fixed[returns.observed]
    beta = np.linalg.lstsq(seen, returns.mean[returns.observed], rcond=None)[0]
    c = np.concatenate([np.zeros(fixed.shape[2] - terms.columns.shape[2]), terms.contrast(estimand)])
    weights = np.zeros(design.x.shape)
    weights[returns.observed | cells] = c @ np.linalg.pinv(whole)
    fit = fit_two_way(returns, effect)
    spread = np.full(int(cells.sum()), np.sqrt(fit.residual_variance))
    return Lost(returns, design, cells, fixed[cells] @ beta, spread, weights[cells], fit.estimate(estimand, alpha))


def lost_in_mixed(
    fit: MixedFit, returns: Returns, planned: np.ndarray, effect: str, estimand: str | Sequence[float], found: Estimate
) -> Lost:
    """For a linear mixed model of people seen once; the spread is that of a cell given all the others of its cluster."""
    design, cells = lost_cells(returns, planned)
    terms = _same_terms(returns, design, effect)
    clusters, periods = design.x.shape
    f = np.concatenate([np.broadcast_to(np.eye(periods), (clusters, periods, periods)), terms.columns], axis=2)
    n = np.where(returns.observed, returns.n, 1.0)
    n[cells] = sizes_of_lost(returns, cells)
    known = {name: fit.components[name] for name in fit.problem.names}
    v = np.broadcast_to(
        covariance_of_cells(fit.problem.names, known, design.filled), (clusters, periods, periods)
    ).copy()
    steps = np.arange(periods)
    v[:, steps, steps] += fit.components["residual"] / n
    used = returns.observed | cells
    gram, pulls = np.zeros((f.shape[2], f.shape[2])), []
    for i in range(clusters):
        here = np.flatnonzero(used[i])
        pulled = np.linalg.solve(v[i][np.ix_(here, here)], f[i][here])
        gram += f[i][here].T @ pulled
        pulls.append((here, pulled))
    reach = np.linalg.solve(gram, fit.full_contrast(estimand))
    weights, expected, spread = np.zeros_like(n), np.zeros_like(n), np.zeros_like(n)
    for i, (here, pulled) in enumerate(pulls):
        weights[i, here] = pulled @ reach
        gone, seen = np.flatnonzero(cells[i]), np.flatnonzero(returns.observed[i])
        share = np.linalg.solve(v[i][np.ix_(seen, seen)], v[i][np.ix_(seen, gone)])
        left = returns.mean[i, seen] - f[i][seen] @ fit.beta
        expected[i, gone] = f[i][gone] @ fit.beta + share.T @ left
        spread[i, gone] = np.sqrt(np.diag(v[i][np.ix_(gone, gone)] - share.T @ v[i][np.ix_(seen, gone)]))
    return Lost(returns, design, cells, expected[cells], spread[cells], weights[cells], found)


def _same_terms(returns: Returns, design: Design, effect: str) -> EffectTerms:
    terms, seen = effect_terms(design, effect), effect_terms(returns.design, effect)
    refuse_unless(
        effect == "single" or terms.levels == seen.levels,
        "missing_returns",
        "a time since the switch lies in lost cells only, so nothing can be expected of them",
    )
    return terms
