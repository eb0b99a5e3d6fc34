from datetime import timedelta

import pytest
from django.utils import timezone

from notices.choices import NoticeKind, NoticeStatus
from notices.delivery import RELAY_SILENT, Courier, Lease, Pace, Stopped, take_up_expired_leases
from notices.delivery.messages import headers_for
from notices.models import Attempt, Notice, Pulse, Suppression
from tests.factories import NoticeFactory
from tests.notices.post_office import PostOffice

QUICK = Pace(first_wait=0.01, longest_wait=0.02, letter_waits=timedelta(0))


@pytest.fixture
def post_office(settings):
    with PostOffice() as office:
        settings.MAILERS = office.mailers()
        yield office


@pytest.mark.django_db
def test_what_is_due_is_sent_over_one_connection_in_order_of_urgency(post_office):
    NoticeFactory(kind=NoticeKind.BULK, priority=30, to="third@demo.example")
    NoticeFactory(kind=NoticeKind.LETTER, priority=20, to="second@demo.example")
    NoticeFactory(kind=NoticeKind.SECURITY, priority=0, to="first@demo.example")

    sent = Courier().drain()

    assert sent == 3
    assert [message["To"] for message in post_office.taken] == [
        "first@demo.example",
        "second@demo.example",
        "third@demo.example",
    ]
    assert post_office.connections == 1
    assert set(Notice.objects.values_list("status", flat=True)) == {NoticeStatus.SENT}


@pytest.mark.django_db
@pytest.mark.parametrize(("pace", "lines"), [({"messages_per_connection": 3}, 4), ({"line_lives": 0}, 10), ({}, 1)])
def test_no_line_carries_too_many_mails_or_lives_too_long(post_office, pace, lines):
    NoticeFactory.create_batch(10)

    Courier(Pace(**pace)).drain()

    assert len(post_office.taken) == 10
    assert post_office.connections == lines


@pytest.mark.django_db
def test_a_line_on_which_everything_is_refused_is_changed_too(settings):
    NoticeFactory.create_batch(10)
    with PostOffice(lambda number, address: "rcpt 550 no such person") as office:
        settings.MAILERS = office.mailers()
        Courier(Pace(messages_per_connection=3)).drain()

    assert office.connections == 4


@pytest.mark.django_db
def test_a_mail_carries_its_own_name_and_says_that_a_machine_wrote_it(post_office):
    notice = NoticeFactory()

    Courier().drain()

    (message,) = post_office.taken
    assert message["Message-ID"] == notice.message_id
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Unsubscribe"] is None
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.django_db
def test_only_an_announcement_can_be_stopped_with_one_click():
    headers = headers_for(NoticeKind.BULK, "ann@demo.example", "<1.1@localhost>")

    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "/mail/stop/" in headers["List-Unsubscribe"]


@pytest.mark.django_db
def test_the_words_of_a_security_mail_are_erased_once_it_is_sent(post_office):
    notice = NoticeFactory(kind=NoticeKind.SECURITY, body_text="Your code is QX-7", body_html="<p>QX-7</p>")

    Courier().drain()

    notice.refresh_from_db()
    assert "QX-7" in post_office.taken[0].as_string()
    assert (notice.status, notice.body_text, notice.body_html) == (NoticeStatus.SENT, "", "")


@pytest.mark.django_db
def test_a_relay_that_does_not_answer_burns_no_attempt(settings):
    settings.MAILERS = {
        "default": {
            "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "OPTIONS": {"host": "127.0.0.1", "port": 9, "timeout": 1},
        }
    }
    notice = NoticeFactory()

    assert Courier().drain() == 0

    notice.refresh_from_db()
    assert (notice.status, notice.attempts) == (NoticeStatus.PENDING, 0)
    assert Pulse.objects.filter(name=RELAY_SILENT).exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        ("rcpt 550 no such person", NoticeStatus.DEAD, "address refused: 550 no such person"),
        ("rcpt 450 greylisted", NoticeStatus.PENDING, "put off by the relay: 450 greylisted"),
        ("554 looks like spam", NoticeStatus.DEAD, "mail refused: 554 looks like spam"),
        ("451 busy", NoticeStatus.PENDING, "put off by the relay: 451 busy"),
    ],
)
def test_what_a_refusal_means(post_office, answer, status, said):
    post_office.mishap = lambda number, address: answer
    notice = NoticeFactory()

    Courier().drain(seconds=5)

    notice.refresh_from_db()
    assert (notice.status, notice.error, notice.wire_at) == (status, said, None)


