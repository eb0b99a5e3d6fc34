"""Programmes, their strands and waves, the partnerships in them, and what each partnership owes."""

from programmes.models.obligations import Obligation, Report, ReportQuestion
from programmes.models.partnerships import Partnership
from programmes.models.programmes import Funding, Happening, Involvement, Programme, Strand, Theme, Wave

__all__ = (
    "Funding",
    "Happening",
    "Involvement",
    "Obligation",
    "Partnership",
    "Programme",
    "Report",
    "ReportQuestion",
    "Strand",
    "Theme",
    "Wave",
)
