"""Generalised linear mixed models for shares (logit, log) and counts (log), by the Laplace approximation.

Random parts: cluster (tau2) and cluster-period (gamma2), on the link scale. With a cluster effect only, adaptive
Gauss-Hermite quadrature with any number of points is offered; one point is Laplace.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log, pi, sqrt

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, gammaln

from stepped_wedge.analysis.effects import EffectTerms, effect_terms
from stepped_wedge.analysis.returns import Returns
from stepped_wedge.analysis.two_way import Estimate
from stepped_wedge.refusals import refuse_unless

PARTS = {"exchangeable": 1, "nested-exchangeable": 2}


@dataclass(frozen=True, eq=False)
class GeneralisedFit:
    """A fitted model; effects come last in beta. covariance: from the Hessian of the whole deviance."""

    terms: EffectTerms
    beta: np.ndarray
    covariance: np.ndarray
    components: dict[str, float]
    boundary: tuple[str, ...]
    log_likelihood: float
    approximation: str
    clusters: int

    @property
    def periods(self) -> np.ndarray:
        return self.beta[: -self.terms.columns.shape[2]]

    def estimate(
        self, estimand: str | Sequence[float] = "average", df: str = "clusters-minus-2", alpha: float = 0.05
    ) -> Estimate:
        contrast = self.terms.contrast(estimand)
        c = np.concatenate([np.zeros(len(self.beta) - len(contrast)), contrast])
        rules = {"clusters-minus-2": self.clusters - 2, "normal": float("inf")}
        refuse_unless(df in rules, "df", f"must be one of {', '.join(rules)} for a generalised mixed model")
        refuse_unless(rules[df] >= 1, "df", "too few clusters for these degrees of freedom")
        return Estimate(float(c @ self.beta), sqrt(float(c @ self.covariance @ c)), float(rules[df]), alpha)


@dataclass(frozen=True, eq=False)
class _Cells:
    f: np.ndarray
    events: np.ndarray
    n: np.ndarray
    seen: np.ndarray
    family: str
    link: str

    def rates(self, eta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(log likelihood without constants, its first derivative, minus its second derivative) of every cell."""
        y, n = self.events, self.n
        if self.link == "logit":
            p = expit(eta)
            value = y * eta - n * np.logaddexp(0, eta)
            return value * self.seen, (y - n * p) * self.seen, n * p * (1 - p) * self.seen
        mu = n * np.exp(np.minimum(eta, 50))
        if self.family == "poisson":
            return (y * eta - mu) * self.seen, (y - mu) * self.seen, mu * self.seen
        p = np.exp(np.minimum(eta, -1e-10))
        rest = (n - y) / (1 - p)
        value = y * eta + (n - y) * np.log1p(-p)
        return value * self.seen, (y - rest * p) * self.seen, np.maximum(rest * p / (1 - p), 1e-10) * self.seen

    @property
    def constant(self) -> float:
        y, n = self.events[self.seen], self.n[self.seen]
        if self.family == "poisson":
            return float((y * np.log(n) - gammaln(y + 1)).sum())
        return float((gammaln(n + 1) - gammaln(y + 1) - gammaln(n - y + 1)).sum())


def fit_generalised(
    returns: Returns,
    family: str,
    link: str,
    structure: str = "nested-exchangeable",
    effect: str = "single",
    *,
    points: int = 1,
) -> GeneralisedFit:
    """Maximum likelihood. points: quadrature points a cluster, more than 1 only with a cluster effect alone."""
    refuse_unless(structure in PARTS, "model.correlation", f"a generalised mixed model takes {', '.join(PARTS)}")
    refuse_unless(
        (family, link) in (("binomial", "logit"), ("binomial", "log"), ("poisson", "log")),
        "outcome.link",
        "a generalised mixed model is for binomial logit or log, and poisson log",
    )
    refuse_unless(
        points == 1 or structure == "exchangeable",
        "model.points",
        "quadrature with several points needs a cluster effect alone",
    )
    cells, terms = _cells(returns, family, link, effect)
    width, parts = cells.f.shape[2], PARTS[structure]
    deviance = _deviance(cells, parts, points)
    start = np.concatenate([_crude(cells), np.full(parts, 0.2)])
    found = minimize(deviance, start, method="BFGS", options={"gtol": 1e-5, "maxiter": 500})
    found = minimize(
        deviance,
        found.x,
        method="Nelder-Mead",
        options={"xatol": 1e-7, "fatol": 1e-9, "maxiter": 400 * len(start), "initial_simplex": _simplex(found.x)},
    )
    best = found.x
    sds = np.abs(best[width:])
    names = ("tau2", "gamma2")[:parts]
    boundary = tuple(name for name, sd in zip(names, sds, strict=True) if sd < 1e-3)
    keep = np.concatenate([np.ones(width, dtype=bool), sds >= 1e-3])
    best[width:] = np.where(sds < 1e-3, 0.0, sds)
    covariance = np.linalg.inv(_hessian(deviance, best, keep) / 2)[:width, :width]
    likelihood = -float(deviance(best)) / 2 + cells.constant
    approximation = "laplace" if points == 1 else f"adaptive quadrature, {points} points"
    return GeneralisedFit(
        terms,
        best[:width],
        covariance,
        dict(zip(names, (best[width:] ** 2).tolist(), strict=True)),
        boundary,
        likelihood,
        approximation,
        len(cells.n),
    )


