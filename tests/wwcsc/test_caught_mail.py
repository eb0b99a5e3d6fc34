import pytest
from django.urls import reverse

from tests.factories import MembershipFactory, StaffFactory
from wwcsc.local.mail import keep

pytestmark = pytest.mark.django_db

MESSAGE = (
    b"Subject: =?utf-8?q?Caf=C3=A9?=\r\nTo: ann@demo.example\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\nLook at https://demo.example/x\r\n"
)


@pytest.fixture
def caught(settings):
    settings.DEMONSTRATION = True
    settings.LOCAL.mail.mkdir(parents=True, exist_ok=True)
    for old in settings.LOCAL.mail.glob("*.eml"):
        old.unlink()
    keep(settings.LOCAL.mail, sender="portal@localhost", to=["ann@demo.example"], message=MESSAGE)
    return next(settings.LOCAL.mail.glob("*.eml")).name


def test_staff_see_what_was_caught(client, caught):
    client.force_login(StaffFactory())

    assert "Café" in client.get(reverse("caught_mail")).content.decode()
    assert "https://demo.example/x" in client.get(reverse("caught_message", args=[caught])).content.decode()


def test_partners_do_not(client, caught):
    client.force_login(MembershipFactory().person)

    assert client.get(reverse("caught_mail")).status_code == 403


def test_outside_a_demonstration_there_is_no_such_page(client, caught, settings):
    settings.DEMONSTRATION = False
    client.force_login(StaffFactory())

    assert client.get(reverse("caught_mail")).status_code == 404


@pytest.mark.parametrize("name", ["..", "%2e%2e%2fsecret", "nothing.eml", "x" * 300])
def test_only_what_is_in_the_folder_is_shown(client, caught, name):
    client.force_login(StaffFactory())

    assert client.get(f"/staff/mail/caught/{name}/").status_code == 404
