import numpy as np
import pytest

from stepped_wedge import designs, solving, spreads
from stepped_wedge.allocations import all_allocations
from stepped_wedge.analysis.randomisation import randomisation_test
from stepped_wedge.analysis.returns import returns_of
from stepped_wedge.cases import answer_case
from stepped_wedge.correlations import Components
from stepped_wedge.crews import Crew
from stepped_wedge.curves import sensitivity
from stepped_wedge.outcomes import Effect, Outcome
from stepped_wedge.power import Plan, power
from stepped_wedge.references import Inference
from stepped_wedge.refusals import CaseRefused

FIVE = Plan(designs.stepped_wedge([1] * 5), Outcome(), Components(0.0004, 0.0001, residual=0.05), Effect(0.015), 1000.0)


def test_the_limit_with_a_random_intervention_effect_keeps_its_digits():
    """Found by a property test: with cells of 10^12 the information was a difference of numbers of 10^12."""
    x = [[0, np.nan, 1, 1, 1, np.nan], [np.nan, np.nan, 1, np.nan, 1, 1], [np.nan, np.nan, 0.25] + [np.nan] * 3]
    design = designs.Design(np.array([*x, [0, 0, 0, 0.25, 1, 1]]))
    plan = Plan(design, Outcome(), Components(0.01, psi2=0.5, eta2=0.02), Effect(0.4))
    solved = solving.size_for(plan, 0.999)
    assert solved.n is None
    assert solved.limiting_power == pytest.approx(power(plan.but(size=1e6)).power, abs=1e-4)


def test_a_scan_finds_the_smallest_number_of_sequences_that_reaches_the_target():
    reached, scan = solving.sequences_for(FIVE, 0.9)
    assert reached == scan[-1]
    assert reached.answer.power >= 0.9 > scan[-2].answer.power
    assert [row.sequences for row in scan] == list(range(2, reached.sequences + 1))
    alone = power(FIVE.but(design=designs.stepped_wedge([1] * reached.sequences)))
    assert reached.answer.power == alone.power


def test_a_scan_keeps_the_clusters_of_each_sequence_and_says_when_nothing_is_enough():
    two_each = FIVE.but(design=designs.stepped_wedge([2, 2, 2]))
    reached, _ = solving.sequences_for(two_each, 0.8)
    assert reached.clusters == 2 * reached.sequences
    reached, scan = solving.sequences_for(FIVE.but(effect=Effect(0.0001)), 0.8, most=8)
    assert reached is None
    assert len(scan) == 7


def test_the_same_clusters_in_more_steps():
    twelve = FIVE.but(design=designs.stepped_wedge([3] * 4))
    rows = solving.steps_of_the_same_clusters(twelve)
    assert [row.sequences for row in rows] == list(range(2, 13))
    assert {row.clusters for row in rows} == {12}
    assert rows[2].answer.power == power(twelve).power


def test_too_few_sequences_for_the_degrees_of_freedom_are_left_out_of_the_scan():
    asked = FIVE.but(inference=Inference(reference="t-noncentral", df_rule="clusters-minus-2"))
    _, scan = solving.sequences_for(asked, 0.5)
    assert scan[0].sequences == 3


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"design": designs.stepped_wedge([1, 2, 1])}, "request"),
        ({"design": designs.with_transition(designs.stepped_wedge([1] * 5))}, "request"),
        ({"size": np.arange(10.0, 15.0)}, "size"),
        ({"effect": Effect(0.1, (0.1, 0.2, 0.3, 0.4, 0.5, 0.6))}, "effect"),
    ],
)
def test_a_scan_that_would_have_to_guess_is_refused(changes, path):
    with pytest.raises(CaseRefused) as refused:
        solving.sequences_for(FIVE.but(**changes), 0.8)
    assert refused.value.path == path


def test_late_switches_one_at_a_time():
    found = dict(spreads.power_when_late(FIVE))
    assert list(found) == [f"cluster {i}" for i in range(1, 6)]
    x = FIVE.design.x.copy()
    x[0] = [0, 0, 1, 1, 1, 1]
    assert found["cluster 1"] == power(FIVE.but(design=designs.Design(x))).power


def test_a_late_switch_moves_its_transition_along():
    design = designs.with_transition(designs.stepped_wedge([1, 1, 1], 5))
    late = designs.switched_late(design, [0])
    assert np.array_equal(late.x[0], [0, 0, np.nan, 1, 1], equal_nan=True)
    assert np.array_equal(late.x[1:], design.x[1:], equal_nan=True)
    with pytest.raises(CaseRefused, match="one switch"):
        designs.switched_late(designs.crossover(1, 1), [0])
    with pytest.raises(CaseRefused, match="from 1 to 4"):
        designs.switched_late(design, [0], 5)


