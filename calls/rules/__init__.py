"""Who may do what with calls and applications, and what they need to be ready. django-rules finds the permissions here."""

from calls.rules import applications, assessments, calls, eligibility, readiness, sending

__all__ = ["applications", "assessments", "calls", "eligibility", "readiness", "sending"]
