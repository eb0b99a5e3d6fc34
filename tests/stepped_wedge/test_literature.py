"""Formulas and figures of the literature, each against the engine that does not know them."""

import numpy as np
import pytest

from stepped_wedge import designs
from stepped_wedge.correlations import Components, from_ratios
from stepped_wedge.exposure import single_effect_weights
from stepped_wedge.outcomes import Effect, Outcome
from stepped_wedge.power import Plan, variance
from stepped_wedge.precision import CellModel, information, information_content


def variance_of(design, size, **ratios):
    parts = from_ratios(total=1.0, **ratios)
    return variance(Plan(design, Outcome(), parts, Effect(0.1), float(size)))


def wedge_with_repeats(steps, clusters_each, baseline, repeats):
    """`baseline` periods before the first step, `repeats` periods after each."""
    periods = np.arange(baseline + steps * repeats)
    rows = [(periods >= baseline + step * repeats).astype(float) for step in range(steps)]
    return designs.Design(np.repeat(rows, clusters_each, axis=0))


@pytest.mark.parametrize(("steps", "baseline", "repeats"), [(3, 1, 1), (5, 1, 1), (4, 2, 1), (4, 1, 3), (6, 3, 2)])
@pytest.mark.parametrize("icc", [0.01, 0.1])
def test_the_design_effect_of_woertman_2013_is_for_subjects_in_each_period(steps, baseline, repeats, icc):
    k, b, t, m, each = steps, baseline, repeats, 15, 2
    factor = (1 + icc * (k * t * m + b * m - 1)) / (1 + icc * (k * t * m / 2 + b * m - 1))
    factor *= 3 * (1 - icc) / (2 * t * (k - 1 / k))
    design = wedge_with_repeats(k, each, b, t)
    in_each_period = design.cluster_count * m
    assert variance_of(design, m, icc=icc) == pytest.approx(4 * factor / in_each_period, rel=1e-10)


@pytest.mark.parametrize(("icc", "cac"), [(0.01, 1.0), (0.05, 0.8), (0.2, 0.5)])
def test_parallel_baseline_and_crossover_designs_of_hooper_and_bourke_2015(icc, cac):
    """Design effects 1 + (m-1) rho, times 1 - r^2 with a baseline, times (1 - r)/2 for a cross-over."""
    m, each = 25, 6
    effect = 1 + (m - 1) * icc
    r = m * icc * cac / effect
    plain = 2 * effect / (each * m)
    assert variance_of(designs.parallel(each, each), m, icc=icc, cac=cac) == pytest.approx(plain, rel=1e-10)
    followed = variance_of(designs.parallel(each, each, 1, 1), m, icc=icc, cac=cac)
    assert followed == pytest.approx(plain * (1 - r**2), rel=1e-10)
    crossed = variance_of(designs.crossover(each, each), m, icc=icc, cac=cac)
    assert crossed == pytest.approx(plain * (1 - r) / 2, rel=1e-10)


@pytest.mark.parametrize("fractions", [(0.5,), (0.25, 0.6)])
def test_with_partial_exposure_the_formula_of_hussey_and_hughes_takes_squares(fractions):
    """Sums of x where sums of squares belong are wrong by half or more."""
    design = designs.with_partial_exposure(designs.stepped_wedge([2, 2, 2]), fractions)
    x, m, tau2 = design.x, 20, 0.05
    clusters, periods = x.shape
    s, u, squares = 1 / m, x.sum(), (x**2).sum()
    v, w = (x.sum(1) ** 2).sum(), (x.sum(0) ** 2).sum()

    def closed(q):
        below = (clusters * q - w) * s + (u**2 + clusters * periods * q - periods * w - clusters * v) * tau2
        return clusters * s * (s + periods * tau2) / below

    found = 1 / information(design, CellModel(Components(tau2), float(m), s))
    assert found == pytest.approx(closed(squares), rel=1e-10)
    assert abs(closed(u) / found - 1) > 0.3


@pytest.mark.parametrize(
    "parts", [Components(0.05), Components(0.04, 0.02), Components(0.05, r=0.8)], ids=["one", "nested", "decay"]
)
def test_the_worth_of_cells_is_the_same_seen_from_the_end_as_kasza_and_forbes_2019_show(parts):
    """Turning the wedge by half a turn exchanges the conditions: cell (k, j) is worth what (K+1-k, T+1-j) is."""
    content = information_content(designs.stepped_wedge([1] * 5), CellModel(parts, 50.0, 1 / 50))
    assert content == pytest.approx(content[::-1, ::-1], rel=1e-9)
    middle, corner = content[2, 2], content[0, 5]
    assert middle > 1
    assert content[0, 1] > corner  # next to a switch there is more to learn than far from it


def test_the_weights_of_exposure_times_with_one_cluster_a_sequence():
    """Hughes et al. 2020, Kenny et al. 2022: with independent cells the later half of exposure times counts negatively."""
    five = Plan(designs.stepped_wedge([1] * 5), Outcome(), Components(1e6, residual=1.0), Effect(0.1), 1.0)
    weights = single_effect_weights(five)
    x = five.design.x
    centred = x - x.mean(0) - x.mean(1, keepdims=True) + x.mean()
    by_hand = centred * x / (centred * x).sum()
    for since in range(1, 6):
        assert weights[since] == pytest.approx(by_hand[five.design.exposure == since].sum(), rel=1e-4)
    assert min(weights.values()) < 0
