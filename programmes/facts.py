"""The facts about programmes and partnerships: which files there are, and what their columns mean."""

from collections.abc import Iterator

from partners.facts_reader import Row, Table
from programmes.choices import LEFT
from programmes.models import Funding, Happening, Involvement, Partnership, Programme, Strand, Theme, Wave


def _belongs_together(row: Row) -> Iterator[tuple[str, str]]:
    """A strand or wave of one programme cannot stand in a row of another."""
    for column in ("strand", "wave"):
        chosen = row.values.get(column)
        if chosen is not None and chosen.values["programme"] is not row.values["programme"]:
            yield column, f"“{row.cells[column]}” is not part of the programme “{row.cells['programme']}”"


def _partnership_can_be(row: Row) -> Iterator[tuple[str, str]]:
    yield from _belongs_together(row)
    starts, ends = row.values["starts_on"], row.values["ends_on"]
    if starts and ends and ends < starts:
        yield "ends_on", f"the partnership ends on {ends} before it starts on {starts}"
    if row.values["status"] in LEFT and not row.values["left_reason"]:
        yield "left_reason", "a partnership that was left early needs a reason, even if it is that none was found"
    gone = row.values["organisation"].values["exists_until"]
    if gone and starts and starts >= gone:
        yield (
            "organisation",
            f"{row.values['organisation'].values['name']} ended on {gone}, before the partnership began",
        )


def _partnership_name(cells: dict[str, str]) -> str:
    """Such as "greenwich/pine/partner" or "blackpool/sfip/family-group-conferences/trial"."""
    return f"{cells['organisation']}/{cells['strand'] or cells['programme']}/{cells['role']}"


TABLES = (
    Table("programmes/themes", Theme, columns=("slug", "name", "meaning", "source"), key=("slug",), named="{slug}"),
    Table(
        "programmes/programmes",
        Programme,
        columns=(
            "slug",
            "name",
            "short_name",
            "kind",
            "status",
            "status_note",
            "aim",
            "summary",
            "design",
            "starts_on",
            "starts_precision",
            "ends_on",
            "ends_precision",
            "themes",
            "public_from",
            "unverified",
            "source",
        ),
        key=("slug",),
        named="{slug}",
        then_ours=("status", "public_from"),
    ),
    Table(
        "programmes/strands",
        Strand,
        columns=("programme", "slug", "name", "summary", "design", "source"),
        key=("programme", "slug"),
        named="{programme}/{slug}",
    ),
    Table(
        "programmes/waves",
        Wave,
        columns=("programme", "number", "name", "starts_on", "ends_on", "places", "selected", "unit", "source"),
        key=("programme", "number"),
        named="{programme}/{number}",
    ),
    Table(
        "programmes/fundings",
        Funding,
        columns=("programme", "funder", "amount", "period", "note", "source"),
        key=("programme", "funder", "period"),
    ),
    Table(
        "programmes/involvements",
        Involvement,
        columns=("programme", "strand", "organisation", "role", "note", "source"),
        key=("programme", "strand", "organisation", "role"),
        check=_belongs_together,
    ),
    Table(
        "programmes/happenings",
        Happening,
        columns=("programme", "strand", "on", "precision", "told_as", "what", "detail", "source"),
        key=("programme", "strand", "on", "what"),
        check=_belongs_together,
    ),
    Table(
        "programmes/partnerships",
        Partnership,
        columns=(
            "organisation",
            "programme",
            "strand",
            "wave",
            "role",
            "status",
            "areas",
            "practice_name",
            "practice",
            "group",
            "themes",
            "starts_on",
            "ends_on",
            "public_from",
            "left_on",
            "left_reason",
            "unverified",
            "source",
        ),
        key=("organisation", "programme", "strand", "wave", "role", "practice_name"),
        named=_partnership_name,
        then_ours=("status", "public_from", "left_on", "left_reason"),
        check=_partnership_can_be,
    ),
)
