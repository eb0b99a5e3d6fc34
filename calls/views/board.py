"""The board of a call: every application with its standing, who assesses it, whether it may be assessed, and the panel."""

import csv
from collections.abc import Iterable
from typing import Any, NamedTuple

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Prefetch
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET

from audit.actions import record
from audit.exports import harmless
from calls import figures
from calls.actions import assessments as actions
from calls.actions import assignments
from calls.choices import ApplicationStatus, AssessmentStatus, CallStatus
from calls.forms.assessments import (
    AssignForm,
    EligibilityForm,
    ModerationForm,
    StartAssessmentForm,
    SuggestForm,
    TakeBackForm,
    told,
)
from calls.forms.decisions import BoardForm
from calls.models import Application, Assessment, Call, Criterion, Decision
from calls.querysets import HIDING
from calls.rules.assessments import blinded
from calls.rules.eligibility import eligibility_of
from calls.views.writing import staff_call
from partners.choices import Grade
from people.models import Person
from people.requests import SignedInRequest
from people.rules import require

PAGE = 50
PROPOSED_AT_ONCE = 1_500  # boxes on the page of a proposal, so that it stays small
ORDERS = {
    "rank": "Rank",
    "reference": "Reference",
    "name": "Organisation",
    "spread": "Assessors furthest apart",
    "region": "Region",
    "load": "Running partnerships",
}
# What a spreadsheet would take for the start of a formula.

# --- the board -------------------------------------------------------------------------------------------------------------


@require_GET
def applications_board(request: SignedInRequest, slug: str) -> HttpResponse:
    call = staff_call(request, slug, "calls.view_board")
    asked = _asked(request, call)
    page = Paginator(asked.places, PAGE).get_page(request.GET.get("page"))
    page.object_list = figures.rows_at(call, page.object_list, blind=asked.blind)  # type: ignore[assignment]
    context = {
        "call": call,
        "rows": page,
        "form": asked.form,
        "order": asked.order,
        "orders": list(ORDERS.items()),
        "places": figures.places_of(call),
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
    rows = figures.rows_at(call, asked.places, blind=asked.blind)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{call.slug}-board.csv"'
    response.write("\ufeff")  # spreadsheets then read it as UTF-8
    writer = csv.writer(response)
    writer.writerow(HEADS)
    for row in rows:
        writer.writerow([harmless(cell) for cell in _cells(row)])
    for assessment in asked.kept_from:
        writer.writerow(
            [harmless(assessment.application.reference), "Not shown to you: conflict of interest, or not declared yet"]
        )
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
    ]


class Asked(NamedTuple):
    """What the address of a board asks for."""

    places: list[figures.Place]
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


def _kept_from(person: Person, call: Call) -> list[Assessment]:
    """Applications that this person may not read: they are named by reference and no more."""
    hiding = Assessment.objects.hiding(person).filter(application__call=call)
    return list(hiding.select_related("application").order_by("application__reference"))


# --- starting, and the check of eligibility ----------------------------------------------------------------------------------


def start_assessment(request: SignedInRequest, slug: str) -> HttpResponse:
    call = staff_call(request, slug, "calls.start_assessment")
    form = StartAssessmentForm(
        request.POST if request.method == "POST" else None, initial={"assess_by": figures.closes_of_business(21)}
    )
    if request.method == "POST" and form.is_valid():
        try:
            actions.start_assessment(
                call, by=request.user, assess_by=form.cleaned_data["assess_by"], at=request.arrived_at
            )
        except ValidationError as problem:
            told(form, problem)
        else:
            messages.success(request, "Assessment has started. Check which applications are eligible first.")
            return redirect("calls:eligibility", call.slug)
    context = {
        "call": call,
        "form": form,
        "progress": figures.progress_of(call),
        "has_closed": call.has_closed(request.arrived_at),
    }
    return render(request, "calls/board/start.html", context)


@require_GET
def eligibility(request: SignedInRequest, slug: str) -> HttpResponse:
    call = staff_call(request, slug, "calls.view_board")
    received = Application.objects.visible_to(request.user).filter(call=call, submitted_at__isnull=False)
    received = received.exclude(status__in=(ApplicationStatus.DRAFT, ApplicationStatus.WITHDRAWN)).select_related(
        "organisation"
    )
    only = request.GET.get("show")
    if only == "waiting":
        received = received.filter(status=ApplicationStatus.SUBMITTED)
    page = Paginator(received.order_by("reference"), PAGE).get_page(request.GET.get("page"))
    grades = figures.grades_for(call)
    context = {
        "call": call,
        "page": page,
        "rows": [
            (one, Grade(grades[one.organisation_id]).label if one.organisation_id in grades else "") for one in page
        ],
        "progress": figures.progress_of(call),
        "only": only,
    }
    return render(request, "calls/board/eligibility.html", context)


