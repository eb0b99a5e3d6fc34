"""`analyse`: a pre-specified analysis of returns, as JSON."""

from stepped_wedge.analysis.running.analysing import analyse, describe, with_record

__all__ = ["analyse", "describe", "with_record"]
