"""`analyse`: a specification and returns in, one answer out. Same input, same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isinf
from typing import Any

import numpy as np

from stepped_wedge.allocations import ENUMERATE_UP_TO, Space, all_allocations, sample_space
from stepped_wedge.analysis.choices import METHODS, advise, refuse_unless_it_stands
from stepped_wedge.analysis.cohort import fit_cohort
from stepped_wedge.analysis.effects import EffectTerms
from stepped_wedge.analysis.gee import CORRECTIONS, fit_gee
from stepped_wedge.analysis.generalised import fit_generalised
from stepped_wedge.analysis.mixed import fit_mixed
from stepped_wedge.analysis.randomisation import RandomisationTest, randomisation_test
from stepped_wedge.analysis.returns import Returns
from stepped_wedge.analysis.two_way import Estimate, fit_two_way
from stepped_wedge.cases import read_design
from stepped_wedge.draws import Draft, draft
from stepped_wedge.keys import Keys
from stepped_wedge.refusals import CaseRefused, refuse_unless

SPEC = {
    "outcome",
    "method",
    "model",
    "estimation",
    "df",
    "corrections",
    "permutation",
    "alpha",
    "treatment",
    "design",
    "title",
    "estimand",
    "also",
}


def analyse(spec: Mapping[str, Any], returns: Returns) -> dict[str, Any]:
    """Run a pre-specified analysis. Keys of `spec` are in the README; unknown ones are refused with their path."""
    try:
        return _analyse(spec, returns)
    except np.linalg.LinAlgError as problem:
        raise CaseRefused("data", f"these returns do not carry the model that was asked for ({problem})") from problem


def _analyse(spec: Mapping[str, Any], returns: Returns) -> dict[str, Any]:
    refuse_unless(isinstance(spec, Mapping), "spec", "must be a JSON object")
    top = Keys(spec, "")
    top.refuse_unknown(SPEC)
    returns = _treatment(top, returns)
    clusters = returns.design.cluster_count
    advice = advise(clusters)
    method = _method(top)
    if method == "default":
        method = advice.primary
    answer: dict[str, Any] = {"method": method, "advice": advice.why, "used": returns.counts()}
    if method == "describe":
        return answer | {"cells": describe(returns)}
    refuse_unless(method in METHODS, "method", f"must be default, describe or one of {', '.join(METHODS)}")
    answer |= _run(method, top, returns)
    also = top.get("also", list(advice.support) if top.word("method") in (None, "default") else [])
    refuse_unless(
        isinstance(also, list) and all(each in METHODS for each in also),
        "also",
        f"must be a list from {', '.join(METHODS)}",
    )
    beside: dict[str, Any] = {}
    for other in also:
        if other == method or (other == "randomisation" and "randomisation" in answer):
            continue
        try:
            beside[other] = _run(other, top, returns, main=False)
        except CaseRefused as problem:
            beside[other] = {"not_run": str(problem)}
    if beside:
        answer["beside"] = beside
    return answer


_ALIASES = {"cell-means": "two-way", "ols": "two-way", "permutation": "randomisation", "mixed": "lmm"}


def _method(top: Keys) -> str:
    said = str(top.word("method", "default"))
    return _ALIASES.get(said, said)


def with_record(spec: Mapping[str, Any], record: Any) -> dict[str, Any]:
    """The specification with the allocations of a record for its randomisation test, unless it has them already."""
    told = spec.get("permutation")
    if isinstance(told, str):
        told = {"statistic": told}
    if told is False or (isinstance(told, Mapping) and told.get("record") is not None):
        return dict(spec)
    return {**spec, "permutation": {**(told or {}), "record": record}}


def describe(returns: Returns) -> list[dict[str, Any]]:
    """One row a cell: what was returned."""
    design = returns.design
    return [
        {
            "cluster": design.cluster_names[i],
            "period": design.period_names[j],
            "treat": float(design.x[i, j]),
            "n": float(returns.n[i, j]),
            "mean": float(returns.mean[i, j]),
        }
        for i, j in np.argwhere(returns.observed)
    ]


def _treatment(top: Keys, returns: Returns) -> Returns:
    """As recorded in the data (as implemented), or as randomised by the sequence of the design."""
    way = top.word("treatment", "as-recorded")
    refuse_unless(way in ("as-recorded", "as-randomised"), "treatment", "must be as-recorded or as-randomised")
    if way == "as-recorded":
        return returns
    rows = _rows(top, returns)
    if returns.sequences is None:
        raise CaseRefused("treatment", "as-randomised needs the column sequence in the data")
    return returns.treated_as(rows[np.array(returns.sequences)])


def _rows(top: Keys, returns: Returns) -> np.ndarray:
    """S x T: the planned layout of each sequence, from the design of the specification or from the data."""
    if top.has("design"):
        design = read_design(top.part("design"))
        rows = design.rows_of_sequences()
        refuse_unless(
            rows.shape[1] == returns.design.period_count,
            "design.periods",
            f"the design has {rows.shape[1]} periods, the data {returns.design.period_count}",
        )
        refuse_unless(
            returns.sequences is None or max(returns.sequences) < len(rows),
            "design",
            "the data hold more sequences than the design",
        )
        return rows
    return _rows_from_data(returns)


def _rows_from_data(returns: Returns) -> np.ndarray:
    sequences = returns.sequences
    x = returns.design.x
    if sequences is None:
        refuse_unless(
            returns.design.is_complete, "design", "with lost cells the planned design is needed for randomisation"
        )
        return returns.design.rows_of_sequences()
    rows = np.full((max(sequences) + 1, x.shape[1]), np.nan)
    for i, s in enumerate(sequences):
        known = ~np.isnan(x[i])
        clash = known & ~np.isnan(rows[s]) & (rows[s] != x[i])
        refuse_unless(
            not clash.any(),
            "design",
            "clusters of one sequence were treated differently: give the planned design and treatment as-randomised",
        )
        rows[s, known] = x[i, known]
    return rows


_STRUCTURES = {"hussey-hughes": "exchangeable", "nested": "nested-exchangeable", "decay": "discrete-time-decay"}


@dataclass(frozen=True, eq=False)
class _Asked:
    """What the specification says about one run. df and structure None: the method's own default."""

    top: Keys
    family: str
    link: str
    structure: str | None
    effect: str
    estimand: str | Sequence[float]
    points: int
    moments: str
    alpha: float
    reml: bool
    df: str | None
    correction: str
    is_main: bool


