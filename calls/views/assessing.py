"""Assessment begins: it is started, and each application is checked for eligibility; the panel moderates."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Prefetch
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET

from calls import figures
from calls.actions import assessments as actions
from calls.choices import ApplicationStatus, AssessmentStatus, CallStatus
from calls.forms.assessments import EligibilityForm, ModerationForm, StartAssessmentForm, told
from calls.models import Application, Assessment, Criterion
from calls.rules.eligibility import eligibility_of
from calls.views.board import PAGE, staff_application
from calls.views.writing import staff_call
from partners.choices import Grade
from people.requests import SignedInRequest

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
    received = received.only("reference", "status", "organisation__name", "organisation__kind")
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
