import pytest
from django.core.signing import Signer
from django.test import Client
from django.urls import reverse

from audit.models import Event
from notices.choices import NoticeKind, NoticeStatus
from notices.delivery import UNSUBSCRIBE_SALT, unsubscribe_path
from notices.models import Notice, Pause, Suppression
from people.choices import StaffRole
from tests.factories import MembershipFactory, NoticeFactory, PauseFactory, StaffFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff_client(client):
    client.force_login(StaffFactory())
    return client


def test_only_staff_see_mail(client):
    notice = NoticeFactory()
    client.force_login(MembershipFactory().person)

    for address in [reverse("notices:mail"), reverse("notices:notice", args=[notice.pk])]:
        assert client.get(address).status_code == 403


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?status=sent",
        "?status=nonsense",
        "?kind=bulk&kind=letter",
        "?q=reader",
        "?needs_person=on",
        "?page=999",
        "?page=x",
        "?template=letter",
    ],
)
def test_the_list_opens_however_it_is_filtered(staff_client, query):
    NoticeFactory()

    assert staff_client.get(reverse("notices:mail") + query).status_code == 200


def test_the_list_shows_what_the_filter_asks_for(staff_client):
    dead = NoticeFactory(status=NoticeStatus.DEAD)
    NoticeFactory()

    page = staff_client.get(reverse("notices:mail") + "?needs_person=on").context["page"]

    assert list(page.object_list) == [dead]


@pytest.mark.parametrize("count", [1, 40])
def test_the_list_costs_the_same_however_long_it_is(staff_client, count, django_assert_max_num_queries):
    NoticeFactory.create_batch(count)
    staff_client.get(reverse("notices:mail"))

    with django_assert_max_num_queries(15):
        staff_client.get(reverse("notices:mail"))


def test_nobody_sees_the_words_of_a_security_mail(staff_client):
    notice = NoticeFactory(kind=NoticeKind.SECURITY, body_text="QX-7", body_html="<p>QX-7</p>")

    page = staff_client.get(reverse("notices:notice", args=[notice.pk])).content.decode()

    assert "QX-7" not in page
    assert staff_client.get(reverse("notices:notice_html", args=[notice.pk])).status_code == 404


def test_a_mail_is_drawn_in_a_sandbox(staff_client):
    notice = NoticeFactory(body_html="<script>alert(1)</script>")

    response = staff_client.get(reverse("notices:notice_html", args=[notice.pk]))

    policy = response.headers["Content-Security-Policy"]
    assert "sandbox" in policy
    assert "default-src 'none'" in policy
    assert "script" not in policy


def test_a_held_letter_is_released_by_hand(staff_client):
    notice = NoticeFactory(status=NoticeStatus.HELD)

    staff_client.post(reverse("notices:release", args=[notice.pk]))

    notice.refresh_from_db()
    assert notice.status == NoticeStatus.PENDING
    assert Event.objects.filter(verb="moved", subject_type="notices.notice", subject_id=notice.pk).exists()


def test_a_letter_released_twice_is_released_once(staff_client):
    notice = NoticeFactory(status=NoticeStatus.HELD)

    answers = [staff_client.post(reverse("notices:release", args=[notice.pk])).status_code for _ in range(2)]

    assert answers == [302, 409]


def test_ticked_letters_are_released_together(staff_client):
    held = NoticeFactory.create_batch(3, status=NoticeStatus.HELD)

    staff_client.post(reverse("notices:release_many"), {"letters": [held[0].pk, held[2].pk]})

    assert set(Notice.objects.held()) == {held[1]}


@pytest.mark.parametrize("letters", [[], ["x"], ["999999"], ["9" * 30]])
def test_ticking_nothing_or_nonsense_releases_nothing(staff_client, letters):
    NoticeFactory(status=NoticeStatus.HELD)

    response = staff_client.post(reverse("notices:release_many"), {"letters": letters}, follow=True)

    assert response.status_code == 200
    assert Notice.objects.held().count() == 1


def test_a_waiting_mail_can_be_withdrawn(staff_client):
    notice = NoticeFactory()

    staff_client.post(reverse("notices:withdraw", args=[notice.pk]), {"why": "Sent by post"})

    notice.refresh_from_db()
    assert notice.status == NoticeStatus.CANCELLED
    assert notice.attempt_rows.get().detail == "Sent by post"


def test_a_mail_that_was_sent_cannot_be_withdrawn(staff_client):
    notice = NoticeFactory(status=NoticeStatus.SENT, sent_at="2026-11-01T12:00Z")

    assert staff_client.post(reverse("notices:withdraw", args=[notice.pk])).status_code == 409


