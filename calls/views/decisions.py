"""Deciding one application, and what becomes of an offer."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from calls import figures
from calls.actions import decisions as actions
from calls.choices import ApplicationStatus, CallStatus
from calls.forms.assessments import told
from calls.forms.decisions import (
    DecisionForm,
    DeclineForm,
    ExtendOfferForm,
    PromoteForm,
    SeenForm,
)
from calls.models import Application, Assessment, Call, Decision
from calls.rules.assessments import blinded
from calls.views.assessments import answers_by_section, marks_side_by_side
from calls.views.board import staff_application
from lifecycle.actions import RecordChanged
from notices.models import Notice
from partners.choices import AuthorityType, Grade
from people.models import Person
from people.requests import SignedInRequest
from people.rules import require


def decide(request: SignedInRequest, pk: int) -> HttpResponse:
    """Everything about one application for those who judge it; with the form for those who decide."""
    application = staff_application(request, pk, "calls.view_board")
    decision = Decision.objects.filter(application=application).select_related("decided_by", "answered_by").first()
    form = DecisionForm(request.POST if request.method == "POST" else None, initial=_initial(decision))
    if request.method == "POST":
        require(request.user, "calls.decide_application", application)
        if form.is_valid():
            try:
                return _decide(request, application, form)
            except ValidationError as problem:
                told(form, problem)
            except RecordChanged:
                return _overtaken(request, application, form)
    return _decision_page(request, application, decision, form)


def _initial(decision: Decision | None) -> dict[str, Any]:
    if decision is None:
        return {"seen": 0}
    return {
        "seen": decision.version,
        "outcome": decision.outcome,
        "reason": decision.reason,
        "feedback": decision.feedback,
        "reserve_rank": decision.reserve_rank,
    }


def _decide(request: SignedInRequest, application: Application, form: DecisionForm) -> HttpResponse:
    decision = actions.decide(application, by=request.user, **form.cleaned_data)
    said = decision.get_outcome_display().lower()
    messages.success(
        request,
        f"{application.reference}: {said}. The letter is written and held; the applicant still sees “being assessed”.",
    )
    return redirect("calls:decide", application.pk)


def _overtaken(request: SignedInRequest, application: Application, form: DecisionForm) -> HttpResponse:
    """Somebody decided in the meantime. What this person typed stays in the form, beside what is now recorded."""
    fresh = Application.objects.select_related("call__programme", "organisation").get(pk=application.pk)
    decision = Decision.objects.filter(application=fresh).select_related("decided_by", "answered_by").first()
    typed = request.POST.copy()
    typed["seen"] = str(decision.version if decision else 0)
    again = DecisionForm(typed)
    again.is_valid()
    again.add_error(
        None,
        "Somebody else decided this application while you were writing. Their decision is shown; yours was not saved. Compare first.",
    )
    return _decision_page(request, fresh, decision, again, status=409)


def _decision_page(
    request: SignedInRequest,
    application: Application,
    decision: Decision | None,
    form: DecisionForm,
    *,
    status: int = 200,
) -> HttpResponse:
    call, is_blind = application.call, blinded(request.user, application)
    assessments = Assessment.objects.visible_to(request.user).filter(application=application).select_related("assessor")
    sent = [] if is_blind else list(assessments.submitted().order_by("pk"))
    organisation = application.organisation
    may_decide = request.user.has_perm("calls.decide_application", application)
    is_open = call.status in actions.DECIDABLE and application.status in (
        ApplicationStatus.ELIGIBLE,
        ApplicationStatus.DECIDED,
    )
    grade = figures.grades_for(call).get(organisation.pk, "")
    context = {
        "application": application,
        "call": call,
        "organisation": organisation,
        "decision": None if is_blind else decision,
        "form": form,
        "undo": SeenForm(initial={"seen": decision.version})
        if decision and application.status == ApplicationStatus.DECIDED
        else None,
        "is_blind": is_blind,
        "may_decide": may_decide and is_open,
        "may_moderate": request.user.has_perm("calls.moderate_application", application)
        and application.status == ApplicationStatus.ELIGIBLE
        and call.status == CallStatus.ASSESSING,
        "may_settle": request.user.has_perm("calls.settle_offer", application),
        "assessments": sent,
        "waiting": [] if is_blind else list(assessments.unfinished()),
        "set_aside": [] if is_blind else list(assessments.filter(status__in=("conflicted", "declined"))),
        "marks": marks_side_by_side(application, sent) if sent else [],
        "standing": figures.NOTHING_YET if is_blind else figures.standing_of(application),
        "matters": [] if is_blind else actions.open_matters(application),
        "places": figures.places_of(call, seen_by=request.user),
        "sections": answers_by_section(application),
        "grade": Grade(grade).label if grade else "",
        "authority_type": AuthorityType(organisation.authority_type).label if organisation.authority_type else "",
        "partnerships": organisation.partnerships.visible_to(request.user)
        .select_related("programme", "organisation")
        .order_by("-created_at")[:20],
    }
    return render(request, "calls/board/decide.html", context, status=status)


@require_POST
def take_decision_back(request: SignedInRequest, pk: int) -> HttpResponse:
    application = staff_application(request, pk, "calls.decide_application")
    form = SeenForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Open the application again and try once more. Nothing was changed.")
        return redirect("calls:decide", application.pk)
    try:
        actions.take_decision_back(application, seen=form.cleaned_data["seen"], by=request.user)
    except ValidationError as problem:
        messages.error(request, " ".join(problem.messages))
    else:
        messages.success(request, "The decision is taken back and its letter withdrawn. Nobody was told.")
    return redirect("calls:decide", application.pk)


def offer(request: SignedInRequest, pk: int) -> HttpResponse:
    """Staff give a partner longer, record that an offer lapsed or was declined in another way, or ask a reserve."""
    application = staff_application(request, pk, "calls.settle_offer")
    decision = get_object_or_404(Decision.objects.exclude(told_at=None), application=application)
    wants = request.POST.get("act")
    extend = ExtendOfferForm(request.POST if wants == "extend" else None, prefix="extend")
    decline = DeclineForm(request.POST if wants == "decline" else None, prefix="decline")
    promote = PromoteForm(
        request.POST if wants in ("preview", "promote") else None,
        prefix="promote",
        initial={
            "seen": decision.version,
            "until": figures.closes_of_business(application.call.respond_within_days),
        },
    )
    letters: list[Notice] = []
    try:
        if wants == "preview" and promote.is_valid():
            letters = actions.preview_promotion(application, by=request.user, **promote.cleaned_data)
        if wants == "promote" and promote.is_valid():
            actions.promote(application, by=request.user, **promote.cleaned_data)
            messages.success(
                request, "The place is offered. The leads get the letter, and see the offer on their page."
            )
            return redirect("calls:decide", application.pk)
        if wants == "extend" and extend.is_valid():
            actions.extend_offer(
                application, extend.cleaned_data["until"], reason=extend.cleaned_data["reason"], by=request.user
            )
            messages.success(request, "The partner has longer. Its leads get a mail.")
            return redirect("calls:offer", application.pk)
        if wants == "decline" and decline.is_valid():
            actions.record_decline(application, reason=decline.cleaned_data["reason"], by=request.user)
            messages.success(request, "Recorded. The place is free for the reserve list.")
            return redirect("calls:decide", application.pk)
    except ValidationError as problem:
        told({"extend": extend, "decline": decline}.get(str(wants), promote), problem)
    context = {
        "application": application,
        "call": application.call,
        "decision": decision,
        "extend": extend,
        "decline": decline,
        "promote": promote,
        "letters": letters,
        "places": figures.places_of(application.call, seen_by=request.user),
        "next_reserve": _first_reserve(request.user, application.call),
    }
    return render(request, "calls/board/offer.html", context)


def _first_reserve(person: Person, call: Call) -> Decision | None:
    """The first of the reserve list, unless the person is kept from it."""
    first = figures.next_reserve(call)
    return first if first and person.has_perm("calls.settle_offer", first.application) else None
