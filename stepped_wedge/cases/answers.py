"""The answer to a case, ready for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from stepped_wedge.cases.reading import Case, read_case
from stepped_wedge.crews import ALONE, Crew
from stepped_wedge.exposure import (
    ExposureAnswer,
    RandomExposureAnswer,
    exposure_power,
    random_exposure_power,
    single_effect_weights,
)
from stepped_wedge.keys import Keys
from stepped_wedge.outcomes import from_link, proportion_variance
from stepped_wedge.power import Answer, Plan, power
from stepped_wedge.references import Inference
from stepped_wedge.refusals import CaseRefused, refuse_unless
from stepped_wedge.requests import (
    answer_curve,
    answer_requests,
    answer_sensitivity,
    answer_today,
    answer_unknown_sizes,
)
from stepped_wedge.solving import size_for


def answer_case(given: Any, crew: Crew = ALONE) -> dict[str, Any]:
    """The answer to one case, ready for JSON."""
    try:
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            return _answer_case(given, crew)
    except (FloatingPointError, np.linalg.LinAlgError, OverflowError, ZeroDivisionError) as problem:
        raise CaseRefused("case", f"its numbers are too extreme to compute with ({problem})") from problem


def _answer_case(given: Any, crew: Crew) -> dict[str, Any]:
    case = read_case(given)
    _refuse_what_is_not_asked_of(case, given)
    plan = case.plan
    found: dict[str, Any] = {} if case.id is None else {"id": case.id}
    if plan.size is None:
        found |= _answer_size(case)
    elif case.has_exposure_effects:
        found |= _answer_exposure(case, plan)
    else:
        found |= _answer_power(power(plan), plan.inference)
    found |= _scales(plan)
    if case.warnings:
        found["warnings"] = list(case.warnings)
    return found | answer_requests(plan, case.request, crew) | _answer_extras(plan, given, crew)


def _refuse_what_is_not_asked_of(case: Case, given: Mapping[str, Any]) -> None:
    """What answers for one effect, or by least squares, is not put beside an answer for something else."""
    extras = [name for name in ("curve", "sensitivity", "today", "unknown_sizes") if given.get(name) is not None]
    for name in (*case.request, *extras):
        refuse_unless(
            name == "exposure_weights" or not case.has_exposure_effects,
            name if name in extras else "request",
            f"{name} is about one effect for all exposure times: leave the estimand out of this case",
        )
    for name in ("information_content", "simulation"):
        refuse_unless(
            name not in case.request or not case.plan.outcome.is_by_likelihood,
            "request",
            f"{name} is worked out by least squares: ask for it with the conditional model",
        )


def _answer_extras(plan: Plan, given: Mapping[str, Any], crew: Crew) -> dict[str, Any]:
    top = Keys(given, "")
    found: dict[str, Any] = {}
    if top.has("curve"):
        found["curve"] = answer_curve(plan, top.part("curve"))
    if top.has("sensitivity"):
        found["sensitivity"] = answer_sensitivity(plan, top.part("sensitivity"), crew)
    if top.has("today"):
        found["today"] = answer_today(plan, top.part("today"))
    if top.has("unknown_sizes"):
        found["power_with_unknown_sizes"] = answer_unknown_sizes(plan, top.part("unknown_sizes"), crew)
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


def _answer_size(case: Case) -> dict[str, Any]:
    plan, target = case.plan, case.plan.inference.target_power
    if target is None:
        raise CaseRefused("size", "give a size, or inference.target_power to have the size worked out")
    by_exposure = (lambda sized: _exposure(case, sized).answer.power) if case.has_exposure_effects else None
    solved = size_for(plan, target, by_exposure)
    found: dict[str, Any] = {"n": solved.n, "limiting_power": solved.limiting_power}
    if solved.answer is None or solved.n is None:
        found["why"] = (
            f"no size reaches {target:.0%}: with ever larger cells the power stops at {solved.limiting_power:.3f}"
        )
        return found
    if case.has_exposure_effects:
        found |= _answer_exposure(case, plan.but(size=float(solved.n)))
    else:
        found |= _answer_power(solved.answer, plan.inference)
    found["power_at_n_minus_1"] = solved.power_at_n_minus_1
    return found


def _exposure(case: Case, sized: Plan) -> ExposureAnswer | RandomExposureAnswer:
    if case.exposure_variance is not None:
        return random_exposure_power(sized, case.exposure_variance)
    return exposure_power(sized, "average" if case.estimand is None else case.estimand)


def _answer_exposure(case: Case, sized: Plan) -> dict[str, Any]:
    asked = _exposure(case, sized)
    found = _answer_power(asked.answer, sized.inference)
    found |= {
        "estimand": asked.estimand,
        "exposure_times": list(asked.levels),
        "weights": list(asked.weights),
        "price_in_standard_error": asked.price,
        "exposure_weights": {str(s): w for s, w in single_effect_weights(sized).items()},
    }
    if isinstance(asked, RandomExposureAnswer):
        found["single_effect_true_size"] = asked.single_effect_size
    return found


def _scales(plan: Plan) -> dict[str, Any]:
    """Both scales at once: people confuse a standard deviation with an ICC."""
    parts = plan.components
    found: dict[str, Any] = {"tau2": parts.tau2, "gamma2": parts.gamma2, "cac": parts.cac}
    if parts.residual is not None:
        found |= {"residual_variance": parts.residual, "icc": parts.icc, "iac": parts.iac}
    elif plan.outcome.link == "logit":
        spread = parts.tau2 + parts.gamma2
        found["icc_latent"] = spread / (spread + parts.psi2 + np.pi**2 / 3)
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
