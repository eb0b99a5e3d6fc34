"""One trial written in every way that the command line knows has one answer, and nothing that is written is ignored."""

import copy
import itertools
import math

import numpy as np
import pytest
from scipy import integrate, stats

from stepped_wedge.cases import answer_case
from stepped_wedge.references import Inference, power_of_test
from stepped_wedge.refusals import CaseRefused

DESIGN = {"kind": "stepped_wedge", "clusters_per_sequence": [2, 1, 2], "periods": 4}
X = np.array([[0, 1, 1, 1], [0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 1]], dtype=float)
SIZES = [30, 45, 20, 60, 25]


def case(correlation, **parts):
    whole = {
        "design": DESIGN,
        "sampling": "open-cohort",
        "outcome": {"family": "gaussian", "residual_variance": 1.0},
        "correlation": correlation,
        "size": SIZES,
        "effect": {"theta": 0.3},
    }
    return copy.deepcopy(whole | parts)


def least_squares(v_of_cluster, columns=None):
    """Variance of the effects, by one dense inverse for every cluster: v_of_cluster(i) is T x T."""
    columns = X[:, :, None] if columns is None else columns
    information = 0.0
    for i, x in enumerate(X):
        rows = np.hstack([np.eye(len(x)), columns[i]])
        information = information + rows.T @ np.linalg.inv(v_of_cluster(i)) @ rows
    return np.linalg.inv(information)[X.shape[1] :, X.shape[1] :]


def covariance(i, noise, *, tau2, gamma2=0.0, psi2=0.0, eta2=0.0, cov=0.0, churn=0.0):
    x, m = X[i], SIZES[i]
    between = tau2 + np.diag(gamma2 + np.broadcast_to(noise, x.shape) / m + churn * psi2 / m)
    return between + (1 - churn) * psi2 / m + eta2 * np.outer(x, x) + cov * np.add.outer(x, x)


STRUCTURES = {
    "exchangeable+random-intervention": {"eta2": 0.03, "cov": 0.01},
    "nested-exchangeable+random-intervention": {"gamma2": 0.02, "eta2": 0.03},
    "exchangeable+person": {"psi2": 0.4},
    "nested+person+random-intervention": {"gamma2": 0.02, "psi2": 0.4, "eta2": 0.03, "cov": -0.01},
    "block-exchangeable+random-intervention": {"gamma2": 0.02, "psi2": 0.4, "eta2": 0.03},
    "open-cohort-churn": {"psi2": 0.4, "churn": 0.3},
    "open-cohort-churn+random-intervention": {"gamma2": 0.02, "psi2": 0.4, "churn": 0.3, "eta2": 0.03},
}


def ways_of_writing(parts, residual):
    """The same components as variances, as ratios and as three correlations."""
    total = parts["tau2"] + parts["gamma2"] + parts["psi2"] + residual
    icc, cac = (parts["tau2"] + parts["gamma2"]) / total, parts["tau2"] / (parts["tau2"] + parts["gamma2"])
    iac = parts["psi2"] / (parts["psi2"] + residual)
    yield "variances", {name: parts[name] for name in ("tau2", "gamma2", "psi2")}
    yield "ratios", {"icc": icc, "cac": cac, "iac": iac}
    yield "correlations", {"alpha0": icc, "alpha1": icc * cac, "alpha2": icc * cac + (1 - icc) * iac}


def stated(parts):
    return {key: parts[name] for name, key in (("eta2", "eta2"), ("cov", "cov_te"), ("churn", "churn")) if parts[name]}


NOTHING = {"gamma2": 0.0, "psi2": 0.0, "eta2": 0.0, "cov": 0.0, "churn": 0.0}


@pytest.mark.parametrize("way", range(3))
@pytest.mark.parametrize("structure", STRUCTURES)
def test_variances_ratios_and_correlations_of_one_trial_have_one_answer(structure, way):
    parts = NOTHING | {"tau2": 0.05} | STRUCTURES[structure]
    expected = least_squares(lambda i: covariance(i, 1.0, **parts))[0, 0]
    _, written = list(ways_of_writing(parts, 1.0))[way]
    answer = answer_case(case({"structure": structure} | written | stated(parts)))
    assert answer["variance"] == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("scale", ["latent", "proportion"])
