"""Linear mixed models for cohorts: cluster, cluster-period and person effects, people seen in several periods.

Fixed effects depend on the cell only, so each cluster enters the likelihood through T x T sums over its people: with
P the precision of one person's outcomes given the cluster and W the map from observations to cells,
    K = W'PW,  W'V^-1W = K (I + G K)^-1,  log|V| = log|P^-1| + log|I + K G|.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, pi, sqrt

import numpy as np
from scipy.optimize import minimize

from stepped_wedge.analysis.effects import EffectTerms, effect_terms
from stepped_wedge.analysis.returns import Returns
from stepped_wedge.analysis.two_way import Estimate
from stepped_wedge.refusals import CaseRefused, refuse_unless


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums over people, by the number of times a person was seen."""

    f: np.ndarray
    total: np.ndarray  # I x T sums of y
    n: np.ndarray
    squares: float
    times: np.ndarray  # K distinct numbers of observations
    people: np.ndarray  # K numbers of people
    pairs: np.ndarray  # K x I x T x T: sum of o o'
    cross: np.ndarray  # K x I x T: sum of o times the person's total
    person_squares: np.ndarray  # K: sum of squared totals
    reml: bool

    @property
    def freedom(self) -> float:
        return float(self.n.sum()) - (self.f.shape[2] if self.reml else 0)


@dataclass(frozen=True, eq=False)
class CohortFit:
    """A fitted cohort model; components tau2, gamma2, psi2 and residual."""

    terms: EffectTerms
    components: dict[str, float]
    boundary: tuple[str, ...]
    beta: np.ndarray
    covariance: np.ndarray
    log_likelihood: float
    method: str
    sums: _Sums

    @property
    def icc(self) -> float:
        parts = self.components
        return (parts["tau2"] + parts["gamma2"]) / sum(parts.values())

    @property
    def cac(self) -> float | None:
        clustered = self.components["tau2"] + self.components["gamma2"]
        return self.components["tau2"] / clustered if clustered else None

    @property
    def periods(self) -> np.ndarray:
        return self.beta[: -self.terms.columns.shape[2]]

    def estimate(
        self, estimand: str | Sequence[float] = "average", df: str = "satterthwaite", alpha: float = 0.05
    ) -> Estimate:
        contrast = self.terms.contrast(estimand)
        c = np.concatenate([np.zeros(len(self.beta) - len(contrast)), contrast])
        clusters = len(self.sums.n)
        if df == "kenward-roger":
            raise CaseRefused("df", "kenward-roger is not offered for cohort models; use satterthwaite")
        rules = {"clusters-minus-2": float(clusters - 2), "normal": float("inf")}
        freedom = _satterthwaite(self, c) if df == "satterthwaite" else rules.get(df)
        if freedom is None or freedom < 1:
            raise CaseRefused(
                "df", "must be satterthwaite, clusters-minus-2 or normal, and defined, for a cohort model"
            )
        return Estimate(float(c @ self.beta), sqrt(float(c @ self.covariance @ c)), freedom, alpha)


def fit_cohort(returns: Returns, effect: str = "single", *, reml: bool = True) -> CohortFit:
    """REML or ML fit with cluster, cluster-period and person effects; needs the column person_id."""
    sums, terms = _sums(returns, effect, reml)
    names = ("tau2", "gamma2", "psi2")

    def deviance(u: np.ndarray) -> float:
        return _deviance(sums, dict(zip(names, np.exp(u), strict=True)))[0]

    starts = [np.array([a, b, c]) for a in (-5.0, -2.0) for b in (-6.0, -3.0) for c in (-1.5, 0.5)]
    best = min(starts, key=deviance)
    found = minimize(deviance, best, method="L-BFGS-B", bounds=[(-25, 8)] * 3, options={"ftol": 1e-14, "gtol": 1e-8})
    simplex = np.vstack([found.x, found.x + 0.05 * np.eye(3)])
    found = minimize(
        deviance,
        found.x,
        method="Nelder-Mead",
        options={"xatol": 1e-8, "fatol": 1e-10, "maxiter": 2000, "initial_simplex": simplex},
    )
    ratios = dict(zip(names, np.exp(found.x).tolist(), strict=True))
    boundary = []
    for name in names:
        without = ratios | {name: 0.0}
        if _deviance(sums, without)[0] <= _deviance(sums, ratios)[0] + 1e-6:
            ratios = without
            boundary.append(name)
    value, residual, beta, phi = _deviance(sums, ratios)
    components = {name: ratio * residual for name, ratio in ratios.items()} | {"residual": residual}
    return CohortFit(
        terms, components, tuple(boundary), beta, phi * residual, -value / 2, "REML" if reml else "ML", sums
    )


