import itertools
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from stepped_wedge import allocations, balance
from stepped_wedge.allocations import Constraint, Space, all_allocations, read_constraint
from stepped_wedge.balance import Covariate, candidates
from stepped_wedge.refusals import CaseRefused

FIVE = ("Coventry", "Newcastle", "Sefton", "Solihull", "Warwickshire")


def numbers(seed, clusters, count=2):
    generator = np.random.default_rng(seed)
    return [Covariate(f"covariate {k}", tuple(generator.normal(size=clusters))) for k in range(count)]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 3), min_size=1, max_size=3))
def test_the_space_holds_every_allocation_once_in_lexicographic_order(slots):
    rows = [tuple(row) for row in all_allocations(slots).tolist()]
    flat = [s for s, n in enumerate(slots) for _ in range(n)]
    assert rows == sorted(set(itertools.permutations(flat)))


@pytest.mark.parametrize(("slots", "count"), [((1,) * 5, 120), ((3,) * 4, 369_600), ((8, 8), 12_870), ((9, 9), 48_620)])
def test_the_space_has_the_size_of_the_multinomial(slots, count):
    names = tuple(map(str, range(sum(slots))))
    assert Space(names, slots).size_without_constraints == count == len(all_allocations(slots))


def test_eighteen_clusters_in_six_sequences_are_too_many_to_list():
    names = tuple(f"{i:02}" for i in range(18))
    assert Space(names, (3,) * 6).size_without_constraints == 137_225_088_000
    with pytest.raises(CaseRefused, match="too many to list"):
        candidates(Space(names, (3,) * 6))


def test_strata_are_spread_exactly():
    space = Space(tuple("abcdef"), (3, 3), tuple("xxxxyy"))
    rows = allocations.enumerate_space(space)
    assert len(rows) == 6 * 2 == space.size_without_constraints
    assert ((rows[:, :4] == 0).sum(1) == 2).all()
    assert rows.tolist() == sorted(rows.tolist())


def test_interleaved_strata_come_back_in_the_order_of_the_clusters():
    space = Space(tuple("abcd"), (2, 2), tuple("xyxy"))
    rows = allocations.enumerate_space(space)
    assert (rows[:, [0, 2]].sum(1) == 1).all()
    assert (rows[:, [1, 3]].sum(1) == 1).all()
    assert rows.tolist() == sorted(rows.tolist())


def test_a_stratum_that_cannot_be_spread_is_refused_until_its_slots_are_given():
    with pytest.raises(CaseRefused, match="cannot be spread"):
        Space(tuple("abcd"), (2, 2), tuple("xxxy"))
    space = Space(tuple("abcd"), (2, 2), tuple("xxxy"), (("x", (2, 1)), ("y", (0, 1))))
    assert len(allocations.enumerate_space(space)) == 3


@pytest.mark.parametrize(
    ("sentence", "rule"),
    [
        ("A and B not in the same step", Constraint("apart", ("A", "B"))),
        ("A and B in the same step.", Constraint("together", ("A", "B"))),
        ("at most one of A, B, C in a step", Constraint("at-most", ("A", "B", "C"), 1)),
        ("C not before step 3", Constraint("not-before", ("C",), 3)),
        ("C not after step 2", Constraint("not-after", ("C",), 2)),
        ("A in step 1", Constraint("in-step", ("A",), 1)),
        ("A not in step 1", Constraint("not-in-step", ("A",), 1)),
    ],
)
def test_constraints_are_sentences_and_read_back_as_they_are_written(sentence, rule):
    assert read_constraint(sentence) == rule
    assert read_constraint(str(rule)) == rule


def test_a_sentence_that_is_not_understood_is_refused():
    with pytest.raises(CaseRefused, match="not understood"):
        read_constraint("A should go early")


def test_every_kept_allocation_meets_the_constraints_and_none_is_lost():
    rules = tuple(
        map(
            read_constraint,
            (
                "a and b not in the same step",
                "c not before step 2",
                "d and e in the same step",
                "at most 2 of a, c, f in a step",
                "f not after step 2",
            ),
        )
    )
    space = Space(tuple("abcdef"), (2, 2, 2), constraints=rules)
    rows = allocations.enumerate_space(space).tolist()
    every = all_allocations((2, 2, 2)).tolist()

    def fits(a, b, c, d, e, f):
        return a != b and c >= 1 and d == e and f <= 1 and len({a, c, f}) > 1

    assert rows == [row for row in every if fits(*row)]


def test_constraints_that_cannot_be_met_are_refused():
    rules = (read_constraint("a in step 1"), read_constraint("b in step 1"))
    with pytest.raises(CaseRefused, match="no allocation"):
        allocations.enumerate_space(Space(tuple("ab"), (1, 1), constraints=rules))


def test_sampled_allocations_are_uniform_over_the_space():
    space = Space(tuple("abcde"), (2, 2, 1))
    drawn = np.vstack([allocations._shuffled(space, 30_000, np.random.default_rng(7))])
    codes = drawn @ (3 ** np.arange(4, -1, -1))
    counts = np.unique(codes, return_counts=True)[1]
    assert len(counts) == 30
    assert chisquare(counts).pvalue > 0.001


