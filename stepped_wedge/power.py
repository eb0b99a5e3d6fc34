"""Variance, power, detectable effects, sizes and curves of one planned trial."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

import numpy as np

from stepped_wedge.correlations import Components
from stepped_wedge.designs import Design, TimeModel, refuse_unless_identified, time_columns
from stepped_wedge.likelihood import likelihood_variance
from stepped_wedge.outcomes import (
    Effect,
    Outcome,
    count_variance,
    linear_predictor,
    marginal_scale,
    proportion_variance,
    working_variance,
)
from stepped_wedge.precision import (
    CellModel,
    covariance_blocks,
    information,
    sums,
)
from stepped_wedge.references import (
    Inference,
    degrees_of_freedom,
    detectable_effect,
    power_of_test,
    refuse_unless_rule_given,
)
from stepped_wedge.refusals import CaseRefused, refuse_unless

MANY_CELLS = 3000
USUAL = Inference()


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything that decides the power of a trial.

    size: individuals a cluster-period: a number, I values, or I x T values; None when it is asked for.
    components.residual None: the outcome's own variance is used.
    """

    design: Design
    outcome: Outcome
    components: Components
    effect: Effect
    size: float | np.ndarray | None = None
    inference: Inference = USUAL
    time_model: TimeModel = "categorical"

    def __post_init__(self) -> None:
        if self.size is not None:
            object.__setattr__(self, "size", _checked_size(self.design, self.size))

    def but(self, **changes: Any) -> Plan:
        """The same plan with some parts changed."""
        return replace(self, **changes)


@dataclass(frozen=True)
class Answer:
    """What a plan can find. mdes80 and mdes90 are on the scale of the effect."""

    variance: float
    power: float
    mdes80: float
    mdes90: float
    df: float | None = None
    variance_null: float | None = None
    power_noncentral_t: float | None = None
    power_central_shift_t: float | None = None
    power_normal_reference: float | None = None

    @property
    def standard_error(self) -> float:
        return sqrt(self.variance)


def _checked_size(design: Design, size: Any) -> float | np.ndarray:
    if isinstance(size, int | float) and not isinstance(size, bool):
        if not 0 < size < float("inf"):
            raise CaseRefused("size", f"must be a number above 0, not {size}")
        return float(size)
    sizes = _table_of_sizes(size)
    if sizes.shape == (design.cluster_count, 1):
        sizes = np.repeat(sizes, design.period_count, axis=1)
    refuse_unless(
        sizes.shape == design.x.shape,
        "size",
        f"needs {design.cluster_count} clusters by {design.period_count} periods, not {' by '.join(map(str, sizes.shape))}",
    )
    needed = sizes[design.observed]
    refuse_unless(np.isfinite(needed).all() and (needed > 0).all(), "size", "an observed cell has no people in it")
    sizes = np.where(design.observed, sizes, 1.0)
    if (needed == needed[0]).all():
        return float(needed[0])
    return sizes


def _table_of_sizes(size: Any) -> np.ndarray:
    if isinstance(size, np.ndarray) and size.dtype == float and size.ndim:
        return size if size.ndim > 1 else size[:, None]
    try:
        return np.array(
            [[np.nan if n is None else n for n in np.atleast_1d(np.asarray(row, dtype=object))] for row in size],
            dtype=float,
        )
    except (TypeError, ValueError) as problem:
        raise CaseRefused(
            "size", "must be a number, one number a cluster, or a table of clusters by periods"
        ) from problem


def cell_model(plan: Plan, *, size: float | np.ndarray | None = None, theta: float | None = None) -> CellModel:
    """The covariance of the cell means of a plan; `theta` replaces the planned effect (0: under the null)."""
    parts, outcome = plan.components, plan.outcome
    m = plan.size if size is None else size
    if m is None:
        raise CaseRefused("size", "a size is needed: individuals in each cluster-period")
    if parts.residual is not None and not outcome.is_on_link_scale and not outcome.is_marginal:
        if outcome.variance_rule != "cell_specific":
            return CellModel(parts, m, parts.residual * outcome.overdispersion / m)
        weight = (1 - parts.icc) * (1 - parts.iac)
        own = proportion_variance(plan.design, outcome, plan.effect) * outcome.overdispersion
        return CellModel(parts, m, own * weight / m)
    if outcome.is_marginal:
        scale = marginal_scale(plan.design, outcome, plan.effect, theta) * sqrt(outcome.overdispersion)
        return CellModel(parts, m, (1.0 if parts.residual is None else parts.residual) / m, scale)
    if outcome.is_on_link_scale:
        work = working_variance(plan.design, outcome, plan.effect, theta) * outcome.overdispersion
        return CellModel(parts, m, work / m)
    if outcome.family == "gaussian":
        raise CaseRefused("outcome.residual_variance", "give the residual or the total variance")
    if outcome.family == "poisson":
        return CellModel(parts, m, count_variance(plan.effect) * outcome.overdispersion / m)
    return CellModel(parts, m, proportion_variance(plan.design, outcome, plan.effect) * outcome.overdispersion / m)


