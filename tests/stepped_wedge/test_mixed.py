"""Linear mixed models against the whole covariance matrix of individuals, statsmodels and exact results."""

import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy.optimize import minimize
from scipy.stats import f

from stepped_wedge import designs
from stepped_wedge.analysis.mixed import STRUCTURES, fit_cohort, fit_mixed
from stepped_wedge.analysis.mixed.intervals import _Profile, profile_interval, profile_intervals
from stepped_wedge.analysis.returns import read_returns, returns_of
from stepped_wedge.analysis.two_way import fit_two_way
from stepped_wedge.correlations import Components
from stepped_wedge.outcomes import Effect, Outcome
from stepped_wedge.power import Plan
from stepped_wedge.simulation import simulated_returns
from tests.stepped_wedge.trials import dense_reml, frame, individuals


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("structure", list(STRUCTURES))
def test_a_mixed_model_from_cells_is_the_model_of_all_individuals(structure, reml):
    rows = individuals()
    fit = fit_mixed(read_returns(rows), structure, reml=reml)
    value, beta, variance, _ = dense_reml(rows, structure, fit.components, reml)
    assert fit.log_likelihood == pytest.approx(-value / 2, abs=1e-6)
    assert fit.beta == pytest.approx(beta, rel=1e-8)
    assert fit.covariance[-1, -1] == pytest.approx(variance[-1, -1], rel=1e-8)
    for name, best in fit.components.items():
        for factor in (0.98, 1.02):
            moved = fit.components | {name: np.clip(best * factor, -1, 1) if name in ("r", "rho") else best * factor}
            assert dense_reml(rows, structure, moved, reml)[0] >= value - 1e-7


@pytest.mark.parametrize("reml", [True, False])
def test_a_mixed_model_agrees_with_statsmodels(reml):
    rows = individuals(slots=(3, 3, 3))
    fit = fit_mixed(read_returns(rows), "exchangeable", reml=reml)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = smf.mixedlm("y ~ 0 + C(period) + treat", frame(rows), groups="cluster").fit(reml=reml, method=["bfgs"])
    assert fit.estimate(df="normal").value == pytest.approx(other.params["treat"], rel=1e-4)
    assert fit.log_likelihood == pytest.approx(other.llf, abs=1e-6)
    assert fit.components["tau2"] == pytest.approx(float(other.cov_re.iloc[0, 0]), rel=1e-3)


@pytest.mark.parametrize(
    "structure", ["exchangeable", "nested-exchangeable", "random-intervention", "correlated-random-intervention"]
)
def test_kenward_roger_is_the_formula_of_1997_on_the_whole_matrix(structure):
    rows = individuals()
    fit = fit_mixed(read_returns(rows), structure)
    table = frame(rows)
    x, _, inverse = dense_reml(rows, structure, fit.components)[3]
    clusters, periods = pd.Categorical(table.cluster).codes, table.period.astype(int).to_numpy()
    same = (clusters[:, None] == clusters).astype(float)
    slopes = {
        "tau2": same,
        "gamma2": same * (periods[:, None] == periods),
        "eta2": same * np.outer(table.treat, table.treat),
    }
    slopes["rho"] = same * np.add.outer(table.treat.to_numpy(), table.treat.to_numpy())
    used = [slopes[n] for n in STRUCTURES[structure] if n not in fit.boundary] + [np.eye(len(table))]
    phi = np.linalg.inv(x.T @ inverse @ x)
    p = [-x.T @ inverse @ d @ inverse @ x for d in used]
    q = [[x.T @ inverse @ a @ inverse @ b @ inverse @ x for b in used] for a in used]
    projected = inverse - inverse @ x @ phi @ x.T @ inverse
    expected = np.array([[0.5 * np.trace(projected @ a @ projected @ b) for b in used] for a in used])
    w = np.linalg.inv(expected)
    size = range(len(used))
    inner = sum(w[a, b] * (q[a][b] - p[a] @ phi @ p[b]) for a in size for b in size)
    corrected = phi + 2 * phi @ inner @ phi
    slope = np.array([(phi @ each @ phi)[-1, -1] for each in p])
    found = fit.estimate(df="kenward-roger")
    assert found.se == pytest.approx(np.sqrt(corrected[-1, -1]), rel=1e-6)
    assert found.df == pytest.approx(2 * phi[-1, -1] ** 2 / (slope @ w @ slope), rel=1e-6)


