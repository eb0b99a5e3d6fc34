"""The assessors' area: what is mine, whether I may read it, my marks; and the others' once everybody's are in."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Prefetch
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from calls.actions import assessments as actions
from calls.choices import OUT_OF_ASSESSMENT, AssessmentStatus, CallStatus
from calls.figures import FAR_APART
from calls.forms.assessments import DeclarationForm, ScoreForm, told
from calls.models import Answer, Application, Assessment, Criterion, Question, Score
from calls.rules.assessments import blinded
from lifecycle.actions import RecordChanged
from people.requests import SignedInRequest
from people.rules import require

PAGE = 25


@require_safe
def assess(request: SignedInRequest) -> HttpResponse:
    """Only my own, whatever my role: this page says nothing of anybody else's."""
    mine = Assessment.objects.filter(assessor=request.user).select_related(
        "application__call", "application__organisation"
    )
    to_do = mine.unfinished().filter(application__call__status=CallStatus.ASSESSING)
    to_do = to_do.exclude(application__status__in=OUT_OF_ASSESSMENT)
    done = mine.exclude(pk__in=to_do.values("pk")).order_by("-application__call__closes_at", "-pk")
    page = Paginator(done, PAGE).get_page(request.GET.get("page"))
    context = {"to_do": to_do.order_by("application__call__assess_by", "pk"), "page": page, "now": timezone.now()}
    return render(request, "calls/assess/list.html", context)


def assessment(request: SignedInRequest, pk: int) -> HttpResponse:
    mine = _mine(request, pk)
    if mine.status == AssessmentStatus.ASSIGNED and mine.application.status not in OUT_OF_ASSESSMENT:
        return redirect("calls:declare", pk=mine.pk)
    is_out = mine.application.status in OUT_OF_ASSESSMENT and mine.status != AssessmentStatus.SUBMITTED
    if is_out or mine.status in (AssessmentStatus.CONFLICTED, AssessmentStatus.DECLINED):
        return render(request, "calls/assess/closed.html", {"assessment": mine, "application": mine.application})
    if mine.status == AssessmentStatus.SUBMITTED or mine.application.call.status != CallStatus.ASSESSING:
        return _sent(request, mine)
    if request.method == "POST":
        return _save(request, mine)
    return _score_page(request, mine, ScoreForm(assessment=mine, criteria=_criteria(mine)))


def declare(request: SignedInRequest, pk: int) -> HttpResponse:
    """Asked before anything of the application is shown, and open until the scores are sent."""
    mine = _mine(request, pk)
    if mine.status not in (AssessmentStatus.ASSIGNED, AssessmentStatus.STARTED):
        return redirect("calls:assessment", pk=mine.pk)
    form = DeclarationForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            return _declare(request, mine, form)
        except ValidationError as problem:
            told(form, problem)
    return render(
        request, "calls/assess/declare.html", {"assessment": mine, "application": mine.application, "form": form}
    )


def _declare(request: SignedInRequest, mine: Assessment, form: DeclarationForm) -> HttpResponse:
    words = form.cleaned_data["words"]
    match form.cleaned_data["declaration"]:
        case DeclarationForm.CONFLICT:
            actions.declare_conflict(mine, nature=words, by=request.user)
            messages.success(
                request, "Thank you. The application is closed to you from now on, and your declaration is on record."
            )
        case DeclarationForm.HAND_BACK:
            actions.hand_back(mine, reason=words, by=request.user)
            messages.success(request, "Thank you for telling us. We will ask somebody else.")
        case _:
            actions.declare_no_conflict(mine, by=request.user)
            return redirect("calls:assessment", pk=mine.pk)
    return redirect("calls:assess")


def _save(request: SignedInRequest, mine: Assessment) -> HttpResponse:
    form = ScoreForm(request.POST, assessment=mine, criteria=_criteria(mine))
    if not form.is_valid():
        return _score_page(request, mine, form)
    try:
        actions.save_scores(mine, by=request.user, base_version=form.cleaned_data["base_version"], **form.values())
    except RecordChanged:
        return _stale(request, mine, form)
    if request.POST.get("then") != "send":
        messages.success(request, "Your draft is saved. Nobody else sees it.")
        return redirect("calls:assessment", pk=mine.pk)
    try:
        actions.send_scores(mine, by=request.user)
    except ValidationError as problem:
        mine.refresh_from_db()
        form = ScoreForm(_with_version(request, mine), assessment=mine, criteria=_criteria(mine))
        form.is_valid()
        told(form, problem)
        messages.info(request, "Your draft is saved. It was not sent yet.")
        return _score_page(request, mine, form)
    messages.success(request, "Your scores are sent. Thank you.")
    return redirect("calls:assessment", pk=mine.pk)


def _with_version(request: SignedInRequest, mine: Assessment) -> Any:
    typed = request.POST.copy()
    typed["base_version"] = str(mine.version)
    return typed


