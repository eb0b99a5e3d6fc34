"""A_i times columns for every cluster, by the shortest way that the shape of the case allows."""

from __future__ import annotations

import numpy as np

from stepped_wedge.designs import Design
from stepped_wedge.precision.decaying import apply_decaying
from stepped_wedge.precision.models import NOT_POSITIVE, CellModel, cells, inverse, precision_blocks
from stepped_wedge.precision.sweeps import apply_by_sweeps
from stepped_wedge.refusals import refuse_unless


def apply_precision(design: Design, model: CellModel, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A_i times columns_i for every cluster (I x T x L), and the sum of the A_i (T x T)."""
    if model.is_shared and design.is_complete and not model.has_random_effect:
        return _apply_shared(model, columns)
    if model.scale is None and not model.decays:
        return _apply_low_rank(design, model, columns)
    done = None
    if model.scale is None:
        done = apply_decaying(design, model, columns)
    elif model.decays and not model.has_random_effect:
        done = apply_by_sweeps(design, model, columns)
    if done is not None:
        return done
    blocks = precision_blocks(design, model)
    return blocks @ columns, blocks.sum(0)


def _apply_shared(model: CellModel, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    count, length, _ = columns.shape
    k = inverse(model.base(length))
    if model.scale is None:
        return np.tensordot(columns, k, axes=(1, 0)).transpose(0, 2, 1), count * k
    shrink = 1 / model.scale
    weighted = np.tensordot(columns * shrink[:, :, None], k, axes=(1, 0)).transpose(0, 2, 1) * shrink[:, :, None]
    return weighted, k * (shrink.T @ shrink)


def _apply_low_rank(design: Design, model: CellModel, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """V_i = diag + U_i C U_i' with U_i = [1, x_i, m_i^-1/2]: Woodbury, O(I T)."""
    parts, x = model.components, design.filled
    size = cells(design, model.size)
    independent = cells(design, model.noise) + parts.gamma2 + parts.psi2 * parts.churn / size
    refuse_unless(independent.min() > 0, "correlation", NOT_POSITIVE)
    weight = np.where(design.observed, 1 / independent, 0.0)
    basis, middle = [np.ones_like(x)], [[parts.tau2]]
    if model.has_random_effect:
        basis, middle = [basis[0], x], [[parts.tau2, parts.cov], [parts.cov, parts.eta2]]
    if parts.psi2:
        basis.append(1 / np.sqrt(size))
        rank = len(basis)
        wider = np.zeros((rank, rank))
        wider[:-1, :-1] = middle
        wider[-1, -1] = parts.psi2 * (1 - parts.churn)
        middle = wider.tolist()
    u, c = np.stack(basis, axis=2), np.array(middle)
    wu = weight[:, :, None] * u
    gram = u.transpose(0, 2, 1) @ wu
    grown = np.eye(len(c)) + gram @ c
    refuse_unless(np.linalg.det(grown).min() > 0, "correlation", NOT_POSITIVE)
    core = c @ np.linalg.inv(grown)
    wuc = wu @ core
    weighted = weight[:, :, None] * columns - wuc @ (wu.transpose(0, 2, 1) @ columns)
    length, rank = x.shape[1], len(c)
    total = -wuc.transpose(1, 0, 2).reshape(length, -1) @ wu.transpose(1, 0, 2).reshape(length, -1).T
    total.flat[:: length + 1] += weight.sum(0)
    return weighted, total
