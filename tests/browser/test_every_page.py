"""Every page that a role can reach by following links: answers, fits a phone, and has no fault that axe can find.

One page stands for each address pattern, so the walk stays short however many records there are. It still takes minutes:
``WALK_EVERY_PAGE=yes pytest tests/browser/test_every_page.py``.
"""

import os
import re
from collections import deque
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.core.management import call_command
from django.urls import Resolver404, resolve, reverse
from playwright.sync_api import Browser, Error, Page

from tests.browser.conftest import DESKTOP, PHONE, new_context, watched_page
from wwcsc.demonstration import sign_ins

pytestmark = pytest.mark.skipif(
    not os.environ.get("WALK_EVERY_PAGE"), reason="A long walk: set WALK_EVERY_PAGE=yes to take it."
)

WCAG = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}}
PICTURES = Path(__file__).parent / "screenshots"
# Mail is shown in a sandbox that runs no script, not even the one that looks for faults.
NOT_PAGES = {"account_logout", "feed", "unsubscribe", "healthz", "notice_html", "caught_message_html"}
ROLES = (
    "Partner: lead, Barnsley",
    "Partner: lead, Warrington",
    "Assessor 1",
    "Staff: programmes",
    "Staff: administrator",
)


@pytest.fixture
def demonstration(transactional_db):
    call_command("load_facts", verbosity=0)
    call_command("load_demonstration", verbosity=0)


def pattern_of(path: str) -> str | None:
    """The name of the address pattern; None for what is no page of ours."""
    try:
        found = resolve(path)
    except Resolver404:
        return None
    name = found.view_name or ""
    if found.app_names[:1] == ["admin"] or name.rpartition(":")[2] in NOT_PAGES or "." in path.rpartition("/")[2]:
        return None
    return name


def links_of(page: Page, address: str) -> list[str]:
    hrefs = page.eval_on_selector_all(
        "a[href]", "links => links.map(link => new URL(link.getAttribute('href'), location).href)"
    )
    return [urlsplit(href).path for href in hrefs if href.startswith(address) and not urlsplit(href).query]


def fault_of(page: Page, path: str, status: int) -> list[str]:
    width = page.viewport_size["width"]
    faults = [f"{path} at {width}: answered {status}"] if status >= 400 else []
    found = Axe.from_file(settings.BASE_DIR / "node_modules/axe-core/axe.min.js").run(page, options=WCAG)
    faults += [
        f"{path} at {width}: {fault['id']}: {fault['help']}: {fault['nodes'][0]['html'][:160]}"
        for fault in found.response["violations"]
    ]
    if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        faults.append(f"{path} at {width}: wider than the screen")
    return faults


def sign_in(page: Page, address: str, role: str) -> None:
    email, password = next((email, password) for name, email, password, _ in sign_ins() if name == role)
    page.goto(address + reverse("account_login"))
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: "/login" not in url)


def walk(browser: Browser, address: str, role: str | None, seen: set[str]) -> list[str]:
    """What is wrong with the pages that this role reaches and nobody before it did."""
    wide, phone = new_context(browser, DESKTOP), new_context(browser, PHONE)
    (page, complaints), (small, small_complaints) = watched_page(wide), watched_page(phone)
    waiting = deque(["/"])
    if role:
        sign_in(page, address, role)
        phone.add_cookies(wide.cookies())
        waiting.append(urlsplit(page.url).path)
    faults = []
    while waiting:
        path = waiting.popleft()
        pattern = pattern_of(path)
        if pattern is None or (pattern in seen and path != urlsplit(page.url).path):
            continue
        seen.add(pattern)
        for screen in (page, small):
            try:
                response = screen.goto(address + path)
            except Error as problem:  # a file that is downloaded, or a page that hangs: said, and the walk goes on
                faults.append(f"{path}: {problem.message.splitlines()[0]}")
                continue
            faults += fault_of(screen, path, response.status)
            name = f"{role or 'public'}-{pattern}-{screen.viewport_size['width']}.png"
            screen.screenshot(path=PICTURES / re.sub(r"[^\w.]+", "-", name), full_page=True)
        waiting.extend(path for path in links_of(page, address) if pattern_of(path) not in seen)
    wide.close()
    phone.close()
    return [f"{role or 'public'}: {fault}" for fault in faults + complaints + small_complaints]


def test_every_page_that_a_role_can_reach_is_without_fault(demonstration, live_server, browser):
    PICTURES.mkdir(exist_ok=True)
    seen: set[str] = set()
    faults = [fault for role in (None, *ROLES) for fault in walk(browser, live_server.url, role, seen)]
    assert faults == []
    assert len(seen) > 30