@pytest.mark.django_db
def test_a_mail_that_was_perhaps_taken_goes_again_under_the_same_name(post_office):
    post_office.mishap = lambda number, address: "drop after" if number == 1 else None
    notice = NoticeFactory(kind=NoticeKind.REMINDER)

    for _ in range(200):
        Courier(QUICK).drain()
        if Notice.objects.filter(status=NoticeStatus.SENT).exists():
            break

    assert post_office.message_ids == {notice.message_id: 2}
    assert list(Attempt.objects.values_list("what", flat=True)) == ["perhaps sent", "sent again", "accepted"]


@pytest.mark.django_db
def test_a_decision_that_was_perhaps_sent_waits_for_a_person_to_look(post_office):
    post_office.mishap = lambda number, address: "drop after"
    notice = NoticeFactory(kind=NoticeKind.LETTER)

    Courier().drain()

    notice.refresh_from_db()
    assert notice.was_perhaps_sent
    assert timedelta(minutes=14) < notice.due_at - timezone.now() < timedelta(minutes=16)


@pytest.mark.django_db
def test_a_mail_that_has_become_useless_is_not_sent(post_office):
    yesterday = timezone.now() - timedelta(days=1)
    notice = NoticeFactory(first_due_at=yesterday, due_at=yesterday, expires_at=timezone.now() - timedelta(hours=1))

    Courier().drain()

    notice.refresh_from_db()
    assert notice.status == NoticeStatus.DEAD
    assert post_office.taken == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "only_bulk", "status"),
    [
        (NoticeKind.LETTER, False, NoticeStatus.SUPPRESSED),
        (NoticeKind.LETTER, True, NoticeStatus.SENT),
        (NoticeKind.BULK, True, NoticeStatus.SUPPRESSED),
        (NoticeKind.SECURITY, False, NoticeStatus.SENT),
    ],
)
def test_who_must_not_be_written_to(post_office, kind, only_bulk, status):
    notice = NoticeFactory(kind=kind, to="Ann@demo.example")
    Suppression.objects.create(
        address_hash=Suppression.hash_of("ann@DEMO.example"), reason="bounced", only_bulk=only_bulk
    )

    Courier().drain()

    notice.refresh_from_db()
    assert notice.status == status


@pytest.mark.django_db
def test_one_mail_that_cannot_be_written_does_not_stop_the_others(post_office):
    poison = NoticeFactory(subject="two\nlines")
    good = NoticeFactory()

    Courier().drain()

    poison.refresh_from_db()
    good.refresh_from_db()
    assert (poison.status, good.status) == (NoticeStatus.DEAD, NoticeStatus.SENT)


@pytest.mark.django_db
def test_what_a_stopped_sender_left_behind_is_taken_up():
    NoticeFactory.create_batch(2)
    Lease.claim(Pace(lease=timedelta(seconds=-1)))

    assert take_up_expired_leases() == 2
    assert set(Notice.objects.values_list("status", flat=True)) == {NoticeStatus.PENDING}


@pytest.mark.django_db
def test_a_sender_that_wakes_up_after_its_lease_sends_nothing():
    NoticeFactory()
    late = Lease.claim(Pace(lease=timedelta(seconds=-1)))
    take_up_expired_leases()

    with pytest.raises(Stopped):
        late.settle_and_mark([], late.parcels)
    assert not Notice.objects.exclude(wire_at=None).exists()


@pytest.mark.django_db
def test_what_was_claimed_and_not_sent_is_given_back():
    NoticeFactory.create_batch(3)
    lease = Lease.claim(Pace())
    lease.settle_and_mark([], lease.parcels[:1])

    lease.give_back()

    assert Notice.objects.filter(status=NoticeStatus.PENDING, attempts=0).count() == 2
    assert Notice.objects.filter(status=NoticeStatus.LEASED).count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 40])
def test_claiming_costs_the_same_however_much_is_due(count, django_assert_max_num_queries):
    NoticeFactory.create_batch(count)

    with django_assert_max_num_queries(8):
        Lease.claim(Pace())