def needs_null_variance(plan: Plan) -> bool:
    """Is the critical value taken from the variance at no effect?"""
    under = plan.inference.variance_under
    if under is None:
        return plan.outcome.is_on_link_scale and plan.outcome.model == "conditional"
    known = ("alternative", "null_for_critical_value_alt_for_power")
    refuse_unless(under in known, "inference.variance_under", f"must be one of {', '.join(known)}")
    return under != "alternative" and (plan.outcome.is_on_link_scale or plan.outcome.is_marginal)


def variance(plan: Plan, *, size: float | np.ndarray | None = None, theta: float | None = None) -> float:
    """Variance of the estimated effect. Refused when the effect is not identified."""
    if plan.outcome.is_by_likelihood:
        return float(_likelihood_variance(plan, size=size, theta=theta)[0, 0])
    known = information(plan.design, cell_model(plan, size=size, theta=theta), plan.time_model)
    if not known > 0:
        raise CaseRefused("design.x", "the effect is not identified in this design")
    return 1 / known


def _likelihood_variance(
    plan: Plan,
    effects: np.ndarray | None = None,
    *,
    size: float | np.ndarray | None = None,
    theta: float | None = None,
) -> np.ndarray:
    parts, outcome = plan.components, plan.outcome
    plain = (parts.gamma2, parts.psi2, parts.eta2, parts.cov, 1 - parts.r) == (0.0, 0.0, 0.0, 0.0, 0.0)
    refuse_unless(plain, "correlation.structure", "conditional-ml has one random effect, that of the cluster")
    refuse_unless(
        outcome.overdispersion == 1, "outcome.overdispersion", "conditional-ml takes its variance from counts"
    )
    m = plan.size if size is None else size
    if m is None:
        raise CaseRefused("size", "a size is needed: individuals in each cluster-period")
    sizes = np.broadcast_to(np.asarray(m, dtype=float), plan.design.x.shape)
    predictor = linear_predictor(plan.design, plan.effect, theta)
    return likelihood_variance(plan.design, sizes, predictor, parts.tau2, plan.time_model, effects)


def degrees(plan: Plan, effects: np.ndarray | None = None, contrast: np.ndarray | None = None) -> float | None:
    """Degrees of freedom of the plan's test; None with the normal reference.

    effects, contrast: I x T x L columns and L weights, where several effects are estimated and summed up.
    """
    asked = plan.inference
    if not asked.uses_t:
        return None
    refuse_unless_rule_given(asked)
    if asked.df is not None:
        refuse_unless(asked.df > 0, "inference.df", "must be above 0")
        return asked.df
    if asked.df_rule == "satterthwaite":
        return planned_satterthwaite(plan, effects, contrast)
    count = 1 if effects is None else effects.shape[2]
    return degrees_of_freedom(plan.design, str(asked.df_rule), count, plan.time_model)


def power(plan: Plan) -> Answer:
    """Variance, power and detectable effects of a plan with a size."""
    df = degrees(plan) if plan.inference.uses_t else None
    return answer_of(plan, variance(plan), df, null_variance(plan))


def null_variance(plan: Plan, size: float | None = None) -> float | None:
    return variance(plan, theta=0.0, size=size) if needs_null_variance(plan) else None


def answer_of(plan: Plan, at_effect: float, df: float | None, at_null: float | None) -> Answer:
    test = plan.inference
    se = sqrt(at_effect)
    stretch = sqrt(at_null / at_effect) if at_null is not None else 1.0
    z = abs(plan.effect.theta) / se
    if df is None:
        return Answer(
            at_effect,
            power_of_test(z, test, None, stretch),
            detectable_effect(se, 0.8, test, None, stretch),
            detectable_effect(se, 0.9, test, None, stretch),
            variance_null=at_null,
        )
    ways = {
        name: power_of_test(z, replace(test, reference=name), df, stretch)
        for name in ("t-noncentral", "t-central-shift", "normal")
    }
    return Answer(
        at_effect,
        ways[test.reference],
        detectable_effect(se, 0.8, test, df, stretch),
        detectable_effect(se, 0.9, test, df, stretch),
        df=df,
        variance_null=at_null,
        power_noncentral_t=ways["t-noncentral"],
        power_central_shift_t=ways["t-central-shift"],
        power_normal_reference=ways["normal"],
    )


