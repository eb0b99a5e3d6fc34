"""No more in a minute than was set, for all senders together."""

import threading
from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from notices.choices import PRIORITY, NoticeKind, NoticeStatus
from notices.delivery import Courier, Lease, Pace
from notices.delivery.rates import RELAY
from notices.models import Allowance, Notice
from tests.factories import NoticeFactory, StaffFactory
from tests.notices.post_office import PostOffice
from wwcsc.settings import number
from wwcsc.views.health import TOO_OLD, mail_is_stuck


@pytest.fixture
def post_office(settings):
    with PostOffice() as office:
        settings.MAILERS = office.mailers()
        yield office


def later(seconds):
    """As if this much time had passed for the bucket."""
    bucket = Allowance.objects.get(name=RELAY)
    Allowance.objects.update(filled_at=bucket.filled_at - timedelta(seconds=seconds))


@pytest.mark.django_db
def test_a_sender_stops_at_the_rate_and_goes_on_as_the_bucket_fills(post_office, settings):
    settings.MAIL_RATE = 30  # ten at once when rested, then one in two seconds
    NoticeFactory.create_batch(15)
    assert Courier().drain() == 10
    assert Courier().drain() == 0
    later(4.1)
    assert Courier().drain() == 2
    later(600)
    assert Courier().drain() == 3
    assert not Notice.objects.exclude(status=NoticeStatus.SENT).exists()


@pytest.mark.django_db
def test_a_rest_saves_up_no_more_than_twenty_seconds(post_office, settings):
    settings.MAIL_RATE = 30
    NoticeFactory()
    Courier().drain()
    later(3600)
    NoticeFactory.create_batch(15)
    assert Courier().drain() == 10


@pytest.mark.django_db
def test_a_rate_of_less_than_one_in_twenty_seconds_still_sends(post_office, settings):
    settings.MAIL_RATE = 1
    NoticeFactory.create_batch(2)
    assert Courier().drain() == 1
    later(60.1)
    assert Courier().drain() == 1


@pytest.mark.django_db
def test_a_sign_in_code_does_not_wait_but_counts(post_office, settings):
    settings.MAIL_RATE = 30
    NoticeFactory.create_batch(12, kind=NoticeKind.BULK, priority=PRIORITY[NoticeKind.BULK])
    assert Courier().drain() == 10
    NoticeFactory.create_batch(2, kind=NoticeKind.SECURITY, priority=PRIORITY[NoticeKind.SECURITY])
    assert Courier().drain() == 2
    assert Allowance.objects.get(name=RELAY).left < -1.5
    later(4.1)
    assert Courier().drain() == 0
    later(4)
    assert Courier().drain() == 2


@pytest.mark.django_db
def test_what_was_claimed_and_did_not_leave_is_given_back(settings):
    settings.MAIL_RATE = 30
    NoticeFactory.create_batch(15)
    lease = Lease.claim(Pace())
    assert len(lease.parcels) == 10
    assert lease.used_up
    lease.give_back()
    assert Allowance.objects.get(name=RELAY).left >= 10


@pytest.mark.django_db
def test_without_a_rate_nothing_is_counted(post_office):
    NoticeFactory.create_batch(30)
    assert Courier().drain() == 30
    assert not Allowance.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_senders_side_by_side_share_the_rate(post_office, settings):
    settings.MAIL_RATE = 60
    NoticeFactory.create_batch(80)
    begun, sent = timezone.now(), []

    def send():
        try:
            sent.append(Courier().drain())
        finally:
            connection.close()

    senders = [threading.Thread(target=send) for _ in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    passed = (timezone.now() - begun).total_seconds()
    assert len(post_office.taken) == sum(sent)
    assert 20 <= sum(sent) <= 20 + passed + 1


@pytest.mark.django_db
def test_a_long_queue_that_moves_is_no_trouble_and_one_that_stands_still_is(settings):
    settings.MAIL_RATE = 60
    old = timezone.now() - 3 * TOO_OLD
    NoticeFactory(first_due_at=old, due_at=old, created_at=old)
    assert mail_is_stuck(TOO_OLD)
    NoticeFactory(status=NoticeStatus.SENT, sent_at=timezone.now())
    assert not mail_is_stuck(TOO_OLD)
    settings.MAIL_RATE = 0
    assert mail_is_stuck(TOO_OLD)


@pytest.mark.django_db
def test_staff_read_how_long_it_will_take(client, settings):
    settings.MAIL_RATE = 2
    NoticeFactory.create_batch(5)
    client.force_login(StaffFactory())
    page = client.get(reverse("notices:mail")).content.decode()
    assert "no faster than 2 a minute" in page
    assert "about 3 minutes" in page


@pytest.mark.parametrize("said", ["fast", "-1", "nan", "inf"])
def test_a_rate_that_is_none_is_refused_at_the_start(monkeypatch, said):
    monkeypatch.setenv("MAIL_RATE", said)
    with pytest.raises(ImproperlyConfigured, match="MAIL_RATE must be a number"):
        number("MAIL_RATE", 0)
