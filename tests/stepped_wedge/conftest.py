"""Long simulations carry the marker `slow` and run when they are asked for: `pytest tests/stepped_wedge -m slow`."""

import json
from pathlib import Path

import pytest

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "stepped_wedge" / "examples"


def pytest_collection_modifyitems(config, items):
    if "slow" in (config.getoption("-m") or ""):
        return
    for item in items:
        if HERE in item.path.parents and item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="long: run with -m slow"))


@pytest.fixture
def examples():
    return EXAMPLES


@pytest.fixture
def cases():
    return {case["id"]: case for case in json.loads((EXAMPLES / "cases.json").read_text())["cases"]}
