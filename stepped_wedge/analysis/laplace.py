"""The Laplace approximation of a generalised mixed model, with its exact gradient, and adaptive quadrature.

With z the standard-normal random effects of a cluster, eta = F beta + A z, h(z) the log likelihood less z'z/2 and
H = A'WA + I at the most likely z: log L = h - log|H|/2. The modes move with the parameters, dz = H^-1 d(A's - z).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log, pi

import numpy as np
from scipy.special import expit, gammaln


@dataclass(frozen=True, eq=False)
class Cells:
    """Events of n (people or person-time) in every cell; seen is 0 where nothing was returned."""

    f: np.ndarray
    events: np.ndarray
    n: np.ndarray
    seen: np.ndarray
    family: str
    link: str

    def rates(self, eta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(log likelihood without constants, its first derivative, minus its second derivative) of every cell."""
        y, n = self.events, self.n
        if self.link == "logit":
            p = expit(eta)
            value = y * eta - n * np.logaddexp(0, eta)
            return value * self.seen, (y - n * p) * self.seen, n * p * (1 - p) * self.seen
        mu = n * np.exp(np.minimum(eta, 50))
        if self.family == "poisson":
            return (y * eta - mu) * self.seen, (y - mu) * self.seen, mu * self.seen
        p = np.exp(np.minimum(eta, -1e-10))
        rest = (n - y) / (1 - p)
        value = y * eta + (n - y) * np.log1p(-p)
        return value * self.seen, (y - rest * p) * self.seen, np.maximum(rest * p / (1 - p), 1e-10) * self.seen

    def bend(self, eta: np.ndarray) -> np.ndarray:
        """Derivative of the weights, minus the third derivative of the log likelihood."""
        y, n = self.events, self.n
        if self.link == "logit":
            p = expit(eta)
            return n * p * (1 - p) * (1 - 2 * p) * self.seen
        if self.family == "poisson":
            return n * np.exp(np.minimum(eta, 50)) * self.seen
        p = np.exp(np.minimum(eta, -1e-10))
        return (n - y) * p * (1 + p) / (1 - p) ** 3 * self.seen

    @property
    def constant(self) -> float:
        seen = self.seen.astype(bool)
        y, n = self.events[seen], self.n[seen]
        if self.family == "poisson":
            return float((y * np.log(n) - gammaln(y + 1)).sum())
        return float((gammaln(n + 1) - gammaln(y + 1) - gammaln(n - y + 1)).sum())


_IMPOSSIBLE = 1e12