def check_eligibility(request: SignedInRequest, pk: int) -> HttpResponse:
    application = staff_application(request, pk, "calls.check_eligibility")
    form = EligibilityForm(request.POST if request.method == "POST" else None, initial=_verdict(application))
    if request.method == "POST" and form.is_valid():
        try:
            return _record_verdict(request, application, form)
        except ValidationError as problem:
            told(form, problem)
    context = {
        "application": application,
        "call": application.call,
        "form": form,
        "found": eligibility_of(application.call, application.organisation),
        "may_change": application.call.status == CallStatus.ASSESSING
        and application.status
        in (ApplicationStatus.SUBMITTED, ApplicationStatus.ELIGIBLE, ApplicationStatus.INELIGIBLE),
    }
    return render(request, "calls/board/check_eligibility.html", context)


def _verdict(application: Application) -> dict[str, str]:
    if application.status != ApplicationStatus.INELIGIBLE:
        return {"verdict": "eligible"} if application.status == ApplicationStatus.ELIGIBLE else {}
    decision = getattr(application, "decision", None)
    return {
        "verdict": "ineligible",
        "reason": application.ineligible_reason,
        "feedback": decision.feedback if decision else "",
    }


def _record_verdict(request: SignedInRequest, application: Application, form: EligibilityForm) -> HttpResponse:
    answer = form.cleaned_data
    if answer["verdict"] == "eligible":
        if application.status != ApplicationStatus.ELIGIBLE:
            actions.mark_eligible(application, by=request.user)
        messages.success(request, f"{application.reference} is eligible.")
    else:
        actions.mark_ineligible(application, reason=answer["reason"], feedback=answer["feedback"], by=request.user)
        messages.success(
            request, f"{application.reference} is not eligible. The applicant learns it with everybody else's letters."
        )
    return redirect("calls:eligibility", application.call.slug)


# --- assessors -----------------------------------------------------------------------------------------------------------------


@require_GET
def assessors(request: SignedInRequest, slug: str) -> HttpResponse:
    call = staff_call(request, slug, "calls.assign_assessors")
    seen = Assessment.objects.visible_to(request.user).select_related("assessor").order_by("pk")
    eligible = Application.objects.visible_to(request.user).filter(call=call, status=ApplicationStatus.ELIGIBLE)
    eligible = eligible.select_related("organisation").prefetch_related(Prefetch("assessments", seen, to_attr="shown"))
    page = Paginator(eligible.order_by("reference"), PAGE).get_page(request.GET.get("page"))
    people = list(figures.candidates())
    load = figures.load_on_assessors(call)
    blind = set(
        Assessment.objects.blinding(request.user).filter(application__call=call).values_list("application", flat=True)
    )
    context = {
        "call": call,
        "page": page,
        "rows": [(application, application.pk in blind) for application in page],
        "people": [(person, load.get(person.pk, 0)) for person in people],
        "suggest": SuggestForm(),
        "kept_from_me": _kept_from(request.user, call),
        "may_change": call.status == CallStatus.ASSESSING,
        "number_short": len(assignments.short_of_assessors(call)) if page.paginator.count <= PAGE else None,
    }
    return render(request, "calls/board/assessors.html", context)


def assign(request: SignedInRequest, pk: int) -> HttpResponse:
    application = staff_application(request, pk, "calls.assign_assessors", of_call=True)
    call = application.call
    people = list(figures.candidates())
    conflicts = figures.conflicts_in(call, [person.pk for person in people])
    asked = assignments.assessors_of([application]).get(application.pk, set())
    free = [one for one in people if one.pk not in asked and not conflicts.reason(application.pk, one.pk)]
    load = figures.load_on_assessors(call)
    form = AssignForm(request.POST if request.method == "POST" else None, people=free, load=load)
    if request.method == "POST" and form.is_valid():
        try:
            actions.assign([(application, person) for person in form.chosen], call=call, by=request.user)
        except ValidationError as problem:
            told(form, problem)
        else:
            messages.success(request, f"Asked to assess {application.reference}. They get a mail.")
            return redirect("calls:assessors", call.slug)
    context = {
        "application": application,
        "call": call,
        "form": form,
        "barred": [
            (one, conflicts.reason(application.pk, one.pk))
            for one in people
            if conflicts.reason(application.pk, one.pk)
        ],
        "shown": Assessment.objects.visible_to(request.user).filter(application=application).select_related("assessor"),
        "is_blind": blinded(request.user, application),
        "has_people": bool(free),
    }
    return render(request, "calls/board/assign.html", context)


