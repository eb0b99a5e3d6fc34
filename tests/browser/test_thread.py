"""One partnership from call to evidence, walked in a browser by everybody who takes part; the mail goes over real SMTP.

Days pass by moving the moments of the records, because the servers of the test live in today.
"""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, expect

from calls.models import Application, Assessment, Call
from evaluations.models import Evaluation
from evidence_store.choices import Axis
from notices.delivery import Courier
from notices.models import Notice
from people.choices import StaffRole
from programmes.actions.reminders import remind_of_what_is_owed
from programmes.models import Obligation, Partnership
from tests.browser.conftest import DESKTOP, new_context, watched_page
from tests.browser.looking import faults_of_dead_controls
from tests.calls.rounds import assessor
from tests.factories import (
    FindingFactory,
    MembershipFactory,
    OrganisationFactory,
    ProgrammeFactory,
    RatingFactory,
    StaffFactory,
    effect,
    strength,
)
from tests.notices.post_office import PostOffice

pytestmark = pytest.mark.django_db(transaction=True)
UK_MOMENT = "%Y-%m-%dT%H:%M"
DAY = "%Y-%m-%d"
PRACTICE = "First weeks together"
WORDS = "A team meets the family each week for twelve weeks, before and after the child comes home."


class Walk:
    """A browser window for each person, with or without scripts, and the post office that their mail arrives at."""

    def __init__(self, browser: Browser, address: str, post_office: PostOffice, *, scripts: bool) -> None:
        self.browser, self.address, self.post_office, self.scripts = browser, address, post_office, scripts
        self.contexts: list[BrowserContext] = []
        self.complaints: list[str] = []

    def window(self, person: Any = None) -> Page:
        context = new_context(self.browser, DESKTOP, java_script_enabled=self.scripts)
        self.contexts.append(context)
        if person is not None:
            client = Client()
            client.force_login(person)
            context.add_cookies(
                [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": self.address}]
            )
        page, complaints = watched_page(context)
        page.set_default_timeout(60_000)
        self.complaints = complaints if not self.contexts[:-1] else self.complaints
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page

    def go(self, page: Page, name: str, *args: Any) -> None:
        answer = page.goto(self.address + reverse(name, args=args))
        assert answer is not None
        assert answer.ok, f"{name} {args}: {answer.status}"
        if not self.scripts:
            assert faults_of_dead_controls(page) == []

    def mail(self) -> list[Any]:
        """What arrives when the outbox is emptied."""
        known = len(self.post_office.taken)
        Courier().drain()
        return self.post_office.taken[known:]


def fill(page: Page, **values: str) -> None:
    for name, value in values.items():
        page.locator(f"[name={name}]").fill(value)


def press(page: Page, name: str) -> None:
    button = page.get_by_role("button", name=name, exact=True)
    assert button.count() == 1, f"“{name}” on {page.url}:\n{page.locator('main').inner_text()}"
    with page.expect_navigation():
        button.click()


def send(page: Page) -> None:
    """The form of the page, whatever its button says."""
    with page.expect_navigation():
        page.locator("main form[method=post] button").first.click()


def sees(page: Page, words: str) -> None:
    expect(page.locator("main")).to_contain_text(words)


def text_of(message: Any) -> str:
    return message.get_body(("plain",)).get_content()


@pytest.fixture(params=[True, False], ids=["with scripts", "without scripts"])
def walk(request, browser, live_server, settings):
    settings.PORTAL_ADDRESS = live_server.url
    with PostOffice() as office:
        settings.MAILERS = office.mailers()
        walking = Walk(browser, live_server.url, office, scripts=request.param)
        yield walking
        for context in walking.contexts:
            context.close()
        assert not walking.complaints


def test_a_partnership_is_carried_from_call_to_evidence(walk):
    programme = ProgrammeFactory(slug="pine", name="Practice in need of evidence")
    barnsley = OrganisationFactory(name="Barnsley", slug="barnsley")
    finding = FindingFactory(
        outcome__name="Children stay at home", entry__slug="family-meetings", entry__title="Family meetings"
    )
    RatingFactory(finding=finding)
    staff = StaffFactory(post=StaffRole.PROGRAMMES)
    desk = walk.window(staff)

    call = open_a_call(walk, desk, programme)
    lead = join_by_invitation(walk, desk, barnsley)
    application = apply(walk, lead, call, colleague=MembershipFactory(organisation=barnsley, role="editor").person)
    closed(call)
    assess(walk, desk, application)
    partnership = decide_and_accept(walk, desk, lead, application)
    sign_and_announce(walk, desk, lead, partnership)
    report(walk, desk, lead, partnership)
    evaluation = evaluate(walk, partnership)
    take_the_result_into_the_store(walk, evaluation, finding)
    walk_back(walk, finding.entry, evaluation, partnership)


def open_a_call(walk, desk, programme) -> Call:
    walk.go(desk, "calls:new")
    desk.locator("[name=programme]").select_option(str(programme.pk))
    fill(desk, title="Practice in need of evidence, spring round")
    press(desk, "Begin")
    call = Call.objects.get()
    walk.go(desk, "calls:write_about", call.slug)
    fill(
        desk,
        purpose="To learn what helps.",
        offered="A researcher.",
        asked="A lead for a day a week.",
        contact_email="calls@demo.example",
    )
    press(desk, "Save and go on")
    fill(desk, who_may_apply="Any authority in England.")
    press(desk, "Save and go on")
    now = timezone.localtime()
    opens, closes = now + timedelta(days=1), now + timedelta(days=40)
    fill(
        desk,
        opens_at=opens.replace(hour=9).strftime(UK_MOMENT),
        closes_at=closes.replace(hour=17).strftime(UK_MOMENT),
        places="1",
    )
    press(desk, "Save and go on")
    walk.go(desk, "calls:add_question", call.slug)
    fill(desk, section="The practice", text="What is done, and with whom?", word_limit="200")
    press(desk, "Save")
    walk.go(desk, "calls:add_criterion", call.slug)
    fill(desk, name="A need that is shown")
    press(desk, "Save")
    walk.go(desk, "calls:write_check", call.slug)
    press(desk, "Approve this call")
    walk.go(desk, "calls:publish", call.slug)
    press(desk, "Publish")
    sees(desk, "Published")
    days_pass(call, 2)
    public = walk.window()
    walk.go(public, "calls:list")
    sees(public, call.title)
    walk.go(public, "calls:call", call.slug)
    sees(public, "What is done, and with whom?")
    return call


def days_pass(call, days) -> None:
    gone = timedelta(days=days)
    Call.objects.filter(pk=call.pk).update(
        opens_at=F("opens_at") - gone, closes_at=F("closes_at") - gone, public_from=F("public_from") - gone
    )


def closed(call) -> None:
    Call.objects.filter(pk=call.pk).update(closes_at=timezone.now() - timedelta(hours=1))


def join_by_invitation(walk, desk, organisation) -> Page:
    walk.go(desk, "partners:staff_invite")
    desk.locator("[name=purpose][value=member]").check()
    fill(desk, email="lead@barnsley.demo.example")
    desk.locator("[name=organisation]").select_option(str(organisation.pk))
    desk.locator("[name=role]").select_option("lead")
    send(desk)
    (invitation,) = [message for message in walk.mail() if message["To"] == "lead@barnsley.demo.example"]
    link = re.search(r"http\S+/invitations/\S+", text_of(invitation))
    lead = walk.window()
    lead.goto(link[0])
    fill(lead, job_title="Head of service", name="Helen Marsh", password="slow river under willow")
    send(lead)
    lead.wait_for_url(lambda url: "/invitations/" not in url)
    return lead


def apply(walk, lead, call, *, colleague) -> Application:
    walk.go(lead, "calls:start", call.slug)
    press(lead, "Start the application")
    application = Application.objects.get()
    walk.go(lead, "calls:section", application.pk, 0)
    fill(lead, practice_name=PRACTICE, summary="Weekly meetings.", group="Families", lead_role="Head of service")
    if walk.scripts:
        with lead.expect_response(lambda answer: answer.url.endswith("/save/") and answer.ok):
            fill(lead, sponsor_role="Director of Children's Services")
    else:
        fill(lead, sponsor_role="Director of Children's Services")
    send(lead)
    other = walk.window(colleague)
    walk.go(other, "calls:section", application.pk, 1)
    fill(other, **{f"q{call.questions.get().pk}": WORDS})
    send(other)
    walk.go(lead, "calls:check", application.pk)
    sees(lead, WORDS)
    lead.locator("[name=agrees]").check()
    lead.locator("[name=publishes]").check()
    lead.get_by_role("button", name=re.compile("^Send the application")).click()
    sees(lead, application.reference)
    assert any(application.reference in text_of(message) for message in walk.mail()), "no receipt arrived"
    application.refresh_from_db()
    assert application.status == "submitted"
    return application


def assess(walk, desk, application) -> None:
    call = application.call
    walk.go(desk, "calls:start_assessment", call.slug)
    press(desk, "Start assessment")
    walk.go(desk, "calls:check_eligibility", application.pk)
    desk.locator("[name=verdict][value=eligible]").check()
    press(desk, "Record")
    people = [assessor(name="Una"), assessor(name="Ben")]
    walk.go(desk, "calls:assign", application.pk)
    for person in people:
        desk.locator(f"[name=people][value='{person.pk}']").check()
    press(desk, "Ask them")
    asked = walk.mail()
    assert {message["To"] for message in asked} >= {person.email for person in people}
    for person, other in (people, people[::-1]):
        score(walk, application, person, not_yet_seen=other)
    walk.go(desk, "calls:applications_board", call.slug)
    sees(desk, "2 of 2 in")


def score(walk, application, person, *, not_yet_seen) -> None:
    window = walk.window(person)
    mine = Assessment.objects.get(application=application, assessor=person)
    both_in = Assessment.objects.filter(application=application, status="submitted").exists()
    walk.go(window, "calls:assess")
    walk.go(window, "calls:declare", mine.pk)
    assert WORDS not in window.content()
    window.locator("[name=declaration][value=none]").check()
    press(window, "Continue")
    sees(window, WORDS)
    criterion = application.call.criteria.get()
    window.locator(f"[name=mark_{criterion.pk}][value='3']").check()
    fill(window, **{f"comment_{criterion.pk}": f"Shown with figures, says {person.name}."})
    press(window, "Send my scores")
    walk.go(window, "calls:assessment", mine.pk)
    if both_in:
        sees(window, f"says {not_yet_seen.name}")
    else:
        assert f"says {not_yet_seen.name}" not in window.content()


def decide_and_accept(walk, desk, lead, application) -> Partnership:
    call = application.call
    walk.go(desk, "calls:decide", application.pk)
    desk.locator("[name=outcome][value=offer]").check()
    fill(desk, reason="The need is shown and the team is ready.")
    press(desk, "Record the decision")
    walk.go(lead, "calls:application", application.pk)
    assert "offer" not in lead.locator("main").inner_text().lower()
    walk.go(desk, "calls:applications_board", call.slug)
    press(desk, "Go on to the letters")
    sees(desk, "lead@barnsley.demo.example")
    assert walk.mail() == []
    desk.locator("[name=looked]").check()
    press(desk, "Release all letters")
    letters = [message for message in walk.mail() if message["To"] == "lead@barnsley.demo.example"]
    assert len(letters) == 1
    walk.go(lead, "calls:result", application.pk)
    press(lead, "Accept the offer")
    partnership = Partnership.objects.get()
    assert partnership.practice_name == PRACTICE
    return partnership


def sign_and_announce(walk, desk, lead, partnership) -> None:
    walk.go(desk, "programmes:issue_agreement", partnership.pk)
    fill(desk, terms="Both sides publish what is found.")
    send(desk)
    walk.mail()
    walk.go(lead, "programmes:sign", partnership.pk)
    fill(lead, office="Director of Children's Services")
    lead.locator("[name=agreed]").check()
    send(lead)
    partnership.refresh_from_db()
    assert partnership.status == "signed"
    walk.go(desk, "programmes:start_partnership", partnership.pk)
    press(desk, "Start")
    public = walk.window()
    walk.go(public, "partner", "barnsley")
    assert PRACTICE not in public.content()
    walk.go(desk, "programmes:announce", partnership.pk)
    tomorrow = timezone.localtime() + timedelta(days=1)
    fill(desk, on=tomorrow.strftime(DAY), at="09:30")
    press(desk, "Set the moment")
    for name, args in (("partner", ("barnsley",)), ("programme", ("pine",)), ("newsroom:feed", ())):
        public.request.get(walk.address + reverse(name, args=args))
        assert PRACTICE not in public.request.get(walk.address + reverse(name, args=args)).text()
    Partnership.objects.update(public_from=timezone.now() - timedelta(minutes=1))
    walk.go(public, "partner", "barnsley")
    sees(public, PRACTICE)
    walk.go(public, "programme", "pine")
    sees(public, "Barnsley")
    assert "Barnsley" in public.request.get(walk.address + reverse("newsroom:feed")).text()


def report(walk, desk, lead, partnership) -> None:
    walk.go(desk, "programmes:ask_for", partnership.pk)
    due = timezone.localtime() + timedelta(days=10)
    desk.locator("[name=kind]").select_option("progress_report")
    fill(desk, title="First progress report", due_on=due.strftime(DAY))
    press(desk, "Add it")
    owed = Obligation.objects.get(title="First progress report")
    walk.mail()
    assert remind_of_what_is_owed() == 2, "one for the lead, one for the colleague"
    assert remind_of_what_is_owed() == 0
    assert "lead@barnsley.demo.example" in {reminder["To"] for reminder in walk.mail()}
    send_a_report(walk, lead, owed, learning="Families like the same worker.")
    walk.go(desk, "programmes:ask_about_report", owed.pk)
    fill(desk, text="How many families were met?")
    press(desk, "Send the question")
    assert any("How many families were met?" in text_of(message) for message in walk.mail())
    send_a_report(walk, lead, owed, learning="Families like the same worker. Forty were met.")
    walk.go(desk, "programmes:obligation", owed.pk)
    sees(desk, "Forty were met.")
    press(desk, "Accept the report")
    owed.refresh_from_db()
    assert owed.status == "accepted"


def send_a_report(walk, lead, owed, *, learning) -> None:
    walk.go(lead, "programmes:write_report", owed.pk)
    fill(lead, activity="Six teams began.", learning=learning, next_steps="Two more teams.")
    press(lead, "Save and check")
    press(lead, "Send the report")
    owed.refresh_from_db()
    assert owed.status == "received"


def evaluate(walk, partnership) -> Evaluation:
    desk = walk.window(StaffFactory(post=StaffRole.RESEARCH))
    walk.go(desk, "evaluations:new_from_partnership", partnership.pk)
    fill(desk, title="First weeks together: a pilot", summary="Whether weekly meetings help.")
    desk.locator("[name=design]").select_option("pilot")
    press(desk, "Save")
    evaluation = Evaluation.objects.get()
    public = walk.window()
    walk.go(public, "evaluations")
    assert evaluation.title not in public.content()
    walk.go(desk, "evaluations:publish", evaluation.pk)
    press(desk, "Set the moment")
    walk.go(public, "evaluations")
    sees(public, evaluation.title)
    return evaluation


def take_the_result_into_the_store(walk, evaluation, finding) -> None:
    best, sure = effect(), strength()
    assert (best.axis, sure.axis) == (Axis.EFFECT, Axis.STRENGTH)
    desk = walk.window(StaffFactory(post=StaffRole.RESEARCH))
    walk.go(desk, "evidence_store:rate", finding.pk)
    desk.locator("[name=evaluation]").select_option(str(evaluation.pk))
    desk.locator("[name=effect]").select_option(str(best.pk))
    desk.locator("[name=strength]").select_option(str(sure.pk))
    fill(desk, studies="2", reason="The pilot points the same way as the review.")
    send(desk)
    assert finding.ratings.count() == 2


def walk_back(walk, entry, evaluation, partnership) -> None:
    """From the entry to the evaluation, the partner and the programme, by links alone."""
    public = walk.window()
    walk.go(public, "evidence_store:search")
    sees(public, entry.title)
    public.locator("main").get_by_role("link", name=entry.title).first.click()
    sees(public, "The pilot points the same way as the review.")
    public.locator("main").get_by_role("link", name=evaluation.title).first.click()
    sees(public, "Whether weekly meetings help.")
    public.locator("main").get_by_role("link", name=re.compile(partnership.organisation.name)).first.click()
    sees(public, PRACTICE)
    public.locator("main").get_by_role("link", name=re.compile("Practice in need of evidence|PINE")).first.click()
    sees(public, "Barnsley")
    assert any("Your report is accepted" in message["Subject"] for message in walk.mail())
    assert not Notice.objects.exclude(status="sent").exists()
