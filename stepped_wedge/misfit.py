"""What happens to a test whose model is wrong about the correlation: its true size, by algebra."""

from __future__ import annotations

from math import sqrt

import numpy as np
from scipy.special import ndtr, ndtri

from stepped_wedge.designs import Design, TimeModel
from stepped_wedge.precision import CellModel, cell_weights, covariance_blocks, information


def true_size(
    design: Design, assumed: CellModel, truth: CellModel, alpha: float = 0.05, time_model: TimeModel = "categorical"
) -> float:
    """Chance that the nominal two-sided normal test of the assumed model rejects a true null.

    Components are taken as known. With ICC 0.01, CAC 0.8 and 1,700 children a cell, a model with an authority effect
    only rejects 35% of the time with five authorities.
    """
    weights = cell_weights(design, assumed, time_model)
    actual = float(np.einsum("ij,ijk,ik->", weights, covariance_blocks(design, truth), weights))
    believed = 1 / information(design, assumed, time_model)
    return float(2 * ndtr(-ndtri(1 - alpha / 2) * sqrt(believed / actual)))
