"""Every page of every role: answers, fits a phone, says where one is, and has no fault that axe can find.

Each role walks alone, by links, from the front page and from its own (tests/browser/walking.py): one page for each
address pattern and each distinct state of it. A page of a pattern that an earlier role comes to on its own walk, made of
the same elements with the same classes, is looked at there; its frame is looked at here once. The first role looks at all
it comes to, so whatever any role comes to is looked at by somebody. KEEP_PICTURES=yes leaves a picture of everything seen.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

import pytest
from django.core.management import call_command
from django.db import connections
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, Error
from pytest_django.live_server_helper import LiveServer

from partners.choices import MembershipRole
from partners.models import Organisation
from people.choices import StaffRole
from people.models import Person
from tests.browser.conftest import DESKTOP, PHONE, new_context
from tests.browser.looking import (
    WCAG,
    faults_of_axe,
    faults_of_dead_controls,
    faults_of_frame,
    faults_of_skipping,
    faults_of_width,
    keep_picture,
)
from tests.browser.walking import Found, Walker
from tests.factories import MembershipFactory, StaffFactory

# The people of a role by the part of their address before the @ ("" is nobody), and the front page that is theirs.
# Several people share a role where no one of them sees every state: who has a draft owes no report.
ROLES: dict[str, tuple[tuple[str, ...], str]] = {
    "public": (("",), "home"),
    "partner lead": (("lead.wigan", "lead.barnsley", "lead.warrington"), "workspace"),
    "partner editor": (("editor.barnsley",), "workspace"),
    "partner reader": (("reader.barnsley",), "workspace"),
    "assessor": (("assessor.three", "assessor.two"), "calls:assess"),
    "programme staff": (("programmes",), "staff_work"),
    "research staff": (("research",), "staff_work"),
    "communications": (("communications",), "staff_work"),
    "auditor": (("auditor",), "staff_work"),
    "administrator": (("administrator",), "staff_work"),
}
# Says to pytest-django that there has to be a database.
pytestmark = pytest.mark.django_db


@pytest.fixture
def _django_db_helper(django_db_setup) -> None:
    """In place of pytest-django's own, which would wrap each walk in a transaction that the server cannot see into."""


@pytest.fixture(scope="module")
def demonstration(django_db_setup, django_db_blocker) -> Iterator[str]:
    """The demonstration, loaded once for all walks of a worker, and the address at which it is served."""
    with django_db_blocker.unblock():
        call_command("load_facts", verbosity=0)
        call_command("load_demonstration", verbosity=0)
        barnsley = Organisation.objects.get(slug="barnsley")
        MembershipFactory(
            organisation=barnsley, role=MembershipRole.READER, person__email="reader.barnsley@demo.example"
        )
        StaffFactory(post=StaffRole.AUDITOR, email="auditor@demo.example")
        server = LiveServer("localhost")
        yield server.url
        server.stop()
        connections.close_all()
        call_command("flush", verbosity=0, interactive=False)


def client_of(address: str) -> Client:
    client = Client(raise_request_exception=False)
    if address:
        client.force_login(Person.objects.get(email=f"{address}@demo.example"))
    return client


class Eyes:
    """One person's browser: a window with scripts, which is made narrow for the phone, and one without."""

    def __init__(self, browser: Browser, address: str, client: Client) -> None:
        self.address = address
        self.with_scripts = new_context(browser, DESKTOP)
        self.without = new_context(browser, DESKTOP, java_script_enabled=False)
        for context in (self.with_scripts, self.without):
            self._signed_in(context, client)
        self.complaints: list[str] = []
        self.page = self.with_scripts.new_page()
        self.page.set_default_timeout(90_000)  # a machine that does other things beside this
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.plain = self.without.new_page()
        self.plain.set_default_timeout(90_000)

    def _signed_in(self, context: BrowserContext, client: Client) -> None:
        if "sessionid" in client.cookies:
            value = client.cookies["sessionid"].value
            context.add_cookies([{"name": "sessionid", "value": value, "url": self.address}])

    def look(self, path: str, *, role: str, rules: Sequence[str] = (*WCAG, "best-practice")) -> list[str]:
        """Everything that is wrong with one page, at both widths and without scripts."""
        self.complaints.clear()
        try:
            answer = self.page.goto(self.address + path)
        except Error as problem:  # a file that is downloaded, or a page that hangs: said, and the walk goes on
            return [problem.message.splitlines()[0]]
        faults = [] if answer and answer.ok else [f"answered {answer.status if answer else 'nothing'}"]
        faults += faults_of_frame(self.page)
        for size in (DESKTOP, PHONE):
            self.page.set_viewport_size(size)
            faults += [
                f"at {size['width']}: {fault}" for fault in faults_of_width(self.page) + faults_of_axe(self.page, rules)
            ]
            keep_picture(self.page, f"{role}{path}")
        faults += faults_of_skipping(self.page)
        self.page.set_viewport_size(DESKTOP)
        self.plain.goto(self.address + path)
        return faults + faults_of_dead_controls(self.plain) + [f"the browser says: {said}" for said in self.complaints]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.with_scripts.close()
        self.without.close()


@dataclass
class Walks:
    """Where each role comes to, walked once for all tests of a worker, without a browser."""

    done: dict[str, list[tuple[str, list[Found]]]] = field(default_factory=dict)

    def of(self, role: str) -> list[tuple[str, list[Found]]]:
        if role not in self.done:
            people, front = ROLES[role]
            states: dict[str, set] = defaultdict(set)
            walks = []
            for person in people:
                walker = Walker(client_of(person), states=states)
                walks.append((person, list(walker.pages([reverse(front), "/"]))))
                assert len(walker.read) >= 20, f"{person} came to few pages: {sorted(walker.read)}"
            self.done[role] = walks
        return self.done[role]

    def kinds_before(self, role: str) -> set[tuple[str, frozenset]]:
        """What the roles before this one come to: pattern of the address, and what the page is made of."""
        before = list(ROLES)[: list(ROLES).index(role)]
        return {(found.pattern, found.state) for other in before for _, pages in self.of(other) for found in pages}


@pytest.fixture(scope="module")
def walks(demonstration) -> Walks:
    return Walks()


@pytest.mark.parametrize("role", ROLES)
def test_every_page_of_a_role_is_without_fault(demonstration, walks, browser, role):
    seen_before, faults, frames, looked = walks.kinds_before(role), [], set(), 0
    for person, pages in walks.of(role):
        with Eyes(browser, demonstration, client_of(person)) as eyes:
            for found in pages:
                if found.frame in frames and (found.pattern, found.state) in seen_before:
                    continue
                frames.add(found.frame)
                looked += 1
                faults += [f"{found.path}: {fault}" for fault in eyes.look(found.path, role=role)]
    print(f"{role}: {looked} pages looked at")
    assert faults == []


BACK_ROOM = ("/admin/", "/admin/calls/call/", "/admin/people/person/", "/admin/partners/organisation/")


# Stock Django: held to what the law asks for. What axe would like beyond that is for Django to decide.
def test_the_back_room_is_without_fault_for_the_administrator(demonstration, browser):
    client = client_of("administrator")
    organisation = Organisation.objects.get(slug="barnsley").pk
    pages = [*BACK_ROOM, f"/admin/partners/organisation/{organisation}/change/"]
    pages.append(f"/admin/partners/organisation/{organisation}/history/")
    with Eyes(browser, demonstration, client) as eyes:
        faults = [f"{path}: {fault}" for path in pages for fault in eyes.look(path, role="administrator", rules=WCAG)]
    assert faults == []
