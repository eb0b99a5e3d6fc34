"""The number of places after a call was published: it can be raised, for a reason that everybody sees, and never lowered."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.urls import reverse

from audit.models import Event
from calls.actions import enquiries
from calls.actions.calls import raise_places
from calls.choices import CallStatus
from calls.models import Call, MorePlaces
from lifecycle.actions import RecordChanged
from notices.models import Notice
from people.choices import StaffRole
from people.rules import Refused
from tests.calls.rounds import a_round
from tests.factories import ApplicationFactory, CallFactory, MembershipFactory, PersonFactory, StaffFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff():
    return StaffFactory(post=StaffRole.PROGRAMMES)


def at(call):
    return reverse("calls:more_places", args=[call.slug])


def test_places_are_raised_on_the_page_and_everybody_concerned_is_told_once(client, staff):
    call, writer, follower = CallFactory(places=3), MembershipFactory(), PersonFactory()
    ApplicationFactory(call=call, organisation=writer.organisation)
    enquiries.follow(call, by=follower)
    client.force_login(staff)
    said = {"places": "4", "reason": "A fourth evaluator has time.", "seen_places": "3"}
    assert client.post(at(call), said).url == reverse("calls:manage", args=[call.slug])
    call.refresh_from_db()
    assert call.places == 4
    assert set(Notice.objects.values_list("to", flat=True)) == {writer.person.email, follower.email}
    assert Event.objects.get(verb="raised the places of").details == {"was": 3, "now": 4}
    client.logout()
    page = client.get(call.get_absolute_url()).text
    assert "Places raised from 3 to 4 on" in page
    assert "because: A fourth evaluator has time." in page
    assert "Up to 4" in page


@pytest.mark.parametrize("typed", ["3", "2", "0", "-1", "", "many", "1001", "4.5", "٤"])
def test_what_was_promised_is_never_lowered_and_nonsense_is_said(client, staff, typed):
    call = CallFactory(places=3)
    client.force_login(staff)
    response = client.post(at(call), {"places": typed, "reason": "x", "seen_places": "3"})
    call.refresh_from_db()
    if typed == "٤":  # four, in the figures of another script
        assert call.places in {3, 4}
        return
    assert (response.status_code, call.places) == (422, 3)


def test_a_reason_is_needed(client, staff):
    call = CallFactory(places=3)
    client.force_login(staff)
    assert client.post(at(call), {"places": "4", "reason": " \r\n", "seen_places": "3"}).status_code == 422
    with pytest.raises(IntegrityError), transaction.atomic():
        MorePlaces.objects.create(call=call, was=3, now=4, reason="", made_by=staff)
    with pytest.raises(IntegrityError), transaction.atomic():
        MorePlaces.objects.create(call=call, was=4, now=4, reason="x", made_by=staff)


def test_two_staff_raise_at_once_and_one_is_told(client, staff):
    call = CallFactory(places=3)
    client.force_login(staff)
    for _ in range(2):
        response = client.post(at(call), {"places": "5", "reason": "x", "seen_places": "3"})
    assert response.status_code == 422
    assert call.more_places.count() == 1
    stale = CallFactory(places=3)
    Call.objects.filter(pk=stale.pk).update(places=4)
    with pytest.raises(RecordChanged):
        raise_places(stale, to=5, reason="x", by=staff)


@pytest.mark.parametrize("status", [CallStatus.DRAFT, CallStatus.APPROVED, CallStatus.CANCELLED, CallStatus.ARCHIVED])
def test_only_a_published_call_that_is_not_over_has_more_places(client, staff, status):
    call = CallFactory(places=3, status=status, cancelled_reason="The funder withdrew.")
    with pytest.raises(RecordChanged):
        raise_places(call, to=4, reason="x", by=staff)
    client.force_login(staff)
    assert "There is no number to raise" in client.get(at(call)).text


def test_a_call_without_a_number_has_none_to_raise(staff):
    call = CallFactory(places=None)
    with pytest.raises(RecordChanged):
        raise_places(call, to=4, reason="x", by=staff)


def test_the_action_itself_lowers_nothing(staff):
    with pytest.raises(ValidationError, match="never lowered"):
        raise_places(CallFactory(places=3), to=3, reason="x", by=staff)


def test_after_closing_it_is_shown_and_nobody_gets_a_mail(staff):
    round_ = a_round(places=1)
    Notice.objects.all().delete()
    raise_places(round_.call, to=2, reason="A site was added.", by=round_.staff)
    assert not Notice.objects.exists()


def test_only_those_who_run_calls_raise_places(client):
    call = CallFactory(places=3)
    with pytest.raises(Refused):
        raise_places(call, to=4, reason="x", by=StaffFactory(post=StaffRole.RESEARCH))
    client.force_login(PersonFactory())
    assert client.get(at(call)).status_code == 403