def test_satterthwaite_and_kenward_roger_are_near_the_exact_degrees_of_freedom_in_a_balanced_wedge():
    design = designs.stepped_wedge([1] * 5)
    plan = Plan(design, Outcome(), Components(4000.0, 0.5, residual=1.0), Effect(0.3), 400.0)
    fit = fit_mixed(simulated_returns(plan, np.random.default_rng(4)))
    exact = fit_two_way(returns_of(design, fit.problem.y, 400.0)).estimate()
    assert fit.estimate(df="satterthwaite").df == pytest.approx(19, abs=0.1)
    assert fit.estimate(df="kenward-roger").df == pytest.approx(19, abs=0.1)
    assert fit.estimate().value == pytest.approx(exact.value, abs=0.05 * exact.se)
    assert fit.estimate().se == pytest.approx(exact.se, rel=0.01)


def test_a_component_that_the_data_do_not_show_is_zero_and_said():
    design = designs.stepped_wedge([2] * 4)
    returns = returns_of(design, np.tile([1.0, 1.1, 0.9, 1.0, 1.05], (8, 1)) + 0.2 * design.x, 30.0, 29.0)
    fit = fit_mixed(returns)
    assert set(fit.boundary) == {"tau2", "gamma2"}
    assert fit.components["gamma2"] == 0


@pytest.mark.parametrize("reml", [True, False])
def test_a_cohort_model_from_sums_is_the_model_of_all_individuals(reml):
    rows = individuals(persons=True, slots=(2, 2, 2))
    fit = fit_cohort(read_returns(rows), reml=reml)
    value, beta, variance, _ = dense_reml(rows, "cohort", fit.components, reml, persons=True)
    assert fit.log_likelihood == pytest.approx(-value / 2, abs=1e-6)
    assert fit.beta == pytest.approx(beta, rel=1e-7)
    assert fit.covariance[-1, -1] == pytest.approx(variance[-1, -1], rel=1e-7)
    for name, best in fit.components.items():
        for factor in (0.95, 1.05):
            assert (
                dense_reml(rows, "cohort", fit.components | {name: best * factor}, reml, persons=True)[0]
                >= value - 1e-6
            )
    assert 3 < fit.estimate(df="satterthwaite").df < len(rows)


def kenward_roger_of_individuals(rows, fit, slopes, curves=()):
    """Standard error and degrees of freedom of the last effect, from matrices of all individuals."""
    persons = "psi2" in fit.components
    x, _, inverse = dense_reml(rows, fit.structure, fit.components, persons=persons)[3]
    phi = np.linalg.inv(x.T @ inverse @ x)
    p = [-x.T @ inverse @ d @ inverse @ x for d in slopes]
    q = [[x.T @ inverse @ a @ inverse @ b @ inverse @ x for b in slopes] for a in slopes]
    projected = inverse - inverse @ x @ phi @ x.T @ inverse
    w = np.linalg.inv([[0.5 * np.trace(projected @ a @ projected @ b) for b in slopes] for a in slopes])
    size = range(len(slopes))
    inner = sum(w[a, b] * (q[a][b] - p[a] @ phi @ p[b]) for a in size for b in size)
    for a, b, curve in curves:
        inner = inner - w[a, b] * (x.T @ inverse @ curve @ inverse @ x) / 4
    corrected = phi + 2 * phi @ inner @ phi
    slope = np.array([(phi @ each @ phi)[-1, -1] for each in p])
    return np.sqrt(corrected[-1, -1]), 2 * phi[-1, -1] ** 2 / (slope @ w @ slope)


def test_kenward_roger_of_a_cohort_is_the_formula_of_1997_on_the_whole_matrix():
    rows = individuals(persons=True, slots=(2, 2, 2))
    fit = fit_cohort(read_returns(rows))
    table = frame(rows)
    clusters, periods = pd.Categorical(table.cluster).codes, table.period.astype(int).to_numpy()
    people = pd.Categorical(table.person_id).codes
    same = (clusters[:, None] == clusters).astype(float)
    slopes = {"tau2": same, "gamma2": same * (periods[:, None] == periods), "psi2": 1.0 * (people[:, None] == people)}
    used = [slopes[n] for n in slopes if n not in fit.boundary] + [np.eye(len(table))]
    se, df = kenward_roger_of_individuals(rows, fit, used)
    found = fit.estimate(df="kenward-roger")
    assert found.se == pytest.approx(se, rel=1e-6)
    assert found.df == pytest.approx(df, rel=1e-6)


