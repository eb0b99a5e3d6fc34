import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepped_wedge import curves, designs, power, solving, spreads
from stepped_wedge.allocations import all_allocations
from stepped_wedge.cases import answer_case
from stepped_wedge.correlations import (
    Components,
    from_ratios,
    icc_of_logit_variance,
    logit_variance_from_proportion_icc,
)
from stepped_wedge.exposure import exposure_power, single_effect_weights
from stepped_wedge.outcomes import Effect, Outcome
from stepped_wedge.power import Plan
from stepped_wedge.references import Inference
from stepped_wedge.refusals import CaseRefused
from tests.stepped_wedge.strategies import components, layouts

FIVE = designs.stepped_wedge([1] * 5)
IDS = (
    "A01",
    "A07",
    "A17",
    "B01",
    "B06",
    "C01",
    "F05",
    "G05",
    "I03",
    "I09",
    "J01",
    "L01",
    "Q07",
    "K07",
    "D01",
    "F01",
    "E01",
)
T19 = Inference(reference="t-central-shift", df_rule="two-way-residual")


def plan(design=FIVE, theta=0.1, size=20.0, inference=None, **parts):
    return Plan(
        design, Outcome(), Components(**(parts or {"tau2": 0.05})), Effect(theta), size, inference or Inference()
    )


@pytest.mark.parametrize("name", IDS)
def test_the_examples_have_their_expected_figures(name, cases):
    case = cases[name]
    expected, tolerance = case["expect"], case["tolerance"]
    if expected.get("refuse"):
        with pytest.raises(CaseRefused, match="not identified"):
            answer_case(case)
        return
    found = answer_case(case)
    for key, value in expected.items():
        if value is None or key in ("n", "df"):
            assert found[key] == value
        elif "power" in key:
            assert found[key] == pytest.approx(value, abs=tolerance["power_abs"])
        else:
            assert found[key] == pytest.approx(value, rel=tolerance["variance_rel"])


def test_every_example_with_an_expected_figure_is_checked(cases):
    assert set(IDS) == set(cases)


@pytest.mark.parametrize(
    ("size", "icc", "cac", "normal", "t19"),
    [
        (600, 0.005, 1, 1.74, 1.84),
        (600, 0.005, 0.9, 1.97, 2.08),
        (600, 0.01, 0.8, 2.57, 2.71),
        (1700, 0.005, 1, 1.05, 1.10),
        (1700, 0.005, 0.9, 1.42, 1.49),
        (1700, 0.01, 0.8, 2.17, 2.29),
        (2600, 0.005, 1, 0.85, 0.89),
        (2600, 0.005, 0.9, 1.28, 1.35),
        (2600, 0.01, 0.8, 2.09, 2.20),
    ],
)
def test_what_five_authorities_can_detect_at_a_base_risk_of_six_percent(size, icc, cac, normal, t19):
    five = Plan(FIVE, Outcome(), from_ratios(icc=icc, cac=cac, total=0.06 * 0.94), Effect(0.01), float(size))
    assert power.power(five).mdes80 * 100 == pytest.approx(normal, abs=0.006)
    assert power.power(five.but(inference=T19)).mdes80 * 100 == pytest.approx(t19, abs=0.006)


def test_a_single_effect_model_weighs_exposure_time_badly_with_five_authorities():
    five = Plan(FIVE, Outcome(), from_ratios(icc=0.01, total=1.0), Effect(0.1), 1700.0)
    weights = single_effect_weights(five)
    assert [weights[s] for s in range(1, 6)] == pytest.approx([0.85, 0.37, 0.04, -0.13, -0.14], abs=0.006)
    growing = sum(weights[s] * s / 5 for s in range(1, 6))
    assert growing == pytest.approx(0.10, abs=0.01)


@pytest.mark.parametrize(("cac", "average", "last"), [(0.8, (1.5, 1.6), 2.8), (0.9, (1.5, 1.65), 2.9)])
def test_the_price_of_exposure_time_estimands(cac, average, last):
    five = Plan(FIVE, Outcome(), from_ratios(icc=0.01, cac=cac, total=1.0), Effect(0.1), 1700.0)
    assert average[0] < exposure_power(five, "average").price < average[1]
    assert exposure_power(five, "last").price == pytest.approx(last, abs=0.07)


