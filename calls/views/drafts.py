"""Writing the sections of an application: by a form that works alone, and by the same address as the draft saves itself."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from calls.actions import drafts
from calls.actions.drafts import CallHasClosed
from calls.forms.drafts import DETAIL_LABELS, SectionForm, TogetherForm
from calls.models import DETAILS, AnswerRevision, Application, DetailRevision
from calls.rules.applications import WRITERS, role_at
from calls.rules.readiness import Section, key_of, sections_of, texts_of
from calls.views.applications import find
from calls.views.pasting import takes_pasted_text
from lifecycle.actions import RecordChanged
from lifecycle.texts import Saved, base_after, base_of
from partners.models import Organisation
from people.requests import SignedInRequest
from people.rules import require


def _section(application: Application, number: int) -> tuple[list[Section], Section]:
    sections = sections_of(application.call)
    if number >= len(sections):
        raise Http404
    return sections, sections[number]


def _texts(application: Application, section: Section) -> dict[str, str]:
    texts = texts_of(application)
    return {key: texts.get(key, "") for key in section.keys}


def _label(section: Section, key: str) -> str:
    named = {key_of(question): question.text for question in section.questions}
    return named.get(key) or DETAIL_LABELS[key][0]


@takes_pasted_text
@require_http_methods(["GET", "POST"])
def section_page(request: SignedInRequest, pk: int, number: int) -> HttpResponse:
    """Without JavaScript this is all: write, press Save, go on."""
    found = find(request, pk)
    sections, section = _section(found, number)
    if request.method == "GET":
        texts = _texts(found, section)
        form = SectionForm(section=section, initial=texts | {"base_version": base_of(texts)})
        return _show(request, found, sections, section, form)
    form = SectionForm(request.POST, section=section)
    form.is_valid()
    require(request.user, "calls.view_application", found)
    try:
        saved = _save(request, found, form)
    except (CallHasClosed, RecordChanged):
        return _too_late(request, found, section, form)
    if saved.theirs:
        return _show_both(request, found, sections, section, form, saved)
    if form.errors:
        _rebase(form, _texts(found, section))
        return _show(request, found, sections, section, form, status=422)
    messages.success(request, "Saved.")
    if "close" in request.POST or number + 1 >= len(sections):
        return redirect("calls:application", pk)
    return redirect("calls:section", pk, number + 1)


@takes_pasted_text
@require_POST
def autosave(request: SignedInRequest, pk: int, number: int) -> JsonResponse:
    """Only the fields that changed arrive here, with the marks of the texts that they were based on."""
    found = find(request, pk)
    _, section = _section(found, number)
    form = SectionForm(request.POST, section=section)
    form.is_valid()
    try:
        saved = _save(request, found, form)
    except CallHasClosed:
        said = (
            "This call has closed. What was saved before is kept; the newest words are only in this browser: copy them."
        )
        return JsonResponse({"message": said}, status=410)
    except RecordChanged:
        said = "A colleague has sent this application. The newest words are only in this browser: copy them, then load the page again."
        return JsonResponse({"message": said}, status=410)
    version = base_after(str(request.POST.get("base_version", "")), saved.saved, section.keys)
    if saved.theirs:
        return JsonResponse({"version": version, "theirs": saved.theirs}, status=409)
    if form.errors:
        said = "; ".join(str(error) for errors in form.errors.values() for error in errors)
        return JsonResponse(
            {"version": version, "message": f"Not saved: {said} Your text is kept in this browser."}, status=422
        )
    return JsonResponse({"version": version})


def _save(request: SignedInRequest, found: Application, form: SectionForm) -> Saved:
    require(request.user, "calls.view_application", found)
    if not found.is_draft and role_at(request.user, found.organisation) in WRITERS:
        # Whoever was allowed to write a moment ago is told what happened, with the words on the page, and not refused.
        raise RecordChanged(found)
    return drafts.save(
        found, form.texts(), base=str(request.POST.get("base_version", "")), by=request.user, at=request.arrived_at
    )


def _rebase(form: SectionForm, texts: dict[str, str]) -> None:
    """The page now knows what is stored: sending it again is a decision, not an accident."""
    form.data = form.data.copy()
    form.data["base_version"] = base_of(texts)


def _show_both(
    request: SignedInRequest,
    found: Application,
    sections: list[Section],
    section: Section,
    form: SectionForm,
    saved: Saved,
) -> HttpResponse:
    """A colleague was quicker in the same field: both texts side by side, and the choice is the reader's."""
    found = find(request, found.pk)
    _rebase(form, _texts(found, section))
    people = _writers(found, section)
    both = [
        {
            "label": _label(section, key),
            "key": key,
            "theirs": text,
            "mine": form.data.get(key, ""),
            "who": people.get(key),
        }
        for key, text in saved.theirs.items()
    ]
    return _show(request, found, sections, section, form, status=409, both=both)


