"""Decay with a different size in every cell: a filter forwards over the periods, a smoother backwards.

The cluster effect and the person effect are first-order autoregressions, so each cluster is a small state-space model:
    state_(j+1) = F state_j + innovation,   mean of cell j = h_j' state_j + noise_j,
with F = diag(r, r_person) and h_j = (1, m_j^-1/2). One pass of the Kalman filter gives the innovations, one pass back
the precision matrix times anything (de Jong 1989). With K_j the gain, f_j the variance of an innovation and N_j the
smoother's matrix, entries above the diagonal of the precision matrix are
    A_jk = z_jk' (F N_k K_k - h_k s_k),   s_k = A_kk = 1/f_k + K_k' N_k K_k,
where z_jk is the predicted state in period k after a one in period j and nothing else. All clusters go through every
step together, a cell that is not observed has an innovation of infinite variance, and no T x T matrix is inverted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stepped_wedge.designs import Design
from stepped_wedge.precision.models import CellModel, cells

# an innovation smaller than this share of the state's own variance has lost the digits that the tests ask for
LEAST_INNOVATION = 1e-5


@dataclass(frozen=True, eq=False)
class Filtered:
    """keep: the diagonal of F. root: T x I, the second entry of h. gain: two of T x I. weight: T x I, 1/f or 0."""

    keep: tuple[float, float]
    root: np.ndarray
    gain: tuple[np.ndarray, np.ndarray]
    weight: np.ndarray


def apply_by_sweeps(design: Design, model: CellModel, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """A_i times columns_i (I x T x L) and the sum of the A_i; None where an inverse would lose digits."""
    filtered = _filter(design, model)
    if filtered is None:
        return None
    if model.scale is None:
        return _smoothed(filtered, columns), _total(filtered)
    shrink = 1 / model.scale
    return _smoothed(filtered, columns * shrink[:, :, None]) * shrink[:, :, None], _total(filtered, shrink.T)


def _filter(design: Design, model: CellModel) -> Filtered | None:
    parts, clusters, length = model.components, design.cluster_count, design.period_count
    size = cells(design, model.size).T
    tau2, lasting = parts.tau2, parts.psi2 * (1 - parts.churn)
    independent = np.ascontiguousarray(cells(design, model.noise).T + parts.gamma2 + parts.psi2 * parts.churn / size)
    if tau2 < 0 or lasting < 0 or independent.min() < 0:
        return None
    root = 1 / np.sqrt(size)
    r, q = parts.r, parts.r_person
    # rows: variance of the cluster state, covariance, variance of the person state
    spread = np.zeros((3, clusters))
    spread[0], spread[2] = tau2, lasting
    fades = np.array([[r * r], [r * q], [q * q]])
    fresh = np.array([[(1 - r * r) * tau2], [0.0], [(1 - q * q) * lasting]])
    reach, drop = np.empty((2, clusters)), np.empty((3, clusters))
    innovation, weight = np.empty((length, clusters)), np.empty((length, clusters))
    gain = np.empty((2, length, clusters))
    seen = None if design.is_complete else design.observed.T.astype(float)
    for j in range(length):
        d = root[j]
        np.multiply(spread[1:], d, out=reach)
        reach += spread[:2]
        f = np.multiply(reach[1], d, out=innovation[j])
        f += reach[0]
        f += independent[j]
        w = np.divide(1.0 if seen is None else seen[j], f, out=weight[j])
        k = np.multiply(reach, w, out=gain[:, j])
        np.multiply(reach, k[0], out=drop[:2])
        np.multiply(reach[1], k[1], out=drop[2])
        spread -= drop
        spread *= fades
        spread += fresh
    least = LEAST_INNOVATION * (tau2 + lasting / size)
    if not (innovation > least)[... if seen is None else seen > 0].all():
        return None
    return Filtered((r, q), root, (r * gain[0], q * gain[1]), weight)


def _smoothed(filtered: Filtered, columns: np.ndarray) -> np.ndarray:
    """I x T x L: the precision matrix of every cluster times its columns."""
    (r, q), root, (gain, gain_person) = filtered.keep, filtered.root, filtered.gain
    moved = np.ascontiguousarray(columns.transpose(1, 2, 0))  # T x L x I
    length = len(moved)
    one, two = np.zeros(moved.shape[1:]), np.zeros(moved.shape[1:])
    for j in range(length):
        v = moved[j]
        v -= one
        v -= root[j] * two
        one *= r
        one += gain[j] * v
        two *= q
        two += gain_person[j] * v
    moved *= filtered.weight[:, None]
    one[:], two[:] = 0.0, 0.0
    for j in range(length - 1, -1, -1):
        u = moved[j]
        u -= gain[j] * one
        u -= gain_person[j] * two
        one *= r
        one += u
        two *= q
        two += root[j] * u
    return moved.transpose(2, 0, 1)


def _total(filtered: Filtered, scale: np.ndarray | None = None) -> np.ndarray:
    """T x T: the sum of the precision matrices of all clusters, in which cell j counts scale_j times.

    Two periods at a time: half as many passes over everything that came before.
    """
    own, pull = _pulls(filtered)
    (r, q), root, (gain, gain_person) = filtered.keep, filtered.root, filtered.gain
    start = np.stack([gain, gain_person])
    if scale is not None:
        own, pull, start = own * scale * scale, pull * scale, start * scale
    length, clusters = root.shape
    if length % 2:
        nothing = np.zeros((1, clusters))
        root, gain, gain_person = (np.concatenate([each, nothing]) for each in (root, gain, gain_person))
        pull, start = (np.concatenate([each, np.zeros((2, 1, clusters))], axis=1) for each in (pull, start))
    # from one period to the next, z -> step z; from the first of a pair to the next pair, z -> leap z
    step = np.array([[r - gain, -gain * root], [-gain_person, q - gain_person * root]])
    early, late = step[:, :, 0::2], step[:, :, 1::2]
    leap = np.einsum("abti,bcti->acti", late, early)
    later_pull = np.einsum("abti,ati->bti", early, pull[:, 1::2])
    after = np.einsum("abti,bti->ati", late, start[:, 0::2])
    even = len(root)
    upper = np.zeros((even, even))
    np.fill_diagonal(upper[:length, :length], own.sum(1))
    pairs = np.arange(0, even, 2)
    upper[pairs, pairs + 1] = np.einsum("ati,ati->t", start[:, 0::2], pull[:, 1::2])
    one, two, new, room = (np.empty((even, clusters)) for _ in range(4))
    for at, k in enumerate(pairs):
        ones, twos, fresh, more = one[:k], two[:k], new[:k], room[:k]
        if k:
            upper[:k, k] = ones @ pull[0, k] + twos @ pull[1, k]
            upper[:k, k + 1] = ones @ later_pull[0, at] + twos @ later_pull[1, at]
            np.multiply(ones, leap[0, 0, at], out=fresh)
            fresh += np.multiply(twos, leap[0, 1, at], out=more)
            twos *= leap[1, 1, at]
            twos += np.multiply(ones, leap[1, 0, at], out=more)
            one, new = new, one
        one[k], two[k] = after[:, at]
        one[k + 1], two[k + 1] = start[:, k + 1]
    upper = upper[:length, :length]
    return upper + np.triu(upper, 1).T


def _pulls(filtered: Filtered) -> tuple[np.ndarray, np.ndarray]:
    """T x I, the diagonals of the precision matrices, and 2 x T x I, what the entries above them are made with."""
    (r, q), root, (gain, gain_person) = filtered.keep, filtered.root, filtered.gain
    length, clusters = root.shape
    own, pull = filtered.weight.copy(), np.empty((2, length, clusters))
    n = np.zeros((3, clusters))  # the smoother's symmetric 2 x 2 matrix
    fades = np.array([[r * r], [r * q], [q * q]])
    keep = np.array([[r], [q]])
    for j in range(length - 1, -1, -1):
        d, s = root[j], own[j]
        u = n[:2] * gain[j]
        u += n[1:] * gain_person[j]
        s += gain[j] * u[0]
        s += gain_person[j] * u[1]
        u *= keep
        back = pull[:, j]
        np.subtract(u[0], s, out=back[0])
        np.subtract(u[1], d * s, out=back[1])
        n *= fades
        n[:2] -= back
        n[0] -= u[0]
        u *= d
        n[1:] -= u
        n[2] -= d * back[1]
    return own, pull
