"""One run of each method, as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isinf
from typing import Any

import numpy as np

from stepped_wedge.analysis.effects import RANDOM, EffectTerms
from stepped_wedge.analysis.gee import fit_gee
from stepped_wedge.analysis.generalised import GeneralisedFit, component_interval, fit_generalised
from stepped_wedge.analysis.mixed import MixedFit, ScatteredFit, fit_cohort, fit_mixed, fit_scattered
from stepped_wedge.analysis.mixed.intervals import interval_report, worth
from stepped_wedge.analysis.returns import Returns
from stepped_wedge.analysis.running.asking import Asked
from stepped_wedge.analysis.running.shuffling import permutation, permutation_json
from stepped_wedge.analysis.two_way import Estimate, fit_two_way
from stepped_wedge.refusals import CaseRefused, refuse_unless

WORTH_OF_ML = (
    "A generalised model is fitted by maximum likelihood, which makes variances a little small: simulated with 20 clusters, "
    "intervals of gamma2 missed the truth in 10% and of tau2 in 6% of trials at a nominal 5%."
)


def _randomisation(asked: Asked, returns: Returns) -> dict[str, Any]:
    return permutation_json(*permutation(asked.top, returns, asked.alpha, asked.crew))


def _lmm(asked: Asked, returns: Returns) -> dict[str, Any]:
    _refuse_link(asked.link, "lmm")
    structure = asked.structure or "nested-exchangeable"
    if asked.effect == RANDOM:
        return _scattered_json(asked, returns, fit_scattered(returns, structure, reml=asked.reml))
    return _mixed_json(asked, returns, fit_mixed(returns, structure, asked.effect, reml=asked.reml))


def _cohort(asked: Asked, returns: Returns) -> dict[str, Any]:
    _refuse_link(asked.link, "cohort-lmm")
    structure = asked.structure or "nested-exchangeable"
    return _mixed_json(asked, returns, fit_cohort(returns, asked.effect, structure=structure, reml=asked.reml))


def _mixed_json(asked: Asked, returns: Returns, fit: MixedFit) -> dict[str, Any]:
    df = asked.df or ("kenward-roger" if asked.reml else "satterthwaite")
    return {
        **_estimate_json(fit.estimate(asked.estimand, df, asked.alpha)),
        "model": {"correlation": fit.structure, "effect": asked.effect, "estimation": fit.method, "df": df},
        "components": fit.components,
        "on_the_boundary": list(fit.boundary),
        "icc": fit.icc,
        "cac": fit.cac,
        **({} if fit.iac is None else {"iac": fit.iac}),
        **(_mixed_intervals(fit, asked.alpha) if asked.intervals else {}),
        "log_likelihood": fit.log_likelihood,
        "period_effects": _periods(returns, fit.periods),
        **_curve(fit.terms, fit.beta, fit.covariance),
    }


def _mixed_intervals(fit: MixedFit, alpha: float) -> dict[str, Any]:
    return {
        "component_intervals": {
            "method": "profile likelihood",
            "level": 1 - alpha,
            **interval_report(fit, alpha),
            "worth": worth(len(fit.problem.y)),
        }
    }


def _scattered_json(asked: Asked, returns: Returns, fit: ScatteredFit) -> dict[str, Any]:
    refuse_unless(
        asked.estimand == "average",
        "model.estimand",
        f"{RANDOM} estimates the mean of the effects; for an effect at one exposure time use exposure-time",
    )
    df = asked.df or "exposure-times-minus-1"
    low, high = fit.interval_of_scatter(asked.alpha) if asked.intervals else (0.0, 0.0)
    intervals = {"method": "profile likelihood", "level": 1 - asked.alpha, "nu2": [low, None if isinf(high) else high]}
    return {
        **_estimate_json(fit.estimate(df, asked.alpha)),
        "model": {"correlation": fit.structure, "effect": RANDOM, "estimation": fit.method, "df": df},
        "components": fit.components,
        "on_the_boundary": list(fit.boundary),
        **({"component_intervals": intervals} if asked.intervals else {}),
        "log_likelihood": fit.log_likelihood,
        "period_effects": _periods(returns, fit.periods),
        "effect_by_exposure_time": _by_exposure_time(fit.levels, fit.effects, fit.effect_spread),
    }


def _glmm(asked: Asked, returns: Returns) -> dict[str, Any]:
    structure, df = asked.structure or "nested-exchangeable", asked.df or "clusters-minus-2"
    fit = fit_generalised(returns, asked.family, asked.link, structure, asked.effect, points=asked.points)
    return {
        **_estimate_json(fit.estimate(asked.estimand, df, asked.alpha), asked.link),
        "model": {
            "family": asked.family,
            "link": asked.link,
            "correlation": structure,
            "effect": asked.effect,
            "approximation": fit.approximation,
            "df": df,
        },
        "components": fit.components,
        "on_the_boundary": list(fit.boundary),
        "cac": fit.cac,
        **({} if fit.icc_latent is None else {"icc_latent": fit.icc_latent}),
        **(_generalised_intervals(fit, asked.alpha) if asked.intervals else {}),
        "log_likelihood": fit.log_likelihood,
        "period_effects": _periods(returns, fit.periods),
        **_curve(fit.terms, fit.beta, fit.covariance),
    }


def _generalised_intervals(fit: GeneralisedFit, alpha: float) -> dict[str, Any]:
    if fit.approximation != "laplace":
        return {}
    ends = {name: component_interval(fit, name, alpha) for name in fit.components}
    return {
        "component_intervals": {
            "method": "profile likelihood, Laplace",
            "level": 1 - alpha,
            **{name: [low, None if isinf(high) else high] for name, (low, high) in ends.items()},
            "worth": f"{worth(fit.clusters)} {WORTH_OF_ML}",
        }
    }


def _gee(asked: Asked, returns: Returns) -> dict[str, Any]:
    working, df = asked.structure or "exchangeable", asked.df or "clusters-minus-2"
    fit = fit_gee(returns, asked.family, asked.link, working, asked.effect, moments=asked.moments)
    covariance = fit.sandwiches.get(asked.correction)
    if covariance is None:
        raise CaseRefused(
            "corrections", f"{asked.correction} is not defined here: one cluster alone decides a parameter; use FG"
        )
    return {
        **_estimate_json(fit.estimate(asked.correction, df, asked.estimand, asked.alpha), asked.link),
        "model": {
            "family": asked.family,
            "link": asked.link,
            "correlation": working,
            "effect": asked.effect,
            "correction": asked.correction,
            "df": df,
        },
        "standard_errors": {name: fit.estimate(name, df, asked.estimand).se for name in fit.sandwiches},
        "dispersion": fit.dispersion,
        "alpha0": fit.alpha0,
        "alpha1": fit.alpha1,
        "period_effects": _periods(returns, fit.periods),
        **_curve(fit.terms, fit.beta, covariance),
    }


def _refuse_link(link: str, method: str) -> None:
    refuse_unless(
        link == "identity",
        "outcome.link",
        f"{method} takes the identity link (differences); use glmm or gee for {link}",
    )


def _two_way(asked: Asked, returns: Returns) -> dict[str, Any]:
    fit = fit_two_way(returns, asked.effect)
    answer = {
        **_estimate_json(fit.estimate(asked.estimand, asked.alpha)),
        "model": {
            "correlation": "cluster and period effects on cell means",
            "effect": asked.effect,
            "df": "two-way-residual",
        },
        "residual_variance_of_cells": fit.residual_variance,
        "period_effects": _periods(returns, fit.periods),
        **_curve(fit.terms, fit.coefficients, fit.covariance),
    }
    if asked.is_main and asked.effect == "single" and asked.top.get("permutation") is not False:
        try:
            answer["randomisation"] = permutation_json(*permutation(asked.top, returns, asked.alpha, asked.crew))
        except CaseRefused as problem:
            answer["randomisation"] = {"not_run": str(problem)}
    return answer


def _estimate_json(found: Estimate, link: str = "identity") -> dict[str, Any]:
    low, high = found.interval
    answer: dict[str, Any] = {
        "estimate": found.value,
        "se": found.se,
        "df": None if isinf(found.df) else found.df,
        "p": found.p,
        "interval": [low, high],
        "level": 1 - found.alpha,
    }
    if link in ("logit", "log"):
        name = "odds_ratio" if link == "logit" else "ratio"
        answer[name] = {"estimate": float(np.exp(found.value)), "interval": [float(np.exp(low)), float(np.exp(high))]}
    return answer


def _periods(returns: Returns, values: np.ndarray) -> dict[str, float]:
    return {name: float(v) for name, v in zip(returns.design.period_names, values, strict=True)}


def _curve(terms: EffectTerms, beta: np.ndarray, covariance: np.ndarray) -> dict[str, Any]:
    """The effect at each exposure time with its standard error, for models that have one."""
    if terms.kind == "single":
        return {}
    curve, size = terms.curve, terms.curve.shape[1]
    values, spread = curve @ beta[-size:], curve @ covariance[-size:, -size:] @ curve.T
    return {"effect_by_exposure_time": _by_exposure_time(terms.levels, values, np.diag(spread))}


def _by_exposure_time(levels: Sequence[int], values: np.ndarray, spread: np.ndarray) -> list[dict[str, float]]:
    return [
        {"periods_since_switch": int(s), "estimate": float(v), "se": float(np.sqrt(max(w, 0.0)))}
        for s, v, w in zip(levels, values, spread, strict=True)
    ]


RUNS: dict[str, Callable[[Asked, Returns], dict[str, Any]]] = {
    "two-way": _two_way,
    "randomisation": _randomisation,
    "lmm": _lmm,
    "cohort-lmm": _cohort,
    "glmm": _glmm,
    "gee": _gee,
}
