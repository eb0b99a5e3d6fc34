from django.http import HttpRequest

from people.models import Person


class SignedInRequest(HttpRequest):
    """A request behind LoginRequiredMiddleware: its user is always a Person."""

    user: Person  # type: ignore[assignment]
