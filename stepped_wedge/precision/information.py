"""What a design knows about its effects: the information, with time profiled out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dpotrf, dtrtrs

from stepped_wedge.designs import Design, TimeModel, refuse_unless_identified, time_columns
from stepped_wedge.precision.models import NOT_POSITIVE, CellModel, half_inverse
from stepped_wedge.precision.ways import apply_precision
from stepped_wedge.refusals import CaseRefused

# a covariance of cluster and intervention effects that is larger beside eta2 would cost digits on the short way
FARTHEST_SHIFT = 10.0


@dataclass(frozen=True, eq=False)
class Sums:
    """time: p x p, cross: p x L, effect: L x L: the three blocks of the information matrix."""

    time: np.ndarray
    cross: np.ndarray
    effect: np.ndarray

    def information(self) -> np.ndarray:
        """L x L information about the effects with time profiled out."""
        try:
            return self.effect - self.cross.T @ np.linalg.solve(self.time, self.cross)
        except np.linalg.LinAlgError:
            return self.effect - self.cross.T @ np.linalg.pinv(self.time) @ self.cross


def information(design: Design, model: CellModel, time_model: TimeModel = "categorical") -> float:
    """Information (1 / variance) about a single effect. Refuses a design in which it is not identified."""
    if time_model == "categorical" and design.is_complete and model.is_shared and model.scale is None:
        if not model.has_random_effect:
            if not design.contrast.diagonal().max() > 1e-12:  # no period has clusters under both conditions
                refuse_unless_identified(design, time_model)
            # sum x'Ax - I xbar'A xbar, and A is the same for all: one inner product with the design's own matrix
            return _inner_product(half_inverse(model.base(design.period_count)), design.contrast)
        parts = model.components
        if abs(parts.cov) <= FARTHEST_SHIFT * parts.eta2 and not (parts.cov and model.decays):
            return _information_with_random_effect(design, model)
    refuse_unless_identified(design, time_model)
    return float(sums(design, model, time_model).information()[0, 0])


def _inner_product(half: np.ndarray, symmetric: np.ndarray) -> float:
    """Sum of products of two symmetric matrices, the first given by its upper half."""
    return float(2 * np.vdot(half, symmetric) - half.diagonal() @ symmetric.diagonal())


def _information_with_random_effect(design: Design, model: CellModel) -> float:
    """Rank-one update of the shared precision for every cluster at once, in coordinates that whiten the shared part.

    eta2 xx' + cov (x1' + 1x') = eta2 yy' - (cov^2/eta2) 11' with y = x + cov/eta2. With U'U the shared covariance and
    z_i = U'^-1 y_i, the precision of cluster i is U^-1 (1 - eta2 d_i z_i z_i') U'^-1, d_i = 1/(1 + eta2 z_i'z_i).
    y differs from x by the same number everywhere, which the periods take up: with time profiled out both know the same.
    """
    parts = model.components
    shift, eta2 = parts.cov / parts.eta2, parts.eta2
    clusters, length = design.x.shape
    base = model.base(length)
    if shift:
        base -= parts.cov * shift
    # LAPACK wants columns side by side in memory, which the transpose of x has
    z, _ = dtrtrs(_factor(base), design.x.T + shift, lower=0, trans=1, overwrite_b=1)
    g = np.vecdot(z.T, z.T)
    d = 1 / (1 + eta2 * g)
    plain, cross = g @ d, z @ d
    total = (z * (-eta2 * d)) @ z.T
    total.flat[:: length + 1] += clusters
    half, _ = dtrtrs(_factor(total), cross, lower=0, trans=1)
    known = float(plain - half @ half)
    if not known > 1e-9 * plain:
        refuse_unless_identified(design)
    return known


def _factor(v: np.ndarray) -> np.ndarray:
    """The upper Cholesky factor; what stands below the diagonal means nothing."""
    factor, failed = dpotrf(v, lower=0, clean=0)
    if failed:
        raise CaseRefused("correlation", NOT_POSITIVE)
    return factor


def sums(
    design: Design, model: CellModel, time_model: TimeModel = "categorical", effects: np.ndarray | None = None
) -> Sums:
    """The blocks of the information matrix; `effects` is I x T x L (x itself when absent)."""
    columns = design.filled[:, :, None] if effects is None else effects
    weighted, total = apply_precision(design, model, columns)
    cross, effect = weighted.sum(0), np.tensordot(columns, weighted, axes=((0, 1), (0, 1)))
    if time_model == "categorical":
        return Sums(total, cross, effect)
    z = time_columns(design, time_model)
    return Sums(z.T @ total @ z, z.T @ cross, effect)