def test_a_dead_letter_is_tried_again_under_the_same_name(staff_client):
    notice = NoticeFactory(status=NoticeStatus.DEAD, error="mail refused")

    staff_client.post(reverse("notices:resend", args=[notice.pk]))

    again = Notice.objects.get(pk=notice.pk)
    assert (again.status, again.error, again.message_id) == (NoticeStatus.PENDING, "", notice.message_id)


def test_a_dead_letter_can_be_marked_as_handled(staff_client):
    notice = NoticeFactory(status=NoticeStatus.DEAD)

    staff_client.post(reverse("notices:handled", args=[notice.pk]))

    assert not Notice.objects.needing_a_person().exists()


def test_staff_stop_writing_to_an_address_that_was_refused_and_start_again(staff_client):
    notice = NoticeFactory(status=NoticeStatus.DEAD, error="address refused: 550 no such person")
    page = staff_client.get(reverse("notices:notice", args=[notice.pk])).content.decode()
    assert "Write to this address no more" in page

    staff_client.post(reverse("notices:suppress", args=[notice.pk]))
    assert Suppression.objects.get().address_hash == Suppression.hash_of(notice.to)
    staff_client.post(reverse("notices:write_again", args=[notice.pk]))
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("name", ["release", "withdraw", "resend", "handled", "suppress", "write_again"])
def test_an_auditor_reads_and_does_nothing(client, name):
    notice = NoticeFactory(status=NoticeStatus.HELD)
    client.force_login(StaffFactory(post=StaffRole.AUDITOR))

    assert client.get(reverse("notices:notice", args=[notice.pk])).status_code == 200
    assert client.post(reverse(f"notices:{name}", args=[notice.pk])).status_code == 403


def test_mail_says_on_top_what_is_paused_how_much_waits_and_what_the_server_said(staff_client):
    PauseFactory(template="calls/emails/receipt", why="mail refused: 554 looks like spam")
    waiting = NoticeFactory.create_batch(3, template="calls/emails/receipt")
    NoticeFactory(template="calls/emails/receipt", status=NoticeStatus.DEAD)

    page = staff_client.get(reverse("notices:mail")).content.decode()

    assert all(said in page for said in ("calls/emails/receipt", "554 looks like spam", "3 mails wait,", "Send again"))
    assert f'href="{reverse("notices:notice", args=[waiting[0].pk])}">Read one that waits' in page
    assert "is paused" in staff_client.get(reverse("notices:notice", args=[waiting[0].pk])).content.decode()


def test_what_waits_is_counted_over_what_the_reader_may_see(client):
    staff = StaffFactory()
    client.force_login(staff)
    PauseFactory(template="calls/emails/receipt")
    NoticeFactory(template="calls/emails/receipt", kept_from=[staff.pk])

    page = client.get(reverse("notices:mail")).content.decode()

    assert "0 mails wait," in page
    assert "Read one that waits" not in page


def test_a_paused_template_is_sent_again_by_hand(staff_client):
    pause = PauseFactory()
    NoticeFactory(template=pause.template)
    assert "Mail is paused" in staff_client.get(reverse("staff_work")).content.decode()

    staff_client.post(reverse("notices:resume", args=[pause.pk]))

    assert Pause.objects.being_tried().get() == pause
    page = staff_client.get(reverse("notices:mail")).content.decode()
    assert "asked for it to be sent again" in page
    assert "Send again" not in page


def test_a_dead_letter_of_a_paused_template_is_not_said_to_be_tried(staff_client):
    pause = PauseFactory()
    notice = NoticeFactory(template=pause.template, status=NoticeStatus.DEAD, error="mail refused: 554 spam")

    page = staff_client.post(reverse("notices:resend", args=[notice.pk]), follow=True).content.decode()

    assert "It is tried again now" not in page
    assert "Nothing was sent yet" in page


def test_who_may_not_send_it_again_reads_who_may(client):
    PauseFactory()
    client.force_login(StaffFactory(post=StaffRole.RESEARCH))

    page = client.get(reverse("notices:mail")).content.decode()

    assert "Programme staff and administrators can send it again" in page
    assert "Send again, one first" not in page
    assert "Mail is paused" not in client.get(reverse("staff_work")).content.decode()


def test_looking_at_the_way_out_changes_nothing_and_one_post_is_enough():
    outsider = Client(enforce_csrf_checks=True)
    path = unsubscribe_path("Ann@demo.example")

    assert outsider.get(path).status_code == 200
    assert not Suppression.objects.exists()
    assert outsider.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert Suppression.objects.get().only_bulk


@pytest.mark.parametrize("token", ["x", "a:b", Signer(salt="other").sign_object("ann@demo.example")])
def test_a_forged_way_out_is_not_found(client, token):
    assert client.post(reverse("notices:unsubscribe", args=[token])).status_code == 404
    assert UNSUBSCRIBE_SALT
