"""Finding the best components: over the logarithms of variance ratios, with exact gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
from scipy.optimize import minimize

from stepped_wedge.analysis.mixed.likelihood import Point, evaluate, slopes_of_ratios
from stepped_wedge.analysis.mixed.structures import CORRELATIONS
from stepped_wedge.analysis.mixed.sums import Problem

type Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]
_RANGES = {"r": (-8.0, 12.0), "rho": (-7.0, 7.0)}
_MIDDLE = {"r": 1.0, "rho": 0.0}


def decoded(names: Sequence[str], u: np.ndarray) -> dict[str, float]:
    """Ratios from free numbers: r by the logistic function, rho by tanh, variances by exp."""
    return {
        n: float(1 / (1 + np.exp(-value)) if n == "r" else np.tanh(value) if n == "rho" else np.exp(value))
        for n, value in zip(names, u, strict=True)
    }


def chain(names: Sequence[str], ratios: Mapping[str, float]) -> np.ndarray:
    """Slopes of the ratios by their free numbers."""
    slopes = {"r": lambda v: v * (1 - v), "rho": lambda v: 1 - v * v}
    return np.array([slopes[n](ratios[n]) if n in slopes else ratios[n] for n in names])


def minimise(problem: Problem, fixed: dict[str, float]) -> tuple[dict[str, float], Point]:
    """Best ratios of the parameters that are not fixed."""
    free = [name for name in problem.names if name not in fixed]
    if not free:
        return fixed, evaluate(problem, fixed)

    def objective(u: np.ndarray) -> tuple[float, np.ndarray]:
        ratios = fixed | decoded(free, u)
        at = evaluate(problem, ratios)
        slope = slopes_of_ratios(problem, ratios, at, at.residual)
        return at.deviance, np.array([slope[n] for n in free]) * chain(free, ratios)

    ratios = fixed | decoded(free, lowest(free, objective))
    return ratios, evaluate(problem, ratios)


def lowest(free: Sequence[str], objective: Objective) -> np.ndarray:
    """Where the objective is least, in the free numbers of `decoded`: coarse grid, quasi-Newton, Newton polish."""
    bounds = [_RANGES.get(n, (-28.0, 12.0)) for n in free]
    best = min(_starts(free), key=lambda u: objective(u)[0])
    found = minimize(
        objective,
        best,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 500},
    )
    return _polish(objective, found.x, bounds)


class HasDeviance(Protocol):
    @property
    def deviance(self) -> float: ...


def without_what_is_zero[At: HasDeviance](
    names: Sequence[str],
    best: Callable[[dict[str, float]], tuple[dict[str, float], At]],
    at_ratios: Callable[[dict[str, float]], At],
) -> tuple[dict[str, float], At, tuple[str, ...]]:
    """(ratios, where they lead, components on the boundary): a component that costs nothing to leave out is zero.

    best: the best ratios where some are fixed. Correlations have no meaning where a variance of theirs is zero.
    """
    ratios, at = best({})
    boundary: list[str] = []
    for name in names:
        if name in CORRELATIONS or (
            ratios[name] > 1e-4 and at_ratios(ratios | {name: 0.0}).deviance > at.deviance + 1e-3
        ):
            continue
        fixed = dict.fromkeys((*boundary, name), 0.0)
        if "r" in ratios and "tau2" in fixed:
            fixed["r"] = 0.0
        if "rho" in ratios and fixed.keys() & {"tau2", "eta2"}:
            fixed["rho"] = 0.0
        without, at_zero = best(fixed)
        if at_zero.deviance <= at.deviance + 1e-7:
            ratios, at = without, at_zero
            boundary.append(name)
    return ratios, at, tuple(boundary)


def _starts(free: Sequence[str]) -> list[np.ndarray]:
    persons = [-1.5, 0.5] if "psi2" in free else [0.0]
    return [
        np.array([person if n == "psi2" else _MIDDLE.get(n, level) for n in free])
        for level in (-9.0, -6.0, -3.0, 0.0)
        for person in persons
    ] + (
        [np.array([{"r": 2.0, "rho": 0.0, "tau2": -3.0, "psi2": -0.5}.get(n, -7.0) for n in free])]
        if "tau2" in free and len(free) > 1
        else []
    )


def _polish(objective: Objective, u: np.ndarray, bounds: list[tuple[float, float]]) -> np.ndarray:
    """A few Newton steps with a differenced gradient, taken only while they help."""
    value, slope = objective(u)
    low, high = np.array(bounds).T
    for _ in range(6):
        step = 1e-5
        rows = []
        for k in range(len(u)):
            moved = u.copy()
            moved[k] += step
            rows.append((objective(moved)[1] - slope) / step)
        curve = (np.array(rows) + np.array(rows).T) / 2
        if np.linalg.eigvalsh(curve).min() <= 1e-10:
            break
        trial = np.clip(u - np.linalg.solve(curve, slope), low, high)
        there, slope_there = objective(trial)
        if not (there <= value + 1e-9 and np.abs(slope_there).max() <= np.abs(slope).max()):
            break
        u, value, slope = trial, there, slope_there
        if np.abs(slope).max() < 1e-10:
            break
    return u
