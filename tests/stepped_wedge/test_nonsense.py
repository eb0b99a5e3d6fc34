"""Whatever is put in, the answer is an answer or one sentence with a path: never a traceback, never a nan."""

import copy
import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepped_wedge import draws
from stepped_wedge.analysis.returns import read_returns
from stepped_wedge.analysis.running import analyse
from stepped_wedge.cases import answer_case
from stepped_wedge.refusals import CaseRefused

EXAMPLES = Path(__file__).parents[2] / "stepped_wedge" / "examples"
CASES = json.loads((EXAMPLES / "cases.json").read_text())["cases"] + [json.loads((EXAMPLES / "power.json").read_text())]
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 10**6),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.lists(st.integers(-1, 3) | st.none(), max_size=4),
    st.lists(st.lists(st.integers(-1, 2), max_size=3), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.sampled_from([0, 1, -1, 0.5, 1e-300, 1e300, "", []]),
)


def places(value, path=()):
    """Every place in a nested object."""
    if isinstance(value, dict):
        for key in value:
            yield (*path, key)
            yield from places(value[key], (*path, key))


def changed(value, path, junk, gone):
    whole = copy.deepcopy(value)
    spot = whole
    for key in path[:-1]:
        spot = spot[key]
    if gone:
        del spot[path[-1]]
    else:
        spot[path[-1]] = junk
    return whole


def numbers(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from numbers(each)
    elif isinstance(value, float):
        yield value


def has_a_path(refused):
    assert refused.path
    assert refused.reason


@settings(max_examples=800, deadline=None)
@given(st.data())
def test_a_damaged_case_is_answered_with_numbers_or_refused_with_a_path(data):
    case = data.draw(st.sampled_from(CASES))
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from([p for p in places(case) if p[0] not in ("expect", "tolerance", "title")]))
        case = changed(case, path, data.draw(JUNK), data.draw(st.booleans()))
    try:
        answer = answer_case(case)
    except CaseRefused as refused:
        has_a_path(refused)
        return
    json.dumps(answer, allow_nan=False)
    assert all(math.isfinite(value) for value in numbers(answer))
    if "power" in answer and answer["power"] is not None:
        assert -1e-9 <= answer["power"] <= 1 + 1e-9


SPEC = json.loads((EXAMPLES / "allocation.json").read_text()) | {
    "clusters": ["Coventry", "Newcastle upon Tyne", "Sefton", "Solihull", "Warwickshire"],
    "constraints": ["Sefton not before step 2"],
    "cutoff": {"share": 0.9},
    "reserve": ["Leeds"],
    "sample": None,
    "strata": None,
    "exposure": [5, 4, 3, 2, 1],
    "strata_slots": None,
}
with (EXAMPLES / "covariates.csv").open(newline="") as file:
    TABLE = list(csv.DictReader(file))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_specification_is_scored_or_refused_with_a_path(data):
    path = data.draw(st.sampled_from(list(places(SPEC))))
    spec = changed(SPEC, path, data.draw(JUNK), data.draw(st.booleans()))
    try:
        found = draws.draft(spec, TABLE).candidates()
    except CaseRefused as refused:
        has_a_path(refused)
        return
    assert found.report.kept >= 1


PLAN = json.loads((EXAMPLES / "analysis.json").read_text()) | {
    "model": {"correlation": "nested-exchangeable", "effect": "single", "estimand": "average", "points": 1},
    "df": "kenward-roger",
    "corrections": ["KC"],
    "permutation": {"statistic": "two-way", "null": 0, "sample": 100, "seed": 1},
    "estimation": "REML",
    # profiles take their time; one of the damaged plans asks for them
    "component_intervals": False,
}
with (EXAMPLES / "demonstration_returns.csv").open(newline="") as file:
    RETURNS = read_returns(list(csv.DictReader(file)))


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_a_damaged_plan_of_analysis_is_run_or_refused_with_a_path(data):
    path = data.draw(st.sampled_from(list(places(PLAN))))
    spec = changed(PLAN, path, data.draw(JUNK), data.draw(st.booleans()))
    try:
        answer = analyse(spec, RETURNS)
    except CaseRefused as refused:
        has_a_path(refused)
        return
    json.dumps(answer, allow_nan=False)


ROWS = [
    {
        "cluster": f"c{i}",
        "sequence": str(i + 1),
        "period": str(j + 1),
        "treat": str(int(j > i)),
        "n": "100",
        "events": str(10 + i + j),
    }
    for i in range(5)
    for j in range(6)
]


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_damaged_returns_are_used_counted_or_refused(data):
    rows = copy.deepcopy(ROWS)
    for _ in range(data.draw(st.integers(1, 3))):
        row = data.draw(st.integers(0, len(rows) - 1))
        key = data.draw(st.sampled_from(list(rows[0])))
        rows[row][key] = data.draw(st.sampled_from(["", "NA", "0", "1", "-1", "1e9", "inf", "x", "0.5", "101"]))
    try:
        answer = analyse({"component_intervals": False}, read_returns(rows))
    except CaseRefused as refused:
        has_a_path(refused)
        return
    json.dumps(answer, allow_nan=False)
    used = answer["used"]
    assert used["cells"] + sum(row["count"] for row in used["left_out"] if row["why"].startswith("no ")) == used["rows"]


@pytest.mark.parametrize("count", [1, 2])
def test_a_trial_of_almost_nothing_is_refused_or_described(count):
    rows = [row for row in ROWS if int(row["sequence"]) <= count]
    try:
        assert analyse({"component_intervals": False}, read_returns(rows))["method"] == "describe"
    except CaseRefused as refused:
        has_a_path(refused)


def test_numbers_of_any_size_do_not_overflow():
    case = copy.deepcopy(CASES[1])
    for theta in (1e-12, 1e12):
        case["effect"] = {"theta": theta}
        assert np.isfinite(answer_case(case)["power"])
