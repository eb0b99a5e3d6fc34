"""A real browser. Every test that uses ``page`` is also a test of the content security policy."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

# Playwright runs an event loop in this thread, and Django would refuse to touch the database beside one.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

FLAGS = [
    "--no-sandbox",  # Chromium refuses to run as root with one
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 375, "height": 812}


def chromium() -> str | None:
    names = (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
    return next((found for name in names if name and (found := shutil.which(name))), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = chromium()
    if program is None:
        said = "No Chromium on this machine: set CHROMIUM, or “apt-get install chromium”"
        if os.environ.get("BROWSER_TESTS_REQUIRED"):
            pytest.fail(f"{said}. BROWSER_TESTS_REQUIRED forbids skipping the browser tests.")
        pytest.skip(f"{said}. The browser tests did NOT run.")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield launched
        launched.close()


def new_context(browser: Browser, viewport: dict[str, int], **options: Any) -> BrowserContext:
    return browser.new_context(
        locale="en-GB", timezone_id="Europe/London", viewport=viewport, reduced_motion="reduce", **options
    )


def watched_page(context: BrowserContext) -> tuple[Page, list[str]]:
    """A page, and everything it complains about: blocked by the policy, or an error of a script."""
    complaints: list[str] = []
    page = context.new_page()
    page.on("console", lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page, complaints


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = new_context(browser, DESKTOP)
    page, complaints = watched_page(context)
    yield page
    context.close()
    assert not complaints


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    context = new_context(browser, PHONE)
    page, complaints = watched_page(context)
    yield page
    context.close()
    assert not complaints
