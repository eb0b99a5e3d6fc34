"""Who assesses what: asked one by one or as proposed, and taken back."""

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Prefetch
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET

from calls import figures
from calls.actions import assessments as actions
from calls.actions import assignments
from calls.choices import ApplicationStatus, CallStatus
from calls.forms.assessments import AssignForm, SuggestForm, TakeBackForm, told
from calls.models import Application, Assessment, Call
from calls.rules.assessments import blinded
from calls.views.board import PAGE, staff_application
from calls.views.writing import staff_call
from people.models import Person
from people.requests import SignedInRequest
from people.rules import require

PROPOSED_AT_ONCE = 1_500  # boxes on the page of a proposal, so that it stays small


def _kept_from(person: Person, call: Call) -> list[Assessment]:
    """Applications that this person may not read: they are named by reference and no more."""
    hiding = Assessment.objects.hiding(person).filter(application__call=call)
    return list(hiding.select_related("application").order_by("application__reference"))


@require_GET
def assessors(request: SignedInRequest, slug: str) -> HttpResponse:
    call = staff_call(request, slug, "calls.assign_assessors")
    seen = Assessment.objects.visible_to(request.user).select_related("assessor").order_by("pk")
    seen = seen.only("application", "status", *(f"assessor__{name}" for name in ("name", "job_title", "email")))
    eligible = Application.objects.visible_to(request.user).filter(call=call, status=ApplicationStatus.ELIGIBLE)
    eligible = eligible.select_related("organisation").only("reference", "organisation__name")
    eligible = eligible.prefetch_related(Prefetch("assessments", seen, to_attr="shown"))
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
