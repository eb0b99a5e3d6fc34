"""Lost returns: expectations, weights and tipping points against refits of the filled table."""

import numpy as np
import pytest

from stepped_wedge import designs
from stepped_wedge.analysis.missing import lost_in_mixed, lost_in_two_way
from stepped_wedge.analysis.mixed import fit_mixed
from stepped_wedge.analysis.mixed.structures import covariance_of_cells
from stepped_wedge.analysis.returns import read_returns, returns_of
from stepped_wedge.analysis.running import analyse
from stepped_wedge.analysis.two_way import fit_two_way
from stepped_wedge.correlations import Components
from stepped_wedge.outcomes import Effect, Outcome
from stepped_wedge.pictures import lost_returns
from stepped_wedge.power import Plan
from stepped_wedge.simulation import simulated_returns

FIVE = designs.stepped_wedge([1] * 5)
LOST = ((0, 3), (2, 1), (4, 5))


def lossy(design=FIVE, lost=LOST, effect=0.02, seed=7):
    plan = Plan(design, Outcome(), Components(2e-4, 5e-5, residual=0.05), Effect(effect), 1700.0)
    whole = simulated_returns(plan, np.random.default_rng(seed))
    x = design.x.copy()
    for spot in lost:
        x[spot] = np.nan
    return whole.treated_as(x)


@pytest.mark.parametrize("effect", ["single", "exposure-time"])
def test_two_way_of_the_filled_table_is_the_estimate_with_those_values(effect):
    returns = lossy()
    found = lost_in_two_way(returns, FIVE.x, effect)
    assert found.with_values(found.expected).value == pytest.approx(fit_two_way(returns, effect).estimate().value)
    moved = found.expected + np.array([0.01, -0.02, 0.03])
    refit = fit_two_way(found.filled(moved), effect).estimate()
    assert found.with_values(moved).value == pytest.approx(refit.value, rel=1e-9)


def test_a_mixed_model_of_the_filled_table_is_the_estimate_with_those_values():
    design = designs.stepped_wedge([2] * 4)
    returns = lossy(design, ((0, 3), (2, 1), (6, 4)))
    fit = fit_mixed(returns)
    estimate = fit.estimate()
    found = lost_in_mixed(fit, returns, design.x, "single", "average", estimate)
    moved = found.expected + np.array([0.01, -0.02, 0.03])
    filled = found.filled(moved)
    names = fit.problem.names
    g = covariance_of_cells(names, {n: fit.components[n] for n in names}, design.x)
    gram, cross = 0, 0
    for i in range(8):
        x = np.column_stack([np.eye(5), design.x[i]])
        inverse = np.linalg.inv(g + np.diag(fit.components["residual"] / filled.n[i]))
        gram, cross = gram + x.T @ inverse @ x, cross + x.T @ inverse @ filled.mean[i]
    assert found.with_values(moved).value == pytest.approx(np.linalg.solve(gram, cross)[-1], rel=1e-9)
    assert found.with_values(found.expected).value == pytest.approx(estimate.value)


@pytest.mark.parametrize("effect", [0.0, 0.06, -0.06])
def test_at_the_tipping_point_an_end_of_the_interval_is_zero(effect):
    found = lost_in_two_way(lossy(effect=effect), FIVE.x)
    sds, excludes = found.tipping_point()
    low, high = found.estimate.interval
    assert excludes == (low > 0 or high < 0)
    ends = found.with_values(found.values(sds)).interval
    assert min(map(abs, ends)) == pytest.approx(0, abs=1e-6)
    near = found.with_values(found.values(0.99 * sds)).interval
    assert (near[0] > 0 or near[1] < 0) == excludes


def test_a_share_is_never_moved_beyond_what_is_possible():
    design = designs.stepped_wedge([1] * 5)
    mean = np.random.default_rng(3).uniform(0.0, 0.1, (5, 6))
    mean[2, 2] = np.nan
    found = lost_in_two_way(returns_of(design, mean, 100.0, kind="shares"), design.x)
    assert {float(found.values(-50)[0]), float(found.values(50)[0])} == {0.0, 1.0}


def rows_of(lost=(), without_status=()):
    generator = np.random.default_rng(5)
    return [
        {
            "cluster": f"c{i}",
            "sequence": str(i + 1),
            "period": str(j + 1),
            "treat": "" if (i, j) in without_status else f"{FIVE.x[i, j]:g}",
            "n": "400",
            "events": "" if (i, j) in (*lost, *without_status) else str(generator.integers(20, 40)),
        }
        for i in range(5)
        for j in range(6)
    ]


def test_the_answer_says_what_lost_cells_could_change():
    found = analyse({"component_intervals": False}, read_returns(rows_of(lost=[(1, 1), (3, 5)])))["missing_returns"]
    assert (found["lost_cells"], found["under_control"], found["under_intervention"]) == (2, 1, 1)
    assert [row["sds"] for row in found["if_lost_cells_were"]] == [-2, -1, 0, 1, 2, None, None]
    estimates = [row["estimate"] for row in found["if_lost_cells_were"]]
    assert estimates[:5] == sorted(estimates[:5])
    assert estimates[5] < estimates[2] < estimates[6]
    assert all(0 < row["randomisation_p"] <= 1 for row in found["if_lost_cells_were"])
    assert found["words"].startswith("2 cells are lost")
    picture = lost_returns(found)
    assert len(picture.rows) == 7
    assert found["words"] in picture.svg


def test_the_plan_tells_the_condition_of_a_cell_without_status():
    spec = {"design": {"kind": "stepped_wedge", "clusters_per_sequence": [1] * 5}, "component_intervals": False}
    rows = rows_of(without_status=[(3, 5)])
    assert analyse(spec, read_returns(rows))["missing_returns"]["under_intervention"] == 1


def test_nothing_lost_means_nothing_to_say_and_the_part_can_be_left_out():
    assert "missing_returns" not in analyse({"component_intervals": False}, read_returns(rows_of()))
    spec = {"missing_returns": False, "component_intervals": False}
    assert "missing_returns" not in analyse(spec, read_returns(rows_of(lost=[(1, 1)])))


def test_a_mixed_model_as_the_main_analysis_has_its_own():
    spec = {"method": "lmm", "component_intervals": False}
    found = analyse(spec, read_returns(rows_of(lost=[(1, 1)])))["missing_returns"]
    assert found["method"] == "lmm"
    assert "randomisation_p" not in found["if_lost_cells_were"][0]


def test_a_lost_cell_just_before_the_switch_is_no_time_since_the_switch():
    returns = read_returns(rows_of(lost=[(2, 2)]))
    assert returns.design.exposure[2].tolist() == [0, 0, 0, 1, 2, 3]
    assert returns.treated_as(FIVE.x).design.exposure[2].tolist() == [0, 0, 0, 1, 2, 3]
