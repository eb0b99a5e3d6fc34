import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from allauth.usersessions.models import UserSession
from django.conf import settings as portal_settings
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from audit.models import Event
from notices.choices import NoticeKind
from notices.delivery import Courier
from notices.models import Notice
from people.choices import StaffRole
from people.models import Person
from tests.factories import PASSWORD, MembershipFactory, PersonFactory, PostFactory, StaffFactory

pytestmark = pytest.mark.django_db


def sign_in(client, person, password=PASSWORD, **extra):
    return client.post(reverse("account_login"), {"login": person.email, "password": password}, **extra)


def is_signed_in(client) -> bool:
    return "_auth_user_id" in client.session


def code_in_last_mail() -> str:
    return re.search(r"^    (\S+)$", Notice.objects.latest("id").body_text, re.MULTILINE)[1]


# --- ways in -----------------------------------------------------------------------------------------------------------


def test_a_person_signs_in_with_their_password(client):
    person = PersonFactory()

    sign_in(client, person)

    assert is_signed_in(client)
    assert Event.objects.filter(verb="signed in", person_id=person.pk).exists()


def test_the_address_may_be_typed_in_capitals(client):
    person = PersonFactory(email="ann@demo.example")
    person.email = "ANN@Demo.Example"

    sign_in(client, person)

    assert is_signed_in(client)


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD.upper(), "x" * 5000, "\N{SNOWMAN}"])
def test_a_wrong_password_lets_nobody_in(client, password):
    sign_in(client, PersonFactory(), password)

    assert not is_signed_in(client)


def test_a_person_signs_in_with_a_code_by_e_mail(client):
    person = PersonFactory()

    client.post(reverse("account_request_login_code"), {"email": person.email})
    client.post(reverse("account_confirm_login_code"), {"code": code_in_last_mail()})

    assert is_signed_in(client)


def test_a_code_works_once(client):
    person = PersonFactory()
    client.post(reverse("account_request_login_code"), {"email": person.email})
    code = code_in_last_mail()
    client.post(reverse("account_confirm_login_code"), {"code": code})
    client.post(reverse("account_logout"))

    client.post(reverse("account_confirm_login_code"), {"code": code})

    assert not is_signed_in(client)


def test_a_code_travels_through_the_outbox_and_is_erased(client):
    person = PersonFactory()
    client.post(reverse("account_request_login_code"), {"email": person.email})
    code = code_in_last_mail()

    Courier().drain()

    (message,) = mail.outbox
    assert code in message.body
    notice = Notice.objects.get()
    assert (notice.kind, notice.person_id, notice.body_text) == (NoticeKind.SECURITY, person.pk, "")
    assert code not in str(Notice.objects.values().get())


def test_an_unknown_address_gets_the_same_page_and_a_friendly_mail():
    known, unknown = PersonFactory().email, "nobody@demo.example"

    answers = [Client().post(reverse("account_request_login_code"), {"email": email}) for email in (known, unknown)]

    assert {(answer.status_code, answer.url) for answer in answers} == {(302, reverse("account_confirm_login_code"))}
    assert Notice.objects.get(to=unknown).template == "account/email/unknown_account"


def test_nobody_registers_without_an_invitation(client):
    asked = {"email": "new@demo.example", "password1": PASSWORD, "password2": PASSWORD}

    response = client.post(reverse("account_signup"), asked)

    assert not Person.objects.filter(email="new@demo.example").exists()
    assert "invitation" in client.get(reverse("account_signup")).content.decode().lower()
    assert response.status_code == 200


def test_a_new_password_is_chosen_by_a_link_and_the_owner_is_told(client):
    person = PersonFactory()
    client.post(reverse("account_reset_password"), {"email": person.email})
    link = re.search(r"http://testserver(/\S+)", Notice.objects.latest("id").body_text)[1]

    form = client.get(link, follow=True)
    client.post(
        form.request["PATH_INFO"], {"password1": "four other plain words", "password2": "four other plain words"}
    )

    assert Person.objects.get(pk=person.pk).check_password("four other plain words")
    assert Notice.objects.latest("id").template == "account/email/password_reset"
    assert not is_signed_in(client)


# --- the second factor ---------------------------------------------------------------------------------------------------


