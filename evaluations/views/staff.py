"""Evaluations in the staff area."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.forms import ModelForm
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from evaluations.actions import evaluations as actions
from evaluations.actions import parts, protocols
from evaluations.choices import Stage
from evaluations.forms import PARTS, EvaluationForm, MoveForm, ProtocolForm, PublishForm
from evaluations.models import Evaluation, ProtocolVersion
from lifecycle.actions import moves_of
from people.models import Person
from people.requests import SignedInRequest
from people.rules import Refused, require
from programmes.models import Partnership

PER_PAGE = 25


def _staff_only(person: Person) -> None:
    if not person.is_centre_staff:
        raise Refused(person, "evaluations.view_board")


def find(request: SignedInRequest, pk: int) -> Evaluation:
    _staff_only(request.user)
    return get_object_or_404(
        Evaluation.objects.visible_to(request.user).select_related("programme", "strand", "call"), pk=pk
    )


def posted(request: SignedInRequest) -> Any:
    """What was sent; also when nothing was filled in, which is an answer too."""
    return request.POST if request.method == "POST" else None


def add_errors(form: forms.BaseForm, error: ValidationError) -> None:
    """Sentences of an action onto its form, each at its field where the form has it."""
    told = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
    for field, sentences in told.items():
        for sentence in sentences:
            form.add_error(field if field in form.fields else None, sentence)


@require_safe
def board(request: SignedInRequest) -> HttpResponse:
    _staff_only(request.user)
    words = request.GET.get("q", "").strip()[:100]
    stage = request.GET.get("stage", "")
    found = Evaluation.objects.visible_to(request.user).for_list()
    if words:
        found = found.filter(Q(title__icontains=words) | Q(programme__name__icontains=words))
    if stage in Stage.values:
        found = found.filter(status=stage)
    found = found.annotate(promises=Count("duties", distinct=True), reports=Count("outputs", distinct=True))
    context = {
        "page": Paginator(found, PER_PAGE).get_page(request.GET.get("page")),
        "words": words,
        "stage": stage,
        "stages": Stage.choices,
        "may_add": request.user.has_perm("evaluations.add_evaluation"),
    }
    return render(request, "evaluations/board.html", context)


@require_safe
def manage(request: SignedInRequest, pk: int) -> HttpResponse:
    evaluation = find(request, pk)
    following = moves_of(Evaluation).get(evaluation.status, set())
    context = {
        "evaluation": evaluation,
        "protocols": evaluation.protocols.order_by("-number"),
        "milestones": evaluation.milestones.all(),
        "outputs": evaluation.outputs.all(),
        "duties": evaluation.duties.select_related("output"),
        "changes": evaluation.changes.select_related("recorded_by"),
        "evaluators": evaluation.evaluators.select_related("organisation"),
        "clusters": evaluation.cluster_rows.select_related("organisation").order_by("position", "organisation__name"),
        "partnerships": evaluation.partnerships.visible_to(request.user).select_related("organisation", "programme"),
        "obstacles": [
            (Stage(stage).label, sentence)
            for stage in Stage.values
            if stage in following and (sentence := actions.why_not(evaluation, stage))
        ],
        "may_change": request.user.has_perm("evaluations.change_evaluation", evaluation),
        "may_move": request.user.has_perm("evaluations.move_evaluation", evaluation) and following,
        "may_publish": request.user.has_perm("evaluations.publish_evaluation", evaluation),
        "may_approve": request.user.has_perm("evaluations.approve_protocol", evaluation),
    }
    return render(request, "evaluations/manage.html", context)


def new(request: SignedInRequest, partnership: int | None = None) -> HttpResponse:
    require(request.user, "evaluations.add_evaluation")
    source = get_object_or_404(Partnership.objects.visible_to(request.user), pk=partnership) if partnership else None
    start = actions.carried_over(source) if source else {}
    form = EvaluationForm(posted(request), instance=Evaluation(**start), person=request.user)
    if source:
        form.fields.pop("partnerships")
    if request.method == "POST" and form.is_valid():
        facts = {name: value for name, value in form.cleaned_data.items() if name != "version"}
        try:
            evaluation = actions.register(by=request.user, partnership=source, **facts)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, "The evaluation is on record. Nobody outside sees it until you publish it.")
            return redirect("evaluations:manage", evaluation.pk)
    return _form_page(request, form, "New evaluation", "Save", source=source)


def edit(request: SignedInRequest, pk: int) -> HttpResponse:
    evaluation = find(request, pk)
    require(request.user, "evaluations.change_evaluation", evaluation)
    form = EvaluationForm(posted(request), instance=evaluation, person=request.user)
    if request.method == "POST" and form.is_valid():
        changes = {name: form.cleaned_data[name] for name in form.changed_data if name != "version"}
        try:
            actions.edit(evaluation, by=request.user, seen=form.seen, **changes)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, "Saved.")
            return redirect("evaluations:manage", evaluation.pk)
    return _form_page(request, form, "Edit the evaluation", "Save", evaluation=evaluation)


def move(request: SignedInRequest, pk: int) -> HttpResponse:
    evaluation = find(request, pk)
    require(request.user, "evaluations.move_evaluation", evaluation)
    form = MoveForm(posted(request), evaluation=evaluation)
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data
        try:
            actions.move_to(evaluation, told["stage"], by=request.user, reason=told["reason"], lessons=told["lessons"])
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"The stage is now: {evaluation.get_status_display().lower()}.")
            return redirect("evaluations:manage", evaluation.pk)
    return _form_page(request, form, "Move to another stage", "Move", evaluation=evaluation)


def publish(request: SignedInRequest, pk: int) -> HttpResponse:
    evaluation = find(request, pk)
    require(request.user, "evaluations.publish_evaluation", evaluation)
    form = PublishForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            actions.publish(evaluation, by=request.user, at=form.cleaned_data["at"])
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, "The moment is set.")
            return redirect("evaluations:manage", evaluation.pk)
    return _form_page(request, form, "Publish on the register", "Set the moment", evaluation=evaluation)


def protocol(request: SignedInRequest, pk: int) -> HttpResponse:
    evaluation = find(request, pk)
    require(request.user, "evaluations.change_evaluation", evaluation)
    form = ProtocolForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            version = protocols.add_version(evaluation, by=request.user, **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"Version {version.number} is kept as a draft.")
            return redirect("evaluations:manage", evaluation.pk)
    return _form_page(request, form, "New version of the protocol", "Save as a draft", evaluation=evaluation)


PROTOCOL_MOVES = {
    "approve": (protocols.approve, "The protocol is approved."),
    "return": (protocols.send_back, "The protocol is a draft again."),
    "publish": (protocols.publish, "The protocol is published, and the promise to publish it is kept."),
}


@require_POST
def move_protocol(request: SignedInRequest, pk: int, verb: str) -> HttpResponse:
    _staff_only(request.user)
    version = get_object_or_404(ProtocolVersion.objects.visible_to(request.user).select_related("evaluation"), pk=pk)
    if verb not in PROTOCOL_MOVES:
        raise Http404
    act, said = PROTOCOL_MOVES[verb]
    try:
        act(version, by=request.user)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    else:
        messages.success(request, said)
    return redirect("evaluations:manage", version.evaluation_id)


def part(request: SignedInRequest, pk: int, kind: str, part: int | None = None) -> HttpResponse:
    """Add or change one date, output, promise, change, evaluator or cluster."""
    evaluation = find(request, pk)
    require(request.user, "evaluations.change_evaluation", evaluation)
    if kind not in PARTS:
        raise Http404
    name, form_class = PARTS[kind]
    form = form_class(posted(request), instance=_found_part(form_class, evaluation, part))
    if request.method == "POST" and form.is_valid():
        try:
            parts.keep(form.instance, evaluation, by=request.user)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"Saved: {name}.")
            return redirect("evaluations:manage", evaluation.pk)
    return _form_page(request, form, f"{'Change' if part else 'Add'}: {name}", "Save", evaluation=evaluation)


def _found_part(form_class: type[ModelForm], evaluation: Evaluation, part: int | None) -> Any:
    model = form_class._meta.model
    return get_object_or_404(model, pk=part, evaluation=evaluation) if part else None


def _form_page(request: SignedInRequest, form: forms.BaseForm, title: str, button: str, **context: Any) -> HttpResponse:
    return render(request, "evaluations/form.html", {"form": form, "title": title, "button_label": button, **context})
