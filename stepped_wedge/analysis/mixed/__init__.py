"""Linear mixed models from cell sums, exactly as from individuals, by REML or ML."""

from stepped_wedge.analysis.mixed.fitting import DF_METHODS, MixedFit, fit_cohort, fit_mixed
from stepped_wedge.analysis.mixed.scattering import ScatteredFit, fit_scattered
from stepped_wedge.analysis.mixed.structures import STRUCTURES

__all__ = ["DF_METHODS", "STRUCTURES", "MixedFit", "ScatteredFit", "fit_cohort", "fit_mixed", "fit_scattered"]
