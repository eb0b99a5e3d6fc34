"""Generalised estimating equations with small-sample sandwiches, through p x p matrices and cell sums only.

Working correlation of people: exchangeable (alpha), or nested exchangeable (alpha0 within, alpha1 between periods).
With Q_i = (D_i'V_i^-1 D_i) M, M = (sum D'V^-1 D)^-1 and g_i = D_i'V_i^-1 r_i: Liang & Zeger 1986 use g; Kauermann &
Carroll 2001 (I - Q)^-1/2 g; Mancl & DeRouen 2001 (I - Q)^-1 g; Fay & Graubard 2001 diag(1 - min(3/4, Q_jj))^-1/2 g;
Morel, Bokossa & Neerchal 2003 enlarge the plain sandwich and add a share of the model-based covariance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.special import expit, logit

from stepped_wedge.analysis.effects import EffectTerms, effect_terms
from stepped_wedge.analysis.returns import Returns
from stepped_wedge.analysis.two_way import Estimate
from stepped_wedge.refusals import CaseRefused, refuse_unless

CORRECTIONS = ("LZ", "KC", "MD", "FG", "MBN")
WORKING = ("independence", "exchangeable", "nested-exchangeable")
MOMENTS = ("adjusted", "unadjusted")


@dataclass(frozen=True, eq=False)
class GeeFit:
    """A fitted marginal model. sandwiches: covariance of the coefficients by correction; effects come last."""

    terms: EffectTerms
    beta: np.ndarray
    sandwiches: dict[str, np.ndarray]
    model_based: np.ndarray
    dispersion: float
    alpha0: float
    alpha1: float
    link: str
    clusters: int

    def estimate(
        self,
        correction: str = "KC",
        df: str = "clusters-minus-2",
        estimand: str | Sequence[float] = "average",
        alpha: float = 0.05,
    ) -> Estimate:
        refuse_unless(correction in CORRECTIONS, "corrections", f"must be among {', '.join(CORRECTIONS)}")
        contrast = self.terms.contrast(estimand)
        c = np.concatenate([np.zeros(len(self.beta) - len(contrast)), contrast])
        rules = {
            "clusters-minus-2": self.clusters - 2,
            "between-within": self.clusters - len(self.beta),
            "normal": float("inf"),
        }
        refuse_unless(df in rules, "df", f"must be one of {', '.join(rules)}")
        refuse_unless(
            rules[df] >= 1, "df", f"{df} degrees of freedom are {rules[df]}: not defined; use clusters-minus-2"
        )
        variance = float(c @ self.sandwiches[correction] @ c)
        return Estimate(float(c @ self.beta), sqrt(variance), float(rules[df]), alpha)

    @property
    def periods(self) -> np.ndarray:
        return self.beta[: -self.terms.columns.shape[2]]


@dataclass(frozen=True, eq=False)
class _Marginal:
    """Cells of a marginal model; a count cell is one observation with an offset."""

    f: np.ndarray
    y: np.ndarray
    n: np.ndarray
    within: np.ndarray
    offset: np.ndarray
    seen: np.ndarray
    family: str
    link: str

    def level(self, beta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(mean, its derivative by the linear predictor, variance function) of every cell."""
        eta = np.where(self.seen, self.f @ beta + self.offset, 0.0)
        if self.link == "logit":
            mu = expit(eta)
            slope = mu * (1 - mu)
        elif self.link == "log":
            mu = np.exp(np.clip(eta, -700, 700))
            slope = mu
        else:
            mu, slope = eta, np.ones_like(eta)
        variance = {"gaussian": np.ones_like(mu), "binomial": mu * (1 - mu), "poisson": mu}[self.family]
        inside = variance[self.seen]
        if inside.min() <= 0:
            raise CaseRefused("outcome.link", "fitted means leave the range of the outcome: use another link")
        return mu, slope, variance