def test_between_within_degrees_of_freedom_are_refused_and_the_ones_that_stand_are_named():
    asked = Inference(reference="t-central-shift", df_rule="between-within")
    with pytest.raises(CaseRefused, match=r"= -2.*two-way-residual \(19\), clusters-minus-2 \(3\).*randomisation"):
        power.power(plan(inference=asked))


def test_planned_satterthwaite_is_near_the_two_way_residual_under_nested_exchangeable_correlation():
    nested = plan(
        inference=Inference(reference="t-noncentral", df_rule="satterthwaite"), tau2=50.0, gamma2=0.05, residual=1.0
    )
    assert power.power(nested.but(size=5000.0)).df == pytest.approx(19, abs=0.5)


@settings(max_examples=50, deadline=None)
@given(layouts(), components(), st.sampled_from(["normal", "t-central-shift", "t-noncentral"]))
def test_power_at_no_effect_is_alpha(design, parts, reference):
    test = Inference(reference=reference, df=7.0)
    assert power.power(Plan(design, Outcome(), parts, Effect(0.0), 20.0, test)).power == pytest.approx(0.05, abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(layouts(), components(), st.floats(0.01, 1), st.floats(0.1, 10))
def test_sign_and_scale_of_the_outcome_change_nothing(design, parts, theta, scale):
    one = Plan(design, Outcome(), parts, Effect(theta), 20.0)
    larger = Components(
        parts.tau2 * scale**2,
        parts.gamma2 * scale**2,
        parts.psi2 * scale**2,
        parts.residual * scale**2,
        parts.eta2 * scale**2,
        parts.cov * scale**2,
        parts.r,
        parts.r_person,
        parts.churn,
    )
    before = power.power(one).power
    assert power.power(one.but(effect=Effect(-theta))).power == pytest.approx(before, abs=1e-9)
    assert power.power(one.but(components=larger, effect=Effect(theta * scale))).power == pytest.approx(
        before, abs=1e-8
    )


@settings(max_examples=50, deadline=None)
@given(layouts(), components(), st.integers(1, 200), st.integers(1, 200))
def test_larger_cells_never_lower_power(design, parts, size, more):
    one = Plan(design, Outcome(), parts, Effect(0.2))
    assert power.power_at_size(one, size + more) >= power.power_at_size(one, size) - 1e-9


@settings(max_examples=30, deadline=None)
@given(layouts(), components(), st.sampled_from([0.5, 0.8, 0.9]))
def test_the_size_found_is_the_smallest(design, parts, target):
    one = Plan(design, Outcome(), parts, Effect(0.4))
    solved = solving.size_for(one, target)
    if solved.n is None:
        assert solved.limiting_power < target
        return
    assert power.power_at_size(one, solved.n) >= target
    assert solved.n == 1 or power.power_at_size(one, solved.n - 1) < target


def test_one_child_a_cell_is_the_answer_when_one_is_enough():
    assert solving.size_for(plan(theta=10.0, tau2=0.0), 0.8).n == 1


def test_a_target_above_the_floor_of_cluster_period_variance_cannot_be_reached():
    five = Plan(FIVE, Outcome(), from_ratios(icc=0.01, cac=0.8, total=0.06 * 0.94), Effect(0.01))
    solved = solving.size_for(five, 0.8)
    assert solved.n is None
    large = power.power(five.but(size=1e9)).mdes80
    assert large * 100 == pytest.approx(1.9, abs=0.05)


def test_the_effect_found_with_80_percent_power_has_80_percent_power():
    for test in (
        Inference(tails=1),
        Inference(reference="t-central-shift", df=19.0, tails=1),
        Inference(reference="t-noncentral", df=3.0, tails=1),
    ):
        found = power.power(plan(inference=test)).mdes80
        assert power.power(plan(theta=found, inference=test)).power == pytest.approx(0.8, abs=1e-9)


def test_copies_of_the_layout_reach_the_target_and_one_fewer_does_not():
    copies, answer = solving.clusters_for(plan(theta=0.3), 0.9)
    assert answer.power >= 0.9
    smaller = designs.Design(np.tile(FIVE.x, (copies - 1, 1)))
    assert power.power(plan(design=smaller, theta=0.3)).power < 0.9


@pytest.mark.parametrize("over", ["size", "icc", "cac", "r", "effect"])
def test_a_curve_is_the_same_as_one_call_at_each_point(over):
    nested = plan(tau2=0.04, gamma2=0.01)
    values = np.linspace(0.05, 0.9, 7) if over != "size" else np.arange(5.0, 40, 5)
    curve = curves.power_curve(nested, over, values)
    slow = []
    for value in values:
        if over == "size":
            one = nested.but(size=float(value))
        elif over == "effect":
            one = nested.but(effect=Effect(float(value)))
        elif over == "r":
            one = nested.but(components=Components(0.04, 0.01, r=value))
        else:
            ratios = {"icc": nested.components.icc, "cac": nested.components.cac, over: float(value)}
            one = nested.but(components=from_ratios(total=nested.components.total, **ratios))
        slow.append(power.power(one).power)
    assert curve == pytest.approx(slow, abs=1e-10)


def test_curves_with_a_random_effect_take_the_general_way():
    mixed = plan(tau2=0.04, gamma2=0.01, eta2=0.01)
    for over in ("size", "icc", "cac", "r"):
        values = [0.2, 0.5] if over != "size" else [10, 20]
        assert len(curves.power_curve(mixed, over, values)) == 2


def test_the_grid_names_its_worst_corner():
    five = Plan(FIVE, Outcome(), from_ratios(icc=0.01, cac=0.9, total=0.0564), Effect(0.02), 1700.0)
    grid = curves.sensitivity(five, [0.001, 0.01, 0.05], [1.0, 0.8, 0.5])
    assert grid.power.shape == (3, 3, 3)
    assert grid.worst["power"] == grid.power.min()
    assert grid.power[1, 1, 1] == pytest.approx(
        power.power(five.but(components=from_ratios(icc=0.01, cac=0.8, total=0.0564))).power
    )


def test_power_is_a_distribution_over_orders_when_sizes_differ():
    sizes = np.array([15.0, 25, 40, 60, 80, 100])
    six = Plan(designs.stepped_wedge([1] * 6), Outcome(), from_ratios(icc=0.05, total=1.0), Effect(0.35), sizes)
    orders = all_allocations((1,) * 6)
    spread = spreads.power_over_allocations(six, orders)
    assert spread.summary["count"] == 720
    assert spread.summary["min"] < spread.summary["mean"] < spread.summary["max"]
    for spot in (0, 100, 719):
        again = power.power(six.but(design=designs.reordered(six.design, orders[spot]))).power
        assert spread.values[spot] == pytest.approx(again, abs=1e-10)
    mixed = six.but(components=Components(0.05, eta2=0.01))
    slow = spreads.power_over_allocations(mixed, orders[:3])
    assert slow.values[1] == pytest.approx(
        power.power(mixed.but(design=designs.reordered(six.design, orders[1]))).power, abs=1e-10
    )


def test_power_with_unknown_sizes_has_a_tenth_percentile():
    spread = spreads.power_with_uncertain_sizes(plan(), 20, 0.6, 50, np.random.default_rng(1))
    assert spread.summary["p10"] <= spread.summary["mean"]


def test_losing_a_cluster_loses_power_and_losing_too_many_is_not_a_number():
    lost = spreads.power_after_losing(plan(), [[0], [2], [0, 1, 2, 3]])
    whole = power.power(plan()).power
    assert lost.power[0] < whole
    assert lost.power[1] < whole
    assert np.isnan(lost.power[2])
    assert lost.worst[0] == ("cluster 1", "cluster 2", "cluster 3", "cluster 4")


def test_late_switches_and_missing_returns_lower_power_and_are_ranked():
    twelve = Plan(designs.stepped_wedge([3] * 4), Outcome(), Components(0.05), Effect(0.3), 20.0)
    late = twelve.design.x.copy()
    late[0, 1] = late[3, 2] = 0
    actual = designs.Design(late)
    returned = np.full(late.shape, 20.0)
    returned[0, 4] = returned[11, 0] = 0
    told = spreads.power_today(twelve, actual, returned)
    assert told.today < told.if_all_return < told.planned
    assert [row[:2] for row in told.missing] == sorted(
        [row[:2] for row in told.missing], key=lambda r: -{m[:2]: m[2] for m in told.missing}[r]
    )


def test_before_any_return_power_today_says_why_it_has_no_answer():
    told = spreads.power_today(plan(), FIVE, np.zeros(FIVE.x.shape))
    assert told.today is None
    assert "fewer than two clusters" in told.why_not


def test_an_icc_on_the_proportion_scale_is_converted_as_published():
    on_logit = logit_variance_from_proportion_icc(0.010, 0.20)
    assert on_logit == pytest.approx(0.0631, abs=5e-5)
    assert icc_of_logit_variance(on_logit) == pytest.approx(0.019, abs=5e-4)


def binary(cases, **changes):
    case = copy.deepcopy(cases["A01"])
    for path, value in changes.items():
        part, key = path.split("__")
        case[part][key] = value
    return case


def test_the_three_variance_rules_differ_and_are_named(cases):
    found = {
        rule: answer_case(binary(cases, outcome__variance_rule=rule))["variance"]
        for rule in ("mean_of_both_arms", "average_of_variances", "cell_specific")
    }
    assert len({round(v, 12) for v in found.values()}) == 3


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"effect__mu1": 1.2}, "effect"),
        ({"correlation__icc": 1.5}, "correlation.icc"),
        ({"correlation__icc": 0.9}, "correlation.icc"),
        ({"correlation__gamma2": 0.1}, "correlation.gamma2"),
        ({"correlation__tau2": -1}, "correlation.tau2"),
        ({"correlation__structure": "nested-exchangeable"}, "correlation.cac"),
        ({"correlation__structure": "magic"}, "correlation.structure"),
        ({"correlation__rho": 0.1}, "correlation.rho"),
        ({"inference__alpha": 1.5}, "inference.alpha"),
        ({"inference__reference": "z"}, "inference.reference"),
        ({"inference__tails_in_power": 3}, "inference.tails_in_power"),
        ({"outcome__link": "probit"}, "outcome.link"),
        ({"outcome__variance_rule": "best"}, "outcome.variance_rule"),
        ({"design__clusters_per_sequence": [6, 0]}, "design.clusters_per_sequence"),
        ({"design__colour": "red"}, "design.colour"),
    ],
)
def test_nonsense_in_a_case_is_refused_with_the_path_of_its_key(change, path, cases):
    with pytest.raises(CaseRefused) as refused:
        answer_case(binary(cases, **change))
    assert refused.value.path == path


