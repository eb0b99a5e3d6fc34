"""Power as a curve over one assumption, and as a grid over several: many covariances in one batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import sqrt
from typing import Any

import numpy as np

from stepped_wedge.correlations import Components
from stepped_wedge.crews import ALONE, Crew
from stepped_wedge.designs import Design, refuse_unless_identified, switched_late
from stepped_wedge.power import (
    Plan,
    degrees,
    power,
    power_at_size,
    power_given,
    variance,
)
from stepped_wedge.precision import NOT_POSITIVE, CellModel, information
from stepped_wedge.references import power_of_test
from stepped_wedge.refusals import CaseRefused, refuse_unless
from stepped_wedge.solving import degrees_for_solving
from stepped_wedge.spreads import uncertain_sizes


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
    """Power over ICC x CAC x structure, with the worst corner named. power: structures by ICCs by CACs.

    size_cv: coefficient of variation of the sizes of clusters. late: clusters that switch a period late. Where either
    is not zero, power is a mean over ways in which that can come about.
    """

    iccs: np.ndarray
    cacs: np.ndarray
    structures: tuple[str, ...]
    power: np.ndarray
    size_cv: float = 0.0
    late: int = 0

    @property
    def worst(self) -> dict[str, Any]:
        where = np.unravel_index(int(np.argmin(self.power)), self.power.shape)
        further = {"size_cv": self.size_cv, "late": self.late} if self.size_cv or self.late else {}
        return {
            "structure": self.structures[where[0]],
            "icc": float(self.iccs[where[1]]),
            "cac": float(self.cacs[where[2]]),
            **further,
            "power": float(self.power[where]),
        }


STRUCTURES_COMPARED = ("exchangeable", "nested-exchangeable", "discrete-time-decay")
WAYS, SEED = 30, 1


def sensitivity(
    plan: Plan,
    iccs: Sequence[float],
    cacs: Sequence[float],
    structures: Sequence[str] = STRUCTURES_COMPARED,
    *,
    size_cv: float = 0.0,
    late: int = 0,
    crew: Crew = ALONE,
) -> Sensitivity:
    """Power for every ICC, CAC and structure at the plan's total variance.

    Under decay the CAC is the correlation of neighbouring periods; under exchangeable it plays no part. With unequal
    sizes or late switches the same 30 ways are met by every corner of the grid.
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
    batches = [_corners(plan, name, icc, cac) for name in structures]
    if size_cv or late:
        found = _over_ways(plan, batches, _ways(plan, size_cv, late), df, crew)
    else:
        known = np.concatenate([informations(plan.design, batch) for batch in batches])
        found = [power_of_test(abs(plan.effect.theta) * sqrt(i), plan.inference, df) for i in known]
    shape = (len(structures), len(rows), len(columns))
    return Sensitivity(rows, columns, tuple(structures), np.reshape(found, shape), size_cv, late)


def _corners(plan: Plan, name: str, icc: np.ndarray, cac: np.ndarray) -> dict[str, np.ndarray]:
    parts, total, flat = plan.components, plan.components.total, np.ones_like(icc)
    kept = cac if name == "nested-exchangeable" else flat
    size = np.asarray(plan.size, dtype=float) * flat
    return {
        "tau2": icc * kept * total,
        "gamma2": icc * (1 - kept) * total,
        "psi2": parts.iac * (1 - icc) * total,
        "noise": (1 - parts.iac) * (1 - icc) * total * plan.outcome.overdispersion / size,
        "size": size,
        "r": cac if name == "discrete-time-decay" else flat,
        "r_person": parts.r_person * flat,
    }


type Way = tuple[Design, float | np.ndarray]


def _ways(plan: Plan, size_cv: float, late: int) -> list[Way]:
    """Designs and sizes: the same for every corner, so that corners differ by their correlations only."""
    design, generator = plan.design, np.random.default_rng(SEED)
    switching = np.flatnonzero(design.switch < design.period_count)
    refuse_unless(0 <= size_cv <= 10, "sensitivity.size_cv", "must be from 0 to 10")
    refuse_unless(
        0 <= late <= len(switching), "sensitivity.late", f"must be from 0 to {len(switching)} clusters that switch"
    )
    found = []
    for _ in range(WAYS):
        layout = switched_late(design, generator.permutation(switching)[:late].tolist()) if late else design
        refuse_unless_identified(layout)
        size: float | np.ndarray = float(np.asarray(plan.size))
        if size_cv:
            drawn = uncertain_sizes(float(size), size_cv, (design.cluster_count, 1), generator)
            size = np.repeat(drawn, design.period_count, axis=1)
        found.append((layout, size))
    return found


def _over_ways(
    plan: Plan, batches: list[dict[str, np.ndarray]], ways: list[Way], df: float | None, crew: Crew
) -> list[float]:
    spread = [
        Components(
            tau2=batch["tau2"][k],
            gamma2=batch["gamma2"][k],
            psi2=batch["psi2"][k],
            residual=batch["noise"][k] * batch["size"][k],
            r=batch["r"][k],
            r_person=batch["r_person"][k],
        )
        for batch in batches
        for k in range(len(batch["tau2"]))
    ]
    return crew.each("corners of the grid", partial(_mean_over_ways, plan, ways, df), spread)


def _mean_over_ways(plan: Plan, ways: list[Way], df: float | None, parts: Components) -> float:
    theta, noise = abs(plan.effect.theta), float(parts.residual or 0.0)
    known = (information(design, CellModel(parts, size, noise / size)) for design, size in ways)
    return float(np.mean([power_of_test(theta * sqrt(i), plan.inference, df) for i in known]))
