"""The likelihood of all individuals from cell sums, with its slopes.

With P the precision of one person's outcomes given the cluster, Z the map from observations to cells and G the
covariance of the cells of a cluster: K = Z'PZ, L = (I + KG)^-1, S = Z'V^-1 Z = LK, H = GL, and
    V^-1 = P - P Z H Z'P,    log|V| = log|P^-1| + log|I + KG|.
Everything that concerns one person is a I + b o o' over the periods o in which the person was seen; such matrices
multiply among themselves, so K and every derivative are sums over people by the number of times they were seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log, pi

import numpy as np

from stepped_wedge.analysis.mixed.structures import cell_shapes, covariance_of_cells
from stepped_wedge.analysis.mixed.sums import Problem


@dataclass(frozen=True, eq=False)
class Each:
    """A matrix a I + b o o' for every person; b differs by the number of times seen."""

    a: float
    b: np.ndarray
    times: np.ndarray

    def __matmul__(self, other: Each) -> Each:
        return Each(self.a * other.a, self.a * other.b + self.b * other.a + self.times * self.b * other.b, self.times)

    def cells(self, problem: Problem) -> np.ndarray:
        """I x T x T: the sum over the people of each cluster."""
        found = np.zeros((*problem.n.shape, problem.n.shape[1]))
        steps = np.arange(problem.n.shape[1])
        found[:, steps, steps] = self.a * problem.n
        if problem.people is not None:
            found += np.tensordot(self.b, problem.people.pairs, axes=1)
        return found

    def trace(self, problem: Problem) -> float:
        held = problem.people
        return self.a * problem.observations + (float((held.count * self.times) @ self.b) if held is not None else 0.0)


def precision(problem: Problem, psi2: float, residual: float) -> Each:
    times = problem.people.times if problem.people is not None else np.zeros(0)
    return Each(1 / residual, -psi2 / (residual * (residual + times * psi2)), times)


def person_shapes(problem: Problem) -> dict[str, Each]:
    """Derivatives of the covariance of one person's outcomes by the person and the residual variance."""
    times = problem.people.times if problem.people is not None else np.zeros(0)
    found = {"psi2": Each(0.0, np.ones_like(times), times)} if problem.people is not None else {}
    return found | {"residual": Each(1.0, np.zeros_like(times), times)}


@dataclass(frozen=True, eq=False)
class Blocks:
    """The matrices of the header at one value of the parameters."""

    p: Each
    g: np.ndarray
    s: np.ndarray
    back: np.ndarray  # L
    logdet: float

    @property
    def h(self) -> np.ndarray:
        return self.g @ self.back


def blocks(problem: Problem, values: Mapping[str, float], residual: float) -> Blocks:
    p = precision(problem, values.get("psi2", 0.0), residual)
    g = covariance_of_cells(problem.names, values, problem.x)
    k = p.cells(problem)
    mixed = np.eye(k.shape[1]) + k @ g
    logdet = float(np.linalg.slogdet(mixed)[1].sum()) + problem.observations * log(residual)
    if problem.people is not None:
        logdet += float(problem.people.count @ np.log1p(p.times * values.get("psi2", 0.0) / residual))
    back = np.linalg.inv(mixed)
    s = back @ k
    return Blocks(p, g, (s + s.transpose(0, 2, 1)) / 2, back, logdet)


@dataclass(frozen=True, eq=False)
class Point:
    """Everything at one value of the ratios to the residual variance."""

    deviance: float
    residual: float
    beta: np.ndarray
    phi: np.ndarray  # inverse of X'V^-1 X, V in units of the residual
    blocks: Blocks
    sf: np.ndarray  # S F
    leftover: np.ndarray  # cell means less fitted values
    pulled: np.ndarray  # Z'V^-1 (y - X beta)

    def deviance_at(self, problem: Problem, residual: float) -> float:
        """The deviance when the residual variance is another than the best."""
        return self.deviance + problem.freedom * (log(residual / self.residual) + self.residual / residual - 1)


