"""What a case may ask for beside its power: weights, worth of cells, orders, drop-out, curves, the power of today."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from stepped_wedge.allocations import Space, enumerate_space, sample_space
from stepped_wedge.curves import power_curve, sensitivity
from stepped_wedge.designs import Design, from_matrix
from stepped_wedge.exposure import single_effect_weights
from stepped_wedge.keys import Keys
from stepped_wedge.power import Plan, cell_model, clusters_for
from stepped_wedge.precision import information_content
from stepped_wedge.refusals import CaseRefused, refuse_unless
from stepped_wedge.simulation import simulated_power
from stepped_wedge.spreads import power_after_losing, power_over_allocations, power_today

ORDERS = 20_000
TRIALS = 20_000
SEED = 1


def answer_requests(plan: Plan, request: Sequence[str]) -> dict[str, Any]:
    """The answers to the words of `request`."""
    made = {
        "exposure_weights": _exposure_weights,
        "information_content": _information_content,
        "clusters": _clusters,
        "allocations": _allocations,
        "drop_out": _drop_out,
        "simulation": _simulation,
    }
    found: dict[str, Any] = {}
    for name in request:
        refuse_unless(plan.size is not None, "size", f"{name} needs a size")
        found |= made[name](plan)
    return found


def _exposure_weights(plan: Plan) -> dict[str, Any]:
    return {"exposure_weights": {str(s): w for s, w in single_effect_weights(plan).items()}}


def _information_content(plan: Plan) -> dict[str, Any]:
    content = information_content(plan.design, cell_model(plan), plan.time_model)
    return {"information_content": [[_plain(value) for value in row] for row in content]}


def _plain(value: float) -> float | str | None:
    return None if math.isnan(value) else ("not identified without it" if math.isinf(value) else float(value))


def _clusters(plan: Plan) -> dict[str, Any]:
    target = plan.inference.target_power
    if target is None:
        raise CaseRefused("inference.target_power", "is needed to work out the number of clusters")
    solved = clusters_for(plan, target)
    if solved is None:
        return {"clusters": None}
    copies, answer = solved
    return {
        "clusters": copies * plan.design.cluster_count,
        "copies_of_the_layout": copies,
        "power_with_clusters": answer.power,
    }


def _allocations(plan: Plan) -> dict[str, Any]:
    """Power over the orders: all of them up to 20,000, otherwise a sample of as many."""
    space = Space(tuple(f"{i:06}" for i in range(plan.design.cluster_count)), plan.design.clusters_per_sequence)
    total = space.size_without_constraints
    orders = enumerate_space(space) if total <= ORDERS else sample_space(space, ORDERS, np.random.default_rng(SEED))
    spread = power_over_allocations(plan, orders).summary
    return {"power_over_allocations": {**spread, "count": int(spread["count"]), "of": total}}


def _drop_out(plan: Plan) -> dict[str, Any]:
    lost = power_after_losing(plan, [[i] for i in range(plan.design.cluster_count)])
    rows = [
        {"without": names[0], "power": None if math.isnan(value) else value}
        for names, value in zip(lost.lost, lost.power, strict=True)
    ]
    return {"power_after_losing_one_cluster": rows}


def _simulation(plan: Plan) -> dict[str, Any]:
    found = simulated_power(plan, TRIALS, np.random.default_rng(SEED))
    return {"simulated_power": {"power": found.share, "standard_error": found.standard_error, "trials": found.trials}}


def answer_curve(plan: Plan, keys: Keys) -> dict[str, Any]:
    """{"over": size, effect, icc, cac or r, "values": [...]}: the power at each value."""
    over, values = keys.word("over"), _numbers(keys, "values")
    keys.refuse_unknown()
    refuse_unless(over == "size" or plan.size is not None, "size", "a curve needs a size")
    return {"over": over, "values": values, "power": power_curve(plan, str(over), values).tolist()}


def answer_sensitivity(plan: Plan, keys: Keys) -> dict[str, Any]:
    """{"icc": [...], "cac": [...]}: power for each, by structure, with the worst corner."""
    iccs, cacs = _numbers(keys, "icc"), _numbers(keys, "cac")
    keys.refuse_unknown()
    grid = sensitivity(plan, iccs, cacs)
    tables = {name: table.tolist() for name, table in zip(grid.structures, grid.power, strict=True)}
    return {"icc": iccs, "cac": cacs, "power": tables, "worst": grid.worst}


def answer_today(plan: Plan, keys: Keys) -> dict[str, Any]:
    """{"x": the actual layout, "returned": people returned in each cell}: the power of today, and what to chase."""
    refuse_unless(plan.size is not None, "size", "the power of today needs the planned size")
    rows, returned = keys.get("x"), keys.get("returned")
    refuse_unless(isinstance(returned, list), keys.at("returned"), "must be a table of clusters by periods")
    actual = plan.design if rows is None else from_matrix(rows)
    keys.refuse_unknown()
    refuse_unless(
        actual.x.shape == plan.design.x.shape, keys.at("x"), "must have the clusters and periods of the design"
    )
    actual = Design(actual.x, clusters=plan.design.clusters, periods=plan.design.periods)
    try:
        table = np.array([[0 if n is None else n for n in row] for row in returned], dtype=float)
    except (TypeError, ValueError) as problem:
        raise CaseRefused(keys.at("returned"), "must be rows of equal length holding numbers or null") from problem
    found = power_today(plan, actual, table)
    missing = [
        {"cluster": cluster, "period": period, "power_with_it": None if math.isnan(gain) else gain}
        for cluster, period, gain in found.missing
    ]
    told = {"planned": found.planned, "if_all_return": found.if_all_return, "today": found.today, "missing": missing}
    return told if found.why_not is None else told | {"why_not": found.why_not}


def _numbers(keys: Keys, name: str) -> list[float]:
    given = keys.get(name)
    sound = (
        isinstance(given, list) and given and all(isinstance(v, int | float) and not isinstance(v, bool) for v in given)
    )
    refuse_unless(sound, keys.at(name), "must be a list of numbers")
    return [float(v) for v in given]