def _sums(returns: Returns, effect: str, reml: bool) -> tuple[_Sums, EffectTerms]:
    persons = returns.persons
    if persons is None:
        raise CaseRefused("data.person_id", "is needed for a cohort model")
    design, seen = returns.design, returns.observed
    terms = effect_terms(design, effect)
    clusters, periods = design.x.shape
    f = np.concatenate([np.broadcast_to(np.eye(periods), (clusters, periods, periods)), terms.columns], axis=2)
    f = np.where(seen[:, :, None], f, 0.0)
    refuse_unless(
        np.linalg.matrix_rank(f[seen]) == f.shape[2], "data", "the effect is not identified beside the periods"
    )
    heads = int(persons.person.max()) + 1
    once = np.zeros((heads, periods))
    once[persons.person, persons.period] = 1.0
    whole = np.bincount(persons.person, weights=persons.y, minlength=heads)
    home = np.zeros(heads, dtype=int)
    home[persons.person] = persons.cluster
    many = once.sum(1).astype(int)
    times = np.unique(many[many > 0])
    refuse_unless(
        times.max() > 1, "data.person_id", "nobody is seen twice: the person effect cannot be told from the residual"
    )
    pairs = np.zeros((len(times), clusters, periods, periods))
    cross = np.zeros((len(times), clusters, periods))
    for k, count in enumerate(times):
        for i in range(clusters):
            chosen = (many == count) & (home == i)
            pairs[k, i] = once[chosen].T @ once[chosen]
            cross[k, i] = once[chosen].T @ whole[chosen]
    total, n = np.where(seen, returns.mean * returns.n, 0.0), np.where(seen, returns.n, 0.0)
    return _Sums(
        f,
        total,
        n,
        float((persons.y**2).sum()),
        times,
        np.array([(many == c).sum() for c in times]),
        pairs,
        cross,
        np.array([(whole[many == c] ** 2).sum() for c in times]),
        reml,
    ), terms


def _deviance(sums: _Sums, ratios: dict[str, float]) -> tuple[float, float, np.ndarray, np.ndarray]:
    """(deviance, residual variance, fixed effects, their covariance over the residual) at ratios to the residual."""
    length = sums.n.shape[1]
    psi = ratios["psi2"]
    share = psi / (1 + sums.times * psi)
    k = -np.einsum("k,kijl->ijl", share, sums.pairs)
    steps = np.arange(length)
    k[:, steps, steps] += sums.n
    h = sums.total - np.einsum("k,kij->ij", share, sums.cross)
    own = sums.squares - float(share @ sums.person_squares)
    g = ratios["tau2"] * np.ones((length, length)) + ratios["gamma2"] * np.eye(length)
    mixed = np.eye(length) + k @ g
    _, logdet = np.linalg.slogdet(mixed)
    s = np.linalg.solve(mixed, k)
    hv = np.linalg.solve(mixed, h[:, :, None])[:, :, 0]
    gram = np.einsum("ijp,ijk,ikq->pq", sums.f, s, sums.f, optimize=True)
    cross = np.einsum("ijp,ij->p", sums.f, hv)
    phi = np.linalg.inv(gram)
    beta = phi @ cross
    square = own - float(np.einsum("ij,jk,ik->", h, g, hv)) - float(cross @ beta)
    residual = square / sums.freedom
    deviance = sums.freedom * (log(2 * pi * residual) + 1) + float(
        logdet.sum() + sums.people @ np.log1p(sums.times * psi)
    )
    if sums.reml:
        deviance += float(np.linalg.slogdet(gram)[1])
    return deviance, residual, beta, phi


def _satterthwaite(fit: CohortFit, c: np.ndarray) -> float:
    """2 Var^2 / Var(Var) over the log components that are not on the boundary, by central differences."""
    names = [n for n in ("tau2", "gamma2", "psi2") if n not in fit.boundary]
    sums, residual = fit.sums, fit.components["residual"]
    at = np.log([*(fit.components[n] / residual for n in names), residual])

    def both(u: np.ndarray) -> tuple[float, float]:
        ratios = {"tau2": 0.0, "gamma2": 0.0, "psi2": 0.0} | dict(zip(names, np.exp(u[:-1]), strict=True))
        value, best, _, phi = _deviance(sums, ratios)
        scale = float(np.exp(u[-1]))
        profiled = value + sums.freedom * (log(scale) + best / scale - log(best) - 1)
        return profiled, float(c @ phi @ c) * scale

    size, step = len(at), 0.02
    hessian, gradient = np.zeros((size, size)), np.zeros(size)
    eye = np.eye(size) * step
    for a in range(size):
        gradient[a] = (both(at + eye[a])[1] - both(at - eye[a])[1]) / (2 * step)
        for b in range(a + 1):
            four = [both(at + p * eye[a] + q * eye[b])[0] for p, q in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
            hessian[a, b] = hessian[b, a] = (four[0] - four[1] - four[2] + four[3]) / (4 * step**2)
    variance = both(at)[1]
    return float(2 * variance**2 / (gradient @ np.linalg.pinv(hessian / 2, hermitian=True) @ gradient))
