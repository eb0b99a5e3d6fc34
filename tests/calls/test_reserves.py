"""After the results were sent: a place that became free is offered to a reserve."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from calls.actions import decisions as deciding
from calls.choices import ApplicationStatus, CallStatus, Outcome
from calls.models import Application, Call, Decision
from lifecycle.actions import RecordChanged
from notices.choices import NoticeStatus
from notices.models import Notice
from people.choices import StaffRole
from people.rules import Refused
from programmes.models import Partnership
from tests.calls.rounds import a_round
from tests.calls.test_decisions import told
from tests.factories import AssessmentFactory, StaffFactory

pytestmark = pytest.mark.django_db


def with_reserves(*, declined=True, places=1):
    """One offer, two reserves, all told; the offer declined unless said otherwise."""
    round_ = told(a_round(3, places=places), Outcome.OFFER, Outcome.RESERVE, Outcome.RESERVE)
    if declined:
        deciding.decline_offer(round_.application, reason="No staff", by=round_.lead)
    return round_


def in_two_weeks():
    return timezone.now() + timedelta(days=14)


def promote(round_, place, **facts):
    facts = {"until": in_two_weeks(), "seen": 1, "by": round_.staff} | facts
    return deciding.promote(round_.applications[place], **facts)


def test_the_first_reserve_is_offered_the_place_and_accepts_it(client):
    round_ = with_reserves()
    reserve, lead = round_.applications[1], round_.leads[1]
    before = Decision.objects.get(application=reserve)
    promote(round_, 1)
    decision = Decision.objects.get(application=reserve)
    assert (decision.pk, decision.version, decision.outcome) == (before.pk, 2, Outcome.OFFER)
    assert decision.reserve_rank is None
    assert decision.told_at > before.told_at
    assert "Offered from place 1 of the reserve list." in decision.reason
    letters = Notice.objects.about(decision).order_by("pk")
    assert list(letters.values_list("template", "status")) == [
        ("calls/emails/decision_reserve", NoticeStatus.PENDING),
        ("calls/emails/decision_offer", NoticeStatus.PENDING),
    ]
    client.force_login(lead)
    assert "Accept the offer" in client.get(reverse("calls:result", args=[reserve.pk])).content.decode()
    assert client.post(reverse("calls:accept_offer", args=[reserve.pk])).status_code == 302
    assert Partnership.objects.get().application == reserve
    history = Decision.pgh_event_model.objects.filter(pgh_obj=decision).order_by("pgh_id")
    assert (history.first().outcome, history.last().outcome) == (Outcome.RESERVE, Outcome.OFFER)


def test_who_is_not_first_is_asked_with_a_reason_only():
    round_ = with_reserves()
    first = round_.applications[1].reference
    with pytest.raises(ValidationError, match=f"{first} is first"):
        promote(round_, 2)
    promote(round_, 2, reason="The first has no capacity before May")
    assert "no capacity before May" in Decision.objects.get(application=round_.applications[2]).reason
    with pytest.raises(ValidationError, match="No place is free"):
        promote(round_, 1)


@pytest.mark.parametrize("spoiled", ["no place", "not told", "offer", "no", "past", "archived", "left the list"])
def test_nothing_is_offered_where_there_is_nothing_to_offer(spoiled):
    round_ = with_reserves(declined=spoiled != "no place")
    place, facts = 1, {}
    if spoiled == "not told":
        Decision.objects.update(told_at=None)
    elif spoiled == "offer":
        place = 0
    elif spoiled == "no":
        Decision.objects.filter(application=round_.applications[1]).update(outcome=Outcome.NO, reserve_rank=None)
    elif spoiled == "past":
        facts = {"until": timezone.now()}
    elif spoiled == "archived":
        Call.objects.update(status=CallStatus.ARCHIVED)
    elif spoiled == "left the list":
        deciding.decline_offer(round_.applications[1], reason="Too late for us", by=round_.leads[1])
    before = Notice.objects.count()
    with pytest.raises(ValidationError):
        promote(round_, place, **facts)
    assert Notice.objects.count() == before
    assert not Decision.objects.filter(version=2).exists()


def test_a_second_click_and_a_stale_page_change_nothing():
    round_ = with_reserves(places=3)
    promote(round_, 1)
    with pytest.raises(RecordChanged):
        promote(round_, 1)
    assert Decision.objects.get(application=round_.applications[1]).version == 2


@pytest.mark.parametrize("post", [StaffRole.RESEARCH, StaffRole.COMMUNICATIONS, StaffRole.AUDITOR])
def test_only_programme_staff_ask_a_reserve(post):
    with pytest.raises(Refused):
        promote(with_reserves(), 1, by=StaffFactory(post=post))


def test_without_a_lead_nobody_is_asked_and_nothing_changes():
    round_ = with_reserves()
    round_.applications[1].organisation.memberships.update(ends_on=timezone.localdate())
    with pytest.raises(ValidationError, match="no lead"):
        promote(round_, 1)
    assert Decision.objects.get(application=round_.applications[1]).outcome == Outcome.RESERVE


def test_the_page_shows_the_letter_first_keeps_nothing_of_it_and_then_sends_it(client):
    round_ = with_reserves()
    reserve = round_.applications[1]
    client.force_login(round_.staff)
    board = client.get(reverse("calls:applications_board", args=[round_.call.slug])).content.decode()
    assert f"{reserve.reference}: offer the place" in board
    assert "became free" in client.get(reverse("calls:decide", args=[reserve.pk])).content.decode()
    url = reverse("calls:offer", args=[reserve.pk])
    page = client.get(url).content.decode()
    assert "Look at the letter" in page
    assert "Offer the place and send the letter" not in page
    typed = {"promote-until": "2040-06-15T17:00", "promote-reason": "", "promote-seen": "1"}
    before = Notice.objects.count()
    page = client.post(url, typed | {"act": "preview"}).content.decode()
    assert "We would like to work with you." in page
    assert "Friday 15 June 2040, 5:00pm (UK time)" in page
    assert "Offer the place and send the letter" in page
    assert Notice.objects.count() == before
    assert Decision.objects.get(application=reserve).outcome == Outcome.RESERVE
    client.force_login(round_.leads[1])
    assert "on the reserve list" in client.get(reverse("calls:result", args=[reserve.pk])).content.decode()
    client.force_login(round_.staff)
    for bad in ({"promote-until": "soon"}, {"promote-until": "2020-06-11T17:00"}, {"promote-seen": ""}):
        assert "There is a problem" in client.post(url, typed | {"act": "promote"} | bad).content.decode()
    assert client.post(url, typed | {"act": "promote"}).status_code == 302
    assert Decision.objects.get(application=reserve).outcome == Outcome.OFFER
    assert client.post(url, typed | {"act": "promote"}).status_code == 409
    assert Application.objects.get(pk=reserve.pk).status == ApplicationStatus.TOLD


def test_the_second_on_the_list_is_named_as_second_on_its_page(client):
    round_ = with_reserves()
    client.force_login(round_.staff)
    page = client.get(reverse("calls:offer", args=[round_.applications[2].pk])).content.decode()
    assert f"{round_.applications[1].reference} is before it" in page


def test_whoever_is_kept_from_the_first_reserve_does_not_learn_which_it_is(client):
    round_ = with_reserves()
    person = StaffFactory()
    AssessmentFactory(application=round_.applications[1], assessor=person, conflicted=True)
    hidden = round_.applications[1].reference
    client.force_login(person)
    page = client.get(reverse("calls:offer", args=[round_.applications[2].pk])).content.decode()
    assert "another is before it" in page
    assert hidden not in page
    with pytest.raises(ValidationError, match="Another application is first"):
        promote(round_, 2, by=person)
    board = client.get(reverse("calls:applications_board", args=[round_.call.slug])).content.decode()
    assert "offer the place" not in board
