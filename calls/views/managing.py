"""Staff run a call until it closes: approved, published, extended, given more places, cancelled; and its questions answered."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from calls.actions import calls, enquiries
from calls.choices import ApplicationStatus
from calls.forms.calls import (
    AnswerEnquiryForm,
    CancelForm,
    ExtendForm,
    MorePlacesForm,
    PublishForm,
)
from calls.models import Call, Enquiry
from calls.rules.readiness import worth_a_thought
from calls.views.pasting import takes_pasted_text
from calls.views.writing import staff_call
from lifecycle.actions import RecordChanged
from people.requests import SignedInRequest
from people.rules import require


@require_POST
def approve(request: SignedInRequest, slug: str) -> HttpResponse:
    call = staff_call(request, slug, "calls.run_call")
    try:
        calls.approve(call, by=request.user)
    except calls.CallNotReady:
        return redirect("calls:write_check", slug)
    messages.success(request, "Approved. The next step is to publish it.")
    return redirect("calls:manage", slug)


@require_POST
def send_back(request: SignedInRequest, slug: str) -> HttpResponse:
    call = staff_call(request, slug, "calls.run_call")
    calls.send_back(call, by=request.user)
    messages.success(request, "The call can be changed again. It will need another approval.")
    return redirect("calls:manage", slug)


@require_http_methods(["GET", "POST"])
def publish(request: SignedInRequest, slug: str) -> HttpResponse:
    call = staff_call(request, slug, "calls.run_call")
    form = PublishForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            calls.publish(call, by=request.user, public_from=form.cleaned_data["public_from"])
        except calls.CallNotReady as problem:
            for point in problem.missing:
                form.add_error(None, point.text)
        else:
            messages.success(
                request, "Published. From now on its questions and dates stay as they are; it can be extended."
            )
            return redirect("calls:manage", slug)
    context = {"call": call, "form": form, "thoughts": worth_a_thought(call)}
    return render(request, "calls/staff/publish.html", context, status=422 if form.errors else 200)


@takes_pasted_text
@require_http_methods(["GET", "POST"])
def extend(request: SignedInRequest, slug: str) -> HttpResponse:
    call = staff_call(request, slug, "calls.run_call")
    form = ExtendForm(request.POST if request.method == "POST" else None, call=call)
    if request.method == "POST" and form.is_valid():
        if form.cleaned_data["seen_version"] == call.closes_version:
            calls.extend(call, until=form.cleaned_data["until"], reason=form.cleaned_data["reason"], by=request.user)
            messages.success(request, "The call is extended for everybody. All who have started are being told.")
            return redirect("calls:manage", slug)
        form.add_error(
            None, "A colleague has extended this call a moment ago. Look at the new closing moment, then decide."
        )
    context = {"call": call, "form": form}
    return render(request, "calls/staff/extend.html", context, status=422 if form.errors else 200)


@takes_pasted_text
@require_http_methods(["GET", "POST"])
def more_places(request: SignedInRequest, slug: str) -> HttpResponse:
    call = staff_call(request, slug, "calls.run_call")
    form = MorePlacesForm(request.POST if request.method == "POST" else None, call=call)
    if request.method == "POST" and form.is_valid():
        if form.cleaned_data["seen_places"] == call.places:
            calls.raise_places(
                call, to=form.cleaned_data["places"], reason=form.cleaned_data["reason"], by=request.user
            )
            messages.success(
                request,
                f"{call.get_places_unit_display().capitalize()}: up to {call.places}. It stands on the public page.",
            )
            return redirect("calls:manage", slug)
        form.add_error(None, "A colleague has raised the number a moment ago. Look at the new one, then decide.")
    context = {"call": call, "form": form, "may_have_more_places": calls.may_have_more_places(call)}
    return render(request, "calls/staff/more_places.html", context, status=422 if form.errors else 200)


@takes_pasted_text
@require_http_methods(["GET", "POST"])
def cancel(request: SignedInRequest, slug: str) -> HttpResponse:
    call = staff_call(request, slug, "calls.run_call")
    form = CancelForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        calls.cancel(call, reason=form.cleaned_data["reason"], by=request.user)
        messages.success(request, "The call is cancelled. Everything that was written is kept.")
        return redirect("calls:manage", slug)
    started = call.applications.exclude(status=ApplicationStatus.WITHDRAWN).count()
    context = {"call": call, "form": form, "started": started}
    return render(request, "calls/staff/cancel.html", context, status=422 if form.errors else 200)


@require_POST
def duplicate(request: SignedInRequest, slug: str) -> HttpResponse:
    call = staff_call(request, slug)
    require(request.user, "calls.write_call")
    copy = calls.duplicate(call, by=request.user)
    messages.success(request, "A new call with the same words, questions and criteria. Give it a title and dates.")
    return redirect("calls:manage", copy.slug)


@require_GET
def enquiry_list(request: SignedInRequest, slug: str) -> HttpResponse:
    call = staff_call(request, slug)
    rows = call.enquiries.order_by(F("answered_at").asc(nulls_first=True), "asked_at")
    page = Paginator(rows, 25).get_page(request.GET.get("page"))
    return render(request, "calls/staff/enquiries.html", {"call": call, "page": page})


@takes_pasted_text
@require_http_methods(["GET", "POST"])
def answer_enquiry(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    call = staff_call(request, slug, "calls.answer_enquiry")
    enquiry = get_object_or_404(call.enquiries, pk=pk)
    form = AnswerEnquiryForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            enquiries.answer(enquiry, text=form.cleaned_data["answer"], by=request.user)
        except RecordChanged:
            return _answered_already(request, call, enquiry, form)
        messages.success(request, "Answered, for everybody.")
        return redirect("calls:enquiries", slug)
    context = {"call": call, "enquiry": enquiry, "form": form}
    return render(request, "calls/staff/answer.html", context, status=422 if form.errors else 200)


def _answered_already(request: SignedInRequest, call: Call, enquiry: Enquiry, form: AnswerEnquiryForm) -> HttpResponse:
    """A colleague was quicker, or the button was pressed twice: then the same words are no news."""
    enquiry.refresh_from_db()
    typed = form.cleaned_data["answer"]
    if enquiry.answer == typed and enquiry.answered_by_id == request.user.pk:
        return redirect("calls:enquiries", call.slug)
    context = {"call": call, "enquiry": enquiry, "form": form, "not_published": typed}
    return render(request, "calls/staff/answer.html", context, status=409)
