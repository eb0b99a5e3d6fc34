from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepped_wedge import designs, precision
from stepped_wedge.correlations import Components
from stepped_wedge.dense import dense_variance
from stepped_wedge.precision import CellModel, information, information_content
from stepped_wedge.precision.sweeps import apply_by_sweeps
from stepped_wedge.refusals import CaseRefused
from tests.stepped_wedge.strategies import components, layouts, models


@settings(max_examples=1000, deadline=None)
@given(st.data())
def test_every_fast_way_agrees_with_dense_least_squares(data):
    design = data.draw(layouts())
    model = data.draw(models(design))
    assert 1 / information(design, model) == pytest.approx(dense_variance(design, model)[0, 0], rel=1e-10)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_sweeps_over_the_periods_are_the_inverses_of_the_blocks(data):
    design = data.draw(layouts())
    drawn = data.draw(models(design))
    model = replace(drawn, components=replace(drawn.components, eta2=0.0, cov=0.0))
    columns = np.stack([design.filled, design.observed.astype(float)], axis=2)
    done = apply_by_sweeps(design, model, columns)
    assert done is not None
    blocks = precision.precision_blocks(design, model)
    weighted = blocks @ columns
    assert np.allclose(done[0], weighted, rtol=1e-11, atol=1e-12 * abs(weighted).max())
    total = blocks.sum(0)
    assert np.allclose(done[1], total, rtol=1e-11, atol=1e-12 * abs(total).max())


@pytest.mark.parametrize("eta2", [10.0, 1e-2, 1e-4, 1e-6, 1e-8, 1e-10])
@pytest.mark.parametrize("share", [0.9, -0.9])
def test_a_covariance_with_the_cluster_costs_no_digits_however_small_the_effect_varies(eta2, share):
    design = designs.Design((np.arange(10) > np.arange(20)[:, None] % 9).astype(float))
    parts = Components(1.0, 0.01, eta2=eta2, cov=share * eta2**0.5)
    model = CellModel(parts, 20.0, 1 / 20.0)
    assert information(design, model) == pytest.approx(
        float(precision.sums(design, model).information()[0, 0]), rel=1e-11
    )
    assert 1 / information(design, model) == pytest.approx(dense_variance(design, model)[0, 0], rel=1e-10)


def test_sweeps_give_way_where_an_inverse_would_lose_digits():
    design = designs.stepped_wedge([1] * 30)
    size = np.random.default_rng(1).integers(5, 90, design.x.shape).astype(float)
    smooth = CellModel(Components(0.05, psi2=1.0, residual=0.0, r=1 - 1e-7, r_person=1 - 1e-7), size, 0.0)
    assert apply_by_sweeps(design, smooth, design.x[:, :, None]) is None
    decaying = CellModel(Components(0.05, psi2=1.0, residual=0.0, r=0.8, r_person=0.8), size, 0.0)
    assert 1 / information(design, decaying) == pytest.approx(dense_variance(design, decaying)[0, 0], rel=1e-10)


@settings(max_examples=100, deadline=None)
@given(st.data(), st.sampled_from(["linear", "none"]))
def test_other_time_models_agree_with_dense_least_squares(data, time_model):
    design = data.draw(layouts())
    model = data.draw(models(design))
    fast = 1 / information(design, model, time_model)
    assert fast == pytest.approx(dense_variance(design, model, time_model)[0, 0], rel=1e-10)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_effects_by_exposure_time_agree_with_dense_least_squares(data):
    design = data.draw(layouts(complete=True).filter(lambda d: d.period_count == len(d.clusters_per_sequence) + 1))
    model = data.draw(models(design))
    columns = designs.exposure_columns(design)
    fast = np.linalg.inv(precision.sums(design, model, effects=columns).information())
    slow = dense_variance(design, model, effects=columns)
    assert np.allclose(fast, slow, rtol=1e-8, atol=1e-9 * abs(slow).max())


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_information_content_is_what_refitting_without_the_cell_gives(data):
    design = data.draw(layouts())
    model = data.draw(models(design))
    content = information_content(design, model)
    i, j = data.draw(st.sampled_from(np.argwhere(design.observed).tolist()))
    lost = np.zeros(design.x.shape, dtype=bool)
    lost[i, j] = True
    try:
        smaller = designs.without_cells(design, lost)
        refitted = information(design, model) / information(smaller, model)
    except CaseRefused as problem:
        if "not identified" in problem.reason:
            assert content[i, j] == np.inf
        return
    assert content[i, j] == pytest.approx(refitted, rel=1e-7)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_relabelling_clusters_changes_nothing(data):
    design = data.draw(layouts())
    parts = data.draw(components())
    order = data.draw(st.permutations(range(design.cluster_count)))
    model = CellModel(parts, 20.0, 0.05)
    moved = designs.Design(design.x[order])
    assert information(moved, model) == pytest.approx(information(design, model), rel=1e-10)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_another_cluster_never_lowers_the_information(data):
    design = data.draw(layouts())
    model = CellModel(data.draw(components()), 20.0, 0.05)
    row = design.x[data.draw(st.integers(0, design.cluster_count - 1))]
    larger = designs.Design(np.vstack([design.x, row]))
    assert information(larger, model) >= information(design, model) * (1 - 1e-10)


