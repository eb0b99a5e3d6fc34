"""Standard errors and degrees of freedom in small samples: Kenward & Roger 1997, and Satterthwaite.

Both hold for people seen once and for cohorts: every derivative of V is either between cells (Z D Z') or within
people (block diagonal), and their products with V^-1 are sums over cells and people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stepped_wedge.analysis.mixed.likelihood import Blocks, Each, blocks, person_shapes, slopes_of_values
from stepped_wedge.analysis.mixed.structures import cell_shapes, curvatures
from stepped_wedge.analysis.mixed.sums import Problem


@dataclass(frozen=True, eq=False)
class Moments:
    """Moments of the derivatives of V by the components, K of them.

    p: K x p x p, X'V^-1 V_k V^-1 X. q: K x K x p x p, X'V^-1 V_k V^-1 V_l V^-1 X. curved: the same with second
    derivatives, X'V^-1 V_kl V^-1 X. information: expected, about the components. phi: (X'V^-1 X)^-1.
    """

    names: tuple[str, ...]
    p: np.ndarray
    q: np.ndarray
    curved: np.ndarray
    information: np.ndarray
    phi: np.ndarray


@dataclass(frozen=True, eq=False)
class _Known:
    problem: Problem
    at: Blocks
    sf: np.ndarray
    reach: np.ndarray  # L'F: V^-1 X = P Z (L'F)


def moments(
    problem: Problem, values: Mapping[str, float], fixed: Sequence[str] = (), *, linear: bool = True
) -> Moments:
    """fixed: components that are not estimated here, because they lie on the boundary or are known."""
    at = blocks(problem, values, values["residual"])
    sf, reach = at.s @ problem.f, at.back.transpose(0, 2, 1) @ problem.f
    known = _Known(problem, at, sf, reach)
    shapes: dict[str, np.ndarray | Each] = {
        **cell_shapes(problem.names, values, problem.x, linear=linear),
        **person_shapes(problem),
    }
    for name in fixed:
        shapes.pop(name, None)
    names = tuple(shapes)
    phi = np.linalg.inv(_sum(problem.f, sf))
    p = np.array([_first(known, shape) for shape in shapes.values()])
    size, width = len(names), problem.f.shape[2]
    q, traces = np.zeros((size, size, width, width)), np.zeros((size, size))
    for a, one in enumerate(shapes.values()):
        for b, other in list(enumerate(shapes.values()))[a:]:
            q[a, b], traces[a, b] = _second(known, one, other)
            q[b, a], traces[b, a] = q[a, b].T, traces[a, b]
    curved = np.zeros_like(q)
    for (one_name, other_name), shape in curvatures(values, problem.x.shape[1]).items():
        if one_name in names and other_name in names:
            curved[names.index(one_name), names.index(other_name)] = _first(known, shape)
    information = traces / 2
    if problem.reml:
        information = (
            information
            - np.einsum("pq,klqp->kl", phi, q)
            + np.einsum("pq,kqr,rs,lsp->kl", phi, p, phi, p, optimize=True) / 2
        )
    return Moments(names, p, q, curved, information, phi)


def _sum(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return one.reshape(-1, one.shape[2]).T @ other.reshape(-1, other.shape[2])


def _pressed(known: _Known, *shapes: Each) -> np.ndarray:
    """Z' P E P F P ... Z: people summed between precisions."""
    found = known.at.p
    for shape in shapes:
        found = found @ shape @ known.at.p
    return found.cells(known.problem)


def _first(known: _Known, shape: np.ndarray | Each) -> np.ndarray:
    if isinstance(shape, Each):
        return _sum(known.reach, _pressed(known, shape) @ known.reach)
    return _sum(known.sf, shape @ known.sf)


def _second(known: _Known, one: np.ndarray | Each, other: np.ndarray | Each) -> tuple[np.ndarray, float]:
    """(X'V^-1 V_k V^-1 V_l V^-1 X, trace of V^-1 V_k V^-1 V_l)."""
    s, back, h = known.at.s, known.at.back, known.at.h
    if isinstance(one, Each) and isinstance(other, Each):
        left, right, whole = _pressed(known, one), _pressed(known, other), _pressed(known, one, other)
        trace = (known.at.p @ one @ known.at.p @ other).trace(known.problem)
        trace += float(-2 * (h * whole).sum() + np.einsum("ijk,ikj->", h @ left, h @ right))
        return _sum(known.reach, (whole - left @ h @ right) @ known.reach), trace
    if isinstance(one, Each):
        found, trace = _second(known, other, one)
        return found.T, trace
    pulled = one @ known.sf
    if isinstance(other, Each):
        right = _pressed(known, other)
        trace = float(np.einsum("ijk,ikj->", one @ back, right @ back.transpose(0, 2, 1)))
        return _sum(pulled, back @ right @ known.reach), trace
    return _sum(pulled, s @ (other @ known.sf)), float(np.einsum("ijk,ikj->", s @ one, s @ other))


def kenward_roger(
    problem: Problem, values: Mapping[str, float], fixed: Sequence[str], c: np.ndarray
) -> tuple[np.ndarray, float]:
    """(corrected covariance of the fixed effects, degrees of freedom of the contrast c).

    The formula of 1997 with its second derivatives, which only a decaying covariance has. For one contrast the degrees
    of freedom are 2/A and the scale is 1.
    """
    found = moments(problem, values, fixed)
    phi = found.phi
    w = np.linalg.pinv(found.information, hermitian=True)
    inner = np.einsum("kl,klpq->pq", w, found.q - found.curved / 4) - np.einsum(
        "kl,kpq,qr,lrs->ps", w, found.p, phi, found.p, optimize=True
    )
    corrected = phi + 2 * phi @ inner @ phi
    gradient = np.array([c @ phi @ each @ phi @ c for each in found.p])
    return (corrected + corrected.T) / 2, float(2 * (c @ phi @ c) ** 2 / (gradient @ w @ gradient))


def satterthwaite(problem: Problem, values: Mapping[str, float], fixed: Sequence[str], c: np.ndarray) -> float:
    """Degrees of freedom 2 Var^2 / Var(Var), with the observed information; the expected one where that fails."""
    found = moments(problem, values, fixed, linear=False)
    phi = found.phi
    gradient = np.array([c @ phi @ each @ phi @ c for each in found.p])
    observed = _observed_information(problem, values, found.names)
    information = observed if np.linalg.eigvalsh(observed).min() > 0 else found.information
    return float(2 * (c @ phi @ c) ** 2 / (gradient @ np.linalg.solve(information, gradient)))


def _observed_information(problem: Problem, values: Mapping[str, float], names: Sequence[str]) -> np.ndarray:
    rows = []
    for name in names:
        step = 1e-4 * max(values[name], 1e-8)
        up = slopes_of_values(problem, {**values, name: values[name] + step})
        down = slopes_of_values(problem, {**values, name: values[name] - step})
        rows.append([(up[other] - down[other]) / (4 * step) for other in names])
    found = np.array(rows)
    return (found + found.T) / 2
