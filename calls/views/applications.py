"""An organisation applies: starts, reads, sends, takes back. Writing the sections is in ``drafts``."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from calls.actions import applications
from calls.actions.drafts import CallHasClosed
from calls.choices import RESULT_KNOWN_TO_APPLICANT, ApplicationStatus, QuestionKind
from calls.forms.drafts import DETAIL_LABELS, SendForm, StartForm, WithdrawForm
from calls.models import DETAILS, Application, Call, words_in
from calls.rules.applications import WRITERS
from calls.rules.eligibility import day_of_eligibility, eligibility_of
from calls.rules.readiness import Section, Shortfall, key_of, sections_of, shortfalls_of, texts_of
from calls.rules.sending import beginning_in, mark_beginning
from calls.views.pasting import takes_pasted_text
from partners.choices import MembershipRole
from partners.models import Organisation
from people.requests import SignedInRequest
from people.rules import require


def find(request: SignedInRequest, pk: int) -> Application:
    rows = Application.objects.visible_to(request.user).select_related(
        "call__programme", "organisation", "submitted_by", "started_by"
    )
    return get_object_or_404(rows, pk=pk)


def answers_of(application: Application, sections: list[Section], texts: dict[str, str]) -> list[dict[str, Any]]:
    """Everything that was asked and answered, ready to be read, printed or saved."""
    told = []
    for section in sections:
        if section.number == 0:
            rows: list[dict[str, Any]] = [
                {"asked": DETAIL_LABELS[name][0], "key": name, "text": texts[name]} for name in DETAILS
            ]
        else:
            rows = [
                {
                    "asked": question.text,
                    "key": key_of(question),
                    "text": _said(question.kind, texts.get(key_of(question), "")),
                    "words": words_in(texts.get(key_of(question), ""))
                    if question.kind == QuestionKind.LONG_TEXT
                    else None,
                    "limit": question.word_limit,
                }
                for question in section.questions
            ]
        told.append({"section": section, "rows": rows})
    return told


def _said(kind: str, text: str) -> str:
    return {"yes": "Yes", "no": "No"}.get(text, text) if kind == QuestionKind.YES_NO else text


@require_GET
def our_applications(request: SignedInRequest) -> HttpResponse:
    rows = Application.objects.of(request.user).for_list()
    page = Paginator(rows, 25).get_page(request.GET.get("page"))
    open_calls = Call.objects.public().open().for_list()[:10]
    return render(
        request, "calls/workspace/list.html", {"page": page, "open_calls": open_calls, "now": request.arrived_at}
    )


@require_http_methods(["GET", "POST"])
def start(request: SignedInRequest, slug: str) -> HttpResponse:
    """For which organisation, and may it apply? Said before anybody has written a word."""
    call = get_object_or_404(Call.objects.public().select_related("programme"), slug=slug)
    organisations = Organisation.objects.of(request.user, *WRITERS)
    form = StartForm(request.POST if request.method == "POST" else None, organisations=organisations)
    refused = None
    if request.method == "POST" and form.is_valid():
        try:
            application = applications.start(
                call, form.cleaned_data["organisation"], by=request.user, at=request.arrived_at
            )
        except (CallHasClosed, applications.NotEligible) as problem:
            refused = problem
        else:
            return redirect("calls:application", application.pk)
    begun = {
        row.organisation_id: row
        for row in call.applications.of(request.user).exclude(status=ApplicationStatus.WITHDRAWN)
    }
    choices = [
        {"organisation": one, "eligibility": eligibility_of(call, one), "application": begun.get(one.pk)}
        for one in organisations.order_by("name")[:25]
    ]
    context = {
        "call": call,
        "form": form,
        "choices": choices,
        "day": day_of_eligibility(call),
        "is_open": call.is_open(request.arrived_at),
        "refused": refused,
        "reads_only": not choices and request.user.memberships.current().exists(),
    }
    return render(
        request, "calls/workspace/start.html", context, status=409 if refused else 422 if form.errors else 200
    )


@require_GET
def application(request: SignedInRequest, pk: int) -> HttpResponse:
    """The list of things to do while it is a draft; the receipt and what was sent afterwards."""
    found = find(request, pk)
    mine = request.user.memberships.current().filter(organisation=found.organisation_id).first()
    if mine is None:
        frame = "base_staff.html" if request.user.is_centre_staff else "base_assess.html"
        return render(request, "calls/staff/application.html", _reading(found) | {"frame": frame})
    context = _reading(found) | {
        "role": mine.role,
        "is_lead": mine.role == MembershipRole.LEAD,
        "may_edit": request.user.has_perm("calls.edit_application", found) and found.call.is_open(request.arrived_at),
        "is_open": found.call.is_open(request.arrived_at),
        "result_is_known": found.status in RESULT_KNOWN_TO_APPLICANT,
    }
    if found.is_draft:
        return render(request, "calls/workspace/tasks.html", context | {"tasks": _tasks(context)})
    return render(request, "calls/workspace/receipt.html", context)


def _reading(found: Application) -> dict[str, Any]:
    sections, texts = sections_of(found.call), texts_of(found)
    return {
        "application": found,
        "call": found.call,
        "sections": sections,
        "texts": texts,
        "answers": answers_of(found, sections, texts),
        "together": list(found.with_organisations.all()),
        "shortfalls": shortfalls_of(found, sections, texts) if found.is_draft else [],
    }


def _tasks(context: dict[str, Any]) -> list[dict[str, Any]]:
    """How far each section is: said in words, from what is written and what is missing."""
    missing: dict[int, list[Shortfall]] = {}
    for shortfall in context["shortfalls"]:
        missing.setdefault(shortfall.section, []).append(shortfall)
    tasks = []
    for section in context["sections"]:
        written = sum(1 for key in section.keys if context["texts"].get(key, "").strip())
        lacks = missing.get(section.number, [])
        if not lacks:
            status, label = ("done", "Ready") if written else ("optional", "Optional")
        else:
            status, label = ("waiting", "Begun") if written else ("none", "Not started")
        hint = f"{written} of {len(section.keys)} answered"
        too_long = sum("too many" in one.text for one in lacks)
        tasks.append(
            {
                "section": section,
                "status": status,
                "label": label,
                "hint": f"{hint}, {too_long} over the word limit" if too_long else hint,
            }
        )
    return tasks


@require_http_methods(["GET", "POST"])
def check(request: SignedInRequest, pk: int) -> HttpResponse:
    """Check your answers, then send. After a second click, or a colleague's, there is the same receipt."""
    found = find(request, pk)
    require(request.user, "calls.view_application", found)
    is_open = found.call.is_open(request.arrived_at)
    mark = mark_beginning(found, request.user, at=request.arrived_at) if is_open else ""
    form = SendForm(request.POST if request.method == "POST" else None, initial={"begun": mark})
    begun_at = beginning_in(str(request.POST.get("begun", "")), found, request.user)
    if request.method == "POST":
        require(request.user, "calls.submit_application", found)
        if found.submitted_at is not None:
            return redirect("calls:application", pk)
        if form.is_valid():
            try:
                applications.submit(found, by=request.user, at=request.arrived_at, begun_at=begun_at)
            except CallHasClosed:
                return render(request, "calls/workspace/closed.html", _reading(found), status=409)
            except applications.NotReady:
                form.add_error(None, "Some things are missing. They are listed below, each with a link to its place.")
            else:
                return redirect("calls:application", pk)
    elif not found.is_draft:
        return redirect("calls:application", pk)
    context = _reading(found) | {
        "form": form,
        "is_open": is_open,
        "may_still_arrive": not is_open and found.call.seconds_late(request.arrived_at, begun_at=begun_at) is not None,
        "now": request.arrived_at,
        "may_send": request.user.has_perm("calls.submit_application", found),
        "may_edit": request.user.has_perm("calls.edit_application", found),
    }
    return render(request, "calls/workspace/check.html", context, status=422 if form.errors else 200)


