"""Pictures of designs, power, allocations and outcomes, each with a sentence and a table that say the same."""

from stepped_wedge.pictures.balance import balance, pair_probabilities, positions
from stepped_wedge.pictures.curves import exposure_weights, power_curves, power_surface
from stepped_wedge.pictures.drawing import Picture
from stepped_wedge.pictures.missing import lost_returns
from stepped_wedge.pictures.trial import cell_information, diagram, outcomes

__all__ = [
    "Picture",
    "balance",
    "cell_information",
    "diagram",
    "exposure_weights",
    "lost_returns",
    "outcomes",
    "pair_probabilities",
    "positions",
    "power_curves",
    "power_surface",
]
