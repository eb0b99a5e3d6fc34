"""Generalised mixed models: gradients, degrees of freedom and intervals."""

import numpy as np
import pytest
from scipy.special import chdtri

from stepped_wedge import designs
from stepped_wedge.analysis.generalised import component_interval, fit_generalised
from stepped_wedge.analysis.laplace import Laplace
from stepped_wedge.analysis.mixed.intervals import crossing
from stepped_wedge.correlations import Components
from stepped_wedge.outcomes import Effect, Outcome
from stepped_wedge.power import Plan
from stepped_wedge.refusals import CaseRefused
from stepped_wedge.simulation import simulated_returns

KINDS = [("binomial", "logit", -1.0, 60.0), ("binomial", "log", -2.0, 60.0), ("poisson", "log", -3.0, 500.0)]


def fitted(family="binomial", link="logit", control=-1.0, size=60.0, slots=(3, 3, 3), structure="nested-exchangeable"):
    parts = Components(0.1, 0.05, residual=None)
    plan = Plan(designs.stepped_wedge(list(slots)), Outcome(family, link), parts, Effect(0.2, control), size)
    return fit_generalised(simulated_returns(plan, np.random.default_rng(2)), family, link, structure)


@pytest.mark.parametrize("structure", ["exchangeable", "nested-exchangeable"])
@pytest.mark.parametrize(("family", "link", "control", "size"), KINDS)
def test_the_gradient_is_that_of_differences_and_zero_at_the_fit(family, link, control, size, structure):
    fit = fitted(family, link, control, size, structure=structure)
    objective = Laplace(fit.cells, len(fit.components))
    inside = np.array([name not in fit.boundary for name in fit.components])
    assert np.abs(objective(fit.parameters)[1][: len(fit.beta)]).max() < 1e-3
    assert np.abs(objective(fit.parameters)[1][len(fit.beta) :][inside]).max(initial=0) < 1e-3
    away = fit.parameters + 0.05
    steps = 1e-5 * np.eye(len(away))
    differences = [(objective(away + step)[0] - objective(away - step)[0]) / 2e-5 for step in steps]
    assert objective(away)[1] == pytest.approx(np.array(differences), rel=1e-5, abs=1e-5)


def test_degrees_of_freedom_are_named_and_refused_where_they_are_not_defined():
    fit = fitted()
    assert fit.estimate(df="clusters-minus-2").df == 7
    assert fit.estimate(df="between-within").df == 9 - 5
    few = fitted(slots=(2, 1, 1, 1))
    with pytest.raises(CaseRefused, match=r"between-within degrees of freedom are -1: not defined"):
        few.estimate(df="between-within")
    with pytest.raises(CaseRefused, match="must be one of"):
        few.estimate(df="satterthwaite")


@pytest.mark.parametrize("name", ["tau2", "gamma2"])
def test_the_ends_of_an_interval_cost_the_chi_square_point(name):
    fit = fitted(slots=(5, 5, 5))
    low, high = component_interval(fit, name)
    assert low <= fit.components[name] <= high
    plain = Laplace(fit.cells, 2)
    spot = len(fit.beta) + list(fit.components).index(name)
    trial = fit.parameters
    trial[spot] = np.sqrt(high)
    # with nothing else moved it costs more than along the profile
    assert plain(trial)[0] - plain(fit.parameters)[0] > 0.99 * chdtri(1, 0.05)


def test_false_position_finds_where_a_bent_line_crosses():
    asked = []

    def bent(z):
        asked.append(z)
        return np.sqrt(z) - 1.5

    assert crossing(bent, (0.1, np.sqrt(0.1) - 1.5), (9.0, 1.5)) == pytest.approx(2.25, abs=2e-3)
    assert len(asked) < 12