@require_POST
def take_back(request: SignedInRequest, pk: int) -> HttpResponse:
    found = find(request, pk)
    require(request.user, "calls.withdraw_application", found)
    if not found.is_draft:
        try:
            applications.take_back(found, by=request.user, at=request.arrived_at)
        except CallHasClosed:
            return render(request, "calls/workspace/closed.html", _reading(found), status=409)
        messages.warning(request, "It is a draft again. It counts only if it is sent once more before the call closes.")
    return redirect("calls:application", pk)


@takes_pasted_text
@require_http_methods(["GET", "POST"])
def withdraw(request: SignedInRequest, pk: int) -> HttpResponse:
    found = find(request, pk)
    require(request.user, "calls.withdraw_application", found)
    form = WithdrawForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        if found.status != ApplicationStatus.WITHDRAWN:
            applications.withdraw(found, by=request.user, why=form.cleaned_data["why"])
            messages.success(request, "The application is withdrawn. Everything that was written is kept here.")
        return redirect("calls:application", pk)
    context = {"application": found, "call": found.call, "form": form}
    return render(request, "calls/workspace/withdraw.html", context, status=422 if form.errors else 200)


@require_GET
def print_answers(request: SignedInRequest, pk: int) -> HttpResponse:
    return render(request, "calls/workspace/print.html", _reading(find(request, pk)))


@require_GET
def download(request: SignedInRequest, pk: int) -> HttpResponse:
    """All questions and answers as plain text, which every machine can open and every letter can quote."""
    found = find(request, pk)
    reading = _reading(found)
    response = HttpResponse(plain_text_of(reading), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{slugify(found.reference) or "application"}.txt"'
    return response


def plain_text_of(reading: dict[str, Any]) -> str:
    found = reading["application"]
    together = ", ".join(str(one) for one in reading["together"])
    lines = [
        f"{found.reference}: {found.call.title}",
        f"{found.organisation}{f', together with {together}' if together else ''}",
        f"Status: {found.shown_status_label}",
        "",
    ]
    for part in reading["answers"]:
        lines += [part["section"].title.upper(), ""]
        for row in part["rows"]:
            lines += [row["asked"], "", row["text"] or "(no answer)", ""]
    # Opens well in Notepad, which councils have.
    return "\ufeff" + "\r\n".join("\n".join(lines).split("\n"))