def _run(method: str, top: Keys, returns: Returns, main: bool = True) -> dict[str, Any]:
    asked = _read_asked(top, main)
    correction = asked.correction if main else None
    refuse_unless_it_stands(method, returns.design.cluster_count, asked.structure, correction, asked.df)
    runs = {
        "two-way": _two_way,
        "randomisation": _randomisation,
        "lmm": _lmm,
        "cohort-lmm": _cohort,
        "glmm": _glmm,
        "gee": _gee,
    }
    return runs[method](asked, returns)


def _read_asked(top: Keys, main: bool) -> _Asked:
    named = top.get("outcome")
    told = Keys({"family": named}, "outcome") if isinstance(named, str) else top.part("outcome", needed=False)
    family = str(told.word("family", "gaussian"))
    link = str(told.word("link", {"binomial": "logit", "poisson": "log"}.get(family, "identity")))
    told.refuse_unknown()
    said = top.get("model")
    model = Keys({"correlation": said}, "model") if isinstance(said, str) else top.part("model", needed=False)
    structure, effect = _STRUCTURES.get(said := model.word("correlation"), said), str(model.word("effect", "single"))
    estimand = _estimand(model, top)
    points, moments = int(model.number("points", 1) or 1), str(model.word("moments", "adjusted"))
    model.refuse_unknown()
    alpha = top.number("alpha", 0.05) or 0.0
    refuse_unless(0 < alpha < 1, "alpha", "must lie between 0 and 1")
    estimation = str(top.word("estimation", "REML")).upper()
    refuse_unless(estimation in ("REML", "ML"), "estimation", "must be REML or ML")
    df, correction = top.word("df"), _corrections(top)[0]
    return _Asked(
        top,
        family,
        link,
        structure if main else None,
        effect,
        estimand,
        points,
        moments,
        alpha,
        estimation == "REML",
        df if main else None,
        correction if main or correction != "LZ" else "KC",
        main,
    )


def _randomisation(asked: _Asked, returns: Returns) -> dict[str, Any]:
    return _permutation_json(*_permutation(asked.top, returns, asked.alpha))


def _lmm(asked: _Asked, returns: Returns) -> dict[str, Any]:
    _refuse_link(asked.link, "lmm")
    fit = fit_mixed(returns, asked.structure or "nested-exchangeable", asked.effect, reml=asked.reml)
    df = asked.df or ("kenward-roger" if asked.reml else "satterthwaite")
    return {
        **_estimate_json(fit.estimate(asked.estimand, df, asked.alpha)),
        "model": {"correlation": fit.structure, "effect": asked.effect, "estimation": fit.method, "df": df},
        "components": fit.components,
        "on_the_boundary": list(fit.boundary),
        "icc": fit.icc,
        "cac": fit.cac,
        "log_likelihood": fit.log_likelihood,
        "period_effects": _periods(returns, fit.periods),
        **_curve(fit.terms, fit.beta, fit.covariance),
    }


def _cohort(asked: _Asked, returns: Returns) -> dict[str, Any]:
    _refuse_link(asked.link, "cohort-lmm")
    fit = fit_cohort(returns, asked.effect, reml=asked.reml)
    df = asked.df or "satterthwaite"
    return {
        **_estimate_json(fit.estimate(asked.estimand, df, asked.alpha)),
        "model": {"correlation": "nested+person", "effect": asked.effect, "estimation": fit.method, "df": df},
        "components": fit.components,
        "on_the_boundary": list(fit.boundary),
        "icc": fit.icc,
        "cac": fit.cac,
        "log_likelihood": fit.log_likelihood,
        "period_effects": _periods(returns, fit.periods),
        **_curve(fit.terms, fit.beta, fit.covariance),
    }


