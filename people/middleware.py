"""What every request passes before a view sees it: known methods, the door of the staff area, the second factor of staff."""

from collections.abc import Callable

from allauth.mfa.utils import is_mfa_enabled
from allauth.usersessions.middleware import UserSessionsMiddleware
from django.conf import settings
from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import reverse

from people.rules import Refused

METHODS = ("GET", "HEAD", "POST")
STAFF_AREA = "/staff/"
OPEN_WITHOUT_A_SECOND_FACTOR = ("account_", "mfa_", "usersessions_", "healthz", "javascript", "static")
SEEN_AGAIN_AFTER = 60  # seconds


class KnownMethodsMiddleware:
    """The portal is asked and told, nothing else: a view that looks for POST must not take a PUT for a GET.

    HEAD asks as GET does; the server leaves the body out. So no view has to think of it, and none can take it for a POST.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method not in METHODS:
            return HttpResponseNotAllowed(METHODS)
        asked, request.method = request.method, "GET" if request.method == "HEAD" else request.method
        response = self.get_response(request)
        request.method = asked
        return response


class SessionActivityMiddleware(UserSessionsMiddleware):
    """Notes when a session was last seen, once a minute and not at every click: it is a write, and pages should only read."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        key = request.session.session_key
        if key and not cache.add(f"seen:{key}", 1, SEEN_AGAIN_AFTER):
            return self.get_response(request)
        return super().__call__(request)


class SecondFactorMiddleware:
    """Staff have a second factor. Without one they reach nothing but the pages on which to set it up."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: object) -> HttpResponse | None:
        person = request.user
        if not settings.STAFF_NEED_A_SECOND_FACTOR or not person.is_authenticated:
            return None
        if not (person.is_staff or person.is_centre_staff) or is_mfa_enabled(person):
            return None
        match = request.resolver_match
        if match is not None and match.view_name.startswith(OPEN_WITHOUT_A_SECOND_FACTOR):
            return None
        messages.warning(
            request, "Staff sign in with a second factor. Set one up here, then go on with what you were doing."
        )
        return redirect(reverse("mfa_index"))


class StaffAreaMiddleware:
    """One door before everything under /staff/: whoever is not on the staff gets the same refusal for every address there.

    Behind it each page asks its own question; a page that forgets to ask is still closed to everybody else.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: object) -> None:
        person = request.user
        if request.path.startswith(STAFF_AREA) and person.is_authenticated and not person.is_centre_staff:
            raise Refused(person, "people.enter_staff_area")
