"""What the intervention does over time in a model: one effect, one for each exposure time, a spline, or a delay.

Exposure-time indicators and splines: Kenny et al. 2022. Each kind gives I x T x L columns, and how the effect at each
exposure time is made of their coefficients, from which every estimand is a contrast.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stepped_wedge.designs import Design, exposure_columns, exposure_levels
from stepped_wedge.exposure import contrast_of
from stepped_wedge.refusals import CaseRefused, refuse_unless

KINDS = ("single", "exposure-time", "spline:K", "delayed:K")
RANDOM = "random-exposure"  # effects that scatter about their mean; fitted by lmm alone


@dataclass(frozen=True, eq=False)
class EffectTerms:
    """columns: I x T x L. levels: exposure times. curve: levels by L: effect at each level = curve @ coefficients."""

    kind: str
    columns: np.ndarray
    levels: tuple[int, ...]
    curve: np.ndarray

    def contrast(self, estimand: str | Sequence[float]) -> np.ndarray:
        """Weights on the L coefficients that give the estimand."""
        if self.kind == "single":
            return np.ones(1)
        return contrast_of(estimand, self.levels) @ self.curve


def effect_terms(design: Design, kind: str = "single") -> EffectTerms:
    """Columns of the named kind of effect. delayed:2 means no effect in the first two exposed periods."""
    levels = tuple(int(s) for s in exposure_levels(design))
    refuse_unless(levels, "data.treat", "no cell is under intervention")
    if kind == "single":
        return EffectTerms(kind, design.filled[:, :, None], levels, np.ones((len(levels), 1)))
    refuse_withdrawal(design)
    each = exposure_columns(design)
    if kind == "exposure-time":
        return EffectTerms(kind, each, levels, np.eye(len(levels)))
    if matched := re.fullmatch(r"spline:(\d+)", kind):
        curve = natural_spline(np.array(levels, dtype=float), int(matched[1]))
        return EffectTerms(kind, each @ curve, levels, curve)
    if matched := re.fullmatch(r"delayed:(\d+)", kind):
        after = (np.array(levels) > int(matched[1])).astype(float)[:, None]
        refuse_unless(after.any(), "model.effect", f"no exposure time is later than {matched[1]} periods")
        return EffectTerms(kind, each @ after, levels, after)
    raise CaseRefused("model.effect", f"must be one of {', '.join(KINDS)}, or with lmm {RANDOM}")


def refuse_withdrawal(design: Design) -> None:
    refuse_unless(
        not (np.diff(np.nan_to_num(design.x, nan=-1), axis=1) < -1e-12).any() or not design.is_complete,
        "model.effect",
        "exposure time is not defined when the intervention is withdrawn",
    )


def natural_spline(times: np.ndarray, count: int) -> np.ndarray:
    """Natural cubic spline basis with `count` columns (constant included), knots evenly over the exposure times."""
    refuse_unless(2 <= count <= len(times), "model.effect", f"a spline needs 2 to {len(times)} columns here")
    knots = np.linspace(times.min(), times.max(), count)
    if count == 2:
        return np.column_stack([np.ones_like(times), times])
    last, before = knots[-1], knots[-2]

    def hinge(knot: float) -> np.ndarray:
        rise = np.maximum(times - knot, 0) ** 3 - np.maximum(times - last, 0) ** 3
        return rise / (last - knot)

    reference = hinge(float(before))
    curved = [hinge(float(knot)) - reference for knot in knots[:-2]]
    return np.column_stack([np.ones_like(times), times, *curved])
