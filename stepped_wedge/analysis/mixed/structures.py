"""Covariance between the cells of one cluster, and its slopes, by the name of the structure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt

import numpy as np

from stepped_wedge.correlations import decay

STRUCTURES = {
    "exchangeable": ("tau2",),
    "nested-exchangeable": ("tau2", "gamma2"),
    "discrete-time-decay": ("tau2", "r"),
    "random-intervention": ("tau2", "eta2"),
    "correlated-random-intervention": ("tau2", "eta2", "rho"),
    "nested+random-intervention": ("tau2", "gamma2", "eta2"),
}
CORRELATIONS = ("r", "rho")


def cell_shapes(
    names: Sequence[str], values: Mapping[str, float], x: np.ndarray, *, linear: bool = False
) -> dict[str, np.ndarray]:
    """Derivatives of the covariance of cells by each parameter, I x T x T, or T x T where all clusters share it.

    linear: by the covariance of cluster and intervention effects, in which everything is linear, instead of their
    correlation rho.
    """
    length = x.shape[1]
    found: dict[str, np.ndarray] = {}
    mixed = x[:, :, None] + x[:, None, :] if "rho" in names else np.zeros(())
    # the covariance rho sqrt(tau2 eta2) is shared between both slopes, so values times slopes still add up
    known = not linear and values.get("tau2") and values.get("eta2")
    half = values.get("rho", 0.0) / 2 if known else 0.0
    for name in names:
        if name == "tau2":
            found[name] = decay(values.get("r", 1.0), length) + (
                half and half * sqrt(values["eta2"] / values["tau2"]) * mixed
            )
        elif name == "gamma2":
            found[name] = np.eye(length)
        elif name == "eta2":
            found[name] = x[:, :, None] * x[:, None, :] + (
                half and half * sqrt(values["tau2"] / values["eta2"]) * mixed
            )
        elif name == "rho":
            found[name] = mixed if linear else sqrt(values["tau2"] * values["eta2"]) * mixed
        elif name == "r":
            gap = _gaps(length)
            found[name] = values["tau2"] * gap * np.power(values["r"], np.maximum(gap - 1, 0))
    return found


def covariance_of_cells(names: Sequence[str], values: Mapping[str, float], x: np.ndarray) -> np.ndarray:
    """The covariance itself, T x T or I x T x T."""
    total = np.zeros((x.shape[1], x.shape[1]))
    for name, shape in cell_shapes(names, values, x).items():
        if name not in CORRELATIONS:
            total = total + values[name] * shape
    return total


def curvatures(values: Mapping[str, float], length: int) -> dict[tuple[str, str], np.ndarray]:
    """Second derivatives that are not zero: those of a covariance that decays."""
    if "r" not in values:
        return {}
    gap, r = _gaps(length), values["r"]
    first = gap * np.power(r, np.maximum(gap - 1, 0))
    second = values["tau2"] * gap * (gap - 1) * np.power(r, np.maximum(gap - 2, 0))
    return {("tau2", "r"): first, ("r", "tau2"): first, ("r", "r"): second}


def _gaps(length: int) -> np.ndarray:
    return np.abs(np.subtract.outer(np.arange(length), np.arange(length)))
