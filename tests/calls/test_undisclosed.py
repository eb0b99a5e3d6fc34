"""What nobody has been told is not given away: by a refusal, by a letter that stays, by a moment that comes later."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from calls import figures
from calls.actions import assessments as assessing
from calls.actions import calls as writing
from calls.actions import decisions as deciding
from calls.choices import ApplicationStatus, CallStatus, Outcome
from calls.models import Application, Call, Decision
from notices.choices import NoticeStatus
from notices.models import Notice
from people.choices import StaffRole
from tests.calls.rounds import a_round, scored
from tests.factories import CallFactory, CriterionFactory, ProgrammeFactory, QuestionFactory, StaffFactory

pytestmark = pytest.mark.django_db


def being_assessed(verdict):
    round_ = a_round(1)
    one = round_.application
    if verdict == ApplicationStatus.INELIGIBLE:
        assessing.mark_ineligible(one, reason="Too small", feedback="We are sorry.", by=round_.staff)
    if verdict == ApplicationStatus.DECIDED:
        scored(round_, one)
        deciding.decide(one, Outcome.NO, reason="Lower scores", feedback="Thank you.", by=round_.staff)
    return round_, Application.objects.get(pk=one.pk)


def test_withdrawing_looks_the_same_whatever_the_verdict_is_and_no_letter_is_left(client):
    seen = set()
    for verdict in (ApplicationStatus.ELIGIBLE, ApplicationStatus.INELIGIBLE, ApplicationStatus.DECIDED):
        round_, one = being_assessed(verdict)
        assert one.status == verdict
        client.force_login(round_.lead)
        page = client.get(reverse("calls:withdraw", args=[one.pk]))
        answer = client.post(reverse("calls:withdraw", args=[one.pk]), {"why": "We have no time"})
        one.refresh_from_db()
        assert one.status == ApplicationStatus.WITHDRAWN
        assert not Decision.objects.filter(application=one).exists()
        seen.add((page.status_code, answer.status_code, answer.url.replace(str(one.pk), "N")))
    assert len(seen) == 1
    letters = Notice.objects.filter(template__startswith="calls/emails/decision")
    assert letters
    assert {letter.status for letter in letters} == {NoticeStatus.CANCELLED}


def test_a_call_that_is_cancelled_before_its_public_moment_is_never_seen(client):
    staff = StaffFactory(post=StaffRole.PROGRAMMES)
    call = CallFactory(opens_at=timezone.now() + timedelta(days=9), public_from=timezone.now() + timedelta(days=5))
    writing.cancel(call, reason="Not for the public", by=staff)
    assert call.public_from is None
    assert not Notice.objects.exists()
    assert client.get(call.get_absolute_url()).status_code == 404


def approved(**facts):
    call = CallFactory(status=CallStatus.APPROVED, public_from=None, **facts)
    QuestionFactory(call=call)
    CriterionFactory(call=call)
    return call


@pytest.mark.parametrize(
    ("programme", "in_days", "is_published"),
    [
        (-1, None, True),
        (None, None, False),
        (3, None, False),
        (3, 4, True),
        (3, 2, False),
        (-1, 9, True),
        (-1, 11, False),
    ],
)
def test_a_call_is_not_public_before_its_programme_nor_after_it_opens(programme, in_days, is_published):
    now, staff = timezone.now(), StaffFactory(post=StaffRole.PROGRAMMES)
    public_from = None if programme is None else now + timedelta(days=programme)
    call = approved(
        programme=ProgrammeFactory(public_from=public_from),
        opens_at=now + timedelta(days=10),
        closes_at=now + timedelta(days=60),
    )
    moment = None if in_days is None else now + timedelta(days=in_days)
    if is_published:
        writing.publish(call, by=staff, public_from=moment)
    else:
        with pytest.raises(writing.CallNotReady):
            writing.publish(call, by=staff, public_from=moment)
    assert (Call.objects.get(pk=call.pk).status == CallStatus.PUBLISHED) is is_published


def test_the_close_of_business_is_on_a_working_day(time_machine):
    time_machine.move_to("2026-12-18T12:00Z")
    # A week later is Christmas Day, a Friday; Monday the 28th is Boxing Day, moved.
    assert f"{figures.closes_of_business(7):%A %d %B}" == "Tuesday 29 December"