def fit_gee(
    returns: Returns,
    family: str = "gaussian",
    link: str = "identity",
    working: str = "exchangeable",
    effect: str = "single",
    *,
    moments: str = "adjusted",
    rounds: int = 100,
) -> GeeFit:
    """Fit by Fisher scoring with moment estimates of the correlations.

    moments: "adjusted" divides by observations (pairs) minus p, as Liang & Zeger; "unadjusted" by their number.
    Refused when there are no more clusters than regression parameters: the sandwich then has no meaning.
    """
    refuse_unless(working in WORKING, "model.correlation", f"a GEE takes {', '.join(WORKING)}")
    refuse_unless(moments in MOMENTS, "model.moments", f"must be one of {', '.join(MOMENTS)}")
    model, terms = _marginal(returns, family, link, effect)
    clusters, parameters = model.y.shape[0], model.f.shape[2]
    refuse_unless(
        clusters > parameters,
        "method",
        f"{clusters} clusters and {parameters} regression parameters: a GEE sandwich does not stand here; "
        "use two-way with randomisation inference",
    )
    beta, alphas, dispersion = _start(model), (0.0, 0.0), 1.0
    for _ in range(rounds):
        gram, score = _equations(model, beta, alphas)
        move = np.linalg.solve(gram.sum(0), score.sum(0))
        beta = beta + move
        before = alphas
        dispersion, alphas = _moments(model, beta, working, moments)
        settled = max(abs(a - b) for a, b in zip(alphas, before, strict=True)) < 1e-10
        if np.abs(move).max() < 1e-10 * (1 + np.abs(beta).max()) and settled:
            break
    else:
        raise CaseRefused("model", f"the estimating equations did not settle in {rounds} rounds")
    gram, score = _equations(model, beta, alphas)
    back = np.linalg.inv(gram.sum(0))
    found = _sandwiches(gram, score, back)
    found["MBN"] = _inflated(found["LZ"], back * dispersion, clusters, float(model.n[model.seen].sum()))
    return GeeFit(terms, beta, found, back * dispersion, dispersion, *alphas, link, clusters)


def _marginal(returns: Returns, family: str, link: str, effect: str) -> tuple[_Marginal, EffectTerms]:
    design, seen = returns.design, returns.observed
    terms = effect_terms(design, effect)
    clusters, periods = design.x.shape
    f = np.concatenate([np.broadcast_to(np.eye(periods), (clusters, periods, periods)), terms.columns], axis=2)
    f = np.where(seen[:, :, None], f, 0.0)
    refuse_unless(
        np.linalg.matrix_rank(f[seen]) == f.shape[2], "data", "the effect is not identified beside the periods"
    )
    y, n, within = np.where(seen, returns.mean, 0.0), returns.n, returns.within
    offset = np.zeros_like(y)
    if family == "poisson":
        refuse_unless(link == "log", "outcome.link", "counts take the log link")
        if returns.kind == "rates":
            offset = np.log(np.where(seen, n, 1.0))
            y, n, within = returns.events, seen.astype(float), np.zeros_like(y)
    return _Marginal(f, y, np.where(seen, n, 1.0), within, offset, seen, family, link), terms


def _start(model: _Marginal) -> np.ndarray:
    smooth = np.where(model.seen, model.y, 0.0)
    if model.link == "logit":
        smooth = logit(np.clip((model.n * model.y + 0.5) / (model.n + 1), 1e-6, 1 - 1e-6))
    elif model.link == "log":
        smooth = np.log(np.maximum(model.y, 0) + 0.1 * max(float(model.y[model.seen].mean()), 1e-12)) - model.offset
    return np.linalg.lstsq(model.f[model.seen], smooth[model.seen], rcond=None)[0]


