from datetime import timedelta
from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.timezone import localdate

from audit.models import Event
from evidence_store.actions import entries, ratings
from evidence_store.choices import Axis, EntryStatus
from evidence_store.models import Entry, FormerAddress, Rating
from lifecycle.actions import MoveRefused, RecordChanged
from people.choices import StaffRole
from people.rules import Refused
from tests.factories import (
    EntryFactory,
    EvaluationFactory,
    FindingFactory,
    LevelFactory,
    OutcomeFactory,
    RatingFactory,
    ReviewFactory,
    SchemeFactory,
    StaffFactory,
    effect,
    strength,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def researcher():
    return StaffFactory(post=StaffRole.RESEARCH)


def rated(finding, by, **changes):
    facts = {"effect": effect(), "strength": strength(), "reason": "A trial reported."} | changes
    return ratings.rate(finding, by=by, **facts)


def test_a_new_rating_is_appended_and_stands_in_the_place_of_the_old(researcher):
    old = RatingFactory(reason="Old reason.")
    new = rated(old.finding, researcher, evaluation=EvaluationFactory())
    old.refresh_from_db()
    assert (old.is_current, old.reason, new.is_current) == (False, "Old reason.", True)
    assert Rating.objects.count() == 2
    assert Event.objects.filter(verb="rated", subject_id=old.finding.entry_id).exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"strength": None}, "strength"),
        ({"reason": "   "}, "reason"),
        ({"assessed_on": localdate() + timedelta(days=2)}, "assessed_on"),
    ],
)
def test_a_rating_that_breaks_the_rules_is_refused_with_a_sentence(researcher, changes, field):
    old = RatingFactory()
    with pytest.raises(ValidationError) as refused:
        rated(old.finding, researcher, **changes)
    assert field in refused.value.message_dict
    old.refresh_from_db()
    assert old.is_current


def test_levels_stand_on_their_own_axis_and_in_one_version_of_the_scale(researcher):
    finding = FindingFactory()
    with pytest.raises(ValidationError, match="not a level of effect"):
        rated(finding, researcher, effect=strength())
    with pytest.raises(ValidationError, match="not a level of strength"):
        rated(finding, researcher, strength=effect())
    other = LevelFactory(scheme=SchemeFactory(version="2"), axis=Axis.STRENGTH, code="high", number=3)
    with pytest.raises(ValidationError, match="same version"):
        rated(finding, researcher, strength=other)
    with pytest.raises(ValidationError, match="no number"):
        rated(finding, researcher, effect=effect("mixed", 1, 5))
    assert rated(finding, researcher, effect=None, strength=None).pk


def test_the_highest_judgements_name_what_they_rest_on(researcher):
    finding = FindingFactory()
    with pytest.raises(ValidationError, match="systematic review"):
        rated(finding, researcher, strength=strength("high", 3))
    with pytest.raises(ValidationError, match="names the review or the evaluation"):
        rated(finding, researcher, effect=effect("consistently_positive", 2, 20))
    best = {
        "effect": effect("consistently_positive", 2, 20),
        "strength": strength("high", 3),
        "review": ReviewFactory(),
    }
    assert rated(finding, researcher, **best).is_current


def test_the_database_keeps_one_current_rating_and_no_effect_without_strength():
    rating = RatingFactory()
    with pytest.raises(IntegrityError), transaction.atomic():
        RatingFactory(finding=rating.finding)
    with pytest.raises(IntegrityError), transaction.atomic():
        RatingFactory(strength=None)


@pytest.mark.parametrize("post", [StaffRole.PROGRAMMES, StaffRole.COMMUNICATIONS, StaffRole.AUDITOR])
def test_only_researchers_rate(post):
    with pytest.raises(Refused):
        rated(FindingFactory(), StaffFactory(post=post))


def test_a_rating_that_is_held_back_can_be_released_once(researcher):
    rating = rated(FindingFactory(), researcher, public_from=timezone.now() + timedelta(days=3))
    ratings.release(rating, by=researcher)
    assert not rating.is_held_back
    with pytest.raises(ValidationError, match="public already"):
        ratings.release(rating, by=researcher)


def test_an_entry_is_published_with_the_days_of_its_reviews(researcher):
    entry = entries.begin(by=researcher, title="Mellow Parenting", summary="A group.")
    with pytest.raises(ValidationError, match="fresh"):
        entries.publish(entry, by=researcher)
    today = localdate()
    entries.edit(entry, by=researcher, reviewed_on=today, next_review_on=today + timedelta(days=700))
    entries.publish(entry, by=researcher)
    assert entry.is_public()
    assert Entry.objects.public().matching("mellow").exists()


def test_an_entry_can_be_replaced_brought_back_and_withdrawn_each_with_a_reason(researcher):
    today = localdate()
    entry = EntryFactory(reviewed_on=today, next_review_on=today + timedelta(days=9))
    with pytest.raises(ValidationError):
        entries.supersede(entry, EntryFactory(), by=researcher, reason=" ")
    with pytest.raises(ValidationError):
        entries.supersede(entry, entry, by=researcher, reason="Merged.")
    entries.supersede(entry, EntryFactory(), by=researcher, reason="Merged.")
    entries.publish(entry, by=researcher)
    assert (entry.status, entry.status_reason) == (EntryStatus.PUBLISHED, "")
    entries.withdraw(entry, by=researcher, reason="Retracted.")
    with pytest.raises(MoveRefused):
        entries.publish(entry, by=researcher)


def test_somebody_elses_change_is_not_overwritten(researcher):
    entry = EntryFactory()
    seen = entry.updated_at
    entries.edit(entry, by=researcher, seen=seen, summary="First.")
    with pytest.raises(RecordChanged):
        entries.edit(entry, by=researcher, seen=seen, summary="Second.")
    entry.refresh_from_db()
    assert entry.summary == "First."


def test_a_renamed_entry_answers_at_both_addresses_and_may_take_its_old_one_back(researcher, client):
    entry = EntryFactory(slug="old")
    entries.rename(entry, "new", by=researcher)
    assert client.get("/evidence/old/")["Location"] == "/evidence/new/"
    entries.rename(entry, "old", by=researcher)
    assert client.get("/evidence/old/").status_code == 200
    assert set(FormerAddress.objects.values_list("path", flat=True)) == {"/evidence/new/"}
    for taken in ("feed", EntryFactory().slug):
        with pytest.raises(ValidationError):
            entries.rename(entry, taken, by=researcher)


def test_pages_of_the_store_do_not_lose_their_addresses_to_entries(researcher):
    assert entries.begin(by=researcher, title="Feed").slug == "feed-2"
    assert entries.begin(by=researcher, title="!!!").slug == "entry"


def test_a_new_outcome_makes_the_entry_findable_by_it(researcher):
    entry = EntryFactory()
    ratings.add_finding(entry, OutcomeFactory(name="School attendance"), by=researcher)
    assert Entry.objects.matching("attendance").get() == entry


def test_the_command_writes_every_search_document():
    EntryFactory(title="Mellow")
    said = StringIO()
    call_command("reindex_evidence", stdout=said)
    assert "1 entries" in said.getvalue()
    assert Entry.objects.matching("mellow").exists()
