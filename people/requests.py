from datetime import datetime

from django.http import HttpRequest

from people.models import Person


class SignedInRequest(HttpRequest):
    """A request behind LoginRequiredMiddleware: its user is always a Person."""

    user: Person  # type: ignore[assignment]
    arrived_at: (
        datetime  # set by RequestIdMiddleware: deadlines are kept by when a request came, not by when it was read
    )
