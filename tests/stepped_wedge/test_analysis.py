import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from scipy.integrate import quad
from scipy.special import expit, gammaln
from scipy.stats import binom, multivariate_normal, norm

from stepped_wedge import designs
from stepped_wedge.allocations import all_allocations
from stepped_wedge.analysis.effects import effect_terms
from stepped_wedge.analysis.gee import fit_gee
from stepped_wedge.analysis.generalised import fit_generalised
from stepped_wedge.analysis.randomisation import randomisation_test
from stepped_wedge.analysis.returns import read_returns, returns_of
from stepped_wedge.analysis.running import analyse
from stepped_wedge.analysis.two_way import fit_two_way
from stepped_wedge.correlations import Components
from stepped_wedge.outcomes import Effect, Outcome
from stepped_wedge.power import Plan
from stepped_wedge.refusals import CaseRefused
from stepped_wedge.simulation import simulated_returns
from tests.stepped_wedge.trials import frame, individuals


@pytest.mark.parametrize(("family", "link"), [("gaussian", "identity"), ("binomial", "logit"), ("poisson", "log")])
def test_gee_agrees_with_statsmodels_and_its_bias_reduced_sandwich(family, link):
    rows = individuals(slots=(3, 3, 3, 3), binary=family != "gaussian")
    fit = fit_gee(read_returns(rows), family, link)
    families = {
        "gaussian": sm.families.Gaussian(),
        "binomial": sm.families.Binomial(),
        "poisson": sm.families.Poisson(),
    }

    def other(kind):
        model = smf.gee(
            "y ~ 0 + C(period) + treat",
            "cluster",
            frame(rows),
            cov_struct=sm.cov_struct.Exchangeable(),
            family=families[family],
        )
        return model.fit(maxiter=500, ctol=1e-12, cov_type=kind)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        robust, reduced = other("robust"), other("bias_reduced")
    assert fit.alpha0 == pytest.approx(robust.cov_struct.dep_params, rel=1e-6)
    assert fit.estimate("LZ").value == pytest.approx(robust.params["treat"], rel=1e-6)
    assert fit.estimate("LZ").se == pytest.approx(robust.bse["treat"], rel=1e-6)
    assert fit.estimate("MD").se == pytest.approx(reduced.bse["treat"], rel=1e-6)
    assert fit.estimate("LZ").se < fit.estimate("KC").se < fit.estimate("MD").se


def test_sandwich_corrections_from_p_by_p_matrices_are_those_of_the_whole_matrices():
    rows = individuals(slots=(2, 2, 2), binary=True, seed=8)
    fit = fit_gee(read_returns(rows), "binomial", "logit", "nested-exchangeable")
    table = frame(rows)
    periods = table.period.astype(int).to_numpy() - 1
    x = np.column_stack([periods[:, None] == np.arange(4), table.treat]).astype(float)
    mu = expit(x @ fit.beta)
    pieces = []
    for name in sorted(set(table.cluster)):
        here = (table.cluster == name).to_numpy()
        d = (mu * (1 - mu))[here, None] * x[here]
        n = here.sum()
        same = periods[here][:, None] == periods[here]
        corr = np.where(np.eye(n) > 0, 1.0, np.where(same, fit.alpha0, fit.alpha1))
        root = np.sqrt(mu * (1 - mu))[here]
        v = corr * np.outer(root, root)
        pieces.append((d, np.linalg.inv(v), (table.y - mu)[here].to_numpy()))
    m = np.linalg.inv(sum(d.T @ vi @ d for d, vi, _ in pieces))
    meat = {"KC": 0, "MD": 0, "FG": 0, "LZ": 0}
    for d, vi, left in pieces:
        h = d @ m @ d.T @ vi
        values, vectors = np.linalg.eig(np.eye(len(h)) - h)
        half = (vectors @ np.diag(values.astype(complex) ** -0.5) @ np.linalg.inv(vectors)).real
        q = d.T @ vi @ d @ m
        gs = {
            "LZ": d.T @ vi @ left,
            "KC": d.T @ vi @ half @ left,
            "MD": d.T @ vi @ np.linalg.solve(np.eye(len(h)) - h, left),
            "FG": d.T @ vi @ left / np.sqrt(1 - np.minimum(0.75, np.diag(q))),
        }
        for name, g in gs.items():
            meat[name] = meat[name] + np.outer(g, g)
    for name, middle in meat.items():
        assert fit.sandwiches[name] == pytest.approx(m @ middle @ m, rel=1e-6, abs=1e-10)
    # Morel, Bokossa & Neerchal: c times the plain sandwich and a share of the model-based covariance
    people, width, clusters = len(table), x.shape[1], len(pieces)
    c = (people - 1) / (people - width) * clusters / (clusters - 1)
    plain, by_model = m @ meat["LZ"] @ m, m * fit.dispersion
    effect = max(1.0, c * np.trace(np.linalg.inv(by_model) @ plain) / width)
    share = min(0.5, width / (clusters - width))
    assert fit.sandwiches["MBN"] == pytest.approx(c * plain + share * effect * by_model, rel=1e-6, abs=1e-10)


