"""What a case may ask for beside its power: weights, worth of cells, orders, drop-out, curves, the power of today."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from stepped_wedge.allocations import Space, enumerate_space, sample_space
from stepped_wedge.crews import ALONE, Crew
from stepped_wedge.curves import Sensitivity, power_curve, sensitivity
from stepped_wedge.designs import Design, from_matrix
from stepped_wedge.exposure import single_effect_weights
from stepped_wedge.keys import Keys, refuse_unless_numbers
from stepped_wedge.power import Plan, cell_model
from stepped_wedge.precision import information_content
from stepped_wedge.refusals import CaseRefused, refuse_unless
from stepped_wedge.simulation import simulated_power
from stepped_wedge.solving import Scanned, clusters_for, sequences_for, steps_of_the_same_clusters
from stepped_wedge.spreads import (
    power_after_losing,
    power_over_allocations,
    power_today,
    power_when_late,
    power_with_uncertain_sizes,
)

ORDERS = 20_000
TRIALS = 20_000
SEED = 1


def answer_requests(plan: Plan, request: Sequence[str], crew: Crew = ALONE) -> dict[str, Any]:
    """The answers to the words of `request`."""
    made: dict[str, Callable[[Plan, Crew], dict[str, Any]]] = {
        "exposure_weights": _exposure_weights,
        "information_content": _information_content,
        "clusters": _clusters,
        "sequences": _sequences,
        "allocations": _allocations,
        "drop_out": _drop_out,
        "late_switching": _late_switching,
        "simulation": _simulation,
    }
    found: dict[str, Any] = {}
    for name in request:
        refuse_unless(plan.size is not None, "size", f"{name} needs a size")
        found |= made[name](plan, crew)
    return found


def _exposure_weights(plan: Plan, _crew: Crew) -> dict[str, Any]:
    return {"exposure_weights": {str(s): w for s, w in single_effect_weights(plan).items()}}


def _information_content(plan: Plan, _crew: Crew) -> dict[str, Any]:
    content = information_content(plan.design, cell_model(plan), plan.time_model)
    return {"information_content": [[_plain(value) for value in row] for row in content]}


def _plain(value: float) -> float | str | None:
    return None if math.isnan(value) else ("not identified without it" if math.isinf(value) else float(value))


def _clusters(plan: Plan, _crew: Crew) -> dict[str, Any]:
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


def _sequences(plan: Plan, _crew: Crew) -> dict[str, Any]:
    """The number of sequences for the target, and what the same clusters find in more or fewer steps."""
    target = plan.inference.target_power
    if target is None:
        raise CaseRefused("inference.target_power", "is needed to work out the number of sequences")
    reached, scan = sequences_for(plan, target)
    found: dict[str, Any] = {"sequences": None if reached is None else reached.sequences, "scan": _scan(scan)}
    if reached is not None:
        found |= {"clusters_in_them": reached.clusters, "power_with_sequences": reached.answer.power}
    return found | {"same_clusters": _scan(steps_of_the_same_clusters(plan))}


def _scan(rows: Sequence[Scanned]) -> list[dict[str, Any]]:
    return [
        {
            "sequences": row.sequences,
            "clusters": row.clusters,
            "periods": row.periods,
            "variance": row.answer.variance,
            "power": row.answer.power,
        }
        for row in rows
    ]


def _late_switching(plan: Plan, _crew: Crew) -> dict[str, Any]:
    rows = [{"late": name, "power": None if math.isnan(value) else value} for name, value in power_when_late(plan)]
    return {"power_when_one_cluster_is_a_period_late": rows}


def _allocations(plan: Plan, crew: Crew) -> dict[str, Any]:
    """Power over the orders: all of them up to 20,000, otherwise a sample of as many."""
    space = Space(tuple(f"{i:06}" for i in range(plan.design.cluster_count)), plan.design.clusters_per_sequence)
    total = space.size_without_constraints
    orders = enumerate_space(space) if total <= ORDERS else sample_space(space, ORDERS, np.random.default_rng(SEED))
    spread = power_over_allocations(plan, orders, crew=crew).summary
    return {"power_over_allocations": {**spread, "count": int(spread["count"]), "of": total}}


def _drop_out(plan: Plan, _crew: Crew) -> dict[str, Any]:
    lost = power_after_losing(plan, [[i] for i in range(plan.design.cluster_count)])
    rows = [
        {"without": names[0], "power": None if math.isnan(value) else value}
        for names, value in zip(lost.lost, lost.power, strict=True)
    ]
    return {"power_after_losing_one_cluster": rows}


def _simulation(plan: Plan, crew: Crew) -> dict[str, Any]:
    found = simulated_power(plan, TRIALS, np.random.default_rng(SEED), crew=crew)
    return {"simulated_power": {"power": found.share, "standard_error": found.standard_error, "trials": found.trials}}


def answer_curve(plan: Plan, keys: Keys) -> dict[str, Any]:
    """{"over": size, effect, icc, cac or r, "values": [...]}: the power at each value."""
    over, values = keys.word("over"), _numbers(keys, "values")
    keys.refuse_unknown()
    refuse_unless(over == "size" or plan.size is not None, "size", "a curve needs a size")
    return {"over": over, "values": values, "power": power_curve(plan, str(over), values).tolist()}


def answer_sensitivity(plan: Plan, keys: Keys, crew: Crew = ALONE) -> dict[str, Any]:
    """{"icc": [...], "cac": [...]}: power for each, by structure, with the worst corner.

    With "size_cv" (coefficients of variation of cluster sizes) or "late" (numbers of clusters that switch a period
    late) the same tables for each of them, and the worst corner of all.
    """
    iccs, cacs = _numbers(keys, "icc"), _numbers(keys, "cac")
    further = keys.has("size_cv", "late")
    cvs = _numbers(keys, "size_cv") if keys.has("size_cv") else [0.0]
    lates = _numbers(keys, "late") if keys.has("late") else [0.0]
    keys.refuse_unknown()
    refuse_unless(
        all(late == int(late) and late >= 0 for late in lates), keys.at("late"), "must be whole numbers of clusters"
    )
    grids = [sensitivity(plan, iccs, cacs, size_cv=cv, late=int(late), crew=crew) for cv in cvs for late in lates]
    worst = min((grid.worst for grid in grids), key=lambda corner: float(corner["power"]))
    answer: dict[str, Any] = {"icc": iccs, "cac": cacs}
    if not further:
        return answer | {"power": _tables(grids[0]), "worst": worst}
    rows = [{"size_cv": grid.size_cv, "late": grid.late, "power": _tables(grid)} for grid in grids]
    return answer | {"scenarios": rows, "worst": worst}


def _tables(grid: Sensitivity) -> dict[str, Any]:
    return {name: table.tolist() for name, table in zip(grid.structures, grid.power, strict=True)}


def answer_unknown_sizes(plan: Plan, keys: Keys, crew: Crew = ALONE) -> dict[str, Any]:
    """{"cv": 0.6, "draws": 1000}: power over sizes that are not known yet; their mean is the planned size."""
    cv, draws = keys.needed("cv"), keys.number("draws", 1000.0)
    keys.refuse_unknown()
    size = plan.size
    if not isinstance(size, float):
        raise CaseRefused("size", "unknown sizes need the mean size of a cell: one number")
    refuse_unless(0 < cv <= 10, keys.at("cv"), "must be above 0 and at most 10")
    refuse_unless(
        draws == int(draws) and 1 <= draws <= 100_000, keys.at("draws"), "must be a whole number up to 100,000"
    )
    spread = power_with_uncertain_sizes(plan, size, cv, int(draws), np.random.default_rng(SEED), crew).summary
    return {"cv": cv, **spread, "count": int(spread["count"])}


def answer_today(plan: Plan, keys: Keys) -> dict[str, Any]:
    """{"x": the actual layout, "returned": people returned in each cell}: the power of today, and what to chase."""
    refuse_unless(plan.size is not None, "size", "the power of today needs the planned size")
    rows, returned = keys.get("x"), keys.get("returned")
    for name, table in (("x", rows), ("returned", returned)):
        if table is not None or name == "returned":
            refuse_unless(isinstance(table, list), keys.at(name), "must be a table of clusters by periods")
            refuse_unless_numbers(table, keys.at(name))
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
    return list(keys.numbers(name))