def _glmm(asked: _Asked, returns: Returns) -> dict[str, Any]:
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
        "log_likelihood": fit.log_likelihood,
        "period_effects": _periods(returns, fit.periods),
        **_curve(fit.terms, fit.beta, fit.covariance),
    }


def _gee(asked: _Asked, returns: Returns) -> dict[str, Any]:
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


def _estimand(model: Keys, top: Keys) -> str | Sequence[float]:
    given = model.get("estimand", top.get("estimand", "average"))
    refuse_unless(isinstance(given, str | list), "model.estimand", "must be a name or a list of weights")
    return given


def _corrections(top: Keys) -> list[str]:
    given = top.get("corrections", ["KC"])
    wanted = [given] if isinstance(given, str) else given
    refuse_unless(
        isinstance(wanted, list) and wanted and all(each in CORRECTIONS for each in wanted),
        "corrections",
        f"must be from {', '.join(CORRECTIONS)}",
    )
    return wanted


def _refuse_link(link: str, method: str) -> None:
    refuse_unless(
        link == "identity",
        "outcome.link",
        f"{method} takes the identity link (differences); use glmm or gee for {link}",
    )


def _two_way(asked: _Asked, returns: Returns) -> dict[str, Any]:
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
            answer["randomisation"] = _permutation_json(*_permutation(asked.top, returns, asked.alpha))
        except CaseRefused as problem:
            answer["randomisation"] = {"not_run": str(problem)}
    return answer


def _permutation(top: Keys, returns: Returns, alpha: float) -> tuple[RandomisationTest, bool]:
    """The test, and whether its allocations are a sample of those that could have been drawn."""
    named = top.get("permutation")
    told = (
        Keys({"statistic": named}, "permutation") if isinstance(named, str) else top.part("permutation", needed=False)
    )
    statistic = str(told.word("statistic", "two-way"))
    null = told.number("null", 0.0) or 0.0
    record, sample, seed = told.get("record"), told.number("sample", 100_000), told.number("seed", 1)
    told.refuse_unknown()
    rows = _rows(top, returns)
    observed = _observed_sequences(returns, rows)
    slots = np.bincount(observed, minlength=len(rows)).tolist()
    space = Space(returns.design.cluster_names, tuple(slots)) if min(slots) > 0 else None
    is_sample = False
    if record is not None:
        allocations = _from_record(record, returns.design.cluster_names)
    elif space is not None and space.size_without_constraints > ENUMERATE_UP_TO:
        is_sample = True
        drawn = sample_space(space, int(sample or 0), np.random.Generator(np.random.PCG64(int(seed or 0))))
        allocations = np.vstack([drawn[~(drawn == observed).all(1)], observed])
    else:
        allocations = all_allocations(slots)
    test = randomisation_test(returns, rows, observed, allocations, statistic=statistic, null=null, alpha=alpha)
    return test, is_sample


def _from_record(record: Any, names: Sequence[str]) -> np.ndarray:
    """The allocations that a committed specification could have drawn, columns in the order of the data."""
    refuse_unless(
        isinstance(record, Mapping) and "spec" in record, "permutation.record", "must be a committed or public record"
    )
    checked: Draft = draft(record["spec"])
    refuse_unless(
        set(checked.space.clusters) == set(names),
        "permutation.record",
        "the clusters of the record are not the clusters of the data",
    )
    columns = [checked.space.clusters.index(name) for name in names]
    return checked.candidates().allocations[:, columns]


def _observed_sequences(returns: Returns, rows: np.ndarray) -> np.ndarray:
    if returns.sequences is not None:
        return np.array(returns.sequences)
    found = []
    for row in returns.design.x:
        known = ~np.isnan(row)
        fits = [s for s, planned in enumerate(rows) if np.array_equal(planned[known], row[known])]
        refuse_unless(
            len(fits) == 1, "data.sequence", "is needed: the treatment alone does not tell which sequence a cluster had"
        )
        found.append(fits[0])
    return np.array(found)


def _permutation_json(test: RandomisationTest, is_sample: bool) -> dict[str, Any]:
    return {
        "statistic": test.statistic,
        "estimate": test.estimate,
        "p": test.p,
        "interval": [_bound(edge) for edge in test.interval],
        "allocations": test.allocations,
        "smallest_p": test.smallest_p,
        "allocations_are_a_sample": is_sample,
    }


def _bound(value: float) -> float | None:
    return None if isinf(value) else float(value)


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
    return {
        "effect_by_exposure_time": [
            {"periods_since_switch": int(s), "estimate": float(v), "se": float(np.sqrt(max(spread[k, k], 0.0)))}
            for k, (s, v) in enumerate(zip(terms.levels, values, strict=True))
        ]
    }
