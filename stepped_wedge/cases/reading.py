"""A case from decoded JSON: every value is checked, and what nobody knows is refused with its path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from stepped_wedge import designs
from stepped_wedge.assumptions import read_components
from stepped_wedge.designs import Design
from stepped_wedge.exposure import contrast_of
from stepped_wedge.keys import Keys, refuse_disagreement, refuse_unless_numbers
from stepped_wedge.outcomes import (
    Effect,
    Outcome,
    to_link,
)
from stepped_wedge.power import Plan
from stepped_wedge.references import DF_RULES, Inference
from stepped_wedge.refusals import CaseRefused, refuse_unless

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
    "unknown_sizes",
    "expect",
    "tolerance",
}
MOST_PEOPLE = 10**12
REQUESTS = (
    "exposure_weights",
    "information_content",
    "clusters",
    "sequences",
    "allocations",
    "drop_out",
    "late_switching",
    "simulation",
)


@dataclass(frozen=True, eq=False)
class Case:
    """A plan as it was asked for."""

    id: str | int | None
    plan: Plan
    sampling: str
    estimand: str | tuple[float, ...] | None
    exposure_variance: float | None
    request: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def has_exposure_effects(self) -> bool:
        """Is the effect asked about made up of effects by exposure time?"""
        return self.estimand is not None or self.exposure_variance is not None


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
    plan_effect, time_model, estimand, exposure_variance = aim
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
    refuse_unless(
        name is None or (isinstance(name, str | int) and not isinstance(name, bool)), "id", "must be a text or a number"
    )
    return Case(
        name,
        plan,
        str(sampling),
        estimand,
        exposure_variance,
        tuple(request),
        tuple(warnings),
    )


def read_design(keys: Keys) -> Design:
    """A design from its JSON object: kinds stepped_wedge and matrix."""
    kind = keys.word("kind", "matrix" if keys.has("x") else "stepped_wedge")
    if kind == "stepped_wedge":
        counts = keys.get("clusters_per_sequence")
        refuse_unless(isinstance(counts, list), keys.at("clusters_per_sequence"), "must be a list of whole numbers")
        design = designs.stepped_wedge(counts, keys.get("periods"))
        refuse_unless(not keys.has("crossover"), keys.at("crossover"), "belongs to a matrix: a wedge never goes back")
    elif kind == "matrix":
        rows = keys.get("x")
        refuse_unless(
            isinstance(rows, list) and rows and all(isinstance(row, list) for row in rows),
            keys.at("x"),
            "must be a list of rows, one for each cluster",
        )
        refuse_unless_numbers(rows, keys.at("x"))
        crossover = keys.get("crossover", False)
        refuse_unless(isinstance(crossover, bool), keys.at("crossover"), "must be true or false")
        design = designs.from_matrix(rows, crossover=crossover)
    else:
        raise CaseRefused(keys.at("kind"), "must be stepped_wedge or matrix")
    design = _named(design, keys)
    keys.refuse_unknown()
    return design


def _named(design: Design, keys: Keys) -> Design:
    clusters, periods = keys.get("clusters", []), keys.get("period_names", [])
    for name, value in (("clusters", clusters), ("period_names", periods)):
        named = isinstance(value, list) and all(isinstance(one, str | int) and one != "" for one in value)
        refuse_unless(named, keys.at(name), "must be a list of names")
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
    if given is None:
        return None
    if isinstance(given, list):
        refuse_unless_numbers(given, "size")
        return given
    sound = isinstance(given, int | float) and not isinstance(given, bool)
    refuse_unless(sound, "size", f"must be a number or a list of numbers, not {given!r}")
    refuse_unless(given <= MOST_PEOPLE, "size", f"more than {MOST_PEOPLE:,} people in a cell are beyond this library")
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


type Aim = tuple[Effect, str, str | tuple[float, ...] | None, float | None]


def _read_effect(keys: Keys, told: Keys, outcome: Outcome, design: Design) -> Aim:
    time_model = _read_time_model(keys)
    estimand = _read_estimand(keys)
    exposure_variance = keys.number("exposure_variance")
    refuse_unless(
        exposure_variance is None or estimand is None,
        keys.at("exposure_variance"),
        "effects are either random by exposure time or summed up by an estimand, not both",
    )
    link = outcome.link
    trend = ("control_start", "control_end", "intervention_end")
    if keys.has(*trend):
        start, end, treated = (to_link(keys.needed(name), link, keys.at(name)) for name in trend)
        control: float | tuple[float, ...] | None = tuple(np.linspace(start, end, design.period_count).tolist())
        theta, by_exposure = treated - end, None
        stated = keys.number("theta")
        refuse_disagreement(keys.at("theta"), stated, theta)
    else:
        control = _control_level(keys, link)
        by_exposure = _effects_by_exposure(keys, design)
        theta = _theta(keys, link, control, by_exposure)
        control = _with_period_effects(control, told, design)
    keys.refuse_unknown()
    return Effect(theta, control, by_exposure), time_model, estimand, exposure_variance


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
    return keys.numbers("weights")


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


def _theta(keys: Keys, link: str, control: float | None, by_exposure: tuple[float, ...] | None) -> float:
    found = keys.number("theta") if by_exposure is None else _summed_up(keys, by_exposure)
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


def _effects_by_exposure(keys: Keys, design: Design) -> tuple[float, ...] | None:
    """theta as a list: one effect for each time since the switch that the design shows."""
    if not isinstance(keys.get("theta"), list):
        return None
    given = keys.numbers("theta")
    times = len(designs.exposure_levels(design))
    refuse_unless(
        len(given) == times, keys.at("theta"), f"needs {times} effects, one for each exposure time, not {len(given)}"
    )
    return given


def _summed_up(keys: Keys, by_exposure: tuple[float, ...]) -> float:
    """The weights of the estimand times the effects by exposure time."""
    asked = _read_estimand(keys)
    if asked is None:
        raise CaseRefused(keys.at("estimand"), "effects by exposure time need weights or the name of an estimand")
    return float(contrast_of(asked, range(1, len(by_exposure) + 1)) @ np.array(by_exposure))


def _with_period_effects(control: float | None, told: Keys, design: Design) -> float | tuple[float, ...] | None:
    given = told.get("period_effect_each_later_period")
    if given is None or control is None:
        return control
    later = design.period_count - 1
    name = "period_effect_each_later_period"
    values = told.numbers(name) if isinstance(given, list) else [told.number(name)] * later
    refuse_unless(len(values) == later, told.at(name), f"needs {later} values, one for each period after the first")
    return (control, *(control + value for value in values))


_RULE_ALIASES = {
    "i-2": "clusters-minus-2",
    "clusters-minus-two": "clusters-minus-2",
    "cluster-minus-2": "clusters-minus-2",
    "clusters-2": "clusters-minus-2",
    "betweenwithin": "between-within",
    "residual": "two-way-residual",
    "two-way": "two-way-residual",
    "kenward-roger": "satterthwaite",  # the same for one effect at planned components
    "satterthwaite-/-kenward-roger": "satterthwaite",
}


def _read_inference(keys: Keys) -> Inference:
    rule = keys.word("df_rule")
    if rule == "normal" and keys.word("reference", "normal") == "normal":
        rule = None  # the rule of the normal reference: no degrees of freedom
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
