"""Size, power and coverage by simulation. Short versions run always, long ones with -m slow; both assert the same."""

import json
from pathlib import Path

import numpy as np
import pytest

from stepped_wedge import designs
from stepped_wedge.allocations import Space, all_allocations
from stepped_wedge.analysis.choices import METHODS
from stepped_wedge.analysis.gee import CORRECTIONS
from stepped_wedge.analysis.mixed import DF_METHODS, STRUCTURES, fit_mixed
from stepped_wedge.balance import Covariate, candidates
from stepped_wedge.correlations import Components, from_ratios
from stepped_wedge.misfit import true_size
from stepped_wedge.outcomes import Effect, Outcome
from stepped_wedge.power import Plan, power
from stepped_wedge.precision import CellModel
from stepped_wedge.references import Inference
from stepped_wedge.simulation import (
    Rate,
    cell_means,
    randomisation_rejections,
    simulated_power,
    simulated_returns,
    two_way_tests,
)
from tests.stepped_wedge import coverage
from tests.stepped_wedge.coverage import SCENES, monte_carlo

ROOT = Path(__file__).parents[2]
FIVE = designs.stepped_wedge([1] * 5)
ORDERS = all_allocations((1,) * 5)
TRUTHS = {
    "exchangeable": Components(2.5e-4),
    "nested, CAC 0.8": Components(2.0e-4, 0.5e-4),
    "nested, CAC 0.5": Components(1.25e-4, 1.25e-4),
    "decay 0.9": Components(2.5e-4, r=0.9),
    "decay 0.7": Components(2.5e-4, r=0.7),
    "nested and random effect": Components(2.0e-4, 0.5e-4, eta2=1e-4),
}
SPREAD = 0.0744 / 1700


def near(share, expected, trials, spare=0.001):
    """Within four Monte Carlo standard errors (and rounding of the reference)."""
    return abs(share - expected) < 4 * Rate(expected, trials).standard_error + spare


