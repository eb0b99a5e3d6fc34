"""Followers of a call get a mail when it opens: once, late rather than never, and not after it has closed."""

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from calls.actions.enquiries import stop_following, tell_followers_of_open_calls
from calls.choices import CallStatus
from calls.models import Call, Follower
from calls.tasks import tell_followers_of_what_opened
from notices.mailings import words_of
from notices.models import Notice
from people.models import Person
from tests.factories import CallFactory, PersonFactory
from wwcsc.celery import BEAT_SCHEDULE

pytestmark = pytest.mark.django_db


@pytest.fixture
def call():
    now = timezone.now()
    return CallFactory(
        opens_at=now + timedelta(days=1), closes_at=now + timedelta(days=40), public_from=now - timedelta(days=1)
    )


def follower(call):
    return Follower.objects.create(call=call, person=PersonFactory()).person


def told():
    return list(Notice.objects.filter(template="calls/emails/call_opened").values_list("to", flat=True))


@pytest.mark.parametrize(("seconds", "number"), [(-1, 0), (0, 1), (1, 1)])
def test_the_mail_is_due_from_the_opening_moment_on(call, seconds, number):
    person = follower(call)
    tell_followers_of_open_calls(call.opens_at + timedelta(seconds=seconds))
    assert told() == [person.email] * number


@pytest.mark.parametrize(("seconds", "number"), [(-1, 1), (0, 0), (1, 0)])
def test_it_is_sent_late_rather_than_never_but_not_once_the_call_has_closed(call, seconds, number):
    follower(call)
    tell_followers_of_open_calls(call.closes_at + timedelta(seconds=seconds))
    assert len(told()) == number


def test_however_often_it_is_swept_each_follower_is_told_once(call):
    people = [follower(call), follower(call)]
    with time_machine.travel(call.opens_at + timedelta(minutes=1), tick=False):
        for _ in range(3):
            tell_followers_of_what_opened()
        # Another follows after it has opened, and sees that it is open.
        follower(call)
        tell_followers_of_what_opened()
    assert sorted(told()) == sorted(person.email for person in people)
    notice = Notice.objects.get(key=f"call-opened:{call.pk}:{people[0].pk}")
    assert notice.expires_at == call.closes_at
    assert call.title in notice.subject
    assert reverse("calls:call", args=[call.slug]) in words_of(notice).letter.text


def test_sweeping_costs_the_same_however_many_were_told(call, django_assert_num_queries):
    at = call.opens_at + timedelta(minutes=1)
    for _ in range(5):
        follower(call)
    tell_followers_of_open_calls(at)
    with django_assert_num_queries(3):
        tell_followers_of_open_calls(at)


@pytest.mark.parametrize("status", [one for one in CallStatus if one != CallStatus.PUBLISHED])
def test_only_a_published_call_opens(call, status):
    follower(call)
    Call.objects.filter(pk=call.pk).update(status=status, cancelled_reason="No money")
    assert tell_followers_of_open_calls(call.opens_at) == 0


def test_who_stopped_following_or_left_is_not_written_to(call):
    stop_following(call, by=follower(call))
    Person.objects.filter(pk=follower(call).pk).update(is_active=False)
    assert tell_followers_of_open_calls(call.opens_at) == 0


def test_the_clock_rings_for_it_every_minute():
    assert BEAT_SCHEDULE[tell_followers_of_what_opened.name] == 60


def test_following_says_whether_an_opening_is_to_come(client, call):
    client.force_login(PersonFactory())
    url = reverse("calls:follow", args=[call.slug])
    assert "when the call opens" in client.post(url, follow=True).content.decode()
    Call.objects.filter(pk=call.pk).update(opens_at=timezone.now() - timedelta(hours=1))
    assert "when the call opens" not in client.post(url, follow=True).content.decode()
