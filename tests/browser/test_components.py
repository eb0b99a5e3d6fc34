"""The style guide, the pages for when something is wrong, and the behaviours: in a real browser, at both widths."""

import json

import pytest
from django.urls import reverse
from playwright.sync_api import Page, Route, expect

from tests.browser.looking import assert_no_fault

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_component_is_without_fault(live_server, page, phone):
    for screen in (page, phone):
        assert screen.goto(live_server.url + reverse("style_guide")).ok
        screen.evaluate("for (const one of document.querySelectorAll('main details')) one.open = true")
        assert_no_fault(screen)


def test_a_page_that_is_not_there_says_so_in_our_voice(live_server, page):
    response = page.goto(live_server.url + "/no/such/page/")
    assert response.status == 404
    expect(page.get_by_role("heading", level=1)).to_have_text("This page is not here")
    assert_no_fault(page)


def test_the_menu_opens_and_closes_on_a_phone_by_keyboard_too(live_server, phone):
    phone.goto(live_server.url + reverse("style_guide"))
    menu = phone.get_by_role("button", name="Menu")
    about = phone.get_by_role("navigation", name="Main").get_by_role("link", name="About")
    expect(about).to_be_hidden()
    menu.click()
    expect(about).to_be_visible()
    phone.keyboard.press("Escape")
    expect(about).to_be_hidden()
    expect(menu).to_be_focused()


def test_without_scripts_the_menu_is_simply_there(live_server, browser):
    context = browser.new_context(java_script_enabled=False, viewport={"width": 375, "height": 812})
    screen = context.new_page()
    screen.goto(live_server.url + reverse("style_guide"))
    expect(screen.get_by_role("navigation", name="Main").get_by_role("link", name="About")).to_be_visible()
    expect(screen.get_by_role("button", name="Menu")).to_be_hidden()
    context.close()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "You have 150 words left of 150"),
        ("one two\r\nthree\u00a0four", "You have 146 words left of 150"),
        ("word " * 151, "You have 1 word too many"),
    ],
)
def test_words_are_counted_as_the_server_counts_them(live_server, page, text, said):
    page.goto(live_server.url + reverse("style_guide"))
    page.locator("#id_why").fill(text)
    expect(page.locator("#id_why_words")).to_have_text(said)
    assert len(text.split()) == 150 - int(said.split()[2]) if "left" in said else len(text.split()) > 150


def test_the_summary_of_mistakes_leads_to_the_field(live_server, page):
    page.goto(live_server.url + reverse("style_guide"))
    page.get_by_role("link", name="“Name of the practice” needs an answer.").click()
    expect(page.locator("#id_e-title")).to_be_focused()


# --- saving as one types: the server is played by the test, so that each of its answers can be seen -----------------


class Server:
    """Answers the autosave address as told, and remembers what it was sent."""

    def __init__(self, page: Page, address: str) -> None:
        self.address, self.status, self.answer, self.sent = address, 200, {"version": 8}, []
        page.route(f"{address}/draft/", self.page)
        page.route(f"{address}/draft/save/", self.save)

    def page(self, route: Route) -> None:
        body = (
            '<!doctype html><html lang="en"><title>Draft</title><main><form method="post" data-autosave-url="/draft/save/" data-version="7">'
            '<input type="hidden" name="csrfmiddlewaretoken" value="token"><input type="hidden" name="base_version" value="7">'
            '<label for="a">First</label><textarea id="a" name="a">old</textarea><label for="b">Second</label><textarea id="b" name="b"></textarea>'
            '<p data-save-state role="status"></p></form></main><script type="module" src="/static/js/autosave.js"></script></html>'
        )
        route.fulfill(status=200, content_type="text/html", body=body)

    def save(self, route: Route) -> None:
        self.sent.append(route.request.post_data or "")
        if self.status == 0:
            route.abort()
            return
        route.fulfill(status=self.status, content_type="application/json", body=json.dumps(self.answer))


@pytest.fixture
def draft(live_server, page):
    server = Server(page, live_server.url)
    page.goto(live_server.url + "/draft/")
    return server


def test_only_what_changed_is_sent_with_the_version_it_was_based_on(draft, page):
    page.get_by_label("First").fill("new")
    expect(page.locator("[data-save-state]")).to_contain_text("Saved at")
    assert 'name="a"' in draft.sent[0]
    assert 'name="b"' not in draft.sent[0]
    assert 'name="base_version"\r\n\r\n7' in draft.sent[0]
    page.get_by_label("Second").fill("more")
    page.wait_for_function("document.querySelector('form').dataset.version === '8'")
    expect(page.locator("[name=base_version]")).to_have_value("8")


def test_text_that_could_not_be_sent_is_offered_again_at_the_next_visit(draft, page):
    draft.status = 0
    page.get_by_label("First").fill("words that matter")
    expect(page.locator("[data-save-state]")).to_contain_text("kept in this browser")
    page.reload()
    expect(page.get_by_label("First")).to_have_value("old")
    draft.status = 200
    page.get_by_role("button", name="Put it back").click()
    expect(page.get_by_label("First")).to_have_value("words that matter")
    expect(page.locator("[data-save-state]")).to_contain_text("Saved at")


def test_a_colleagues_change_is_shown_and_nobody_is_overwritten(draft, page):
    draft.status, draft.answer = 409, {"version": 9, "theirs": {"a": "what the colleague wrote"}}
    page.get_by_label("First").fill("what I wrote")
    expect(page.get_by_text("what the colleague wrote")).to_be_visible()
    expect(page.get_by_label("First")).to_have_value("what I wrote")
    page.get_by_label("First").fill("what I wrote, and more")
    page.wait_for_timeout(2000)
    assert len(draft.sent) == 1


def test_a_session_that_ended_keeps_the_text(draft, page):
    draft.status, draft.answer = 403, {}
    page.get_by_label("First").fill("written after the session ended")
    expect(page.locator("[data-save-state]")).to_contain_text("Your text is kept")
    page.reload()
    expect(page.get_by_role("button", name="Put it back")).to_be_visible()
