"""The life of a call until it is assessed: written, approved, published, extended, cancelled."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Max
from django.utils import timezone
from django.utils.text import slugify

from audit.actions import record
from calls.choices import CallStatus
from calls.models import Call, Criterion, Decision, Extension, MorePlaces, Question
from calls.notices.announcements import (
    tell_call_has_more_places,
    tell_call_was_cancelled,
    tell_call_was_extended,
)
from calls.rules.readiness import Point, missing_from
from lifecycle.actions import RecordChanged, move
from notices.actions import withdraw_all_about
from people.models import Person
from people.rules import require
from programmes.models import Programme

# Words that stand at this place in an address for something else.
RESERVED_SLUGS = {"new", "create"}


class CallNotReady(Exception):
    """Something is missing from the call; it stays what it is."""

    def __init__(self, missing: list[Point]) -> None:
        self.missing = missing
        super().__init__(f"{len(missing)} things are missing")


@transaction.atomic
def begin(programme: Programme, *, title: str, kind: str, by: Person) -> Call:
    """A new call, still being written."""
    require(by, "calls.write_call")
    # The row of the programme is the queue in which two clicks stand.
    programme = Programme.objects.select_for_update(of=("self",)).get(pk=programme.pk)
    a_moment_ago = timezone.now() - timedelta(minutes=1)
    clicked = Call.objects.filter(programme=programme, title=title, created_by=by, created_at__gte=a_moment_ago).first()
    if clicked is not None:
        return clicked
    call = Call.objects.create(
        programme=programme,
        title=title,
        kind=kind,
        slug=free_slug(title),
        created_by=by,
        is_demonstration=programme.is_demonstration,
    )
    record("began", call, by=by)
    return call


def free_slug(title: str) -> str:
    base = slugify(title)[:80].strip("-") or "call"
    taken = set(Call.objects.filter(slug__startswith=base).values_list("slug", flat=True)) | RESERVED_SLUGS
    return base if base not in taken else next(slug for n in range(2, 10_000) if (slug := f"{base}-{n}") not in taken)


@transaction.atomic
def change(call: Call, *, by: Person, **values: Any) -> None:
    """Write down a part of a call. Once approved it is changed no more, so that what was approved is what is published."""
    require(by, "calls.write_call", call)
    _still_being_written(call)
    Call.objects.filter(pk=call.pk).update(**values)
    for name, value in values.items():
        setattr(call, name, value)
    record("changed", call, by=by, fields=sorted(values))


@transaction.atomic
def save_part(part: Question | Criterion, *, by: Person) -> None:
    """Add a question or a criterion at the end of its call, or write down a changed one in its place."""
    require(by, "calls.write_call", part.call)
    call = _still_being_written(part.call)
    is_new = part.pk is None
    same = [one for one in type(part).objects.filter(call=call) if is_new and str(one) == str(part)]
    if any(_says_the_same(one, part) for one in same):
        # A second click.
        return
    if same:
        raise ValidationError(
            f"“{part}” stands in this call already. Nothing was added. Word one of the two differently."
        )
    if is_new:
        part.position = (type(part).objects.filter(call=call).aggregate(last=Max("position"))["last"] or 0) + 1
    part.save()
    record("added to" if is_new else "changed a part of", call, by=by, part=part._meta.model_name, number=part.pk)


def _says_the_same(one: Question | Criterion, other: Question | Criterion) -> bool:
    written = [field.attname for field in one._meta.concrete_fields if field.name not in ("id", "call", "position")]
    return all(getattr(one, name) == getattr(other, name) for name in written)


@transaction.atomic
def move_part(part: Question | Criterion, *, up: bool, by: Person) -> None:
    """Change places with the neighbour. The first cannot go up, nor the last down: then nothing happens."""
    require(by, "calls.write_call", part.call)
    call = _still_being_written(part.call)
    parts = list(type(part).objects.filter(call=call).order_by("position"))
    place = parts.index(part)
    other = place - 1 if up else place + 1
    if not 0 <= other < len(parts):
        return
    parts[place], parts[other] = parts[other], parts[place]
    _number(parts)
    record("put in another order", call, by=by, part=part._meta.model_name)


@transaction.atomic
def remove_part(part: Question | Criterion, *, by: Person) -> None:
    require(by, "calls.write_call", part.call)
    call = _still_being_written(part.call)
    kind, number = type(part), part.pk
    part.delete()
    _number(list(kind.objects.filter(call=call).order_by("position")))
    record("removed from", call, by=by, part=kind._meta.model_name, number=number)


def _number(parts: list[Any]) -> None:
    for position, part in enumerate(parts, start=1):
        part.position = position
    if parts:
        type(parts[0]).objects.bulk_update(parts, ["position"])


@transaction.atomic
def approve(call: Call, *, by: Person) -> None:
    require(by, "calls.run_call", call)
    missing = missing_from(_still_being_written(call))
    if missing:
        raise CallNotReady(missing)
    move(call, CallStatus.APPROVED, by=by)


@transaction.atomic
def send_back(call: Call, *, by: Person) -> None:
    """An approved call is opened for changes again; it will need another approval."""
    require(by, "calls.run_call", call)
    move(call, CallStatus.DRAFT, by=by)


@transaction.atomic
def publish(call: Call, *, by: Person, public_from: datetime | None = None) -> None:
    """From then on everybody sees it; from its opening moment it takes applications. No clock has to do anything."""
    require(by, "calls.run_call", call)
    locked = Call.objects.select_for_update(of=("self",)).get(pk=call.pk)
    now = timezone.now()
    moment = max(public_from or now, now)
    missing = [*missing_from(locked), *_too_early_or_too_late(locked, moment, now)]
    if missing:
        raise CallNotReady(missing)
    move(call, CallStatus.PUBLISHED, by=by, public_from=moment)


def _too_early_or_too_late(call: Call, moment: datetime, now: datetime) -> Iterator[Point]:
    programme = call.programme
    if programme.public_from is None or programme.public_from > moment:
        yield Point(
            f"The programme {programme} is not public at that moment, and the page of the call names it. Announce it first."
        )
    if call.opens_at and moment > now and moment > call.opens_at:
        yield Point(
            "At that moment the call would be open already, and nobody could see it. Choose one before it opens."
        )


@transaction.atomic
def extend(call: Call, *, until: datetime, reason: str, by: Person) -> Extension:
    """Close later, for everybody, with a reason that everybody sees. Also after closing, until assessment has begun."""
    require(by, "calls.run_call", call)
    locked = Call.objects.select_for_update(of=("self",)).get(pk=call.pk)
    if (
        locked.closes_at is None
        or locked.status != CallStatus.PUBLISHED
        or locked.closes_version != call.closes_version
    ):
        raise RecordChanged(call)
    extension = Extension.objects.create(call=call, was=locked.closes_at, now=until, reason=reason, made_by=by)
    Call.objects.filter(pk=call.pk).update(closes_at=until, closes_version=F("closes_version") + 1)
    call.refresh_from_db()
    record("extended", call, by=by, was=extension.was, now=extension.now)
    tell_call_was_extended(call, extension)
    return extension


def may_have_more_places(call: Call) -> bool:
    """There is a number, the public knows it, and offers may still be made."""
    running = (CallStatus.PUBLISHED, CallStatus.ASSESSING, CallStatus.DECIDED, CallStatus.ANNOUNCED)
    return call.places is not None and call.status in running


@transaction.atomic
def raise_places(call: Call, *, to: int, reason: str, by: Person) -> MorePlaces:
    """Offer more places than were announced, with a reason that everybody sees. What was promised is never lowered.

    Until the call closes, all who have started or follow it are told: more places may change whether it is worth applying.
    """
    require(by, "calls.run_call", call)
    locked = Call.objects.select_for_update(of=("self",)).get(pk=call.pk)
    if locked.places is None or not may_have_more_places(locked) or locked.places != call.places:
        raise RecordChanged(call)
    if to <= locked.places:
        raise ValidationError(f"{locked.places} were promised. The number can be raised and never lowered.")
    more = MorePlaces.objects.create(call=call, was=locked.places, now=to, reason=reason, made_by=by)
    Call.objects.filter(pk=call.pk).update(places=to)
    call.refresh_from_db()
    record("raised the places of", call, by=by, was=more.was, now=more.now)
    if call.status == CallStatus.PUBLISHED and not call.has_closed():
        tell_call_has_more_places(call, more)
    return more


@transaction.atomic
def cancel(call: Call, *, reason: str, by: Person) -> None:
    """Stop a call. One that was public stays readable with the reason; one that was not is never seen."""
    require(by, "calls.run_call", call)
    was_public = call.public_from is not None and call.public_from <= timezone.now()
    move(
        call,
        CallStatus.CANCELLED,
        by=by,
        cancelled_reason=reason,
        public_from=call.public_from if was_public else None,
    )
    for decision in Decision.objects.filter(application__call=call, told_at__isnull=True):
        withdraw_all_about(decision, by=by, why="The call was cancelled")
    if was_public:
        tell_call_was_cancelled(call)


COPIED = (
    "kind",
    "programme",
    "strand",
    "wave",
    "title",
    "purpose",
    "gap",
    "who_may_apply",
    "offered",
    "asked",
    "eligible_kinds",
    "eligible_grades",
    "places",
    "places_unit",
    "grace_seconds",
    "assessors_each",
    "respond_within_days",
    "contact_email",
)


@transaction.atomic
def duplicate(call: Call, *, by: Person) -> Call:
    """A new draft with the same words, questions and criteria, and no dates: those belong to the call that was.

    A second click finds the copy that the first one made.
    """
    require(by, "calls.write_call")
    # Who copies the same call waits here, as for a call that is begun.
    Programme.objects.select_for_update(of=("self",)).get(pk=call.programme_id)
    a_moment_ago = timezone.now() - timedelta(minutes=1)
    same = {"title": call.title, "status": CallStatus.DRAFT, "created_by": by, "created_at__gte": a_moment_ago}
    clicked = Call.objects.filter(programme=call.programme_id, **same).exclude(pk=call.pk).first()
    if clicked is not None:
        return clicked
    copy = Call(**{name: getattr(call, name) for name in COPIED}, slug=free_slug(call.title), created_by=by)
    copy.is_demonstration = call.is_demonstration
    copy.save()
    parts: list[Question | Criterion] = [*call.questions.all(), *call.criteria.all()]
    for part in parts:
        part.pk, part._state.adding, part.call = None, True, copy
        part.save()
    record("duplicated", copy, by=by, original=call.pk)
    return copy


def _still_being_written(call: Call) -> Call:
    locked = Call.objects.select_for_update(of=("self",)).get(pk=call.pk)
    if locked.status != CallStatus.DRAFT:
        raise RecordChanged(call)
    return locked
