"""A passkey is added, signs in alone, and is the second step of staff: with the authenticator that Chromium can pretend to be."""

from collections.abc import Iterator

import pytest
from allauth.mfa.models import Authenticator
from django.urls import reverse
from playwright.sync_api import Page, expect

from tests.factories import PASSWORD, MembershipFactory, StaffFactory

pytestmark = pytest.mark.django_db(transaction=True)
KEY = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


class Key:
    """The authenticator of one page: what a laptop does with a fingerprint."""

    def __init__(self, page: Page) -> None:
        self.devtools = page.context.new_cdp_session(page)
        self.devtools.send("WebAuthn.enable")
        self.number = self.devtools.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})["authenticatorId"]

    def credentials(self) -> list[dict]:
        return self.devtools.send("WebAuthn.getCredentials", {"authenticatorId": self.number})["credentials"]

    def refuse(self) -> None:
        """The finger is the wrong one."""
        said = {"authenticatorId": self.number, "isUserVerified": False}
        self.devtools.send("WebAuthn.setUserVerified", said)


@pytest.fixture
def address(live_server, settings) -> str:
    """Passkeys belong to a name, not to a number: 127.0.0.1 cannot have one."""
    named = live_server.url.replace("127.0.0.1", "localhost")
    settings.PORTAL_ADDRESS = named
    settings.CSRF_TRUSTED_ORIGINS = [named]
    return named


@pytest.fixture
def key(page) -> Iterator[Key]:
    return Key(page)


def sign_in(page: Page, address: str, email: str) -> None:
    page.goto(f"{address}{reverse('account_login')}")
    page.locator("[name=login]").fill(email)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=password]").press("Enter")
    page.wait_for_url(lambda url: reverse("account_login") not in url)


def sign_out(page: Page) -> None:
    page.context.clear_cookies()


def add_a_passkey(page: Page, address: str, *, passwordless: bool = True) -> None:
    page.goto(f"{address}{reverse('mfa_add_webauthn')}")
    if "reauthenticate" in page.url:
        page.locator("[name=password]").fill(PASSWORD)
        page.locator("[name=password]").press("Enter")
        page.wait_for_url(f"**{reverse('mfa_add_webauthn')}")
    page.locator("[name=name]").fill("work laptop")
    box = page.locator("[name=passwordless]")
    if passwordless and box.count():
        box.check(force=True)
    page.get_by_role("button", name="Add it").click()
    page.wait_for_url(lambda url: reverse("mfa_add_webauthn") not in url)


def is_signed_in(page: Page, address: str) -> bool:
    return page.request.get(f"{address}{reverse('workspace')}").url == f"{address}{reverse('workspace')}"


def test_a_passkey_is_added_and_signs_in_without_a_password(page, key, address):
    person = MembershipFactory().person
    sign_in(page, address, person.email)
    add_a_passkey(page, address)
    assert Authenticator.objects.filter(user=person, type="webauthn").count() == 1
    assert len(key.credentials()) == 1
    sign_out(page)
    assert not is_signed_in(page, address)

    page.goto(f"{address}{reverse('account_login')}")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(lambda url: reverse("account_login") not in url)

    assert is_signed_in(page, address)


def test_a_passkey_is_the_second_step_of_staff_who_signed_in_with_a_password(page, key, address, settings):
    settings.STAFF_NEED_A_SECOND_FACTOR = True
    person = StaffFactory()
    sign_in(page, address, person.email)
    assert page.url.endswith(reverse("mfa_index"))
    add_a_passkey(page, address)
    sign_out(page)

    sign_in(page, address, person.email)
    assert page.url.endswith(reverse("mfa_authenticate"))
    page.get_by_role("button", name="passkey").click()
    page.wait_for_url(lambda url: reverse("mfa_authenticate") not in url)

    assert reverse("mfa_trust") not in page.url
    assert page.request.get(f"{address}{reverse('staff_work')}").status == 200


def test_the_wrong_finger_lets_nobody_in_and_the_page_says_so(page, key, address):
    person = MembershipFactory().person
    sign_in(page, address, person.email)
    add_a_passkey(page, address)
    sign_out(page)
    key.refuse()

    page.goto(f"{address}{reverse('account_login')}")
    page.get_by_role("button", name="Use a passkey").click()

    expect(page.get_by_text("That did not work, and nothing was changed")).to_be_visible()
    assert not is_signed_in(page, address)
