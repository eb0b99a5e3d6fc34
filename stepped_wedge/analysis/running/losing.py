"""The sensitivity analysis for lost cells, as JSON: what is known of them, and how far off they would have to be."""

from __future__ import annotations

from math import isinf
from typing import Any

import numpy as np

from stepped_wedge.allocations import ENUMERATE_UP_TO
from stepped_wedge.analysis.effects import RANDOM
from stepped_wedge.analysis.missing import PLAUSIBLE, Lost, lost_in_mixed, lost_in_two_way
from stepped_wedge.analysis.mixed import fit_mixed
from stepped_wedge.analysis.returns import Returns
from stepped_wedge.analysis.running.asking import Asked
from stepped_wedge.analysis.running.layouts import planned_layout
from stepped_wedge.analysis.running.shuffling import permutation
from stepped_wedge.analysis.two_way import Estimate
from stepped_wedge.refusals import CaseRefused

STEPS = (-2.0, -1.0, 0.0, 1.0, 2.0)
EXTREMES = ((-1, "lowers"), (1, "raises"))


def missing_report(method: str, asked: Asked, returns: Returns) -> dict[str, Any]:
    """{} where nothing was lost. Methods other than two-way and lmm are accompanied by two-way."""
    if returns.observed.all():
        return {}
    planned = planned_layout(asked.top, returns)
    unknown = int((~returns.observed & np.isnan(planned)).sum())
    if not (~returns.observed & ~np.isnan(planned)).any():
        return {"missing_returns": {"lost_cells": 0, "cells_never_planned_or_of_unknown_status": unknown}}
    try:
        lost = _lost(method, asked, returns, planned)
    except CaseRefused as problem:
        return {"missing_returns": {"not_run": str(problem)}}
    by = "lmm" if method == "lmm" and asked.effect != RANDOM else "two-way"
    return {"missing_returns": _json(lost, by, asked, unknown)}


def _lost(method: str, asked: Asked, returns: Returns, planned: np.ndarray) -> Lost:
    if method != "lmm" or asked.effect == RANDOM:
        effect = "single" if asked.effect == RANDOM else asked.effect
        return lost_in_two_way(returns, planned, effect, asked.estimand, asked.alpha)
    fit = fit_mixed(returns, asked.structure or "nested-exchangeable", asked.effect, reml=asked.reml)
    df = asked.df or ("kenward-roger" if asked.reml else "satterthwaite")
    found = fit.estimate(asked.estimand, df, asked.alpha)
    return lost_in_mixed(fit, returns, planned, asked.effect, asked.estimand, found)


def _json(lost: Lost, method: str, asked: Asked, unknown: int) -> dict[str, Any]:
    design = lost.design
    where = np.argwhere(lost.cells)
    treat = design.x[lost.cells]
    moved: list[tuple[str, np.ndarray, float | None]] = [(_distance(sds), lost.values(sds), sds) for sds in STEPS]
    moved += [(f"each at the returned extreme that {way} it", lost.extremes(side), None) for side, way in EXTREMES]
    shuffled = asked if method == "two-way" else None
    rows = [_row(lost, words, values, sds, shuffled) for words, values, sds in moved]
    tipping = lost.tipping_point()
    return {
        "method": method,
        "lost_cells": len(where),
        "under_control": int((treat == 0).sum()),
        "under_intervention": int((treat > 0).sum()),
        "cells_never_planned_or_of_unknown_status": unknown,
        "cells": [
            {
                "cluster": design.cluster_names[i],
                "period": design.period_names[j],
                "treat": float(design.x[i, j]),
                "expected": float(lost.expected[k]),
                "sd": float(lost.spread[k]),
                "weight": float(lost.weights[k]),
            }
            for k, (i, j) in enumerate(where)
        ],
        "if_lost_cells_were": rows,
        "tipping_point": None if tipping is None else {"sds": tipping[0], "excludes_zero_now": tipping[1]},
        "words": _words(lost, tipping),
    }


def _distance(sds: float) -> str:
    if not sds:
        return "as expected"
    return f"{abs(sds):g} sd off, {'raising' if sds > 0 else 'lowering'} the estimate"


def _row(lost: Lost, words: str, values: np.ndarray, sds: float | None, shuffled: Asked | None) -> dict[str, Any]:
    found: Estimate = lost.with_values(values)
    low, high = found.interval
    row = {"lost_cells": words, "sds": sds, "estimate": found.value, "interval": [low, high], "p": found.p}
    return row if shuffled is None else row | _shuffled(lost, values, shuffled)


def _shuffled(lost: Lost, values: np.ndarray, asked: Asked) -> dict[str, Any]:
    """The randomisation p with these values in the table, where the allocations are few enough to go through again."""
    if asked.effect != "single" or asked.top.get("permutation") is False:
        return {}
    try:
        test, _ = permutation(asked.top, lost.filled(values), asked.alpha, asked.crew)
    except CaseRefused:
        return {}
    return {"randomisation_p": test.p} if test.allocations <= ENUMERATE_UP_TO else {}


def _words(lost: Lost, tipping: tuple[float, bool] | None) -> str:
    count = int(lost.cells.sum())
    low, high = (lost.with_values(lost.values(side * PLAUSIBLE)) for side in (-1, 1))
    cells = "1 cell is lost" if count == 1 else f"{count} cells are lost"
    lay = "it lay" if count == 1 else "each lay, all to the same effect,"
    said = (
        f"{cells}. If {lay} {PLAUSIBLE:g} standard deviations of a cell from what is expected, "
        f"the estimate would lie between {low.value:.4g} and {high.value:.4g} instead of {lost.estimate.value:.4g}."
    )
    if tipping is None or isinf(tipping[0]):
        return f"{said} No distance up to 50 standard deviations changes whether the interval holds zero."
    far, excludes = tipping
    change = "would hold zero" if excludes else "would exclude zero"
    return f"{said} The interval {change} first at {abs(far):.1f} standard deviations that move the estimate {'up' if far > 0 else 'down'}."
