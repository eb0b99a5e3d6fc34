from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from notices.choices import NoticeStatus
from notices.models import Pulse
from tests.factories import NoticeFactory

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def health(client):
    answer = client.get("/healthz")
    return answer.status_code, answer.json()


def test_it_is_content_with_nothing_to_send_and_a_clock_that_never_ran(client):
    status, said = health(client)
    assert (status, said["ok"], said["beat_age_seconds"]) == (200, True, None)


def test_mail_that_nobody_sends_is_an_alarm(client):
    NoticeFactory(due_at=timezone.now() - HOUR, first_due_at=timezone.now() - HOUR)
    assert health(client)[0] == 503


def test_a_letter_that_one_mailbox_put_off_is_no_alarm(client):
    NoticeFactory(due_at=timezone.now() + HOUR, first_due_at=timezone.now() - HOUR, attempts=3)
    assert health(client)[0] == 200


def test_a_sender_that_died_with_a_letter_is_an_alarm(client):
    then = timezone.now() - HOUR
    NoticeFactory(status=NoticeStatus.LEASED, due_at=then, first_due_at=then, lease_until=then, lease_token=uuid4())
    assert health(client)[0] == 503


@pytest.mark.parametrize(("age", "status"), [(timedelta(seconds=20), 200), (HOUR, 503)])
def test_a_clock_or_workers_that_stopped_are_an_alarm(client, age, status):
    Pulse.objects.create(name="beat", at=timezone.now() - age)
    assert health(client)[0] == status
