"""What the centre does with its partners: the programmes, each with everything that hangs on it."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from calls.models import Call
from evaluations.models import Evaluation
from evidence_store.models import Entry
from newsroom.models import Post
from partners.models import Organisation
from programmes.choices import ProgrammeKind, ProgrammeStatus
from programmes.dates import said
from programmes.figures import of_partners, of_programme, partners_by_programme, standings
from programmes.models import Happening, Partnership, Programme, Strand
from wwcsc.views.public_partners import tiles

ORDER = (
    ProgrammeStatus.ACTIVE,
    ProgrammeStatus.ANNOUNCED,
    ProgrammeStatus.EXPLORING,
    ProgrammeStatus.COMPLETED,
    ProgrammeStatus.STOPPED,
)
WITH_PARTNERS = (ProgrammeKind.PROGRAMME, ProgrammeKind.WAVE)
LEGEND = (("now", "Partner now"), ("before", "Partner before"), ("none", "Not in this programme"))
POSTS_SHOWN = 6


@login_not_required
@require_safe
def programmes(request: HttpRequest) -> HttpResponse:
    counts = partners_by_programme()
    found: list[Any] = list(Programme.objects.visible_to(request.user).prefetch_related("themes", "fundings"))
    for programme in found:
        programme.partner_count = counts.get(programme.pk, 0)
    found.sort(key=lambda programme: (ORDER.index(programme.status), _newest_first(programme), programme.name))
    context = {
        "programmes": [programme for programme in found if programme.kind in WITH_PARTNERS],
        "others": [programme for programme in found if programme.kind not in WITH_PARTNERS],
        "figures": of_partners(),
    }
    return render(request, "wwcsc/programmes.html", context)


def _newest_first(programme: Programme) -> int:
    return -programme.starts_on.toordinal() if programme.starts_on else 0


@dataclass
class StrandOnPage:
    """A strand, or the programme as a whole where no strand is named, with its partners by role."""

    strand: Strand | None
    partnerships: list[Partnership] = field(default_factory=list)

    @property
    def roles(self) -> list[tuple[str, list[Partnership]]]:
        found: dict[str, list[Partnership]] = defaultdict(list)
        for partnership in self.partnerships:
            found[partnership.get_role_display()].append(partnership)
        return sorted(found.items())


@login_not_required
@require_safe
def programme(request: HttpRequest, slug: str) -> HttpResponse:
    person = request.user
    found = get_object_or_404(Programme.objects.visible_to(person).prefetch_related("themes"), slug=slug)
    entries = found.entries.filter(pk__in=Entry.objects.visible_to(person).values("pk"))
    known = standings(found)
    context = {
        "programme": found,
        "figures": of_programme(found),
        "strands": _strands(found, person),
        "waves": found.waves.order_by("number"),
        "fundings": found.fundings.select_related("funder"),
        "involvements": _involvements(found, person),
        "moments": _moments(found),
        "tiles": tiles(known, others="not in this programme") if known.now or known.before else [],
        "legend": LEGEND,
        "calls": Call.objects.visible_to(person).filter(programme=found).order_by("-opens_at", "-pk"),
        "evaluations": Evaluation.objects.visible_to(person).filter(programme=found).order_by("title"),
        "entries": entries.order_by("title"),
        "posts": Post.objects.visible_to(person).filter(programmes=found).order_by("-public_from", "-pk")[:POSTS_SHOWN],
    }
    return render(request, "wwcsc/programme.html", context)


def _strands(found: Programme, person: Any) -> list[StrandOnPage]:
    organisations = Organisation.objects.visible_to(person)
    rows = (
        Partnership.objects.visible_to(person)
        .filter(programme=found, organisation__in=organisations)
        .select_related("organisation", "wave")
        .prefetch_related(Prefetch("areas", queryset=organisations.order_by("name"), to_attr="seen_areas"))
        .order_by("organisation__name", "pk")
    )
    parts: dict[int | None, StrandOnPage] = {
        strand.pk: StrandOnPage(strand) for strand in found.strands.order_by("name")
    }
    for row in rows:
        parts.setdefault(row.strand_id, StrandOnPage(None)).partnerships.append(row)
    return list(parts.values())


def _involvements(found: Programme, person: Any) -> QuerySet:
    return (
        found.involvements.filter(organisation__in=Organisation.objects.visible_to(person))
        .select_related("organisation", "strand")
        .order_by("role", "organisation__name")
    )


def _moments(found: Programme) -> list[dict[str, Any]]:
    rows: QuerySet[Happening] = found.happenings.select_related("strand").order_by("on", "pk")
    return [
        {
            "what": f"{row.strand.name}: {row.what}" if row.strand else row.what,
            "told": row.told_as or said(row.on, row.precision),
            "note": row.detail,
        }
        for row in rows
    ]
