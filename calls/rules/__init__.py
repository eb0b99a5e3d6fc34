"""Who may do what with calls and applications, and what they need to be ready. django-rules finds the permissions here."""

from calls.rules import applications, calls, eligibility, readiness

__all__ = ["applications", "calls", "eligibility", "readiness"]
