"""The one way in which a record changes its status.

A model with a life says so in ``MOVES``: a table from each status to the statuses that may follow it. Guards that need data
are sentences in the action that calls ``move``; they are not kept here.
"""

from collections.abc import Mapping
from typing import Any

from django.db import connection, models, transaction
from django.db.models import Q
from django.dispatch import Signal

from audit.actions import Actor, record

moved = Signal()
"""Sent inside the transaction: ``sender`` the model, ``subject``, ``was``, ``now``, ``by``, ``why``."""


class MoveRefused(Exception):
    """The table has no such move from the status that the record has."""

    def __init__(self, subject: models.Model, to: str) -> None:
        self.subject = subject
        self.to = to
        super().__init__(f"{subject._meta.verbose_name} {subject.pk} cannot move from {status_of(subject)} to {to}")


class RecordChanged(Exception):
    """Somebody else changed the record after this person had seen it."""

    def __init__(self, subject: models.Model) -> None:
        self.subject = subject
        super().__init__(f"{subject._meta.verbose_name} {subject.pk} changed while it was being worked on")


def status_of(subject: models.Model) -> str:
    return str(subject.status)  # type: ignore[attr-defined]


def moves_of(model: type[models.Model]) -> Mapping[str, set[str]]:
    """The table of moves of a model: ``{from: {to, ...}}``; a status that is not a key is an end."""
    return model.MOVES  # type: ignore[attr-defined]


def can_move(subject: models.Model, to: str) -> bool:
    return to in moves_of(type(subject)).get(status_of(subject), set())


def one_after_the_other(what: str) -> None:
    """Until the end of this transaction nobody else does what bears this name: for looking up what is there and adding to it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [what])


def move(
    subject: models.Model, to: str, *, by: Actor | None, why: str = "", only_if: Q | None = None, **changes: Any
) -> None:
    """Move ``subject`` to the status ``to``, writing ``changes`` with it, if it is still what was seen.

    ``only_if`` adds a condition that must hold in the very statement that changes the row (a deadline, a free place).
    Raises MoveRefused when the table has no such move, RecordChanged when the row, or ``only_if``, is not as expected.
    """
    was = status_of(subject)
    if not can_move(subject, to):
        raise MoveRefused(subject, to)
    model = type(subject)
    with transaction.atomic():
        rows = model._base_manager.filter(pk=subject.pk, status=was)
        if only_if is not None:
            # A condition on another table becomes a subquery, and a statement that waited for the row would not read
            # the subquery anew: take the row first, so that the statement begins with what is true.
            model._base_manager.select_for_update(of=("self",)).filter(pk=subject.pk).order_by().values_list(
                "pk"
            ).first()
            rows = rows.filter(only_if)
        if not rows.update(status=to, **changes):
            raise RecordChanged(subject)
        for name, value in {"status": to, **changes}.items():
            setattr(subject, name, value)
        record("moved", subject, by=by, was=was, now=str(to), **({"why": why} if why else {}))
        moved.send(sender=model, subject=subject, was=was, now=str(to), by=by, why=why)
