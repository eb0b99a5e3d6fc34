"""The work of the portal by keyboard alone: signing in, applying, scoring, deciding (tests/browser/keys.py)."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect

from calls.choices import QuestionKind
from calls.models import Application, Assessment, Decision
from notices.models import Notice
from tests.browser.keys import Keys
from tests.calls.rounds import a_round, ask, scored
from tests.factories import (
    PASSWORD,
    CallFactory,
    CriterionFactory,
    MembershipFactory,
    PersonFactory,
    QuestionFactory,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def keys(page) -> Keys:
    page.set_default_timeout(60_000)  # a machine that does other things beside this
    return Keys(page)


def signed_in(page: Page, address: str, person: Any) -> None:
    client = Client()
    client.force_login(person)
    page.context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": address}])


def test_signing_in_with_a_password(live_server, page, keys):
    person = PersonFactory()
    page.goto(live_server.url)
    keys.follow("Sign in")
    keys.type("[name=login]", person.email)
    keys.type("[name=password]", "not the password")
    keys.go()

    expect(page.locator("[data-error-summary]")).to_be_focused()
    keys.type("[name=password]", PASSWORD)
    keys.go()

    expect(page.get_by_text("Account", exact=True)).to_be_visible()


def test_signing_in_with_a_code(live_server, page, keys):
    person = PersonFactory()
    page.goto(live_server.url + reverse("account_login"))
    keys.follow("Send me a code by e-mail")
    keys.tab_to_named("Send the code")
    keys.go()

    expect(page.locator("[data-error-summary]")).to_be_focused()
    keys.tab_to("[data-error-summary] a")
    keys.press("Enter")
    expect(page.locator("[name=email]")).to_be_focused()
    page.keyboard.type(person.email)
    keys.go()

    code = re.search(r"^    (\S+)$", Notice.objects.latest("id").body_text, re.MULTILINE)[1]
    keys.type("[name=code]", code)
    keys.go()
    expect(page.get_by_text("Account", exact=True)).to_be_visible()


def test_the_account_menu_opens_closes_and_signs_out(live_server, page, keys):
    signed_in(page, live_server.url, PersonFactory())
    page.goto(live_server.url)
    keys.tab_to(".account-menu > summary")
    keys.press("Enter")
    keys.tab_to_named("Password")
    keys.press("Escape")
    expect(page.locator(".account-menu > summary")).to_be_focused()
    keys.press("Space")
    keys.follow("Sign out")
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


def test_drafting_and_sending_an_application(live_server, page, keys):
    call = CallFactory()
    QuestionFactory(call=call, section="The practice", text="What is done?", word_limit=5)
    QuestionFactory(
        call=call, section="The team", text="Is the team in place?", kind=QuestionKind.YES_NO, word_limit=None
    )
    membership = MembershipFactory()
    signed_in(page, live_server.url, membership.person)

    page.goto(live_server.url + reverse("calls:call", args=[call.slug]))
    keys.follow("Start or continue an application")
    keys.follow("Start the application")
    application = Application.objects.get()
    keys.tab_to(".task__what a")
    keys.go()
    for name in ("practice_name", "summary", "group", "lead_role", "sponsor_role"):
        keys.type(f"[name={name}]", "Words of ours")
    keys.follow("Save and go on")
    first, second = application.call.questions.order_by("position")
    keys.type(f"[name=q{first.pk}]", "one two three four five six")
    keys.follow("Save and go on")
    keys.choose(f"[name=q{second.pk}]", "no")
    keys.follow("Save")

    keys.follow("Check your answers")
    keys.tab_to(".callout--warning a")
    keys.go()
    expect(page.locator(f"[name=q{first.pk}]")).to_be_focused()
    keys.press("Control+a")
    page.keyboard.type("one two three four")
    keys.follow("Save and go back to the list")
    keys.follow("Check your answers")
    keys.follow("Send the application")
    expect(page.locator("[data-error-summary]")).to_be_focused()
    for name in ("agrees", "publishes"):
        keys.tab_to(f"[name={name}]")
        keys.press("Space")
    keys.follow("Send the application")

    expect(page.locator("main")).to_contain_text("We have your application")
    application.refresh_from_db()
    assert application.status == "submitted"


def test_scoring_an_application(live_server, page, keys):
    round_ = a_round()
    assessment = ask(round_.application, round_.assessors[0], by=round_.staff)
    signed_in(page, live_server.url, round_.assessors[0])

    page.goto(live_server.url + reverse("calls:assess"))
    keys.tab_to("main tbody a")
    keys.go()
    keys.follow("Continue")
    expect(page.locator("[data-error-summary]")).to_be_focused()
    keys.tab_to("[data-error-summary] a")
    keys.press("Enter")
    expect(page.locator("[name=declaration]").first).to_be_focused()
    keys.press("Space")
    keys.follow("Continue")
    one, other = round_.criteria
    keys.choose(f"[name=mark_{one.pk}]", "3")
    keys.type(f"[name=comment_{one.pk}]", "Shown with figures.")
    keys.choose(f"[name=mark_{other.pk}]", "2")
    keys.type(f"[name=comment_{other.pk}]", "Named, not shown.")
    keys.follow("Send my scores")

    expect(page.locator("main")).to_contain_text("You sent your scores")
    assert Assessment.objects.get(pk=assessment.pk).status == "submitted"


def test_deciding_on_the_board(live_server, page, keys):
    round_ = a_round()
    application = scored(round_, round_.application)
    signed_in(page, live_server.url, round_.staff)

    page.goto(live_server.url + reverse("calls:applications_board", args=[round_.call.slug]))
    keys.tab_to("main tbody a")
    keys.go()
    keys.follow("Record the decision")
    expect(page.locator("[data-error-summary]")).to_be_focused()
    keys.choose("[name=outcome]", "offer")
    keys.type("[name=reason]", "The need is shown.")
    keys.follow("Record the decision")

    assert Decision.objects.get(application=application).outcome == "offer"


@pytest.mark.parametrize(
    ("who", "name"),
    [
        ("nobody", "home"),
        ("nobody", "partners"),
        ("nobody", "evidence_store:search"),
        ("nobody", "style_guide"),
        ("staff", "staff_work"),
        ("staff", "programmes:reports_due"),
    ],
)
def test_the_focus_goes_all_the_way_round(live_server, page, keys, who, name):
    round_ = a_round(applications=2)
    CriterionFactory(call=round_.call)
    if who == "staff":
        signed_in(page, live_server.url, round_.staff)
    page.goto(live_server.url + reverse(name))
    assert keys.all_the_way_round() > 10
