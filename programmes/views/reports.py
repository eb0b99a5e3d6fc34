"""Writing a report together, reading it once more, sending it, and keeping a copy."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from lifecycle.texts import base_after, tidy
from people.requests import SignedInRequest
from people.rules import require
from programmes.actions import drafts, reports
from programmes.choices import ObligationStatus
from programmes.forms import REPORT_PARTS, ReportForm
from programmes.models import REPORT_FIELDS, Obligation, Report, ReportRevision
from programmes.rules import acts_for
from programmes.views.pages import frame_for, obligation_or_404

NOT_SENT = "The newest words are only in this browser: copy them, then load the page again."


def labels() -> list[tuple[str, str]]:
    return [(name, str(Report._meta.get_field(name).verbose_name).capitalize()) for name in REPORT_FIELDS]  # type: ignore[union-attr]


@require_http_methods(["GET", "HEAD", "POST"])
def write(request: SignedInRequest, pk: int) -> HttpResponse:
    """Write a draft. Without scripts the button below each part saves it; the first thing saved begins the draft."""
    found = obligation_or_404(request, pk)
    try:
        report = drafts.report_to_write(found, by=request.user)
    except ValidationError as refused:
        return _too_late(request, found, refused.messages[0])
    form = ReportForm(request.POST if request.method == "POST" else None, instance=report)
    if not form.is_bound:
        return _show(request, found, report, form)
    if not form.is_valid():
        return _show(request, found, report, form, status=422)
    try:
        saved = drafts.save(found, form.texts(), base=form.cleaned_data["base_version"], by=request.user)
    except ValidationError as refused:
        return _too_late(request, found, refused.messages[0])
    if saved.theirs:
        return _show_both(request, found, form, saved.theirs)
    if "check" in request.POST:
        return redirect("programmes:check_report", found.pk)
    messages.success(request, "Saved. You can close this page and come back.")
    return _at_the_next_part(request, found)


# The form tidies what was pasted, so the request is not refused for it.
write.tidies_its_text = True  # type: ignore[attr-defined]


def _at_the_next_part(request: SignedInRequest, found: Obligation) -> HttpResponse:
    numbers = {str(number): number for number in range(1, len(REPORT_PARTS))}
    following = numbers.get(request.POST.get("part", ""))
    address = reverse("programmes:write_report", args=[found.pk])
    return HttpResponseRedirect(f"{address}#part-{following + 1}" if following else address)


def _show(
    request: SignedInRequest,
    found: Obligation,
    report: Report,
    form: ReportForm,
    *,
    status: int = 200,
    both: list[dict[str, object]] | None = None,
) -> HttpResponse:
    context = {
        "frame": frame_for(request.user),
        "obligation": found,
        "report": report,
        "form": form,
        "version": form["base_version"].value(),
        "writers": _writers(report),
        "both": both or [],
    }
    return render(request, "programmes/write_report.html", context, status=status)


def _writers(report: Report) -> list[tuple[str, str, ReportRevision]]:
    """Who wrote the present text of each field, and when, in the order of the page."""
    rows = report.revisions.filter(is_current=True).select_related("saved_by") if report.pk else []
    known = {row.field: row for row in rows}
    return [(name, label, known[name]) for name, label in labels() if name in known]


def _show_both(request: SignedInRequest, found: Obligation, form: ReportForm, theirs: dict[str, str]) -> HttpResponse:
    """A colleague was quicker in the same field: both texts side by side, and the choice is the reader's."""
    report = drafts.report_to_write(found, by=request.user)
    form.rebase(drafts.texts_of(report))
    who = {name: row for name, _, row in _writers(report)}
    typed = form.typed()
    both: list[dict[str, object]] = [
        {"label": label, "theirs": theirs[name], "mine": typed[name], "who": who.get(name)}
        for name, label in labels()
        if name in theirs
    ]
    return _show(request, found, report, form, status=409, both=both)


