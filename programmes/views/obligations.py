"""Pages about what is owed: lists, one thing owed with its reports, and writing, sending and settling a report."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from audit.actions import record
from audit.exports import as_csv
from lifecycle.actions import RecordChanged
from notices.models import Notice
from people.models import Person
from people.requests import SignedInRequest
from people.rules import require
from programmes.actions import obligations, reports
from programmes.actions.reports import FIELDS
from programmes.filters import ObligationFilter
from programmes.forms import MoveDateForm, QuestionForm, ReasonForm, ReportForm
from programmes.models import Obligation, Report
from programmes.views.pages import frame_for, obligation_or_404, page_of, staff_only


@require_safe
def reports_due(request: SignedInRequest) -> HttpResponse:
    staff_only(request)
    rows = Obligation.objects.visible_to(request.user).for_list()
    chosen = ObligationFilter(request.GET, queryset=rows)
    now = timezone.now()
    context = {
        "filter": chosen,
        "page": page_of(request, chosen.qs),
        "late": rows.late(now).count(),
        "received": rows.filter(status="received").count(),
    }
    return render(request, "programmes/reports_due.html", context)


@require_safe
def reports_csv(request: SignedInRequest) -> HttpResponse:
    staff_only(request)
    chosen = ObligationFilter(request.GET, queryset=Obligation.objects.visible_to(request.user).for_list()).qs
    record("exported what is owed", request.user, by=request.user, rows=chosen.count())
    heading = ("organisation", "programme", "what", "kind", "due", "state", "late", "received", "demonstration")
    return as_csv(
        "reports-due",
        heading,
        (
            (
                owed.partnership.organisation.name,
                owed.partnership.programme.name,
                owed.title,
                owed.get_kind_display(),
                owed.due_at,
                owed.get_status_display(),
                owed.is_late,
                owed.received_at,
                owed.is_demonstration,
            )
            for owed in chosen
        ),
    )


@require_safe
def our_reports(request: SignedInRequest) -> HttpResponse:
    mine = request.user.memberships.current().values("organisation")
    rows = Obligation.objects.visible_to(request.user).filter(partnership__organisation__in=mine).for_list()
    return render(request, "programmes/our_reports.html", {"page": page_of(request, rows)})


@require_safe
def obligation(request: SignedInRequest, pk: int) -> HttpResponse:
    found = obligation_or_404(request, pk)
    person = request.user
    versions = (
        Report.objects.visible_to(person).filter(obligation=found).prefetch_related("questions").order_by("-number")
    )
    context = {
        "frame": frame_for(person),
        "obligation": found,
        "versions": [report for report in versions if report.submitted_at],
        "draft": next((report for report in versions if not report.submitted_at), None),
        "may_write": found.is_report and found.is_outstanding and person.has_perm("programmes.write_report", found),
        "may_manage": person.has_perm("programmes.manage_obligation", found),
        "reminders": Notice.objects.visible_to(person)
        .about(found)
        .order_by("created_at")
        .defer("body_text", "body_html"),
        "labels": labels(),
    }
    return render(request, "programmes/obligation.html", context)


def labels() -> list[tuple[str, str]]:
    return [(name, str(field.verbose_name).capitalize()) for name in FIELDS if (field := _field(name))]


def _field(name: str) -> models.Field:
    field = Report._meta.get_field(name)
    assert isinstance(field, models.Field)  # noqa: S101 - tells the type checker what the model says
    return field


def write(request: SignedInRequest, pk: int) -> HttpResponse:
    """Write a draft. Without scripts it is saved by its button; a save against an older text shows both."""
    found = obligation_or_404(request, pk)
    try:
        # Looking at the page begins nothing; saving does.
        begin = reports.open_report if request.method == "POST" else reports.report_to_write
        report = begin(found, by=request.user)
    except ValidationError as refused:
        messages.warning(request, refused.messages[0])
        return redirect(found)
    form = ReportForm(request.POST or None, instance=report)
    theirs = None
    if request.method == "POST" and form.is_valid():
        try:
            base = form.cleaned_data["base_version"]
            reports.save_report(report, base_version=base, by=request.user, **form.values())
        except RecordChanged:
            theirs = Report.objects.get(pk=report.pk)
            form = _with_newest_version(form, theirs)
        else:
            if "check" in request.POST:
                return redirect("programmes:check_report", found.pk)
            messages.success(request, "Saved. You can close this page and come back.")
            return redirect("programmes:write_report", found.pk)
    elif request.method == "POST":
        theirs = None
    context = {
        "frame": frame_for(request.user),
        "obligation": found,
        "report": report,
        "form": form,
        "theirs": _differences(form, theirs) if theirs else [],
    }
    return render(request, "programmes/write_report.html", context, status=409 if theirs else 200)


def _with_newest_version(form: ReportForm, theirs: Report) -> ReportForm:
    """The form with all that was typed, based on the newest text, so that a second save is a decision."""
    typed = dict(form.data.items())
    typed["base_version"] = str(theirs.base_version)
    return ReportForm(typed, instance=theirs)


def _differences(form: ReportForm, theirs: Report) -> list[tuple[str, str]]:
    names = dict(labels())
    stored = Report.objects.get(pk=theirs.pk)
    return [
        (names[name], str(getattr(stored, name) or "nothing"))
        for name in FIELDS
        if str(getattr(stored, name) or "") != str(form.data.get(name, "")).replace("\r\n", "\n")
    ]


@require_POST
def save(request: SignedInRequest, pk: int) -> JsonResponse:
    """Autosave: only the fields that changed, with the version that they were based on."""
    found = obligation_or_404(request, pk)
    try:
        report = reports.open_report(found, by=request.user)
    except ValidationError as refused:
        return JsonResponse({"message": refused.messages[0]}, status=400)
    typed = {name: str(getattr(report, name) if getattr(report, name) is not None else "") for name in FIELDS}
    sent = {name: request.POST[name] for name in FIELDS if name in request.POST}
    form = ReportForm(typed | sent | {"base_version": request.POST.get("base_version", "")}, instance=report)
    if not form.is_valid():
        return JsonResponse({"message": _first_error(form)}, status=400)
    changed = {name: form.cleaned_data[name] for name in sent}
    try:
        saved = reports.save_report(report, base_version=form.cleaned_data["base_version"], by=request.user, **changed)
    except RecordChanged:
        newest = Report.objects.get(pk=report.pk)
        return JsonResponse(
            {"version": newest.base_version, "theirs": {name: str(getattr(newest, name) or "") for name in sent}},
            status=409,
        )
    return JsonResponse({"version": saved.base_version})


def _first_error(form: forms.BaseForm) -> str:
    return next(str(error) for errors in form.errors.values() for error in errors)


def check(request: SignedInRequest, pk: int) -> HttpResponse:
    """Read it once more, then send it. A second press shows the receipt again."""
    found = obligation_or_404(request, pk)
    report = found.reports.order_by("-number").first()
    if report is None:
        return redirect("programmes:write_report", found.pk)
    require(request.user, "programmes.write_report", found)
    problem = ""
    if request.method == "POST":
        try:
            reports.send_report(report, by=request.user)
        except ValidationError as refused:
            problem = refused.messages[0]
        else:
            messages.success(request, "Your report has arrived. A receipt is on its way by e-mail.")
            return redirect(found)
    context = {
        "frame": frame_for(request.user),
        "obligation": found,
        "report": report,
        "answers": [(label, getattr(report, name)) for name, label in labels()],
        "missing": reports.missing_from(report),
        "may_send": request.user.has_perm("programmes.send_report", found),
        "problem": problem,
    }
    return render(request, "programmes/check_report.html", context)


@require_safe
def download(request: SignedInRequest, pk: int, number: int) -> HttpResponse:
    """One version as plain text, to keep."""
    found = obligation_or_404(request, pk)
    report = get_object_or_404(Report.objects.visible_to(request.user), obligation=found, number=number)
    lines = [f"{found.partnership.organisation.name}: {found.title}, version {report.number}", ""]
    for name, label in labels():
        value = getattr(report, name)
        lines += [label, str(value) if value not in (None, "") else "(left empty)", ""]
    response = HttpResponse("\n".join(lines), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="report-{found.pk}-{report.number}.txt"'
    return response


Act = Callable[[Obligation, dict[str, Any], Person], object]


def _done(
    request: SignedInRequest,
    pk: int,
    *,
    permission: str,
    title: str,
    form_class: type[forms.Form],
    act: Act,
    said: str,
    button: str,
) -> HttpResponse:
    found = obligation_or_404(request, pk)
    require(request.user, permission, found)
    form = form_class(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            act(found, form.cleaned_data, request.user)
        except ValidationError as refused:
            form.add_error(None, refused)
        else:
            messages.success(request, said)
            return redirect(found)
    context = {
        "frame": frame_for(request.user),
        "partnership": found.partnership,
        "form": form,
        "title": title,
        "button": button,
    }
    return render(request, "programmes/deed.html", context | {"obligation": found})


def ask(request: SignedInRequest, pk: int) -> HttpResponse:
    return _done(
        request,
        pk,
        permission="programmes.settle_report",
        title="Ask a question about the report",
        form_class=QuestionForm,
        act=lambda found, said, by: reports.ask_a_question(_latest_sent(found), text=said["text"], by=by),
        said="The question is on its way. The partner can send a new version.",
        button="Send the question",
    )


@require_POST
def accept(request: SignedInRequest, pk: int) -> HttpResponse:
    found = obligation_or_404(request, pk)
    reports.accept_report(_latest_sent(found), by=request.user)
    messages.success(request, "The report is accepted. The partner is being told.")
    return redirect(found)


def _latest_sent(found: Obligation) -> Report:
    report = (
        found.reports.submitted().select_related("obligation__partnership__organisation").order_by("-number").first()
    )
    if report is None:
        raise RecordChanged(found)
    report.obligation = found
    return report


def move_date(request: SignedInRequest, pk: int) -> HttpResponse:
    return _done(
        request,
        pk,
        permission="programmes.manage_obligation",
        title="Move the due date",
        form_class=MoveDateForm,
        act=lambda found, said, by: obligations.move_due_date(
            found, to=obligations.moment_on(said["due_on"]), why=said["why"], by=by
        ),
        said="The date is moved. Reminders follow the new date.",
        button="Move the date",
    )


def waive(request: SignedInRequest, pk: int) -> HttpResponse:
    return _done(
        request,
        pk,
        permission="programmes.manage_obligation",
        title="Not needed any more",
        form_class=ReasonForm,
        act=lambda found, said, by: obligations.waive(found, reason=said["why"], by=by),
        said="It is taken off the list, with your reason. Reminders stop.",
        button="Take it off",
    )


@require_POST
def received(request: SignedInRequest, pk: int) -> HttpResponse:
    found = obligation_or_404(request, pk)
    reports.mark_received(found, by=request.user)
    messages.success(request, "Marked as received.")
    return redirect(found)