@pytest.mark.parametrize("way", range(3))
@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_same_holds_on_the_logit_scale(structure, way, scale):
    parts = NOTHING | {"tau2": 0.05} | STRUCTURES[structure]
    unit = math.pi**2 / 3 if scale == "latent" else 1 / (0.2 * 0.8)
    odds, theta = math.log(0.2 / 0.8), -0.4
    p = 1 / (1 + np.exp(-(odds + theta * X)))
    expected = least_squares(lambda i: covariance(i, 1 / (p[i] * (1 - p[i])), **parts))[0, 0]
    name, written = list(ways_of_writing(parts, unit))[way]
    answer = answer_case(
        case(
            {"structure": structure, "scale": "logit" if name == "variances" else scale} | written | stated(parts),
            outcome={"family": "binomial", "link": "logit"},
            effect={"logit_control": odds, "log_or": theta},
        )
    )
    assert answer["variance"] == pytest.approx(expected, rel=1e-8)


def test_a_gaussian_outcome_is_the_same_with_a_marginal_model():
    written = {"structure": "nested-exchangeable", "icc": 0.05, "cac": 0.8}
    plain = {"outcome": {"family": "gaussian", "total_variance": 2.5}, "sampling": "cross-sectional"}
    marginal = copy.deepcopy(plain)
    marginal["outcome"]["model"] = "marginal"
    assert answer_case(case(written, **marginal)) == answer_case(case(written, **plain))


BINARY = {"outcome": {"family": "binomial", "link": "logit"}, "effect": {"logit_control": -2.0, "log_or": -0.4}}


