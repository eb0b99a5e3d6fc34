"""The facts about organisations: which files there are, what their columns mean, and what cannot be."""

from collections.abc import Iterator
from datetime import date

from partners.choices import CodeScheme
from partners.facts_reader import NUMBER, Row, Table
from partners.models import (
    AuthorityYear,
    Group,
    Inspection,
    Neighbour,
    Organisation,
    OrganisationCode,
    OrganisationName,
    Part,
    Service,
    Succession,
)


def _existed(organisation: Row, day: date) -> bool:
    ends = organisation.values["exists_until"]
    return ends is None or day < ends


def _ended(organisation: Row) -> str:
    day = organisation.values["exists_until"]
    return f"{organisation.values['name']} ended on {day.day} {day:%B %Y}"


def _place_is_whole(row: Row) -> Iterator[tuple[str, str]]:
    if (row.values["latitude"] is None) != (row.values["longitude"] is None):
        yield "longitude", "latitude and longitude come together"
    if row.values["latitude"] is not None and not 49 < row.values["latitude"] < 61:
        yield "latitude", f"“{row.cells['latitude']}” is not in the United Kingdom"
    if row.values["longitude"] is not None and not -9 < row.values["longitude"] < 3:
        yield "longitude", f"“{row.cells['longitude']}” is not in the United Kingdom"


def _code_has_its_form(row: Row) -> Iterator[tuple[str, str]]:
    code = row.values["code"]
    ons = row.values["scheme"] == CodeScheme.ONS
    if ons and not (code.startswith("E") and len(code) == 9 and NUMBER.fullmatch(code[1:])):
        yield "code", f"“{code}” is not an ONS code, which is E and eight digits"
    if not ons and not (len(code) == 3 and NUMBER.fullmatch(code)):
        yield "code", f"“{code}” is not a DfE number, which has three digits"


def _inspected_while_there(row: Row) -> Iterator[tuple[str, str]]:
    day = row.values["started_on"] or row.values["published_on"]
    if not _existed(row.values["authority"], day):
        yield (
            "authority",
            f"{_ended(row.values['authority'])} and cannot have been inspected on {row.cells['started_on']}",
        )


def _year_while_there(row: Row) -> Iterator[tuple[str, str]]:
    """Official figures may go back to before an authority began, under its later borders; never past its end."""
    year = row.values["year"]
    if not 2000 <= year <= 2100:
        yield "year", f"“{year}” is not a year between 2000 and 2100"
    elif not _existed(row.values["authority"], date(year, 3, 31)):
        yield "authority", f"{_ended(row.values['authority'])} and has no figures for March {year}"


def _neighbour_is_there(row: Row) -> Iterator[tuple[str, str]]:
    for column in ("authority", "neighbour"):
        if row.values[column].values["exists_until"]:
            yield column, f"{_ended(row.values[column])}; neighbours are authorities of today"
    if not 1 <= row.values["rank"] <= 10:
        yield "rank", f"“{row.values['rank']}” is not a rank from 1 to 10"


TABLES = (
    Table(
        "partners/organisations",
        Organisation,
        columns=(
            "slug",
            "kind",
            "name",
            "region",
            "authority_type",
            "latitude",
            "longitude",
            "tile_column",
            "tile_row",
            "exists_from",
            "exists_until",
            "web_domain",
            "about",
            "source",
        ),
        key=("slug",),
        named="{slug}",
        check=_place_is_whole,
    ),
    Table(
        "partners/names",
        OrganisationName,
        columns=("organisation", "kind", "name", "valid_from", "valid_until", "source"),
        key=("organisation", "kind", "name", "valid_from"),
    ),
    Table(
        "partners/codes",
        OrganisationCode,
        columns=("organisation", "scheme", "code", "valid_from", "valid_until"),
        key=("organisation", "scheme", "code"),
        check=_code_has_its_form,
    ),
    Table(
        "partners/successions", Succession, columns=("predecessor", "successor", "on"), key=("predecessor", "successor")
    ),
    Table(
        "partners/services",
        Service,
        columns=("provider", "authority", "starts_on", "ends_on", "legal_form", "note", "unverified", "source"),
        key=("provider", "authority", "starts_on"),
    ),
    Table(
        "partners/parts",
        Part,
        columns=("whole", "part", "role", "starts_on", "ends_on"),
        key=("whole", "part", "starts_on"),
    ),
    Table(
        "partners/inspections",
        Inspection,
        columns=(
            "authority",
            "published_on",
            "started_on",
            "ended_on",
            "framework",
            "overall",
            "leaders",
            "help_and_protection",
            "in_care",
            "care_leavers",
            "report_url",
        ),
        key=("authority", "published_on", "started_on"),
        check=_inspected_while_there,
    ),
    Table(
        "partners/years",
        AuthorityYear,
        columns=(
            "authority",
            "year",
            "children",
            "children_in_care",
            "children_in_care_rate",
            "started_care",
            "started_care_rate",
            "left_care",
            "left_care_rate",
            "children_in_need",
            "protection_plans",
            "referrals",
            "rereferral_percent",
            "turnover_percent",
            "agency_percent",
            "vacancy_percent",
            "average_caseload",
            "absence_percent",
        ),
        key=("authority", "year"),
        check=_year_while_there,
    ),
    Table(
        "partners/neighbours",
        Neighbour,
        columns=("authority", "neighbour", "rank", "closeness"),
        key=("authority", "rank"),
        check=_neighbour_is_there,
    ),
    Table(
        "partners/groups",
        Group,
        columns=("slug", "name", "kind", "purpose", "membership", "announced", "source"),
        key=("slug",),
        named="{slug}",
    ),
)