def _show(
    request: SignedInRequest,
    found: Application,
    sections: list[Section],
    section: Section,
    form: SectionForm,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    may_edit = request.user.has_perm("calls.edit_application", found) and found.call.is_open(request.arrived_at)
    if not may_edit and request.method == "GET":
        return redirect("calls:application", found.pk)
    writers = _writers(found, section)
    context = {
        "application": found,
        "call": found.call,
        "section": section,
        "sections": sections,
        "last": section.number + 1 >= len(sections),
        "form": form,
        "version": form["base_version"].value() or "",
        "fields": [{"field": form[key], "key": key, "who": writers.get(key)} for key in section.keys],
        **more,
    }
    return render(request, "calls/workspace/section.html", context, status=status)


def _writers(found: Application, section: Section) -> dict[str, Any]:
    """Who wrote the present text of each field, and when."""
    if section.number == 0:
        rows = found.detail_revisions.filter(is_current=True).select_related("saved_by")
        return {row.field: row for row in rows}
    answers = found.answers.filter(question__in=section.questions).select_related("saved_by")
    return {f"q{answer.question_id}": answer for answer in answers}


def _too_late(request: SignedInRequest, found: Application, section: Section, form: SectionForm) -> HttpResponse:
    """Nothing is accepted any more; what has just been typed is shown, so that it can be copied."""
    found = find(request, found.pk)
    stored = _texts(found, section)
    unsaved = [
        {"label": _label(section, key), "text": text}
        for key, text in form.texts().items()
        if text != stored.get(key, "")
    ]
    context = {"application": found, "call": found.call, "unsaved": unsaved}
    return render(request, "calls/workspace/closed.html", context, status=409)


@require_http_methods(["GET", "POST"])
def history(request: SignedInRequest, pk: int, key: str) -> HttpResponse:
    """Earlier texts of one answer, the newest first, and what a colleague wrote at the same time. Any can be brought back."""
    found = find(request, pk)
    require(request.user, "calls.view_application", found)
    if not request.user.memberships.current().filter(organisation=found.organisation_id).exists():
        # How a text came about is between those who wrote it.
        raise Http404
    section = next((one for one in sections_of(found.call) if key in one.keys), None)
    if section is None:
        raise Http404
    rows = _revisions(found, key)
    if request.method == "POST":
        revision = get_object_or_404(rows, pk=_number(request.POST.get("revision", "")))
        try:
            drafts.restore(found, key, revision, by=request.user)
        except CallHasClosed:
            return render(
                request, "calls/workspace/closed.html", {"application": found, "call": found.call}, status=409
            )
        messages.success(request, "The earlier text is back. The one it replaced is kept here.")
        return redirect("calls:history", pk, key)
    context = {
        "application": found,
        "call": found.call,
        "key": key,
        "section": section,
        "label": _label(section, key),
        "now": texts_of(found).get(key, ""),
        "who": _writers(found, section).get(key),
        "revisions": rows.select_related("saved_by")[:50],
        "may_edit": request.user.has_perm("calls.edit_application", found) and found.call.is_open(request.arrived_at),
    }
    return render(request, "calls/workspace/history.html", context)


def _revisions(found: Application, key: str) -> Any:
    if key in DETAILS:
        return DetailRevision.objects.filter(application=found, field=key, is_current=False)
    return AnswerRevision.objects.filter(answer__application=found, answer__question=_number(key.removeprefix("q")))


def _number(text: str) -> int:
    """Somebody else's idea of a number finds nothing."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


@require_http_methods(["GET", "POST"])
def together(request: SignedInRequest, pk: int) -> HttpResponse:
    """Organisations that apply with the one that leads: a consortium, or two neighbours."""
    found = find(request, pk)
    require(request.user, "calls.edit_application", found)
    form = TogetherForm(request.POST if "add" in request.POST else None, application=found)
    try:
        if request.method == "POST" and "remove" in request.POST:
            one = get_object_or_404(Organisation, pk=_number(request.POST["remove"]))
            drafts.remove_organisation(found, one, by=request.user)
            return redirect("calls:together", pk)
        if request.method == "POST" and form.is_valid():
            drafts.add_organisation(found, form.cleaned_data["organisation"], by=request.user)
            return redirect("calls:together", pk)
    except CallHasClosed:
        return render(request, "calls/workspace/closed.html", {"application": found, "call": found.call}, status=409)
    context = {
        "application": found,
        "call": found.call,
        "form": form,
        "together": found.with_organisations.order_by("name"),
    }
    return render(request, "calls/workspace/together.html", context, status=422 if form.errors else 200)
