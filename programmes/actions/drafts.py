"""Writing a report: several people, one draft, and nothing that was typed is ever lost. See ``lifecycle.texts``."""

import re
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from audit.actions import record
from lifecycle.texts import Saved, keep_overtaken, keep_present, sort_out
from people.models import Person
from people.rules import require
from programmes.models import REPORT_FIELDS, REPORT_NUMBERS, REPORT_TEXTS, Obligation, Report, ReportRevision

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


def texts_of(report: Report) -> dict[str, str]:
    """Every field of a report as text; a number that is not known is empty."""
    values = {name: getattr(report, name) for name in REPORT_FIELDS}
    return {name: "" if value is None else str(value) for name, value in values.items()}


def report_to_write(obligation: Obligation, *, by: Person) -> Report:
    """The version that is being written; one that is not stored yet where nobody has begun, filled from the last after a question."""
    require(by, "programmes.write_report", obligation)
    if not obligation.is_report:
        raise ValidationError("No report is asked for here, so there is nothing to write.")
    latest = obligation.reports.order_by("-number").first()
    if latest is not None and latest.submitted_at is None:
        return latest
    if not obligation.is_outstanding:
        raise ValidationError("This report has been sent. You can write again if we ask a question about it.")
    before = {name: getattr(latest, name) for name in REPORT_FIELDS} if latest else {}
    return Report(obligation=obligation, number=(latest.number + 1) if latest else 1, **before)


@transaction.atomic
def open_report(obligation: Obligation, *, by: Person) -> Report:
    """The version that is being written, begun now if there is none. Whoever saves at the same time waits."""
    report = report_to_write(Obligation.objects.select_for_update().get(pk=obligation.pk), by=by)
    if report.pk is None:
        report.saved_by = by
        report.save(force_insert=True)
    return report


@transaction.atomic
def save(obligation: Obligation, texts: Mapping[str, str], *, base: str, by: Person) -> Saved:
    """Save the fields that this page changed; the first of them begins the draft. A field that a colleague changed is theirs."""
    require(by, "programmes.write_report", obligation)
    if set(texts) - set(REPORT_FIELDS):
        raise ValidationError("These fields do not belong to a report. Nothing was saved.")
    for name in REPORT_TEXTS:
        refuse_details_of_a_child(texts.get(name, ""))
    locked = Obligation.objects.select_for_update().get(pk=obligation.pk)
    result = sort_out(texts, texts_of(report_to_write(locked, by=by)), base=base)
    if not result.saved and not result.theirs:
        return result
    draft = open_report(locked, by=by)
    for name in result.theirs:
        keep_overtaken(draft.revisions, name, texts[name], by=by)
    if result.saved:
        _write(draft, result.saved, by=by)
    return result


@transaction.atomic
def restore(report: Report, revision: ReportRevision, *, by: Person) -> None:
    """Bring an earlier text back. The text that it replaces is kept in turn."""
    require(by, "programmes.write_report", report.obligation)
    draft = open_report(report.obligation, by=by)
    if draft.pk != report.pk or revision.report_id != draft.pk:
        raise ValidationError("This report has been sent. Nothing was changed.")
    _write(draft, {revision.field: revision.text}, by=by)
    record("brought back an earlier text of", draft, by=by, field=revision.field)


def _write(draft: Report, texts: Mapping[str, str], *, by: Person) -> None:
    stored = texts_of(draft)
    for name, text in texts.items():
        keep_present(
            draft.revisions, name, text, was=stored[name], by=by, since=draft.saved_at, first_by=draft.saved_by_id
        )
        setattr(draft, name, _value(name, text))
    draft.saved_at, draft.saved_by = timezone.now(), by
    draft.save(update_fields=[*texts, "saved_at", "saved_by"])


def _value(name: str, text: str) -> Any:
    if name in REPORT_NUMBERS:
        return int(text) if text else None
    return text
