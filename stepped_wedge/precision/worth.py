"""What each cell is worth: its weight in the estimate, and the precision lost without it."""

from __future__ import annotations

import numpy as np

from stepped_wedge.designs import Design, TimeModel, refuse_unless_identified, time_columns
from stepped_wedge.precision.information import Sums
from stepped_wedge.precision.models import CellModel, precision_blocks
from stepped_wedge.precision.ways import apply_precision


def cell_weights(design: Design, model: CellModel, time_model: TimeModel = "categorical") -> np.ndarray:
    """I x T weights w with estimate = sum of w times the cell means (zero where nothing is observed)."""
    refuse_unless_identified(design, time_model)
    weighted, total = apply_precision(design, model, design.filled[:, :, None])
    blocks = None
    z = time_columns(design, time_model)
    cross = z.T @ weighted.sum(0)[:, 0]
    trend = z @ np.linalg.solve(z.T @ total @ z, cross)
    shifted = np.broadcast_to(trend, design.x.shape)[:, :, None]
    blocks, _ = apply_precision(design, model, np.where(design.observed[:, :, None], shifted, 0.0))
    raw = (weighted - blocks)[:, :, 0]
    return raw / (raw * design.filled).sum()


def information_content(design: Design, model: CellModel, time_model: TimeModel = "categorical") -> np.ndarray:
    """I x T: variance without the cell over variance with it (Kasza & Forbes 2019); nan where not observed.

    1 means that the cell says nothing; inf that the effect is not identified without it. One downdate a cell, no
    refit: dropping cell j of cluster i takes a a' from the information matrix, a = A_i e_j / sqrt(A_i[j, j]).
    """
    refuse_unless_identified(design, time_model)
    blocks = precision_blocks(design, model)
    z, x = time_columns(design, time_model), design.filled
    total = Sums(
        z.T @ blocks.sum(0) @ z,
        z.T @ np.einsum("ijk,ik->j", blocks, x)[:, None],
        np.einsum("ij,ijk,ik->", x, blocks, x)[None, None],
    )
    whole = np.block([[total.time, total.cross], [total.cross.T, total.effect]])
    back = np.linalg.inv(whole)
    steps = np.arange(design.period_count)
    own = np.where(design.observed, blocks[:, steps, steps], 1.0)
    lost = blocks / np.sqrt(own)[:, None, :]  # column j of cluster i is its vector a
    moved = np.concatenate([np.einsum("jp,ijk->ikp", z, lost), np.einsum("ij,ijk->ik", x, lost)[:, :, None]], axis=2)
    pulled = moved @ back
    leverage = np.einsum("ikp,ikp->ik", pulled, moved)
    shift, room = pulled[:, :, -1] ** 2, 1 - leverage
    variance = back[-1, -1]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = 1 + shift / room / variance
    ratio = np.where(room < 1e-10, np.where(shift < 1e-12 * variance, 1.0, np.inf), ratio)
    return np.where(design.observed, ratio, np.nan)
