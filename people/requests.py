from datetime import datetime

from django.http import HttpRequest

from people.models import Person


class SignedInRequest(HttpRequest):
    """A request behind LoginRequiredMiddleware: its user is always a Person."""

    user: Person
    arrived_at: datetime
    """Set by RequestIdMiddleware: deadlines are kept by when a request came, not by when it was read."""
