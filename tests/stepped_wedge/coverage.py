"""How often intervals miss the truth: one scene for each method that is offered, at the numbers of clusters it stands for.

Missing the truth and rejecting it are the same event, so each share is both 1 - coverage and the size of the test.
`python -m tests.stepped_wedge.coverage [words of scenes]` runs the scenes and writes stepped_wedge/examples/coverage.json,
from which the table of the README is made.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import sqrt
from pathlib import Path

import numpy as np

from stepped_wedge import designs
from stepped_wedge.allocations import all_allocations
from stepped_wedge.analysis.gee import fit_gee
from stepped_wedge.analysis.generalised import component_interval, fit_generalised
from stepped_wedge.analysis.mixed import fit_cohort, fit_mixed, fit_scattered
from stepped_wedge.analysis.mixed.intervals import profile_interval
from stepped_wedge.analysis.randomisation import randomisation_test
from stepped_wedge.analysis.two_way import fit_two_way
from stepped_wedge.correlations import Components
from stepped_wedge.outcomes import Effect, Outcome
from stepped_wedge.power import Plan
from stepped_wedge.simulation import simulated_returns
from tests.stepped_wedge.trials import cohort_returns

RECORD = Path(__file__).parents[2] / "stepped_wedge" / "examples" / "coverage.json"
FIVE, TEN, TWENTY = [1] * 5, [2] * 5, [4] * 5
type Ends = dict[str, tuple[tuple[float, float], float]]


@dataclass(frozen=True)
class Scene:
    """One truth and one fit a trial. look: a generator to {what was looked at: (interval, true value)}.

    trials: of the long run. allowed: the largest and smallest share that is right, Monte Carlo error not counted.
    """

    name: str
    truth: str
    clusters: int
    look: Callable[[np.random.Generator], Ends]
    trials: int = 600
    allowed: tuple[float, float] = (0.03, 0.065)

    def run(self, trials: int, seed: int = 20261122) -> dict[str, float]:
        """Share of trials that miss, by what was looked at."""
        generator = np.random.default_rng(seed)
        missed: dict[str, int] = {}
        for _ in range(trials):
            for label, ((low, high), value) in self.look(generator).items():
                missed[label] = missed.get(label, 0) + (not low <= value <= high)
        return {label: count / trials for label, count in missed.items()}


def monte_carlo(trials: int, share: float = 0.05) -> float:
    return sqrt(share * (1 - share) / trials)


GAUSSIAN = Outcome()
LOGIT, LOG_SHARE, COUNT = Outcome("binomial", "logit"), Outcome("binomial", "log"), Outcome("poisson", "log")
NESTED, ALONE, DECAY = Components(0.04, 0.02), Components(0.05), Components(0.06, r=0.7)
MOVING, MIXED = Components(0.05, eta2=0.03), Components(0.04, 0.01, eta2=0.03)
GROWING = [0.0, 0.1, 0.2, 0.3, 0.4]


def trial(generator, slots, parts=NESTED, outcome=GAUSSIAN, size=50.0, effect=0.2, control=None, effects=None):
    plan = Plan(designs.stepped_wedge(slots), outcome, parts, Effect(effect, control), size)
    return simulated_returns(plan, generator, effects)


def two_way(generator, effect="single", effects=None, lost=0, weighted=False):
    returns = trial(generator, FIVE, Components(2e-4, 5e-5, residual=0.05), size=1700.0, effect=0.01, effects=effects)
    if lost:
        x = returns.design.x.copy()
        x.ravel()[generator.choice(30, lost, replace=False)] = np.nan
        returns = returns.treated_as(x)
    value = 0.01 if effects is None else float(np.mean(effects))
    return {"t(two-way-residual)": (fit_two_way(returns, effect, weighted=weighted).estimate().interval, value)}


def shuffled(generator, statistic):
    returns = trial(generator, FIVE, Components(2e-4, 5e-5, residual=0.05), size=1700.0, effect=0.01)
    found = randomisation_test(returns, returns.design.x, range(5), all_allocations((1,) * 5), statistic=statistic)
    return {"inverted interval": (found.interval, 0.01)}


def mixed(
    generator, slots, parts=NESTED, structure="nested-exchangeable", dfs=("kenward-roger",), effect="single",
    effects=None, reml=True, components=(), lost=0.0,
):  # fmt: skip
    returns = trial(generator, slots, parts, effects=effects)
    if lost:
        x = returns.design.x.copy()
        returns = returns.treated_as(np.where(generator.random(x.shape) < lost, np.nan, x))
    fit = fit_mixed(returns, structure, effect, reml=reml)
    value = 0.2 if effects is None else float(np.mean(effects))
    found = {df: (fit.estimate(df=df).interval, value) for df in dfs}
    truth = {"tau2": parts.tau2, "gamma2": parts.gamma2, "residual": 1.0, "icc": parts.icc, "cac": parts.cac}
    truth |= {"r": parts.r, "eta2": parts.eta2}
    return found | {name: (profile_interval(fit, name), truth[name]) for name in components}


def scattered(generator, slots, nu2, dfs=("exposure-times-minus-1",), components=()):
    """Each trial draws its own effects by exposure time; what is looked for is their mean."""
    effects = 0.2 + sqrt(nu2) * generator.standard_normal(len(slots))
    fit = fit_scattered(trial(generator, slots, effects=list(effects)))
    found = {df: (fit.estimate(df).interval, 0.2) for df in dfs}
    return found | {name: (fit.interval_of_scatter(), nu2) for name in components}


def cohort(generator, slots=(3, 3, 3, 3), dfs=("kenward-roger", "satterthwaite", "clusters-minus-2"), components=()):
    fit = fit_cohort(cohort_returns(designs.stepped_wedge(list(slots)), generator))
    found = {df: (fit.estimate(df=df).interval, 0.2) for df in dfs}
    truth = {"tau2": 0.04, "psi2": 0.49, "iac": 0.5}
    return found | {name: (profile_interval(fit, name), truth[name]) for name in components}


LINKED = ("clusters-minus-2", "between-within")


def generalised(
    generator, slots, outcome=LOGIT, control=-1.0, size=60.0, structure="nested-exchangeable", components=()
):
    parts = Components(0.1, 0.05 if structure == "nested-exchangeable" else 0.0, residual=None)
    returns = trial(generator, slots, parts, outcome, size, 0.2, control)
    fit = fit_generalised(returns, outcome.family, outcome.link, structure)
    found = {df: (fit.estimate(df=df).interval, 0.2) for df in LINKED}
    truth = {"tau2": parts.tau2, "gamma2": parts.gamma2}
    return found | {name: (component_interval(fit, name), truth[name]) for name in components}


def marginal(
    generator,
    slots,
    outcome=LOGIT,
    working="exchangeable",
    corrections=("KC", "MD", "FG", "MBN"),
    df="clusters-minus-2",
):
    if outcome.link == "identity":
        returns, value = trial(generator, slots, ALONE, size=50.0), 0.2
    elif outcome.link == "logit":
        # no effect: a marginal and a conditional odds ratio are then the same
        returns, value = trial(generator, slots, Components(0.1, residual=None), LOGIT, 60.0, 0.0, -1.0), 0.0
    else:
        returns, value = trial(generator, slots, Components(0.1, residual=None), COUNT, 500.0, 0.2, -3.0), 0.2
    fit = fit_gee(returns, outcome.family, outcome.link, working)
    return {c: (fit.estimate(c, df).interval, value) for c in corrections}


SCENES = (
    Scene("two-way", "nested, CAC 0.8", 5, two_way, 4000),
    Scene("two-way, exposure times, average", "growing effect", 5, partial(two_way, effect="exposure-time", effects=GROWING), 2000),
    Scene("two-way, spline:3, average", "growing effect", 5, partial(two_way, effect="spline:3", effects=GROWING), 2000),
    Scene("two-way, three cells lost at random", "nested, CAC 0.8", 5, partial(two_way, lost=3), 2000),
    Scene("two-way, weighted by n", "nested, CAC 0.8", 5, partial(two_way, weighted=True), 2000),
    Scene("randomisation, two-way statistic", "nested, CAC 0.8", 5, partial(shuffled, statistic="two-way"), 2000),
    Scene("randomisation, within-period statistic", "nested, CAC 0.8", 5, partial(shuffled, statistic="within-period"), 2000),
    Scene("lmm nested", "nested, CAC 0.67", 5, partial(mixed, slots=FIVE), 1000),
    Scene("lmm nested", "nested, CAC 0.67", 10, partial(mixed, slots=TEN, dfs=("kenward-roger", "satterthwaite", "clusters-minus-2")), 1000),
    Scene("lmm nested", "nested, CAC 0.67", 20, partial(mixed, slots=TWENTY, dfs=("kenward-roger", "satterthwaite", "clusters-minus-2", "between-within")), 1000),
    Scene("lmm nested, a tenth of cells lost", "nested, CAC 0.67", 10, partial(mixed, slots=TEN, lost=0.1)),
    Scene("lmm nested, ML", "nested, CAC 0.67", 20, partial(mixed, slots=TWENTY, dfs=("satterthwaite", "clusters-minus-2"), reml=False)),
    Scene("lmm nested", "nested, CAC 0.67", 50, partial(mixed, slots=[10] * 5, dfs=("kenward-roger", "normal"))),
    Scene("lmm nested, exposure times, average", "growing effect", 10, partial(mixed, slots=TEN, effect="exposure-time", effects=GROWING)),
    Scene("lmm nested, delayed:1, average", "no effect in the first period, then 0.2", 10, partial(mixed, slots=TEN, effect="delayed:1", effects=[0.0, 0.2, 0.2, 0.2, 0.2])),
    Scene("lmm nested, random effects by exposure time", "effects scatter, nu2 0.01", 10, partial(scattered, slots=TEN, nu2=0.01), 1000, (0.0, 0.065)),
    Scene("lmm nested, random effects by exposure time", "effects scatter, nu2 0.04", 20, partial(scattered, slots=TWENTY, nu2=0.04), 1000, (0.0, 0.065)),
    Scene("lmm exchangeable", "exchangeable", 10, partial(mixed, slots=TEN, parts=ALONE, structure="exchangeable")),
    Scene("lmm decay", "decay 0.7", 10, partial(mixed, slots=TEN, parts=DECAY, structure="discrete-time-decay", dfs=("kenward-roger", "satterthwaite"))),
    Scene("lmm decay", "decay 0.7", 20, partial(mixed, slots=TWENTY, parts=DECAY, structure="discrete-time-decay", dfs=("kenward-roger", "satterthwaite"))),
    Scene("lmm random intervention", "random intervention", 10, partial(mixed, slots=TEN, parts=MOVING, structure="random-intervention")),
    Scene("lmm random intervention", "random intervention", 20, partial(mixed, slots=TWENTY, parts=MOVING, structure="random-intervention")),
    Scene("lmm correlated random intervention", "random intervention", 20, partial(mixed, slots=TWENTY, parts=MOVING, structure="correlated-random-intervention")),
    Scene("lmm nested and random intervention", "nested and random intervention", 20, partial(mixed, slots=TWENTY, parts=MIXED, structure="nested+random-intervention")),
    Scene("cohort lmm", "nested and person", 5, partial(cohort, slots=(1, 1, 1, 1, 1), dfs=("kenward-roger", "satterthwaite"))),
    Scene("cohort lmm", "nested and person", 12, cohort, 1000),
    Scene("glmm logit, nested", "nested on the logit scale", 10, partial(generalised, slots=TEN), 1000),
    Scene("glmm logit, nested", "nested on the logit scale", 20, partial(generalised, slots=TWENTY), 1000),
    Scene("glmm logit, exchangeable", "exchangeable on the logit scale", 20, partial(generalised, slots=TWENTY, structure="exchangeable"), 1000),
    Scene("glmm log of counts, nested", "nested on the log scale", 20, partial(generalised, slots=TWENTY, outcome=COUNT, control=-3.0, size=500.0), 1000),
    Scene("glmm log of shares, nested", "nested on the log scale", 20, partial(generalised, slots=TWENTY, outcome=LOG_SHARE, control=-2.5), 1000),
    Scene("gee logit, exchangeable", "exchangeable on the logit scale", 10, partial(marginal, slots=TEN)),
    Scene("gee logit, exchangeable", "exchangeable on the logit scale", 20, partial(marginal, slots=TWENTY), 1000),
    Scene("gee logit, nested", "exchangeable on the logit scale", 20, partial(marginal, slots=TWENTY, working="nested-exchangeable")),
    Scene("gee logit, independence", "exchangeable on the logit scale", 20, partial(marginal, slots=TWENTY, working="independence")),
    Scene("gee identity, exchangeable", "exchangeable", 20, partial(marginal, slots=TWENTY, outcome=GAUSSIAN)),
    Scene("gee log of counts, exchangeable", "exchangeable on the log scale", 20, partial(marginal, slots=TWENTY, outcome=COUNT)),
    Scene("gee logit, exchangeable, t(between-within)", "exchangeable on the logit scale", 20, partial(marginal, slots=TWENTY, df="between-within")),
    Scene("gee logit, exchangeable", "exchangeable on the logit scale", 50, partial(marginal, slots=[10] * 5, corrections=("LZ", "KC", "MD", "FG", "MBN"))),
    Scene("profile intervals of components, nested", "nested, CAC 0.67", 5, partial(mixed, slots=FIVE, dfs=(), components=("tau2", "gamma2", "residual", "icc", "cac")), 1000, (0.0, 0.08)),
    Scene("profile intervals of components, nested", "nested, CAC 0.67", 10, partial(mixed, slots=TEN, dfs=(), components=("tau2", "gamma2", "residual", "icc", "cac")), 400, (0.0, 0.08)),
    Scene("profile intervals of components, nested", "nested, CAC 0.67", 20, partial(mixed, slots=TWENTY, dfs=(), components=("tau2", "gamma2", "icc", "cac")), 400, (0.0, 0.08)),
    Scene("profile intervals of components, decay", "decay 0.7", 20, partial(mixed, slots=TWENTY, parts=DECAY, structure="discrete-time-decay", dfs=(), components=("tau2", "r")), 500, (0.0, 0.08)),
    Scene("profile intervals of components, cohort", "nested and person", 12, partial(cohort, dfs=(), components=("tau2", "psi2", "iac")), 200, (0.0, 0.08)),
    Scene("profile intervals of components, glmm logit", "nested on the logit scale", 20, partial(generalised, slots=TWENTY, components=("tau2", "gamma2")), 400, (0.0, 0.11)),
)  # fmt: skip


def key(scene: Scene) -> str:
    return f"{scene.name} | {scene.clusters}"


def table() -> str:
    """The record as a table in Markdown."""
    known = json.loads(RECORD.read_text())
    rows = ["| Method | Clusters | Truth | Trials | Share that misses |", "| --- | --- | --- | --- | --- |"]
    for name, entry in known.items():
        method, clusters = name.split(" | ")
        shares = ", ".join(f"{label} {share:.1%}" for label, share in entry["missed"].items())
        rows.append(f"| {method} | {clusters} | {entry['truth']} | {entry['trials']:,} | {shares} |")
    return "\n".join(rows)


def main(words: list[str]) -> None:
    for scene in SCENES:
        if words and not any(word in key(scene) for word in words):
            continue
        found = scene.run(scene.trials)
        known = json.loads(RECORD.read_text()) if RECORD.exists() else {}
        known[key(scene)] = {"truth": scene.truth, "trials": scene.trials, "missed": found}
        order = [key(each) for each in SCENES]
        RECORD.write_text(json.dumps({k: known[k] for k in order if k in known}, indent=1) + "\n")
        print(key(scene), scene.trials, found, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