@pytest.mark.parametrize(
    ("key", "value", "path"),
    [
        ("size", 0, "size"),
        ("size", "many", "size"),
        ("size", [1, 2], "size"),
        ("sampling", "open", "sampling"),
        ("colour", "red", "colour"),
        ("size", None, "size"),
        ("effect", {}, "effect"),
        ("design", 3, "design"),
    ],
)
def test_nonsense_at_the_top_of_a_case_is_refused(key, value, path, cases):
    with pytest.raises(CaseRefused) as refused:
        answer_case(cases["A01"] | {key: value})
    assert refused.value.path == path


def test_three_correlations_that_are_not_positive_definite_are_refused(cases):
    case = copy.deepcopy(cases["F05"])
    case["correlation"]["alpha1"] = 0.9
    with pytest.raises(CaseRefused) as refused:
        answer_case(case)
    assert refused.value.path.startswith("correlation.alpha")


def test_variances_and_ratios_that_disagree_are_refused(cases):
    case = copy.deepcopy(cases["C01"])
    case["correlation"]["gamma2"] = 0.02
    with pytest.raises(CaseRefused, match="disagrees"):
        answer_case(case)


def test_exposure_weights_and_information_content_come_on_request(cases):
    found = answer_case(cases["A07"] | {"request": ["exposure_weights", "information_content"]})
    assert sum(found["exposure_weights"].values()) == pytest.approx(1)
    assert len(found["information_content"]) == 3


