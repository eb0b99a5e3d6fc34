"""The pages for when something is wrong, in a browser: same voice, same frame, no fault, and a way on."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from django.shortcuts import render
from django.test import RequestFactory
from playwright.sync_api import Page, Route

from tests.browser.looking import assert_no_fault, faults_of_frame, keep_picture

pytestmark = pytest.mark.django_db(transaction=True)
PAGES = {
    "400.html": 400,
    "403.html": 403,
    "404.html": 404,
    "429.html": 429,
    "500.html": 500,
    "errors/403_csrf.html": 403,
    "errors/409.html": 409,
    "errors/unreadable.html": 400,
}


def drawn(name: str) -> HttpResponse:
    request = RequestFactory().get("/sorry/")
    request.user = AnonymousUser()
    return render(request, name, status=PAGES[name])


@pytest.mark.parametrize("name", PAGES)
def test_a_page_for_when_something_is_wrong_has_no_fault(live_server, page: Page, phone: Page, name):
    answer = drawn(name)

    def sorry(route: Route) -> None:
        route.fulfill(status=answer.status_code, content_type="text/html", body=answer.content.decode())

    for screen in (page, phone):
        screen.route(f"{live_server.url}/sorry/", sorry)
        screen.goto(f"{live_server.url}/sorry/")
        keep_picture(screen, f"error-{name}")
        assert_no_fault(screen)
        assert faults_of_frame(screen) == []
        assert screen.locator("main a").count() >= 1, "a dead end"