def _cells(returns: Returns, family: str, link: str, effect: str) -> tuple[_Cells, EffectTerms]:
    design, seen = returns.design, returns.observed
    terms = effect_terms(design, effect)
    clusters, periods = design.x.shape
    f = np.concatenate([np.broadcast_to(np.eye(periods), (clusters, periods, periods)), terms.columns], axis=2)
    f = np.where(seen[:, :, None], f, 0.0)
    refuse_unless(
        np.linalg.matrix_rank(f[seen]) == f.shape[2], "data", "the effect is not identified beside the periods"
    )
    events = returns.events
    refuse_unless(np.allclose(events, np.round(events), atol=1e-6), "data", "events must be whole numbers")
    rows = events.sum(0)
    refuse_unless(
        (rows > 0).all(), "data", "a period has no event at all: a period effect would be infinite; use two-way"
    )
    return _Cells(f, np.round(events), np.where(seen, returns.n, 1.0), seen, family, link), terms


def _crude(cells: _Cells) -> np.ndarray:
    share = (cells.events + 0.5) / (cells.n + 1)
    eta = (
        np.log(share / (1 - share))
        if cells.link == "logit"
        else np.log(np.minimum(share, 0.95) if cells.family == "binomial" else share)
    )
    return np.linalg.lstsq(cells.f[cells.seen], eta[cells.seen], rcond=None)[0]


def _simplex(x: np.ndarray) -> np.ndarray:
    return np.vstack([x, x + 1e-3 * np.diag(np.maximum(np.abs(x), 0.05))])


def _deviance(cells: _Cells, parts: int, points: int) -> Callable[[np.ndarray], float]:
    width = cells.f.shape[2]
    clusters, periods = cells.n.shape
    nodes, weights = np.polynomial.hermite_e.hermegauss(points)
    memory = {"z": np.zeros((clusters, parts if parts == 1 else 1 + periods))}

    def deviance(parameters: np.ndarray) -> float:
        sd = parameters[width:]
        loads = np.ones((periods, 1)) * sd[0]
        if parts == 2:
            loads = np.hstack([loads, sd[1] * np.eye(periods)])
        fixed = cells.f @ parameters[:width]
        z, logdet = _modes(cells, fixed, loads, memory["z"])
        memory["z"] = z
        if points == 1:
            value = cells.rates(fixed + z @ loads.T)[0].sum(1) - (z**2).sum(1) / 2 - logdet / 2
            return float(-2 * value.sum())
        spread = np.exp(-logdet / 2)
        at = z[:, 0][:, None] + spread[:, None] * nodes
        eta = fixed[:, None, :] + at[:, :, None] * sd[0]
        logs = np.stack([cells.rates(eta[:, k])[0].sum(1) for k in range(points)], axis=1) - at**2 / 2 + nodes**2 / 2
        high = logs.max(1, keepdims=True)
        value = high[:, 0] + np.log((weights * np.exp(logs - high)).sum(1)) - log(2 * pi) / 2 + np.log(spread)
        return float(-2 * value.sum())

    return deviance


def _modes(cells: _Cells, fixed: np.ndarray, loads: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Most likely standard-normal random effects of every cluster, and log|H| there, by damped Newton steps."""
    z = start
    identity = np.eye(loads.shape[1])
    value = cells.rates(fixed + z @ loads.T)[0].sum(1) - (z**2).sum(1) / 2
    for _ in range(100):
        _, slope, curve = cells.rates(fixed + z @ loads.T)
        hessian = (loads.T[None] * curve[:, None, :]) @ loads + identity
        move = np.linalg.solve(hessian, (slope @ loads - z)[:, :, None])[:, :, 0]
        pace = np.ones(len(z))
        for _ in range(20):
            trial = z + pace[:, None] * move
            there = cells.rates(fixed + trial @ loads.T)[0].sum(1) - (trial**2).sum(1) / 2
            worse = there < value - 1e-9 * (1 + np.abs(value))
            if not worse.any():
                break
            pace = np.where(worse, pace / 2, pace)
        z, value = trial, there
        if np.abs(move).max() < 1e-9:
            break
    curve = cells.rates(fixed + z @ loads.T)[2]
    hessian = (loads.T[None] * curve[:, None, :]) @ loads + identity
    return z, np.linalg.slogdet(hessian)[1]


def _hessian(deviance: Callable[[np.ndarray], float], at: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """Central second differences over the parameters that are not on the boundary."""
    spots = np.flatnonzero(keep).tolist()
    step = 1e-3 * np.maximum(np.abs(at), 0.1)
    found = np.zeros((len(spots), len(spots)))
    centre = deviance(at)

    def moved(*shifts: tuple[int, float]) -> float:
        trial = at.copy()
        for k, sign in shifts:
            trial[k] += sign * step[k]
        return deviance(trial)

    for a, i in enumerate(spots):
        found[a, a] = (moved((i, 1)) - 2 * centre + moved((i, -1))) / step[i] ** 2
        for b, j in enumerate(spots[:a]):
            cross = moved((i, 1), (j, 1)) - moved((i, 1), (j, -1)) - moved((i, -1), (j, 1)) + moved((i, -1), (j, -1))
            found[a, b] = found[b, a] = cross / (4 * step[i] * step[j])
    return found