def evaluate(problem: Problem, ratios: Mapping[str, float]) -> Point:
    at = blocks(problem, ratios, 1.0)
    f, width = problem.rows, problem.f.shape[2]
    sf = at.s @ problem.f
    gram = f.T @ sf.reshape(-1, width)
    phi = np.linalg.inv(gram)
    people = problem.people
    extra = np.zeros_like(problem.y) if people is None else np.tensordot(at.p.b, people.cross, axes=1)
    moved = (at.back @ extra[:, :, None])[:, :, 0]
    beta = phi @ (sf.reshape(-1, width).T @ problem.y.ravel() + f.T @ moved.ravel())
    left = np.where(problem.seen, problem.y - problem.f @ beta, 0.0)
    weighed = (at.s @ left[:, :, None])[:, :, 0]
    rss = problem.within + float((left * weighed).sum())
    if people is not None:
        carried = (at.g @ moved[:, :, None])[:, :, 0]
        rss += float(at.p.b @ people.squares) + float((2 * left * moved - extra * carried).sum())
    residual = rss / problem.freedom
    deviance = problem.freedom * (log(2 * pi * max(residual, 1e-300)) + 1) + at.logdet
    if problem.reml:
        deviance += float(np.linalg.slogdet(gram)[1])
    return Point(deviance, residual, beta, phi, at, sf, left, weighed + moved)


def slopes_of_ratios(problem: Problem, ratios: Mapping[str, float], at: Point, residual: float) -> dict[str, float]:
    """Derivative of the deviance by each ratio (and r, rho), the residual variance held at `residual`."""
    middle = at.blocks.s - at.pulled[:, :, None] * (at.pulled / residual)[:, None, :]
    if problem.reml:
        middle = middle - (at.sf @ at.phi) @ at.sf.transpose(0, 2, 1)
    found = {
        name: float((middle * shape).sum()) for name, shape in cell_shapes(problem.names, ratios, problem.x).items()
    }
    if problem.people is not None:
        found["psi2"] = _slope_of_people(problem, at, residual)
    return {name: found[name] for name in problem.names}


def _slope_of_people(problem: Problem, at: Point, residual: float) -> float:
    people = problem.people
    assert people is not None  # noqa: S101 - asked for by the only caller
    p, shape = at.blocks.p, person_shapes(problem)["psi2"]
    both = p @ shape @ p
    cells = both.cells(problem)
    slope = (p @ shape).trace(problem) - float((at.blocks.h.transpose(0, 2, 1) * cells).sum())
    spot = at.leftover - (at.blocks.g @ at.pulled[:, :, None])[:, :, 0]
    crossed = np.tensordot(both.b, people.cross, axes=1)
    square = float(both.b @ people.squares) + float((spot * (2 * crossed + (cells @ spot[:, :, None])[:, :, 0])).sum())
    slope -= square / residual
    if problem.reml:
        reach = at.blocks.back.transpose(0, 2, 1) @ problem.f
        slope -= float((at.phi * np.einsum("ijp,ijq->pq", reach, cells @ reach)).sum())
    return slope


def slopes_of_values(problem: Problem, values: Mapping[str, float]) -> dict[str, float]:
    """Derivative of the deviance by the components themselves, the residual variance included."""
    residual = values["residual"]
    ratios = ratios_of(problem, values)
    at = evaluate(problem, ratios)
    found = slopes_of_ratios(problem, ratios, at, residual)
    by_residual = problem.freedom / residual * (1 - at.residual / residual)
    for name in found:
        if name not in ("r", "rho"):
            by_residual -= ratios[name] * found[name] / residual
            found[name] /= residual
    return found | {"residual": by_residual}


def ratios_of(problem: Problem, values: Mapping[str, float]) -> dict[str, float]:
    return {n: values[n] if n in ("r", "rho") else values[n] / values["residual"] for n in problem.names}