def test_a_grid_over_unequal_sizes_and_late_switches_is_worse_and_names_where():
    plain = sensitivity(FIVE, [0.005, 0.01], [0.9, 0.8])
    unequal = sensitivity(FIVE, [0.005, 0.01], [0.9, 0.8], size_cv=0.8)
    late = sensitivity(FIVE, [0.005, 0.01], [0.9, 0.8], late=2)
    assert (unequal.power < plain.power).all()
    assert (late.power < plain.power).all()
    assert late.worst["late"] == 2
    nearly = sensitivity(FIVE, [0.005, 0.01], [0.9, 0.8], size_cv=1e-6)
    assert nearly.power == pytest.approx(plain.power, abs=1e-6)


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        ({"late": [9]}, "sensitivity.late"),
        ({"late": [0.5]}, "sensitivity.late"),
        ({"size_cv": [-1]}, "sensitivity.size_cv"),
    ],
)
def test_impossible_scenarios_are_refused(keys, path, cases):
    with pytest.raises(CaseRefused) as refused:
        answer_case(cases["A07"] | {"sensitivity": {"icc": [0.1], "cac": [1]} | keys})
    assert refused.value.path == path


def test_a_case_may_ask_for_sequences_late_switches_scenarios_and_unknown_sizes(cases):
    found = answer_case(
        cases["C01"]
        | {
            "inference": {"target_power": 0.9},
            "request": ["sequences", "late_switching"],
            "sensitivity": {"icc": [0.05], "cac": [1, 0.8], "size_cv": [0, 0.5], "late": [0, 1]},
            "unknown_sizes": {"cv": 0.6, "draws": 60},
        }
    )
    assert found["scan"][-1]["sequences"] == found["sequences"]
    assert found["power_with_sequences"] >= 0.9
    assert len(found["power_when_one_cluster_is_a_period_late"]) == 12
    assert [(row["size_cv"], row["late"]) for row in found["sensitivity"]["scenarios"]] == [
        (0, 0),
        (0, 1),
        (0.5, 0),
        (0.5, 1),
    ]
    corners = [v for row in found["sensitivity"]["scenarios"] for t in row["power"].values() for r in t for v in r]
    assert found["sensitivity"]["worst"]["power"] == min(corners)
    assert found["power_with_unknown_sizes"]["p10"] < found["power"]


@pytest.mark.parametrize(
    ("extra", "path"),
    [
        ({"request": ["sequences"]}, "inference.target_power"),
        ({"unknown_sizes": {}}, "unknown_sizes.cv"),
        ({"unknown_sizes": {"cv": 0}}, "unknown_sizes.cv"),
        ({"unknown_sizes": {"cv": 0.5, "draws": 0}}, "unknown_sizes.draws"),
        ({"unknown_sizes": {"cv": 0.5, "mean": 3}}, "unknown_sizes.mean"),
        ({"unknown_sizes": {"cv": 0.5}, "size": [10, 20, 30]}, "size"),
    ],
)
def test_nonsense_in_what_is_asked_for_is_refused(extra, path, cases):
    with pytest.raises(CaseRefused) as refused:
        answer_case(cases["A07"] | extra)
    assert refused.value.path == path


def test_the_answer_does_not_depend_on_how_many_share_the_work(cases):
    case = cases["A07"] | {
        "size": 10,
        "request": ["simulation"],
        "unknown_sizes": {"cv": 0.6, "draws": 120},
        "sensitivity": {"icc": [0.1, 0.2], "cac": [0.9], "late": [1]},
    }
    assert answer_case(case, Crew(2)) == answer_case(case)


def test_orders_are_fitted_alike_whoever_shares_the_work():
    lost = FIVE.design.x.copy()
    lost[1, 2] = np.nan
    returns = returns_of(designs.Design(lost), np.random.default_rng(1).normal(size=lost.shape), 100.0)
    orders = all_allocations((1,) * 5)
    alone, shared = (
        randomisation_test(returns, FIVE.design.x, range(5), orders, chunk=30, crew=crew) for crew in (Crew(1), Crew(2))
    )
    assert np.array_equal(alone.values, shared.values)
    assert alone.interval == shared.interval


def test_every_part_is_told_in_order():
    told = []
    assert Crew(1, lambda *words: told.append(words)).each("halves", abs, [-1, -2]) == [1, 2]
    assert told == [("halves", 1, 2), ("halves", 2, 2)]
    with pytest.raises(CaseRefused, match="at least 1"):
        Crew(0)
