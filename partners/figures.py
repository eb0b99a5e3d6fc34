"""Every published number about organisations, counted once."""

from dataclasses import dataclass

from django.db.models import Count, F, Q
from django.utils.timezone import localdate

from partners.choices import OrganisationKind
from partners.models import AuthorityYear, FactFile, Inspection, Organisation


@dataclass(frozen=True)
class OrganisationFigures:
    """Counts of organisations. ``authorities`` exist today, ``predecessors`` do no more."""

    authorities: int
    predecessors: int
    trusts: int
    trusts_today: int
    others: int


def of_organisations() -> OrganisationFigures:
    today = localdate()
    here = (Q(exists_from__isnull=True) | Q(exists_from__lte=today)) & (
        Q(exists_until__isnull=True) | Q(exists_until__gt=today)
    )
    authority, trust = Q(kind=OrganisationKind.LOCAL_AUTHORITY), Q(kind=OrganisationKind.CHILDRENS_TRUST)
    counts = Organisation.objects.filter(is_public=True).aggregate(
        authorities=Count("pk", filter=authority & here),
        predecessors=Count("pk", filter=authority & Q(exists_until__lte=today)),
        trusts=Count("pk", filter=trust),
        trusts_today=Count("pk", filter=trust & here),
        others=Count("pk", filter=~authority & ~trust),
    )
    return OrganisationFigures(**counts)


@dataclass(frozen=True)
class FileFigures:
    """A file of facts beside the number of its rows in the database."""

    file: FactFile
    rows: int


def of_files() -> list[FileFigures]:
    return [
        FileFigures(file, file.row_count)
        for file in FactFile.objects.annotate(row_count=Count("rows")).order_by("position", "name")
    ]


@dataclass(frozen=True)
class GapFigures:
    """What is not known: counts of records, each with its unit in its name."""

    organisations_without_source: int
    services_unverified: int
    authorities_never_inspected: int
    years: int
    years_without_children_in_care: int
    first_year: int | None
    last_year: int | None
    last_inspection: object


def of_gaps() -> GapFigures:
    current = Organisation.objects.filter(is_public=True).current_authorities()
    years = AuthorityYear.objects.aggregate(
        years=Count("pk"), without=Count("pk", filter=Q(children_in_care__isnull=True))
    )
    edges = AuthorityYear.objects.order_by("year").values_list("year", flat=True)
    return GapFigures(
        organisations_without_source=Organisation.objects.filter(
            is_public=True, is_demonstration=False, source=""
        ).count(),
        services_unverified=Organisation.objects.filter(services_provided__isnull=False)
        .exclude(services_provided__unverified="")
        .distinct()
        .count(),
        authorities_never_inspected=current.filter(inspections__isnull=True).count(),
        years=years["years"],
        years_without_children_in_care=years["without"],
        first_year=edges.first(),
        last_year=edges.last(),
        last_inspection=Inspection.objects.order_by(F("published_on").desc())
        .values_list("published_on", flat=True)
        .first(),
    )


LITTLE_WORDS = {"and", "of", "upon", "the", "in", "on", "with", "city", "county"}


def map_letters(names: list[str]) -> dict[str, str]:
    """Three letters for each name on the map, no two alike: those of the words, then the first ones that are still free."""
    taken: dict[str, str] = {}
    for name in sorted(names):
        choices = _letters(name)
        taken[next((letters for letters in choices if letters not in taken), choices[0])] = name
    return {name: letters for letters, name in taken.items()}


def _letters(name: str) -> list[str]:
    words = [word for word in name.replace("-", " ").replace(",", "").split() if word.lower() not in LITTLE_WORDS]
    whole = "".join(words).upper()
    if len(words) >= 3:
        best = "".join(word[0] for word in words[:3]).upper()
    elif len(words) == 2:
        best = (words[0][0] + words[1][:2]).upper()
    else:
        best = whole[:3]
    rest = [
        whole[0] + whole[second] + whole[third]
        for second in range(1, len(whole))
        for third in range(second + 1, len(whole))
    ]
    return [best, *rest]
