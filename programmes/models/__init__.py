"""Programmes, their strands and waves, the partnerships in them, and what each partnership owes."""

from programmes.models.obligations import (
    REPORT_FIELDS,
    REPORT_NUMBERS,
    REPORT_TEXTS,
    Obligation,
    Report,
    ReportQuestion,
    ReportRevision,
)
from programmes.models.partnerships import Partnership
from programmes.models.programmes import Funding, Happening, Involvement, Programme, Strand, Theme, Wave

__all__ = (
    "REPORT_FIELDS",
    "REPORT_NUMBERS",
    "REPORT_TEXTS",
    "Funding",
    "Happening",
    "Involvement",
    "Obligation",
    "Partnership",
    "Programme",
    "Report",
    "ReportQuestion",
    "ReportRevision",
    "Strand",
    "Theme",
    "Wave",
)
