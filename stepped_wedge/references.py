"""Reference distributions: normal or t, degrees-of-freedom rules by name, power and detectable effects.

Both tails count (at no effect the power is alpha). A rule that is not defined for a design is refused, never
replaced: between-within degrees of freedom I - (T + 1) are negative for every design with one cluster a sequence.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import isnan

import numpy as np
from scipy.optimize import brentq
from scipy.special import nctdtr, ndtr, ndtri, stdtr, stdtrit

from stepped_wedge.designs import Design, exposure_columns, time_columns
from stepped_wedge.refusals import CaseRefused, refuse_unless

REFERENCES = ("normal", "t-central-shift", "t-noncentral")
DF_RULES = ("clusters-minus-2", "between-within", "two-way-residual", "satterthwaite")


@dataclass(frozen=True)
class Inference:
    """How the test is done. tails: 2 counts rejections in both directions, 1 only those in the planned one.

    variance_under: "alternative", or "null_for_critical_value_alt_for_power" for models on a link scale.
    df: degrees of freedom stated outright; wins over df_rule.
    """

    alpha: float = 0.05
    reference: str = "normal"
    df_rule: str | None = None
    df: float | None = None
    tails: int = 2
    target_power: float | None = None
    variance_under: str | None = None

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise CaseRefused("inference.alpha", f"must lie between 0 and 1, not {self.alpha}")
        if self.reference not in REFERENCES:
            raise CaseRefused("inference.reference", f"must be one of {', '.join(REFERENCES)}")
        if self.df_rule is not None and self.df_rule not in DF_RULES:
            raise CaseRefused("inference.df_rule", f"must be one of {', '.join(DF_RULES)}")
        if self.tails not in (1, 2):
            raise CaseRefused("inference.tails_in_power", "must be 1 or 2")
        if self.target_power is not None and not self.alpha < self.target_power < 1:
            raise CaseRefused("inference.target_power", "must lie between alpha and 1")

    @property
    def uses_t(self) -> bool:
        return self.reference != "normal"


@lru_cache(maxsize=256)
def upper_point(probability: float, df: float | None) -> float:
    """The quantile that leaves 1 - probability above it; normal when df is None."""
    return float(ndtri(probability) if df is None else stdtrit(df, probability))


def power_of_test(z: float, inference: Inference, df: float | None = None, stretch: float = 1.0) -> float:
    """Power at standardised effect z = |theta|/SE.

    stretch: SE under the null over SE under the alternative, where the critical value uses the former.
    """
    q = upper_point(1 - inference.alpha / 2, df if inference.uses_t else None) * stretch
    if not inference.uses_t:
        above, below = ndtr(z - q), ndtr(-q - z)
    elif inference.reference == "t-central-shift":
        above, below = stdtr(df, z - q), stdtr(df, -q - z)
    else:
        above, below = 1 - nctdtr(df, z, q), nctdtr(df, z, -q)
        if isnan(below):  # the series gives up where less than 1e-12 is left on the other side
            below = 0.0
        if isnan(above):  # never seen below a standardised effect of 10,000
            above = 1.0 if z > q else 0.0
    return float(above + below) if inference.tails == 2 else float(above)


def detectable_effect(
    se: float, power: float, inference: Inference, df: float | None = None, stretch: float = 1.0
) -> float:
    """The smallest effect found with this power: (q_alpha x stretch + q_power) x SE, one-tail root.

    t points with a t reference; with the non-central t the power equation is solved.
    """
    df = df if inference.uses_t else None
    critical = upper_point(1 - inference.alpha / 2, df) * stretch
    guess = critical + upper_point(power, df)
    if inference.reference != "t-noncentral":
        return guess * se
    return float(brentq(lambda z: 1 - nctdtr(df, z, critical) - power, 0.0, 3 * guess + 10)) * se


def degrees_of_freedom(design: Design, rule: str, effects: int = 1, time_model: str = "categorical") -> float:
    """Degrees of freedom by name; refused, with the ones that stand, when the rule is not defined."""
    clusters = design.cluster_count
    if rule == "clusters-minus-2":
        df, formula = clusters - 2, "I-2"
    elif rule == "between-within":
        columns = time_columns(design, time_model).shape[1]
        df, formula = clusters - (columns + effects), f"I-({columns}+{effects})"
    elif rule == "two-way-residual":
        df, formula = two_way_residual(design, effects), "cells - clusters - periods + 1 - effects"
    else:
        raise CaseRefused(
            "inference.df_rule", f"{rule} is not a rule of the design alone; one of {', '.join(DF_RULES)}"
        )
    if df < 1:
        raise CaseRefused(
            "inference.df_rule",
            f"{rule} degrees of freedom are {formula} = {df}: not defined for this design; "
            f"use {_rules_that_stand(design, effects)}",
        )
    return float(df)


def two_way_residual(design: Design, effects: int = 1) -> int:
    """Residual degrees of freedom of cell means with cluster and period effects: (I-1)(T-1)-1 when complete."""
    if design.is_complete and effects == 1:
        return (design.cluster_count - 1) * (design.period_count - 1) - 1
    seen = design.observed
    clusters = np.broadcast_to(np.eye(len(seen))[:, None, :], (*seen.shape, len(seen)))[seen]
    periods = np.broadcast_to(np.eye(seen.shape[1])[None, :, :], (*seen.shape, seen.shape[1]))[seen]
    x = design.filled[:, :, None] if effects == 1 else exposure_columns(design)
    return int(seen.sum() - np.linalg.matrix_rank(np.hstack([clusters, periods, x[seen]])))


def _rules_that_stand(design: Design, effects: int) -> str:
    standing = []
    residual = two_way_residual(design, effects)
    if residual >= 1:
        standing.append(f"two-way-residual ({residual})")
    if design.cluster_count > 2:
        standing.append(f"clusters-minus-2 ({design.cluster_count - 2})")
    return ", ".join([*standing, "or randomisation inference"])


def refuse_unless_rule_given(inference: Inference) -> None:
    refuse_unless(
        inference.df is not None or inference.df_rule is not None,
        "inference.df_rule",
        f"a t reference needs degrees of freedom: one of {', '.join(DF_RULES)}",
    )
