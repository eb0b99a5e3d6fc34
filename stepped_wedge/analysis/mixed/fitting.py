"""Linear mixed models by REML or ML, for people seen once and for cohorts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt

import numpy as np

from stepped_wedge.analysis.effects import EffectTerms
from stepped_wedge.analysis.mixed.corrections import kenward_roger, satterthwaite
from stepped_wedge.analysis.mixed.likelihood import evaluate
from stepped_wedge.analysis.mixed.search import minimise, without_what_is_zero
from stepped_wedge.analysis.mixed.structures import CORRELATIONS, STRUCTURES
from stepped_wedge.analysis.mixed.sums import Problem, problem_of
from stepped_wedge.analysis.returns import Returns
from stepped_wedge.analysis.two_way import Estimate
from stepped_wedge.refusals import refuse_unless

DF_METHODS = ("kenward-roger", "satterthwaite", "clusters-minus-2", "between-within", "normal")


@dataclass(frozen=True, eq=False)
class MixedFit:
    """A fitted linear mixed model.

    components: variances (and r, or rho, the correlation of cluster and intervention effects). boundary: components
    that are estimated as zero: the data do not show them. covariance: of all fixed effects (periods first, effects
    last). log_likelihood as lme4 states it.
    """

    terms: EffectTerms
    components: dict[str, float]
    boundary: tuple[str, ...]
    beta: np.ndarray
    covariance: np.ndarray
    log_likelihood: float
    method: str
    structure: str
    problem: Problem = field(repr=False)

    @property
    def icc(self) -> float:
        clustered = self.components.get("tau2", 0.0) + self.components.get("gamma2", 0.0)
        return clustered / (clustered + self.components.get("psi2", 0.0) + self.components["residual"])

    @property
    def cac(self) -> float | None:
        clustered = self.components.get("tau2", 0.0) + self.components.get("gamma2", 0.0)
        return self.components.get("tau2", 0.0) / clustered if clustered else None

    @property
    def iac(self) -> float | None:
        """Correlation of one person's outcomes over time, given the cluster; None where people are seen once."""
        own = self.components.get("psi2")
        return None if own is None else own / (own + self.components["residual"])

    @property
    def periods(self) -> np.ndarray:
        """Means of the periods under control."""
        return self.beta[: -self.terms.columns.shape[2]]

    @property
    def not_estimated(self) -> tuple[str, ...]:
        """What lies on the boundary, and the correlations that have no meaning there."""
        gone = {*self.boundary, *(("rho",) if self.boundary else ()), *(("r",) if "tau2" in self.boundary else ())}
        return tuple(sorted(gone))

    def full_contrast(self, estimand: str | Sequence[float]) -> np.ndarray:
        c = self.terms.contrast(estimand)
        return np.concatenate([np.zeros(len(self.beta) - len(c)), c])

    def estimate(
        self, estimand: str | Sequence[float] = "average", df: str = "kenward-roger", alpha: float = 0.05
    ) -> Estimate:
        """An estimand with the named degrees of freedom; kenward-roger also corrects the standard error."""
        refuse_unless(df in DF_METHODS, "df", f"must be one of {', '.join(DF_METHODS)}")
        c = self.full_contrast(estimand)
        value, covariance, freedom = float(c @ self.beta), self.covariance, float("inf")
        if df == "kenward-roger":
            refuse_unless(self.method == "REML", "df", "kenward-roger needs REML")
            covariance, freedom = kenward_roger(self.problem, self.components, self.not_estimated, c)
        elif df == "satterthwaite":
            freedom = satterthwaite(self.problem, self.components, self.not_estimated, c)
        elif df != "normal":
            clusters = self.problem.y.shape[0]
            freedom = clusters - 2 if df == "clusters-minus-2" else clusters - len(self.beta)
            refuse_unless(freedom >= 1, "df", f"{df} degrees of freedom are {freedom}: not defined; use kenward-roger")
        return Estimate(value, sqrt(float(c @ covariance @ c)), float(freedom), alpha)


def fit_mixed(
    returns: Returns, structure: str = "nested-exchangeable", effect: str = "single", *, reml: bool = True
) -> MixedFit:
    """Fit by REML (or ML). Components on the boundary are set to zero and said."""
    refuse_unless(structure in STRUCTURES, "model.correlation", f"must be one of {', '.join(STRUCTURES)}")
    refuse_unless(
        returns.kind != "rates", "method", "a linear mixed model needs individuals, shares or means, not rates"
    )
    return _fitted(*problem_of(returns, effect, STRUCTURES[structure], reml, with_people=False), structure)


def fit_cohort(
    returns: Returns, effect: str = "single", *, structure: str = "nested-exchangeable", reml: bool = True
) -> MixedFit:
    """The same with an effect of every person (psi2); needs the column person_id."""
    refuse_unless(structure in STRUCTURES, "model.correlation", f"must be one of {', '.join(STRUCTURES)}")
    return _fitted(*problem_of(returns, effect, STRUCTURES[structure], reml, with_people=True), f"{structure}+person")


def _fitted(problem: Problem, terms: EffectTerms, structure: str) -> MixedFit:
    ratios, at, boundary = without_what_is_zero(
        problem.names, lambda fixed: minimise(problem, fixed), lambda found: evaluate(problem, found)
    )
    components = {n: (v if n in CORRELATIONS else v * at.residual) for n, v in ratios.items()}
    components["residual"] = at.residual
    return MixedFit(
        terms,
        components,
        boundary,
        at.beta,
        at.phi * at.residual,
        -at.deviance / 2,
        "REML" if problem.reml else "ML",
        structure,
        problem,
    )
