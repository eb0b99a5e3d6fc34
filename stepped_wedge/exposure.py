"""Effects by time since the switch: estimands, their price in precision, and what a single-effect model reports.

Hughes et al. 2020, Kenny et al. 2022 and Maleyeff et al. 2023 show that a single-effect model weighs exposure times
unevenly, some of them negatively. Between one effect for all and one for each stands the random effect of exposure time
(Maleyeff et al. 2023): effects scatter about their mean, the same at an exposure time in every cluster.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.special import ndtr, ndtri

from stepped_wedge.designs import exposure_columns, exposure_levels
from stepped_wedge.power import (
    Answer,
    Plan,
    answer_of,
    cell_model,
    degrees,
    information_of_effects,
    needs_null_variance,
    variance,
    variance_of_effects,
)
from stepped_wedge.precision import cell_weights
from stepped_wedge.refusals import CaseRefused, refuse_unless

ESTIMANDS = ("average", "last", "point:S", "average:A-B")
_ALIASES = {
    "time-averaged": "average",
    "time_averaged": "average",
    "last-period": "last",
    "last_period": "last",
    "long-term": "last",
}


@dataclass(frozen=True)
class ExposureAnswer:
    """An exposure-time estimand, its power, and its standard error over that of the single-effect model."""

    estimand: str
    levels: tuple[int, ...]
    weights: tuple[float, ...]
    answer: Answer
    price: float


def single_effect_weights(plan: Plan) -> dict[int, float]:
    """The weight that a single-effect model puts on each time since the switch; they sum to 1 when x is 0 or 1."""
    weights = cell_weights(plan.design, cell_model(plan), plan.time_model) * plan.design.filled
    levels = exposure_levels(plan.design)
    return {int(s): float(weights[plan.design.exposure == s].sum()) for s in levels}


def contrast_of(estimand: str | Sequence[float], levels: Sequence[int]) -> np.ndarray:
    """Weights over the estimable exposure times: "average", "last", "point:3", "average:2-4", or given outright."""
    if not isinstance(estimand, str):
        weights = np.asarray(estimand, dtype=float)
        refuse_unless(
            weights.shape == (len(levels),),
            "effect.weights",
            f"needs {len(levels)} weights, one for each exposure time",
        )
        refuse_unless(np.isfinite(weights).all() and weights.any(), "effect.weights", "must be numbers, not all zero")
        return weights
    name = _ALIASES.get(estimand, estimand)
    known = np.asarray(levels)
    if name == "average":
        chosen = np.ones(len(known), dtype=bool)
    elif name == "last":
        chosen = known == known.max()
    elif matched := re.fullmatch(r"point:(\d+)", name):
        chosen = known == int(matched[1])
    elif matched := re.fullmatch(r"average:(\d+)-(\d+)", name):
        chosen = (known >= int(matched[1])) & (known <= int(matched[2]))
    else:
        raise CaseRefused("effect.estimand", f"must be one of {', '.join(ESTIMANDS)}")
    refuse_unless(
        chosen.any(), "effect.estimand", f"no such exposure time: the design has {', '.join(map(str, levels))}"
    )
    return chosen / chosen.sum()


def exposure_power(plan: Plan, estimand: str | Sequence[float] = "average") -> ExposureAnswer:
    """Power for an estimand of the model with one effect for each time since the switch; theta is its value."""
    levels = tuple(int(s) for s in exposure_levels(plan.design))
    weights, columns = contrast_of(estimand, levels), exposure_columns(plan.design)
    v = _of_contrast(weights, variance_of_effects(plan, columns))
    at_null = _of_contrast(weights, variance_of_effects(plan, columns, 0.0)) if needs_null_variance(plan) else None
    name = estimand if isinstance(estimand, str) else "weights"
    answer = answer_of(plan, v, degrees(plan, columns, weights), at_null)
    return ExposureAnswer(name, levels, tuple(float(w) for w in weights), answer, sqrt(v / variance(plan)))


def _of_contrast(weights: np.ndarray, spread: np.ndarray) -> float:
    return float(weights @ spread @ weights)


@dataclass(frozen=True)
class RandomExposureAnswer:
    """The mean effect when effects scatter by exposure time. weights: what the estimate puts on each exposure time.

    single_effect_size: how often the nominal normal test of a single-effect model rejects a true mean of zero then.
    """

    levels: tuple[int, ...]
    weights: tuple[float, ...]
    answer: Answer
    price: float
    single_effect_size: float
    estimand: str = "mean of effects that are random by exposure time"


def random_exposure_power(plan: Plan, spread: float) -> RandomExposureAnswer:
    """Power for the mean effect in the model with a random effect of exposure time of variance `spread`.

    With J the information about the effects at each exposure time, time profiled out, the precision of their mean is
    1'J (I + spread J)^-1 1: that of the single effect at spread 0, of the plain average as spread grows.
    """
    refuse_unless(
        np.isfinite(spread) and spread >= 0, "effect.exposure_variance", "a variance must be a number of at least 0"
    )
    refuse_unless(
        not plan.outcome.is_marginal, "effect.exposure_variance", "a marginal model has no random effects: give weights"
    )
    single = variance(plan)  # refuses a design in which not even one effect is identified
    levels = tuple(int(s) for s in exposure_levels(plan.design))
    columns = exposure_columns(plan.design)
    known = information_of_effects(plan, columns)
    one = np.ones(len(levels))
    pulled = _pulled(known, spread)
    v = 1 / float(pulled @ one)
    at_null = None
    if needs_null_variance(plan):
        at_null = 1 / float(_pulled(information_of_effects(plan, columns, 0.0), spread) @ one)
    plain = known @ one * single
    truth = sqrt(1 + spread * float(plain @ plain) / single)
    wrong = float(2 * ndtr(-ndtri(1 - plan.inference.alpha / 2) / truth))
    answer = answer_of(plan, v, degrees(plan), at_null)
    return RandomExposureAnswer(levels, tuple(float(w) for w in pulled * v), answer, sqrt(v / single), wrong)


def _pulled(known: np.ndarray, spread: float) -> np.ndarray:
    """(I + spread J)^-1 J 1, whose sum is the precision of the mean."""
    return np.linalg.solve(np.eye(len(known)) + spread * known, known).T @ np.ones(len(known))