@pytest.fixture
def second_factor(settings):
    settings.STAFF_NEED_A_SECOND_FACTOR = True


@pytest.mark.parametrize("address", ["/staff/", "/staff/people/", "/admin/", "/start/", "/workspace/"])
def test_staff_without_a_second_factor_reach_only_the_page_to_set_it_up(client, second_factor, address):
    client.force_login(StaffFactory(is_staff=True, is_superuser=True))

    response = client.get(address)

    assert (response.status_code, response.url) == (302, reverse("mfa_index"))


@pytest.mark.parametrize("name", ["mfa_index", "account_email", "usersessions_list", "account_logout"])
def test_staff_without_a_second_factor_reach_their_account(client, second_factor, name):
    client.force_login(StaffFactory())

    assert client.get(reverse(name)).status_code == 200


def test_partners_need_no_second_factor(client, second_factor):
    client.force_login(MembershipFactory().person)

    assert client.get("/workspace/people/").status_code == 200


def with_authenticator_app(person) -> str:
    secret = generate_totp_secret()
    TOTP.activate(person, secret)
    return secret


def code_now(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def test_a_password_alone_is_not_enough_where_there_is_a_second_factor(client, second_factor):
    person = StaffFactory()
    secret = with_authenticator_app(person)

    sign_in(client, person)
    assert not is_signed_in(client)
    client.post(reverse("mfa_authenticate"), {"code": code_now(secret)})

    assert is_signed_in(client)
    assert client.get("/staff/people/").status_code == 200


def sign_in_and_trust(client, person, secret):
    """As far as the browser says yes to being trusted, and out again."""
    sign_in(client, person)
    answer = client.post(reverse("mfa_authenticate"), {"code": code_now(secret)})
    trusted = client.post(reverse("mfa_trust"), {"action": "trust"})
    client.post(reverse("account_logout"))
    # The next code of the app: one that was used is refused for as long as it would hold.
    cache.clear()
    return answer, trusted


def test_a_partner_may_trust_a_browser_and_is_asked_again_elsewhere(client):
    person = MembershipFactory().person
    asked, _ = sign_in_and_trust(client, person, with_authenticator_app(person))
    assert asked.url == reverse("mfa_trust")

    sign_in(client, person)
    assert is_signed_in(client)

    elsewhere = Client()
    sign_in(elsewhere, person)
    assert not is_signed_in(elsewhere)


def test_staff_are_never_asked_to_trust_a_browser_and_cannot_make_one_trusted(client):
    person = StaffFactory()
    asked, trusted = sign_in_and_trust(client, person, with_authenticator_app(person))

    assert reverse("mfa_trust") not in asked.url
    assert "mfa_trusted" not in trusted.cookies
    sign_in(client, person)
    assert not is_signed_in(client)


def test_a_browser_that_a_partner_trusted_is_trusted_no_more_once_the_partner_joins_the_staff(client):
    person = MembershipFactory().person
    sign_in_and_trust(client, person, with_authenticator_app(person))
    PostFactory(person=person)

    sign_in(client, person)

    assert not is_signed_in(client)


# --- recovery codes ------------------------------------------------------------------------------------------------------


def with_recovery_codes(client, person) -> list[str]:
    """Made and read on the pages, as a person does."""
    sign_in(client, person)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    with_authenticator_app(person)
    assert client.post(reverse("mfa_generate_recovery_codes")).status_code == 302
    shown = client.get(reverse("mfa_view_recovery_codes")).content.decode()
    codes = RecoveryCodes(Authenticator.objects.get(user=person, type="recovery_codes")).get_unused_codes()
    assert len(codes) == 10
    assert all(code in shown for code in codes)
    client.post(reverse("account_logout"))
    return codes


def test_a_recovery_code_lets_in_once_and_a_used_one_is_refused(client):
    person = MembershipFactory().person
    first, second, *_ = with_recovery_codes(client, person)

    sign_in(client, person)
    client.post(reverse("mfa_authenticate"), {"code": first})
    client.post(reverse("mfa_trust"), {"action": "none"})
    assert is_signed_in(client)
    client.post(reverse("account_logout"))

    sign_in(client, person)
    refused = client.post(reverse("mfa_authenticate"), {"code": first})
    assert refused.status_code == 200
    assert not is_signed_in(client)
    client.post(reverse("mfa_authenticate"), {"code": second})
    client.post(reverse("mfa_trust"), {"action": "none"})
    assert is_signed_in(client)


def test_new_recovery_codes_make_the_old_ones_useless(client):
    person = StaffFactory()
    first, second, *_ = with_recovery_codes(client, person)
    sign_in(client, person)
    client.post(reverse("mfa_authenticate"), {"code": first})
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    assert client.post(reverse("mfa_generate_recovery_codes")).status_code == 302
    client.post(reverse("account_logout"))

    sign_in(client, person)
    client.post(reverse("mfa_authenticate"), {"code": second})

    assert not is_signed_in(client)


@pytest.mark.parametrize(
    "name", ["mfa_generate_recovery_codes", "mfa_view_recovery_codes", "mfa_download_recovery_codes"]
)
def test_recovery_codes_are_shown_only_after_the_password_was_asked_again(client, name):
    person = PersonFactory()
    with_recovery_codes(client, person)
    client.force_login(person)

    answer = client.get(reverse(name))

    assert (answer.status_code, answer.url.partition("?")[0]) == (302, reverse("account_reauthenticate"))


def test_a_code_by_e_mail_does_not_replace_the_second_factor(client):
    person = PersonFactory()
    with_authenticator_app(person)

    client.post(reverse("account_request_login_code"), {"email": person.email})
    client.post(reverse("account_confirm_login_code"), {"code": code_in_last_mail()})

    assert not is_signed_in(client)


def test_the_owner_is_told_of_a_new_second_factor(client, django_capture_on_commit_callbacks):
    person = PersonFactory()
    sign_in(client, person)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    page = client.get(reverse("mfa_activate_totp"))
    secret = page.context["form"].secret

    with django_capture_on_commit_callbacks(execute=True):
        client.post(reverse("mfa_activate_totp"), {"code": code_now(secret)})

    assert Authenticator.objects.filter(user=person, type="totp").exists()
    assert Notice.objects.filter(template="mfa/email/totp_activated", to=person.email).exists()


def test_no_code_works_for_everybody():
    assert not getattr(portal_settings, "MFA_TOTP_INSECURE_BYPASS_CODE", None)


# --- the back room -------------------------------------------------------------------------------------------------------


def test_the_back_room_has_no_door_of_its_own(client):
    response = client.post("/admin/login/?next=/admin/", {"username": "a@demo.example", "password": PASSWORD})

    assert response.status_code == 302
    assert response.url.startswith(reverse("account_login"))


def test_partners_are_not_let_into_the_back_room(client):
    client.force_login(MembershipFactory().person)

    assert client.get("/admin/", follow=True).status_code == 403


@pytest.mark.parametrize("page", ["people/person/", "people/post/", "notices/notice/", "notices/suppression/"])
def test_the_back_room_lists_and_searches(client, page):
    client.force_login(StaffFactory(post=StaffRole.ADMINISTRATOR, is_staff=True, is_superuser=True))

    assert client.get(f"/admin/{page}?q=ann").status_code == 200


# --- limits, sessions, closed accounts -----------------------------------------------------------------------------------


def test_too_many_guesses_are_answered_with_a_page_of_ours(client):
    person = PersonFactory()

    answers = [sign_in(client, person, f"guess {number}") for number in range(40)]

    limited = [answer for answer in answers if answer.status_code == 429]
    assert limited or "Too many" in answers[-1].content.decode()
    assert all("429.html" in [template.name for template in answer.templates] for answer in limited)


def test_a_person_sees_and_ends_their_sessions(client):
    person = PersonFactory()
    sign_in(client, person)

    assert client.get(reverse("usersessions_list")).status_code == 200
    assert UserSession.objects.filter(user=person).count() == 1


def test_a_closed_account_cannot_sign_in(client):
    sign_in(client, PersonFactory(is_active=False))

    assert not is_signed_in(client)


@pytest.mark.parametrize(
    "address", ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_nobody_is_sent_away_after_signing_in(client, address):
    person = PersonFactory()

    response = client.post(reverse("account_login"), {"login": person.email, "password": PASSWORD, "next": address})

    assert "evil" not in response.headers.get("Location", "")
    assert "javascript" not in response.headers.get("Location", "")
