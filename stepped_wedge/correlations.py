"""How outcomes of the same cluster hang together: variances, ICC / CAC / IAC, or three correlations.

Y_ijk = period + effect x_ij + C_i + P_ij + D_i x_ij + S_ik + e_ijk with variances tau2 (cluster), gamma2 (cluster-
period), eta2 (random intervention effect, covariance `cov` with C), psi2 (person), residual.
total = tau2 + gamma2 + psi2 + residual, ICC = (tau2 + gamma2)/total, CAC = tau2/(tau2 + gamma2),
IAC = psi2/(psi2 + residual). Exchangeable: Hussey & Hughes 2007. Nested exchangeable: Hooper et al. 2016, Girling &
Hemming 2016. Discrete-time decay: Kasza et al. 2019. Block exchangeable: Li, Turner & Preisser 2018. Proportional
decay: Li 2020. Open cohort: Kasza, Hooper, Copas & Forbes 2020.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import isfinite, sqrt
from typing import Any

import numpy as np

from stepped_wedge.refusals import CaseRefused, refuse_unless


@dataclass(frozen=True)
class Components:
    """Variance components on the scale of the linear predictor.

    r: correlation of the cluster effect between neighbouring periods (1: it stays the same).
    r_person: the same for a person's effect (retention in an open cohort).
    churn: share of people replaced between periods; a replaced person brings no memory.
    residual may be None when the outcome family fixes it (binomial, poisson).
    Negative gamma2 or psi2 are possible only through `from_correlations`, where the correlations decide.
    """

    tau2: float = 0.0
    gamma2: float = 0.0
    psi2: float = 0.0
    residual: float | None = 1.0
    eta2: float = 0.0
    cov: float = 0.0
    r: float = 1.0
    r_person: float = 1.0
    churn: float = 0.0
    by_correlations: bool = False

    def __post_init__(self) -> None:
        for name in ("tau2", "gamma2", "psi2", "eta2"):
            value = getattr(self, name)
            if not (value >= 0 or (self.by_correlations and name != "eta2")) or not isfinite(value):
                raise CaseRefused(f"correlation.{name}", f"a variance must be a number of at least 0, not {value}")
        for name in ("r", "r_person", "churn"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise CaseRefused(f"correlation.{_KEY.get(name, name)}", f"must be between 0 and 1, not {value}")
        if self.residual is not None and not (self.residual >= 0 and isfinite(self.residual)):
            raise CaseRefused("outcome.residual_variance", f"must be a number of at least 0, not {self.residual}")
        if self.cov and self.cov**2 > self.tau2 * self.eta2 * (1 + 1e-12):
            raise CaseRefused(
                "correlation.cov_te",
                "the covariance of cluster and intervention effects is larger than their variances allow: "
                "the covariance matrix is not positive definite",
            )

    @property
    def total(self) -> float:
        return self.tau2 + self.gamma2 + self.psi2 + (self.residual or 0.0)

    @property
    def icc(self) -> float:
        """Within-period correlation of two people of one cluster."""
        return (self.tau2 + self.gamma2) / self.total if self.total else 0.0

    @property
    def cac(self) -> float:
        """Between-period over within-period correlation; 1 when there is no clustering at all."""
        clustered = self.tau2 + self.gamma2
        return self.tau2 / clustered if clustered else 1.0

    @property
    def iac(self) -> float:
        within = self.psi2 + (self.residual or 0.0)
        return self.psi2 / within if within else 0.0

    @property
    def alphas(self) -> tuple[float, float, float]:
        """Within-period, between-period and same-person correlation."""
        within = self.icc
        between = within * self.cac
        return within, between, between + (1 - within) * self.iac

    def spread_of_clusters(self) -> float:
        """Standard deviation of true cluster-period means, on the outcome's own scale."""
        return sqrt(max(self.tau2 + self.gamma2, 0.0))

    def with_residual(self, residual: float) -> Components:
        return replace(self, residual=residual)


_KEY = {"r_person": "r_ind", "cov": "cov_te"}


