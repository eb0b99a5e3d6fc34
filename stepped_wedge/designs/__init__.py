"""Designs: which cluster is under which condition in which period.

A design is an I x T matrix x of clusters by periods: 0 control, 1 intervention, a fraction for
partial exposure, nan for a cell that is not observed. Parallel, crossover, staircase, incomplete
and transition (wash-in) layouts are the same matrix (Hussey & Hughes 2007; Hemming, Lilford &
Girling 2015; Grantham et al. 2024 for staircases).
"""

from stepped_wedge.designs.columns import (
    TIME_MODELS,
    TimeModel,
    exposure_columns,
    exposure_levels,
    refuse_unless_identified,
    time_columns,
)
from stepped_wedge.designs.kinds import (
    crossover,
    from_matrix,
    observed_around_the_switch,
    parallel,
    reordered,
    staircase,
    stepped_wedge,
    switched_late,
    with_partial_exposure,
    with_transition,
    without_cells,
    without_clusters,
)
from stepped_wedge.designs.layout import SAMPLING, Design

__all__ = [
    "SAMPLING",
    "TIME_MODELS",
    "Design",
    "TimeModel",
    "crossover",
    "exposure_columns",
    "exposure_levels",
    "from_matrix",
    "observed_around_the_switch",
    "parallel",
    "refuse_unless_identified",
    "reordered",
    "staircase",
    "stepped_wedge",
    "switched_late",
    "time_columns",
    "with_partial_exposure",
    "with_transition",
    "without_cells",
    "without_clusters",
]