def test_an_estimand_by_name_gives_its_weights_and_its_price(cases):
    case = copy.deepcopy(cases["C01"])
    case["effect"]["estimand"] = "average"
    found = answer_case(case)
    assert found["weights"] == [0.25] * 4
    assert found["price_in_standard_error"] > 1
    case["effect"] = {"theta": 0.2, "weights": [0.25] * 4}
    assert answer_case(case)["variance"] == pytest.approx(found["variance"])


def test_unequal_sizes_by_cluster_and_by_cell_are_read(cases):
    by_cluster = answer_case(cases["A07"] | {"size": [10, 10, 20]})
    by_cell = answer_case(cases["A07"] | {"size": [[10] * 4, [10] * 4, [20] * 4]})
    assert by_cluster["variance"] == pytest.approx(by_cell["variance"])


def test_proportional_decay_without_a_person_variance_takes_all_of_the_residual():
    case = {
        "design": {"kind": "stepped_wedge", "clusters_per_sequence": [2, 2, 2]},
        "sampling": "closed-cohort",
        "outcome": {"family": "gaussian", "total_variance": 1},
        "size": 10,
        "effect": {"theta": 0.3},
        "correlation": {"structure": "proportional-decay", "icc": 0.05, "r": 0.8},
    }
    x, r = designs.stepped_wedge([2, 2, 2]).x, 0.8
    v = 0.05 + 0.95 / 10
    columns, clusters = x.sum(0), 6
    u, w = x.sum(), (columns**2).sum()
    p, q = (x[:, :-1] * x[:, 1:]).sum(), (columns[:-1] * columns[1:]).sum()
    closed = clusters * v * (1 - r**2) / ((clusters * u - w) * (1 + r**2) - 2 * (clusters * p - q) * r)
    assert answer_case(case)["variance"] == pytest.approx(closed, rel=1e-9)


