"""Power as a curve over one assumption, and as a grid over several: many covariances in one batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

import numpy as np

from stepped_wedge.designs import Design, refuse_unless_identified
from stepped_wedge.power import (
    Plan,
    degrees,
    degrees_for_solving,
    power,
    power_at_size,
    power_given,
    variance,
)
from stepped_wedge.precision import NOT_POSITIVE
from stepped_wedge.references import power_of_test
from stepped_wedge.refusals import CaseRefused, refuse_unless


def informations(design: Design, parts: dict[str, np.ndarray]) -> np.ndarray:
    """Information for K covariances at once: complete design, equal sizes, no random intervention effect.

    parts: arrays of length K: tau2, gamma2, psi2, noise (residual/size), size, r, r_person.
    """
    refuse_unless_identified(design)
    length = design.period_count
    steps = np.arange(length)
    gap = np.abs(steps[:, None] - steps)

    def shape(of: np.ndarray, name: str) -> np.ndarray:
        base = parts[name]
        if (base == 1).all():
            return np.broadcast_to(of[:, None, None], (len(of), length, length)).copy()
        return of[:, None, None] * np.power(base[:, None, None], gap)

    v = shape(parts["tau2"], "r")
    if parts["psi2"].any():
        v += shape(parts["psi2"] / parts["size"], "r_person")
    v[:, steps, steps] += (parts["gamma2"] + parts["noise"])[:, None]
    try:
        np.linalg.cholesky(v)
    except np.linalg.LinAlgError as problem:
        raise CaseRefused("correlation", NOT_POSITIVE) from problem
    return np.einsum("kij,ij->k", np.linalg.inv(v), design.contrast)


CURVES = ("size", "effect", "icc", "cac", "r")


def power_curve(plan: Plan, over: str, values: Sequence[float]) -> np.ndarray:
    """Power at each value of size, effect (theta), icc, cac or r; everything else as planned. Length of `values`."""
    refuse_unless(over in CURVES, "over", f"must be one of {', '.join(CURVES)}")
    points = np.asarray(values, dtype=float)
    df = degrees_for_solving(plan) if over != "effect" else degrees(plan)
    if over == "effect":
        return _power_over_effects(plan, points, df)
    if _fits_one_batch(plan):
        known = informations(plan.design, _batch(plan, over, points))
        return np.array([power_of_test(abs(plan.effect.theta) * sqrt(i), plan.inference, df) for i in known])
    return np.array([_power_with(plan, over, float(value), df) for value in points])


def _power_over_effects(plan: Plan, points: np.ndarray, df: float | None) -> np.ndarray:
    depends_on_effect = plan.components.residual is None or plan.outcome.is_marginal
    if depends_on_effect:
        changed = [plan.but(effect=replace(plan.effect, theta=float(theta))) for theta in points]
        return np.array([power(each).power for each in changed])
    se = sqrt(variance(plan))
    return np.array([power_of_test(abs(theta) / se, plan.inference, df) for theta in points])


def _fits_one_batch(plan: Plan) -> bool:
    parts = plan.components
    plain = parts.residual is not None and not plan.outcome.is_on_link_scale and not plan.outcome.is_marginal
    simple = not parts.eta2 and not parts.churn and plan.outcome.variance_rule != "cell_specific"
    equal = plan.size is None or isinstance(plan.size, float)
    return plain and simple and equal and plan.design.is_complete and plan.time_model == "categorical"


def _batch(plan: Plan, over: str, points: np.ndarray) -> dict[str, np.ndarray]:
    parts = plan.components
    ones = np.ones_like(points)
    icc = points if over == "icc" else parts.icc * ones
    cac = points if over == "cac" else parts.cac * ones
    size = points if over == "size" else np.asarray(plan.size, dtype=float) * ones
    within = (1 - icc) * parts.total
    return {
        "tau2": icc * cac * parts.total,
        "gamma2": icc * (1 - cac) * parts.total,
        "psi2": parts.iac * within,
        "noise": (1 - parts.iac) * within * plan.outcome.overdispersion / size,
        "size": size,
        "r": points if over == "r" else parts.r * ones,
        "r_person": parts.r_person * ones,
    }


def _power_with(plan: Plan, over: str, value: float, df: float | None) -> float:
    parts = plan.components
    if over == "size":
        return power_at_size(plan, value, df)
    if over == "r":
        return power_given(plan.but(components=replace(parts, r=value)), df)
    clustered = parts.tau2 + parts.gamma2
    if over == "cac":
        return power_given(
            plan.but(components=replace(parts, tau2=value * clustered, gamma2=(1 - value) * clustered)), df
        )
    refuse_unless(parts.residual is not None, "over", "an ICC curve needs a residual variance on the same scale")
    scale = value * parts.total / clustered if clustered else 0.0
    left = (1 - value) / (1 - parts.icc)
    changed = replace(
        parts,
        tau2=parts.tau2 * scale if clustered else value * parts.total,
        gamma2=parts.gamma2 * scale,
        psi2=parts.psi2 * left,
        residual=float(parts.residual or 0.0) * left,
        cov=0.0 if not parts.cov else parts.cov,
    )
    return power_given(plan.but(components=changed), df)


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """Power over ICC x CAC x structure, with the worst corner named. power: structures by ICCs by CACs."""

    iccs: np.ndarray
    cacs: np.ndarray
    structures: tuple[str, ...]
    power: np.ndarray

    @property
    def worst(self) -> dict[str, Any]:
        where = np.unravel_index(int(np.argmin(self.power)), self.power.shape)
        return {
            "structure": self.structures[where[0]],
            "icc": float(self.iccs[where[1]]),
            "cac": float(self.cacs[where[2]]),
            "power": float(self.power[where]),
        }


STRUCTURES_COMPARED = ("exchangeable", "nested-exchangeable", "discrete-time-decay")


def sensitivity(
    plan: Plan, iccs: Sequence[float], cacs: Sequence[float], structures: Sequence[str] = STRUCTURES_COMPARED
) -> Sensitivity:
    """Power for every ICC, CAC and structure at the plan's total variance.

    Under decay the CAC is the correlation of neighbouring periods; under exchangeable it plays no part.
    """
    refuse_unless(
        _fits_one_batch(plan) and plan.size is not None,
        "sensitivity",
        "the grid needs a complete design, equal sizes and a total variance on the outcome's own scale",
    )
    for name in structures:
        refuse_unless(name in STRUCTURES_COMPARED, "structures", f"must be among {', '.join(STRUCTURES_COMPARED)}")
    rows, columns = np.asarray(iccs, dtype=float), np.asarray(cacs, dtype=float)
    refuse_unless(((rows >= 0) & (rows < 1)).all(), "sensitivity.icc", "every ICC must be at least 0 and below 1")
    refuse_unless(((columns >= 0) & (columns <= 1)).all(), "sensitivity.cac", "every CAC must be between 0 and 1")
    df = degrees_for_solving(plan)
    icc, cac = (each.ravel() for each in np.meshgrid(rows, columns, indexing="ij"))
    parts, total = plan.components, plan.components.total
    flat = np.ones_like(icc)
    batches = []
    for name in structures:
        kept = cac if name == "nested-exchangeable" else flat
        batches.append(
            {
                "tau2": icc * kept * total,
                "gamma2": icc * (1 - kept) * total,
                "psi2": parts.iac * (1 - icc) * total,
                "noise": (1 - parts.iac) * (1 - icc) * total / plan.size,
                "size": flat * plan.size,
                "r": cac if name == "discrete-time-decay" else flat,
                "r_person": parts.r_person * flat,
            }
        )
    known = np.concatenate([informations(plan.design, batch) for batch in batches])
    found = [power_of_test(abs(plan.effect.theta) * sqrt(i), plan.inference, df) for i in known]
    return Sensitivity(rows, columns, tuple(structures), np.reshape(found, (len(structures), len(rows), len(columns))))
