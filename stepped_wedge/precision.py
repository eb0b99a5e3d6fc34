"""The engine: the precision of intervention effects by generalised least squares on cell means.

V_i = tau2 R(r) + gamma2 I + diag(noise) + psi2 R(r_person)/sqrt(m m') + eta2 x x' + cov (x 1' + 1 x'), with
A_i its inverse over the observed cells and zero elsewhere. With time profiled out,
    information = sum x'A x - (sum Z'A x)' (sum Z'A Z)^-1 (sum Z'A x),  Var = 1 / information.
No individual-level matrix and no (IT x IT) matrix is ever built. The shortest way is chosen by the shape of the
case: one T x T inverse when all clusters share a covariance; low-rank algebra when nothing decays; one
eigendecomposition when sizes differ by cluster; tridiagonal sweeps when they differ by cell; batches otherwise.
`dense.py` holds the slow reference that tests compare with.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import eigh
from scipy.linalg.lapack import dpotrf, dpotri, dtrtrs

from stepped_wedge.correlations import Components, decay
from stepped_wedge.designs import Design, TimeModel, refuse_unless_identified, time_columns
from stepped_wedge.refusals import CaseRefused, refuse_unless

# nearer to 1 the inverse of R(r) loses the digits that the tests ask for
SLOWEST_DECAY = 0.01
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


def information(design: Design, model: CellModel, time_model: TimeModel = "categorical") -> float:
    """Information (1 / variance) about a single effect. Refuses a design in which it is not identified."""
    if time_model == "categorical" and design.is_complete and model.is_shared and model.scale is None:
        if not design.contrast.diagonal().max() > 1e-12:  # no period has clusters under both conditions
            refuse_unless_identified(design, time_model)
        if not model.has_random_effect:
            # sum x'Ax - I xbar'A xbar, and A is the same for all: one inner product with the design's own matrix
            return _inner_product(half_inverse(model.base(design.period_count)), design.contrast)
        if not (model.components.cov and model.decays):
            return _information_with_random_effect(design, model)
    refuse_unless_identified(design, time_model)
    return float(sums(design, model, time_model).information()[0, 0])


def _inner_product(half: np.ndarray, symmetric: np.ndarray) -> float:
    """Sum of products of two symmetric matrices, the first given by its upper half."""
    return float(2 * np.vdot(half, symmetric) - half.diagonal() @ symmetric.diagonal())


def _information_with_random_effect(design: Design, model: CellModel) -> float:
    """Rank-one update of the shared precision for every cluster at once.

    eta2 xx' + cov (x1' + 1x') = eta2 yy' - (cov^2/eta2) 11' with y = x + cov/eta2.
    """
    parts, x = model.components, design.x
    shift = parts.cov / parts.eta2
    base = model.base(design.period_count)
    if shift:
        base = base - parts.cov * shift
    k = inverse(base)
    y = x + shift if shift else x
    ky = y @ k
    g = np.einsum("ij,ij->i", ky, y)
    shrink = parts.eta2 / (1 + parts.eta2 * g)
    total = len(x) * k - (ky.T * shrink) @ ky
    gx, plain, fixed = g, g.sum(), ky.sum(0)
    if shift:  # x = y - shift
        of_one, level = k.sum(0), ky.sum(1)
        gx = g - shift * level
        plain = plain - 2 * shift * level.sum() + len(x) * shift * shift * of_one.sum()
        fixed = fixed - (len(x) * shift) * of_one
    pulled = shrink * gx
    cross = fixed - pulled @ ky
    factor, failed = dpotrf(total, lower=0)
    if failed:
        raise CaseRefused("correlation", NOT_POSITIVE)
    half, _ = dtrtrs(factor, cross, lower=0, trans=1)
    return float(plain - pulled @ gx - half @ half)


def sums(
    design: Design, model: CellModel, time_model: TimeModel = "categorical", effects: np.ndarray | None = None
) -> Sums:
    """The blocks of the information matrix; `effects` is I x T x L (x itself when absent)."""
    columns = design.filled[:, :, None] if effects is None else effects
    weighted, total = _apply(design, model, columns)
    cross, effect = weighted.sum(0), np.tensordot(columns, weighted, axes=((0, 1), (0, 1)))
    if time_model == "categorical":
        return Sums(total, cross, effect)
    z = time_columns(design, time_model)
    return Sums(z.T @ total @ z, z.T @ cross, effect)


def _apply(design: Design, model: CellModel, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A_i times columns_i for every cluster (I x T x L), and the sum of the A_i (T x T)."""
    if model.is_shared and design.is_complete and not model.has_random_effect:
        return _apply_shared(model, columns)
    if model.scale is None and not model.decays:
        return _apply_low_rank(design, model, columns)
    if model.scale is None:
        done = _apply_decay(design, model, columns)
        if done is not None:
            return done
    blocks = precision_blocks(design, model)
    return blocks @ columns, blocks.sum(0)


