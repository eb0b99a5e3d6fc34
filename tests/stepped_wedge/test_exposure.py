"""Random effects by exposure time (Maleyeff et al. 2023) against one dense least-squares fit with the shared effects."""

import numpy as np
import pytest
from scipy.stats import norm

from stepped_wedge import designs
from stepped_wedge.cases import answer_case
from stepped_wedge.correlations import Components
from stepped_wedge.exposure import exposure_power, random_exposure_power, single_effect_weights
from stepped_wedge.outcomes import Effect, Outcome
from stepped_wedge.power import Plan, cell_model, variance
from stepped_wedge.precision import covariance_blocks
from stepped_wedge.refusals import CaseRefused

FIVE = Plan(designs.stepped_wedge([1] * 5), Outcome(), Components(0.0004, 0.0001, residual=0.05), Effect(0.02), 1700.0)


def densely(plan, spread):
    """(variance of the mean effect, true variance of the single-effect estimate) with effects shared by all clusters."""
    design = plan.design
    cells = design.x.size
    v = np.zeros((cells, cells))
    for i, block in enumerate(covariance_blocks(design, cell_model(plan))):
        here = slice(i * design.period_count, (i + 1) * design.period_count)
        v[here, here] = block
    columns = designs.exposure_columns(design).reshape(cells, -1)
    whole = v + spread * columns @ columns.T
    fixed = np.hstack([np.tile(np.eye(design.period_count), (design.cluster_count, 1)), design.filled.reshape(-1, 1)])
    seen = design.observed.ravel()
    v, whole, fixed = v[np.ix_(seen, seen)], whole[np.ix_(seen, seen)], fixed[seen]
    mean = np.linalg.inv(fixed.T @ np.linalg.solve(whole, fixed))[-1, -1]
    bread = np.linalg.inv(fixed.T @ np.linalg.solve(v, fixed)) @ np.linalg.solve(v, fixed).T
    return mean, (bread @ whole @ bread.T)[-1, -1]


@pytest.mark.parametrize("spread", [0.0, 1e-5, 1e-3])
@pytest.mark.parametrize(
    "design",
    [
        designs.stepped_wedge([1] * 5),
        designs.with_transition(designs.stepped_wedge([2, 1, 2], 6), 1),
        designs.with_partial_exposure(designs.stepped_wedge([2, 2, 2]), [0.5]),
    ],
    ids=["five", "transition", "partial"],
)
def test_the_variance_of_the_mean_effect_is_that_of_one_dense_fit(design, spread):
    plan = FIVE.but(design=design)
    found = random_exposure_power(plan, spread)
    mean, single = densely(plan, spread)
    assert found.answer.variance == pytest.approx(mean, rel=1e-10)
    assert found.price == pytest.approx(np.sqrt(mean / variance(plan)), rel=1e-10)
    shrunk = norm.ppf(0.975) * np.sqrt(variance(plan) / single)
    assert found.single_effect_size == pytest.approx(2 * norm.sf(shrunk), rel=1e-9)


def test_between_the_single_effect_and_the_plain_average():
    none, much = random_exposure_power(FIVE, 0.0), random_exposure_power(FIVE, 10.0)
    assert dict(zip(none.levels, none.weights, strict=True)) == pytest.approx(single_effect_weights(FIVE))
    assert much.weights == pytest.approx([0.2] * 5, abs=1e-4)
    # the scatter of five effects about their mean comes on top of how well each of them is known
    average = exposure_power(FIVE, "average").answer.variance
    assert much.answer.variance == pytest.approx(average + 10.0 / 5, rel=1e-6)


def test_weights_sum_to_one_and_the_price_rises_with_the_scatter():
    found = [random_exposure_power(FIVE, spread) for spread in (0.0, 1e-5, 1e-4, 1e-3)]
    assert [sum(each.weights) for each in found] == pytest.approx([1.0] * 4)
    assert [each.price for each in found] == sorted(each.price for each in found)
    assert [each.single_effect_size for each in found] == sorted(each.single_effect_size for each in found)


def test_an_exposure_time_that_cannot_be_told_from_its_period_is_no_obstacle():
    design = designs.Design(np.array([[0.0, 1.0, 1.0], [0.0, 0.0, np.nan]]))
    with pytest.raises(CaseRefused, match="identified"):
        exposure_power(FIVE.but(design=design), "average")
    assert random_exposure_power(FIVE.but(design=design), 1e-4).answer.variance > 0


def test_a_case_may_ask_for_it(cases):
    case = cases["C01"] | {"effect": {"theta": 0.2, "exposure_variance": 0.01}}
    found = answer_case(case)
    assert found["price_in_standard_error"] > 1
    assert found["single_effect_true_size"] > 0.05
    with pytest.raises(CaseRefused, match="not both"):
        answer_case(case | {"effect": {"theta": 0.2, "exposure_variance": 0.01, "estimand": "last"}})
    with pytest.raises(CaseRefused, match="at least 0"):
        answer_case(case | {"effect": {"theta": 0.2, "exposure_variance": -1}})
    with pytest.raises(CaseRefused, match="marginal"):
        answer_case(cases["I09"] | {"effect": cases["I09"]["effect"] | {"exposure_variance": 0.01}})


@pytest.mark.parametrize("effect", [{"estimand": "average"}, {"exposure_variance": 1e-5}])
def test_the_size_is_that_of_the_effect_asked_about(effect, cases):
    case = cases["C01"] | {"size": None, "inference": {"target_power": 0.6}, "effect": {"theta": 0.5, **effect}}
    solved = answer_case(case)
    assert answer_case(case | {"size": solved["n"]})["power"] == pytest.approx(solved["power"])
    assert solved["power_at_n_minus_1"] < 0.6 <= solved["power"]
    assert answer_case(case | {"size": solved["n"] - 1})["power"] == pytest.approx(solved["power_at_n_minus_1"])
    assert solved["estimand"]


@pytest.mark.parametrize(
    ("extra", "path"),
    [
        ({"request": ["allocations"]}, "request"),
        ({"curve": {"over": "size", "values": [10]}}, "curve"),
        ({"unknown_sizes": {"cv": 0.5}}, "unknown_sizes"),
    ],
)
def test_what_answers_for_one_effect_is_not_put_beside_an_estimand(extra, path, cases):
    case = cases["C01"] | {"effect": {"theta": 0.2, "estimand": "average"}} | extra
    with pytest.raises(CaseRefused, match="one effect") as refused:
        answer_case(case)
    assert refused.value.path == path
