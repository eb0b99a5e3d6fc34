"""Effects that are random by exposure time, against a dense likelihood of all cells."""

import numpy as np
import pytest
from scipy.optimize import minimize

from stepped_wedge import designs
from stepped_wedge.analysis.mixed import fit_mixed, fit_scattered
from stepped_wedge.analysis.mixed.scattering import _evaluate, _slopes
from stepped_wedge.analysis.running import analyse
from stepped_wedge.correlations import Components
from stepped_wedge.outcomes import Effect, Outcome
from stepped_wedge.power import Plan
from stepped_wedge.refusals import CaseRefused
from stepped_wedge.simulation import simulated_returns

STRUCTURES = {
    "exchangeable": Components(0.05),
    "nested-exchangeable": Components(0.04, 0.02),
    "discrete-time-decay": Components(0.06, r=0.7),
    "random-intervention": Components(0.05, eta2=0.03),
}


def returned(structure="nested-exchangeable", slots=(2, 2, 2, 2, 2), effects=(0.1, 0.6, 0.2, 0.7, 0.3), seed=7):
    plan = Plan(designs.stepped_wedge(list(slots)), Outcome(), STRUCTURES[structure], Effect(0.2), 30.0)
    return simulated_returns(plan, np.random.default_rng(seed), list(effects))


def dense(returns, values, reml=True):
    """(log-likelihood of all individuals, fixed effects, their covariance, predicted effects), nothing blocked."""
    design, (clusters, periods) = returns.design, returns.design.x.shape
    levels = int(design.exposure.max())
    e = np.stack([(design.exposure == s) * design.filled for s in range(1, levels + 1)], axis=2).reshape(-1, levels)
    f = np.column_stack([np.tile(np.eye(periods), (clusters, 1)), e.sum(1)])
    lag = np.abs(np.subtract.outer(np.arange(periods), np.arange(periods)))
    own = values["tau2"] * values.get("r", 1.0) ** lag + values.get("gamma2", 0.0) * np.eye(periods)
    v = np.kron(np.eye(clusters), own) + values["nu2"] * e @ e.T + np.diag(values["residual"] / returns.n.ravel())
    for i in range(clusters):
        rows, x = slice(i * periods, (i + 1) * periods), design.filled[i]
        v[rows, rows] += values.get("eta2", 0.0) * np.outer(x, x)
    precision, y = np.linalg.inv(v), returns.mean.ravel()
    gram = f.T @ precision @ f
    beta = np.linalg.solve(gram, f.T @ precision @ y)
    left, people = y - f @ beta, returns.n.sum()
    twice = np.linalg.slogdet(v)[1] + left @ precision @ left + np.log(returns.n).sum()
    twice += (people - len(y)) * np.log(values["residual"]) + returns.within.sum() / values["residual"]
    twice += (people - (f.shape[1] if reml else 0)) * np.log(2 * np.pi)
    if reml:
        twice += np.linalg.slogdet(gram)[1]
    return -twice / 2, beta, np.linalg.inv(gram), beta[-1] + values["nu2"] * e.T @ precision @ left


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_likelihood_and_what_follows_from_it_are_those_of_a_dense_model(structure, reml):
    returns = returned(structure)
    fit = fit_scattered(returns, structure, reml=reml)
    likelihood, beta, covariance, effects = dense(returns, fit.components, reml)
    assert fit.log_likelihood == pytest.approx(likelihood, abs=1e-8)
    assert fit.beta == pytest.approx(beta, abs=1e-10)
    assert fit.covariance == pytest.approx(covariance, abs=1e-10)
    assert fit.effects == pytest.approx(effects, abs=1e-10)


def best(returns, names, starts, held=(), reml=True):
    """(largest log-likelihood that a search without slopes finds, where): begun anew where it stopped, until it stays."""

    def loss(u):
        return -dense(returns, dict(zip(names, np.exp(u), strict=True)) | dict(held), reml)[0]

    found = []
    for start in starts:
        spot, last = np.log(start), np.inf
        while last - loss(spot) > 1e-9:
            last = loss(spot)
            spot = minimize(loss, spot, method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-11}).x
        found.append((-loss(spot), np.exp(spot)))
    return max(found, key=lambda each: each[0])


@pytest.mark.parametrize("reml", [True, False])
def test_no_other_components_are_more_likely(reml):
    returns = returned()
    fit = fit_scattered(returns, reml=reml)
    names = ("tau2", "gamma2", "nu2", "residual")
    starts = ([0.03, 0.03, 0.03, 1.0], [0.2, 0.002, 0.2, 0.9], [0.002, 0.1, 0.01, 1.1])
    likelihood, values = best(returns, names, starts, reml=reml)
    assert fit.log_likelihood == pytest.approx(likelihood, abs=1e-6)
    assert [fit.components[n] for n in names] == pytest.approx(values, rel=1e-3)


