"""Signing in and looking after an account: each page in our look, at both widths, without a fault that axe can find."""

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.urls import reverse
from playwright.sync_api import Page

from tests.browser.looking import assert_no_fault, keep_picture
from tests.factories import PASSWORD, PersonFactory

pytestmark = pytest.mark.django_db(transaction=True)

OPEN_PAGES = [
    "account_login",
    "account_request_login_code",
    "account_reset_password",
    "account_reset_password_done",
    "account_signup",
]
OWN_PAGES = [
    "account_email",
    "account_change_password",
    "account_logout",
    "mfa_index",
    "mfa_list_webauthn",
    "usersessions_list",
]


def look_at(page: Page, name: str) -> None:
    """No fault, nothing wider than the screen, and a picture for people to look at."""
    keep_picture(page, name)
    assert_no_fault(page)


def sign_in(page: Page, address: str, person) -> None:
    page.goto(f"{address}{reverse('account_login')}")
    page.get_by_label("Email").fill(person.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: "/login" not in url)


@pytest.mark.parametrize("name", OPEN_PAGES)
def test_pages_before_signing_in_have_no_fault(live_server, page, phone, name):
    for screen in (page, phone):
        response = screen.goto(f"{live_server.url}{reverse(name)}")
        assert response.ok
        look_at(screen, name)


def test_a_wrong_password_is_said_at_the_top_and_the_address_is_kept(live_server, page):
    person = PersonFactory(email="amina@example.gov.uk")
    page.goto(f"{live_server.url}{reverse('account_login')}")
    page.get_by_label("Email").fill(person.email)
    page.get_by_label("Password", exact=True).fill("not the password")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("heading", name="There is a problem").wait_for()
    assert page.get_by_label("Email").input_value() == "amina@example.gov.uk"
    look_at(page, "account_login_refused")


def test_a_code_can_be_asked_for_and_its_page_has_no_fault(live_server, page):
    person = PersonFactory(email="amina@example.gov.uk")
    page.goto(f"{live_server.url}{reverse('account_request_login_code')}")
    page.get_by_label("Email").fill(person.email)
    page.get_by_role("button", name="Send the code").click()
    page.get_by_role("heading", name="Enter the code").wait_for()
    look_at(page, "account_confirm_login_code")


def test_pages_of_an_account_have_no_fault(live_server, page, phone):
    person = PersonFactory()
    for screen in (page, phone):
        sign_in(screen, live_server.url, person)
        for name in OWN_PAGES:
            response = screen.goto(f"{live_server.url}{reverse(name)}")
            assert response.ok, name
            look_at(screen, name)


def test_an_authenticator_app_is_set_up_and_asked_for_at_the_next_sign_in(live_server, page):
    person = PersonFactory()
    sign_in(page, live_server.url, person)
    page.goto(f"{live_server.url}{reverse('mfa_activate_totp')}")
    page.get_by_role("heading", name="Confirm that it is you").wait_for()
    look_at(page, "account_reauthenticate")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("heading", name="Set up an authenticator app").wait_for()
    look_at(page, "mfa_activate_totp")
    secret = page.locator("code.codes").inner_text()
    page.locator("#id_code").fill(code_of(secret))
    page.get_by_role("button", name="Switch it on").click()
    page.get_by_role("heading", name="Recovery codes").wait_for()
    look_at(page, "mfa_recovery_codes")
    page.goto(f"{live_server.url}{reverse('mfa_add_webauthn')}")
    look_at(page, "mfa_add_webauthn")
    page.goto(f"{live_server.url}{reverse('mfa_generate_recovery_codes')}")
    look_at(page, "mfa_generate_recovery_codes")
    page.goto(f"{live_server.url}{reverse('mfa_deactivate_totp')}")
    look_at(page, "mfa_deactivate_totp")

    page.context.clear_cookies()
    sign_in(page, live_server.url, person)
    page.get_by_role("heading", name="Second step").wait_for()
    look_at(page, "mfa_authenticate")


def code_of(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))
