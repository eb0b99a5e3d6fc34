"""What every request and response of the portal has in common."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from lifecycle.actions import MoveRefused, RecordChanged

Handler = Callable[[HttpRequest], HttpResponse]
log = structlog.get_logger("portal.request")
SECRETS = ("token", "key", "uidb36")
KNOWN_ID = re.compile(r"^[A-Za-z0-9-]{8,40}$")


class RequestIdMiddleware:
    """Gives the request a number that its logs, audit events and error page share, and the moment at which it arrived."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request.request_id = given if KNOWN_ID.match(given) else uuid.uuid4().hex  # type: ignore[attr-defined]
        request.arrived_at = timezone.now()  # type: ignore[attr-defined]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request.request_id)  # type: ignore[attr-defined]
        response = self.get_response(request)
        response["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
        if not request.path.startswith("/static/"):
            spent = (timezone.now() - request.arrived_at).total_seconds()  # type: ignore[attr-defined]
            log.info(
                "request",
                method=request.method,
                path=path_for_the_log(request),
                status=response.status_code,
                milliseconds=round(spent * 1000, 1),
                person=getattr(getattr(request, "user", None), "pk", None),
            )
        return response


def path_for_the_log(request: HttpRequest) -> str:
    """The address asked for, without what lets whoever holds it in: invitations, mail settings and new passwords go by link."""
    path, match = request.path, request.resolver_match
    for name in SECRETS:
        if secret := (match.kwargs.get(name) if match else None):
            path = path.replace(str(secret), f"<{name}>")
    return path


class HeadersMiddleware:
    """Headers that no Django setting covers; pages of a signed-in person are kept by no cache."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault(
            "Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()"
        )
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if getattr(getattr(request, "user", None), "is_authenticated", False):
            response.headers.setdefault("Cache-Control", "no-store")
        return response


class BadInputMiddleware:
    """Refuses what PostgreSQL cannot store, a NUL or half a surrogate pair, with a sentence instead of an error."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if _cannot_be_stored(request.path) or any(_cannot_be_stored(v) for _, vs in request.GET.lists() for v in vs):
            return self.refuse(request)
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """A page whose forms tidy pasted text themselves says so: refusing it here would lose what was typed."""
        if request.method != "POST" or getattr(view, "tidies_its_text", False):
            return None
        if any(_cannot_be_stored(name) or any(map(_cannot_be_stored, values)) for name, values in request.POST.lists()):
            return self.refuse(request)
        return None

    def refuse(self, request: HttpRequest) -> HttpResponse:
        return render(request, "errors/unreadable.html", status=400)


def _cannot_be_stored(text: str) -> bool:
    if "\x00" in text:
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


class RefusalMiddleware:
    """Two people, one record: whoever comes second gets a page that says so, and nothing is overwritten."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, (MoveRefused, RecordChanged)):
            return None
        log.info("refused", reason=type(exception).__name__, subject=exception.subject._meta.label_lower)
        context = {"subject": exception.subject, "changed": isinstance(exception, RecordChanged)}
        return render(request, "errors/409.html", context, status=409)
