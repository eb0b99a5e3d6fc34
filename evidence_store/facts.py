"""The facts in the evidence store: which files there are, and what their columns mean."""

from collections.abc import Iterator

from evidence_store.choices import Axis
from evidence_store.models import (
    Entry,
    Finding,
    FormerAddress,
    Outcome,
    Rating,
    RatingLevel,
    RatingScheme,
    Review,
)
from partners.facts_reader import Row, Table


def _rating_can_be(row: Row) -> Iterator[tuple[str, str]]:
    for axis in (Axis.EFFECT, Axis.STRENGTH):
        level = row.values[axis]
        if level is not None and level.values["axis"] != axis:
            yield axis, f"“{row.cells[axis]}” is a level of the other axis"
    if row.values["effect"] is not None and row.values["strength"] is None:
        yield "strength", "an effect is never given without the strength of its evidence"


def _path_is_an_address(row: Row) -> Iterator[tuple[str, str]]:
    if not row.values["path"].startswith("/"):
        yield "path", f"“{row.values['path']}” is not an address on this site: it begins with a stroke"


TABLES = (
    Table(
        "evidence_store/schemes",
        RatingScheme,
        columns=("key", "version", "name", "about", "valid_from", "valid_until", "source"),
        key=("key", "version"),
        named="{key}/{version}",
    ),
    Table(
        "evidence_store/levels",
        RatingLevel,
        columns=("scheme", "axis", "code", "label", "number", "order", "meaning", "unverified"),
        key=("scheme", "axis", "code"),
        named="{scheme}/{axis}/{code}",
    ),
    Table(
        "evidence_store/outcomes",
        Outcome,
        columns=("slug", "name", "polarity", "meaning"),
        key=("slug",),
        named="{slug}",
    ),
    Table(
        "evidence_store/reviews",
        Review,
        columns=("ref", "authors", "year", "title", "publisher", "doi", "url", "source"),
        key=("ref",),
        named="{ref}",
        labels=("ref",),
    ),
    Table(
        "evidence_store/entries",
        Entry,
        columns=(
            "slug",
            "title",
            "status",
            "summary",
            "what_it_is",
            "who_it_is_for",
            "where_studied",
            "limits",
            "synonyms",
            "themes",
            "programmes",
            "evaluations",
            "public_from",
            "unverified",
            "source",
        ),
        key=("slug",),
        named="{slug}",
        then_ours=("status", "public_from"),
    ),
    Table(
        "evidence_store/findings",
        Finding,
        columns=("entry", "outcome", "population", "comparator", "note", "source"),
        key=("entry", "outcome", "comparator"),
        named="{entry}/{outcome}/{comparator}",
    ),
    Table(
        "evidence_store/ratings",
        Rating,
        columns=(
            "finding",
            "effect",
            "strength",
            "studies",
            "review",
            "evaluation",
            "assessed_on",
            "assessor",
            "reason",
            "public_from",
            "source",
        ),
        key=("finding",),
        then_ours=("public_from",),
        check=_rating_can_be,
    ),
    Table(
        "evidence_store/former_addresses",
        FormerAddress,
        columns=("path", "entry"),
        key=("path",),
        check=_path_is_an_address,
    ),
)
