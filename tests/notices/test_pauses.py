"""A template whose words are refused again and again waits; everything else goes on."""

from datetime import timedelta
from smtplib import SMTPSenderRefused

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.models import Event
from lifecycle.actions import RecordChanged
from notices.actions import resume
from notices.choices import NoticeKind, NoticeStatus
from notices.delivery import REFUSALS_BEFORE_A_PAUSE, Courier, Lease, Pace, Stopped
from notices.delivery.courier import outcome_of
from notices.models import Notice, Pause, RefusalRun
from people.choices import StaffRole
from people.rules import Refused
from tests.factories import NoticeFactory, PauseFactory, StaffFactory
from tests.notices.post_office import PostOffice

pytestmark = pytest.mark.django_db
SPAM = "554 looks like spam"
TEMPLATE = "tests/emails/letter"


@pytest.fixture
def post_office(settings):
    with PostOffice() as office:
        settings.MAILERS = office.mailers()
        yield office


def how_many(status, **more) -> int:
    return Notice.objects.filter(status=status, **more).count()


def test_twenty_refusals_in_a_row_pause_a_template_and_no_other(post_office):
    post_office.mishap = lambda number, address: None if address == "other@demo.example" else SPAM
    NoticeFactory.create_batch(25)
    NoticeFactory(template="tests/emails/other", to="other@demo.example")

    Courier().drain()

    pause = Pause.objects.current().get()
    assert (pause.template, pause.why) == (TEMPLATE, f"mail refused: {SPAM}")
    assert (how_many(NoticeStatus.DEAD), how_many(NoticeStatus.PENDING, attempts=0)) == (20, 5)
    assert how_many(NoticeStatus.SENT, template="tests/emails/other") == 1
    assert Event.objects.filter(verb="paused a template", subject_id=pause.pk, person_id=None).exists()


def test_nineteen_do_not(post_office):
    post_office.mishap = lambda number, address: SPAM
    NoticeFactory.create_batch(REFUSALS_BEFORE_A_PAUSE - 1)

    Courier().drain()

    assert not Pause.objects.exists()
    assert RefusalRun.objects.get().in_a_row == 19


def test_refusals_are_counted_over_all_senders(post_office):
    post_office.mishap = lambda number, address: SPAM
    for _ in range(REFUSALS_BEFORE_A_PAUSE):
        NoticeFactory()
        Courier().drain()

    assert Pause.objects.current().exists()


@pytest.mark.parametrize("kind", [NoticeKind.LETTER, NoticeKind.BULK])
@pytest.mark.parametrize("taken", [1, 10, 19])
def test_one_that_is_taken_in_between_begins_the_count_anew(post_office, kind, taken):
    """Also among announcements, of which many are settled together."""
    post_office.mishap = lambda number, address: None if number == taken else SPAM
    NoticeFactory.create_batch(20, kind=kind)

    Courier().drain()

    assert not Pause.objects.exists()
    assert RefusalRun.objects.get().in_a_row == 20 - taken


def test_announcements_stop_with_those_that_were_marked_together(post_office):
    post_office.mishap = lambda number, address: SPAM
    NoticeFactory.create_batch(60, kind=NoticeKind.BULK)

    Courier().drain()

    assert (how_many(NoticeStatus.DEAD), how_many(NoticeStatus.PENDING)) == (25, 35)


@pytest.mark.parametrize(
    ("in_between", "is_paused"), [("451 busy", True), ("rcpt 550 no such person", True), (None, False)]
)
def test_what_says_nothing_about_the_words_neither_counts_nor_ends_the_run(post_office, in_between, is_paused):
    post_office.mishap = lambda number, address: in_between if number == 10 else SPAM
    NoticeFactory.create_batch(21)

    Courier().drain()

    assert Pause.objects.exists() is is_paused


def test_addresses_that_are_refused_pause_nothing(post_office):
    post_office.mishap = lambda number, address: "rcpt 554 no such person"
    NoticeFactory.create_batch(25)

    Courier().drain()

    assert not Pause.objects.exists()
    assert not RefusalRun.objects.exists()


def test_mail_about_signing_in_is_never_paused(post_office):
    PauseFactory(template=TEMPLATE)
    NoticeFactory(kind=NoticeKind.SECURITY)
    assert Courier().drain() == 1

    post_office.mishap = lambda number, address: SPAM
    NoticeFactory.create_batch(25, kind=NoticeKind.SECURITY, template="tests/emails/code")
    Courier().drain()

    assert how_many(NoticeStatus.DEAD) == 25
    assert not Pause.objects.filter(template="tests/emails/code").exists()


def test_a_mail_that_is_too_large_for_the_relay_is_refused_alone_and_the_relay_is_not_gone():
    problem = SMTPSenderRefused(552, b"too large", "portal@demo.example")

    outcome = outcome_of(NoticeFactory.build(), problem)

    assert (outcome.what, outcome.words_refused, outcome.relay_is_gone) == ("dead", True, False)


