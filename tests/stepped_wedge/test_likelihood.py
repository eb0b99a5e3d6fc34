"""Precision by maximum likelihood (Zhou et al. 2020) against the definition: every table of counts, scores squared."""

import itertools
import json
from fractions import Fraction
from math import comb, log

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binom

from stepped_wedge import designs, likelihood, solving
from stepped_wedge.cases import answer_case
from stepped_wedge.correlations import Components
from stepped_wedge.likelihood import _log_ways as log_ways
from stepped_wedge.likelihood import likelihood_variance
from stepped_wedge.outcomes import Effect, Outcome
from stepped_wedge.power import Plan, power, variance, variance_of_effects
from stepped_wedge.refusals import CaseRefused

THREE = designs.stepped_wedge([1, 1])
BY_LIKELIHOOD = Outcome("binomial", "logit", model="conditional-ml")


def by_enumeration(design, people, predictor, tau2):
    """Expected information from all (m+1)^T tables of each cluster, by Gauss-Hermite quadrature over b."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    b, weights = np.sqrt(tau2) * nodes, weights / weights.sum()
    periods = design.period_count
    total = np.zeros((periods + 2, periods + 2))
    for i in range(design.cluster_count):
        seen = np.flatnonzero(design.observed[i])
        p = expit(predictor[i, seen] + b[:, None])
        columns = np.hstack([np.eye(periods)[seen], design.x[i, seen, None]])
        for table in itertools.product(*(range(int(m) + 1) for m in people[i, seen])):
            y = np.array(table)
            joint = np.prod(binom.pmf(y, people[i, seen], p), axis=1) * weights
            chance = joint.sum()
            posterior = joint / chance
            score = np.append(
                columns.T @ (posterior @ (y - people[i, seen] * p)), posterior @ ((b**2 - tau2) / 2 / tau2**2)
            )
            total += chance * np.outer(score, score)
    return np.linalg.inv(total)[periods, periods]


@pytest.mark.parametrize("lost", [None, (0, 1)])
def test_the_variance_is_that_of_every_possible_table_of_counts(lost):
    x = THREE.x.copy()
    if lost:
        x = np.vstack([x, x])
        x[lost] = np.nan
    design = designs.Design(x)
    people = np.random.default_rng(1).integers(3, 6, x.shape).astype(float)
    predictor = np.linspace(-1.0, -0.4, 3) + 0.7 * design.filled
    found = likelihood_variance(design, people, predictor, 0.35)[0, 0]
    assert found == pytest.approx(by_enumeration(design, people, predictor, 0.35), rel=1e-10)


@pytest.mark.parametrize(
    ("size", "known"), [(600.0, 0.013487007509775212), (1700.0, 0.004879035099871877), (2600.0, 0.0032059995369297625)]
)
def test_large_cells_agree_with_the_law_of_the_total_from_an_inverse_fourier_transform(size, known):
    """The figures of that way, which went through every total and needed seconds."""
    plan = Plan(
        designs.stepped_wedge([1] * 5), BY_LIKELIHOOD, Components(0.09, residual=None), Effect(-0.3, -2.75), size
    )
    assert variance(plan) == pytest.approx(known, rel=1e-8)


@pytest.mark.parametrize("control", [-6.0, -2.75, 0.0, 3.0])
def test_the_number_of_ways_to_a_total_is_a_convolution_of_binomial_coefficients(control):
    people, predictor = np.array([60.0, 7.0, 0.0, 60.0]), control + np.array([0.0, 0.1, 0.3, 0.7])
    ways = [1]
    for n, level in zip(people.astype(int), predictor, strict=True):
        odds = Fraction(float(np.exp(level)))
        cell = [comb(int(n), k) * odds**k for k in range(n + 1)]
        ways = [
            sum(ways[j] * cell[s - j] for j in range(max(0, s - n), min(s, len(ways) - 1) + 1))
            for s in range(len(ways) + n)
        ]
    exact = [log(each.numerator) - log(each.denominator) for each in ways]
    assert log_ways(people, predictor, 0, len(ways) - 1) == pytest.approx(exact, abs=1e-10)


@pytest.mark.parametrize("tau2", [0.001, 0.09, 2.0])
def test_fewer_totals_give_the_sum_over_every_total(tau2, monkeypatch):
    design = designs.stepped_wedge([1, 1, 1])
    people = np.random.default_rng(3).integers(100, 900, design.x.shape).astype(float)
    predictor = np.linspace(-3.0, -2.0, 4) - 0.3 * design.filled
    found = likelihood_variance(design, people, predictor, tau2)[0, 0]
    monkeypatch.setattr(likelihood, "TOLERANCE", -1.0)  # never reached
    assert found == pytest.approx(likelihood_variance(design, people, predictor, tau2)[0, 0], rel=1e-10)


def test_without_a_random_effect_it_is_logistic_regression():
    plan = Plan(THREE, BY_LIKELIHOOD, Components(0.0, residual=None), Effect(-0.5, -1.0), 20.0)
    least_squares = plan.but(outcome=Outcome("binomial", "logit"))
    assert variance(plan) == pytest.approx(variance(least_squares), rel=1e-12)


def test_thousands_of_children_in_a_cell_are_no_obstacle_and_agree_with_a_linear_model():
    """With large cells the likelihood is nearly normal: least squares on the logit scale comes close."""
    plan = Plan(THREE, BY_LIKELIHOOD, Components(0.04, residual=None), Effect(-0.1, -0.2), 3000.0)
    least_squares = plan.but(outcome=Outcome("binomial", "logit"))
    assert variance(plan) == pytest.approx(variance(least_squares), rel=0.01)


def test_larger_cells_and_more_clusters_are_more_precise():
    plan = Plan(THREE, BY_LIKELIHOOD, Components(0.2, residual=None), Effect(-0.5, -1.0), 10.0)
    assert variance(plan.but(size=20.0)) < variance(plan)
    doubled = plan.but(design=designs.Design(np.vstack([THREE.x, THREE.x])))
    assert variance(doubled) == pytest.approx(variance(plan) / 2, rel=1e-10)


def test_effects_by_exposure_time_are_estimated_together():
    design = designs.stepped_wedge([1, 1, 1])
    plan = Plan(design, BY_LIKELIHOOD, Components(0.1, residual=None), Effect(-0.5, -1.0), 15.0)
    together = variance_of_effects(plan, designs.exposure_columns(design))
    assert together.shape == (3, 3)
    assert together[0, 0] > variance(plan)


def test_the_size_by_likelihood_is_the_smallest():
    plan = Plan(designs.stepped_wedge([2, 2, 2]), BY_LIKELIHOOD, Components(0.05, residual=None), Effect(-0.9, -1.0))
    solved = solving.size_for(plan, 0.8)
    assert power(plan.but(size=float(solved.n))).power >= 0.8 > power(plan.but(size=solved.n - 1.0)).power
    assert solved.power_at_n_minus_1 < 0.8


CASE = {
    "design": {"kind": "stepped_wedge", "clusters_per_sequence": [2, 2]},
    "outcome": {"family": "binomial", "link": "logit", "model": "conditional-ml"},
    "correlation": {"structure": "exchangeable", "tau2": 0.1},
    "size": 12,
    "effect": {"mu0": 0.2, "mu1": 0.1},
}


def test_a_case_may_ask_for_it_and_takes_both_errors_from_the_effect():
    found = answer_case(CASE)
    assert "variance_null" not in found
    assert 0.05 < found["power"] < 1


@pytest.mark.parametrize(
    ("part", "change", "path"),
    [
        ("outcome", {"link": "log"}, "outcome.model"),
        ("outcome", {"overdispersion": 2}, "outcome.overdispersion"),
        ("correlation", {"structure": "nested-exchangeable", "gamma2": 0.01}, "correlation.structure"),
    ],
)
def test_what_it_is_not_made_for_is_refused(part, change, path):
    case = json.loads(json.dumps(CASE))
    case[part] |= change
    with pytest.raises(CaseRefused) as refused:
        answer_case(case)
    assert refused.value.path == path


@pytest.mark.parametrize("name", ["information_content", "simulation"])
def test_what_is_worked_out_by_least_squares_is_not_put_beside_it(name):
    with pytest.raises(CaseRefused, match="least squares"):
        answer_case(CASE | {"request": [name]})


def test_clusters_and_drop_out_are_by_likelihood_too():
    found = answer_case(CASE | {"request": ["clusters", "drop_out"], "inference": {"target_power": 0.8}})
    assert found["power_with_clusters"] >= 0.8
    assert all(row["power"] < found["power"] for row in found["power_after_losing_one_cluster"])


@pytest.mark.parametrize(("size", "said"), [(12.5, "whole numbers"), (90_000, "up to")])
def test_people_are_counted_and_not_without_end(size, said):
    with pytest.raises(CaseRefused, match=said):
        answer_case(CASE | {"size": size})
