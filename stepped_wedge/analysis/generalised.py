"""Generalised linear mixed models for shares (logit, log) and counts (log), by the Laplace approximation.

Random parts: cluster (tau2) and cluster-period (gamma2), on the link scale. With a cluster effect only, adaptive
Gauss-Hermite quadrature with any number of points is offered; one point is Laplace.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf, log, sqrt
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import chdtri

from stepped_wedge.analysis.effects import EffectTerms
from stepped_wedge.analysis.laplace import Cells, Laplace, quadrature
from stepped_wedge.analysis.mixed.intervals import crossing
from stepped_wedge.analysis.mixed.sums import fixed_effects
from stepped_wedge.analysis.returns import Returns
from stepped_wedge.analysis.two_way import Estimate
from stepped_wedge.correlations import icc_of_logit_variance
from stepped_wedge.refusals import refuse_unless

PARTS = {"exchangeable": ("tau2",), "nested-exchangeable": ("tau2", "gamma2")}
DF_METHODS = ("clusters-minus-2", "between-within", "normal")


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
    cells: Cells = field(repr=False)

    @property
    def clusters(self) -> int:
        return len(self.cells.n)

    @property
    def periods(self) -> np.ndarray:
        return self.beta[: -self.terms.columns.shape[2]]

    @property
    def parameters(self) -> np.ndarray:
        return np.concatenate([self.beta, np.sqrt(list(self.components.values()))])

    @property
    def icc_latent(self) -> float | None:
        """Correlation of two people of one cluster and period on the latent scale of a logit model."""
        return icc_of_logit_variance(sum(self.components.values())) if self.cells.link == "logit" else None

    @property
    def cac(self) -> float | None:
        total = sum(self.components.values())
        return self.components["tau2"] / total if total else None

    def estimate(
        self, estimand: str | Sequence[float] = "average", df: str = "clusters-minus-2", alpha: float = 0.05
    ) -> Estimate:
        """clusters-minus-2: t(I - 2). between-within: t(I - p), p fixed effects.

        Satterthwaite of the working linear model is not offered: its many degrees of freedom leave the standard errors
        of maximum likelihood as small as they are, and with ten clusters the truth was missed far too often.
        """
        refuse_unless(df in DF_METHODS, "df", f"must be one of {', '.join(DF_METHODS)} for a generalised mixed model")
        contrast = self.terms.contrast(estimand)
        c = np.concatenate([np.zeros(len(self.beta) - len(contrast)), contrast])
        freedom = {"normal": inf, "clusters-minus-2": self.clusters - 2, "between-within": self.clusters - len(c)}
        found = freedom[df]
        refuse_unless(found >= 1, "df", f"{df} degrees of freedom are {found:g}: not defined; use clusters-minus-2")
        return Estimate(float(c @ self.beta), sqrt(float(c @ self.covariance @ c)), float(found), alpha)


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
    width, names = cells.f.shape[2], PARTS[structure]
    start = np.concatenate([_crude(cells), np.full(len(names), 0.2)])
    best, boundary, hessian, deviance = (_by_laplace if points == 1 else _by_quadrature)(cells, names, start, points)
    return GeneralisedFit(
        terms,
        best[:width],
        np.linalg.inv(hessian / 2)[:width, :width],
        dict(zip(names, (best[width:] ** 2).tolist(), strict=True)),
        boundary,
        -deviance / 2 + cells.constant,
        "laplace" if points == 1 else f"adaptive quadrature, {points} points",
        cells,
    )


type _Found = tuple[np.ndarray, tuple[str, ...], np.ndarray, float]


def _by_laplace(cells: Cells, names: Sequence[str], start: np.ndarray, _points: int) -> _Found:
    """(parameters, components on the boundary, Hessian over the others, deviance)."""
    objective, width = Laplace(cells, len(names)), cells.f.shape[2]
    best, deviance = _descend(objective, start, {})
    boundary: list[str] = []
    for k, name in enumerate(names):
        if best[width + k] > 0.05:
            continue
        held = {width + names.index(other): 0.0 for other in (*boundary, name)}
        without, at_zero = _descend(objective, best, held)
        if at_zero <= deviance + 1e-6:
            best, deviance = without, at_zero
            boundary.append(name)
    keep = [k for k in range(len(best)) if k < width or names[k - width] not in boundary]
    return best, tuple(boundary), _hessian_of(objective, best, keep), deviance


def _descend(
    objective: Laplace, start: np.ndarray, held: dict[int, float], curve: np.ndarray | None = None
) -> tuple[np.ndarray, float]:
    """(best parameters, deviance). curve: a Hessian nearby, from which the search then begins."""
    free = [k for k in range(len(start)) if k not in held]
    base = start.copy()
    for k, value in held.items():
        base[k] = value

    def over_free(u: np.ndarray) -> tuple[float, np.ndarray]:
        trial = base.copy()
        trial[free] = u
        value, slope = objective(trial)
        return value, slope[free]

    options: dict[str, Any] = {"gtol": 1e-6, "maxiter": 300}
    if curve is not None:
        options["hess_inv0"] = _inverse_for_a_start(curve[np.ix_(free, free)])
    found = minimize(over_free, base[free], jac=True, method="BFGS", options=options)
    best = base.copy()
    best[free] = found.x
    best[objective.cells.f.shape[2] :] = np.abs(best[objective.cells.f.shape[2] :])
    return best, float(found.fun)


def _inverse_for_a_start(curve: np.ndarray) -> np.ndarray:
    """The inverse of a Hessian made positive definite: directions that are flat or bend down count as steep as they are."""
    values, vectors = np.linalg.eigh(curve)
    found = vectors / np.maximum(np.abs(values), 1e-6 * np.abs(values).max()) @ vectors.T
    return (found + found.T) / 2


def _hessian_of(objective: Laplace, at: np.ndarray, keep: list[int]) -> np.ndarray:
    """Central differences of the gradient over the parameters that are not on the boundary."""
    rows = []
    for k in keep:
        step = 1e-4 * max(abs(at[k]), 0.1)
        up, down = at.copy(), at.copy()
        up[k] += step
        down[k] -= step
        rows.append((objective(up)[1] - objective(down)[1])[keep] / (2 * step))
    found = np.array(rows)
    return (found + found.T) / 2


def _by_quadrature(cells: Cells, names: Sequence[str], start: np.ndarray, points: int) -> _Found:
    deviance, width = quadrature(cells, points), cells.f.shape[2]
    found = minimize(deviance, start, method="BFGS", options={"gtol": 1e-5, "maxiter": 500})
    simplex = np.vstack([found.x, found.x + 1e-3 * np.diag(np.maximum(np.abs(found.x), 0.05))])
    found = minimize(
        deviance,
        found.x,
        method="Nelder-Mead",
        options={"xatol": 1e-7, "fatol": 1e-9, "maxiter": 400 * len(start), "initial_simplex": simplex},
    )
    best = found.x
    best[width:] = np.abs(best[width:])
    boundary = tuple(name for name, sd in zip(names, best[width:], strict=True) if sd < 1e-3)
    best[width:] = np.where(best[width:] < 1e-3, 0.0, best[width:])
    keep = [k for k in range(len(best)) if k < width or best[k] > 0]
    return best, boundary, _hessian(deviance, best, keep), float(deviance(best))


def _hessian(deviance: Callable[[np.ndarray], float], at: np.ndarray, keep: list[int]) -> np.ndarray:
    """Central second differences over the parameters that are not on the boundary."""
    step = 1e-3 * np.maximum(np.abs(at), 0.1)
    found = np.zeros((len(keep), len(keep)))
    centre = deviance(at)

    def moved(*shifts: tuple[int, float]) -> float:
        trial = at.copy()
        for k, sign in shifts:
            trial[k] += sign * step[k]
        return deviance(trial)

    for a, i in enumerate(keep):
        found[a, a] = (moved((i, 1)) - 2 * centre + moved((i, -1))) / step[i] ** 2
        for b, j in enumerate(keep[:a]):
            cross = moved((i, 1), (j, 1)) - moved((i, 1), (j, -1)) - moved((i, -1), (j, 1)) + moved((i, -1), (j, -1))
            found[a, b] = found[b, a] = cross / (4 * step[i] * step[j])
    return found


def _cells(returns: Returns, family: str, link: str, effect: str) -> tuple[Cells, EffectTerms]:
    f, terms = fixed_effects(returns, effect)
    seen, events = returns.observed, returns.events
    refuse_unless(np.allclose(events, np.round(events), atol=1e-6), "data", "events must be whole numbers")
    rows = events.sum(0)
    refuse_unless(
        (rows > 0).all(), "data", "a period has no event at all: a period effect would be infinite; use two-way"
    )
    return Cells(f, np.round(events), np.where(seen, returns.n, 1.0), seen, family, link), terms


def _crude(cells: Cells) -> np.ndarray:
    seen, share = cells.seen.astype(bool), (cells.events + 0.5) / (cells.n + 1)
    eta = (
        np.log(share / (1 - share))
        if cells.link == "logit"
        else np.log(np.minimum(share, 0.95) if cells.family == "binomial" else share)
    )
    return np.linalg.lstsq(cells.f[seen], eta[seen], rcond=None)[0]


def component_interval(fit: GeneralisedFit, name: str, alpha: float = 0.05) -> tuple[float, float]:
    """Profile likelihood interval of tau2 or gamma2 under the Laplace approximation; the upper end may be infinite."""
    refuse_unless(name in fit.components, "components", f"must be one of {', '.join(fit.components)}")
    refuse_unless(fit.approximation == "laplace", "model.points", "intervals of components are of the Laplace fit")
    objective, spot = Laplace(fit.cells, len(fit.components)), len(fit.beta) + list(fit.components).index(name)
    best, room = -2 * (fit.log_likelihood - fit.cells.constant), sqrt(float(chdtri(1, alpha)))
    memory = {"at": fit.parameters}
    # one Hessian at the estimate serves every point of the profile
    curve = _hessian_of(objective, fit.parameters, list(range(len(fit.parameters))))

    def above(log_sd: float) -> float:
        found, deviance = _descend(objective, memory["at"], {spot: float(np.exp(log_sd))}, curve)
        memory["at"] = found
        return sqrt(max(deviance - best, 0.0)) - room

    estimate = sqrt(fit.components[name])
    centre = log(max(estimate, 1e-3))
    return _low_end(objective, fit, spot, above, best, room) ** 2, _walk(above, centre, 1, -room) ** 2


def _low_end(
    objective: Laplace, fit: GeneralisedFit, spot: int, above: Callable[[float], float], best: float, room: float
) -> float:
    estimate = fit.parameters[spot]
    if estimate < 1e-3 or _descend(objective, fit.parameters, {spot: 0.0})[1] - best < room**2:
        return 0.0
    return _walk(above, log(estimate), -1, -room)


def _walk(above: Callable[[float], float], near: float, side: int, short: float) -> float:
    step = 0.2
    for _ in range(20):
        far = near + side * step
        beyond = above(far)
        if beyond > 0:
            return float(np.exp(crossing(above, (near, short), (far, beyond))))
        near, short, step = far, beyond, step * 1.6
    return inf if side > 0 else 0.0