def _too_late(request: SignedInRequest, found: Obligation, said: str) -> HttpResponse:
    """Nothing is accepted any more; what has just been typed is shown, so that it can be copied."""
    latest = found.reports.order_by("-number").first()
    stored = drafts.texts_of(latest) if latest else {}
    typed = {name: tidy(request.POST[name]) for name in REPORT_FIELDS if name in request.POST}
    unsaved = [(label, typed[name]) for name, label in labels() if typed.get(name, "") not in ("", stored.get(name))]
    if not unsaved:
        messages.warning(request, said)
        return redirect(found)
    context = {"frame": frame_for(request.user), "obligation": found, "said": said, "unsaved": unsaved}
    return render(request, "programmes/report_is_sent.html", context, status=409)


@require_POST
def save(request: SignedInRequest, pk: int) -> JsonResponse:
    """The draft saves itself: only the fields that changed arrive here, with the marks of the texts they were based on."""
    found = obligation_or_404(request, pk)
    base = request.POST.get("base_version", "")
    try:
        form = ReportForm(request.POST, instance=drafts.report_to_write(found, by=request.user))
        form.is_valid()
        saved = drafts.save(found, form.texts(), base=base, by=request.user)
    except ValidationError as refused:
        return JsonResponse({"message": f"{refused.messages[0]} {NOT_SENT}"}, status=410)
    told: dict[str, object] = {"version": base_after(base, saved.saved, REPORT_FIELDS)}
    if saved.theirs:
        return JsonResponse(told | {"theirs": saved.theirs}, status=409)
    if form.errors:
        said = " ".join(str(error) for errors in form.errors.values() for error in errors)
        return JsonResponse(told | {"message": f"Not saved: {said} Your text is kept in this browser."}, status=422)
    return JsonResponse(told)


save.tidies_its_text = True  # type: ignore[attr-defined]


@require_http_methods(["GET", "HEAD", "POST"])
def history(request: SignedInRequest, pk: int, field: str) -> HttpResponse:
    """Earlier texts of one field of the draft, and what a colleague wrote at the same time. Any can be brought back."""
    found = obligation_or_404(request, pk)
    label = dict(labels()).get(field)
    draft = found.reports.filter(submitted_at__isnull=True).first()
    if label is None or draft is None or not acts_for(request.user, found.partnership.organisation_id):
        # How a text came about is between those who wrote it.
        raise Http404
    rows = draft.revisions.filter(field=field).select_related("saved_by")
    if request.method == "POST":
        require(request.user, "programmes.write_report", found)
        revision = get_object_or_404(rows, pk=_number(request.POST.get("revision", "")), is_current=False)
        drafts.restore(draft, revision, by=request.user)
        messages.success(request, "The earlier text is back. The one it replaced is kept here.")
        return redirect("programmes:report_history", pk, field)
    context = {
        "frame": frame_for(request.user),
        "obligation": found,
        "label": label,
        "now": drafts.texts_of(draft)[field],
        "who": next((row for row in rows if row.is_current), None),
        "revisions": [row for row in rows if not row.is_current][:50],
        "may_write": request.user.has_perm("programmes.write_report", found),
    }
    return render(request, "programmes/report_history.html", context)


def _number(text: str) -> int:
    """Somebody else's idea of a number finds nothing."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


@require_http_methods(["GET", "HEAD", "POST"])
def check(request: SignedInRequest, pk: int) -> HttpResponse:
    """Read it once more, then send it. A second press shows the receipt again."""
    found = obligation_or_404(request, pk)
    require(request.user, "programmes.write_report", found)
    report = found.reports.order_by("-number").first()
    if report is None:
        messages.warning(request, "Nothing is written yet. Write the report first, then check it.")
        return redirect("programmes:write_report", found.pk)
    if report.submitted_at is not None and found.status == ObligationStatus.QUERIED:
        messages.warning(
            request,
            "We asked a question, and nothing is different from what you sent before. Change the report, then check and send it.",
        )
        return redirect("programmes:write_report", found.pk)
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
