"""Every published number about programmes and partnerships, counted once, from what is public at the moment."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet

from partners.choices import OrganisationKind
from partners.models import Organisation
from programmes.choices import LEFT, RUNNING
from programmes.models import Partnership, Programme


def public_partnerships(at: datetime | None = None) -> QuerySet[Partnership]:
    """Announced, in a programme that is public. An embargoed partnership is in no number."""
    return Partnership.objects.public(at).filter(programme__in=Programme.objects.public(at).values("pk"))


def working_with_us(*, now: bool | None = None) -> QuerySet[Organisation]:
    """Organisations that are a partner, or whose area one serves. ``now``: only those with one that runs, or with none."""
    public = public_partnerships()
    running = public.filter(status__in=RUNNING)
    ever, today = _taking_part(public), _taking_part(running)
    known = Organisation.objects.visible_to(AnonymousUser())
    if now is None:
        return known.filter(ever)
    return known.filter(today) if now else known.filter(ever).exclude(today)


def _taking_part(partnerships: QuerySet[Partnership]) -> Q:
    areas = partnerships.filter(areas__isnull=False)  # an empty area in the list would make "not in" answer nothing
    return Q(pk__in=partnerships.values("organisation")) | Q(pk__in=areas.values("areas"))


@dataclass(frozen=True)
class Standings:
    """Who works with us now and who did before, as primary keys of organisations."""

    now: frozenset[int]
    before: frozenset[int]

    def of(self, pk: int) -> str:
        """A tone of the map: now, before or none."""
        return "now" if pk in self.now else "before" if pk in self.before else "none"


def standings(programme: Programme | None = None) -> Standings:
    """In all programmes, or in one."""
    public = public_partnerships()
    if programme is not None:
        public = public.filter(programme=programme)
    return _standings([*public.values_list("organisation", "status"), *_areas(public)])


def _areas(public: QuerySet[Partnership]) -> QuerySet:
    return public.filter(areas__isnull=False).values_list("areas", "status")


def _standings(pairs: list[tuple[int, str]]) -> Standings:
    now = frozenset(pk for pk, status in pairs if status in RUNNING)
    return Standings(now=now, before=frozenset(pk for pk, _ in pairs) - now)


SAID = {"now": "working with us now", "before": "worked with us before", "none": "not yet"}


@dataclass(frozen=True)
class PartnerFigures:
    """Units are in the names. Authorities are those of today; one counts as soon as it, or its area, is in a partnership."""

    authorities: int
    authorities_with_us: int
    authorities_with_us_now: int
    partner_organisations: int
    partnerships: int
    partnerships_running: int
    programmes: int
    demonstration: int

    @property
    def share(self) -> float | None:
        return self.authorities_with_us / self.authorities if self.authorities else None


def of_partners() -> PartnerFigures:
    public = public_partnerships()
    rows = list(public.values_list("organisation", "status", "is_demonstration"))
    known = _standings([*((organisation, status) for organisation, status, _ in rows), *_areas(public)])
    current = set(Organisation.objects.visible_to(AnonymousUser()).current_authorities().values_list("pk", flat=True))
    return PartnerFigures(
        authorities=len(current),
        authorities_with_us=len(current & (known.now | known.before)),
        authorities_with_us_now=len(current & known.now),
        partner_organisations=len({organisation for organisation, _, _ in rows}),
        partnerships=len(rows),
        partnerships_running=sum(status in RUNNING for _, status, _ in rows),
        programmes=Programme.objects.public().count(),
        demonstration=sum(is_demonstration for _, _, is_demonstration in rows),
    )


@dataclass(frozen=True)
class ProgrammeFigures:
    """Of one programme: partnerships announced, and the organisations and authorities in them, those that have been dissolved since among them."""

    partnerships: int
    organisations: int
    authorities: int
    left: int


def of_programme(programme: Programme) -> ProgrammeFigures:
    public = public_partnerships().filter(programme=programme)
    rows = list(public.values_list("organisation", "organisation__kind", "status"))
    authorities = {pk for pk, kind, _ in rows if kind == OrganisationKind.LOCAL_AUTHORITY}
    return ProgrammeFigures(
        partnerships=len(rows),
        organisations=len({pk for pk, _, _ in rows}),
        authorities=len(authorities),
        left=sum(1 for _, _, status in rows if status in LEFT),
    )


def partners_by_programme() -> dict[int, int]:
    """How many organisations are, or were, partners in each programme."""
    found: dict[int, set[int]] = defaultdict(set)
    for programme, organisation in public_partnerships().values_list("programme", "organisation"):
        found[programme].add(organisation)
    return {programme: len(organisations) for programme, organisations in found.items()}