def test_kenward_roger_under_decay_holds_the_second_derivatives():
    rows = individuals(slots=(3, 3, 3), spread=(0.5, 0.0, 0.0))
    fit = fit_mixed(read_returns(rows), "discrete-time-decay")
    table = frame(rows)
    clusters, periods = pd.Categorical(table.cluster).codes, table.period.astype(int).to_numpy()
    same, gap = (clusters[:, None] == clusters).astype(float), np.abs(np.subtract.outer(periods, periods))
    tau2, r = fit.components["tau2"], fit.components["r"]
    assert 0.2 < r < 0.999
    first = same * gap * r ** np.maximum(gap - 1, 0)
    slopes = [same * r**gap, tau2 * first, np.eye(len(table))]
    second = tau2 * same * gap * (gap - 1) * r ** np.maximum(gap - 2, 0)
    se, df = kenward_roger_of_individuals(rows, fit, slopes, [(0, 1, first), (1, 0, first), (1, 1, second)])
    found = fit.estimate(df="kenward-roger")
    assert found.se == pytest.approx(se, rel=1e-5)
    assert found.df == pytest.approx(df, rel=1e-5)


def brute_profile(rows, structure, components, name, value, persons=False):
    """The least deviance with one component held, by a simplex over dense matrices."""
    names = [n for n in components if n != name]

    def deviance(u):
        return dense_reml(rows, structure, {**dict(zip(names, np.exp(u), strict=True)), name: value}, persons=persons)[
            0
        ]

    start = np.log([max(components[n], 1e-4) for n in names])
    return minimize(deviance, start, method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-4}).fun


@pytest.mark.parametrize("name", ["tau2", "residual"])
def test_the_ends_of_a_profile_interval_cost_the_chi_square_point(name):
    rows = individuals(slots=(2, 2), spread=(0.5, 0.3, 0.0))
    fit = fit_mixed(read_returns(rows))
    for end in profile_interval(fit, name):
        if end > 0:
            cost = brute_profile(rows, fit.structure, fit.components, name, end) + 2 * fit.log_likelihood
            assert cost == pytest.approx(3.8415, abs=0.01)
    assert profile_interval(fit, name)[1] > fit.components[name]


def test_the_ends_for_the_residual_cost_the_chi_square_point_from_a_fresh_start_too():
    """A step far beyond the end once left the cluster-period variance at nothing, and ends far too near."""
    plan = Plan(designs.stepped_wedge([2] * 5), Outcome(), Components(0.04, 0.02), Effect(0.2), 50.0)
    generator = np.random.default_rng(20261122)
    for _ in range(20):
        fit = fit_mixed(simulated_returns(plan, generator))
        for end in profile_interval(fit, "residual"):
            assert _Profile(fit, "residual").cost(end) == pytest.approx(3.8415, abs=0.05)


def test_the_profile_of_the_icc_of_a_one_way_layout_is_near_the_exact_interval_of_searle():
    design = designs.stepped_wedge([10, 10, 10])
    clusters, periods, size = 30, 4, 10
    plan = Plan(design, Outcome(), Components(0.2), Effect(0.0), float(size))
    returns = simulated_returns(plan, np.random.default_rng(14))
    fit = fit_mixed(returns, "exchangeable")
    low, high = profile_interval(fit, "icc")
    # the analysis of variance of clusters and what is left, exact but for the effect that overlaps with clusters
    two_way = fit_two_way(returns)
    across = returns.mean.mean(1)
    between = (
        periods * size * np.var(across - across.mean() - fit.beta[-1] * (design.x.mean(1) - design.x.mean()), ddof=1)
    )
    spare = clusters * periods * (size - 1)
    within = (returns.within.sum() + size * two_way.residual_variance * two_way.df) / (spare + two_way.df)
    ratio = between / within
    ends = [ratio / f.ppf(q, clusters - 1, spare + two_way.df) for q in (0.975, 0.025)]
    exact = [(e - 1) / (e - 1 + periods * size) for e in ends]
    assert [low, high] == pytest.approx(exact, abs=0.02)


def test_a_component_on_the_boundary_has_an_interval_that_begins_at_zero():
    design = designs.stepped_wedge([2] * 4)
    returns = returns_of(design, np.tile([1.0, 1.1, 0.9, 1.0, 1.05], (8, 1)) + 0.2 * design.x, 30.0, 29.0)
    fit = fit_mixed(returns)
    found = profile_intervals(fit)
    assert fit.boundary == ("tau2", "gamma2")
    assert found["tau2"][0] == found["gamma2"][0] == found["icc"][0] == 0
    assert 0 < found["tau2"][1] < 0.1
    assert found["cac"] == (0, 1)


@pytest.mark.parametrize("structure", list(STRUCTURES))
def test_every_component_has_an_interval_around_its_estimate(structure):
    fit = fit_mixed(read_returns(individuals(slots=(3, 3, 3, 3))), structure)
    for name, (low, high) in profile_intervals(fit).items():
        value = {**fit.components, "icc": fit.icc, "cac": fit.cac}[name]
        assert low <= value <= high, name
        assert low < high, name
