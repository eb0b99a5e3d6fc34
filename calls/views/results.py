"""The result as the applicant sees and answers it."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from calls.actions import decisions as actions
from calls.choices import RESULT_KNOWN_TO_APPLICANT, ApplicationStatus, Outcome
from calls.forms.assessments import told
from calls.forms.decisions import (
    DeclineForm,
)
from calls.models import Application
from people.requests import SignedInRequest
from people.rules import require


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