def from_ratios(
    *,
    icc: float,
    cac: float = 1.0,
    iac: float = 0.0,
    total: float | None = None,
    residual: float | None = None,
    **rest: Any,
) -> Components:
    """Components from ICC, CAC and IAC and either the total variance or the residual variance."""
    for name, value in (("icc", icc), ("cac", cac), ("iac", iac)):
        refuse_unless(0 <= value <= 1, f"correlation.{name}", f"must be between 0 and 1, not {value}")
    refuse_unless((total is None) != (residual is None), "outcome", "give the total or the residual variance, not both")
    if total is None:
        refuse_unless(icc < 1 and iac < 1, "correlation.icc", "an ICC or IAC of 1 leaves no residual variance")
        total = residual / ((1 - icc) * (1 - iac))  # type: ignore[operator]
    clustered, within = icc * total, (1 - icc) * total
    return Components(
        tau2=cac * clustered, gamma2=(1 - cac) * clustered, psi2=iac * within, residual=(1 - iac) * within, **rest
    )


def from_correlations(
    *, alpha0: float, alpha1: float, alpha2: float, total: float = 1.0, periods: int, size: float | None
) -> Components:
    """Components from within-period, between-period and same-person correlation (Li, Turner & Preisser 2018).

    The four eigenvalues of the correlation matrix of `size` people in `periods` periods must be positive.
    """
    for name, value in (("alpha0", alpha0), ("alpha1", alpha1), ("alpha2", alpha2)):
        refuse_unless(-1 < value < 1, f"correlation.{name}", f"a correlation must be between -1 and 1, not {value}")
    m, t = (1e9 if size is None else size), periods
    eigenvalues = {
        "alpha2": 1 - alpha0 + alpha1 - alpha2,
        "alpha1": 1 - alpha0 - (t - 1) * (alpha1 - alpha2),
        "alpha1 ": 1 + (m - 1) * (alpha0 - alpha1) - alpha2,
        "alpha0": 1 + (m - 1) * alpha0 + (t - 1) * (m - 1) * alpha1 + (t - 1) * alpha2,
    }
    for name, value in eigenvalues.items():
        refuse_unless(
            value > 0,
            f"correlation.{name.strip()}",
            f"the three correlations do not make a positive definite matrix (an eigenvalue is {value:.6g})",
        )
    return Components(
        tau2=total * alpha1,
        gamma2=total * (alpha0 - alpha1),
        psi2=total * (alpha2 - alpha1),
        residual=total * (1 - alpha0 - alpha2 + alpha1),
        by_correlations=True,
    )


@lru_cache(maxsize=64)
def decay(r: float, length: int) -> np.ndarray:
    """T x T matrix r^|j-k|."""
    steps = np.arange(length)
    table = np.ones((length, length)) if r == 1.0 else np.power(float(r), np.abs(steps[:, None] - steps))
    table.setflags(write=False)  # shared between calls
    return table


def icc_of_logit_variance(variance: float) -> float:
    """Latent (logistic) ICC of a between-cluster variance on the logit scale: v / (v + pi^2/3)."""
    return variance / (variance + np.pi**2 / 3)


def logit_variance_from_proportion_icc(icc: float, prevalence: float) -> float:
    """Logit-scale variance of an ICC stated on the proportion scale: first-order, icc / ((1 - icc) p (1 - p)).

    0.010 at 20% prevalence is 0.0631 on the logit scale, a latent ICC of 0.019.
    """
    refuse_unless(0 <= icc < 1, "correlation.icc", f"must be at least 0 and below 1, not {icc}")
    refuse_unless(0 < prevalence < 1, "effect.mu0", "the prevalence must lie strictly between 0 and 1")
    return icc / ((1 - icc) * prevalence * (1 - prevalence))


def proportion_icc_from_logit_variance(variance: float, prevalence: float) -> float:
    """The inverse of `logit_variance_from_proportion_icc`."""
    scaled = variance * prevalence * (1 - prevalence)
    return scaled / (1 + scaled)
