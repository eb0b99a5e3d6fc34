from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from newsroom import actions
from newsroom.choices import PostStatus
from newsroom.feed import items
from newsroom.models import Post
from people.choices import StaffRole
from tests.factories import (
    CallFactory,
    EvaluationFactory,
    NewsFactory,
    PartnershipFactory,
    RatingFactory,
    StaffFactory,
)

pytestmark = pytest.mark.django_db


def test_the_feed_holds_what_is_public_and_nothing_else(client):
    seen = PartnershipFactory(practice_name="Announced practice")
    PartnershipFactory(practice_name="Embargoed practice", public_from=timezone.now() + timedelta(hours=1))
    PartnershipFactory(practice_name="Unannounced practice", public_from=None)
    PartnershipFactory(practice_name="Hidden programme", programme__public_from=None)
    PartnershipFactory(practice_name="Hidden partner", organisation__is_public=False)
    NewsFactory(title="Public post")
    NewsFactory(title="Later post", public_from=timezone.now() + timedelta(hours=1))
    NewsFactory(title="Draft post", status=PostStatus.DRAFT)
    feed = client.get(reverse("newsroom:feed")).content.decode()
    assert seen.organisation.name in feed
    assert "Public post" in feed
    for hidden in ("Embargoed", "Unannounced", "Hidden programme", "Hidden partner", "Later post", "Draft post"):
        assert hidden not in feed


def test_the_feed_shows_the_same_to_staff_so_that_a_shared_cache_betrays_nothing(client):
    NewsFactory(title="Later post", public_from=timezone.now() + timedelta(hours=1))
    client.force_login(StaffFactory())
    assert "Later post" not in client.get(reverse("newsroom:feed")).content.decode()


def test_an_unchanged_feed_answers_304(client):
    NewsFactory()
    first = client.get(reverse("newsroom:feed"))
    again = client.get(reverse("newsroom:feed"), headers={"if-none-match": first["ETag"]})
    assert (first.status_code, again.status_code) == (200, 304)


def test_items_come_newest_first_and_keep_their_keys():
    old = NewsFactory(public_from=timezone.now() - timedelta(days=3))
    new = EvaluationFactory(public_from=timezone.now() - timedelta(days=1))
    assert [item.key for item in items()] == [f"evaluation-{new.pk}", f"post-{old.pk}"]


def test_a_post_is_written_approved_and_seen_only_from_its_moment(client):
    writer = StaffFactory(post=StaffRole.COMMUNICATIONS)
    client.force_login(writer)
    typed = {
        "title": "What we learned",
        "kind": "blog",
        "summary": "In short.",
        "body": "At length.",
        "author_role": "",
    }
    client.post(reverse("newsroom:write_post"), typed)
    page = reverse("newsroom:post", args=["what-we-learned"])
    assert client.get(page).status_code == 200
    client.logout()
    assert client.get(page).status_code == 404
    client.force_login(writer)
    approve = reverse("newsroom:approve_post", args=["what-we-learned"])
    seen = client.get(approve).context["form"]["seen"].value()
    client.post(approve, {"on": "2020-01-02", "at": "09:30", "seen": seen, "at_once": "on"})
    client.logout()
    assert client.get(page).status_code == 200


def test_a_post_does_not_come_out_at_once_by_a_moment_that_has_passed_unseen(client):
    client.force_login(StaffFactory(post=StaffRole.COMMUNICATIONS))
    post = NewsFactory(status=PostStatus.DRAFT)
    sent = form_of(client, "approve_post", post) | {"on": "2020-01-02", "at": "09:30"}
    page = client.post(reverse("newsroom:approve_post", args=[post.slug]), sent)
    assert "This moment has passed" in page.text
    post.refresh_from_db()
    assert post.status == PostStatus.DRAFT


def test_programme_staff_write_but_do_not_approve(client):
    client.force_login(StaffFactory())
    post = NewsFactory(status=PostStatus.DRAFT)
    assert client.get(reverse("newsroom:approve_post", args=[post.slug])).status_code == 403


def test_two_posts_with_one_title_have_two_addresses(client):
    client.force_login(StaffFactory())
    typed = {"title": "Same", "kind": "news", "summary": "In short.", "body": "At length."}
    first = client.post(reverse("newsroom:write_post"), typed)["Location"]
    second = client.post(reverse("newsroom:write_post"), typed | {"body": "Otherwise."})["Location"]
    assert first != second


def test_a_second_click_writes_no_second_post(client):
    client.force_login(StaffFactory())
    typed = {"title": "Same", "kind": "news", "summary": "In short.", "body": "At length."}
    answers = [client.post(reverse("newsroom:write_post"), typed)["Location"] for _ in range(2)]
    assert answers[0] == answers[1]
    assert Post.objects.count() == 1


