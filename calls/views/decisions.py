"""Deciding, the letters, their release; and the result as the applicant sees and answers it."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from calls import figures
from calls.actions import decisions as actions
from calls.choices import RESULT_KNOWN_TO_APPLICANT, ApplicationStatus, CallStatus, Outcome
from calls.forms.assessments import told
from calls.forms.decisions import (
    DecisionForm,
    DeclineForm,
    ExtendOfferForm,
    PromoteForm,
    ReleaseForm,
    RespondByForm,
    SeenForm,
)
from calls.models import Application, Assessment, Call, Decision
from calls.rules.assessments import blinded
from calls.views.assessments import answers_by_section, marks_side_by_side
from calls.views.board import staff_application
from calls.views.writing import staff_call
from lifecycle.actions import RecordChanged
from notices.models import Notice
from partners.choices import AuthorityType, Grade
from people.models import Person
from people.requests import SignedInRequest
from people.rules import require

PAGE = 50

# --- one application --------------------------------------------------------------------------------------------------------


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
        "places": figures.places_of(call),
        "sections": answers_by_section(application),
        "grade": Grade(grade).label if grade else "",
        "authority_type": AuthorityType(organisation.authority_type).label if organisation.authority_type else "",
        "partnerships": organisation.partnerships.select_related("programme", "organisation").order_by("-created_at")[
            :20
        ],
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
        "places": figures.places_of(application.call),
        "next_reserve": _first_reserve(request.user, application.call),
    }
    return render(request, "calls/board/offer.html", context)


def _first_reserve(person: Person, call: Call) -> Decision | None:
    """The first of the reserve list, unless the person is kept from it."""
    first = figures.next_reserve(call)
    return first if first and person.has_perm("calls.settle_offer", first.application) else None


# --- letters -------------------------------------------------------------------------------------------------------------------


@require_GET
def letters(request: SignedInRequest, slug: str) -> HttpResponse:
    call = staff_call(request, slug, "calls.release_letters")
    return _letters_page(request, call)


def _letters_page(
    request: SignedInRequest, call: Call, *, respond: RespondByForm | None = None, release: ReleaseForm | None = None
) -> HttpResponse:
    posts = figures.post_of(actions.waiting_to_be_told(call))
    kept = set(
        Assessment.objects.hiding(request.user).filter(application__call=call).values_list("application", flat=True)
    )
    shown = [post for post in posts if post.decision.application_id not in kept]
    offers = [
        post.decision.respond_by
        for post in posts
        if post.decision.outcome == Outcome.OFFER and post.decision.respond_by
    ]
    number = sum(len(post.letters) for post in posts)
    context = {
        "call": call,
        "page": Paginator(shown, PAGE).get_page(request.GET.get("page")),
        "number_of_letters": number,
        "number_of_decisions": len(posts),
        "number_hidden": len(posts) - len(shown),
        "blocked": [post for post in shown if post.is_blocked],
        "stale": [post for post in shown if post.needs_renewal and not post.is_blocked],
        "outcomes": [
            (label, sum(post.decision.outcome == value for post in posts)) for value, label in Outcome.choices
        ],
        "respond": respond or RespondByForm(initial={"respond_by": max(offers, default=None)}),
        "release": release or ReleaseForm(initial={"letters": number}),
        "progress": figures.progress_of(call),
        "places": figures.places_of(call),
        "has_offers": bool(offers),
    }
    return render(request, "calls/board/letters.html", context)


@require_POST
def set_respond_by(request: SignedInRequest, slug: str) -> HttpResponse:
    call = staff_call(request, slug, "calls.release_letters")
    form = RespondByForm(request.POST)
    if form.is_valid():
        try:
            actions.set_respond_by(call, form.cleaned_data["respond_by"], by=request.user)
        except ValidationError as problem:
            told(form, problem)
        else:
            messages.success(request, "The offer letters are written anew with this moment.")
            return redirect("calls:letters", call.slug)
    return _letters_page(request, call, respond=form)


@require_POST
def renew_letters(request: SignedInRequest, slug: str) -> HttpResponse:
    call = staff_call(request, slug, "calls.release_letters")
    number = actions.renew_all_letters(call, by=request.user)
    messages.success(
        request, f"Letters of {number} decisions were renewed for the people who lead these organisations today."
    )
    return redirect("calls:letters", call.slug)


@require_POST
def release_letters(request: SignedInRequest, slug: str) -> HttpResponse:
    call = staff_call(request, slug, "calls.release_letters")
    form = ReleaseForm(request.POST)
    if form.is_valid():
        try:
            number = actions.release_letters(call, letters=form.cleaned_data["letters"], by=request.user)
        except ValidationError as problem:
            told(form, problem)
        else:
            messages.success(
                request, f"{number} letters are on their way, and every applicant sees the result on its page."
            )
            return redirect("calls:applications_board", call.slug)
    return _letters_page(request, call, release=form)


@require_GET
def letter(request: SignedInRequest, pk: int, notice: int) -> HttpResponse:
    """A letter exactly as its reader will get it."""
    application = staff_application(request, pk, "calls.view_board")
    require(request.user, "calls.release_letters", application.call)
    decision = get_object_or_404(Decision, application=application)
    one = get_object_or_404(Notice.objects.visible_to(request.user).about(decision), pk=notice)
    return render(
        request, "calls/board/letter.html", {"application": application, "call": application.call, "letter": one}
    )


@require_POST
def finish_deciding(request: SignedInRequest, slug: str) -> HttpResponse:
    call = staff_call(request, slug, "calls.release_letters")
    try:
        actions.finish_deciding(call, by=request.user)
    except ValidationError as problem:
        messages.error(request, " ".join(problem.messages))
        return redirect("calls:applications_board", call.slug)
    messages.success(request, "All is decided. Look at the letters, then release them together.")
    return redirect("calls:letters", call.slug)


@require_POST
def return_to_deciding(request: SignedInRequest, slug: str) -> HttpResponse:
    call = staff_call(request, slug, "calls.release_letters")
    actions.return_to_deciding(call, by=request.user)
    messages.success(request, "The call is being assessed again. No letter was sent.")
    return redirect("calls:applications_board", call.slug)


# --- the applicant ---------------------------------------------------------------------------------------------------------------


@require_GET
def result(request: SignedInRequest, pk: int) -> HttpResponse:
    """Not here before the applicant has been told, whatever was decided."""
    return _result_page(request, _told(request, pk))


@require_POST
def accept_offer(request: SignedInRequest, pk: int) -> HttpResponse:
    application = _told(request, pk)
    try:
        partnership = actions.accept_offer(application, by=request.user, at=request.arrived_at)
    except ValidationError as problem:
        messages.error(request, " ".join(problem.messages))
        return redirect("calls:result", application.pk)
    messages.success(
        request, "Thank you. You accepted the offer, and the partnership is set up with what your application says."
    )
    return redirect(partnership)


def decline_offer(request: SignedInRequest, pk: int) -> HttpResponse:
    application = _told(request, pk)
    require(request.user, "calls.answer_offer", application)
    form = DeclineForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            actions.decline_offer(application, reason=form.cleaned_data["reason"], by=request.user)
        except ValidationError as problem:
            told(form, problem)
        else:
            messages.success(request, "Thank you for telling us. The place goes to another organisation.")
            return redirect("calls:result", application.pk)
    return render(
        request, "calls/board/decline.html", {"application": application, "call": application.call, "form": form}
    )


def _told(request: SignedInRequest, pk: int) -> Application:
    found = Application.objects.visible_to(request.user).of(request.user).filter(status__in=RESULT_KNOWN_TO_APPLICANT)
    return get_object_or_404(found.select_related("call__programme", "organisation", "decision", "partnership"), pk=pk)


def _result_page(request: SignedInRequest, application: Application) -> HttpResponse:
    decision = getattr(application, "decision", None)
    if decision is None or decision.told_at is None:
        raise Http404
    is_offer = decision.outcome == Outcome.OFFER
    waits = application.status == ApplicationStatus.TOLD
    is_late = decision.respond_by is not None and decision.respond_by <= request.arrived_at
    context = {
        "application": application,
        "call": application.call,
        "decision": decision,
        "may_answer": request.user.has_perm("calls.answer_offer", application),
        "is_offer": is_offer,
        "can_accept": waits and is_offer and not is_late,
        "can_decline": waits and decision.outcome in (Outcome.OFFER, Outcome.RESERVE),
        "is_late": waits and is_offer and is_late,
    }
    return render(request, "calls/board/result.html", context)
