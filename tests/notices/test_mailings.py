"""Mail to many: one statement for all, written when it is sent, left out where nobody needs it, and kept word for word."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from calls.choices import CallStatus
from calls.models import Call, Extension, Follower
from calls.notices.announcements import (
    EXTENDED,
    OPENED,
    no_news_any_more,
    readers_of,
    tell_call_opened,
    tell_call_was_cancelled,
    tell_call_was_extended,
)
from notices.actions import queue_for_all, stop_writing_to
from notices.choices import NoticeKind, NoticeStatus
from notices.delivery import Courier, Lease, Pace, Stopped
from notices.letters import LetterRefused, engine, version_of
from notices.mailings import name_of, words_of
from notices.models import Notice, Wording
from people.models import Person
from programmes.actions.obligations import moment_on, move_due_date, waive
from programmes.actions.reminders import remind_of_what_is_owed
from tests.factories import (
    ApplicationFactory,
    CallFactory,
    MembershipFactory,
    ObligationFactory,
    PersonFactory,
    StaffFactory,
)
from tests.notices.post_office import PostOffice

pytestmark = pytest.mark.django_db


@pytest.fixture
def post_office(settings):
    with PostOffice() as office:
        settings.MAILERS = office.mailers()
        yield office


@pytest.fixture
def call():
    now = timezone.now()
    return CallFactory(opens_at=now - timedelta(days=1), closes_at=now + timedelta(days=40))


@pytest.fixture
def followers(call):
    people = PersonFactory.create_batch(3)
    before = call.opens_at - timedelta(days=1)
    Follower.objects.bulk_create(Follower(call=call, person=person, since=before) for person in people)
    return people


def extend(call):
    was, call.closes_at = call.closes_at, call.closes_at + timedelta(days=7)
    call.save()
    staff = StaffFactory()
    return Extension.objects.create(call=call, was=was, now=call.closes_at, reason="The post was slow.", made_by=staff)


def everybody():
    return Person.objects.filter(posts=None)


def statuses():
    return set(Notice.objects.values_list("status", flat=True))


@pytest.mark.parametrize("count", [1, 40])
def test_one_statement_tells_everybody(call, count, django_assert_num_queries):
    PersonFactory.create_batch(count)
    extension = extend(call)

    # the call, its extension, and the statement
    with django_assert_num_queries(3):
        new = queue_for_all(EXTENDED, readers_of(call, everybody(), key="x"), about=call, extension=extension.pk)

    assert new == count
    notice = Notice.objects.earliest("pk")
    assert notice.message_id == f"<{notice.pk}.1@localhost>"
    assert (notice.body_text, notice.body_html, notice.context) == ("", "", {"extension": extension.pk})
    assert notice.template_version == version_of(EXTENDED.template)
    assert call.title in notice.subject


def test_nobody_is_told_the_same_twice(call, followers):
    extension = extend(call)
    tell_call_was_extended(call, extension)
    Follower.objects.create(call=call, person=PersonFactory())
    tell_call_was_extended(call, extension)

    assert Notice.objects.count() == 4
    assert len(set(Notice.objects.values_list("to", flat=True))) == 4


def test_a_mailing_with_a_hole_is_refused_before_anybody_gets_it(call, followers):
    call.status, call.cancelled_reason = CallStatus.CANCELLED, ""
    with pytest.raises(LetterRefused, match="cancelled_reason"):
        tell_call_was_cancelled(Call(pk=call.pk, closes_at=call.closes_at))
    assert not Notice.objects.exists()


def test_what_has_no_use_any_more_is_not_queued_at_all(call):
    PersonFactory()
    past = readers_of(call, everybody(), key="x").annotate()
    call.closes_at = timezone.now() - timedelta(seconds=1)
    past = readers_of(call, everybody(), key="x", until_it_closes=True)
    assert queue_for_all(OPENED, past, about=call) == 0


def test_it_is_written_when_it_is_sent_and_its_words_are_kept_once(call, followers, post_office):
    tell_call_opened(call, everybody())
    Call.objects.filter(pk=call.pk).update(title="A better title")

    assert Courier().drain() == 3

    assert {str(message["Subject"]) for message in post_office.taken} == {"Open now: A better title"}
    assert all(message["List-Unsubscribe"] for message in post_office.taken)
    wording = Wording.objects.get()
    assert set(Notice.objects.values_list("words_hash", "subject", "body_text")) == {
        (wording.hash, "Open now: A better title", "")
    }


def test_staff_see_to_the_letter_what_was_sent_whatever_changed_since(call, followers, post_office, client):
    tell_call_opened(call, everybody())
    Courier().drain()
    sent = post_office.taken[0].get_body(("plain",)).get_content()
    Call.objects.filter(pk=call.pk).update(title="Changed later")
    notice = Notice.objects.earliest("pk")

    shown = words_of(notice)
    assert shown.letter.text.split() == sent.split()
    assert shown.note == "These are the words that were sent."

    client.force_login(StaffFactory())
    page = client.get(reverse("notices:notice", args=[notice.pk])).text
    assert "These are the words that were sent." in page
    assert "Changed later" not in page
    assert call.title in client.get(reverse("notices:notice_html", args=[notice.pk])).text


def test_it_is_said_when_the_template_has_changed_since(call, followers, post_office):
    tell_call_opened(call, everybody())
    Courier().drain()
    Wording.objects.update(template_version="older")

    assert "The template has been changed since" in words_of(Notice.objects.earliest("pk")).note


def test_without_the_kept_words_the_hash_says_whether_new_ones_are_the_same(call, followers, post_office):
    tell_call_opened(call, everybody())
    Courier().drain()
    Wording.objects.all().delete()
    notice = Notice.objects.earliest("pk")

    assert words_of(notice).note.startswith("Written anew, and the same")
    Call.objects.filter(pk=call.pk).update(title="Changed later")
    assert "What it is about has changed since it was sent" in words_of(notice).note


def test_before_it_is_sent_staff_see_how_it_reads_now(call, followers, client):
    tell_call_opened(call, everybody())
    notice = Notice.objects.earliest("pk")

    assert "how it reads now" in words_of(notice).note
    assert call.title in words_of(notice).letter.text


def test_what_it_was_about_is_gone_and_the_page_still_opens(call, followers, client):
    tell_call_opened(call, everybody())
    notice = Notice.objects.earliest("pk")
    Notice.objects.filter(pk=notice.pk).update(subject_id=987654)
    client.force_login(StaffFactory())

    assert "cannot be written any more" in client.get(reverse("notices:notice", args=[notice.pk])).text
    assert client.get(reverse("notices:notice_html", args=[notice.pk])).status_code == 404


def change(call, person):
    """What may happen between queueing and sending, and what is said of the mail that was not sent."""
    return {
        "The call was cancelled": lambda: Call.objects.filter(pk=call.pk).update(
            status=CallStatus.CANCELLED, cancelled_reason="No money"
        ),
        "The call takes no applications now": lambda: Call.objects.filter(pk=call.pk).update(
            closes_at=timezone.now() - timedelta(seconds=1)
        ),
        "Its reader follows the call no more": lambda: Follower.objects.all().delete(),
        "Its reader has left": lambda: Person.objects.filter(pk=person.pk).update(is_active=False),
        "The organisation of its reader has applied already": lambda: ApplicationFactory(
            call=call,
            organisation=MembershipFactory(person=person).organisation,
            status="submitted",
            submitted_at=timezone.now(),
            submitted_by=person,
        ),
    }


@pytest.mark.parametrize("reason", list(change(None, None)))
def test_who_needs_an_opening_no_more_does_not_get_it(call, post_office, reason):
    person = PersonFactory()
    Follower.objects.create(call=call, person=person, since=call.opens_at - timedelta(days=1))
    tell_call_opened(call, everybody())
    change(call, person)[reason]()

    Courier().drain()

    notice = Notice.objects.get(person_id=person.pk)
    assert (notice.status, notice.error) == (NoticeStatus.CANCELLED, reason)
    assert post_office.taken == []


def test_an_extension_that_was_overtaken_is_not_told(call, followers, post_office):
    tell_call_was_extended(call, extend(call))
    tell_call_was_extended(call, extend(call))

    assert Courier().drain() == 3
    assert set(Notice.objects.filter(status=NoticeStatus.CANCELLED).values_list("error", flat=True)) == {
        "The closing moment moved again"
    }


def test_whoever_wants_no_announcements_gets_none(call, followers, post_office):
    stop_writing_to(followers[0].email, reason="asked", by=None, only_bulk=True)
    tell_call_opened(call, everybody())

    assert Courier().drain() == 2
    assert Notice.objects.get(to=followers[0].email).status == NoticeStatus.SUPPRESSED


def test_a_mailing_that_cannot_be_asked_about_stops_nobody_elses_mail(call, followers, post_office, monkeypatch):
    def broken(parcels):
        raise KeyError("x")

    tell_call_opened(call, everybody())
    tell_call_was_extended(call, extend(call))
    object.__setattr__(OPENED, "not_needed", broken)
    try:
        Courier().drain()
    finally:
        object.__setattr__(OPENED, "not_needed", no_news_any_more)

    assert dict(Notice.objects.values_list("template", "status")) == {
        "calls/emails/call_opened": NoticeStatus.DEAD,
        "calls/emails/extended": NoticeStatus.SENT,
    }


def due_report():
    obligation = ObligationFactory(due_at=moment_on(timezone.localdate() + timedelta(days=3)))
    MembershipFactory(organisation=obligation.partnership.organisation)
    remind_of_what_is_owed(obligation.due_at - timedelta(days=2))
    return obligation


def test_a_reminder_is_written_when_it_is_sent(post_office):
    obligation = due_report()
    assert Notice.objects.get().subject == name_of("programmes/emails/report_due")

    assert Courier().drain() == 1
    assert obligation.title.lower() in str(post_office.taken[0]["Subject"]).lower()


@pytest.mark.parametrize("happens", ["arrived", "moved", "ended", "left"])
def test_between_the_claim_and_the_queue_a_reminder_can_become_needless(post_office, happens):
    obligation = due_report()
    rows = {
        "arrived": lambda: type(obligation).objects.update(status="received", received_at=timezone.now()),
        "moved": lambda: type(obligation).objects.update(due_version=2),
        "ended": lambda: type(obligation.partnership).objects.update(status="paused"),
        "left": lambda: obligation.partnership.organisation.memberships.update(ends_on=timezone.localdate()),
    }
    rows[happens]()

    assert Courier().drain() == 0
    assert statuses() == {NoticeStatus.CANCELLED}


@pytest.mark.parametrize("act", ["waived", "moved"])
def test_a_reminder_in_a_senders_hands_can_still_be_taken_back(post_office, act):
    obligation = due_report()
    lease = Lease.claim(Pace())
    staff = StaffFactory()
    if act == "waived":
        waive(obligation, reason="Not needed", by=staff)
    else:
        move_due_date(obligation, to=obligation.due_at + timedelta(days=30), why="Later", by=staff)

    with pytest.raises(Stopped):
        lease.settle_and_mark([], lease.parcels)
    lease.give_back()
    assert statuses() == {NoticeStatus.CANCELLED}


def test_the_version_changes_with_any_source_of_the_mail(monkeypatch):
    before = version_of("calls/emails/extended")
    version_of.cache_clear()
    base = engine().get_template("emails/base.html")
    monkeypatch.setattr(base, "source", str(base.source) + " ")
    try:
        assert version_of("calls/emails/extended") != before
    finally:
        version_of.cache_clear()


def test_every_mailing_is_known_wherever_mail_is_sent():
    assert EXTENDED.kind == NoticeKind.BULK
    assert name_of("programmes/emails/report_late_for_staff") == "A partner is late"
