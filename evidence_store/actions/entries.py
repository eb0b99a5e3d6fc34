"""The life of an entry: written, published, replaced, withdrawn. An address that was public keeps answering."""

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone
from django.utils.text import slugify

from audit.actions import record
from evaluations.models import Evaluation
from evidence_store.actions.search_index import reindex
from evidence_store.choices import EntryStatus
from evidence_store.models import Entry, FormerAddress
from lifecycle.actions import RecordChanged, move
from people.models import Person
from people.rules import require

# Addresses below /evidence/ that are pages of their own.
RESERVED = {"feed", "how-we-rate", "evidence-store", "data", "search"}
RELATED = ("themes", "programmes", "evaluations")


@transaction.atomic
def begin(*, by: Person, title: str, **facts: Any) -> Entry:
    require(by, "evidence_store.add_entry")
    related = {name: facts.pop(name) for name in RELATED if name in facts}
    _queue_up()
    entry = Entry(title=title, **facts)
    if not entry.slug and (again := _just_begun(entry, {"title", *facts})):
        return again
    entry.slug = entry.slug or free_slug(title)
    _refuse_a_taken_address(entry.slug)
    entry.full_clean()
    entry.save()
    for name, rows in related.items():
        getattr(entry, name).set(rows)
    record("begun", entry, by=by)
    reindex(entry)
    return entry


def _just_begun(entry: Entry, names: set[str]) -> Entry | None:
    """The same words sent twice are one entry; other words under the same title are another."""
    a_moment_ago = timezone.now() - timedelta(minutes=1)
    recent = Entry.objects.filter(title=entry.title, status=EntryStatus.DRAFT, updated_at__gte=a_moment_ago)
    return next((row for row in recent if all(getattr(row, name) == getattr(entry, name) for name in names)), None)


def _queue_up() -> None:
    """Two clicks at once stand in a queue here, so that they do not want the same address."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('a new entry of the evidence store'))")


def free_slug(title: str) -> str:
    wanted = slugify(title)[:110].strip("-") or "entry"
    slug, number = wanted, 1
    while is_taken(slug):
        number += 1
        slug = f"{wanted}-{number}"
    return slug


def is_taken(slug: str, entry: Entry | None = None) -> bool:
    """Whether another page answers there, or another entry did: who cited that one must not come upon this one."""
    others, formerly = Entry.objects.filter(slug=slug), FormerAddress.objects.filter(path=f"/evidence/{slug}/")
    if entry is not None:
        others, formerly = others.exclude(pk=entry.pk), formerly.exclude(entry=entry)
    return slug in RESERVED or others.exists() or formerly.exists()


def _refuse_a_taken_address(slug: str, entry: Entry | None = None) -> None:
    if is_taken(slug, entry):
        raise ValidationError({"slug": "Another page has this address, or had it."})


@transaction.atomic
def edit(entry: Entry, *, by: Person, seen: datetime | None = None, **changes: Any) -> None:
    """Change the words of an entry, never its ratings. ``seen`` is when it was last changed as far as the person knew."""
    require(by, "evidence_store.change_entry", entry)
    now = Entry.objects.select_for_update().get(pk=entry.pk)
    if seen is not None and now.updated_at != seen:
        raise RecordChanged(entry)
    touched = sorted(changes)
    if "evaluations" in changes:
        # Those of which the person may not know were not on the page: leaving them out was no choice.
        unseen = now.evaluations.exclude(pk__in=Evaluation.objects.visible_to(by).values("pk"))
        changes["evaluations"] = [*changes["evaluations"], *unseen]
    for name in RELATED:
        if name in changes:
            getattr(now, name).set(changes.pop(name))
    for name, value in changes.items():
        setattr(now, name, value)
    now.updated_at = timezone.now()
    now.full_clean()
    now.save()
    record("edited", entry, by=by, fields=touched)
    reindex(now)
    entry.refresh_from_db()


@transaction.atomic
def rename(entry: Entry, slug: str, *, by: Person) -> None:
    """Give an entry a new address; the old one redirects for good."""
    require(by, "evidence_store.change_entry", entry)
    _queue_up()
    _refuse_a_taken_address(slug, entry)
    FormerAddress.objects.filter(path=f"/evidence/{slug}/").delete()
    FormerAddress.objects.get_or_create(path=f"/evidence/{entry.slug}/", defaults={"entry": entry})
    record("renamed", entry, by=by, was=entry.slug, now=slug)
    Entry.objects.filter(pk=entry.pk).update(slug=slug)
    entry.slug = slug


@transaction.atomic
def publish(entry: Entry, *, by: Person, at: datetime | None = None) -> None:
    """Into the public store, now or at a moment. A published entry says when it was reviewed and when it is next.

    An entry that waits for its moment is given another one.
    """
    require(by, "evidence_store.publish_entry", entry)
    if waits_for_its_moment(entry):
        _set_another_moment(entry, max(at or timezone.now(), timezone.now()), by=by)
        return
    if not entry.summary.strip():
        raise ValidationError("Write a summary first.")
    if entry.reviewed_on is None or entry.next_review_on is None:
        raise ValidationError(
            "Give the day of the review and of the next one: readers must be able to see how fresh it is."
        )
    if entry.next_review_on <= entry.reviewed_on:
        raise ValidationError("The next review must come after the last one.")
    moment = entry.public_from if entry.is_public() else (at or timezone.now())
    move(entry, EntryStatus.PUBLISHED, by=by, public_from=moment, successor=None, status_reason="")
    reindex(entry)


def waits_for_its_moment(entry: Entry) -> bool:
    return entry.status == EntryStatus.PUBLISHED and not entry.is_public()


def _set_another_moment(entry: Entry, moment: datetime, *, by: Person) -> None:
    """Earlier or later, while nobody has seen it: asked again in the statement that counts."""
    was = entry.public_from
    waiting = Entry.objects.filter(pk=entry.pk, status=EntryStatus.PUBLISHED, public_from=was)
    if not waiting.filter(public_from__gt=timezone.now()).update(public_from=moment):
        raise RecordChanged(entry)
    entry.public_from = moment
    record("set another public moment", entry, by=by, was=was, now=moment)


@transaction.atomic
def supersede(entry: Entry, successor: Entry, *, by: Person, reason: str) -> None:
    """Another entry takes over. This one stays readable, says so, and leads on."""
    require(by, "evidence_store.withdraw_entry", entry)
    if successor.pk == entry.pk:
        raise ValidationError({"successor": "An entry cannot replace itself."})
    _needs(reason, "Say why it is replaced.")
    move(
        entry,
        EntryStatus.SUPERSEDED,
        by=by,
        status_reason=reason,
        successor=successor,
        updated_at=timezone.now(),
        public_from=_only_if_seen(entry),
    )


@transaction.atomic
def withdraw(entry: Entry, *, by: Person, reason: str, successor: Entry | None = None) -> None:
    """Take the content away and leave a page that says when and why."""
    require(by, "evidence_store.withdraw_entry", entry)
    _needs(reason, "Say why it is withdrawn: the reason stays in its place.")
    move(
        entry,
        EntryStatus.WITHDRAWN,
        by=by,
        status_reason=reason,
        successor=successor,
        updated_at=timezone.now(),
        public_from=_only_if_seen(entry),
    )


def _only_if_seen(entry: Entry) -> datetime | None:
    """What nobody had seen yet does not become public by being taken away."""
    return entry.public_from if entry.public_from and entry.public_from <= timezone.now() else None


def _needs(reason: str, sentence: str) -> None:
    if not reason.strip():
        raise ValidationError({"reason": sentence})