def test_a_gee_with_five_authorities_is_refused_and_another_method_named():
    rows = individuals(slots=(1, 1, 1, 1, 1))
    with pytest.raises(CaseRefused, match=r"5 clusters and 7 regression parameters.*randomisation"):
        fit_gee(read_returns(rows))


def test_quadrature_of_a_logit_model_is_the_integral():
    rows = individuals(slots=(2, 2), binary=True)
    returns = read_returns(rows)
    fit = fit_generalised(returns, "binomial", "logit", "exchangeable", points=25)
    eta = np.concatenate([np.broadcast_to(np.eye(3), (4, 3, 3)), returns.design.x[:, :, None]], axis=2) @ fit.beta
    sd = fit.components["tau2"] ** 0.5
    total = 0.0
    for i in range(4):
        total += np.log(
            quad(
                lambda b, i=i: (
                    np.prod(binom.pmf(np.round(returns.events[i]), returns.n[i], expit(eta[i] + b)))
                    * norm.pdf(b, scale=sd)
                ),
                -8 * sd,
                8 * sd,
                epsabs=0,
                epsrel=1e-10,
            )[0]
        )
    assert fit.log_likelihood == pytest.approx(total, abs=1e-6)


def test_laplace_of_a_nested_poisson_model_is_near_the_integral_and_finds_the_truth():
    design = designs.stepped_wedge([6] * 4)
    plan = Plan(design, Outcome("poisson", "log"), Components(0.09, 0.04, residual=None), Effect(-0.25, -3.0), 2000.0)
    returns = simulated_returns(plan, np.random.default_rng(3))
    fit = fit_generalised(returns, "poisson", "log")
    low, high = fit.estimate().interval
    assert low < -0.25 < high
    assert fit.components["tau2"] == pytest.approx(0.09, rel=0.8)
    assert fit.components["gamma2"] == pytest.approx(0.04, rel=0.4)
    # one cluster, importance sampling of its six random effects
    generator = np.random.default_rng(1)
    f = np.concatenate([np.eye(5), design.x[0][:, None]], axis=1)
    eta, y, n = f @ fit.beta, returns.events[0], returns.n[0]
    g = fit.components["tau2"] * np.ones((5, 5)) + fit.components["gamma2"] * np.eye(5)
    b = np.zeros(5)
    for _ in range(50):
        mu = n * np.exp(eta + b)
        b = b + np.linalg.solve(np.diag(mu) + np.linalg.inv(g), y - mu - np.linalg.solve(g, b))
    spread = 1.3 * np.linalg.inv(np.diag(n * np.exp(eta + b)) + np.linalg.inv(g))
    drawn = generator.multivariate_normal(b, spread, 200_000)
    logs = (y * (eta + drawn) - n * np.exp(eta + drawn) + y * np.log(n) - gammaln(y + 1)).sum(1)
    logs += multivariate_normal(np.zeros(5), g).logpdf(drawn) - multivariate_normal(b, spread).logpdf(drawn)
    exact = np.log(np.exp(logs - logs.max()).mean()) + logs.max()
    curvature = np.linalg.slogdet(np.eye(5) + g @ np.diag(n * np.exp(eta + b)))[1]
    laplace = (
        (y * (eta + b) - n * np.exp(eta + b) + y * np.log(n) - gammaln(y + 1)).sum()
        - b @ np.linalg.solve(g, b) / 2
        - curvature / 2
    )
    assert laplace == pytest.approx(exact, abs=0.02)


@pytest.fixture
def five():
    design = designs.stepped_wedge([1] * 5)
    mean = np.random.default_rng(12).normal(0.06, 0.01, (5, 6)) - 0.01 * design.x
    return returns_of(design, mean, 1700.0, 1700 * 0.05)