def _stale(request: SignedInRequest, mine: Assessment, form: ScoreForm) -> HttpResponse:
    """The same page was saved in another window. Both texts are shown; saving again keeps what is in the fields."""
    fresh = _mine(request, mine.pk)
    if fresh.status != AssessmentStatus.STARTED:
        messages.info(request, "These scores were sent from another window a moment ago.")
        return redirect("calls:assessment", pk=mine.pk)
    kept = ScoreForm(assessment=fresh, criteria=form.criteria)
    differing = [
        (kept[name].label, kept[name].value(), form[name].value())
        for name in form.fields
        if name != "base_version" and (kept[name].value() or "") != (form[name].value() or "")
    ]
    again = ScoreForm(_with_version(request, fresh), assessment=fresh, criteria=form.criteria)
    again.is_valid()
    return _score_page(request, fresh, again, differing=differing, status=409)


@require_POST
def save_scores(request: SignedInRequest, pk: int) -> HttpResponse:
    """The autosave: fields that changed, with the version that they were typed against."""
    mine = _mine(request, pk)
    form = ScoreForm(request.POST, assessment=mine, criteria=_criteria(mine))
    form.is_valid()
    changed = [name for name in request.POST.getlist("changed") if name in form.fields and name not in form.errors]
    if "base_version" in form.errors or not changed:
        return JsonResponse({"message": "Not saved. Your text is kept in this browser. Reload this page."}, status=400)
    try:
        actions.save_scores(
            mine, by=request.user, base_version=form.cleaned_data["base_version"], **form.values(changed)
        )
    except RecordChanged:
        fresh = ScoreForm(assessment=_mine(request, pk), criteria=form.criteria)
        return JsonResponse({"theirs": {name: fresh[name].value() or "" for name in changed}}, status=409)
    return JsonResponse({"version": mine.version})


def _mine(request: SignedInRequest, pk: int) -> Assessment:
    """Somebody else's is not here, also for staff: they read it on the board."""
    found = Assessment.objects.visible_to(request.user).filter(assessor=request.user)
    found = found.select_related("application__call__programme", "application__organisation").prefetch_related("scores")
    return get_object_or_404(found, pk=pk)


def _criteria(mine: Assessment) -> list[Criterion]:
    return list(Criterion.objects.filter(call=mine.application.call_id).order_by("position"))


def _score_page(
    request: SignedInRequest, mine: Assessment, form: ScoreForm, *, differing: list | None = None, status: int = 200
) -> HttpResponse:
    require(request.user, "calls.score_assessment", mine)
    context = {
        "assessment": mine,
        "application": mine.application,
        "sections": answers_by_section(mine.application),
        "form": form,
        "differing": differing or [],
        "saved_version": mine.version,
    }
    return render(request, "calls/assess/score.html", context, status=status)


def _sent(request: SignedInRequest, mine: Assessment) -> HttpResponse:
    others = None
    if not blinded(request.user, mine.application):
        others = Assessment.objects.visible_to(request.user).submitted().filter(application=mine.application)
        others = others.exclude(pk=mine.pk).select_related("assessor").order_by("pk")
    everyone = [mine, *(others or [])]
    context = {
        "assessment": mine,
        "application": mine.application,
        "sections": answers_by_section(mine.application),
        "marks": marks_side_by_side(mine.application, everyone, with_panel=others is not None),
        "everyone": everyone,
    }
    return render(request, "calls/assess/sent.html", context)


def answers_by_section(application: Application) -> list[tuple[str, list[Question]]]:
    """The questions of the call in order, each with its answer as ``given``, under the names of their sections."""
    answers = Prefetch("answers", Answer.objects.filter(application=application), to_attr="given_here")
    sections: dict[str, list[Question]] = {}
    for question in Question.objects.filter(call=application.call_id).order_by("position").prefetch_related(answers):
        question.given = question.given_here[0].text if question.given_here else ""  # type: ignore[attr-defined]
        sections.setdefault(question.section, []).append(question)
    return list(sections.items())


def marks_side_by_side(
    application: Application, assessments: list[Assessment], *, with_panel: bool = True
) -> list[dict[str, Any]]:
    """For each criterion what everybody gave, how far apart, and the panel's mark where there is one."""
    numbers = {one.pk for one in assessments}
    rows = []
    criteria = Criterion.objects.filter(call=application.call_id).order_by("position")
    panel = application.moderations.select_related("made_by") if with_panel else ()
    moderations = {one.criterion_id: one for one in panel}
    for criterion in criteria.prefetch_related(
        Prefetch("scores", Score.objects.filter(assessment__in=numbers), "here")
    ):
        given = {score.assessment_id: score for score in criterion.here}
        marks = [score.mark for score in given.values() if score.mark is not None]
        apart = max(marks) - min(marks) if len(marks) > 1 else 0
        rows.append(
            {
                "criterion": criterion,
                "scores": [given.get(one.pk) for one in assessments],
                "apart": apart,
                "moderation": moderations.get(criterion.pk),
                "to_moderate": apart >= FAR_APART and criterion.pk not in moderations,
            }
        )
    return rows