def _equations(model: _Marginal, beta: np.ndarray, alphas: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """(D'V^-1 D, D'V^-1 r) of every cluster: I x p x p and I x p."""
    mu, slope, variance = model.level(beta)
    root = np.sqrt(np.where(model.seen, variance, 1.0))
    d = (slope / root)[:, :, None] * model.f
    left = np.where(model.seen, (model.y - mu) / root, 0.0)
    own, shared = alphas
    # Woodbury on cells: diag((1-alpha0)/n + alpha0 - alpha1) + alpha1 1 1'
    independent = (1 - own) / model.n + own - shared
    refuse_unless(
        independent[model.seen].min() > 0, "model.correlation", "the estimated correlations are not positive definite"
    )
    weight = np.where(model.seen, 1 / independent, 0.0)
    wd, total = weight[:, :, None] * d, weight.sum(1)
    grown = 1 + shared * total
    refuse_unless(grown.min() > 0, "model.correlation", "the estimated correlations are not positive definite")
    shrink = shared / grown
    sums, level = wd.sum(1), (weight * left).sum(1)
    gram = d.transpose(0, 2, 1) @ wd - shrink[:, None, None] * sums[:, :, None] * sums[:, None, :]
    score = np.einsum("ijp,ij->ip", wd, left) - (shrink * level)[:, None] * sums
    return gram, score


def _moments(model: _Marginal, beta: np.ndarray, working: str, moments: str) -> tuple[float, tuple[float, float]]:
    mu, _, variance = model.level(beta)
    v = np.where(model.seen, variance, 1.0)
    n = np.where(model.seen, model.n, 0.0)
    sums = np.where(model.seen, n * (model.y - mu) / np.sqrt(v), 0.0)
    squares = np.where(model.seen, (model.within + n * (model.y - mu) ** 2) / v, 0.0)
    spent = model.f.shape[2] if moments == "adjusted" else 0
    dispersion = float(squares.sum() / (n.sum() - spent))
    if working == "independence":
        return dispersion, (0.0, 0.0)
    inside, whole = float((sums**2 - squares).sum() / 2), float((sums.sum(1) ** 2 - squares.sum(1)).sum() / 2)
    pairs_in, pairs_all = float((n * (n - 1)).sum() / 2), float((n.sum(1) * (n.sum(1) - 1)).sum() / 2)
    if working == "exchangeable":
        alpha = whole / dispersion / (pairs_all - spent)
        return dispersion, (alpha, alpha)
    refuse_unless(pairs_in > spent, "model.correlation", "nested correlation needs several people in a cell")
    return dispersion, (
        inside / dispersion / (pairs_in - spent),
        (whole - inside) / dispersion / (pairs_all - pairs_in - spent),
    )


def _sandwiches(gram: np.ndarray, score: np.ndarray, back: np.ndarray) -> dict[str, np.ndarray]:
    root, unroot = _roots(back)
    identity = np.eye(len(back))
    q = gram @ back
    found = {"LZ": score}
    # Q = B M is similar to the symmetric M^1/2 B M^1/2, so its inverse root is exact
    values, vectors = np.linalg.eigh(root @ gram @ root)
    room = 1 - values
    if room.min() > 1e-12:
        halves = (vectors / np.sqrt(room)[:, None, :]) @ vectors.transpose(0, 2, 1)
        found["KC"] = np.einsum("pq,iqr,rs,is->ip", unroot, halves, root, score, optimize=True)
        found["MD"] = np.linalg.solve(identity - q, score[:, :, None])[:, :, 0]
    diagonal = np.minimum(0.75, np.einsum("ipp->ip", q))
    found["FG"] = score / np.sqrt(1 - diagonal)
    return {name: back @ (g.T @ g) @ back for name, g in found.items()}


def _inflated(plain: np.ndarray, model_based: np.ndarray, clusters: int, observations: float) -> np.ndarray:
    """Morel, Bokossa & Neerchal: c LZ + d f M, with f at least 1 and d at most one half."""
    width = len(plain)
    scale = (observations - 1) / (observations - width) * clusters / (clusters - 1)
    effect = max(1.0, scale * float(np.trace(np.linalg.solve(model_based, plain))) / width)
    return scale * plain + min(0.5, width / (clusters - width)) * effect * model_based


def _roots(back: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values, vectors = np.linalg.eigh((back + back.T) / 2)
    return (vectors * np.sqrt(values)) @ vectors.T, (vectors / np.sqrt(values)) @ vectors.T
