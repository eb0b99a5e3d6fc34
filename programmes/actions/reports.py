"""Writing, sending and settling a report. Nothing that was typed is lost: a save against an older text is kept beside it."""

import re
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from audit.actions import record
from lifecycle.actions import RecordChanged, move
from notices.actions import withdraw_all_about
from people.models import Person
from people.rules import require
from programmes.choices import ObligationStatus
from programmes.models import Obligation, Report, ReportQuestion
from programmes.notices import (
    ask_about_report,
    send_receipt_for_report,
    tell_partner_report_was_accepted,
    tell_staff_report_arrived,
)

TEXTS = ("activity", "learning", "changes", "risks", "help_needed", "next_steps")
NUMBERS = ("families_reached", "staff_involved")
FIELDS = (*TEXTS, *NUMBERS)

# Shapes of what must never be here: an NHS number, a unique pupil number, a day of birth.
DETAILS_OF_A_CHILD = (
    (re.compile(r"\b\d{3}[ -]?\d{3}[ -]?\d{4}\b"), "an NHS number"),
    (re.compile(r"\b[A-HJ-NP-RT-Z]\d{11}[\dA-Z]\b", re.IGNORECASE), "a unique pupil number"),
    (
        re.compile(
            r"\b(?:d\.?o\.?b\.?|date of birth|born(?: on)?)\W{0,3}\d{1,2}[/. -](?:\d{1,2}|[a-z]{3,9})[/. -]\d{2,4}",
            re.IGNORECASE,
        ),
        "a date of birth",
    ),
)


def details_of_a_child_in(text: str) -> str:
    """What the text seems to hold about one child, in words; empty when nothing was recognised."""
    return next((name for shape, name in DETAILS_OF_A_CHILD if shape.search(text)), "")


def refuse_details_of_a_child(text: str) -> None:
    found = details_of_a_child_in(text)
    if found:
        raise ValidationError(
            f"This looks like {found}. The portal holds no details of children: take it out, and send totals only."
        )


def report_to_write(obligation: Obligation, *, by: Person) -> Report:
    """The version that is being written; one that is not stored yet where nobody has begun, filled from the last after a question."""
    require(by, "programmes.write_report", obligation)
    latest = obligation.reports.order_by("-number").first()
    if latest is not None and latest.submitted_at is None:
        return latest
    if not obligation.is_outstanding:
        raise ValidationError("This report has been sent. You can write again if we ask a question about it.")
    before = {name: getattr(latest, name) for name in FIELDS} if latest else {}
    return Report(obligation=obligation, number=(latest.number + 1) if latest else 1, **before)


@transaction.atomic
def open_report(obligation: Obligation, *, by: Person) -> Report:
    """The version that is being written, begun now if there is none."""
    report = report_to_write(Obligation.objects.select_for_update().get(pk=obligation.pk), by=by)
    if report.pk is None:
        report.saved_by = by
        report.save(force_insert=True)
    return report


@transaction.atomic
def save_report(report: Report, *, base_version: int, by: Person, **changed: Any) -> Report:
    """Save the fields named in ``changed`` if the text is still the one that the page showed; else raise RecordChanged."""
    require(by, "programmes.write_report", report.obligation)
    unknown = set(changed) - set(FIELDS)
    if unknown:
        raise ValidationError("These fields do not belong to a report. Nothing was saved.")
    for name in TEXTS:
        refuse_details_of_a_child(changed.get(name) or "")
    unchanged = Report.objects.filter(pk=report.pk, base_version=base_version, submitted_at__isnull=True)
    now = timezone.now()
    if not unchanged.update(base_version=base_version + 1, saved_at=now, saved_by=by, **changed):
        raise RecordChanged(report)
    report.refresh_from_db()
    return report


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
    now = timezone.now()
    move(obligation, ObligationStatus.RECEIVED, by=by, received_at=now)
    move(obligation, ObligationStatus.ACCEPTED, by=by, settled_at=now, settled_by=by)
    withdraw_all_about(obligation, by=by, why="It has arrived")
