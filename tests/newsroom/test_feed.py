from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from newsroom.choices import PostStatus
from newsroom.feed import items
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
    NewsFactory(title="Public post")
    NewsFactory(title="Later post", public_from=timezone.now() + timedelta(hours=1))
    NewsFactory(title="Draft post", status=PostStatus.DRAFT)
    feed = client.get(reverse("newsroom:feed")).content.decode()
    assert seen.organisation.name in feed
    assert "Public post" in feed
    for hidden in ("Embargoed", "Unannounced", "Hidden programme", "Later post", "Draft post"):
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
    client.post(reverse("newsroom:approve_post", args=["what-we-learned"]), {"on": "2020-01-02", "at": "09:30"})
    client.logout()
    assert client.get(page).status_code == 200


def test_programme_staff_write_but_do_not_approve(client):
    client.force_login(StaffFactory())
    post = NewsFactory(status=PostStatus.DRAFT)
    assert client.get(reverse("newsroom:approve_post", args=[post.slug])).status_code == 403


def test_two_posts_with_one_title_have_two_addresses(client):
    client.force_login(StaffFactory())
    typed = {"title": "Same", "kind": "news", "summary": "In short.", "body": "At length."}
    first = client.post(reverse("newsroom:write_post"), typed)["Location"]
    second = client.post(reverse("newsroom:write_post"), typed)["Location"]
    assert first != second


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
