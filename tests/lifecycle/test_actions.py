"""Every life cycle moves as its table says, and in no other way. The tables are found, not listed."""

import itertools

import pytest

from audit.models import Event
from lifecycle.actions import MoveRefused, RecordChanged, can_move, move, moved, moves_of
from lifecycle.diagrams import models_with_a_life
from people.choices import StaffRole
from programmes.choices import PartnershipStatus
from programmes.models import Partnership
from tests.factories import PartnershipFactory, StaffFactory

PAIRS = [
    pytest.param(model, was, to, id=f"{model._meta.label}:{was}:{to}")
    for model in models_with_a_life()
    for was, to in itertools.product(model._meta.get_field("status").choices, repeat=2)
]


@pytest.mark.parametrize(("model", "was", "to"), PAIRS)
def test_only_moves_in_the_table_are_possible(model, was, to):
    subject = model(status=was[0])
    assert can_move(subject, to[0]) == (to[0] in moves_of(model).get(was[0], set()))


@pytest.mark.parametrize("model", models_with_a_life())
def test_a_table_speaks_only_of_statuses_that_exist(model):
    known = {value for value, _ in model._meta.get_field("status").choices}
    assert set(moves_of(model)) <= known
    assert set().union(*moves_of(model).values()) <= known


@pytest.mark.parametrize("model", models_with_a_life())
def test_every_status_can_be_reached_from_where_a_life_begins(model):
    reached, edge = set(), {model._meta.get_field("status").default}
    # A few lives may also begin further on: a mail is held or pending from the start.
    edge.add(model._meta.get_field("status").choices[0][0])
    while edge - reached:
        reached |= edge
        edge = set().union(*(moves_of(model).get(status, set()) for status in reached))
    assert reached == {value for value, _ in model._meta.get_field("status").choices}


@pytest.mark.django_db
class TestMove:
    def test_it_changes_the_row_the_instance_and_the_trail_together(self):
        partnership, staff = PartnershipFactory(), StaffFactory()
        move(partnership, PartnershipStatus.PAUSED, by=staff, why="Flood")
        assert Partnership.objects.get().status == partnership.status == PartnershipStatus.PAUSED
        event = Event.objects.about(partnership).get()
        assert (event.verb, event.person_id) == ("moved", staff.pk)
        assert event.details == {"was": "active", "now": "paused", "why": "Flood"}

    def test_a_move_that_is_not_in_the_table_changes_nothing(self):
        partnership = PartnershipFactory(status=PartnershipStatus.PROPOSED)
        with pytest.raises(MoveRefused):
            move(partnership, PartnershipStatus.COMPLETED, by=None)
        assert Partnership.objects.get().status == PartnershipStatus.PROPOSED
        assert not Event.objects.exists()

    def test_a_row_that_somebody_else_moved_is_left_alone(self):
        partnership = PartnershipFactory()
        stale = Partnership.objects.get()
        move(partnership, PartnershipStatus.PAUSED, by=None)
        with pytest.raises(RecordChanged):
            move(stale, PartnershipStatus.COMPLETED, by=None)
        assert Partnership.objects.get().status == PartnershipStatus.PAUSED

    def test_who_listens_is_told_in_the_same_transaction(self):
        heard = []

        def listen(sender, **told):
            heard.append((sender, told["was"], told["now"]))

        moved.connect(listen)
        try:
            move(PartnershipFactory(), PartnershipStatus.PAUSED, by=StaffFactory(post=StaffRole.PROGRAMMES))
        finally:
            moved.disconnect(listen)
        assert heard == [(Partnership, "active", "paused")]

    def test_a_listener_that_refuses_undoes_the_move(self):
        def refuse(sender, **told):
            raise ValueError("no")

        moved.connect(refuse)
        try:
            with pytest.raises(ValueError, match="no"):
                move(PartnershipFactory(), PartnershipStatus.PAUSED, by=None)
        finally:
            moved.disconnect(refuse)
        assert Partnership.objects.get().status == PartnershipStatus.ACTIVE
        assert not Event.objects.exists()