def test_effects_by_exposure_time_are_summed_up_by_the_estimand(cases):
    case = copy.deepcopy(cases["C01"])
    case["effect"] = {"theta": [0.1, 0.2, 0.3, 0.4], "estimand": "average"}
    one = copy.deepcopy(case)
    one["effect"] = {"theta": 0.25, "estimand": "average"}
    assert answer_case(case)["power"] == pytest.approx(answer_case(one)["power"])
    case["effect"] = {"theta": [0.1, 0.2, 0.3, 0.4]}
    with pytest.raises(CaseRefused, match="estimand"):
        answer_case(case)


def test_sizes_may_be_null_where_nothing_is_observed(cases):
    case = cases["G05"] | {"design": {"kind": "matrix", "x": [[0, 1, None], [0, 0, 1], [0, 0, 0]]}}
    case |= {"size": [[10, 10, None], [10, 20, 10], [10, 10, 10]]}
    assert answer_case(case)["variance"] > 0
    with pytest.raises(CaseRefused, match="no people"):
        answer_case(case | {"size": [[10, None, None], [10, 20, 10], [10, 10, 10]]})


@pytest.mark.parametrize("link", ["identity", "log", "logit"])
def test_marginal_models_of_shares_are_generalised_least_squares_on_people(link, cases):
    """Against the definition: D'V^-1 D over every person, V from root variances and three correlations."""
    case = copy.deepcopy(cases["I09"])
    case |= {"size": 4, "outcome": {"family": "binomial", "link": link, "model": "marginal"}}
    x = designs.stepped_wedge([6, 6]).x
    periods, m = 3, 4
    forward = {"identity": lambda p: p, "log": np.log, "logit": lambda p: np.log(p / (1 - p))}[link]
    back = {"identity": lambda e: e, "log": np.exp, "logit": lambda e: 1 / (1 + np.exp(-e))}[link]
    slope = {"identity": lambda p: 1 + 0 * p, "log": lambda p: p, "logit": lambda p: p * (1 - p)}[link]
    theta = forward(0.4) - forward(0.3)
    total = 0
    for row in x:
        mu = np.repeat(back(np.linspace(forward(0.2), forward(0.3), 3) + theta * row), m)
        when = np.repeat(np.arange(periods), m)
        corr = np.where(np.eye(periods * m) > 0, 1, np.where(when[:, None] == when, 0.03, 0.015))
        v = corr * np.sqrt(np.outer(mu * (1 - mu), mu * (1 - mu)))
        d = slope(mu)[:, None] * np.column_stack([when[:, None] == np.arange(periods), np.repeat(row, m)])
        total = total + d.T @ np.linalg.solve(v, d)
    assert answer_case(case)["variance"] == pytest.approx(np.linalg.inv(total)[-1, -1], rel=1e-9)