def brute_force(returns, rows, orders):
    """Every order fitted with a design matrix of its own."""
    found = []
    for order in orders:
        x = rows[order]
        seen = ~np.isnan(x) & returns.observed
        i, j = np.nonzero(seen)
        fixed = np.hstack([np.eye(x.shape[0])[i], np.eye(x.shape[1])[j], x[seen][:, None]])
        found.append(np.linalg.lstsq(fixed, returns.mean[seen], rcond=None)[0][-1])
    return np.array(found)


@pytest.mark.parametrize("kind", ["complete", "lost cells", "transition"])
def test_the_randomisation_test_is_that_of_fitting_every_order(five, kind):
    orders = all_allocations((1,) * 5)
    design = five.design if kind != "transition" else designs.with_transition(five.design, 1)
    returns = five if kind == "complete" else five.treated_as(design.x)
    if kind == "lost cells":
        lost = five.design.x.copy()
        lost[1, 2] = lost[4, 5] = np.nan
        returns = five.treated_as(lost)
    rows = design.x
    found = randomisation_test(returns, rows, range(5), orders)
    slow = brute_force(returns, rows, orders)
    assert found.values == pytest.approx(slow, abs=1e-9)
    assert found.p == pytest.approx((np.abs(slow) >= abs(slow[0]) - 1e-12).mean())


@pytest.mark.parametrize(("statistic", "lost"), [("two-way", False), ("two-way", True), ("within-period", False)])
def test_the_interval_is_where_the_test_does_not_reject(five, statistic, lost):
    if lost:
        x = five.design.x.copy()
        x[2, 3] = np.nan
        five = five.treated_as(x)
    rows, orders = designs.stepped_wedge([1] * 5).x, all_allocations((1,) * 5)

    def p(theta):
        return randomisation_test(five, rows, range(5), orders, statistic=statistic, null=theta).p

    found = randomisation_test(five, rows, range(5), orders, statistic=statistic, alpha=0.1)
    low, high = found.interval
    width = high - low
    assert low < found.estimate < high
    for inside in np.linspace(low + 1e-6 * width, high - 1e-6 * width, 25):
        assert p(inside) > 0.1
    for outside in (low - 1e-6 * width, low - width, high + 1e-6 * width, high + width):
        assert p(outside) <= 0.1


def test_an_allocation_that_could_not_be_drawn_is_refused(five):
    with pytest.raises(CaseRefused, match="not among those"):
        randomisation_test(five, five.design.x, range(5), all_allocations((1,) * 5)[1:])


def test_two_way_least_squares_is_that_of_statsmodels(five):
    table = pd.DataFrame(
        [{"y": five.mean[i, j], "i": i, "j": j, "x": five.design.x[i, j]} for i in range(5) for j in range(6)]
    )
    other = smf.ols("y ~ C(i) + C(j) + x", table).fit()
    found = fit_two_way(five).estimate()
    assert found.value == pytest.approx(other.params["x"])
    assert found.se == pytest.approx(other.bse["x"])
    assert found.p == pytest.approx(other.pvalues["x"])
    assert found.df == other.df_resid == 19


def test_kinds_of_effect_over_exposure_time_have_the_shapes_they_name():
    design = designs.stepped_wedge([1] * 5)
    each, spline = effect_terms(design, "exposure-time"), effect_terms(design, "spline:3")
    late = effect_terms(design, "delayed:2")
    assert each.columns.shape[2] == 5
    assert spline.columns.shape[2] == 3
    assert np.allclose(spline.curve[:, :2], np.column_stack([np.ones(5), np.arange(1, 6)]))
    assert late.curve[:, 0].tolist() == [0, 0, 1, 1, 1]
    assert each.contrast("last").tolist() == [0, 0, 0, 0, 1]
    assert each.contrast("average:2-3").tolist() == [0, 0.5, 0.5, 0, 0]
    with pytest.raises(CaseRefused, match=r"model\.effect"):
        effect_terms(design, "wavy")


def test_a_full_spline_is_the_exposure_time_model():
    returns = read_returns(individuals())
    whole = fit_two_way(returns, "exposure-time").estimate("average")
    spline = fit_two_way(returns, "spline:4").estimate("average")
    assert spline.value == pytest.approx(whole.value)
    assert spline.se == pytest.approx(whole.se)


def test_rows_without_outcome_or_status_are_counted_not_guessed():
    rows = individuals(slots=(1, 1, 1, 1))
    rows[0]["y"], rows[1]["treat"], rows[2]["y"] = "", "NA", "NA"
    used = read_returns(rows).counts()
    assert used["rows"] == len(rows)
    assert {row["why"]: row["count"] for row in used["left_out"]} == {
        "no outcome": 2,
        "no treatment status (transition or not observed)": 1,
    }