def power_at_size(plan: Plan, size: float, df: float | None = None) -> float:
    """Power with the same number of individuals in every cluster-period."""
    v = variance(plan, size=size)
    at_null = null_variance(plan, size)
    stretch = sqrt(at_null / v) if at_null is not None else 1.0
    return power_of_test(abs(plan.effect.theta) / sqrt(v), plan.inference, df, stretch)


def power_given(plan: Plan, df: float | None) -> float:
    return answer_of(plan, variance(plan), df, null_variance(plan)).power


def planned_satterthwaite(plan: Plan, effects: np.ndarray | None = None, contrast: np.ndarray | None = None) -> float:
    """Satterthwaite degrees of freedom at the planned components: 2 Var^2 / Var(Var).

    effects, contrast: I x T x L columns and L weights, where several effects are estimated and summed up.

    The variance of the components is the inverse of the expected REML information from all cell means and, for
    the residual, from the people within cells.
    """
    design, model = plan.design, cell_model(plan)
    refuse_unless(
        plan.components.residual is not None and not plan.outcome.is_on_link_scale,
        "inference.df_rule",
        "planned satterthwaite degrees of freedom need an identity link",
    )
    seen = design.observed.ravel()
    refuse_unless(
        seen.sum() <= MANY_CELLS,
        "inference.df_rule",
        f"satterthwaite at the design is offered up to {MANY_CELLS} cells",
    )
    v = _dense(design, covariance_blocks(design, model))
    slopes = {name: _dense(design, block) for name, block in _slopes(plan).items()}
    z = np.tile(time_columns(design, plan.time_model), (design.cluster_count, 1))
    columns = design.filled[:, :, None] if effects is None else effects
    refuse_unless_identified(design, plan.time_model, effects)
    fixed = np.hstack([z, columns.reshape(len(z), -1)])[seen]
    vi = np.linalg.inv(v)
    vif = vi @ fixed
    asked = np.concatenate([np.zeros(z.shape[1]), np.ones(1) if contrast is None else contrast])
    weights = vif @ np.linalg.solve(fixed.T @ vif, asked)
    p = vi - vif @ np.linalg.solve(fixed.T @ vif, vif.T)
    moved = {name: p @ slope for name, slope in slopes.items()}
    names = list(slopes)
    expected = np.array([[0.5 * np.sum(moved[a] * moved[b].T) for b in names] for a in names])
    people = np.broadcast_to(np.asarray(plan.size, dtype=float), design.x.shape).ravel()[seen]
    spot = names.index("residual")
    if not plan.components.psi2:
        expected[spot, spot] += (people - 1).sum() / (2 * float(plan.components.residual or 0.0) ** 2)
    gradient = np.array([weights @ slopes[name] @ weights for name in names])
    spread = gradient @ np.linalg.pinv(expected, hermitian=True) @ gradient
    return float(2 * (weights @ v @ weights) ** 2 / spread)


def _dense(design: Design, blocks: np.ndarray) -> np.ndarray:
    clusters, periods = design.x.shape
    whole = np.zeros((clusters, periods, clusters, periods))
    whole[np.arange(clusters), :, np.arange(clusters), :] = blocks
    seen = design.observed.ravel()
    return whole.reshape(clusters * periods, -1)[np.ix_(seen, seen)]


def _slopes(plan: Plan) -> dict[str, np.ndarray]:
    """Derivatives of the covariance of cell means with respect to each component that is in the plan."""
    parts, design = plan.components, plan.design
    size: Any = plan.size
    nothing = Components(residual=0.0, r=parts.r, r_person=parts.r_person, churn=parts.churn)
    found = {}
    for name in ("tau2", "gamma2", "psi2", "eta2"):
        if getattr(parts, name):
            found[name] = covariance_blocks(design, CellModel(replace(nothing, **_one(name)), size, 0.0))
    found["residual"] = covariance_blocks(design, CellModel(nothing, size, 1.0 / size))
    return found


def _one(name: str) -> dict[str, Any]:
    return {name: 1.0}


def variance_of_effects(plan: Plan, effects: np.ndarray, theta: float | None = None) -> np.ndarray:
    """L x L variance of several effects (I x T x L columns) estimated together; `theta` 0: under the null."""
    if plan.outcome.is_by_likelihood:
        return _likelihood_variance(plan, effects, theta=theta)
    refuse_unless_identified(plan.design, plan.time_model, effects)
    return np.linalg.inv(information_of_effects(plan, effects, theta))


def information_of_effects(plan: Plan, effects: np.ndarray, theta: float | None = None) -> np.ndarray:
    """L x L information about several effects, time profiled out; singular where they are not all identified."""
    if plan.outcome.is_by_likelihood:
        return np.linalg.inv(_likelihood_variance(plan, effects, theta=theta))
    return sums(plan.design, cell_model(plan, theta=theta), plan.time_model, effects).information()
