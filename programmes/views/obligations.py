"""Pages about what is owed: lists, one thing owed with its reports, and what staff do with it."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from audit.actions import record
from audit.exports import as_csv
from lifecycle.actions import RecordChanged
from notices.models import Notice
from people.requests import SignedInRequest
from programmes.actions import obligations, reports
from programmes.filters import ObligationFilter
from programmes.forms import MoveDateForm, QuestionForm, ReasonForm
from programmes.models import Obligation, Report
from programmes.views.pages import Deed, frame_for, obligation_or_404, page_of, staff_only
from programmes.views.reports import labels


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


def ask(request: SignedInRequest, pk: int) -> HttpResponse:
    deed = Deed[Obligation](
        permission="programmes.settle_report",
        title="Ask a question about the report",
        form=QuestionForm,
        act=lambda found, said, by: reports.ask_a_question(_latest_sent(found), text=said["text"], by=by),
        said="The question is on its way. The partner can send a new version.",
        button="Send the question",
    )
    return deed.answer(request, obligation_or_404(request, pk))


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
    deed = Deed[Obligation](
        permission="programmes.manage_obligation",
        title="Move the due date",
        form=MoveDateForm,
        act=lambda found, said, by: obligations.move_due_date(
            found, to=obligations.moment_on(said["due_on"]), why=said["why"], by=by
        ),
        said="The date is moved. Reminders follow the new date.",
        button="Move the date",
    )
    return deed.answer(request, obligation_or_404(request, pk))


def waive(request: SignedInRequest, pk: int) -> HttpResponse:
    deed = Deed[Obligation](
        permission="programmes.manage_obligation",
        title="Not needed any more",
        form=ReasonForm,
        act=lambda found, said, by: obligations.waive(found, reason=said["why"], by=by),
        said="It is taken off the list, with your reason. Reminders stop.",
        button="Take it off",
    )
    return deed.answer(request, obligation_or_404(request, pk))


@require_POST
def received(request: SignedInRequest, pk: int) -> HttpResponse:
    found = obligation_or_404(request, pk)
    try:
        reports.mark_received(found, by=request.user)
    except ValidationError as refused:
        messages.error(request, f"{refused.messages[0]} Nothing was changed.")
    else:
        messages.success(request, "Marked as received.")
    return redirect(found)