def form_of(client, name, post):
    """What the browser would send back unchanged."""
    form = client.get(reverse(f"newsroom:{name}", args=[post.slug])).context["form"]
    return {name: form[name].value() or "" for name in form.fields}


def test_what_a_colleague_wrote_meanwhile_is_not_overwritten(client):
    client.force_login(StaffFactory())
    post = NewsFactory(status=PostStatus.DRAFT)
    address = reverse("newsroom:change_post", args=[post.slug])
    mine = form_of(client, "change_post", post) | {"summary": "Mine."}
    Post.objects.filter(pk=post.pk).update(summary="Theirs.")
    page = client.post(address, mine)
    assert "Somebody else changed this post" in page.content.decode()
    assert "Mine." in page.content.decode()
    post.refresh_from_db()
    assert post.summary == "Theirs."
    again = form_of(client, "change_post", post) | {"summary": "Mine."}
    assert client.post(address, again).status_code == 302


def test_words_that_nobody_read_are_not_approved(client):
    client.force_login(StaffFactory(post=StaffRole.COMMUNICATIONS))
    post = NewsFactory(status=PostStatus.DRAFT, body="What the approver read.")
    address = reverse("newsroom:approve_post", args=[post.slug])
    assert "What the approver read." in client.get(address).content.decode()
    sent = form_of(client, "approve_post", post) | {"at_once": "on"}
    Post.objects.filter(pk=post.pk).update(body="Other words.")
    page = client.post(address, sent).content.decode()
    assert "Somebody else changed this post" in page
    assert "Other words." in page
    post.refresh_from_db()
    assert post.status == PostStatus.DRAFT


def test_a_draft_that_was_approved_meanwhile_is_not_changed():
    writer = StaffFactory()
    stale = NewsFactory(status=PostStatus.DRAFT)
    Post.objects.filter(pk=stale.pk).update(status=PostStatus.APPROVED)
    words = {name: getattr(stale, name) for name in Post.WORDS} | {"body": "Unread."}
    with pytest.raises(ValidationError, match="back to draft"):
        actions.change(stale, **words, seen=stale.mark, by=writer)


def test_a_moment_that_the_clocks_leave_out_is_refused(client):
    client.force_login(StaffFactory(post=StaffRole.COMMUNICATIONS))
    post = NewsFactory(status=PostStatus.DRAFT)
    sent = form_of(client, "approve_post", post) | {"on": "2040-03-25", "at": "01:30"}
    page = client.post(reverse("newsroom:approve_post", args=[post.slug]), sent)
    assert "This time does not exist on that day" in page.content.decode()


@pytest.mark.parametrize(
    ("role", "words"),
    [(StaffRole.PROGRAMMES, {"Change"}), (StaffRole.COMMUNICATIONS, {"Change", "Approve"}), (StaffRole.AUDITOR, set())],
)
def test_each_sees_the_buttons_that_are_theirs(client, role, words):
    client.force_login(StaffFactory(post=role))
    page = client.get(NewsFactory(status=PostStatus.DRAFT).get_absolute_url()).content.decode()
    main = page[page.index("<main") : page.index("</main")]
    assert {word for word in ("Change", "Approve") if f">{word}<" in main} == words


def test_the_back_room_changes_no_approved_words(admin_client):
    for post, kept in ((NewsFactory(), True), (NewsFactory(status=PostStatus.DRAFT), False)):
        page = admin_client.get(reverse("admin:newsroom_post_change", args=[post.pk]))
        fields = page.context["adminform"].form.fields
        assert ("body" not in fields) is kept
        assert "public_from" not in fields


def test_scripts_in_a_post_are_shown_as_text(client):
    post = NewsFactory(body="<script>alert(1)</script> [link](javascript:alert(1))")
    page = client.get(post.get_absolute_url()).content.decode()
    assert "<script>alert" not in page
    assert 'href="javascript' not in page


def test_a_rating_leaves_the_feed_with_its_entry_and_comes_with_its_later_moment():
    rating = RatingFactory(recorded_at=timezone.now() - timedelta(days=2))
    assert [(item.key, item.at) for item in items()] == [(f"rating-{rating.pk}", rating.recorded_at)]
    entry = rating.finding.entry
    entry.status, entry.status_reason = "withdrawn", "The study was retracted."
    entry.save()
    assert items() == []


def test_a_call_is_told_by_its_kind():
    call = CallFactory(kind="evaluators")
    assert [item.title for item in items()] == [f"Competition for an evaluator: {call.title}"]
