"""Cases of the `power` command: JSON in, a plan, JSON out. Unknown keys and nonsense are refused with their path."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from stepped_wedge import designs
from stepped_wedge.assumptions import read_components
from stepped_wedge.designs import Design
from stepped_wedge.exposure import contrast_of, exposure_power, single_effect_weights
from stepped_wedge.keys import Keys, refuse_disagreement
from stepped_wedge.outcomes import (
    Effect,
    Outcome,
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
        refuse_disagreement(keys.at("theta"), stated, theta)
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
            refuse_disagreement(keys.at(name), found, value)
            found = value
    return found


def _theta(keys: Keys, link: str, control: float | None) -> float:
    found = _stated_theta(keys)
    for name, wanted in (("log_or", "logit"), ("log_rr", "log")):
        value = keys.number(name)
        if value is not None:
            refuse_unless(link == wanted, keys.at(name), f"needs the {wanted} link, this outcome has {link}")
            refuse_disagreement(keys.at(name), found, value)
            found = value
    if keys.has("mu1"):
        if control is None:
            raise CaseRefused(keys.at("mu0"), "is needed beside mu1")
        value = to_link(keys.needed("mu1"), link, keys.at("mu1")) - control
        refuse_disagreement(keys.at("mu1"), found, value)
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
    try:
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            return _answer_case(given)
    except (FloatingPointError, np.linalg.LinAlgError, OverflowError, ZeroDivisionError) as problem:
        raise CaseRefused("case", f"its numbers are too extreme to compute with ({problem})") from problem


def _answer_case(given: Any) -> dict[str, Any]:
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
