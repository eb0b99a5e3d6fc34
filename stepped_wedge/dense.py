"""The slow and plain reference: one (IT x IT) generalised least squares, used by tests and benchmarks only."""

from __future__ import annotations

import numpy as np

from stepped_wedge.designs import Design, TimeModel, time_columns
from stepped_wedge.precision import CellModel, covariance_blocks


def dense_variance(
    design: Design, model: CellModel, time_model: TimeModel = "categorical", effects: np.ndarray | None = None
) -> np.ndarray:
    """L x L variance of the effects by inverting the whole covariance matrix of all observed cells."""
    clusters, periods = design.x.shape
    columns = design.filled[:, :, None] if effects is None else effects
    v = np.zeros((clusters * periods, clusters * periods))
    for i, block in enumerate(covariance_blocks(design, model)):
        v[i * periods : (i + 1) * periods, i * periods : (i + 1) * periods] = block
    z = np.tile(time_columns(design, time_model), (clusters, 1))
    w = np.hstack([z, columns.reshape(clusters * periods, -1)])
    seen = design.observed.ravel()
    v, w = v[np.ix_(seen, seen)], w[seen]
    information = w.T @ np.linalg.solve(v, w)
    wanted = columns.shape[2]
    return np.linalg.inv(information)[-wanted:, -wanted:]
