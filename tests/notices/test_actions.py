from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from notices.actions import queue, stop_writing_to, withdraw
from notices.choices import NoticeKind, NoticeStatus
from notices.letters import LetterRefused
from notices.models import Notice, Suppression

CODE = "account/email/login_code"


def queue_code(**changes):
    values = {"to": "ann@demo.example", "key": "code:1", "kind": NoticeKind.SECURITY, "code": "AB12-CD34", "minutes": 3}
    return queue(CODE, **values | changes)


@pytest.mark.django_db
def test_a_mail_is_written_when_it_is_queued():
    notice = queue_code()

    assert notice.status == NoticeStatus.PENDING
    assert notice.subject == "Your sign-in code for the WWCSC portal"
    assert "AB12-CD34" in notice.body_text
    assert "AB12-CD34" in notice.body_html
    assert notice.message_id == f"<{notice.pk}.1@localhost>"


@pytest.mark.django_db
def test_a_key_that_is_there_already_gives_back_its_first_mail():
    first = queue_code()
    second = queue_code(to="somebody.else@demo.example")

    assert second == first
    assert Notice.objects.count() == 1


@pytest.mark.django_db
def test_what_was_taken_back_does_not_come_back_under_its_key_and_a_new_time_has_a_mail_of_its_own():
    first = queue_code()
    withdraw(first, by=None, why="Not needed")

    assert queue_code().status == NoticeStatus.CANCELLED
    assert queue_code(key="code:1:v2").status == NoticeStatus.PENDING


@pytest.mark.django_db
def test_a_letter_with_a_hole_in_it_is_refused():
    with pytest.raises(LetterRefused, match="code"):
        queue_code(code="")

    assert not Notice.objects.exists()


@pytest.mark.django_db
def test_a_template_that_does_not_exist_is_refused():
    with pytest.raises(LetterRefused, match="nowhere"):
        queue("notices/emails/nowhere", to="ann@demo.example", key="k")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address", ["", "ann", "ann@", "a@b.example\nBcc: c@d.example", "ann@demo.example, bo@demo.example"]
)
def test_only_one_whole_address_is_written_to(address):
    with pytest.raises(LetterRefused):
        queue_code(to=address)


@pytest.mark.django_db(transaction=True)
def test_a_cause_that_is_rolled_back_leaves_no_mail():
    with transaction.atomic():
        queue_code()
        transaction.set_rollback(True)

    assert not Notice.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("only_bulk", "asked_for", "now"), [(False, True, True), (True, False, False), (True, True, True)]
)
def test_whoever_asks_again_after_a_suppression_has_ended_is_not_written_to(only_bulk, asked_for, now):
    yesterday = timezone.now() - timedelta(days=1)
    Suppression.objects.create(
        address_hash=Suppression.hash_of("ann@demo.example"),
        reason="bounced",
        since=yesterday - timedelta(days=1),
        until=yesterday,
        only_bulk=only_bulk,
    )

    stop_writing_to("ann@demo.example", reason="asked", by=None, only_bulk=asked_for)

    assert Suppression.objects.holding().get().only_bulk is now