def test_a_sample_respects_constraints_and_repeats_with_its_seed():
    space = Space(tuple("abcdefgh"), (2,) * 4, constraints=(read_constraint("a and b not in the same step"),))
    one, two = (allocations.sample_space(space, 500, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(one, two)
    assert (one[:, 0] != one[:, 1]).all()
    assert len(np.unique(one, axis=0)) == len(one)


def slow_scores(rows, values, slots, weights):
    z = np.array(values, dtype=float).T
    z = (z - z.mean(0)) / z.std(0, ddof=1)
    length = np.arange(len(slots), 0, -1)
    out = {"trend": [], "between": [], "l1": [], "l2": []}
    for row in rows:
        means = np.array([z[row == s].mean(0) for s in range(len(slots))])
        out["trend"].append(sum(w * np.corrcoef(z[:, k], length[row])[0, 1] ** 2 for k, w in enumerate(weights)))
        out["between"].append((weights * (np.array(slots)[:, None] * means**2).sum(0)).sum() / (len(z) - 1))
        if len(slots) == 2:
            out["l1"].append((weights * abs(means[0] - means[1])).sum())
            out["l2"].append((weights * (means[0] - means[1]) ** 2).sum())
    return out


@pytest.mark.parametrize("slots", [(2, 3), (2, 2, 2), (1, 2, 1)])
def test_scores_are_the_documented_formulas_and_weights_are_not_squared(slots):
    rows = all_allocations(slots)
    values = np.random.default_rng(1).normal(size=(3, sum(slots))).tolist()
    weights = np.array([1.0, 4.0, 0.5])
    covariates = [Covariate(str(k), tuple(v), w) for k, (v, w) in enumerate(zip(values, weights, strict=True))]
    slow = slow_scores(rows, values, slots, weights)
    for score in ("trend", "between", *(("l1", "l2") if len(slots) == 2 else ())):
        assert np.allclose(balance.score_allocations(rows, covariates, slots, score), slow[score])
    both = balance.score_allocations(rows, covariates, slots, "both")
    assert np.allclose(both, np.add(slow["trend"], slow["between"]))


def test_a_category_becomes_standardised_indicators():
    columns = Covariate("region", ("n", "s", "s", "w"), is_category=True).columns()
    assert columns.shape == (4, 2)
    assert np.allclose(columns.mean(0), 0)
    assert np.allclose(columns.std(0, ddof=1), 1)


def test_with_one_cluster_a_sequence_the_between_score_says_nothing_and_is_refused():
    with pytest.raises(CaseRefused, match="use trend"):
        balance.score_allocations(all_allocations((1,) * 5), numbers(1, 5), (1,) * 5, "between")
    assert balance.default_score((1,) * 5) == "trend"
    assert balance.default_score((3,) * 4) == "both"


def test_two_arm_scores_are_refused_with_more_sequences():
    with pytest.raises(CaseRefused, match="two arms"):
        balance.score_allocations(all_allocations((2, 2, 2)), numbers(1, 6), (2, 2, 2), "l2")


def test_ties_at_the_cutoff_are_kept():
    rows = all_allocations((3, 3, 3, 3))
    scores = balance.score_allocations(rows, numbers(2, 12), (3,) * 4, "between")
    kept = balance.keep_best(scores, share=0.001)
    assert kept.sum() == 384  # relabelling the sequences makes groups of 24; 0.1% alone would be 369
    assert balance.keep_best(np.array([1.0, 1.0 + 1e-12, 2.0]), count=1).sum() == 2


@pytest.mark.parametrize(("share", "left"), [(0.5, 60), (0.2, 24), (0.05, 6)])
def test_five_authorities_stand_little_constraint(share, left):
    found = candidates(Space(FIVE, (1,) * 5), numbers(4, 5), share=share)
    assert found.score == "trend"
    assert left <= found.report.kept <= left + 2
    assert bool(found.report.errors) == (share < 0.2)
    assert found.report.smallest_p == 1 / found.report.kept
    if share < 0.2:
        assert any("can never be" in said or "probability" in said for said in found.report.warnings)


def test_the_report_says_which_pairs_lost_their_freedom():
    space = Space(tuple("abcdef"), (2, 2, 2), constraints=(read_constraint("a and b not in the same step"),))
    report = candidates(space).report
    assert "a and b are never in the same sequence" in report.warnings
    assert report.together_before[0, 1] == pytest.approx(1 / 5)
    assert report.as_json()["pairs"][0]["unconstrained"] == pytest.approx(1 / 5)


def test_pair_probabilities_of_an_unconstrained_space_are_the_closed_form():
    for space in (Space(tuple("abcdef"), (3, 2, 1)), Space(tuple("abcdef"), (3, 3), tuple("xxyyyy"))):
        rows = allocations.enumerate_space(space)
        assert np.allclose(balance.positions(rows, len(space.slots))[1], balance._pairs_without_constraints(space))


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(6)))
def test_relabelling_clusters_changes_no_score(order):
    covariates = numbers(5, 6)
    rows = all_allocations((2, 2, 2))
    moved = [Covariate(c.name, tuple(np.array(c.values)[list(order)])) for c in covariates]
    one = np.sort(balance.score_allocations(rows, covariates, (2, 2, 2), "both"))
    two = np.sort(balance.score_allocations(rows, moved, (2, 2, 2), "both"))
    assert np.allclose(one, two)


def test_twelve_clusters_have_the_published_number_of_orders():
    assert factorial(12) // factorial(3) ** 4 == 369_600
