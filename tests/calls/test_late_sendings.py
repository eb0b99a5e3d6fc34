"""A sending that was under way when the call closed: accepted only where the call said so, by our clock, and marked."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from audit.models import Event
from calls.actions import applications, drafts
from calls.actions import assessments as assessing
from calls.actions.calls import duplicate
from calls.actions.drafts import CallHasClosed
from calls.choices import ApplicationStatus, CallStatus
from calls.forms.calls import DatesForm
from calls.models import MOST_GRACE, Application, Call
from calls.rules.readiness import UK
from calls.rules.sending import beginning_in, mark_beginning
from lifecycle.texts import base_of
from notices.models import Notice
from people.choices import StaffRole
from tests.factories import (
    ApplicationFactory,
    CallFactory,
    MembershipFactory,
    PersonFactory,
    QuestionFactory,
    StaffFactory,
)

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)
# The ordinary case and the days on which the clocks change; in the night of 25 October 1:30 comes twice.
CLOSINGS = {
    "an ordinary day": datetime(2027, 2, 12, 17, 0, tzinfo=UK),
    "the day the clocks go forward": datetime(2027, 3, 28, 17, 0, tzinfo=UK),
    "the last second before they go forward": datetime(2027, 3, 28, 0, 59, 30, tzinfo=UTC),
    "the day the clocks go back": datetime(2026, 10, 25, 17, 0, tzinfo=UK),
    "half past one, the first time": datetime(2026, 10, 25, 1, 30, tzinfo=UK, fold=0),
    "half past one, the second time": datetime(2026, 10, 25, 1, 30, tzinfo=UK, fold=1),
    "the last second before they go back": datetime(2026, 10, 25, 0, 59, 30, tzinfo=UTC),
}


def ready(closes_at=None, grace=60, **call):
    """A draft to which nothing is missing, of a call that closes then, and the lead who may send it."""
    closes_at = closes_at or timezone.now() + timedelta(hours=1)
    member = MembershipFactory(starts_on=date(2020, 1, 1))
    call = CallFactory(
        opens_at=closes_at - timedelta(days=40),
        closes_at=closes_at,
        public_from=closes_at - timedelta(days=40),
        grace_seconds=grace,
        **call,
    )
    question = QuestionFactory(call=call, is_required=False)
    draft = ApplicationFactory(call=call, organisation=member.organisation, started_by=member.person)
    Application.objects.filter(pk=draft.pk).update(
        practice_name="Visits", summary="What it is.", group="Families", lead_role="Head", sponsor_role="Director"
    )
    return Application.objects.select_related("call", "organisation").get(pk=draft.pk), member.person, question


@pytest.mark.parametrize("closes_at", CLOSINGS.values(), ids=CLOSINGS.keys())
@pytest.mark.parametrize(
    ("after", "late"), [(-1, 0), (0, 1), (0.4, 1), (1, 1), (59, 59), (59.2, 60), (60, 60), (60.001, None), (3600, None)]
)
def test_what_was_begun_in_time_is_accepted_for_as_long_as_the_call_says(closes_at, after, late):
    draft, lead, _ = ready(closes_at)
    moment, begun_at = closes_at.astimezone(UTC) + after * SECOND, closes_at.astimezone(UTC) - 5 * SECOND
    if late is None:
        with pytest.raises(CallHasClosed):
            applications.submit(draft, by=lead, at=moment, begun_at=begun_at)
        assert not Application.objects.sent().exists()
        return
    sent = applications.submit(draft, by=lead, at=moment, begun_at=begun_at)
    sent.refresh_from_db()
    assert (sent.status, sent.submitted_at, sent.seconds_late) == (ApplicationStatus.SUBMITTED, moment, late)


@pytest.mark.parametrize("begun", [None, timedelta(0), SECOND, timedelta(days=-41)], ids=str)
def test_what_was_not_begun_while_the_call_was_open_is_too_late(begun):
    draft, lead, _ = ready()
    closes_at = draft.call.closes_at
    with pytest.raises(CallHasClosed):
        applications.submit(
            draft, by=lead, at=closes_at + SECOND, begun_at=None if begun is None else closes_at + begun
        )


def test_without_a_word_of_the_call_there_is_no_grace():
    assert Call().grace_seconds == 0
    draft, lead, _ = ready(grace=0)
    closes_at = draft.call.closes_at
    with pytest.raises(CallHasClosed):
        applications.submit(draft, by=lead, at=closes_at, begun_at=closes_at - SECOND)


@pytest.mark.parametrize("status", [CallStatus.CANCELLED, CallStatus.ASSESSING])
def test_a_call_that_is_cancelled_or_being_assessed_has_no_grace(status):
    draft, lead, _ = ready()
    closes_at = draft.call.closes_at
    # Between our look and the statement that counts.
    Call.objects.filter(pk=draft.call_id).update(status=status, cancelled_reason="The funder withdrew.")
    with pytest.raises(CallHasClosed):
        applications.submit(draft, by=lead, at=closes_at + SECOND, begun_at=closes_at - SECOND)


def test_an_extension_in_between_leaves_nobody_late():
    draft, lead, _ = ready()
    closes_at = draft.call.closes_at
    Call.objects.filter(pk=draft.call_id).update(closes_at=closes_at + timedelta(days=7))
    sent = applications.submit(draft, by=lead, at=closes_at + SECOND, begun_at=closes_at - SECOND)
    assert sent.seconds_late == 0


def test_drafts_have_no_grace():
    draft, lead, question = ready(grace=MOST_GRACE)
    key = f"q{question.pk}"
    with pytest.raises(CallHasClosed):
        drafts.save(draft, {key: "More"}, base=base_of({key: ""}), by=lead, at=draft.call.closes_at + SECOND)


def test_being_late_is_on_record_on_the_receipt_and_on_the_pages(client):
    draft, lead, _ = ready()
    closes_at = draft.call.closes_at
    applications.submit(draft, by=lead, at=closes_at + 12 * SECOND, begun_at=closes_at - SECOND)
    event = Event.objects.get(verb="accepted late")
    assert (event.details["seconds"], event.details["grace"]) == (12, 60)
    receipt = Notice.objects.get(template="calls/emails/receipt")
    assert "12 seconds after the call had closed" in receipt.body_text
    assert "take it back" not in receipt.body_text
    client.force_login(lead)
    assert "12 seconds after closing" in client.get(draft.get_absolute_url()).text
    client.force_login(StaffFactory(post=StaffRole.PROGRAMMES))
    assert ">Late</strong>" in client.get(reverse("calls:applications_board", args=[draft.call.slug])).text
    export = client.get(reverse("calls:board_csv", args=[draft.call.slug])).content.decode("utf-8-sig")
    assert export.splitlines()[1].endswith(",12")


def begun_on(page):
    return re.search(r'name="begun" value="([^"]*)"', page.text)[1]


def test_the_page_to_send_carries_its_own_moment_and_shows_our_clock(client):
    with time_machine.travel(datetime(2027, 2, 12, 16, 59, 50, tzinfo=UTC), tick=False):
        draft, lead, _ = ready(datetime(2027, 2, 12, 17, 0, tzinfo=UTC))
        client.force_login(lead)
        page = client.get(reverse("calls:check", args=[draft.pk]))
        assert "4:59:50pm" in page.text
        assert "up to 60 seconds after" in page.text
        answers = {"agrees": "on", "publishes": "on", "begun": begun_on(page)}
    with time_machine.travel(datetime(2027, 2, 12, 17, 0, 20, tzinfo=UTC), tick=False):
        # A page that is opened now has no moment to show, and one without a tick may be put right in time.
        assert 'name="begun"' not in client.get(reverse("calls:check", args=[draft.pk])).text
        page = client.post(reverse("calls:check", args=[draft.pk]), {"agrees": "on", "begun": answers["begun"]})
        assert page.status_code == 422
        assert begun_on(page) == answers["begun"]
        assert "your sending is under way" in page.text
        client.post(reverse("calls:check", args=[draft.pk]), answers)
        draft.refresh_from_db()
        assert (draft.status, draft.seconds_late) == (ApplicationStatus.SUBMITTED, 20)


@pytest.mark.parametrize("typed", ["", "x", "null", "W10:x:y", "\x00", "9" * 600])
def test_a_made_up_moment_is_too_late(client, typed):
    with time_machine.travel(datetime(2027, 2, 12, 17, 0, 20, tzinfo=UTC), tick=False):
        draft, lead, _ = ready(datetime(2027, 2, 12, 17, 0, tzinfo=UTC))
        client.force_login(lead)
        said = {"agrees": "on", "publishes": "on", "begun": typed}
        response = client.post(reverse("calls:check", args=[draft.pk]), said)
    assert response.status_code in {400, 409, 422}
    draft.refresh_from_db()
    assert draft.is_draft


def test_a_moment_belongs_to_one_application_and_one_person():
    draft, lead, _ = ready()
    other, colleague = ready()[0], PersonFactory()
    at = timezone.now()
    mark = mark_beginning(draft, lead, at=at)
    assert beginning_in(mark, draft, lead) == at
    assert beginning_in(mark, other, lead) is None
    assert beginning_in(mark, draft, colleague) is None
    assert beginning_in(mark[:-1], draft, lead) is None


def test_assessment_waits_until_nothing_can_arrive_any_more():
    draft, _, _ = ready()
    staff, closes_at = StaffFactory(post=StaffRole.PROGRAMMES), draft.call.closes_at
    for after in (0, 60):
        with pytest.raises(ValidationError, match="may still arrive"):
            assessing.start_assessment(draft.call, by=staff, at=closes_at + after * SECOND)
    assessing.start_assessment(draft.call, by=staff, at=closes_at + 61 * SECOND)
    other = CallFactory(closed=True)
    assessing.start_assessment(other, by=staff, at=other.closes_at)


@pytest.mark.parametrize(
    ("typed", "stored"), [("", 0), ("0", 0), ("60", 60), ("120", 120), ("121", None), ("-1", None)]
)
def test_staff_write_the_grace_before_the_call_is_published(typed, stored):
    call = CallFactory(draft=True)
    facts = {"assessors_each": 2, "respond_within_days": 14, "places_unit": "organisation", "grace_seconds": typed}
    form = DatesForm(facts, instance=call)
    assert form.is_valid() is (stored is not None)
    assert form.cleaned_data.get("grace_seconds") == stored


def test_the_grace_stands_on_the_public_page_and_a_copy_has_it_too(client):
    call = CallFactory(grace_seconds=45)
    assert "up to 45 seconds after" in client.get(call.get_absolute_url()).text
    assert "seconds after" not in client.get(CallFactory().get_absolute_url()).text
    assert duplicate(call, by=StaffFactory(post=StaffRole.PROGRAMMES)).grace_seconds == 45
