"""Linear mixed models from cell means, exactly as from individuals, by REML or ML.

Without individual covariates the likelihood of all individuals depends on cell means, cell sizes and the sum of
squares within cells only, so a fit costs the same for a hundred children and for a million:
    -2 log L = (N - C) log s2 + within/s2 + sum log n + log|V| + r'V^-1 r (+ REML term), V = s2 diag(1/n) + G.
Kenward & Roger 1997 for standard errors and degrees of freedom; Satterthwaite with the observed information.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log, pi, sqrt

import numpy as np
from scipy.optimize import minimize

from stepped_wedge.analysis.effects import EffectTerms, effect_terms
from stepped_wedge.analysis.returns import Returns
from stepped_wedge.analysis.two_way import Estimate
from stepped_wedge.correlations import decay
from stepped_wedge.refusals import refuse_unless

STRUCTURES = {
    "exchangeable": ("tau2",),
    "nested-exchangeable": ("tau2", "gamma2"),
    "discrete-time-decay": ("tau2", "r"),
    "random-intervention": ("tau2", "eta2"),
    "correlated-random-intervention": ("tau2", "eta2", "rho"),
    "nested+random-intervention": ("tau2", "gamma2", "eta2"),
}
CORRELATIONS = ("r", "rho")
DF_METHODS = ("kenward-roger", "satterthwaite", "clusters-minus-2", "between-within", "normal")
NOTHING = 1e-9


@dataclass(frozen=True, eq=False)
class _Problem:
    """Data of a fit, clusters by periods by ..., unobserved cells with zero rows."""

    f: np.ndarray  # I x T x p
    y: np.ndarray  # I x T
    n: np.ndarray
    seen: np.ndarray
    x: np.ndarray
    within: float
    people: float
    names: tuple[str, ...]
    reml: bool

    @property
    def freedom(self) -> float:
        return self.people - (self.f.shape[2] if self.reml else 0)

    @property
    def log_sizes(self) -> float:
        return float(np.log(self.n[self.seen]).sum())

    def shapes(self, values: dict[str, float]) -> dict[str, np.ndarray]:
        """Derivatives of V with respect to each parameter (I x T x T, or T x T where all clusters share it)."""
        length = self.y.shape[1]
        found: dict[str, np.ndarray] = {}
        mixed = self.x[:, :, None] + self.x[:, None, :] if "rho" in self.names else np.zeros(())
        # the covariance rho sqrt(tau2 eta2) is shared between both slopes, so values times slopes still add up to V
        half = values.get("rho", 0.0) / 2 if values.get("tau2") and values.get("eta2") else 0.0
        for name in self.names:
            if name == "tau2":
                found[name] = decay(values.get("r", 1.0), length) + (
                    half and half * sqrt(values["eta2"] / values["tau2"]) * mixed
                )
            elif name == "gamma2":
                found[name] = np.eye(length)
            elif name == "eta2":
                found[name] = self.x[:, :, None] * self.x[:, None, :] + (
                    half and half * sqrt(values["tau2"] / values["eta2"]) * mixed
                )
            elif name == "rho":
                found[name] = sqrt(values["tau2"] * values["eta2"]) * mixed
            else:
                gap = np.abs(np.subtract.outer(np.arange(length), np.arange(length)))
                found[name] = values["tau2"] * gap * np.power(values["r"], np.maximum(gap - 1, 0))
        both = self.seen[:, :, None] & self.seen[:, None, :]
        return {name: np.where(both, shape, 0.0) for name, shape in found.items()}

    def covariance(self, values: dict[str, float], residual: float) -> np.ndarray:
        shapes = self.shapes(values)
        v = np.zeros((*self.y.shape, self.y.shape[1]))
        steps = np.arange(self.y.shape[1])
        v[:, steps, steps] = np.where(self.seen, residual / np.where(self.seen, self.n, 1.0), 1.0)
        for name, shape in shapes.items():
            if name not in CORRELATIONS:
                v += values[name] * shape
        return v


@dataclass(frozen=True, eq=False)
class _State:
    """Everything at one value of the ratios to the residual variance."""

    deviance: float
    residual: float
    beta: np.ndarray
    phi: np.ndarray  # inverse of F'V^-1 F, V in units of the residual
    inverse: np.ndarray
    leftover: np.ndarray


def _evaluate(problem: _Problem, ratios: dict[str, float]) -> _State:
    v = problem.covariance(ratios, 1.0)
    inverse = np.linalg.inv(v)
    _, logdet = np.linalg.slogdet(v)
    vf = inverse @ problem.f
    gram = np.einsum("ijp,ijq->pq", problem.f, vf)
    cross = np.einsum("ijp,ij->p", vf, problem.y)
    phi = np.linalg.inv(gram)
    beta = phi @ cross
    leftover = np.where(problem.seen, problem.y - problem.f @ beta, 0.0)
    rss = float(np.einsum("ij,ijk,ik->", leftover, inverse, leftover)) + problem.within
    residual = rss / problem.freedom
    deviance = problem.freedom * (log(2 * pi * max(residual, 1e-300)) + 1) + problem.log_sizes + float(logdet.sum())
    if problem.reml:
        deviance += float(np.linalg.slogdet(gram)[1])
    return _State(deviance, residual, beta, phi, inverse, leftover)


def _gradient(problem: _Problem, ratios: dict[str, float], state: _State) -> np.ndarray:
    """Derivative of the profiled deviance with respect to each ratio (and r)."""
    vr = np.einsum("ijk,ik->ij", state.inverse, state.leftover)
    middle = state.inverse - vr[:, :, None] * (vr / state.residual)[:, None, :]
    if problem.reml:
        vf = state.inverse @ problem.f
        middle -= (vf @ state.phi) @ vf.transpose(0, 2, 1)
    return np.array([float((middle * shape).sum()) for shape in problem.shapes(ratios).values()])


def _to_ratios(names: Sequence[str], u: np.ndarray) -> dict[str, float]:
    return {
        n: float(1 / (1 + np.exp(-value)) if n == "r" else np.tanh(value) if n == "rho" else np.exp(value))
        for n, value in zip(names, u, strict=True)
    }


def _chain(names: Sequence[str], ratios: dict[str, float]) -> np.ndarray:
    slopes = {"r": lambda v: v * (1 - v), "rho": lambda v: 1 - v * v}
    return np.array([slopes[n](ratios[n]) if n in slopes else ratios[n] for n in names])


def _minimise(problem: _Problem, fixed: dict[str, float]) -> tuple[dict[str, float], _State]:
    """Best ratios of the parameters that are not fixed: coarse grid, quasi-Newton with gradient, Newton polish."""
    free = [name for name in problem.names if name not in fixed]
    if not free:
        return fixed, _evaluate(problem, fixed)

    def objective(u: np.ndarray) -> tuple[float, np.ndarray]:
        ratios = fixed | _to_ratios(free, u)
        state = _evaluate(problem, ratios)
        slope = dict(zip(problem.names, _gradient(problem, ratios, state), strict=True))
        return state.deviance, np.array([slope[n] for n in free]) * _chain(free, ratios)

    ranges = {"r": (-8.0, 12.0), "rho": (-7.0, 7.0)}
    bounds = [ranges.get(n, (-28.0, 12.0)) for n in free]
    middle = {"r": 1.0, "rho": 0.0}
    starts = [np.array([middle.get(n, level) for n in free]) for level in (-9.0, -6.0, -3.0, 0.0)]
    if "tau2" in free and len(free) > 1:
        starts += [np.array([{"r": 2.0, "rho": 0.0, "tau2": -3.0}.get(n, -7.0) for n in free])]
    best = min(starts, key=lambda u: objective(u)[0])
    found = minimize(
        objective,
        best,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 500},
    )
    u = _polish(objective, found.x, bounds)
    ratios = fixed | _to_ratios(free, u)
    return ratios, _evaluate(problem, ratios)


def _polish(objective: object, u: np.ndarray, bounds: list[tuple[float, float]]) -> np.ndarray:
    """A few Newton steps with a differenced gradient, taken only while they help."""
    value, slope = objective(u)  # type: ignore[operator]
    low, high = np.array(bounds).T
    for _ in range(6):
        step = 1e-5
        rows = []
        for k in range(len(u)):
            moved = u.copy()
            moved[k] += step
            rows.append((objective(moved)[1] - slope) / step)  # type: ignore[operator]
        curve = (np.array(rows) + np.array(rows).T) / 2
        if np.linalg.eigvalsh(curve).min() <= 1e-10:
            break
        trial = np.clip(u - np.linalg.solve(curve, slope), low, high)
        there, slope_there = objective(trial)  # type: ignore[operator]
        if not (there <= value + 1e-9 and np.abs(slope_there).max() <= np.abs(slope).max()):
            break
        u, value, slope = trial, there, slope_there
        if np.abs(slope).max() < 1e-10:
            break
    return u


@dataclass(frozen=True, eq=False)
class MixedFit:
    """A fitted linear mixed model.

    components: variances (and r, or rho, the correlation of cluster and intervention effects). boundary: components that are estimated as zero: the data do not show them.
    covariance: of all fixed effects (periods first, effects last). log_likelihood as lme4 states it.
    """

    terms: EffectTerms
    components: dict[str, float]
    boundary: tuple[str, ...]
    beta: np.ndarray
    covariance: np.ndarray
    log_likelihood: float
    method: str
    structure: str
    problem: _Problem = field(repr=False)

    @property
    def icc(self) -> float:
        clustered = self.components.get("tau2", 0.0) + self.components.get("gamma2", 0.0)
        return clustered / (clustered + self.components.get("psi2", 0.0) + self.components["residual"])

    @property
    def cac(self) -> float | None:
        clustered = self.components.get("tau2", 0.0) + self.components.get("gamma2", 0.0)
        return self.components.get("tau2", 0.0) / clustered if clustered else None

    @property
    def periods(self) -> np.ndarray:
        """Means of the periods under control."""
        return self.beta[: -self.terms.columns.shape[2]]

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
            covariance, freedom = kenward_roger(self, c)
        elif df == "satterthwaite":
            freedom = satterthwaite(self, c)
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
    problem, terms = _problem(returns, effect, STRUCTURES[structure], reml)
    ratios, state = _minimise(problem, {})
    boundary: list[str] = []
    for name in STRUCTURES[structure]:
        if name in CORRELATIONS or (ratios[name] > 1e-4 and _is_needed(problem, ratios, name, state)):
            continue
        fixed = dict.fromkeys((*boundary, name), 0.0)
        if name == "tau2" and "r" in ratios:
            fixed["r"] = 0.0
        if "rho" in ratios:
            fixed["rho"] = 0.0
        without, at_zero = _minimise(problem, fixed)
        if at_zero.deviance <= state.deviance + 1e-7:
            ratios, state = without, at_zero
            boundary.append(name)
    components = {n: (v if n in CORRELATIONS else v * state.residual) for n, v in ratios.items()}
    components["residual"] = state.residual
    return MixedFit(
        terms,
        components,
        tuple(boundary),
        state.beta,
        state.phi * state.residual,
        -state.deviance / 2,
        "REML" if reml else "ML",
        structure,
        problem,
    )


def _is_needed(problem: _Problem, ratios: dict[str, float], name: str, state: _State) -> bool:
    """Would the deviance rise if the component were zero and nothing else moved?"""
    return _evaluate(problem, ratios | {name: 0.0}).deviance > state.deviance + 1e-3


def _problem(returns: Returns, effect: str, names: tuple[str, ...], reml: bool) -> tuple[_Problem, EffectTerms]:
    design, seen = returns.design, returns.observed
    terms = effect_terms(design, effect)
    clusters, periods = design.x.shape
    f = np.concatenate([np.broadcast_to(np.eye(periods), (clusters, periods, periods)), terms.columns], axis=2)
    f = np.where(seen[:, :, None], f, 0.0)
    rank = np.linalg.matrix_rank(f[seen])
    refuse_unless(rank == f.shape[2], "data", "the effect is not identified: it cannot be told from the periods")
    people = float(returns.n[seen].sum())
    refuse_unless(people > f.shape[2], "data", "fewer observations than fixed effects")
    refuse_unless(
        people > seen.sum() or "gamma2" not in names,
        "data",
        "one observation a cell: the cluster-period variance cannot be told from the residual",
    )
    problem = _Problem(
        f,
        np.where(seen, returns.mean, 0.0),
        returns.n,
        seen,
        design.filled,
        float(returns.within[seen].sum()),
        people,
        names,
        reml,
    )
    return problem, terms


@dataclass(frozen=True, eq=False)
class _Slopes:
    """Moments of the derivatives of V on its natural scale, for corrections of small samples."""

    names: tuple[str, ...]
    p: np.ndarray  # K x p x p: F'V^-1 V_k V^-1 F
    q: np.ndarray  # K x K x p x p
    information: np.ndarray  # expected (REML) information about the components


def _slopes(fit: MixedFit, linear: bool) -> _Slopes:
    """linear: by the covariance of cluster and intervention, in which V is linear, instead of their correlation."""
    problem = fit.problem
    values = {n: fit.components[n] for n in problem.names}
    inverse = np.linalg.inv(problem.covariance(values, fit.components["residual"]))
    shapes = (
        problem.shapes(values | {"rho": 0.0})
        | (
            {"rho": problem.shapes(values)["rho"] / sqrt(values["tau2"] * values["eta2"])}
            if "rho" in values and not fit.boundary
            else {}
        )
        if linear
        else problem.shapes(values)
    )
    gone = {*fit.boundary, *(("rho",) if fit.boundary else ()), *(("r",) if "tau2" in fit.boundary else ())}
    derivatives = {n: s for n, s in shapes.items() if n not in gone}
    steps = np.arange(problem.y.shape[1])
    own = np.zeros_like(inverse)
    own[:, steps, steps] = np.where(problem.seen, 1 / np.where(problem.seen, problem.n, 1.0), 0.0)
    derivatives["residual"] = own
    vf = inverse @ problem.f
    moved = [inverse @ d for d in derivatives.values()]
    pulled = [d @ vf for d in derivatives.values()]
    p = np.array([np.einsum("ijp,ijq->pq", vf, each) for each in pulled])
    q = np.array([[np.einsum("ijp,ijk,ikq->pq", a, inverse, b, optimize=True) for b in pulled] for a in pulled])
    traces = np.array([[np.einsum("ijk,ikj->", a, b) for b in moved] for a in moved])
    names = tuple(derivatives)
    spot = names.index("residual")
    traces[spot, spot] += (problem.people - problem.seen.sum()) / fit.components["residual"] ** 2
    phi = fit.covariance
    information = traces / 2
    if problem.reml:
        information = (
            information
            - np.einsum("pq,klqp->kl", phi, q)
            + np.einsum("pq,kqr,rs,lsp->kl", phi, p, phi, p, optimize=True) / 2
        )
    return _Slopes(names, p, q, information)


def kenward_roger(fit: MixedFit, c: np.ndarray) -> tuple[np.ndarray, float]:
    """(corrected covariance of the fixed effects, degrees of freedom of the contrast c), Kenward & Roger 1997.

    For one contrast the degrees of freedom are 2/A and the scale is 1. With decay the covariance is not linear in r
    and the first-order form is used.
    """
    refuse_unless(fit.method == "REML", "df", "kenward-roger needs REML")
    slopes, phi = _slopes(fit, linear=True), fit.covariance
    w = np.linalg.pinv(slopes.information, hermitian=True)
    inner = np.einsum("kl,klpq->pq", w, slopes.q) - np.einsum(
        "kl,kpq,qr,lrs->ps", w, slopes.p, phi, slopes.p, optimize=True
    )
    corrected = phi + 2 * phi @ inner @ phi
    gradient = np.array([c @ phi @ each @ phi @ c for each in slopes.p])
    return (corrected + corrected.T) / 2, float(2 * (c @ phi @ c) ** 2 / (gradient @ w @ gradient))


def satterthwaite(fit: MixedFit, c: np.ndarray) -> float:
    """Degrees of freedom 2 Var^2 / Var(Var), with the observed information; the expected one where that fails."""
    slopes, phi = _slopes(fit, linear=False), fit.covariance
    gradient = np.array([c @ phi @ each @ phi @ c for each in slopes.p])
    observed = _observed_information(fit, slopes.names)
    information = observed if np.linalg.eigvalsh(observed).min() > 0 else slopes.information
    return float(2 * (c @ phi @ c) ** 2 / (gradient @ np.linalg.solve(information, gradient)))


def _score(problem: _Problem, values: dict[str, float], names: Sequence[str]) -> np.ndarray:
    """Derivative of -log likelihood (REML) in the components themselves, residual included."""
    residual = values["residual"]
    inverse = np.linalg.inv(problem.covariance(values, residual))
    vf = inverse @ problem.f
    phi = np.linalg.inv(np.einsum("ijp,ijq->pq", problem.f, vf))
    beta = phi @ np.einsum("ijp,ij->p", vf, problem.y)
    left = np.where(problem.seen, problem.y - problem.f @ beta, 0.0)
    vr = np.einsum("ijk,ik->ij", inverse, left)
    shapes = dict(problem.shapes(values))
    steps = np.arange(problem.y.shape[1])
    own = np.zeros_like(inverse)
    own[:, steps, steps] = np.where(problem.seen, 1 / np.where(problem.seen, problem.n, 1.0), 0.0)
    shapes["residual"] = own
    middle = inverse - vr[:, :, None] * vr[:, None, :]
    if problem.reml:
        middle -= (vf @ phi) @ vf.transpose(0, 2, 1)
    found = [float((middle * shapes[name]).sum()) for name in names]
    spot = list(names).index("residual")
    found[spot] += (problem.people - problem.seen.sum()) / residual - problem.within / residual**2
    return np.array(found) / 2


def _observed_information(fit: MixedFit, names: Sequence[str]) -> np.ndarray:
    values = dict(fit.components)
    rows = []
    for name in names:
        step = 1e-4 * max(values[name], 1e-8)
        up = _score(fit.problem, values | {name: values[name] + step}, names)
        down = _score(fit.problem, values | {name: values[name] - step}, names)
        rows.append((up - down) / (2 * step))
    found = np.array(rows)
    return (found + found.T) / 2