def _apply_decay(design: Design, model: CellModel, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """The fast ways for a decaying covariance with unequal sizes; None when none of them fits."""
    if model.has_random_effect:
        return _apply_decay_with_random_effect(design, model, columns)
    if design.is_complete and _sizes_differ_by_cluster_only(model):
        return _apply_by_eigenvectors(model, columns)
    if not model.components.psi2:
        return _apply_tridiagonal(design, model, columns)
    return None


def _apply_decay_with_random_effect(
    design: Design, model: CellModel, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """A_i = K_i - K_i U_i M_i U_i' K_i with U_i = [x_i, 1] and K_i from the same model without the random effect."""
    parts, wide = model.components, columns.shape[2]
    seen = design.observed[:, :, None]
    u = np.concatenate([design.filled[:, :, None], seen.astype(float)], axis=2)
    plain = replace(model, components=replace(parts, eta2=0.0, cov=0.0))
    done = _apply_decay(design, plain, np.concatenate([u, columns], axis=2))
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


def _apply_shared(model: CellModel, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    count, length, _ = columns.shape
    k = inverse(model.base(length))
    if model.scale is None:
        return np.tensordot(columns, k, axes=(1, 0)).transpose(0, 2, 1), count * k
    shrink = 1 / model.scale
    weighted = np.tensordot(columns * shrink[:, :, None], k, axes=(1, 0)).transpose(0, 2, 1) * shrink[:, :, None]
    return weighted, k * (shrink.T @ shrink)


def _cells(design: Design, value: float | np.ndarray) -> np.ndarray:
    return np.broadcast_to(np.asarray(value, dtype=float), design.x.shape)


def _apply_low_rank(design: Design, model: CellModel, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """V_i = diag + U_i C U_i' with U_i = [1, x_i, m_i^-1/2]: Woodbury, O(I T)."""
    parts, x = model.components, design.filled
    size = _cells(design, model.size)
    independent = _cells(design, model.noise) + parts.gamma2 + parts.psi2 * parts.churn / size
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
    independent = _cells(design, model.noise) + parts.gamma2
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


def covariance_blocks(design: Design, model: CellModel) -> np.ndarray:
    """I x T x T covariance of the cell means, unobserved cells included."""
    parts, length = model.components, design.period_count
    size, noise = _cells(design, model.size), _cells(design, model.noise)
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


def cell_weights(design: Design, model: CellModel, time_model: TimeModel = "categorical") -> np.ndarray:
    """I x T weights w with estimate = sum of w times the cell means (zero where nothing is observed)."""
    refuse_unless_identified(design, time_model)
    weighted, total = _apply(design, model, design.filled[:, :, None])
    blocks = None
    z = time_columns(design, time_model)
    cross = z.T @ weighted.sum(0)[:, 0]
    trend = z @ np.linalg.solve(z.T @ total @ z, cross)
    shifted = np.broadcast_to(trend, design.x.shape)[:, :, None]
    blocks, _ = _apply(design, model, np.where(design.observed[:, :, None], shifted, 0.0))
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