def test_the_error_of_a_predicted_effect_is_that_of_the_mixed_model_equations():
    returns = returned()
    fit = fit_scattered(returns)
    values = fit.components
    e = np.stack([(returns.design.exposure == s) * 1.0 for s in fit.levels], axis=2).reshape(-1, len(fit.levels))
    both = np.column_stack([np.tile(np.eye(6), (10, 1)), e.sum(1), e])
    v = np.kron(np.eye(10), values["tau2"] * np.ones((6, 6)) + values["gamma2"] * np.eye(6))
    v += np.diag(values["residual"] / returns.n.ravel())
    equations = both.T @ np.linalg.solve(v, both)
    equations[7:, 7:] += np.eye(len(fit.levels)) / values["nu2"]
    error = np.linalg.inv(equations)
    for k in range(len(fit.levels)):
        pick = np.zeros(7 + len(fit.levels))
        pick[[6, 7 + k]] = 1
        assert fit.effect_spread[k] == pytest.approx(pick @ error @ pick, rel=1e-9)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_slopes_are_those_of_differences(structure):
    fit = fit_scattered(returned(structure), structure)
    here = dict.fromkeys((*fit.problem.names, "nu2"), 0.03) | ({"r": 0.6} if "r" in fit.problem.names else {})
    at = _evaluate(fit.problem, fit.columns, here)
    slopes = _slopes(fit.problem, fit.columns, here, at, at.residual)
    for name, value in here.items():
        step = 1e-6
        up = _evaluate(fit.problem, fit.columns, here | {name: value + step}).deviance
        down = _evaluate(fit.problem, fit.columns, here | {name: value - step}).deviance
        assert slopes[name] == pytest.approx((up - down) / (2 * step), rel=1e-4, abs=1e-3)


def test_effects_that_do_not_scatter_give_the_single_effect():
    returns = returned(effects=(0.2,) * 5, seed=3)
    fit, single = fit_scattered(returns), fit_mixed(returns)
    assert "nu2" in fit.boundary
    assert fit.components["nu2"] == 0
    assert fit.estimate().value == pytest.approx(single.estimate().value, abs=1e-6)
    assert fit.estimate().se == pytest.approx(single.estimate(df="normal").se, rel=1e-5)
    assert fit.effects == pytest.approx([fit.beta[-1]] * 5)
    low, high = fit.interval_of_scatter()
    assert low == 0
    assert high > 0


def test_an_interval_of_the_scatter_ends_where_the_deviance_has_risen_by_the_chi_square_point():
    returns = returned()
    fit = fit_scattered(returns)
    low, high = fit.interval_of_scatter()
    assert 0 < low < fit.components["nu2"] < high
    names = ("tau2", "gamma2", "residual")
    for end in (low, high):
        likelihood, _ = best(returns, names, [[fit.components[n] for n in names]], {"nu2": end}.items())
        assert 2 * (fit.log_likelihood - likelihood) == pytest.approx(3.8415, abs=0.01)


def test_satterthwaite_lies_between_what_bounds_it():
    fit = fit_scattered(returned())
    assert fit.estimate("satterthwaite").df > 1
    assert fit.estimate().df == 4
    assert fit.estimate("clusters-minus-2").df == 8


def test_it_is_asked_for_in_a_specification_and_answers_by_name():
    answer = analyse({"method": "lmm", "outcome": "gaussian", "model": {"effect": "random-exposure"}}, returned())
    assert answer["model"] == {
        "correlation": "nested-exchangeable",
        "effect": "random-exposure",
        "estimation": "REML",
        "df": "exposure-times-minus-1",
    }
    assert set(answer["components"]) == {"tau2", "gamma2", "nu2", "residual"}
    assert [row["periods_since_switch"] for row in answer["effect_by_exposure_time"]] == [1, 2, 3, 4, 5]
    low, high = answer["component_intervals"]["nu2"]
    assert low < answer["components"]["nu2"] < high


def test_with_lost_cells_it_is_accompanied_by_two_way():
    returns = returned()
    x = returns.design.x.copy()
    x[0, 2] = np.nan
    spec = {"method": "lmm", "outcome": "gaussian", "model": {"effect": "random-exposure"}}
    answer = analyse(spec | {"design": {"kind": "matrix", "x": returns.design.x.tolist()}}, returns.treated_as(x))
    assert answer["missing_returns"].get("method", "two-way") == "two-way"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"df": "kenward-roger"}, "df: must be one of"),
        ({"model": {"effect": "random-exposure", "estimand": "last"}}, "model.estimand: random-exposure estimates"),
        ({"method": "two-way"}, "model.effect: must be one of single"),
        ({"method": "cohort-lmm"}, "model.effect: must be one of single"),
    ],
)
def test_what_it_does_not_do_is_refused(spec, said):
    whole = {"method": "lmm", "outcome": "gaussian", "model": {"effect": "random-exposure"}} | spec
    with pytest.raises(CaseRefused, match=said):
        analyse(whole, returned())


def test_two_exposure_times_have_no_scatter_to_speak_of():
    with pytest.raises(CaseRefused, match="needs three exposure times; there are 2"):
        fit_scattered(returned(slots=(4, 4), effects=(0.1, 0.3)))