def suggest(request: SignedInRequest, slug: str) -> HttpResponse:
    """GET proposes, POST applies what is ticked. Nothing is stored in between."""
    call = staff_call(request, slug, "calls.assign_assessors")
    people = list(figures.candidates())
    if request.method == "POST":
        return _apply(request, call, people)
    form = SuggestForm(request.GET or None)
    most = form.cleaned_data["most"] if form.is_bound and form.is_valid() else None
    short = _not_kept_from(request.user, assignments.short_of_assessors(call))
    at_once = max(5, min(PAGE, PROPOSED_AT_ONCE // max(1, len(people))))
    context = {
        "call": call,
        "form": form,
        "more": max(0, len(short) - at_once),
        **_proposed(call, short[:at_once], people, most),
    }
    return render(request, "calls/board/suggest.html", context)


def _not_kept_from(person: Person, applications: list[Application]) -> list[Application]:
    hidden = set(Assessment.objects.hiding(person).values_list("application", flat=True))
    return [application for application in applications if application.pk not in hidden]


def _proposed(call: Call, short: list[Application], people: list[Person], most: int | None) -> dict[str, Any]:
    proposal = assignments.suggest(call, short, people, most=most)
    conflicts = figures.conflicts_in(call, [person.pk for person in people])
    asked = assignments.assessors_of(short)
    rows = [
        (
            application,
            [
                (person, f"{application.pk}-{person.pk}", person.pk in proposal.chosen[application.pk])
                for person in people
                if person.pk not in asked.get(application.pk, ()) and not conflicts.reason(application.pk, person.pk)
            ],
        )
        for application in short
    ]
    load = [(person, proposal.load.get(person.pk, 0)) for person in people]
    return {"rows": rows, "shortfalls": proposal.shortfalls, "load": load}


def _apply(request: SignedInRequest, call: Call, people: list[Person]) -> HttpResponse:
    by_number = {person.pk: person for person in people}
    wanted = list(_pairs(request.POST.getlist("pair")))
    applications = Application.objects.visible_to(request.user).filter(call=call).select_related("organisation")
    found = applications.in_bulk([application for application, _ in wanted])
    pairs = [(found[one], by_number[other]) for one, other in wanted if one in found and other in by_number]
    if not pairs:
        messages.error(request, "Nothing was ticked, so nobody was asked.")
        return redirect("calls:suggest_assessors", call.slug)
    try:
        given = actions.assign(pairs, call=call, by=request.user)
    except ValidationError as problem:
        messages.error(request, f"{' '.join(problem.messages)} Nobody was asked. Here is a fresh proposal.")
        return redirect("calls:suggest_assessors", call.slug)
    messages.success(request, f"{len(given)} assessments given. Each assessor gets one mail.")
    return redirect("calls:assessors", call.slug)


def _pairs(values: Iterable[str]) -> Iterable[tuple[int, int]]:
    for value in values:
        application, _, person = value.partition("-")
        if application.isdecimal() and person.isdecimal() and len(value) < 40:
            yield int(application), int(person)


def take_back(request: SignedInRequest, pk: int) -> HttpResponse:
    """From an assessor who has not sent scores. Staff who are themselves blind to the application cannot see it to take it back."""
    found = Assessment.objects.visible_to(request.user).select_related("application__call", "assessor")
    if not request.user.is_centre_staff:
        raise Http404
    assessment = get_object_or_404(found, pk=pk)
    require(request.user, "calls.assign_assessors", assessment.application.call)
    form = TakeBackForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            actions.take_back(assessment, reason=form.cleaned_data["reason"], by=request.user)
        except ValidationError as problem:
            told(form, problem)
        else:
            messages.success(request, "Taken back. The application can be given to somebody else.")
            return redirect("calls:assessors", assessment.application.call.slug)
    return render(
        request,
        "calls/board/take_back.html",
        {"assessment": assessment, "form": form, "call": assessment.application.call},
    )


# --- the panel -------------------------------------------------------------------------------------------------------------------


def moderate(request: SignedInRequest, pk: int, criterion: int) -> HttpResponse:
    application = staff_application(request, pk, "calls.moderate_application")
    one = get_object_or_404(Criterion.objects.filter(call=application.call), pk=criterion)
    present = application.moderations.filter(criterion=one).first()
    initial = {"mark": present.mark, "reason": present.reason} if present else {}
    form = ModerationForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            actions.moderate(application, criterion=one, by=request.user, **form.cleaned_data)
        except ValidationError as problem:
            told(form, problem)
        else:
            messages.success(
                request, f"The panel's mark for {one.name} is recorded. The assessors' own marks stay beside it."
            )
            return redirect("calls:decide", application.pk)
    sent = Assessment.objects.visible_to(request.user).filter(
        application=application, status=AssessmentStatus.SUBMITTED
    )
    given = sent.select_related("assessor").prefetch_related(
        Prefetch("scores", queryset=one.scores.all(), to_attr="of_this_criterion")
    )
    context = {"application": application, "call": application.call, "criterion": one, "form": form, "given": given}
    return render(request, "calls/board/moderate.html", context)


def staff_application(request: SignedInRequest, pk: int, permission: str, *, of_call: bool = False) -> Application:
    """An application for its staff pages: 404 for others and for whoever is kept from it, 403 for staff without the right."""
    if not request.user.is_centre_staff:
        raise Http404
    found = Application.objects.visible_to(request.user).filter(submitted_at__isnull=False)
    found = found.exclude(status=ApplicationStatus.DRAFT).select_related("call__programme", "organisation")
    application = get_object_or_404(found, pk=pk)
    require(request.user, permission, application.call if of_call else application)
    return application
