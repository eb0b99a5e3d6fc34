"""The board of a call: every application with its standing, in the order asked for, on the page and as a spreadsheet."""

from typing import Any, NamedTuple, cast

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from audit.actions import record
from audit.exports import as_csv
from calls import figures
from calls.choices import ApplicationStatus, CallStatus
from calls.forms.decisions import BoardForm
from calls.models import Application, Assessment, Call, Decision
from calls.querysets import HIDING
from calls.views.writing import staff_call
from people.models import Person
from people.requests import SignedInRequest
from people.rules import require

PAGE = 50
ORDERS = {
    "rank": "Rank",
    "reference": "Reference",
    "name": "Organisation",
    "spread": "Assessors furthest apart",
    "region": "Region",
    "load": "Running partnerships",
}


@require_GET
def applications_board(request: SignedInRequest, slug: str) -> HttpResponse:
    call = staff_call(request, slug, "calls.view_board")
    asked = _asked(request, call)
    page: Any = Paginator(cast("Any", asked.places), PAGE).get_page(request.GET.get("page"))
    page.object_list = figures.rows_at(call, request.user, page.object_list, blind=asked.blind)
    context = {
        "call": call,
        "rows": page,
        "form": asked.form,
        "order": asked.order,
        "orders": list(ORDERS.items()),
        "places": figures.places_of(call, seen_by=request.user),
        "progress": figures.progress_of(call),
        "kept_from_me": asked.kept_from,
        "next_reserve": _reserve_to_ask(request.user, call, asked.blind),
    }
    return render(request, "calls/board/board.html", context)


def _reserve_to_ask(person: Person, call: Call, blind: set[int]) -> Decision | None:
    """After the results were sent, for whoever may offer its place."""
    if call.status != CallStatus.ANNOUNCED or not person.has_perm("calls.release_letters", call):
        return None
    first = figures.next_reserve(call)
    return None if first is None or first.application_id in blind else first


@require_GET
def board_csv(request: SignedInRequest, slug: str) -> HttpResponse:
    """The board as it is filtered. What its reader is blind to stays empty here too."""
    call = staff_call(request, slug, "calls.export_board")
    asked = _asked(request, call)
    rows = figures.rows_at(call, request.user, asked.places, blind=asked.blind)
    hidden = "Not shown to you: conflict of interest, or not declared yet"
    kept = [[assessment.application.reference, hidden] for assessment in asked.kept_from]
    response = as_csv(f"{call.slug}-board", HEADS, [*map(_cells, rows), *kept])
    record("exported the board", call, by=request.user, rows=len(rows))
    return response


HEADS = (
    "Reference",
    "Organisation",
    "Kind",
    "Type",
    "Region",
    "Ofsted grade",
    "Practice",
    "State",
    "Rank",
    "Weighted score (0 to 4)",
    "Difference between assessors",
    "Assessors asked",
    "Scores in",
    "Criteria to moderate",
    "Moderated",
    "Running partnerships",
    "Earlier partnerships",
    "Decision",
    "Place on the reserve list",
    "Demonstration",
    "Seconds late",
)


def _cells(row: figures.Row) -> list[Any]:
    standing, hidden, said = row.standing, row.is_blind, row.told_in_words
    score = "" if standing.score is None else f"{standing.score:.2f}"
    return [
        row.reference,
        row.name,
        said["kind"],
        said["type"],
        said["region"],
        said["grade"],
        row.practice_name,
        said["status"],
        row.rank or "",
        "Not shown to you until all scores are in" if hidden else score,
        "" if standing.spread is None else f"{standing.spread:.2f}",
        "" if hidden else standing.asked,
        "" if hidden else standing.sent,
        "" if hidden else standing.unsettled,
        "" if hidden else standing.moderated,
        row.running,
        row.before,
        said["outcome"],
        row.reserve_rank or "",
        "yes" if row.is_demonstration else "",
        row.seconds_late or "",
    ]


class Asked(NamedTuple):
    """What the address of a board asks for."""

    places: figures.PlacesOnBoard
    blind: set[int]
    kept_from: list[Assessment]
    form: BoardForm
    order: str


def _asked(request: SignedInRequest, call: Call) -> Asked:
    form = BoardForm(request.GET)
    wanted, order = form.wanted(), request.GET.get("sort", "rank")
    order = order if order in ORDERS else "rank"
    own = figures.own_blinding(call, request.user)
    blind = {one.application_id for one in own}
    return Asked(
        places=figures.places_on_board(call, request.user, blind=blind, wanted=wanted, order=order),
        blind=blind,
        kept_from=[one for one in own if one.status in HIDING],
        form=form,
        order=order,
    )


def staff_application(request: SignedInRequest, pk: int, permission: str, *, of_call: bool = False) -> Application:
    """An application for its staff pages: 404 for others and for whoever is kept from it, 403 for staff without the right."""
    if not request.user.is_centre_staff:
        raise Http404
    found = Application.objects.visible_to(request.user).filter(submitted_at__isnull=False)
    found = found.exclude(status=ApplicationStatus.DRAFT).select_related("call__programme", "organisation")
    application = get_object_or_404(found, pk=pk)
    require(request.user, permission, application.call if of_call else application)
    return application
