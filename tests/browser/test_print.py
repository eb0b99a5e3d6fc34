"""On paper: what there is to read stands there, opened out; what there is to press does not."""

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect

from tests.factories import (
    ApplicationFactory,
    CallFactory,
    FindingFactory,
    MembershipFactory,
    PartnershipFactory,
    QuestionFactory,
    RatingFactory,
)

pytestmark = pytest.mark.django_db(transaction=True)
A4 = {"width": 794, "height": 1123}


def on_paper(page: Page, address: str) -> None:
    page.emulate_media(media="print")
    page.set_viewport_size(A4)
    page.goto(address)
    for pressed in ("nav", ".button", "button", ".site-footer"):
        assert page.locator(f"{pressed} >> visible=true").count() == 0, f"{pressed} is printed"
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def signed_in(page: Page, address: str, person: object) -> None:
    client = Client()
    client.force_login(person)
    page.context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": address}])


def test_a_call_is_printed_with_its_days_before_its_questions(live_server, page):
    call = CallFactory()
    question = QuestionFactory(call=call)
    on_paper(page, live_server.url + reverse("calls:call", args=[call.slug]))
    asked = page.get_by_text(question.text).bounding_box()
    days = page.get_by_role("heading", name="Dates and places").bounding_box()
    assert days["y"] < asked["y"]


def test_a_receipt_is_printed_with_every_answer(live_server, page):
    application = ApplicationFactory(sent=True)
    signed_in(page, live_server.url, MembershipFactory(organisation=application.organisation).person)
    on_paper(page, live_server.url + reverse("calls:application", args=[application.pk]))
    expect(page.get_by_text(application.reference).first).to_be_visible()
    expect(page.get_by_text(application.summary)).to_be_visible()


def test_an_entry_of_the_evidence_store_is_printed(live_server, page):
    rating = RatingFactory(finding=FindingFactory())
    entry = rating.finding.entry
    on_paper(page, live_server.url + reverse("evidence_store:entry", args=[entry.slug]))
    expect(page.get_by_role("heading", name=rating.finding.outcome.name)).to_be_visible()


def test_an_agreement_is_printed_in_full(live_server, page):
    agreement = {"kind": "memorandum", "title": "Agreement", "status": "issued", "terms": "Both sides publish."}
    partnership = PartnershipFactory()
    partnership.agreement = partnership.organisation.agreements.create(**agreement)
    partnership.save(update_fields=["agreement"])
    signed_in(page, live_server.url, MembershipFactory(organisation=partnership.organisation).person)
    on_paper(page, live_server.url + reverse("programmes:partnership", args=[partnership.pk]))
    expect(page.get_by_text("Both sides publish.")).to_be_visible()
