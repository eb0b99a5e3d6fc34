"""Effects that are random by exposure time: they scatter about one mean, the same at an exposure time in every cluster.

Maleyeff et al. 2023, between one effect for all exposure times and one for each:
    y = period + (mean + d_s) x + cluster effects + e,    d_s ~ N(0, nu2) at each exposure time s.
Clusters share d, so V = V0 + nu2 E E' with E the L columns of exposure times and V0 the blocks of `likelihood`:
    V^-1 = V0^-1 - V0^-1 E C E' V0^-1,    C = nu2 (I + nu2 W)^-1,    W = E' V0^-1 E,    log|V| = log|V0| + log|I + nu2 W|.
Everything beyond the blocks is L x L.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, inf, log, pi, sqrt

import numpy as np
from scipy.optimize import minimize
from scipy.special import chdtri

from stepped_wedge.analysis.effects import RANDOM, refuse_withdrawal
from stepped_wedge.analysis.mixed.intervals import crossing
from stepped_wedge.analysis.mixed.likelihood import blocks
from stepped_wedge.analysis.mixed.search import chain, decoded, lowest, without_what_is_zero
from stepped_wedge.analysis.mixed.structures import CORRELATIONS, STRUCTURES, cell_shapes
from stepped_wedge.analysis.mixed.sums import Problem, problem_of
from stepped_wedge.analysis.returns import Returns
from stepped_wedge.analysis.two_way import Estimate
from stepped_wedge.designs import exposure_columns, exposure_levels
from stepped_wedge.refusals import CaseRefused, refuse_unless

DF_METHODS = ("exposure-times-minus-1", "satterthwaite", "clusters-minus-2", "normal")
_STEP = 1e-4  # of a differenced slope, in free numbers
_FAR = 30  # steps of a factor e after which an interval is said to have no upper end


@dataclass(frozen=True, eq=False)
class _Point:
    """Everything at one value of the ratios to the residual variance, nu2 among them. phi, drawn: in units of the residual.

    deviations: best linear predictions of d. drawn: their prediction variances with the mean added, L.
    """

    deviance: float
    residual: float
    beta: np.ndarray
    phi: np.ndarray
    deviations: np.ndarray
    drawn: np.ndarray
    precision: np.ndarray  # I x T x T, the blocks of Z'V^-1 Z
    reach: np.ndarray  # I x T x p, Z'V^-1 F
    pulled: np.ndarray  # I x T, Z'V^-1 (y - F beta)
    shared: np.ndarray  # L x L, E'V^-1 E

    def deviance_at(self, freedom: float, residual: float) -> float:
        return self.deviance + freedom * (log(residual / self.residual) + self.residual / residual - 1)


def _evaluate(problem: Problem, columns: np.ndarray, ratios: Mapping[str, float]) -> _Point:
    nu, f, e = ratios["nu2"], problem.rows, columns.reshape(-1, columns.shape[2])
    at = blocks(problem, ratios, 1.0)
    se = at.s @ columns
    flat = se.reshape(e.shape)
    w = e.T @ flat
    mixed = np.eye(len(w)) + nu * w
    c = nu * np.linalg.inv(mixed)
    b = f.T @ flat
    reach = at.s @ problem.f - se @ (c @ b.T)
    gram = f.T @ reach.reshape(f.shape)
    phi = np.linalg.inv(gram)
    beta = phi @ (reach.reshape(f.shape).T @ problem.y.ravel())
    left = np.where(problem.seen, problem.y - problem.f @ beta, 0.0)
    deviations = c @ (flat.T @ left.ravel())
    pulled = (at.s @ left[:, :, None])[:, :, 0] - se @ deviations
    residual = (problem.within + float((left * pulled).sum())) / problem.freedom
    deviance = problem.freedom * (log(2 * pi * max(residual, 1e-300)) + 1) + at.logdet
    deviance += float(np.linalg.slogdet(mixed)[1])
    if problem.reml:
        deviance += float(np.linalg.slogdet(gram)[1])
    # (mean + d) less its prediction: the part of the mean that d takes over, and what remains of d
    mean = np.zeros(f.shape[1])
    mean[-1] = 1.0
    kept = mean[:, None] - b @ c
    drawn = np.einsum("pl,pq,ql->l", kept, phi, kept) + np.diag(c)
    precision = at.s - se @ c @ se.transpose(0, 2, 1)
    return _Point(deviance, residual, beta, phi, deviations, drawn, precision, reach, pulled, w - w @ c @ w)


def _slopes(
    problem: Problem, columns: np.ndarray, ratios: Mapping[str, float], at: _Point, residual: float
) -> dict[str, float]:
    """Derivative of the deviance by each ratio (and r, rho), the residual variance held at `residual`."""
    middle = at.precision - at.pulled[:, :, None] * (at.pulled / residual)[:, None, :]
    e = columns.reshape(-1, columns.shape[2])
    scatter = float(np.trace(at.shared)) - float(((e.T @ at.pulled.ravel()) ** 2).sum()) / residual
    if problem.reml:
        middle = middle - (at.reach @ at.phi) @ at.reach.transpose(0, 2, 1)
        crossed = e.T @ at.reach.reshape(len(e), -1)
        scatter -= float(((crossed @ at.phi) * crossed).sum())
    shapes = cell_shapes(problem.names, ratios, problem.x)
    return {name: float((middle * shape).sum()) for name, shape in shapes.items()} | {"nu2": scatter}


@dataclass(frozen=True, eq=False)
class ScatteredFit:
    """A fitted model with effects that are random by exposure time.

    components: variances (nu2 that of the effects over exposure times) and r or rho. boundary: components estimated as
    zero. beta: periods, then the mean effect. levels: exposure times. effects, effect_spread: the predicted effect at each
    and the variance of its error. log_likelihood as lme4 states it.
    """

    levels: tuple[int, ...]
    components: dict[str, float]
    boundary: tuple[str, ...]
    beta: np.ndarray
    covariance: np.ndarray
    effects: np.ndarray
    effect_spread: np.ndarray
    log_likelihood: float
    method: str
    structure: str
    problem: Problem = field(repr=False)
    columns: np.ndarray = field(repr=False)

    @property
    def periods(self) -> np.ndarray:
        return self.beta[:-1]

    def estimate(self, df: str = "exposure-times-minus-1", alpha: float = 0.05) -> Estimate:
        """The mean effect. Exposure times are what it averages over, so L - 1 is the default; see the README."""
        refuse_unless(
            df in DF_METHODS, "df", f"must be one of {', '.join(DF_METHODS)} where effects are random by exposure time"
        )
        freedom = inf
        if df == "exposure-times-minus-1":
            freedom = len(self.levels) - 1
        elif df == "clusters-minus-2":
            freedom = len(self.problem.y) - 2
        elif df == "satterthwaite":
            freedom = self._satterthwaite()
        return Estimate(float(self.beta[-1]), sqrt(float(self.covariance[-1, -1])), float(freedom), alpha)

    def _satterthwaite(self) -> float:
        """2 Var^2 / Var(Var), with the observed information, both by differences."""
        gone = {*self.boundary, *(("rho",) if self.boundary else ()), *(("r",) if "tau2" in self.boundary else ())}
        names = tuple(n for n in self.components if n not in gone)
        here = _encoded(names, self.components)

        def both(u: np.ndarray) -> tuple[np.ndarray, float]:
            values = self.components | decoded(names, u)
            residual, ratios = values["residual"], _ratios(values)
            at = _evaluate(self.problem, self.columns, ratios)
            slope = _by_values(names, ratios, _slopes(self.problem, self.columns, ratios, at, residual))
            if "residual" in names:
                slope["residual"] += self.problem.freedom * (1 - at.residual / residual)
            return np.array([slope[n] for n in names]), float(at.phi[-1, -1] * residual)

        ends = [(both(here + step), both(here - step)) for step in np.eye(len(names)) * _STEP]
        slope = np.array([(up[1] - down[1]) / (2 * _STEP) for up, down in ends])
        curved = np.array([(up[0] - down[0]) / (2 * _STEP) for up, down in ends])
        curved = (curved + curved.T) / 4
        refuse_unless(
            np.linalg.eigvalsh(curved).min() > 0, "df", "satterthwaite is not defined here; use exposure-times-minus-1"
        )
        return float(2 * self.covariance[-1, -1] ** 2 / (slope @ np.linalg.solve(curved, slope)))

    def interval_of_scatter(self, alpha: float = 0.05) -> tuple[float, float]:
        """Profile likelihood interval of nu2; inf where it has no upper end."""
        profile = _Profile(self)
        room = sqrt(float(chdtri(1, alpha)))

        def above(z: float) -> float:
            return sqrt(max(profile.cost(exp(z)), 0.0)) - room

        here = log(max(self.components["nu2"], 1e-6 * self.components["residual"]))
        low = 0.0
        if "nu2" not in self.boundary and profile.cost(0.0) >= room**2:
            down = here - 1.0
            while (value := above(down)) < 0:
                down -= 1.0
            low = exp(crossing(above, (here, -room), (down, value)))
        near, short = here, -room
        for _ in range(_FAR):
            far = near + 1.0
            if (value := above(far)) > 0:
                return low, exp(crossing(above, (near, short), (far, value)))
            near, short = far, value
        return low, inf


class _Profile:
    """How much the deviance rises when nu2 has a value and the rest is at its best; begins where it was last."""

    def __init__(self, fit: ScatteredFit) -> None:
        self.problem, self.columns, self.best = fit.problem, fit.columns, -2 * fit.log_likelihood
        self.free = tuple(fit.problem.names)
        self.start = np.append(_encoded(self.free, _ratios(fit.components), 1e-6), log(fit.components["residual"]))

    def cost(self, nu2: float) -> float:
        def objective(u: np.ndarray) -> tuple[float, np.ndarray]:
            # nu2 is held as a variance, so its ratio follows from the residual
            residual = exp(u[-1])
            ratios = {**decoded(self.free, u[:-1]), "nu2": nu2 / residual}
            at = _evaluate(self.problem, self.columns, ratios)
            found = _slopes(self.problem, self.columns, ratios, at, residual)
            slope = chain(self.free, ratios) * [found[n] for n in self.free]
            last = self.problem.freedom * (1 - at.residual / residual) - ratios["nu2"] * found["nu2"]
            return at.deviance_at(self.problem.freedom, residual), np.append(slope, last)

        found = minimize(
            objective,
            self.start,
            jac=True,
            method="L-BFGS-B",
            bounds=[(z - 25, z + 25) for z in self.start],
            options={"ftol": 1e-12, "gtol": 1e-6},
        )
        self.start = found.x
        return float(found.fun) - self.best


def fit_scattered(returns: Returns, structure: str = "nested-exchangeable", *, reml: bool = True) -> ScatteredFit:
    """Fit by REML (or ML). Needs three exposure times: the scatter of two cannot be told from their mean."""
    refuse_unless(structure in STRUCTURES, "model.correlation", f"must be one of {', '.join(STRUCTURES)}")
    refuse_unless(
        returns.kind != "rates", "method", "a linear mixed model needs individuals, shares or means, not rates"
    )
    problem, _ = problem_of(returns, "single", STRUCTURES[structure], reml, with_people=False)
    levels = tuple(int(s) for s in exposure_levels(returns.design))
    refuse_withdrawal(returns.design)
    columns = np.where(problem.seen[:, :, None], exposure_columns(returns.design), 0.0)
    refuse_unless(
        len(levels) >= 3, "model.effect", f"{RANDOM} needs three exposure times; there are {len(levels)}: use single"
    )
    names = (*problem.names, "nu2")
    whole = np.concatenate([problem.f, columns], axis=2)[problem.seen]
    if np.linalg.matrix_rank(whole) - np.linalg.matrix_rank(problem.f[problem.seen]) < 2:
        raise CaseRefused("model.effect", f"{RANDOM}: exposure times cannot be told from periods in this layout")
    ratios, at, boundary = without_what_is_zero(
        names,
        lambda fixed: _minimised(problem, columns, names, fixed),
        lambda found: _evaluate(problem, columns, found),
    )
    components = {n: (v if n in CORRELATIONS else v * at.residual) for n, v in ratios.items()}
    return ScatteredFit(
        levels,
        components | {"residual": at.residual},
        boundary,
        at.beta,
        at.phi * at.residual,
        at.beta[-1] + at.deviations,
        at.drawn * at.residual,
        -at.deviance / 2,
        "REML" if reml else "ML",
        structure,
        problem,
        columns,
    )


def _minimised(
    problem: Problem, columns: np.ndarray, names: Sequence[str], fixed: dict[str, float]
) -> tuple[dict[str, float], _Point]:
    free = [n for n in names if n not in fixed]
    if not free:
        return fixed, _evaluate(problem, columns, fixed)

    def objective(u: np.ndarray) -> tuple[float, np.ndarray]:
        ratios = fixed | decoded(free, u)
        at = _evaluate(problem, columns, ratios)
        slope = _slopes(problem, columns, ratios, at, at.residual)
        return at.deviance, chain(free, ratios) * [slope[n] for n in free]

    ratios = fixed | decoded(free, lowest(free, objective))
    return {n: ratios[n] for n in names}, _evaluate(problem, columns, ratios)


def _by_values(names: Sequence[str], ratios: Mapping[str, float], slopes: Mapping[str, float]) -> dict[str, float]:
    """Slopes by the free numbers of the components themselves: moving the residual moves every ratio the other way."""
    chained = dict(zip(slopes, chain(tuple(slopes), ratios) * list(slopes.values()), strict=True))
    moving = [chained[n] for n in slopes if n not in CORRELATIONS]
    return {n: chained[n] for n in names if n != "residual"} | {"residual": -float(sum(moving))}


def _ratios(values: Mapping[str, float]) -> dict[str, float]:
    return {n: v if n in CORRELATIONS else v / values["residual"] for n, v in values.items() if n != "residual"}


def _encoded(names: Sequence[str], values: Mapping[str, float], floor: float = 1e-12) -> np.ndarray:
    """The free numbers that `decoded` reads."""
    line = {"r": lambda v: log(v / (1 - v)), "rho": lambda v: float(np.arctanh(v))}
    return np.array([line[n](values[n]) if n in line else log(max(values[n], floor)) for n in names])
