"""Everything of one kind that could not be sent, tried again by one press."""

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.models import Event
from notices.choices import NoticeKind, NoticeStatus
from notices.delivery import Courier
from notices.models import Attempt, Notice
from people.choices import StaffRole
from tests.factories import NoticeFactory, PauseFactory, StaffFactory
from tests.notices.post_office import PostOffice

pytestmark = pytest.mark.django_db
URL = "notices:resend_many"


@pytest.fixture
def staff(client):
    staff = StaffFactory()
    client.force_login(staff)
    return staff


def dead(count, template="calls/emails/receipt", **values):
    given = {"status": NoticeStatus.DEAD, "error": "mail refused: 554 looks like spam", "template": template} | values
    return NoticeFactory.create_batch(count, **given)


def shown(client, notices):
    return client.get(reverse(URL), {"template": notices[0].template}).content.decode()


def asked(client, notices, **changes):
    """Press the button of a page that was shown just now."""
    typed = {"template": notices[0].template, "seen": timezone.now().isoformat()}
    return client.post(reverse(URL), typed | changes, follow=True)


def test_the_list_offers_it_where_more_than_one_of_a_kind_failed(client, staff):
    several, one = dead(3), dead(1, template="calls/emails/result")
    page = client.get(reverse("notices:mail")).content.decode()
    assert f"{reverse(URL)}?template=calls/emails/receipt" in page
    assert f"Letters such as “{several[0].subject}”" in page
    assert one[0].template not in page


def test_the_page_before_says_how_many_and_why_and_changes_nothing(client, staff):
    notices = [*dead(2), *dead(1, error="address refused: 550 no such person")]
    page = shown(client, notices)
    assert "3 mails of this kind could not be sent" in page
    assert "554 looks like spam (2)" in page
    assert "550 no such person (1)" in page
    assert Notice.objects.needing_a_person().count() == 3


def test_all_of_them_go_once_more_under_their_names(client, staff, settings):
    notices = dead(3)
    page = asked(client, notices)
    assert "3 mails are put back into the queue." in page.content.decode()
    with PostOffice() as office:
        settings.MAILERS = office.mailers()
        Courier().drain()
        assert {message["Message-ID"] for message in office.taken} == {notice.message_id for notice in notices}
    assert Attempt.objects.filter(what="sent again by a person").count() == 3
    assert Event.objects.filter(verb="moved", subject_type="notices.notice", person_id=staff.pk).count() == 3


def test_a_second_press_sends_nothing_twice(client, staff):
    notices = dead(2)
    asked(client, notices)
    page = asked(client, notices)
    assert "Nothing was sent twice" in page.content.decode()
    assert Attempt.objects.filter(what="sent again by a person").count() == 2


def test_what_failed_after_the_page_was_shown_is_left_however_old_it_is(client, staff):
    (waiting,) = dead(1, status=NoticeStatus.PENDING, error="")
    seen = dead(2)
    moment = timezone.now().isoformat()
    Notice.objects.filter(pk=waiting.pk).update(status=NoticeStatus.DEAD)
    Attempt.objects.create(notice=waiting, what="could not be sent")
    asked(client, seen, seen=moment)
    assert set(Notice.objects.needing_a_person()) == {waiting}


def test_a_page_that_is_sent_again_after_they_failed_once_more_sends_nothing(client, staff, settings):
    notices, moment = dead(2), timezone.now().isoformat()
    asked(client, notices, seen=moment)
    with PostOffice(lambda number, address: "554 looks like spam") as office:
        settings.MAILERS = office.mailers()
        Courier().drain()
    assert Notice.objects.needing_a_person().count() == 2
    assert "Nothing was sent twice" in asked(client, notices, seen=moment).content.decode()
    assert Notice.objects.needing_a_person().count() == 2


def test_what_was_dealt_with_or_is_secret_or_of_another_kind_is_left(client, staff):
    notices = dead(2)
    handled = dead(1, handled_at="2026-11-01T12:00Z")
    secret = dead(1, kind=NoticeKind.SECURITY)
    other = dead(1, template="calls/emails/result")
    asked(client, notices)
    assert set(Notice.objects.filter(status=NoticeStatus.DEAD)) == {*handled, *secret, *other}


def test_what_is_kept_from_somebody_is_neither_counted_nor_sent_by_them(client, staff):
    notices = dead(2, kept_from=[staff.pk])
    assert reverse(URL) not in client.get(reverse("notices:mail")).content.decode()
    assert "Nothing waits here" in shown(client, notices)
    asked(client, notices)
    assert Notice.objects.needing_a_person().count() == 2


def test_mail_of_a_paused_template_waits_with_the_others_and_the_page_says_so(client, staff):
    notices = dead(2)
    PauseFactory(template=notices[0].template)
    before = shown(client, notices)
    assert "This kind of mail is paused" in before
    assert "What is paused waits" in asked(client, notices).content.decode()
    assert not Notice.objects.due().exists()


@pytest.mark.parametrize("seen", ["", "soon", "2026-11-28T12:00", "0001-01-01T00:00Z", "9999-12-31T23:59Z", "9" * 50])
def test_nonsense_sends_nothing(client, staff, seen):
    notices = dead(2)
    page = asked(client, notices, seen=seen)
    assert "Nothing was sent" in page.content.decode()
    assert Notice.objects.needing_a_person().count() == 2


def test_auditors_read_and_do_not_send(client):
    client.force_login(StaffFactory(post=StaffRole.AUDITOR))
    notices = dead(2)
    assert reverse(URL) not in client.get(reverse("notices:mail")).content.decode()
    assert asked(client, notices).status_code == 403
