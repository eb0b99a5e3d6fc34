import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepped_wedge import designs
from stepped_wedge.refusals import CaseRefused

wedges = st.builds(
    designs.stepped_wedge,
    st.lists(st.integers(1, 3), min_size=2, max_size=6),
    st.none() | st.integers(3, 9),
)


@given(wedges)
def test_exposure_is_never_taken_away(design):
    assert (np.diff(design.x, axis=1) >= 0).all()
    assert (np.diff(design.exposure, axis=1) >= 0).all()


def test_sequence_k_is_in_control_for_its_first_k_periods():
    design = designs.stepped_wedge([1, 2, 1], 5)
    assert design.x.tolist() == [[0, 1, 1, 1, 1], [0, 0, 1, 1, 1], [0, 0, 1, 1, 1], [0, 0, 0, 1, 1]]
    assert design.clusters_per_sequence == (1, 2, 1)


def test_a_cluster_that_goes_back_is_refused_unless_it_is_a_crossover():
    with pytest.raises(CaseRefused, match="cluster 2 goes back"):
        designs.from_matrix([[0, 1], [1, 0]])
    assert designs.from_matrix([[0, 1], [1, 0]], crossover=True).cluster_count == 2


def test_a_cluster_that_goes_back_over_a_gap_is_refused():
    with pytest.raises(CaseRefused, match="goes back"):
        designs.from_matrix([[1, None, 0], [0, 1, 1]])


@pytest.mark.parametrize(
    ("x", "reason"),
    [
        ([[0, 2], [0, 1]], "between 0"),
        ([[0, 1]], "at least two clusters"),
        ([[0, None], [0, None]], "period 2 has no observed cell"),
        ([[None, None], [0, 1]], "cluster 1 has no observed cell"),
        ([[0, 1], [0]], "equal length"),
        ([["a", 1], [0, 1]], "numbers or null"),
    ],
)
def test_nonsense_is_refused_with_a_sentence(x, reason):
    with pytest.raises(CaseRefused, match=reason) as refused:
        designs.from_matrix(x)
    assert refused.value.path == "design.x"


def test_everyone_switching_together_is_not_identified():
    with pytest.raises(CaseRefused, match="not identified"):
        designs.refuse_unless_identified(designs.from_matrix([[0, 0, 1]] * 3))


def test_everyone_switching_together_is_identified_when_time_is_a_straight_line():
    designs.refuse_unless_identified(designs.from_matrix([[0, 0, 1]] * 3), "linear")


def test_two_transition_periods_leave_nothing_to_compare_with_three_clusters():
    design = designs.with_transition(designs.stepped_wedge([1, 1, 1], 6), 2)
    with pytest.raises(CaseRefused, match="not identified"):
        designs.refuse_unless_identified(design)


def test_transition_counts_as_time_since_the_switch():
    design = designs.with_transition(designs.stepped_wedge([1, 1, 1, 1]), 1)
    assert np.isnan(design.x[0, 1])
    assert design.exposure[0].tolist() == [0, 1, 2, 3, 4]
    again = designs.from_matrix([[None if np.isnan(v) else v for v in row] for row in design.x])
    assert again.exposure[0].tolist() == [0, 1, 2, 3, 4]
    assert designs.exposure_levels(design).tolist() == [2, 3, 4]


def test_partial_exposure_keeps_the_start_of_the_switch():
    design = designs.with_partial_exposure(designs.stepped_wedge([1, 1, 1]), [0.25, 0.5])
    assert design.x[0].tolist() == [0, 0.25, 0.5, 1]
    assert design.switch.tolist() == [1, 2, 3]


def test_a_staircase_is_observed_only_around_the_switch():
    design = designs.staircase([1, 1, 1])
    expected = [[0, 1, None, None], [None, 0, 1, None], [None, None, 0, 1]]
    assert [[None if np.isnan(v) else v for v in row] for row in design.x] == expected


def test_observing_one_period_either_side_of_the_switch_makes_a_staircase():
    whole = designs.stepped_wedge([1, 1, 1])
    assert np.array_equal(
        designs.observed_around_the_switch(whole, 1, 1).x, designs.staircase([1, 1, 1]).x, equal_nan=True
    )


def test_parallel_and_crossover_are_special_cases():
    assert designs.parallel(2, 2, periods=1, baseline=1).x.tolist() == [[0, 0], [0, 0], [0, 1], [0, 1]]
    assert designs.crossover(1, 1).x.tolist() == [[0, 1], [1, 0]]


def test_few_clusters_and_single_sequences_are_said():
    told = " ".join(designs.stepped_wedge([1, 1, 1]).warnings())
    assert "cannot reach p = 0.05" in told
    assert "one cluster in each sequence" in told


def test_reordering_moves_rows_not_names():
    design = designs.Design(designs.stepped_wedge([1, 1, 1]).x, clusters=("a", "b", "c"))
    moved = designs.reordered(design, [2, 0, 1])
    assert moved.x[0].tolist() == design.x[2].tolist()
    assert moved.cluster_names == ("a", "b", "c")


def test_a_transition_that_removes_all_that_separates_two_sequences_is_told():
    lasting = designs.with_transition(designs.stepped_wedge([2, 2, 2], 6), 1)
    assert [told for told in lasting.warnings() if "never seen" in told] == [
        "sequences 1 and 2 are never seen under different conditions in one period",
        "sequences 2 and 3 are never seen under different conditions in one period",
    ]
    slow = designs.Design(np.array([[0, np.nan, 1, 1, 1], [0, 0, 0, np.nan, 1], [0, 0, 0, 0, 0]], dtype=float))
    assert not [told for told in slow.warnings() if "never seen" in told]
