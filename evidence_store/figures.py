"""Every published number about the evidence store, counted from what the reader may see."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Max
from django.utils.timezone import localdate

from evidence_store.models import Entry, Finding, Rating, Review


@dataclass(frozen=True)
class StoreFigures:
    entries: int
    findings: int
    rated: int
    reviews: int


def of_the_store(person: Any = None) -> StoreFigures:
    """Practices, outcomes of practices, outcomes with both ratings, reviews they rest on."""
    person = person or AnonymousUser()
    entries = Entry.objects.visible_to(person).current()
    shown = Rating.objects.shown_to(person).filter(finding__entry__in=entries.values("pk"))
    return StoreFigures(
        entries=entries.count(),
        findings=Finding.objects.shown_to(person).filter(entry__in=entries.values("pk")).count(),
        rated=shown.filter(effect__isnull=False, strength__isnull=False).count(),
        reviews=Review.objects.filter(ratings__in=shown).distinct().count(),
    )


def last_changed(entry: Entry, person: Any = None) -> datetime:
    """When the page of an entry last changed for this person: a rating that is held back changes nothing."""
    ratings = Rating.objects.visible_to(person or AnonymousUser()).filter(finding__entry=entry).with_moment()
    latest = ratings.aggregate(latest=Max("moment"))["latest"]
    return max(moment for moment in (entry.updated_at, entry.public_from, latest) if moment)


def day_of_last_change(entry: Entry, person: Any = None) -> date:
    return localdate(last_changed(entry, person))
