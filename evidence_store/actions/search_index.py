"""The search document of an entry. Written in the transaction of whatever changed the entry, so that it is never behind."""

from collections.abc import Iterable

from django.db import connection
from django.db.models import Prefetch

from evidence_store.models import Entry, Finding, Rating, Review
from evidence_store.querysets import CONFIGURATION

MOST_BYTES = 100_000  # of each part; a document of PostgreSQL holds a megabyte
DOCUMENT = " || ".join(f"setweight(to_tsvector('{CONFIGURATION}', %s), '{weight}')" for weight in "ABCD")


def reindex(entry: Entry) -> None:
    """Title and synonyms weigh most, then the summary and outcomes, then the other texts, then the reviews.

    Only what the public may read today goes in: a rating that is held back must not make its entry findable by a word of
    it. ``tasks.reindex_what_became_public`` writes the document again when the moment has come.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE evidence_store_entry SET search = {DOCUMENT} WHERE id = %s",  # noqa: S608 - made of constants
            [*map(_cut, _parts(entry)), entry.pk],
        )


def _cut(text: str) -> str:
    """No more than the database can keep in one document: what stands beyond is read on the page, not found by its words."""
    return text.encode()[:MOST_BYTES].decode(errors="ignore")


def reindex_all(entries: Iterable[Entry]) -> int:
    count = 0
    for entry in entries:
        reindex(entry)
        count += 1
    return count


def _parts(entry: Entry) -> tuple[str, str, str, str]:
    public = Finding.objects.filter(entry=entry, pk__in=_findings_to_be_read(entry))
    ratings = Rating.objects.exclude(pk__in=Rating.objects.held_back().values("pk"))
    findings = list(
        public.select_related("outcome").prefetch_related(Prefetch("ratings", ratings.select_related("review")))
    )
    reviews = {rating.review for finding in findings for rating in finding.ratings.all() if rating.review}
    return (
        " ".join([entry.title, *entry.synonyms]),
        " ".join([entry.summary, *(finding.outcome.name for finding in findings)]),
        " ".join(
            [
                entry.what_it_is,
                entry.how_it_works,
                entry.who_it_is_for,
                entry.where_studied,
                entry.in_england,
                entry.costs,
                entry.limits,
                *(f"{finding.population} {finding.comparator} {finding.note}" for finding in findings),
            ]
        ),
        " ".join(_words_of(review) for review in sorted(reviews, key=lambda review: review.pk)),
    )


def _findings_to_be_read(entry: Entry) -> list[int]:
    """Findings that are shown once the entry itself is: a draft is indexed as it will stand."""
    held = set(Rating.objects.filter(finding__entry=entry).held_back().values_list("finding", flat=True))
    out = set(
        Rating.objects.filter(finding__entry=entry)
        .exclude(pk__in=Rating.objects.held_back().values("pk"))
        .values_list("finding", flat=True)
    )
    return [pk for pk in entry.findings.values_list("pk", flat=True) if pk in out or pk not in held]


def _words_of(review: Review) -> str:
    return " ".join([review.title, *review.authors, str(review.year or ""), review.publisher])