@pytest.mark.parametrize(
    ("correlation", "parts", "path"),
    [
        ({"structure": "exchangeable", "tau2": 0.09, "icc": 0.5, "scale": "logit"}, BINARY, "correlation.icc"),
        ({"structure": "exchangeable", "tau2": 0.09, "icc": 0.5}, BINARY, "correlation.scale"),
        ({"structure": "exchangeable", "alpha0": 0.05}, BINARY, "correlation.scale"),
        (
            {"structure": "exchangeable", "tau2": 0.09, "icc": 0.5},
            {"outcome": {"family": "poisson"}, "effect": {"log_rate_control": 0.1, "log_rr": 0.2}},
            "correlation.icc",
        ),
        (
            {"structure": "exchangeable", "tau2": 0.09},
            BINARY | {"outcome": BINARY["outcome"] | {"residual_variance": 1.0}},
            "outcome.residual_variance",
        ),
        (
            {"structure": "exchangeable", "icc": 0.02},
            BINARY | {"outcome": BINARY["outcome"] | {"model": "marginal", "total_variance": 1.0}},
            "outcome.total_variance",
        ),
        (
            {"structure": "exchangeable+random-intervention", "icc": 0.02, "eta2": 0.1},
            BINARY | {"outcome": BINARY["outcome"] | {"model": "marginal"}},
            "correlation.eta2",
        ),
        (
            {"structure": "exchangeable+random-intervention", "alpha0": 0.02, "eta2": -0.1},
            {"sampling": "cross-sectional"},
            "correlation.eta2",
        ),
        ({"tau2": 0.1}, {"effect": {"theta": [0.1, 0.2], "estimand": "average"}}, "effect.theta"),
        ({"tau2": 0.1}, {"effect": {"theta": [0.1, 0.2, "0.3"], "estimand": "average"}}, "effect.theta[2]"),
        ({"tau2": 0.1}, {"size": 1e29}, "size"),
        ({"tau2": 0.1}, {"size": [10, "20", 30, 40, 50]}, "size[1]"),
        ({"tau2": 0.1}, {"size": [10, True, 30, 40, 50]}, "size[1]"),
        ({"tau2": 0.1}, {"design": {"x": [[0, 1], ["0", 0]]}, "size": 10}, "design.x[1][0]"),
        ({"tau2": 0.1}, {"design": {"x": [[0, 1], [0, True]]}, "size": 10}, "design.x[1][1]"),
        ({"tau2": 0.1}, {"design": {"x": [[0, 1], [1, 0]], "crossover": "no"}, "size": 10}, "design.crossover"),
        ({"tau2": 0.1}, {"design": DESIGN | {"crossover": True}}, "design.crossover"),
        (
            {"tau2": 0.1},
            BINARY | {"outcome": BINARY["outcome"] | {"period_effect_each_later_period": [0.1, "0.2", 0.3]}},
            "outcome.period_effect_each_later_period[1]",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_and_not_left_out(correlation, parts, path):
    with pytest.raises(CaseRefused) as refused:
        answer_case(case(correlation, **parts))
    assert refused.value.path == path


@pytest.mark.parametrize("model", ["conditional", "marginal"])
def test_overdispersion_counts_in_every_model(model):
    written = {"structure": "exchangeable", "icc": 0.02} if model == "marginal" else {"icc": 0.0}
    outcome = {"family": "binomial", "link": "identity", "model": model}
    if model == "conditional":
        outcome["variance_rule"] = "cell_specific"
    parts = {"effect": {"mu0": 0.3, "mu1": 0.2}, "sampling": "cross-sectional"}
    once = answer_case(case(written, outcome=outcome, **parts))["variance"]
    twice = answer_case(case(written, outcome=outcome | {"overdispersion": 2.0}, **parts))["variance"]
    assert twice == pytest.approx(2 * once, rel=1e-9)


def exposure_columns():
    since = np.cumsum(X, axis=1)
    return np.stack([since == s for s in (1, 2, 3)], axis=2).astype(float)


@pytest.mark.parametrize(("rule", "df"), [("two-way-residual", 9), ("between-within", None), ("clusters-minus-2", 3)])
def test_every_effect_by_exposure_time_costs_a_degree_of_freedom(rule, df):
    asked = case(
        {"structure": "exchangeable", "tau2": 0.05},
        sampling="cross-sectional",
        effect={"theta": 0.3, "estimand": "last"},
        inference={"reference": "t-central-shift", "df_rule": rule},
    )
    if df is None:
        with pytest.raises(CaseRefused, match=r"I-\(4\+3\) = -2"):
            answer_case(asked)
        return
    answer = answer_case(asked)
    assert answer["df"] == df  # 20 cells less 5 clusters, 4 periods and 3 effects, and one mean that both share
    se = math.sqrt(least_squares(lambda i: covariance(i, 1.0, tau2=0.05), exposure_columns())[2, 2])
    q, z = stats.t.ppf(0.975, df), 0.3 / se
    assert answer["power"] == pytest.approx(stats.t.sf(q - z, df) + stats.t.cdf(-q - z, df), abs=1e-9)
    assert answer["power_noncentral_t"] == pytest.approx(stats.nct.sf(q, df, z) + stats.nct.cdf(-q, df, z), abs=1e-6)
    assert answer["power_normal_reference"] == pytest.approx(
        stats.norm.sf(1.959964 - z) + stats.norm.sf(1.959964 + z), abs=1e-6
    )


def test_planned_satterthwaite_of_a_contrast_counts_all_effects():
    nested = {"structure": "nested-exchangeable", "tau2": 50.0, "gamma2": 0.05}
    inference = {"reference": "t-noncentral", "df_rule": "satterthwaite"}
    large = {"sampling": "cross-sectional", "size": 5000, "inference": inference}
    assert answer_case(case(nested, **large))["df"] == pytest.approx(11, abs=0.5)
    by_exposure = answer_case(case(nested, **large, effect={"theta": 0.3, "estimand": "last"}))
    assert by_exposure["df"] == pytest.approx(9, abs=0.5)


def test_on_a_link_scale_a_contrast_has_its_null_variance_and_cells_their_own_effects():
    odds, effects = -2.0, np.array([-0.1, -0.4, -0.9])
    columns = exposure_columns()

    def variance(linear):
        p = 1 / (1 + np.exp(-linear))
        spread = least_squares(lambda i: covariance(i, 1 / (p[i] * (1 - p[i])), tau2=0.05), columns)
        return spread.mean()

    asked = case(
        {"structure": "exchangeable", "tau2": 0.05},
        sampling="cross-sectional",
        outcome={"family": "binomial", "link": "logit"},
        effect={"logit_control": odds, "theta": effects.tolist(), "estimand": "average"},
    )
    answer = answer_case(asked)
    at_effect, at_null = variance(odds + columns @ effects), variance(np.full(X.shape, odds))
    assert answer["variance"] == pytest.approx(at_effect, rel=1e-8)
    assert answer["variance_null"] == pytest.approx(at_null, rel=1e-8)
    z, q = abs(effects.mean()) / math.sqrt(at_effect), stats.norm.ppf(0.975) * math.sqrt(at_null / at_effect)
    assert answer["power"] == pytest.approx(stats.norm.sf(q - z) + stats.norm.sf(q + z), abs=1e-9)


@pytest.mark.parametrize("z", [5.930744895010559, 8, 15])
@pytest.mark.parametrize("alpha", [0.05, 0.001])
@pytest.mark.parametrize("df", [1, 3, 10])
def test_the_noncentral_t_is_right_where_its_other_tail_vanishes(df, alpha, z):
    q = stats.t.ppf(1 - alpha / 2, df)
    tests = Inference(alpha=alpha, reference="t-noncentral", df_rule="clusters-minus-2")

    def density(s):
        return stats.norm.cdf(z - q * s) * stats.chi.pdf(s * math.sqrt(df), df) * math.sqrt(df)

    parts = [integrate.quad(density, a, b, epsabs=1e-12)[0] for a, b in itertools.pairwise([0, z / q, 2 * z / q, 9])]
    assert power_of_test(z, tests, df) == pytest.approx(sum(parts), abs=1e-6)


@pytest.mark.parametrize("name", ["E7", 7])
def test_the_id_comes_back_as_it_was_given(name):
    assert answer_case(case({"tau2": 0.1}, id=name))["id"] == name


def test_clusters_that_are_asked_for_count_the_columns_of_the_time_model():
    asked = case(
        {"structure": "exchangeable", "tau2": 0.05},
        sampling="cross-sectional",
        size=30,
        effect={"theta": 0.3, "time_model": "linear"},
        inference={"reference": "t-central-shift", "df_rule": "between-within", "target_power": 0.9},
        request=["clusters"],
    )
    answer = answer_case(asked)
    copies = answer["copies_of_the_layout"]
    asked["design"] = DESIGN | {"clusters_per_sequence": [2 * copies, copies, 2 * copies]}
    del asked["request"]
    assert answer_case(asked)["power"] == pytest.approx(answer["power_with_clusters"], abs=1e-9)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"reference": "normal", "df_rule": "normal"}, {}),
        (
            {"reference": "t-noncentral", "df_rule": "kenward-roger"},
            {"reference": "t-noncentral", "df_rule": "satterthwaite"},
        ),
        (
            {"reference": "t-central-shift", "df_rule": "clusters minus 2"},
            {"reference": "t-central-shift", "df_rule": "clusters-minus-2"},
        ),
        (
            {"reference": "t-central-shift", "df_rule": "two-way residual"},
            {"reference": "t-central-shift", "df_rule": "two-way-residual"},
        ),
    ],
)
def test_rules_of_degrees_of_freedom_are_known_by_the_names_of_the_methods_note(written, meant):
    parts = {"sampling": "cross-sectional"}
    nested = {"structure": "nested-exchangeable", "tau2": 0.05, "gamma2": 0.02}
    assert answer_case(case(nested, inference=written, **parts)) == answer_case(case(nested, inference=meant, **parts))


@pytest.mark.parametrize(
    "inference", [{"reference": "t-noncentral"}, {"reference": "t-noncentral", "df_rule": "normal"}]
)
def test_a_t_reference_without_a_rule_is_refused(inference):
    with pytest.raises(CaseRefused) as refused:
        answer_case(case({"tau2": 0.05}, inference=inference))
    assert refused.value.path == "inference.df_rule"
