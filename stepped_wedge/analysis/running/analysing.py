"""`analyse`: a specification and returns in, one answer out. Same input, same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from stepped_wedge.analysis.choices import METHODS, advise, refuse_unless_it_stands
from stepped_wedge.analysis.returns import Returns
from stepped_wedge.analysis.running.asking import SPEC, method_of, read_asked, switch
from stepped_wedge.analysis.running.layouts import treated
from stepped_wedge.analysis.running.losing import missing_report
from stepped_wedge.analysis.running.methods import RUNS
from stepped_wedge.analysis.two_way import ROUNDING
from stepped_wedge.crews import ALONE, Crew
from stepped_wedge.keys import Keys
from stepped_wedge.refusals import CaseRefused, refuse_unless


def analyse(spec: Mapping[str, Any], returns: Returns, crew: Crew = ALONE) -> dict[str, Any]:
    """Run a pre-specified analysis. Keys of `spec` are in the README; unknown ones are refused with their path."""
    try:
        with np.errstate(all="ignore"):  # an answer that is not finite is refused, not warned about
            return _analyse(spec, returns, crew)
    except (OverflowError, ZeroDivisionError, FloatingPointError) as problem:
        raise CaseRefused("data", f"the numbers are too extreme to compute with ({problem})") from problem
    except np.linalg.LinAlgError as problem:
        raise CaseRefused("data", f"these returns do not carry the model that was asked for ({problem})") from problem


def _analyse(spec: Mapping[str, Any], returns: Returns, crew: Crew) -> dict[str, Any]:
    refuse_unless(isinstance(spec, Mapping), "spec", "must be a JSON object")
    top = Keys(spec, "")
    top.refuse_unknown(SPEC)
    returns = treated(top, returns)
    clusters = returns.design.cluster_count
    advice = advise(clusters)
    method = method_of(top)
    if method == "default":
        method = advice.primary
    answer: dict[str, Any] = {"method": method, "advice": advice.why, "used": returns.counts()}
    if method == "describe":
        return answer | {"cells": describe(returns)}
    _refuse_one_value(returns)
    refuse_unless(method in METHODS, "method", f"must be default, describe or one of {', '.join(METHODS)}")
    answer |= _run(method, top, returns, crew)
    if switch(top, "missing_returns"):
        answer |= missing_report(method, read_asked(top, main=True, crew=crew), returns)
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
            beside[other] = _run(other, top, returns, crew, main=False)
        except CaseRefused as problem:
            beside[other] = {"not_run": str(problem)}
    if beside:
        answer["beside"] = beside
    return answer


def _refuse_one_value(returns: Returns) -> None:
    """The same outcome everywhere: every p would be one of rounding errors."""
    means = returns.mean[returns.observed]
    varies = np.ptp(means) > ROUNDING * np.abs(means).max() or returns.within.sum() > 0
    refuse_unless(varies, "data", f"every return is {means[0]:g}: there is nothing to compare")


def _run(method: str, top: Keys, returns: Returns, crew: Crew, main: bool = True) -> dict[str, Any]:
    asked = read_asked(top, main, crew)
    correction = asked.correction if main else None
    refuse_unless_it_stands(method, returns.design.cluster_count, asked.structure, correction, asked.df)
    return RUNS[method](asked, returns)


def with_record(spec: Mapping[str, Any], record: Any) -> dict[str, Any]:
    """The specification with the allocations of a record for its randomisation test, unless it has them already."""
    told = spec.get("permutation")
    if isinstance(told, str):
        told = {"statistic": told}
    refuse_unless(
        told in (None, True, False) or isinstance(told, Mapping),
        "permutation",
        "must be an object, a statistic or false",
    )
    told = None if told is True else told
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
