"""Who the partners are: the map of all authorities, the list behind it, and a page for each organisation."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import django_filters
from django import forms
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.db.models import Count, Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.timezone import localdate
from django.views.decorators.http import require_safe

from evaluations.models import Evaluation
from partners.choices import APPLICANT_KINDS, CodeScheme
from partners.figures import map_letters, of_organisations
from partners.filters import OrganisationFilter
from partners.models import AuthorityYear, Organisation, OrganisationCode, Service
from programmes.figures import SAID, Standings, of_partners, public_partnerships, standings, working_with_us
from programmes.models import Partnership, Programme

PER_PAGE = 50
LEGEND = (("now", "Working with us now"), ("before", "Worked with us before"), ("none", "Not yet"))
WORKING = (("now", "Now"), ("before", "Before"), ("not_yet", "Not yet"))


class PartnerFilter(OrganisationFilter):
    programme = django_filters.ModelChoiceFilter(
        label="Programme",
        queryset=lambda request: Programme.objects.visible_to(request.user).order_by("name"),
        method="in_programme",
        to_field_name="slug",
        empty_label="Every programme",
    )
    with_us = django_filters.MultipleChoiceFilter(
        label="Works with us", choices=WORKING, method="working", widget=forms.CheckboxSelectMultiple
    )

    def in_programme(self, found: QuerySet, name: str, programme: Programme) -> QuerySet:
        public = public_partnerships().filter(programme=programme)
        return found.filter(Q(pk__in=public.values("organisation")) | Q(pk__in=public.values("areas")))

    def working(self, found: QuerySet, name: str, chosen: list[str]) -> QuerySet:
        wanted = Q(pk__in=[])
        if "now" in chosen:
            wanted |= Q(pk__in=working_with_us(now=True).values("pk"))
        if "before" in chosen:
            wanted |= Q(pk__in=working_with_us(now=False).values("pk"))
        if "not_yet" in chosen:
            wanted |= ~Q(pk__in=working_with_us().values("pk"))
        return found.filter(wanted) if chosen else found


# --- the map --------------------------------------------------------------------------------------------------------------


def tiles(known: Standings, *, others: str = "not yet") -> list[dict[str, Any]]:
    """Every authority of today with its tone. Only what is public colours a tile, whoever looks at it."""
    authorities = [
        authority
        for authority in Organisation.objects.current_authorities().filter(is_public=True, is_demonstration=False)
        if authority.latitude is not None
    ]
    letters = map_letters([authority.name for authority in authorities])
    return [
        {
            "name": authority.name,
            "short": letters[authority.name],
            "longitude": authority.longitude,
            "latitude": authority.latitude,
            "column": authority.tile_column,
            "row": authority.tile_row,
            "url": authority.get_absolute_url(),
            "tone": known.of(authority.pk),
            "said": {**SAID, "none": others}[known.of(authority.pk)],
            "group": authority.get_region_display(),
        }
        for authority in authorities
    ]


# --- the list -------------------------------------------------------------------------------------------------------------


@login_not_required
@require_safe
def partners(request: HttpRequest) -> HttpResponse:
    known = standings()
    seen = Organisation.objects.visible_to(request.user)
    chosen = PartnerFilter(request.GET, seen, request=request)
    page = Paginator(_for_list(chosen.qs), PER_PAGE).get_page(request.GET.get("page"))
    for organisation in page:
        organisation.standing = known.of(organisation.pk)
        organisation.may_apply = organisation.kind in APPLICANT_KINDS
    context = {
        "filter": chosen,
        "is_filtered": any(value for name, value in request.GET.items() if name in chosen.filters),
        "page": page,
        "figures": of_partners(),
        "organisations": of_organisations(),
        "tiles": tiles(known),
        "legend": LEGEND,
    }
    return render(request, "wwcsc/partners.html", context)


def _for_list(found: QuerySet) -> QuerySet:
    mine = Count("partnerships", filter=Q(partnerships__in=public_partnerships().values("pk")), distinct=True)
    return found.annotate(partnership_count=mine).order_by("name", "slug")


# --- one organisation -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shared:
    """A partnership beside how this organisation comes to it: as the partner, or as an area that another serves."""

    partnership: Partnership
    evaluations: list[Evaluation]
    through: str = ""


@login_not_required
@require_safe
def partner(request: HttpRequest, slug: str) -> HttpResponse:
    person = request.user
    seen = Organisation.objects.visible_to(person)
    organisation = get_object_or_404(seen, slug=slug)
    partnerships = _partnerships_of(organisation, person)
    years = list(organisation.years.order_by("-year"))
    context = {
        "organisation": organisation,
        "exists": organisation.existed_on(localdate()),
        "standing": standings().of(organisation.pk),
        "names": organisation.names.order_by("kind", "valid_from", "name"),
        "codes": _codes(organisation),
        "predecessors": organisation.successions_in.filter(predecessor__in=seen).select_related("predecessor"),
        "successors": organisation.successions_out.filter(successor__in=seen).select_related("successor"),
        "served_by": _services(organisation.services_received.filter(provider__in=seen)),
        "serves": _services(organisation.services_provided.filter(authority__in=seen)),
        "wholes": organisation.wholes.filter(whole__in=seen).select_related("whole"),
        "parts": organisation.parts.filter(part__in=seen).select_related("part").order_by("part__name"),
        "partnerships": partnerships,
        "involvements": _involvements(organisation, person),
        "evaluations": _evaluations(organisation, partnerships, person),
        "inspections": organisation.inspections.order_by("-published_on"),
        "years": years,
        "pictures": _pictures(years),
        "neighbours": _neighbours(organisation, seen),
        "sources": _sources(organisation, partnerships),
    }
    return render(request, "wwcsc/partner.html", context)


def _partnerships_of(organisation: Organisation, person: Any) -> list[Shared]:
    """Its own, and those in which its area is served by another."""
    seen = Evaluation.objects.visible_to(person).order_by("title")
    rows = (
        Partnership.objects.visible_to(person)
        .filter(Q(organisation=organisation) | Q(areas=organisation))
        .distinct()
        .filter(organisation__in=Organisation.objects.visible_to(person))
        .filter(programme__in=Programme.objects.visible_to(person))
        .select_related("organisation", "programme", "strand", "wave")
        .prefetch_related(Prefetch("evaluations", queryset=seen, to_attr="seen_evaluations"))
        .order_by("-public_from", "programme__name", "pk")
    )
    return [
        Shared(
            partnership=row,
            evaluations=getattr(row, "seen_evaluations"),  # noqa: B009 - set by the prefetch, unknown to the model
            through="" if row.organisation_id == organisation.pk else row.organisation.name,
        )
        for row in rows
    ]


def _codes(organisation: Organisation) -> list[OrganisationCode]:
    return sorted(
        organisation.codes.all(), key=lambda code: (code.scheme != CodeScheme.ONS, code.valid_until is not None)
    )


def _services(rows: QuerySet[Service]) -> QuerySet[Service]:
    return rows.select_related("provider", "authority").order_by("starts_on", "pk")


def _involvements(organisation: Organisation, person: Any) -> QuerySet:
    programmes = Programme.objects.visible_to(person)
    return (
        organisation.involvements.filter(programme__in=programmes)
        .select_related("programme", "strand")
        .order_by("programme__name", "role")
    )


@dataclass(frozen=True)
class Part:
    evaluation: Evaluation
    role: str


def _evaluations(organisation: Organisation, partnerships: Iterable[Shared], person: Any) -> list[Part]:
    """Those it takes part in as a partner, and those it carries out."""
    found = {
        evaluation.pk: Part(evaluation, "Takes part") for shared in partnerships for evaluation in shared.evaluations
    }
    mine = organisation.evaluates.filter(evaluation__in=Evaluation.objects.visible_to(person))
    for one in mine.select_related("evaluation"):
        found[one.evaluation_id] = Part(one.evaluation, one.get_role_display())
    return sorted(found.values(), key=lambda part: part.evaluation.title)


PICTURES = (
    ("children_in_care_rate", "Children in care on 31 March", "for every 10,000 children"),
    ("started_care_rate", "Children who came into care in the year", "for every 10,000 children"),
    ("protection_plans", "Child protection plans on 31 March", "plans"),
    ("turnover_percent", "Social workers who left in the year", "% of social workers"),
)


def _pictures(years: list[AuthorityYear]) -> list[dict[str, Any]]:
    """A small picture for each measure with at least two years; the last year stands out."""
    pictures = []
    for measure, title, unit in PICTURES:
        rows = [(f"{year.year}", getattr(year, measure)) for year in reversed(years)]
        if sum(number is not None for _, number in rows) >= 2:
            pictures.append({"title": f"{title}, {unit}", "unit": unit, "rows": rows})
    return pictures


def _neighbours(organisation: Organisation, seen: QuerySet) -> list[dict[str, Any]]:
    known = standings()
    rows = organisation.neighbours.filter(neighbour__in=seen).select_related("neighbour").order_by("rank")
    return [
        {"neighbour": row.neighbour, "closeness": row.closeness, "standing": known.of(row.neighbour_id)} for row in rows
    ]


def _sources(organisation: Organisation, partnerships: Iterable[Shared]) -> list[str]:
    told = [organisation.source, *(shared.partnership.source for shared in partnerships)]
    parts = [part.strip() for source in told for part in source.split(";")]
    return list(dict.fromkeys(part for part in parts if part))
