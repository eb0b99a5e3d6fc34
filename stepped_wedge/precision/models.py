"""The covariance of cell means, and its inverse where nothing shorter is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri

from stepped_wedge.correlations import Components, decay
from stepped_wedge.designs import Design
from stepped_wedge.refusals import CaseRefused

NOT_POSITIVE = "the covariance matrix of the cell means is not positive definite"


@dataclass(frozen=True, eq=False)
class CellModel:
    """What the engine needs to know about the covariance of cell means.

    size: individuals per cell: a number, or I x T. noise: independent variance of each cell mean: a number or I x T.
    scale: None, or I x T factors a with V_i = a a' * (the covariance above): marginal models on a link scale.
    """

    components: Components
    size: float | np.ndarray
    noise: float | np.ndarray
    scale: np.ndarray | None = None

    @property
    def is_shared(self) -> bool:
        """Do all clusters have the same covariance before scale and random effect?"""
        return not isinstance(self.noise, np.ndarray) and not isinstance(self.size, np.ndarray)

    @property
    def has_random_effect(self) -> bool:
        return bool(self.components.eta2 or self.components.cov)

    @property
    def decays(self) -> bool:
        parts = self.components
        return bool((parts.r < 1 and parts.tau2) or (parts.r_person < 1 and parts.psi2))

    def base(self, length: int) -> np.ndarray:
        """The shared T x T covariance, random intervention effect left out."""
        parts = self.components
        v = parts.tau2 * decay(parts.r, length)
        if parts.psi2:
            v = v + (parts.psi2 * (1 - parts.churn) / self.size) * decay(parts.r_person, length)
        v.flat[:: length + 1] += parts.gamma2 + parts.psi2 * parts.churn / self.size + self.noise
        return v


def half_inverse(v: np.ndarray) -> np.ndarray:
    """Upper half (zeros below) of the inverse of one symmetric positive definite matrix; refused when it is not."""
    factor, failed = dpotrf(v, lower=0, clean=1)
    if failed:
        raise CaseRefused("correlation", NOT_POSITIVE)
    return dpotri(factor, lower=0)[0]


def inverse(v: np.ndarray) -> np.ndarray:
    """Inverse of one symmetric positive definite matrix; refused when it is not."""
    half = half_inverse(v)
    whole = half + half.T
    whole.flat[:: len(v) + 1] -= half.diagonal()
    return whole


def cells(design: Design, value: float | np.ndarray) -> np.ndarray:
    return np.broadcast_to(np.asarray(value, dtype=float), design.x.shape)


def covariance_blocks(design: Design, model: CellModel) -> np.ndarray:
    """I x T x T covariance of the cell means, unobserved cells included."""
    parts, length = model.components, design.period_count
    size, noise = cells(design, model.size), cells(design, model.noise)
    v = np.broadcast_to(parts.tau2 * decay(parts.r, length), (design.cluster_count, length, length)).copy()
    if parts.psi2:
        root = 1 / np.sqrt(size)
        v += (parts.psi2 * (1 - parts.churn)) * decay(parts.r_person, length) * root[:, :, None] * root[:, None, :]
    if model.has_random_effect:
        x = design.filled
        v += parts.eta2 * x[:, :, None] * x[:, None, :] + parts.cov * (x[:, :, None] + x[:, None, :])
    steps = np.arange(length)
    v[:, steps, steps] += parts.gamma2 + parts.psi2 * parts.churn / size + noise
    if model.scale is not None:
        v *= model.scale[:, :, None] * model.scale[:, None, :]
    return v


def precision_blocks(design: Design, model: CellModel) -> np.ndarray:
    """I x T x T: inverse of each cluster's covariance over its observed cells, zero elsewhere."""
    v = covariance_blocks(design, model)
    if not design.is_complete:
        both = design.observed[:, :, None] & design.observed[:, None, :]
        v = np.where(both, v, 0.0)
        steps = np.arange(design.period_count)
        v[:, steps, steps] += ~design.observed
    try:
        np.linalg.cholesky(v)
    except np.linalg.LinAlgError as problem:
        raise CaseRefused("correlation", NOT_POSITIVE) from problem
    blocks = np.linalg.inv(v)
    blocks = (blocks + blocks.transpose(0, 2, 1)) / 2
    if not design.is_complete:
        blocks = np.where(both, blocks, 0.0)
    return blocks