def test_what_waits_because_of_a_pause_is_neither_claimed_nor_late(post_office):
    an_hour_ago = timezone.now() - timedelta(hours=1)
    PauseFactory(template=TEMPLATE)
    notice = NoticeFactory(first_due_at=an_hour_ago, due_at=an_hour_ago)

    assert Courier().drain() == 0

    notice.refresh_from_db()
    assert (notice.status, notice.attempts) == (NoticeStatus.PENDING, 0)
    assert not Notice.objects.due().exists()
    assert Notice.objects.age_of_oldest_due() is None


def test_a_pause_that_has_ended_holds_nothing_up(post_office):
    by, now = StaffFactory(), timezone.now()
    PauseFactory(template=TEMPLATE, tried_at=now, tried_by=by, ended_at=now, ended_by=by)
    NoticeFactory()

    assert Courier().drain() == 1


def test_a_sender_with_such_mail_in_hand_stops_before_the_wire():
    NoticeFactory.create_batch(2)
    lease = Lease.claim(Pace())
    PauseFactory(template=TEMPLATE)

    with pytest.raises(Stopped):
        lease.settle_and_mark([], lease.parcels)
    assert not Notice.objects.exclude(wire_at=None).exists()


def test_sending_again_tries_one_and_then_the_others_go(post_office):
    staff = StaffFactory()
    pause = PauseFactory(template=TEMPLATE)
    NoticeFactory.create_batch(5)

    resume(pause, by=staff)
    Courier().drain()

    pause.refresh_from_db()
    assert how_many(NoticeStatus.SENT) == 5
    assert post_office.taken[0]["Message-ID"] == pause.trial.message_id
    assert (pause.ended_by, pause.ended_at is not None) == (staff, True)
    assert Event.objects.filter(subject_type="notices.pause", person_id=staff.pk).count() == 2


@pytest.mark.parametrize("kind", [NoticeKind.LETTER, NoticeKind.BULK])
def test_one_that_is_refused_again_costs_one_mail_and_the_pause_is_back(post_office, kind):
    post_office.mishap = lambda number, address: "552 still too large"
    pause = PauseFactory(template=TEMPLATE)
    NoticeFactory.create_batch(5, kind=kind)

    resume(pause, by=StaffFactory())
    Courier().drain()

    pause.refresh_from_db()
    assert (how_many(NoticeStatus.DEAD), how_many(NoticeStatus.PENDING, attempts=0)) == (1, 4)
    assert (pause.ended_at, pause.tried_at, pause.trial, pause.why) == (
        None,
        None,
        None,
        "mail refused: 552 still too large",
    )


def test_a_trial_that_ends_for_another_reason_makes_room_for_the_next(post_office):
    post_office.mishap = lambda number, address: "rcpt 550 no such person" if number == 1 else None
    pause = PauseFactory(template=TEMPLATE)
    NoticeFactory.create_batch(3)

    resume(pause, by=StaffFactory())
    Courier().drain()

    assert (how_many(NoticeStatus.DEAD), how_many(NoticeStatus.SENT)) == (1, 2)
    assert not Pause.objects.current().exists()


def test_a_trial_that_is_put_off_keeps_the_others_waiting(post_office):
    post_office.mishap = lambda number, address: "451 busy"
    pause = PauseFactory(template=TEMPLATE)
    NoticeFactory.create_batch(3)

    resume(pause, by=StaffFactory())
    Courier().drain()

    assert how_many(NoticeStatus.PENDING, attempts=0) == 2
    assert Pause.objects.being_tried().exists()


def test_where_nothing_waits_the_next_mail_is_the_one_that_is_tried(post_office):
    pause = PauseFactory(template=TEMPLATE)
    resume(pause, by=StaffFactory())
    Courier().drain()
    assert Pause.objects.current().exists()

    post_office.mishap = lambda number, address: SPAM
    NoticeFactory.create_batch(3)
    Courier().drain()

    assert (how_many(NoticeStatus.DEAD), how_many(NoticeStatus.PENDING)) == (1, 2)


def test_mail_that_is_no_use_any_more_is_not_the_one_that_is_tried(post_office):
    yesterday = timezone.now() - timedelta(days=1)
    pause = PauseFactory(template=TEMPLATE)
    NoticeFactory(first_due_at=yesterday, due_at=yesterday, expires_at=yesterday + timedelta(hours=1))
    fresh = NoticeFactory()

    resume(pause, by=StaffFactory())
    Courier().drain()

    pause.refresh_from_db()
    assert pause.trial == fresh
    assert how_many(NoticeStatus.DEAD, error__startswith="It could not be sent in time") == 1


def test_a_pause_is_ended_by_one_person_once():
    pause, staff = PauseFactory(template=TEMPLATE), StaffFactory()
    resume(pause, by=staff)

    with pytest.raises(RecordChanged):
        resume(pause, by=staff)


@pytest.mark.parametrize("post", [StaffRole.RESEARCH, StaffRole.COMMUNICATIONS, StaffRole.AUDITOR])
def test_who_may_not_is_refused(post):
    with pytest.raises(Refused):
        resume(PauseFactory(), by=StaffFactory(post=post))


def test_a_template_has_one_current_pause():
    PauseFactory(template=TEMPLATE)

    with pytest.raises(IntegrityError), transaction.atomic():
        PauseFactory(template=TEMPLATE)