@settings(max_examples=100, deadline=None)
@given(layouts(), st.sampled_from([0.0, 0.05, 0.3]))
def test_limits_of_decay_and_nesting_are_exchangeable(design, tau2):
    plain = information(design, CellModel(Components(tau2), 20.0, 0.05))
    for parts in (
        Components(tau2, gamma2=0.0),
        Components(tau2, r=1 - 1e-12),
        Components(tau2, psi2=0.0, r_person=0.5),
    ):
        assert information(design, CellModel(parts, 20.0, 0.05)) == pytest.approx(plain, rel=1e-6)


def closed_form_sums(x):
    return x.sum(), (x.sum(1) ** 2).sum(), (x.sum(0) ** 2).sum()


@settings(max_examples=50, deadline=None)
@given(layouts(complete=True), st.sampled_from([0.01, 0.2]), st.integers(1, 100))
def test_the_formula_of_hussey_and_hughes_2007(design, tau2, size):
    clusters, periods = design.x.shape
    u, v, w = closed_form_sums(design.x)
    s = 1 / size
    closed = (
        clusters
        * s
        * (s + periods * tau2)
        / ((clusters * u - w) * s + (u**2 + clusters * periods * u - periods * w - clusters * v) * tau2)
    )
    assert 1 / information(design, CellModel(Components(tau2), size, s)) == pytest.approx(closed, rel=1e-10)


@settings(max_examples=50, deadline=None)
@given(layouts(complete=True), st.integers(2, 60))
def test_the_formula_of_li_turner_and_preisser_2018(design, m):
    a0, a1, a2 = 0.05, 0.03, 0.3
    clusters, periods = design.x.shape
    u, v, w = closed_form_sums(design.x)
    l1 = 1 + (m - 1) * (a0 - a1) - a2
    l2 = 1 + (m - 1) * a0 + (periods - 1) * (m - 1) * a1 + (periods - 1) * a2
    closed = (
        clusters
        * periods
        * l1
        * l2
        / m
        / ((u**2 + clusters * periods * u - periods * w - clusters * v) * l2 - (u**2 - clusters * v) * l1)
    )
    parts = Components(a1, a0 - a1, a2 - a1, 1 - a0 - a2 + a1)
    assert 1 / information(design, CellModel(parts, m, parts.residual / m)) == pytest.approx(closed, rel=1e-10)


@pytest.mark.parametrize("steps", [3, 4, 6])
def test_the_design_effects_of_hooper_2016(steps):
    m, rho, pi, iota = 20, 0.05, 0.8, 0.4
    design = designs.stepped_wedge([2] * steps)
    de_c = 1 + (m - 1) * rho
    r = (m * rho * pi + (1 - rho) * iota) / de_c
    de_r = 3 * steps * (1 - r) * (1 + steps * r) / ((steps**2 - 1) * (2 + steps * r))
    closed = 4 * de_c * de_r / (2 * steps * m)
    parts = Components(rho * pi, rho * (1 - pi), (1 - rho) * iota, (1 - rho) * (1 - iota))
    assert 1 / information(design, CellModel(parts, m, parts.residual / m)) == pytest.approx(closed, rel=1e-10)


@settings(max_examples=50, deadline=None)
@given(layouts(complete=True).filter(lambda d: d.period_count == len(d.clusters_per_sequence) + 1))
def test_the_formula_of_li_2020_for_pure_decay_of_cell_means(design):
    x, r, v = design.x, 0.7, 0.3
    clusters = len(x)
    columns = x.sum(0)
    u, _, w = closed_form_sums(x)
    p, q = (x[:, :-1] * x[:, 1:]).sum(), (columns[:-1] * columns[1:]).sum()
    closed = clusters * v * (1 - r**2) / ((clusters * u - w) * (1 + r**2) - 2 * (clusters * p - q) * r)
    model = CellModel(Components(v, r=r, residual=0.0), 1.0, 0.0)
    assert 1 / information(design, model) == pytest.approx(closed, rel=1e-10)


def test_a_covariance_that_is_not_positive_definite_is_refused():
    design = designs.stepped_wedge([1, 1, 1])
    with pytest.raises(CaseRefused, match="positive definite"):
        information(design, CellModel(Components(0.0, residual=0.0), 10.0, 0.0))


def test_weights_of_cells_sum_to_a_contrast_free_of_time():
    design = designs.stepped_wedge([1] * 5)
    weights = precision.cell_weights(design, CellModel(Components(0.01), 1700.0, 1 / 1700))
    assert np.allclose(weights.sum(0), 0)
    assert (weights * design.x).sum() == pytest.approx(1)
