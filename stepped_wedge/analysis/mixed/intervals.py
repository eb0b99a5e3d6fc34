"""Intervals for variance components, ICC, CAC and IAC by profile likelihood (of REML where the fit is REML).

An interval holds the values that cost less than the chi-square point in deviance when everything else is chosen best
(Pinheiro & Bates 2000, chapter 2). A variance of zero is inside when its own cost is less; with few clusters the upper
ends are wide because little is known, and they are infinite (None in JSON) where the data set no bound.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, inf, log, sqrt, tanh

import numpy as np
from scipy.optimize import minimize
from scipy.special import chdtri

from stepped_wedge.analysis.mixed.fitting import MixedFit
from stepped_wedge.analysis.mixed.likelihood import Point, evaluate, slopes_of_ratios
from stepped_wedge.analysis.mixed.search import minimise
from stepped_wedge.analysis.mixed.sums import Problem
from stepped_wedge.refusals import refuse_unless

type Ratios = dict[str, float]
_SHARES = ("r", "icc", "cac", "iac")
_LIMIT = 16.0
_LEAST_START = 0.05  # of its estimate: where a search for a variance begins at the lowest


def profiled_names(fit: MixedFit) -> tuple[str, ...]:
    """What of this fit has an interval: its components, and the correlations that follow from them."""
    names = [*fit.problem.names, "residual", "icc"]
    if {"tau2", "gamma2"} <= set(names):
        names.append("cac")
    if "psi2" in names:
        names.append("iac")
    # a covariance that is not estimated has no profile
    return tuple(n for n in names if n not in fit.not_estimated or n not in ("r", "rho"))


def profile_interval(fit: MixedFit, name: str, alpha: float = 0.05) -> tuple[float, float]:
    """The interval of one component, or of icc, cac or iac; its ends may be 0, 1 or infinite."""
    known = profiled_names(fit)
    refuse_unless(name in known, "components", f"must be one of {', '.join(known)}")
    profile = _Profile(fit, name)
    room = float(chdtri(1, alpha))
    return profile.end(-1, room), profile.end(1, room)


def profile_intervals(fit: MixedFit, alpha: float = 0.05) -> dict[str, tuple[float, float]]:
    """All of them by name."""
    return {name: profile_interval(fit, name, alpha) for name in profiled_names(fit)}


def _to_line(name: str, value: float) -> float:
    if name == "rho":
        return float(np.arctanh(value))
    return log(value / (1 - value)) if name in _SHARES else log(value)


def _from_line(name: str, z: float) -> float:
    if name == "rho":
        return tanh(z)
    return 1 / (1 + exp(-z)) if name in _SHARES else exp(z)


@dataclass(frozen=True)
class _Path:
    """How ratios (and the residual variance, None where the best is taken) follow from free numbers."""

    names: tuple[str, ...]
    build: Callable[[Mapping[str, float]], tuple[Ratios, float | None]]


def _path(problem: Problem, target: str, value: float) -> _Path:
    rest = tuple(n for n in problem.names if n != target)
    if target == "residual":
        return _Path(problem.names, lambda v: (dict(v), value))
    if target == "iac":
        held = {"psi2": value / (1 - value)}
        return _Path(tuple(n for n in rest if n != "psi2"), lambda v: ({**v, **held}, None))
    if target in ("icc", "cac"):
        return _clustered(problem, target, value)
    if target in ("r", "rho"):
        return _Path(rest, lambda v: ({**v, target: value}, None))

    def variance(v: Mapping[str, float]) -> tuple[Ratios, float | None]:
        return {**{n: v[n] for n in rest}, target: value / v["residual"]}, v["residual"]

    return _Path((*rest, "residual"), variance)


def _clustered(problem: Problem, target: str, value: float) -> _Path:
    """Along a fixed ICC or CAC: the clustered variance and its lasting share are the free numbers."""
    others = tuple(n for n in problem.names if n not in ("tau2", "gamma2"))
    nested = "gamma2" in problem.names

    def build(v: Mapping[str, float]) -> tuple[Ratios, float | None]:
        icc_sum = value / (1 - value) * (1 + v.get("psi2", 0.0)) if target == "icc" else v["clustered"]
        cac = value if target == "cac" else v.get("cac", 1.0)
        parts = {"tau2": cac * icc_sum, "gamma2": (1 - cac) * icc_sum} if nested else {"tau2": icc_sum}
        return {**{n: v[n] for n in others}, **parts}, None

    free = ("clustered",) if target == "cac" else (("cac",) if nested else ())
    return _Path((*others, *free), build)


class _Profile:
    """The deviance along one quantity, everything else at its best; remembers where it was."""

    def __init__(self, fit: MixedFit, name: str) -> None:
        self.problem, self.name = fit.problem, name
        self.best = -2 * fit.log_likelihood
        ratios = {n: v for n, v in fit.components.items() if n != "residual"}
        self.estimate = {**fit.components, "icc": fit.icc, "cac": fit.cac or 0.5, "iac": fit.iac or 0.0}[name]
        self.start: dict[str, float] = {
            n: v if n in ("r", "rho") else max(v / fit.components["residual"], 1e-7) for n, v in ratios.items()
        }
        clustered = sum(self.start.get(n, 0.0) for n in ("tau2", "gamma2"))
        self.start |= {
            "residual": fit.components["residual"],
            "clustered": clustered,
            "cac": min(max(self.start.get("tau2", 0.0) / max(clustered, 1e-12), 1e-4), 1 - 1e-4),
        }
        variances = [n for n in self.start if n not in (*_SHARES, "rho", "residual")]
        self.floor = {n: max(_LEAST_START * self.start[n], 1e-6) for n in variances}

    def cost(self, value: float) -> float:
        """How much the deviance rises when the quantity has this value."""
        path = _path(self.problem, self.name, value)
        if not path.names:
            ratios, _ = path.build({})
            return evaluate(self.problem, ratios).deviance - self.best
        found = [_minimum(self.problem, path, self.start)]
        if "rho" in self.problem.names:  # two valleys, one for each sign
            found.append(_minimum(self.problem, path, self.start | {"rho": -self.start["rho"]}))
        deviance, spot = min(found, key=lambda each: each[0])
        # a variance that fell to nothing has no slope there, and the next search would never leave it
        self.start |= {n: max(v, self.floor.get(n, v)) for n, v in spot.items()}
        return deviance - self.best

    def cost_of_nothing(self) -> float:
        """The same where the quantity is zero: the component, or all that it is made of, is left out."""
        gone = {"icc": ("tau2", "gamma2"), "cac": ("tau2",), "iac": ("psi2",)}.get(self.name, (self.name,))
        fixed = dict.fromkeys((n for n in gone if n in self.problem.names), 0.0)
        if "r" in self.problem.names and "tau2" in fixed:
            fixed["r"] = 0.0
        if "rho" in self.problem.names and fixed.keys() & {"tau2", "eta2"}:
            fixed["rho"] = 0.0
        return minimise(self.problem, fixed)[1].deviance - self.best

    def end(self, side: int, room: float) -> float:
        """Where the cost reaches the room on one side; the limit of the quantity when it never does."""
        lowest = -1.0 if self.name == "rho" else 0.0
        highest = 1.0 if self.name in (*_SHARES, "rho") else inf
        has_zero = self.name not in ("r", "rho", "residual")
        if side < 0 and has_zero and (self.estimate <= 0 or self.cost_of_nothing() < room):
            return 0.0
        kept = dict(self.start)
        try:
            found = self._walk(side, room)
        finally:
            self.start = kept
        return found if found is not None else (lowest if side < 0 else highest)

    def _walk(self, side: int, room: float) -> float | None:
        def above(z: float) -> float:
            # the signed root of the cost is nearly straight, so few steps find where it crosses
            return sqrt(max(self.cost(_from_line(self.name, z)), 0.0)) - sqrt(room)

        tiny = self.estimate <= 0 or (self.name in _SHARES and self.estimate >= 1 - 1e-7)
        here = self._edge() if tiny else _to_line(self.name, self.estimate)
        reach = _LIMIT if self.name in (*_SHARES, "rho") else inf
        # the residual is known far better than the rest, and a step far beyond its end would only mislead the others
        first = min(0.5, 2 * sqrt(2 / self.problem.freedom)) if self.name == "residual" else 0.5
        step, near, short = first, here, -sqrt(room)
        for _ in range(30):
            far = near + side * step
            if abs(far) > reach:
                return None
            beyond = above(far)
            if beyond > 0:
                return _from_line(self.name, crossing(above, (near, short), (far, beyond)))
            # the slope so far says how long the next step should be
            climbed = beyond + sqrt(room)
            near, short = far, beyond
            step = min(max(1.15 * abs(far - here) * -beyond / max(climbed, 1e-9), 0.3 * step), 2.5 * step)
        return None

    def _edge(self) -> float:
        """Where to begin when the estimate lies at a limit."""
        if self.name in _SHARES:
            return -12.0 if self.estimate <= 0 else 12.0
        return log(1e-6 * self.start["residual"])


def crossing(
    function: Callable[[float], float], below: tuple[float, float], above: tuple[float, float], exact: float = 1e-3
) -> float:
    """Where a nearly straight function crosses zero, by false position; ends are (place, value) and not asked for again."""
    kept = 0
    for _ in range(40):
        (low, down), (high, up) = below, above
        spot = low + (high - low) * down / (down - up)
        if abs(high - low) < exact:
            return spot
        value = function(spot)
        if abs(value) < 0.2 * exact:
            return spot
        # an end that stays put is given half its weight, or the other one would creep
        if value <= 0:
            below, above = (spot, value), (high, up / 2 if kept < 0 else up)
            kept = -1
        else:
            above, below = (spot, value), (low, down / 2 if kept > 0 else down)
            kept = 1
    return spot


def _minimum(problem: Problem, path: _Path, start: Mapping[str, float]) -> tuple[float, dict[str, float]]:
    """(least deviance along the path, where it is)."""

    def values(u: np.ndarray) -> dict[str, float]:
        return {n: _from_line(n, float(z)) for n, z in zip(path.names, u, strict=True)}

    def objective(u: np.ndarray) -> tuple[float, np.ndarray]:
        ratios, residual = path.build(values(u))
        at = evaluate(problem, ratios)
        used = at.residual if residual is None else residual
        slopes = slopes_of_ratios(problem, ratios, at, used)
        deviance = at.deviance if residual is None else at.deviance_at(problem, residual)
        return deviance, _carried(problem, path, u, values, slopes, at, residual)

    ranges = {"r": (-8.0, 12.0), "cac": (-12.0, 12.0), "rho": (-6.0, 6.0)}
    u = np.array([_to_line(n, start[n]) for n in path.names])
    bounds = [
        ranges.get(n, (z - 30, z + 30) if n == "residual" else (-20.0, 12.0))
        for n, z in zip(path.names, u, strict=True)
    ]
    low, high = np.array(bounds).T
    found = minimize(
        objective,
        np.clip(u, low, high),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"ftol": 1e-11, "gtol": 1e-6},
    )
    return float(found.fun), values(found.x)


def _carried(
    problem: Problem,
    path: _Path,
    u: np.ndarray,
    values: Callable[[np.ndarray], dict[str, float]],
    slopes: Mapping[str, float],
    at: Point,
    residual: float | None,
) -> np.ndarray:
    """The gradient by the free numbers: slopes of the likelihood through the (cheap, differenced) path."""
    step, found = 1e-5, np.zeros(len(u))
    for k in range(len(u)):
        high, low = u.copy(), u.copy()
        high[k] += step
        low[k] -= step
        (up, up_residual), (down, down_residual) = path.build(values(high)), path.build(values(low))
        found[k] = sum(slopes[n] * (up[n] - down[n]) for n in problem.names) / (2 * step)
        if residual is not None and up_residual is not None and down_residual is not None:
            change = (up_residual - down_residual) / (2 * step)
            found[k] += problem.freedom / residual * (1 - at.residual / residual) * change
    return found


def worth(clusters: int) -> str:
    """What an interval of a variance component says with this many clusters, in one sentence."""
    if clusters <= 7:
        return (
            f"With {clusters} clusters the intervals of the cluster variance, the ICC and the CAC say little more than an "
            "order of magnitude, although they miss the truth hardly more often than they say (simulated: about 6% at a nominal 5% "
            "with five); take the ICC and CAC of planning from several trials."
        )
    if clusters <= 15:
        return f"With {clusters} clusters the intervals of the cluster variance and the ICC span several-fold ranges."
    return f"With {clusters} clusters the intervals of the components are profile likelihood intervals that can be read as they stand."


def interval_report(fit: MixedFit, alpha: float, skip: Sequence[str] = ()) -> dict[str, list[float | None]]:
    """Intervals for JSON: None where there is no upper bound."""
    found = {n: profile_interval(fit, n, alpha) for n in profiled_names(fit) if n not in skip}
    return {n: [low, None if high == inf else high] for n, (low, high) in found.items()}
