"""Cases of the `power` command: JSON in, a plan, JSON out. Unknown keys and nonsense are refused with their path."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stepped_wedge import designs
from stepped_wedge.correlations import (
    Components,
    from_correlations,
    from_ratios,
    logit_variance_from_proportion_icc,
)
from stepped_wedge.designs import Design
from stepped_wedge.exposure import contrast_of, exposure_power, single_effect_weights
from stepped_wedge.keys import Keys
from stepped_wedge.outcomes import (
    Effect,
    Outcome,
    count_variance,
    from_link,
    proportion_variance,
    to_link,
)
from stepped_wedge.power import Answer, Plan, power, size_for
from stepped_wedge.references import DF_RULES, Inference
from stepped_wedge.refusals import CaseRefused, refuse_unless
from stepped_wedge.requests import answer_curve, answer_requests, answer_sensitivity, answer_today

TOP = {
    "id",
    "title",
    "design",
    "sampling",
    "outcome",
    "correlation",
    "size",
    "effect",
    "inference",
    "request",
    "curve",
    "sensitivity",
    "today",
    "expect",
    "tolerance",
}
REQUESTS = ("exposure_weights", "information_content", "clusters", "allocations", "drop_out", "simulation")


@dataclass(frozen=True, eq=False)
class Case:
    """A plan as it was asked for."""

    id: str | None
    plan: Plan
    sampling: str
    estimand: str | tuple[float, ...] | None
    request: tuple[str, ...]
    warnings: tuple[str, ...]


def read_case(given: Any) -> Case:
    """A checked case from decoded JSON. Raises CaseRefused with the path of the key at fault."""
    refuse_unless(isinstance(given, Mapping), "case", "must be a JSON object")
    top = Keys(given, "")
    top.refuse_unknown(TOP)
    design = read_design(top.part("design"))
    sampling = top.word("sampling", "cross-sectional")
    refuse_unless(sampling in designs.SAMPLING, "sampling", f"must be one of {', '.join(designs.SAMPLING)}")
    size = _read_size(top.get("size"))
    told = top.part("outcome", needed=False)
    outcome = _read_outcome(told)
    aim = _read_effect(top.part("effect"), told, outcome, design)
    plan_effect, time_model, estimand = aim
    components = read_components(
        top.part("correlation", needed=False), told, outcome, plan_effect, design, size, sampling
    )
    told.refuse_unknown()
    inference = _read_inference(top.part("inference", needed=False))
    plan = Plan(design, outcome, components, plan_effect, size, inference, time_model)
    warnings = list(design.warnings())
    if sampling == "cross-sectional" and components.psi2 > 0:
        warnings.append("a person effect with cross-sectional sampling: the same people are assumed in every period")
    if sampling == "closed-cohort" and not components.psi2:
        warnings.append("a closed cohort without a person effect: repeated outcomes of one person count as independent")
    request = top.get("request", [])
    refuse_unless(
        isinstance(request, list) and set(map(str, request)) <= set(REQUESTS),
        "request",
        f"must be a list from {', '.join(REQUESTS)}",
    )
    name = top.get("id")
    return Case(None if name is None else str(name), plan, str(sampling), estimand, tuple(request), tuple(warnings))


def read_design(keys: Keys) -> Design:
    """A design from its JSON object: kinds stepped_wedge and matrix."""
    kind = keys.word("kind", "matrix" if keys.has("x") else "stepped_wedge")
    if kind == "stepped_wedge":
        counts = keys.get("clusters_per_sequence")
        refuse_unless(isinstance(counts, list), keys.at("clusters_per_sequence"), "must be a list of whole numbers")
        design = designs.stepped_wedge(counts, keys.get("periods"))
    elif kind == "matrix":
        rows = keys.get("x")
        refuse_unless(
            isinstance(rows, list) and rows and all(isinstance(row, list) for row in rows),
            keys.at("x"),
            "must be a list of rows, one for each cluster",
        )
        design = designs.from_matrix(rows, crossover=bool(keys.get("crossover", False)))
    else:
        raise CaseRefused(keys.at("kind"), "must be stepped_wedge or matrix")
    keys.get("clusters"), keys.get("period_names"), keys.get("crossover")
    design = _named(design, keys)
    keys.refuse_unknown()
    return design


def _named(design: Design, keys: Keys) -> Design:
    clusters, periods = keys.get("clusters", []), keys.get("period_names", [])
    for name, value in (("clusters", clusters), ("period_names", periods)):
        refuse_unless(isinstance(value, list), keys.at(name), "must be a list of names")
    if not clusters and not periods:
        return design
    return Design(
        design.x,
        design.sequence,
        design.starts,
        design.crossover,
        tuple(map(str, clusters)),
        tuple(map(str, periods)),
    )


def _read_size(given: Any) -> Any:
    if given is None or isinstance(given, list):
        return given
    sound = isinstance(given, int | float) and not isinstance(given, bool)
    refuse_unless(sound, "size", f"must be a number or a list of numbers, not {given!r}")
    return float(given)


def _read_outcome(keys: Keys) -> Outcome:
    family = keys.word("family", "gaussian")
    link = keys.word("link", "log" if family == "poisson" else "identity")
    rule, model = keys.word("variance_rule"), keys.word("model", "conditional")
    for name in ("residual_variance", "total_variance", "period_effect_each_later_period"):
        keys.get(name)
    dispersed = keys.number("overdispersion", 1.0)
    found = Outcome(family, link, rule, model, dispersed)
    if rule is not None:
        refuse_unless(
            family == "binomial" and link == "identity",
            "outcome.variance_rule",
            "belongs to a binomial outcome with the identity link",
        )
    return found


type Aim = tuple[Effect, str, str | tuple[float, ...] | None]


def _read_effect(keys: Keys, told: Keys, outcome: Outcome, design: Design) -> Aim:
    time_model = _read_time_model(keys)
    estimand = _read_estimand(keys)
    link = outcome.link
    trend = ("control_start", "control_end", "intervention_end")
    if keys.has(*trend):
        start, end, treated = (to_link(keys.needed(name), link, keys.at(name)) for name in trend)
        control: float | tuple[float, ...] | None = tuple(np.linspace(start, end, design.period_count).tolist())
        theta = treated - end
        stated = keys.number("theta")
        _refuse_disagreement(keys.at("theta"), stated, theta)
    else:
        control = _control_level(keys, link)
        theta = _theta(keys, link, control)
        control = _with_period_effects(control, told, design)
    keys.refuse_unknown()
    return Effect(theta, control), time_model, estimand


def _read_time_model(keys: Keys) -> str:
    name = str(keys.word("time_model", "categorical"))
    if name.startswith("linear-on-link-scale") or name == "factor":
        return "categorical"  # the trend generates the levels; the model has one effect a period
    refuse_unless(
        name in designs.TIME_MODELS, keys.at("time_model"), f"must be one of {', '.join(designs.TIME_MODELS)}"
    )
    return name


def _read_estimand(keys: Keys) -> str | tuple[float, ...] | None:
    weights, name = keys.get("weights"), keys.word("estimand")
    refuse_unless(
        weights is None or name is None, keys.at("weights"), "give weights or the name of an estimand, not both"
    )
    if weights is None:
        return None if name in (None, "single", "single-effect", "immediate") else name
    numbers = isinstance(weights, list) and all(isinstance(w, int | float) and not isinstance(w, bool) for w in weights)
    refuse_unless(numbers, keys.at("weights"), "must be a list of numbers, one for each exposure time")
    return tuple(float(w) for w in weights)


def _control_level(keys: Keys, link: str) -> float | None:
    found: float | None = None
    if keys.has("mu0"):
        found = to_link(keys.needed("mu0"), link, keys.at("mu0"))
    for name, wanted in (("logit_control", "logit"), ("log_rate_control", "log")):
        value = keys.number(name)
        if value is not None:
            refuse_unless(link == wanted, keys.at(name), f"needs the {wanted} link, this outcome has {link}")
            _refuse_disagreement(keys.at(name), found, value)
            found = value
    return found


def _theta(keys: Keys, link: str, control: float | None) -> float:
    found = _stated_theta(keys)
    for name, wanted in (("log_or", "logit"), ("log_rr", "log")):
        value = keys.number(name)
        if value is not None:
            refuse_unless(link == wanted, keys.at(name), f"needs the {wanted} link, this outcome has {link}")
            _refuse_disagreement(keys.at(name), found, value)
            found = value
    if keys.has("mu1"):
        if control is None:
            raise CaseRefused(keys.at("mu0"), "is needed beside mu1")
        value = to_link(keys.needed("mu1"), link, keys.at("mu1")) - control
        _refuse_disagreement(keys.at("mu1"), found, value)
        found = value
    if found is None:
        raise CaseRefused(keys.path, "say the effect: theta, or mu0 and mu1, or log_or, or log_rr")
    return found


def _stated_theta(keys: Keys) -> float | None:
    """theta; a list holds one effect for each exposure time and is summed up by the weights of the estimand."""
    given = keys.get("theta")
    if not isinstance(given, list):
        return keys.number("theta")
    sound = given and all(isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in given)
    refuse_unless(sound, keys.at("theta"), "must be a number, or a list of numbers for each exposure time")
    asked = _read_estimand(keys)
    if asked is None:
        raise CaseRefused(keys.at("estimand"), "effects by exposure time need weights or the name of an estimand")
    return float(contrast_of(asked, range(1, len(given) + 1)) @ np.array(given, dtype=float))


def _with_period_effects(control: float | None, told: Keys, design: Design) -> float | tuple[float, ...] | None:
    given = told.get("period_effect_each_later_period")
    if given is None or control is None:
        return control
    later = design.period_count - 1
    values = given if isinstance(given, list) else [told.number("period_effect_each_later_period")] * later
    refuse_unless(len(values) == later, told.at("period_effect_each_later_period"), f"needs {later} values")
    return (control, *(control + float(value) for value in values))


def _refuse_disagreement(path: str, stated: float | None, follows: float, tolerance: float = 1e-6) -> None:
    if stated is None or math.isclose(stated, follows, rel_tol=tolerance, abs_tol=1e-12):
        return
    raise CaseRefused(
        path, f"disagrees with the other values: {stated:.10g} is given, {follows:.10g} follows from them"
    )


STRUCTURES = (
    "exchangeable",
    "nested-exchangeable",
    "nested",
    "discrete-time-decay",
    "decay",
    "proportional-decay",
    "block-exchangeable",
    "three-correlation",
    "open-cohort-churn",
    "as-parameters",
)
EXTENSIONS = ("person", "person-decay", "random-intervention")


def read_components(
    keys: Keys, told: Keys, outcome: Outcome, effect: Effect, design: Design, size: object, sampling: str
) -> Components:
    """Variance components from variances, from ratios or from three correlations; what is given twice must agree."""
    structure = str(keys.word("structure", "as-parameters"))
    base, *extensions = structure.split("+")
    refuse_unless(base in STRUCTURES, keys.at("structure"), f"must begin with one of {', '.join(STRUCTURES)}")
    for name in extensions:
        refuse_unless(name in EXTENSIONS, keys.at("structure"), f"+{name} is not one of +{', +'.join(EXTENSIONS)}")
    unit = _Unit(*_unit_variance(told, outcome, effect, design, keys))
    shape = _shape(keys, base, extensions)
    refuse_unless(
        outcome.variance_rule != "cell_specific" or not told.has("residual_variance", "total_variance"),
        "outcome.variance_rule",
        "cell_specific takes the variance from the proportions, not from a stated variance",
    )
    by_correlations = keys.has("alpha1", "alpha2") or (keys.has("alpha0") and "decay" not in base)
    found = (
        _by_correlations(keys, base, unit, design, size, sampling)
        if by_correlations
        else _by_variances_and_ratios(keys, base, unit, shape, outcome, effect)
    )
    if by_correlations:
        _refuse_other_statements(keys, found)
    keys.word("scale")
    keys.refuse_unknown()
    _refuse_against_structure(keys, base, extensions, found)
    if outcome.variance_rule == "cell_specific" and not keys.has("icc", "alpha0"):
        return replace(found, residual=None)  # every cell has its own p(1-p), all of it residual
    return found


@dataclass(frozen=True)
class _Unit:
    """Residual or total variance of one person, as far as the outcome says; both None on a link scale."""

    residual: float | None
    total: float | None
    is_own: bool  # does the family fix it (a proportion, a count)?


def _unit_variance(
    told: Keys, outcome: Outcome, effect: Effect, design: Design, keys: Keys
) -> tuple[float | None, float | None, bool]:
    residual, total = told.number("residual_variance"), told.number("total_variance")
    if residual is not None:
        refuse_unless(residual >= 0, told.at("residual_variance"), "a variance must be at least 0")
    if total is not None:
        refuse_unless(total > 0, told.at("total_variance"), "a variance must be above 0")
    if outcome.is_marginal:
        return None, 1.0, True
    if outcome.is_on_link_scale:
        refuse_unless(total is None, told.at("total_variance"), "is not defined on a link scale")
        return residual, None, True
    if outcome.family == "gaussian" or residual is not None or total is not None:
        refuse_unless(
            residual is not None or total is not None,
            told.at("residual_variance"),
            "give residual_variance or total_variance",
        )
        return residual, total, False
    if outcome.family == "poisson":
        own = count_variance(effect)
    else:
        own = float(np.mean(np.asarray(proportion_variance(design, outcome, effect))))
    # a proportion's p(1-p) is its total variance when clustering is a ratio of it, its residual when it is added
    by_ratio = keys.has("icc", "alpha0") and not keys.has("tau2")
    return (None, own, True) if by_ratio else (own, None, True)


def _shape(keys: Keys, base: str, extensions: list[str]) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "r": keys.number("r", 1.0),
        "r_person": keys.number("r_ind"),
        "churn": keys.number("churn", 0.0),
    }
    shape["eta2"], shape["cov"] = keys.number("eta2", 0.0), keys.number("cov_te", 0.0)
    if base in ("discrete-time-decay", "decay", "proportional-decay"):
        refuse_unless(keys.has("r"), keys.at("r"), "decay needs r, the correlation of neighbouring periods")
    if base == "proportional-decay":
        _refuse_disagreement(keys.at("r_ind"), shape["r_person"], shape["r"])
        shape["r_person"] = shape["r"]
    if "person-decay" in extensions:
        refuse_unless(keys.has("r_ind"), keys.at("r_ind"), "person decay needs r_ind")
    if base == "open-cohort-churn":
        refuse_unless(keys.has("churn"), keys.at("churn"), "an open cohort needs churn, the share of people replaced")
    if "random-intervention" in extensions:
        refuse_unless(keys.has("eta2"), keys.at("eta2"), "a random intervention effect needs its variance eta2")
    return {name: 1.0 if value is None else value for name, value in shape.items()}


def _by_correlations(keys: Keys, base: str, unit: _Unit, design: Design, size: object, sampling: str) -> Components:
    alpha0 = keys.needed("alpha0")
    alpha1 = keys.number("alpha1")
    if alpha1 is None:
        refuse_unless(base == "exchangeable", keys.at("alpha1"), "the between-period correlation is needed")
        alpha1 = alpha0
    alpha2 = keys.number("alpha2")
    if alpha2 is None:
        refuse_unless(sampling == "cross-sectional", keys.at("alpha2"), "a cohort needs the same-person correlation")
        alpha2 = alpha1
    if sampling == "cross-sectional":
        _refuse_disagreement(keys.at("alpha2"), alpha2, alpha1)
    left = 1 - alpha0 - alpha2 + alpha1
    total = unit.total
    if total is None:
        total = (unit.residual or 0.0) / left if left > 0 else 1.0
    elif unit.residual is not None and left > 0:
        _refuse_disagreement("outcome.residual_variance", unit.residual, total * left)
    each = (
        size
        if isinstance(size, float)
        else (float(np.nanmax(np.asarray(size, dtype=float))) if size is not None else None)
    )
    shape = _shape(keys, base, [])
    refuse_unless(shape["r"] == shape["r_person"] == 1, keys.at("r"), "three correlations do not decay")
    return from_correlations(
        alpha0=alpha0, alpha1=alpha1, alpha2=alpha2, total=total, periods=design.period_count, size=each
    )


def _refuse_other_statements(keys: Keys, found: Components) -> None:
    for name in ("tau2", "gamma2", "psi2", "icc", "cac", "iac"):
        _refuse_disagreement(keys.at(name), keys.number(name), getattr(found, name))


def _by_variances_and_ratios(
    keys: Keys, base: str, unit: _Unit, shape: dict[str, Any], outcome: Outcome, effect: Effect
) -> Components:
    ratios = {name: keys.number(name) for name in ("icc", "cac", "iac")}
    if keys.has("alpha0"):  # under decay the within-period correlation is the ICC
        _refuse_disagreement(keys.at("alpha0"), ratios["icc"], keys.needed("alpha0"))
        ratios["icc"] = keys.needed("alpha0")
    for name, value in ratios.items():
        refuse_unless(value is None or 0 <= value <= 1, keys.at(name), f"must be between 0 and 1, not {value}")
    variances = {name: keys.number(name) for name in ("tau2", "gamma2", "psi2")}
    if outcome.is_marginal:
        refuse_unless(
            all(value is None for value in variances.values()),
            keys.path,
            "a marginal model takes correlations (alpha0, alpha1, alpha2 or icc, cac, iac), not variances",
        )
    if variances["tau2"] is None and ratios["icc"] is not None:
        _refuse_ratio_of_link(keys, outcome)
        found = _from_icc(keys, ratios, unit, shape, outcome, effect)
    else:
        found = _from_variances(variances, ratios, unit, shape, outcome)
    if base == "proportional-decay" and ratios["iac"] is None and variances["psi2"] is None and found.residual:
        # one process for the whole of a person's outcome: all that is not the cluster is the person, and decays
        found = Components(**{**_as_dict(found), "psi2": found.residual, "residual": 0.0})
    _refuse_ratios_that_disagree(keys, ratios, variances, found, base)
    return found


def _refuse_ratio_of_link(keys: Keys, outcome: Outcome) -> None:
    if not outcome.is_on_link_scale or outcome.is_marginal:
        return
    scale = keys.word("scale")
    known = ("latent", "proportion") if outcome.link == "logit" else ()
    refuse_unless(
        scale in (*known, "logit") and outcome.link == "logit",
        keys.at("scale"),
        "an ICC needs a scale here: latent or proportion with a logit link; give tau2 with a log link",
    )


def _from_icc(
    keys: Keys, ratios: dict[str, float | None], unit: _Unit, shape: dict[str, Any], outcome: Outcome, effect: Effect
) -> Components:
    icc = ratios["icc"] or 0.0
    cac = 1.0 if ratios["cac"] is None else ratios["cac"]
    iac = ratios["iac"] or 0.0
    if outcome.is_on_link_scale and not outcome.is_marginal:
        refuse_unless(icc < 1, keys.at("icc"), "must be below 1 on a link scale")
        prevalence = from_link(float(np.mean(np.asarray(effect.control, dtype=float))), outcome.link)
        proportion = keys.word("scale") == "proportion"
        clustered = (
            logit_variance_from_proportion_icc(icc, prevalence) if proportion else icc / (1 - icc) * np.pi**2 / 3
        )
        return Components(tau2=cac * clustered, gamma2=(1 - cac) * clustered, residual=unit.residual, **shape)
    psi2 = keys.number("psi2")
    if psi2 is not None and ratios["iac"] is None:
        residual = unit.residual if unit.residual is not None else (unit.total or 0.0) * (1 - icc) - psi2
        refuse_unless(residual >= 0, keys.at("psi2"), "is larger than the total variance leaves")
        refuse_unless(icc < 1, keys.at("icc"), "must be below 1")
        clustered = icc / (1 - icc) * (psi2 + residual)
        return Components(tau2=cac * clustered, gamma2=(1 - cac) * clustered, psi2=psi2, residual=residual, **shape)
    total, residual_given = unit.total, unit.residual
    if total is not None and residual_given is not None:
        _refuse_disagreement("outcome.residual_variance", residual_given, total * (1 - icc) * (1 - iac))
        residual_given = None
    return from_ratios(icc=icc, cac=cac, iac=iac, total=total, residual=residual_given, **shape)


def _from_variances(
    variances: dict[str, float | None],
    ratios: dict[str, float | None],
    unit: _Unit,
    shape: dict[str, Any],
    outcome: Outcome,
) -> Components:
    tau2, gamma2, psi2 = variances["tau2"] or 0.0, variances["gamma2"], variances["psi2"]
    if gamma2 is None:
        cac = ratios["cac"]
        refuse_unless(cac is None or cac > 0, "correlation.cac", "must be above 0 when only tau2 is given")
        gamma2 = 0.0 if cac is None else tau2 * (1 - cac) / cac
    residual, iac = unit.residual, ratios["iac"]
    if unit.total is not None and residual is None:
        within = unit.total - tau2 - gamma2
        refuse_unless(within >= 0, "outcome.total_variance", "is smaller than the variances of clusters and periods")
        psi2 = (iac or 0.0) * within if psi2 is None else psi2
        residual = within - psi2
        refuse_unless(residual >= 0, "outcome.total_variance", "is smaller than the sum of the other variances")
    if psi2 is None and iac:
        refuse_unless(
            iac < 1 and residual is not None, "correlation.iac", "an IAC needs a residual variance, and to be below 1"
        )
        psi2 = float(residual or 0.0) * iac / (1 - iac)
    found = Components(tau2=tau2, gamma2=gamma2, psi2=psi2 or 0.0, residual=residual, **shape)
    if unit.total is not None and unit.residual is not None and not outcome.is_marginal:
        _refuse_disagreement("outcome.total_variance", unit.total, found.total)
    return found


def _as_dict(parts: Components) -> dict[str, Any]:
    names = ("tau2", "gamma2", "psi2", "residual", "eta2", "cov", "r", "r_person", "churn")
    return {name: getattr(parts, name) for name in names}


def _refuse_ratios_that_disagree(
    keys: Keys, ratios: dict[str, float | None], variances: dict[str, float | None], found: Components, base: str
) -> None:
    for name, value in variances.items():
        if not (name == "psi2" and base == "proportional-decay"):
            _refuse_disagreement(keys.at(name), value, getattr(found, name))
    on_a_scale = found.residual is not None
    for name in ("icc", "cac", "iac"):
        if name == "cac" or on_a_scale:
            _refuse_disagreement(keys.at(name), ratios[name], getattr(found, name))


def _refuse_against_structure(keys: Keys, base: str, extensions: list[str], found: Components) -> None:
    """A structure that says one thing and parameters that say another is an error, not a choice of ours."""
    if base == "as-parameters":
        return
    cohort = {"proportional-decay", "block-exchangeable", "three-correlation", "open-cohort-churn"}
    if base == "exchangeable":
        refuse_unless(
            abs(found.gamma2) < 1e-12,
            keys.at("gamma2" if keys.has("gamma2") else "cac"),
            "an exchangeable structure has no cluster-period variance (CAC is 1): use nested-exchangeable",
        )
    if base in ("nested-exchangeable", "nested"):
        refuse_unless(keys.has("gamma2", "cac", "alpha1"), keys.at("cac"), "a nested structure needs cac or gamma2")
    if "decay" not in base:
        refuse_unless(found.r == 1, keys.at("r"), f"{base} does not decay: use discrete-time-decay")
    if base not in cohort and not {"person", "person-decay"} & set(extensions):
        refuse_unless(
            abs(found.psi2) < 1e-12,
            keys.at("psi2" if keys.has("psi2") else "iac"),
            f"{base} has no person effect: add +person to the structure",
        )
    if {"person", "person-decay"} & set(extensions):
        refuse_unless(keys.has("psi2", "iac", "alpha2"), keys.at("psi2"), "a person effect needs psi2 or iac")
    if "random-intervention" not in extensions:
        refuse_unless(
            not found.eta2 and not found.cov,
            keys.at("eta2"),
            f"{base} has no random intervention effect: add +random-intervention to the structure",
        )


_RULE_ALIASES = {
    "i-2": "clusters-minus-2",
    "clusters-minus-two": "clusters-minus-2",
    "cluster-minus-2": "clusters-minus-2",
    "clusters-2": "clusters-minus-2",
    "betweenwithin": "between-within",
    "residual": "two-way-residual",
    "two-way": "two-way-residual",
}


def _read_inference(keys: Keys) -> Inference:
    rule = keys.word("df_rule")
    if rule is not None:
        plain = rule.strip().lower().replace("_", "-").replace(" ", "-")
        refuse_unless(
            plain in DF_RULES or plain in _RULE_ALIASES, keys.at("df_rule"), f"must be one of {', '.join(DF_RULES)}"
        )
        rule = _RULE_ALIASES.get(plain, plain)
    tails = keys.number("tails_in_power", 2.0)
    found = Inference(
        alpha=keys.number("alpha", 0.05),
        reference=keys.word("reference", "normal"),
        df_rule=rule,
        df=keys.number("df"),
        tails=int(tails) if tails == int(tails or 0) else 0,
        target_power=keys.number("target_power"),
        variance_under=keys.word("variance_under"),
    )
    keys.refuse_unknown()
    return found


def answer_case(given: Any) -> dict[str, Any]:
    """The answer to one case, ready for JSON."""
    case = read_case(given)
    plan = case.plan
    found: dict[str, Any] = {} if case.id is None else {"id": case.id}
    if plan.size is None:
        found |= _answer_size(plan)
    elif case.estimand is not None:
        found |= _answer_exposure(plan, case.estimand)
    else:
        found |= _answer_power(power(plan), plan.inference)
    found |= _scales(plan)
    if case.warnings:
        found["warnings"] = list(case.warnings)
    return found | answer_requests(plan, case.request) | _answer_extras(plan, given)


def _answer_extras(plan: Plan, given: Mapping[str, Any]) -> dict[str, Any]:
    top = Keys(given, "")
    found: dict[str, Any] = {}
    if top.has("curve"):
        found["curve"] = answer_curve(plan, top.part("curve"))
    if top.has("sensitivity"):
        found["sensitivity"] = answer_sensitivity(plan, top.part("sensitivity"))
    if top.has("today"):
        found["today"] = answer_today(plan, top.part("today"))
    return found


def _answer_power(answer: Answer, test: Inference) -> dict[str, Any]:
    found: dict[str, Any] = {
        "variance": answer.variance,
        "power": answer.power,
        "mdes80": answer.mdes80,
        "mdes90": answer.mdes90,
    }
    if answer.variance_null is not None:
        found["variance_null"] = answer.variance_null
    if test.uses_t:
        found |= {
            "df": int(answer.df) if answer.df == int(answer.df or 0) else answer.df,
            "power_noncentral_t": answer.power_noncentral_t,
            "power_central_shift_t": answer.power_central_shift_t,
            "power_normal_reference": answer.power_normal_reference,
        }
    return found


def _answer_size(plan: Plan) -> dict[str, Any]:
    target = plan.inference.target_power
    if target is None:
        raise CaseRefused("size", "give a size, or inference.target_power to have the size worked out")
    solved = size_for(plan, target)
    found: dict[str, Any] = {"n": solved.n, "limiting_power": solved.limiting_power}
    if solved.answer is None:
        found["why"] = (
            f"no size reaches {target:.0%}: with ever larger cells the power stops at {solved.limiting_power:.3f}"
        )
        return found
    found |= _answer_power(solved.answer, plan.inference)
    found["power_at_n_minus_1"] = solved.power_at_n_minus_1
    return found


def _answer_exposure(plan: Plan, estimand: str | tuple[float, ...]) -> dict[str, Any]:
    asked = exposure_power(plan, estimand)
    found = _answer_power(asked.answer, Inference())
    if asked.answer.df is not None:
        found["df"] = asked.answer.df
    return found | {
        "estimand": asked.estimand,
        "exposure_times": list(asked.levels),
        "weights": list(asked.weights),
        "price_in_standard_error": asked.price,
        "exposure_weights": {str(s): w for s, w in single_effect_weights(plan).items()},
    }


def _scales(plan: Plan) -> dict[str, Any]:
    """Both scales at once: people confuse a standard deviation with an ICC."""
    parts = plan.components
    found: dict[str, Any] = {"tau2": parts.tau2, "gamma2": parts.gamma2, "cac": parts.cac}
    if parts.residual is not None:
        found |= {"residual_variance": parts.residual, "icc": parts.icc, "iac": parts.iac}
    elif plan.outcome.link == "logit":
        spread = parts.tau2 + parts.gamma2
        found["icc_latent"] = spread / (spread + np.pi**2 / 3)
    elif plan.outcome.link == "identity" and plan.outcome.family == "binomial":
        whole = parts.with_residual(
            float(np.mean(np.asarray(proportion_variance(plan.design, plan.outcome, plan.effect))))
        )
        found |= {"residual_variance": whole.residual, "icc": whole.icc, "iac": whole.iac}
    if plan.effect.control is not None and not plan.outcome.is_marginal:
        middle, wide = float(np.mean(plan.effect.control)), 1.959964 * parts.spread_of_clusters()
        found["range_of_95_percent_of_clusters"] = [
            from_link(middle - wide, plan.outcome.link),
            from_link(middle + wide, plan.outcome.link),
        ]
    if plan.outcome.family == "binomial" and plan.outcome.link == "identity" and not plan.outcome.is_marginal:
        found["variance_rule"] = plan.outcome.variance_rule or "mean_of_both_arms"
    return {"scales": found}
