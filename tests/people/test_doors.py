"""What every request passes before a view sees it."""

import pytest
from django.urls import reverse

from tests.factories import CallFactory, MembershipFactory, PersonFactory, StaffFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace"])
@pytest.mark.parametrize("name", ["home", "programmes:reports_due", "account_login"])
def test_the_portal_is_asked_and_told_and_nothing_else(client, method, name):
    client.force_login(StaffFactory())

    answer = getattr(client, method)(reverse(name))

    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD, POST")


@pytest.mark.parametrize("name", ["home", "calls:list", "programmes:reports_due", "calls:new"])
def test_head_is_answered_as_get_without_a_body(client, name):
    client.force_login(StaffFactory())

    head, got = client.head(reverse(name)), client.get(reverse(name))

    assert (head.status_code, head.content) == (got.status_code, b"") == (200, b"")


@pytest.mark.parametrize("address", ["/staff/", "/staff/people/", "/staff/calls/no-such-call/", "/staff/mail/987654/"])
@pytest.mark.parametrize("who", [PersonFactory, lambda: MembershipFactory().person])
def test_whoever_is_not_on_the_staff_gets_one_answer_for_every_address_of_the_staff(client, who, address):
    CallFactory()
    client.force_login(who())

    assert client.get(address).status_code == 403
    assert client.post(address).status_code == 403


def test_an_address_of_the_staff_that_was_never_there_is_missing_for_everybody(client):
    client.force_login(PersonFactory())

    assert client.get("/staff/no-such-place/").status_code == 404
