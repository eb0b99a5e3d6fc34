"""What happens twice, or in the back room, and what nobody had seen yet."""

from datetime import timedelta

import pytest
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone
from django.utils.timezone import localdate

from audit.models import Event
from evidence_store.actions import entries, ratings
from evidence_store.models import Entry
from lifecycle.actions import MoveRefused, RecordChanged
from people.choices import StaffRole
from tests.factories import EntryFactory, FindingFactory, OutcomeFactory, StaffFactory, effect, strength

pytestmark = pytest.mark.django_db


@pytest.fixture
def researcher():
    return StaffFactory(post=StaffRole.RESEARCH)


def test_a_second_click_begins_no_second_entry(researcher):
    first, again = (entries.begin(by=researcher, title="Family group meetings") for _ in range(2))
    assert first == again
    Entry.objects.update(updated_at=timezone.now() - timedelta(hours=1))
    assert entries.begin(by=researcher, title="Family group meetings").slug == "family-group-meetings-2"


def test_a_second_click_records_no_second_rating(researcher):
    finding, said = FindingFactory(), {"effect": effect(), "strength": strength(), "reason": "Two good studies."}
    first, again = (ratings.rate(finding, by=researcher, **said) for _ in range(2))
    assert first == again
    assert ratings.rate(finding, by=researcher, **{**said, "reason": "A third study."}) != first
    assert finding.ratings.count() == 2


@pytest.mark.parametrize(
    "changed",
    [{"studies": 5}, {"assessor": "The board"}, {"assessed_on": localdate() - timedelta(days=3)},
     {"public_from": timezone.now() + timedelta(days=3)}],
)  # fmt: skip
def test_what_is_put_right_at_once_is_a_rating_of_its_own(researcher, changed):
    finding, said = FindingFactory(), {"effect": effect(), "strength": strength(), "reason": "Good.", "studies": 3}
    first, corrected, again = (ratings.rate(finding, by=researcher, **told) for told in (said, said | changed, said))
    assert len({first, corrected, again}) == 3
    assert ratings.rate(finding, by=researcher, **said) == again


def test_other_words_under_the_same_title_are_another_entry(researcher):
    first = entries.begin(by=researcher, title="Family group meetings", summary="In one authority.")
    other = entries.begin(by=researcher, title="Family group meetings", summary="In two authorities.")
    assert (first.slug, other.slug) == ("family-group-meetings", "family-group-meetings-2")
    assert other.summary == "In two authorities."


def test_a_former_address_leads_to_its_own_entry_for_good(client, researcher):
    cited, other = EntryFactory(slug="cited", title="Cited"), EntryFactory(slug="other")
    entries.rename(cited, "renamed", by=researcher)
    with pytest.raises(ValidationError, match="or had it"):
        entries.rename(other, "cited", by=researcher)
    assert entries.begin(by=researcher, title="Cited").slug == "cited-2"
    assert client.get("/evidence/cited/", follow=True).context["entry"] == cited


@pytest.mark.parametrize("in_days", [-1, 1])
def test_an_entry_that_nobody_had_seen_is_not_made_public_by_taking_it_away(client, researcher, in_days):
    moment = timezone.now() + timedelta(days=in_days)
    gone, replaced = EntryFactory(public_from=moment), EntryFactory(public_from=moment)
    entries.withdraw(gone, by=researcher, reason="A mistake")
    entries.supersede(replaced, EntryFactory(), by=researcher, reason="A newer one")
    seen = moment if in_days < 0 else None
    assert (gone.public_from, replaced.public_from) == (seen, seen)
    assert client.get(gone.get_absolute_url()).status_code == (410 if seen else 404)


def test_what_is_changed_beside_the_words_is_on_record(researcher):
    entry = EntryFactory()
    entries.edit(entry, by=researcher, summary="Shorter", themes=[])
    assert Event.objects.get(verb="edited").details["fields"] == ["summary", "themes"]


def test_words_changed_in_the_back_room_are_found_and_on_record(client):
    client.force_login(StaffFactory(is_staff=True, is_superuser=True))
    outcome = OutcomeFactory(name="Placement moves")
    entry = FindingFactory(entry=EntryFactory(title="Visits"), outcome=outcome).entry
    address = reverse("admin:evidence_store_outcome_change", args=[outcome.pk])
    said = {"slug": outcome.slug, "name": "Kinship placements", "polarity": outcome.polarity, "meaning": ""}
    assert client.post(address, said).status_code == 302
    assert list(Entry.objects.current().matching("kinship")) == [entry]
    assert Event.objects.get(verb="changed in the back room").details == {"fields": ["name"]}


def test_the_public_moment_is_not_changed_in_the_back_room():
    assert {"public_from", "status"} <= set(admin.site.get_model_admin(Entry).readonly_fields)


def test_an_entry_that_waits_for_its_moment_is_given_another_and_one_that_is_seen_is_not(client, researcher):
    now = timezone.now()
    entry = EntryFactory(public_from=now + timedelta(days=1), reviewed_on=now.date(), next_review_on=now.date())
    entries.publish(entry, by=researcher, at=now + timedelta(days=30))
    entry.refresh_from_db()
    assert entry.public_from == now + timedelta(days=30)
    assert Event.objects.get(verb="set another public moment")
    client.force_login(researcher)
    assert "Set another public moment" in client.get(reverse("evidence_store:manage", args=[entry.pk])).text
    stale = Entry.objects.get(pk=entry.pk)
    Entry.objects.filter(pk=entry.pk).update(public_from=now - timedelta(days=1))
    with pytest.raises(RecordChanged):
        entries.publish(stale, by=researcher, at=now + timedelta(days=60))
    entry.refresh_from_db()
    with pytest.raises((MoveRefused, ValidationError)):
        entries.publish(entry, by=researcher, at=now + timedelta(days=60))
