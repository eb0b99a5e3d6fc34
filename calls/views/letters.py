"""The letters of a call: looked at, renewed, released together."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from calls import figures
from calls.actions import decisions as actions
from calls.choices import Outcome
from calls.forms.assessments import told
from calls.forms.decisions import (
    ReleaseForm,
    RespondByForm,
)
from calls.models import Assessment, Call, Decision
from calls.views.board import staff_application
from calls.views.writing import staff_call
from notices.models import Notice
from people.requests import SignedInRequest
from people.rules import require

PAGE = 50


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
            # Of those that the reader may see: the rest could be told from the difference.
            (label, sum(post.decision.outcome == value for post in shown))
            for value, label in Outcome.choices
        ],
        "respond": respond or RespondByForm(initial={"respond_by": max(offers, default=None)}),
        "release": release or ReleaseForm(initial={"letters": number, "seen": figures.mark_of(posts)}),
        "progress": figures.progress_of(call),
        "places": figures.places_of(call, seen_by=request.user),
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
            number = actions.release_letters(
                call, letters=form.cleaned_data["letters"], seen=form.cleaned_data["seen"], by=request.user
            )
        except ValidationError as problem:
            # The page shows the letters anew, so it has to be ticked anew, and carries what it shows.
            messages.error(request, " ".join(problem.messages))
            return redirect("calls:letters", call.slug)
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