def cell_rows(kind):
    rows = []
    for i in range(4):
        for j in range(5):
            row = {"cluster": f"c{i}", "period": str(j), "treat": str(int(j > i))}
            extra = {
                "shares": {"n": "100", "events": str(10 + i + j)},
                "rates": {"person_time": "50.5", "events": str(5 + j)},
                "means": {"n": "20", "mean": str(i + 0.1 * j), "sd": "1.5"},
            }[kind]
            rows.append(row | extra)
    return rows


@pytest.mark.parametrize("kind", ["shares", "rates", "means"])
def test_cells_are_read_in_three_forms(kind):
    returns = read_returns(cell_rows(kind))
    assert returns.kind == kind
    assert returns.observed.all()


@pytest.mark.parametrize(
    ("spot", "key", "value", "said"),
    [
        (3, "events", "101", "101 events among 100"),
        (3, "events", "x", "not a number"),
        (0, "period", "1", "a second row"),
        (3, "n", "-5", "negative"),
    ],
)
def test_impossible_cells_are_refused_with_their_line(spot, key, value, said):
    rows = cell_rows("shares")
    rows[spot][key] = value
    with pytest.raises(CaseRefused, match=said):
        read_returns(rows)


def test_a_cell_with_treated_and_untreated_people_is_refused():
    rows = individuals(slots=(1, 1, 1, 1))
    rows[0]["treat"] = "1"
    with pytest.raises(CaseRefused, match="both treated and untreated"):
        read_returns(rows)


def test_the_default_with_five_authorities_is_two_way_with_randomisation_and_a_nested_model_beside():
    rows = individuals(slots=(1,) * 5)
    found = analyse({}, read_returns(rows))
    assert found["method"] == "two-way"
    assert found["df"] == 19
    assert found["randomisation"]["allocations"] == 120
    assert found["beside"]["lmm"]["model"]["correlation"] == "nested-exchangeable"


@pytest.mark.parametrize(
    ("slots", "spec", "path"),
    [
        ((1,) * 5, {"method": "gee"}, "method"),
        ((1,) * 5, {"method": "lmm", "model": "exchangeable"}, "model.correlation"),
        ((1,) * 5, {"method": "lmm", "df": "normal"}, "df"),
        ((1,) * 5, {"method": "lmm", "df": "between-within"}, "df"),
        ((1,) * 3, {"method": "two-way"}, "method"),
        ((2,) * 5, {"method": "gee", "corrections": ["LZ"]}, "corrections"),
        ((2,) * 5, {"method": "magic"}, "method"),
        ((2,) * 5, {"colour": 1}, "colour"),
        ((2,) * 5, {"outcome": {"family": "binomial", "link": "logit"}, "method": "lmm"}, "outcome.link"),
        ((2,) * 5, {"alpha": 2}, "alpha"),
    ],
)
def test_a_method_that_does_not_stand_is_refused(slots, spec, path):
    with pytest.raises(CaseRefused) as refused:
        analyse(spec, read_returns(individuals(slots=slots)))
    assert refused.value.path == path


def test_three_clusters_are_described_only():
    found = analyse({}, read_returns(individuals(slots=(1, 1, 1))))
    assert found["method"] == "describe"
    assert "estimate" not in found
    assert len(found["cells"]) == 12


@pytest.mark.parametrize("method", ["two-way", "randomisation", "lmm", "gee", "glmm"])
def test_every_method_runs_on_binary_returns_of_ten_clusters(method):
    outcome = (
        {"family": "binomial", "link": "logit"}
        if method in ("gee", "glmm")
        else {"family": "binomial", "link": "identity"}
    )
    found = analyse({"method": method, "outcome": outcome}, read_returns(individuals(slots=(2,) * 5, binary=True)))
    assert np.isfinite(found["estimate"])


def test_as_randomised_and_as_implemented_differ_when_a_switch_was_late():
    rows = individuals(slots=(1,) * 5)
    for row in rows:
        if row["cluster"] == "c01" and row["period"] == "3":
            row["treat"] = "0"
    returns = read_returns(rows)
    design = {"kind": "stepped_wedge", "clusters_per_sequence": [1] * 5}
    planned = analyse({"treatment": "as-randomised", "design": design}, returns)
    recorded = analyse({"design": design}, returns)
    assert planned["estimate"] != recorded["estimate"]
    assert planned["randomisation"]["allocations"] == 120


def test_the_same_input_gives_the_same_answer():
    returns = read_returns(individuals(slots=(2,) * 4))
    assert analyse({}, returns) == analyse({}, returns)
