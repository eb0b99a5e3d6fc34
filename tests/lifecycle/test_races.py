"""Two people move one record at the same moment: one of them wins, the other is told, and the trail knows of one move.

Every life cycle is raced, from every status, with every pair of moves. The tables are found, not listed: a new model with a
life needs a factory, and a line in READY where its constraints ask for words or moments.
"""

import itertools
import os
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from factory.django import DjangoModelFactory

from audit.models import Event
from lifecycle.actions import RecordChanged, move, moves_of
from lifecycle.diagrams import models_with_a_life
from tests import factories
from tests.factories import PersonFactory

ROUNDS = int(os.environ.get("RACE_ROUNDS", "2"))
PATIENCE = 30
pytestmark = pytest.mark.django_db(transaction=True)
NOW = timezone.now()

# What the constraints of some statuses ask for. It is there before the race, so that only the status is fought over.
READY = {
    "calls.Call": {"cancelled_reason": "No funds"},
    "calls.Application": {"submitted_at": NOW, "ineligible_reason": "Not in England"},
    "calls.Assessment": {
        "declared_no_conflict_at": NOW,
        "conflict": "Worked there",
        "handed_back_reason": "No time",
        "submitted_at": NOW,
    },
    "evaluations.Evaluation": {"stopped_reason": "No sites"},
    "evidence_store.Entry": {"status_reason": "A newer one"},
    "notices.Notice": {"lease_token": uuid.uuid4(), "lease_until": NOW + timedelta(minutes=5)},
    "partners.Agreement": {"signed_on": NOW.date(), "signed_by_role": "Director of Children's Services"},
    "programmes.Obligation": {"received_at": NOW, "waived_reason": "Not needed"},
    "programmes.Partnership": {"left_reason": "A new director"},
}
# What may be there only together with the status.
WITH = {("notices.Notice", "sent"): {"sent_at": NOW}}


def factory_of(model):
    found = [
        thing
        for thing in vars(factories).values()
        if isinstance(thing, type) and issubclass(thing, DjangoModelFactory) and thing._meta.model is model
    ]
    assert found, f"{model._meta.label} has a life and no factory: add one to tests/factories.py"
    return found[0]


def a_record(model, status):
    label = model._meta.label
    facts = dict(READY.get(label, {}))
    if label == "calls.Application":
        facts["submitted_by"] = PersonFactory()
    return factory_of(model)(**facts, **WITH.get((label, status), {}), status=status)


def race(threads, model, number, targets):
    """What each of two threads that saw the same record met: None for the winner, an exception for the other."""
    start = threading.Barrier(len(targets), timeout=PATIENCE)

    def go(to):
        seen = model._base_manager.get(pk=number)
        start.wait()
        try:
            move(seen, to, by=None, **WITH.get((model._meta.label, to), {}))
        except RecordChanged as told:
            return told
        return None

    return list(threads.map(go, targets, timeout=PATIENCE))


@pytest.fixture
def threads(django_db_setup):
    """Two threads with a connection each, kept for the whole test."""
    with ThreadPoolExecutor(max_workers=2) as two:
        yield two
        together = threading.Barrier(2, timeout=PATIENCE)
        list(two.map(lambda _: (together.wait(), connection.close()), range(2)))


@pytest.mark.parametrize("model", models_with_a_life(), ids=lambda model: model._meta.label)
def test_one_of_two_moves_wins_and_the_trail_has_one_event(threads, model):
    for status, following in moves_of(model).items():
        for targets in itertools.combinations_with_replacement(sorted(map(str, following)), 2):
            for _ in range(ROUNDS):
                record = a_record(model, str(status))
                met = race(threads, model, record.pk, targets)
                where = f"{model._meta.label}: {status} to {' and '.join(targets)}"
                assert met.count(None) == 1, f"{where}: {met}"
                winner = targets[met.index(None)]
                assert model._base_manager.get(pk=record.pk).status == winner, where
                events = Event.objects.about(record).filter(verb="moved")
                assert [event.details["now"] for event in events] == [winner], where


@pytest.mark.parametrize("model", models_with_a_life(), ids=lambda model: model._meta.label)
def test_a_move_back_and_forth_ends_where_one_order_of_the_two_ends(threads, model):
    """The second thread asks again with what it finds, as a person does who reloads the page."""
    for status, following in moves_of(model).items():
        for first in sorted(map(str, following)):
            for second in sorted(map(str, moves_of(model).get(first, set()))):
                record = a_record(model, str(status))
                start = threading.Barrier(2, timeout=PATIENCE)

                def go(to, number=record.pk, start=start):
                    start.wait()
                    seen = model._base_manager.get(pk=number)
                    if to not in moves_of(model).get(seen.status, set()):
                        return 0
                    try:
                        move(seen, to, by=None, **WITH.get((model._meta.label, to), {}))
                    except RecordChanged:
                        return 0
                    return 1

                done = sum(threads.map(go, (first, second), timeout=PATIENCE))
                reached = model._base_manager.get(pk=record.pk).status
                where = f"{model._meta.label}: {status}, {first}, {second}"
                assert reached in {first, second}, where
                assert Event.objects.about(record).filter(verb="moved").count() == done >= 1, where
