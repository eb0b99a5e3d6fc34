"""Decaying covariances with sizes that differ: one eigendecomposition, or sweeps over the periods."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.linalg import eigh

from stepped_wedge.correlations import decay
from stepped_wedge.designs import Design
from stepped_wedge.precision.models import NOT_POSITIVE, CellModel, cells
from stepped_wedge.precision.sweeps import apply_by_sweeps
from stepped_wedge.refusals import CaseRefused, refuse_unless

# nearer to 1 the inverse of R(r) loses the digits that the tests ask for
SLOWEST_DECAY = 0.01
# below that the steps of a sweep cost more than a batch of small inverses
ENOUGH_FOR_SWEEPS = 800


def apply_decaying(design: Design, model: CellModel, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """The fast ways for a decaying covariance with unequal sizes; None when none of them fits."""
    if model.has_random_effect:
        return _apply_decay_with_random_effect(design, model, columns)
    if design.is_complete and _sizes_differ_by_cluster_only(model):
        return _apply_by_eigenvectors(model, columns)
    if not model.components.psi2:
        done = _apply_tridiagonal(design, model, columns)
        if done is not None:
            return done
    return apply_by_sweeps(design, model, columns) if design.x.size >= ENOUGH_FOR_SWEEPS else None


def _apply_decay_with_random_effect(
    design: Design, model: CellModel, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """A_i = K_i - K_i U_i M_i U_i' K_i with U_i = [x_i, 1] and K_i from the same model without the random effect."""
    parts, wide = model.components, columns.shape[2]
    seen = design.observed[:, :, None]
    u = np.concatenate([design.filled[:, :, None], seen.astype(float)], axis=2)
    plain = replace(model, components=replace(parts, eta2=0.0, cov=0.0))
    done = apply_decaying(design, plain, np.concatenate([u, columns], axis=2))
    if done is None:
        return None
    moved, total = done
    ku, weighted = moved[:, :, :2], moved[:, :, 2:]
    c = np.array([[parts.eta2, parts.cov], [parts.cov, 0.0]])
    grown = np.eye(2) + u.transpose(0, 2, 1) @ ku @ c
    refuse_unless(np.linalg.det(grown).min() > 0, "correlation.cov_te", NOT_POSITIVE)
    kum = ku @ (c @ np.linalg.inv(grown))
    length = columns.shape[1]
    flat = [part.transpose(1, 0, 2).reshape(length, -1) for part in (kum, ku)]
    update = kum @ (ku.transpose(0, 2, 1) @ columns)
    return (weighted - update).reshape(-1, length, wide), total - flat[0] @ flat[1].T


def _sizes_differ_by_cluster_only(model: CellModel) -> bool:
    noise, size = model.noise, model.size
    if isinstance(noise, np.ndarray) and np.ptp(noise, axis=1).any():
        return False
    if not model.components.psi2:
        return True
    if isinstance(size, np.ndarray) and np.ptp(size, axis=1).any():
        return False
    unit = noise * size
    return not isinstance(unit, np.ndarray) or bool(np.ptp(unit) <= 1e-12 * (1 + unit.max()))


def _apply_by_eigenvectors(model: CellModel, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """V_i = B + noise_i (I + share R(r_person)): all clusters share generalised eigenvectors."""
    parts = model.components
    count, length = columns.shape[:2]
    noise = np.broadcast_to(np.asarray(model.noise, dtype=float), (count, length))[:, 0]
    between = parts.tau2 * decay(parts.r, length) + parts.gamma2 * np.eye(length)
    within, shrinking = np.eye(length), noise
    if parts.psi2:
        # noise and person variance shrink together with size, so one basis fits every cluster
        shrinking = 1 / np.broadcast_to(np.asarray(model.size, dtype=float), (count, length))[:, 0]
        own = noise[0] / shrinking[0] + parts.psi2 * parts.churn
        within = own * within + parts.psi2 * (1 - parts.churn) * decay(parts.r_person, length)
    try:
        values, vectors = eigh(between, within)
    except np.linalg.LinAlgError as problem:
        raise CaseRefused("correlation", NOT_POSITIVE) from problem
    shrunk = values[None, :] + shrinking[:, None]
    refuse_unless(shrunk.min() > 0, "correlation", NOT_POSITIVE)
    inner = 1 / shrunk
    rotated = np.tensordot(columns, vectors, axes=(1, 0))  # I x L x T
    weighted = np.tensordot(rotated * inner[:, None, :], vectors, axes=(2, 1)).transpose(0, 2, 1)
    return weighted, (vectors * inner.sum(0)) @ vectors.T


def _apply_tridiagonal(design: Design, model: CellModel, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Decay with a different size in every cell of a complete design.

    With B the differences y_j - r y_(j-1), B R(r) B' is diagonal, so S = B V B' is tridiagonal and A = B' S^-1 B.
    S^-1 x takes two sweeps over periods for all clusters at once; the sum of all S^-1 follows from their generators.
    None where the inverse of R(r) would lose the digits that the tests ask for.
    """
    parts = model.components
    length = design.period_count
    if length < 2 or not design.is_complete or not SLOWEST_DECAY <= 1 - parts.r <= 1:
        return None
    independent = cells(design, model.noise) + parts.gamma2
    refuse_unless(independent.min() >= 0, "correlation", NOT_POSITIVE)
    r = parts.r
    diagonal = independent + parts.tau2 * (1 - r * r)
    diagonal[:, 0] = independent[:, 0] + parts.tau2
    diagonal[:, 1:] += r * r * independent[:, :-1]
    off = r * independent[:, :-1]  # minus the neighbours of the diagonal
    down, up = diagonal.copy(), diagonal.copy()
    for j in range(1, length):
        down[:, j] -= off[:, j - 1] ** 2 / down[:, j - 1]
        up[:, -1 - j] -= off[:, -j] ** 2 / up[:, -j]
    refuse_unless(down.min() > 0, "correlation", NOT_POSITIVE)
    moved = columns.copy()
    moved[:, 1:] -= r * columns[:, :-1]
    for j in range(1, length):
        moved[:, j] += (off[:, j - 1] / down[:, j - 1])[:, None] * moved[:, j - 1]
    moved /= down[:, :, None]
    for j in range(length - 2, -1, -1):
        moved[:, j] += (off[:, j] / down[:, j])[:, None] * moved[:, j + 1]
    weighted = moved.copy()
    weighted[:, :-1] -= r * moved[:, 1:]
    differences = np.eye(length) - r * np.eye(length, k=-1)
    return weighted, differences.T @ _sum_of_inverses(1 / (down + up - diagonal), off / up[:, 1:]) @ differences


def _sum_of_inverses(own: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """Sum over clusters of inverses of tridiagonal matrices: entry j, k is own_j times the ratios from j+1 to k."""
    clusters, length = own.shape
    run = np.ones((clusters, length))
    np.cumprod(ratio, axis=1, out=run[:, 1:])
    if run.min() > 1e-200:
        upper = np.triu((own / run).T @ run)
    else:
        upper = np.zeros((length, length))
        for j in range(length):
            upper[j, j] = own[:, j].sum()
            upper[j, j + 1 :] = own[:, j] @ np.cumprod(ratio[:, j:], axis=1)
    return upper + np.triu(upper, 1).T
