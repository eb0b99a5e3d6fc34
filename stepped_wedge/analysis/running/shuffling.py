"""The randomisation test that a specification asks for, over the allocations that could have been drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isinf
from typing import Any

import numpy as np

from stepped_wedge.allocations import ENUMERATE_UP_TO, Space, all_allocations, sample_space
from stepped_wedge.analysis.randomisation import RandomisationTest, randomisation_test
from stepped_wedge.analysis.returns import Returns
from stepped_wedge.analysis.running.layouts import observed_sequences, rows_of_plan
from stepped_wedge.crews import ALONE, Crew
from stepped_wedge.draws import Draft, draft
from stepped_wedge.keys import Keys
from stepped_wedge.refusals import refuse_unless


def permutation(top: Keys, returns: Returns, alpha: float, crew: Crew = ALONE) -> tuple[RandomisationTest, bool]:
    """The test, and whether its allocations are a sample of those that could have been drawn."""
    named = top.get("permutation")
    told = (
        Keys({"statistic": named}, "permutation") if isinstance(named, str) else top.part("permutation", needed=False)
    )
    statistic = str(told.word("statistic", "two-way"))
    null = told.number("null", 0.0) or 0.0
    record, sample, seed = told.get("record"), told.number("sample", 100_000), told.number("seed", 1)
    told.refuse_unknown()
    rows = rows_of_plan(top, returns)
    observed = observed_sequences(returns, rows)
    slots = np.bincount(observed, minlength=len(rows)).tolist()
    space = Space(returns.design.cluster_names, tuple(slots)) if min(slots) > 0 else None
    is_sample = False
    if record is not None:
        allocations = _from_record(record, returns.design.cluster_names, crew)
    elif space is not None and space.size_without_constraints > ENUMERATE_UP_TO:
        is_sample = True
        drawn = sample_space(space, int(sample or 0), np.random.Generator(np.random.PCG64(int(seed or 0))))
        allocations = np.vstack([drawn[~(drawn == observed).all(1)], observed])
    else:
        allocations = all_allocations(slots)
    test = randomisation_test(
        returns, rows, observed, allocations, statistic=statistic, null=null, alpha=alpha, crew=crew
    )
    return test, is_sample


def _from_record(record: Any, names: Sequence[str], crew: Crew) -> np.ndarray:
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
    return checked.candidates(crew).allocations[:, columns]


def permutation_json(test: RandomisationTest, is_sample: bool) -> dict[str, Any]:
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