def test_a_case_may_ask_for_orders_drop_out_and_simulation(cases):
    case = cases["A07"] | {"size": [10, 20, 30], "request": ["allocations", "drop_out", "simulation"]}
    found = answer_case(case)
    assert found["power_over_allocations"]["count"] == 6
    assert len(found["power_after_losing_one_cluster"]) == 3
    simulated = found["simulated_power"]
    assert abs(simulated["power"] - found["power"]) < 4 * simulated["standard_error"]
    large = cases["A01"] | {"request": ["allocations"]}
    assert answer_case(large)["power_over_allocations"]["of"] > 20_000


def test_a_case_may_ask_for_clusters_a_curve_and_a_grid(cases):
    case = copy.deepcopy(cases["C01"])
    case["inference"]["target_power"] = 0.9
    found = answer_case(
        case
        | {
            "request": ["clusters"],
            "curve": {"over": "size", "values": [10, 20]},
            "sensitivity": {"icc": [0.01, 0.05], "cac": [1, 0.8]},
        }
    )
    assert found["clusters"] % 12 == 0
    assert found["power_with_clusters"] >= 0.9
    assert found["curve"]["power"][1] == pytest.approx(found["power"])
    assert found["sensitivity"]["power"]["nested-exchangeable"][1][1] == pytest.approx(found["power"])


def test_a_case_may_ask_for_the_power_of_today(cases):
    late = [[0, 1, 1, 1], [0, 0, 0, 1], [0, 0, 0, 1]]
    found = answer_case(cases["A07"] | {"today": {"x": late, "returned": [[10, 10, 10, None]] * 3}})["today"]
    assert found["today"] < found["if_all_return"] < found["planned"]
    assert {row["cluster"] for row in found["missing"]} == {"cluster 1", "cluster 2", "cluster 3"}
    nothing = answer_case(cases["A07"] | {"today": {"returned": [[0] * 4] * 3}})["today"]
    assert nothing["today"] is None
    assert nothing["why_not"]


@pytest.mark.parametrize(
    ("extra", "path"),
    [
        ({"curve": {"over": "colour", "values": [1]}}, "over"),
        ({"curve": {"over": "size", "values": []}}, "curve.values"),
        ({"curve": {"over": "size", "values": [1], "steps": 3}}, "curve.steps"),
        ({"sensitivity": {"icc": [2], "cac": [1]}}, "sensitivity.icc"),
        ({"today": {"returned": 3}}, "today.returned"),
        ({"request": ["clusters"]}, "inference.target_power"),
        ({"request": ["luck"]}, "request"),
    ],
)
def test_nonsense_in_what_is_asked_for_is_refused(extra, path, cases):
    with pytest.raises(CaseRefused) as refused:
        answer_case(cases["C01"] | extra)
    assert refused.value.path == path


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("parts", [(1.0, 0.0), (1.0, 1e-4), (0.0, 0.0), (1e-4, 1e-4)])
def test_the_limit_of_endless_cells_holds_on_every_scale(scale, parts):
    tau2, gamma2 = (value * scale for value in parts)
    one = Plan(FIVE, Outcome(), Components(tau2, gamma2, residual=1e-4 * scale), Effect(0.02 * scale**0.5))
    solved = solving.size_for(one, 0.8)
    if gamma2 == 0:
        assert solved.limiting_power == pytest.approx(1)
    else:
        floor = Plan(FIVE, Outcome(), Components(tau2, residual=gamma2), Effect(0.02 * scale**0.5), 1.0)
        assert solved.limiting_power == pytest.approx(power.power(floor).power, abs=1e-7)


def test_under_decay_the_within_period_correlation_is_the_icc(cases):
    by_icc = copy.deepcopy(cases["D01"])
    by_icc["correlation"] = {"structure": "discrete-time-decay", "icc": 0.5, "r": 0.6}
    by_alpha = copy.deepcopy(by_icc)
    by_alpha["correlation"] = {"structure": "discrete-time-decay", "alpha0": 0.5, "r": 0.6}
    assert answer_case(by_alpha)["variance"] == answer_case(by_icc)["variance"] == pytest.approx(0.1488867823971748)
