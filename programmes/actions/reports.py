"""Sending and settling a report. How it is written stands in ``drafts``."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from audit.actions import record
from lifecycle.actions import RecordChanged, move
from notices.actions import withdraw_all_about
from people.models import Person
from people.rules import require
from programmes.choices import ObligationKind, ObligationStatus
from programmes.models import Obligation, Report, ReportQuestion
from programmes.notices import (
    ask_about_report,
    send_receipt_for_report,
    tell_partner_report_was_accepted,
    tell_staff_report_arrived,
)


def missing_from(report: Report) -> list[str]:
    """What has to be filled in before the report can be sent."""
    needed = {"activity": "what happened", "learning": "what you learned", "next_steps": "what happens next"}
    return [words for name, words in needed.items() if not getattr(report, name).strip()]


@transaction.atomic
def send_report(report: Report, *, by: Person) -> Report:
    """Send it. A second press finds it sent and changes nothing."""
    require(by, "programmes.send_report", report.obligation)
    obligation = Obligation.objects.select_for_update().get(pk=report.obligation_id)
    report = Report.objects.select_for_update().get(pk=report.pk)
    if report.submitted_at is not None:
        return report
    missing = missing_from(report)
    if missing:
        raise ValidationError(f"Before you send it, say {', '.join(missing)}. What you wrote is kept.")
    now = timezone.now()
    move(obligation, ObligationStatus.RECEIVED, by=by, received_at=now)
    report.submitted_at, report.submitted_by = now, by
    report.save(update_fields=["submitted_at", "submitted_by"])
    record("sent a report", report, by=by, number=report.number)
    withdraw_all_about(obligation, by=None, why="The report has arrived")
    report.obligation = obligation
    send_receipt_for_report(report)
    tell_staff_report_arrived(report)
    return report


@transaction.atomic
def ask_a_question(report: Report, *, text: str, by: Person) -> ReportQuestion:
    require(by, "programmes.settle_report", report.obligation)
    if not text.strip():
        raise ValidationError("Write the question first. Nothing was sent.")
    _is_the_latest_sent(report)
    move(report.obligation, ObligationStatus.QUERIED, by=by)
    question = ReportQuestion.objects.create(report=report, text=text.strip(), asked_by=by)
    ask_about_report(report, question=question.text)
    return question


@transaction.atomic
def accept_report(report: Report, *, by: Person) -> None:
    require(by, "programmes.settle_report", report.obligation)
    _is_the_latest_sent(report)
    move(report.obligation, ObligationStatus.ACCEPTED, by=by, settled_at=timezone.now(), settled_by=by)
    tell_partner_report_was_accepted(report)


def _is_the_latest_sent(report: Report) -> None:
    latest = report.obligation.reports.submitted().order_by("-number").first()
    if latest is None or latest.pk != report.pk:
        raise RecordChanged(report)


@transaction.atomic
def mark_received(obligation: Obligation, *, by: Person) -> None:
    """Staff note that something other than a report has arrived, and accept it."""
    require(by, "programmes.manage_obligation", obligation)
    if obligation.is_report or obligation.kind == ObligationKind.AGREEMENT:
        raise ValidationError("It arrives on its own page: a report when it is sent, an agreement when it is signed.")
    now = timezone.now()
    move(obligation, ObligationStatus.RECEIVED, by=by, received_at=now)
    move(obligation, ObligationStatus.ACCEPTED, by=by, settled_at=now, settled_by=by)
    withdraw_all_about(obligation, by=by, why="It has arrived")