@pytest.mark.parametrize(
    ("truth", "null_t", "null_r", "power_t", "power_r", "within"),
    [
        ("exchangeable", 0.049, 0.049, 0.992, 0.986, 0.389),
        ("nested, CAC 0.8", 0.050, 0.051, 0.849, 0.818, 0.406),
        ("nested, CAC 0.5", 0.051, 0.050, 0.611, 0.576, 0.428),
        ("decay 0.9", 0.045, 0.049, 0.836, 0.821, 0.392),
        ("decay 0.7", 0.055, 0.050, 0.600, 0.561, 0.403),
        ("nested and random effect", 0.081, 0.082, 0.748, 0.728, 0.360),
    ],
)
def test_five_authorities_behave_as_the_published_table_says(truth, null_t, null_r, power_t, power_r, within):
    trials, generator = 20_000, np.random.default_rng(2026)
    model = CellModel(TRUTHS[truth], 1700.0, SPREAD)
    quiet = cell_means(FIVE, model, trials, generator)
    loud = cell_means(FIVE, model, trials, generator, effects=0.02)
    # the reference itself was simulated with as many trials: twice the variance
    pairs = [
        (two_way_tests(FIVE, quiet)[2], null_t),
        (randomisation_rejections(FIVE, quiet, ORDERS), null_r),
        (two_way_tests(FIVE, loud)[2], power_t),
        (randomisation_rejections(FIVE, loud, ORDERS), power_r),
        (randomisation_rejections(FIVE, loud, ORDERS, statistic="within-period"), within),
    ]
    for rejected, expected in pairs:
        assert near(rejected.mean(), expected, trials // 2)


@pytest.mark.parametrize("truth", ["exchangeable", "nested, CAC 0.8", "nested, CAC 0.5"])
def test_the_default_analysis_of_five_authorities_keeps_its_size_and_its_coverage(truth):
    trials = 40_000
    means = cell_means(FIVE, CellModel(TRUTHS[truth], 1700.0, SPREAD), trials, np.random.default_rng(11), effects=0.01)
    estimates, half, _ = two_way_tests(FIVE, means)
    covered = np.abs(estimates - 0.01) <= half
    assert 0.94 <= covered.mean() <= 0.96
    quiet = randomisation_rejections(FIVE, means - 0.01 * FIVE.x, ORDERS)
    assert 0.04 <= quiet.mean() <= 0.06


def test_a_restricted_draw_keeps_its_size_when_the_test_uses_the_same_restricted_set():
    covariates = [Covariate("rate", (64.0, 110.0, 91.0, 95.0, 105.0))]
    kept = candidates(Space(tuple("abcde"), (1,) * 5), covariates, share=0.5).allocations
    generator, trials = np.random.default_rng(3), 20_000
    trend_of_cluster = np.array(covariates[0].values)[:, None] * 1e-4 * np.arange(6)
    rejections = []
    for drawn in kept:
        design = designs.reordered(FIVE, drawn)
        means = cell_means(design, CellModel(TRUTHS["nested, CAC 0.8"], 1700.0, SPREAD), trials // len(kept), generator)
        rejections.append(randomisation_rejections(design, means + trend_of_cluster, kept))
    assert 0.035 <= np.concatenate(rejections).mean() <= 0.06


@pytest.mark.parametrize(
    ("size", "row"),
    [
        (50, (0.051, 0.053, 0.055, 0.060, 0.076)),
        (500, (0.062, 0.079, 0.109, 0.164, 0.290)),
        (1700, (0.091, 0.150, 0.233, 0.350, 0.524)),
        (5000, (0.167, 0.296, 0.425, 0.556, 0.701)),
    ],
)
def test_a_model_with_an_authority_effect_only_rejects_true_nulls(size, row):
    for cac, expected in zip((0.98, 0.95, 0.90, 0.80, 0.50), row, strict=True):
        truth, assumed = from_ratios(icc=0.01, cac=cac, total=1.0), Components(0.01 * cac, residual=0.99)
        found = true_size(FIVE, CellModel(assumed, size, 0.99 / size), CellModel(truth, size, 0.99 / size))
        assert found == pytest.approx(expected, abs=0.0006)


@pytest.mark.parametrize(
    "parts",
    [
        Components(0.05),
        Components(0.04, 0.02),
        Components(0.05, r=0.7),
        Components(0.05, eta2=0.02),
        Components(0.05, 0.01, 0.4),
    ],
)
def test_formula_and_simulation_give_the_same_power(parts):
    plan = Plan(designs.stepped_wedge([3, 3, 3, 3]), Outcome(), parts, Effect(0.25), 20.0)
    found = simulated_power(plan, 20_000, np.random.default_rng(5))
    assert abs(found.share - power(plan).power) < 4 * found.standard_error


def test_formula_and_simulation_agree_with_a_t_reference_in_the_two_way_analysis():
    test = Inference(reference="t-noncentral", df_rule="two-way-residual")
    plan = Plan(FIVE, Outcome(), Components(1.0, 2e-4, residual=0.0744), Effect(0.03), 1700.0, test)
    means = cell_means(FIVE, CellModel(plan.components, 1700.0, SPREAD), 20_000, np.random.default_rng(6), effects=0.03)
    assert near(two_way_tests(FIVE, means)[2].mean(), power(plan).power, 20_000)


CONSERVATIVE = ("MD", "MBN", "clusters-minus-2", "between-within")


def verdict(scene, trials, seed=20261122):
    """Every share of misses lies in what the scene allows, four Monte Carlo standard errors beyond it at most."""
    low, high = scene.allowed
    for label, share in scene.run(trials, seed).items():
        spare = 4 * monte_carlo(trials, max(high, 0.05))
        assert share <= high + spare, (label, share)
        assert share >= low - spare or label in CONSERVATIVE, (label, share)


@pytest.mark.parametrize("scene", SCENES, ids=coverage.key)
def test_every_method_misses_the_truth_no_more_often_than_it_says(scene):
    verdict(scene, 4 if "components" in scene.name else 20, seed=5)


@pytest.mark.slow
@pytest.mark.parametrize("scene", SCENES, ids=coverage.key)
def test_every_method_keeps_its_size_and_its_coverage(scene):
    verdict(scene, scene.trials)


def test_the_record_of_the_long_run_holds_every_scene_and_all_of_them_are_in_order():
    known = json.loads(coverage.RECORD.read_text())
    assert list(known) == [coverage.key(scene) for scene in SCENES]
    for scene in SCENES:
        entry = known[coverage.key(scene)]
        low, high = scene.allowed
        spare = 3 * monte_carlo(entry["trials"], max(high, 0.05))
        for label, share in entry["missed"].items():
            assert share <= high + spare, (scene.name, label)
            assert share >= low - spare or label in CONSERVATIVE, (scene.name, label)


def test_every_method_that_is_offered_has_a_scene():
    named = " ".join(coverage.key(scene) for scene in SCENES)
    for method in METHODS:
        assert method.replace("cohort-lmm", "cohort lmm") in named, method
    for structure in STRUCTURES:
        assert structure.split("-")[0].replace("discrete", "decay").split("+")[0] in named, structure
    labels = {label for entry in json.loads(coverage.RECORD.read_text()).values() for label in entry["missed"]}
    assert labels >= {*CORRECTIONS, *DF_METHODS}


def test_the_table_of_the_readme_is_the_record():
    assert coverage.table() in (ROOT / "stepped_wedge" / "README.md").read_text()


def test_a_growing_effect_is_missed_by_one_effect_and_found_by_exposure_times():
    effects = [0.05, 0.2, 0.35, 0.5, 0.65]
    design = designs.stepped_wedge([4] * 5)
    plan = Plan(design, Outcome(), Components(0.01, 0.002), Effect(0.0), 2000.0)
    returns = simulated_returns(plan, np.random.default_rng(8), effects)
    whole = fit_mixed(returns, effect="exposure-time").estimate("average")
    assert whole.interval[0] < np.mean(effects) < whole.interval[1]
    assert fit_mixed(returns).estimate().value < 0.2
