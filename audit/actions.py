from typing import Any, Protocol

import structlog
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models

from audit.models import Event


class Actor(Protocol):
    """Whoever did it: a person, or None for the clock."""

    pk: Any


class _Encoder(DjangoJSONEncoder):
    def default(self, o: Any) -> Any:
        return o.pk if isinstance(o, models.Model) else super().default(o)


def record(verb: str, subject: models.Model, *, by: Actor | None, **details: Any) -> Event:
    """Append one event, in the transaction of its cause. Put numbers and codes in ``details``, never a name or a partner's words.

    The one text that may stand here is ``why``: the reason that the centre's staff gave for what they did.
    """
    event = Event(
        verb=verb,
        subject_type=subject._meta.label_lower,
        subject_id=subject.pk,
        person_id=getattr(by, "pk", None),
        request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
    )
    event.details = _plain(details)
    event.save(force_insert=True)
    return event


def _plain(details: dict[str, Any]) -> dict[str, Any]:
    encoder = _Encoder()

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(key): plain(item) for key, item in value.items()}
        if isinstance(value, (list, tuple, set)):
            return [plain(item) for item in value]
        if value is None or isinstance(value, (bool, int, float)):
            return value
        return str(value) if isinstance(value, str) else encoder.default(value)

    return {key: plain(value) for key, value in details.items()}


def first_broken_link() -> int | None:
    """The position of the first event whose hash, order or predecessor is not what the chain says; None when all hold."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_first_broken_link()")
        return cursor.fetchone()[0]


def last_link() -> tuple[int, str] | None:
    """Position and hash of the newest event: to be kept outside the database each night."""
    newest = Event.objects.filter(position__isnull=False).order_by("-position").first()
    return (newest.position, newest.hash) if newest and newest.position else None
