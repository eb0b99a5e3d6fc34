"""Cell means with cluster and period effects: ordinary least squares, t on the residual degrees of freedom.

Exact under nested exchangeable correlation with equal sizes, whatever the ICC and CAC; the primary analysis for few
large authorities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.special import stdtr, stdtrit

from stepped_wedge.analysis.effects import EffectTerms, effect_terms
from stepped_wedge.analysis.returns import Returns
from stepped_wedge.refusals import refuse_unless

# residuals below this share of the largest cell mean are rounding, not variation
ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Estimate:
    """One estimand: value, standard error, degrees of freedom (inf: normal), two-sided p and interval."""

    value: float
    se: float
    df: float
    alpha: float = 0.05

    @property
    def p(self) -> float:
        return float(2 * stdtr(self.df, -abs(self.value) / self.se)) if self.se else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        wide = float(stdtrit(self.df, 1 - self.alpha / 2)) * self.se
        return self.value - wide, self.value + wide


@dataclass(frozen=True, eq=False)
class TwoWay:
    """A two-way fit. covariance: of the effect coefficients. periods: period effects, the first period is 0."""

    terms: EffectTerms
    coefficients: np.ndarray
    covariance: np.ndarray
    df: int
    residual_variance: float
    periods: np.ndarray

    def estimate(self, estimand: str | Sequence[float] = "average", alpha: float = 0.05) -> Estimate:
        c = self.terms.contrast(estimand)
        return Estimate(float(c @ self.coefficients), sqrt(float(c @ self.covariance @ c)), float(self.df), alpha)


def fit_two_way(returns: Returns, effect: str = "single", *, weighted: bool = False) -> TwoWay:
    """Least squares of the cell means on clusters, periods and the effect, weighted by n on request."""
    design, seen = returns.design, returns.observed
    terms = effect_terms(design, effect)
    clusters, periods = design.x.shape
    rows, columns = np.nonzero(seen)
    fixed = np.hstack([np.eye(clusters)[rows], np.eye(periods)[columns][:, 1:], terms.columns[seen]])
    rank = np.linalg.matrix_rank(fixed)
    refuse_unless(rank == fixed.shape[1], "data", "the effect is not identified beside cluster and period effects")
    df = len(rows) - rank
    refuse_unless(df > 0, "data", "no residual degrees of freedom are left")
    weight = returns.n[seen] if weighted else np.ones(len(rows))
    y = returns.mean[seen]
    cross = (fixed.T * weight) @ fixed
    beta = np.linalg.solve(cross, fixed.T @ (weight * y))
    residual = y - fixed @ beta
    variance = float(weight @ residual**2) / df
    refuse_unless(
        np.abs(residual).max() > ROUNDING * np.abs(y).max(),
        "data",
        "cluster, period and effect account for every cell mean to the last digit: no error is left to test against",
    )
    wanted = terms.columns.shape[2]
    covariance = variance * np.linalg.inv(cross)[-wanted:, -wanted:]
    trend = np.concatenate([[0.0], beta[clusters : clusters + periods - 1]])
    return TwoWay(terms, beta[-wanted:], covariance, df, variance, trend)