class Laplace:
    """-2 log likelihood of (beta, standard deviations) and its gradient; begins each search where the last one ended."""

    def __init__(self, cells: Cells, parts: int) -> None:
        self.cells, self.parts = cells, parts
        clusters, periods = cells.n.shape
        self._z = np.zeros((clusters, parts if parts == 1 else 1 + periods))

    def loads(self, sd: np.ndarray) -> np.ndarray:
        """T x q: how the random effects enter the linear predictor."""
        periods = self.cells.n.shape[1]
        lasting = np.ones((periods, 1)) * sd[0]
        return lasting if self.parts == 1 else np.hstack([lasting, sd[1] * np.eye(periods)])

    def at_modes(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(linear predictor at the modes, the modes, the loads)."""
        width = self.cells.f.shape[2]
        loads = self.loads(parameters[width:])
        fixed = self.cells.f @ parameters[:width]
        self._z = modes(self.cells, fixed, loads, self._z)
        return fixed + self._z @ loads.T, self._z, loads

    def __call__(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """(deviance, gradient); a trial step into the impossible costs much and is taken back by the search."""
        try:
            deviance, gradient = self._at(parameters)
        except np.linalg.LinAlgError:
            deviance = float("nan")
        if not np.isfinite(deviance):
            self._z = np.zeros_like(self._z)
            return _IMPOSSIBLE, np.zeros_like(parameters)
        return deviance, gradient

    def _at(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        eta, z, loads = self.at_modes(parameters)
        value, score, weight = self.cells.rates(eta)
        hessian = (loads.T[None] * weight[:, None, :]) @ loads + np.eye(loads.shape[1])
        inverse = np.linalg.inv(hessian)
        reach = loads @ inverse  # I x T x q
        spread = reach @ loads.T
        logdet = float(np.linalg.slogdet(hessian)[1].sum())
        deviance = -2 * (float(value.sum()) - float((z**2).sum()) / 2 - logdet / 2)
        turn = self.cells.bend(eta) * np.einsum("ijj->ij", spread) / 2
        pull = score - turn + weight * (spread @ turn[:, :, None])[:, :, 0]
        by_beta = self.cells.f.reshape(-1, self.cells.f.shape[2]).T @ pull.ravel()
        by_sd = [
            # A moves by dA: through the predictor, through H itself, and through the modes
            float((pull * shift).sum() - (weight * own).sum() - (turn * (reach @ change[:, :, None])[:, :, 0]).sum())
            for shift, own, change in self._shifts(z, score, reach)
        ]
        return deviance, -2 * np.concatenate([by_beta, by_sd])

    def _shifts(
        self, z: np.ndarray, score: np.ndarray, reach: np.ndarray
    ) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """For each standard deviation: dA z, the diagonal of A H^-1 dA', and dA's."""
        first = np.zeros_like(z)
        first[:, 0] = score.sum(1)
        found = [(np.broadcast_to(z[:, :1], score.shape), reach[:, :, 0], first)]
        if self.parts == 2:
            second = np.zeros_like(z)
            second[:, 1:] = score
            found.append((z[:, 1:], np.einsum("ijj->ij", reach[:, :, 1:]), second))
        return found


def modes(cells: Cells, fixed: np.ndarray, loads: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Most likely standard-normal random effects of every cluster, by damped Newton steps."""
    z = start
    identity = np.eye(loads.shape[1])
    value = cells.rates(fixed + z @ loads.T)[0].sum(1) - (z**2).sum(1) / 2
    for _ in range(100):
        _, slope, curve = cells.rates(fixed + z @ loads.T)
        hessian = (loads.T[None] * curve[:, None, :]) @ loads + identity
        move = np.linalg.solve(hessian, (slope @ loads - z)[:, :, None])[:, :, 0]
        pace = np.ones(len(z))
        for _ in range(20):
            trial = z + pace[:, None] * move
            there = cells.rates(fixed + trial @ loads.T)[0].sum(1) - (trial**2).sum(1) / 2
            worse = there < value - 1e-9 * (1 + np.abs(value))
            if not worse.any():
                break
            pace = np.where(worse, pace / 2, pace)
        z, value = trial, there
        if np.abs(move).max() < 1e-9:
            break
    return z


def quadrature(cells: Cells, points: int) -> Callable[[np.ndarray], float]:
    """-2 log likelihood with a cluster effect alone, by adaptive Gauss-Hermite quadrature."""
    width = cells.f.shape[2]
    nodes, weights = np.polynomial.hermite_e.hermegauss(points)
    memory = {"z": np.zeros((len(cells.n), 1))}

    def deviance(parameters: np.ndarray) -> float:
        sd = parameters[width:]
        loads = np.ones((cells.n.shape[1], 1)) * sd[0]
        fixed = cells.f @ parameters[:width]
        z = memory["z"] = modes(cells, fixed, loads, memory["z"])
        curve = cells.rates(fixed + z @ loads.T)[2]
        spread = 1 / np.sqrt(curve.sum(1) * sd[0] ** 2 + 1)
        at = z[:, 0][:, None] + spread[:, None] * nodes
        eta = fixed[:, None, :] + at[:, :, None] * sd[0]
        logs = np.stack([cells.rates(eta[:, k])[0].sum(1) for k in range(points)], axis=1) - at**2 / 2 + nodes**2 / 2
        high = logs.max(1, keepdims=True)
        value = high[:, 0] + np.log((weights * np.exp(logs - high)).sum(1)) - log(2 * pi) / 2 + np.log(spread)
        return float(-2 * value.sum())

    return deviance
