"""Columns of time and of effects, and whether the effects can be told from time."""

from __future__ import annotations

import numpy as np

from stepped_wedge.designs.layout import Design
from stepped_wedge.refusals import refuse_unless

# checked where they come in: one of the words below
type TimeModel = str
TIME_MODELS = ("categorical", "linear", "none")


def time_columns(design: Design, model: TimeModel = "categorical") -> np.ndarray:
    """T x p columns of the time model: one indicator a period, a straight line, or a mean only."""
    refuse_unless(model in TIME_MODELS, "effect.time_model", f"must be one of {', '.join(TIME_MODELS)}")
    length = design.period_count
    if model == "categorical":
        return np.eye(length)
    constant = np.ones((length, 1))
    if model == "none":
        return constant
    return np.hstack([constant, (np.arange(length) - (length - 1) / 2)[:, None]]) if length > 1 else constant


def exposure_columns(design: Design) -> np.ndarray:
    """I x T x L indicators of time since switch, scaled by partial exposure; L is the longest observed exposure."""
    longest = int(np.where(design.observed & (design.filled > 0), design.exposure, 0).max())
    refuse_unless(longest, "design.x", "no cell is under intervention")
    levels = np.arange(1, longest + 1)
    columns = (design.exposure[:, :, None] == levels) * design.filled[:, :, None]
    return columns[:, :, columns.any((0, 1))]


def exposure_levels(design: Design) -> np.ndarray:
    """The times since switch that `exposure_columns` stands for (a transition period has none)."""
    return np.unique(design.exposure[design.observed & (design.filled > 0)])


def refuse_unless_identified(
    design: Design, time_model: TimeModel = "categorical", effects: np.ndarray | None = None
) -> None:
    """Refuse a design whose effect the time trend explains entirely.

    The rank of [time | effects] over the observed cells must exceed the rank of time by the number of effects.
    """
    if effects is None and time_model == "categorical":
        refuse_unless(
            design.varies_within_a_period,
            "design.x",
            "the effect is not identified: no period has clusters under both conditions, so it cannot be told from time",
        )
        return
    columns = design.filled[:, :, None] if effects is None else effects
    seen = design.observed
    time = np.broadcast_to(time_columns(design, time_model), (*seen.shape, time_columns(design, time_model).shape[1]))
    nuisance, wanted = time[seen], columns[seen]
    gained = np.linalg.matrix_rank(np.hstack([nuisance, wanted])) - np.linalg.matrix_rank(nuisance)
    refuse_unless(
        gained == wanted.shape[1],
        "design.x",
        f"only {gained} of {wanted.shape[1]} effects are identified beside the {time_model} time model",
    )
