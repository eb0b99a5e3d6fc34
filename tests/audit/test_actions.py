import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError

from audit.actions import first_broken_link, last_link, record
from audit.models import Event
from people.models import Person


@pytest.fixture
def person(db):
    return Person.objects.create_user("ama@example.org", name="Ama")


def chain():
    """Write the links that a commit would write."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def test_events_are_chained_in_the_order_in_which_they_were_written(person):
    record("looked", person, by=person)
    record("moved", person, by=None, was="draft", now="sent")
    chain()
    first, second = Event.objects.order_by("position")
    assert (first.position, second.position) == (1, 2)
    assert first.previous_hash == ""
    assert second.previous_hash == first.hash
    assert first_broken_link() is None
    assert last_link() == (2, second.hash)


@pytest.mark.parametrize("change", ["UPDATE audit_event SET verb = 'x'", "DELETE FROM audit_event"])
def test_an_event_can_be_neither_changed_nor_deleted(person, change):
    record("looked", person, by=person)
    chain()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)


def test_an_event_cannot_be_changed_before_it_is_chained_either(person):
    record("looked", person, by=person)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE audit_event SET verb = 'x'")


@pytest.mark.parametrize(
    "tampering",
    [
        'UPDATE audit_event SET details = \'{"now": "other"}\' WHERE position = 2',
        "DELETE FROM audit_event WHERE position = 2",
        "UPDATE audit_event SET person_id = 99 WHERE position = 2",
    ],
)
def test_tampering_behind_the_triggers_is_noticed(person, tampering):
    for _ in range(3):
        record("looked", person, by=person)
    chain()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_event DISABLE TRIGGER audit_event_refuse_change")
        cursor.execute(tampering)
        cursor.execute("ALTER TABLE audit_event ENABLE TRIGGER audit_event_refuse_change")
    assert first_broken_link() in {2, 3}


def test_records_in_details_are_kept_as_numbers(person):
    event = record("invited", person, by=person, whom=person, roles=["lead"])
    event.refresh_from_db()
    assert event.details == {"whom": person.pk, "roles": ["lead"]}
