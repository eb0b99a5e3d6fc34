"""Partnerships of the demonstration, each at a different stage, with dates that follow today. All are marked as made up."""

from datetime import date, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.timezone import localdate

from notices.actions import withdraw_all_about
from partners.models import Organisation
from people.choices import StaffRole
from people.models import Person
from programmes.actions import drafts, obligations, partnerships, reports
from programmes.choices import ObligationKind
from programmes.models import Obligation, Partnership, Programme

TERMS = """## What we agree

- The partner goes on with the practice and names a lead and a data contact.
- The centre supports the evaluation and pays for the evaluator.
- Both sides publish what is learned, whatever it shows.
- Totals only are shared. No details of a child leave the partner.
- Either side may end this with one month’s notice and a reason that can be published.

These terms are made up for the demonstration.
"""


@transaction.atomic
def load() -> None:
    """Needs the facts and the demonstration people. A second run finds what is there and adds nothing."""
    staff = Person.objects.filter(is_demonstration=True, posts__role=StaffRole.PROGRAMMES).first()
    programme = Programme.objects.filter(slug="pine").first()
    if staff is None or programme is None:
        return
    _running("wigan", "Reflective visits after a conference", programme, staff)
    _embargoed("greenwich", "Practice weeks with families", programme, staff)
    _waiting_for_signature("warrington", "Family time coaching", programme, staff)


def _begun(slug: str, practice: str, programme: Programme, staff: Person, what: str, group: str) -> Partnership | None:
    organisation = Organisation.objects.filter(slug=slug).first()
    if organisation is None or Partnership.objects.filter(organisation=organisation, practice_name=practice).exists():
        return None
    return partnerships.propose(
        organisation, programme, practice_name=practice, practice=what, group=group, by=staff, is_demonstration=True
    )


def _running(slug: str, practice: str, programme: Programme, staff: Person) -> None:
    """Announced and active, with one report accepted, one to read, one with a question, one late and one due soon."""
    what = "A practitioner visits the family a week after the conference, and the plan is read again together."
    partnership = _begun(slug, practice, programme, staff, what, "Families with a child protection plan")
    if partnership is None:
        return
    today = localdate()
    partnerships.issue_agreement(partnership, terms=TERMS, by=staff)
    partnerships.record_signature(
        partnership, office="Director of Children’s Services", on=today - timedelta(days=300), by=staff
    )
    partnerships.start(partnership, on=today - timedelta(days=280), ends_on=today + timedelta(days=200), by=staff)
    partnerships.announce([partnership], at=timezone.now() - timedelta(days=260), by=staff)
    writer = _writer_for(partnership)
    if writer is None:
        return
    accepted = _report(partnership, "Progress report 1 of 5", today - timedelta(days=190))
    _send(accepted, writer, families=34)
    reports.accept_report(accepted.reports.get(), by=staff)
    queried = _report(partnership, "Progress report 2 of 5", today - timedelta(days=100))
    _send(queried, writer, families=41)
    reports.ask_a_question(
        queried.reports.get(), text="How many of the visits happened within a week? A total is enough.", by=staff
    )
    received = _report(partnership, "Progress report 3 of 5", today - timedelta(days=6))
    _send(received, writer, families=47)
    _report(partnership, "Data return, spring", today - timedelta(days=4), kind=ObligationKind.RETURN)
    _report(partnership, "Progress report 4 of 5", today + timedelta(days=9))
    _report(partnership, "Progress report 5 of 5", today + timedelta(days=100))
    for obligation in partnership.obligations.all():
        # What would have been written to people months ago is not sent today.
        withdraw_all_about(obligation, by=None, why="Demonstration: of an earlier time")


def _writer_for(partnership: Partnership) -> Person | None:
    lead = partnership.organisation.memberships.current().leads().select_related("person").first()
    return lead.person if lead else None


def _report(
    partnership: Partnership, title: str, due_on: date, kind: str = ObligationKind.PROGRESS_REPORT
) -> Obligation:
    return obligations.owe(partnership, kind, title=title, due_at=obligations.moment_on(due_on))


def _send(obligation: Obligation, writer: Person, *, families: int) -> None:
    texts = {
        "activity": "Visits took place as planned. Two team managers joined and now book the visit at the end of each conference.",
        "families_reached": str(families),
        "staff_involved": "12",
        "learning": "Families say more when the person who visits was in the room. Short notes work better than a form.",
        "changes": "The visit is booked in the conference itself, because calls afterwards were often missed.",
        "risks": "Holidays in the summer. Two neighbouring teams have agreed to stand in.",
        "help_needed": "Advice on how to describe the practice to a new team.",
        "next_steps": "A second team starts next quarter.",
    }
    drafts.save(obligation, texts, base="", by=writer)
    reports.send_report(obligation.reports.get(), by=writer)
    obligation.refresh_from_db()


def _embargoed(slug: str, practice: str, programme: Programme, staff: Person) -> None:
    """Signed, and to be announced in three weeks: nothing of it can be seen in public before."""
    what = "Four weeks a year in which managers sit in on visits and families say what helped."
    partnership = _begun(slug, practice, programme, staff, what, "Social workers and the families they visit")
    if partnership is None:
        return
    partnerships.issue_agreement(partnership, terms=TERMS, by=staff)
    partnerships.record_signature(partnership, office="Director of Children’s Services", on=localdate(), by=staff)
    moment = obligations.moment_on(localdate() + timedelta(days=21))
    partnerships.announce([partnership], at=moment.replace(hour=9, minute=30), by=staff)


def _waiting_for_signature(slug: str, practice: str, programme: Programme, staff: Person) -> None:
    what = "A coach supports parents before and after time with their child in care."
    partnership = _begun(slug, practice, programme, staff, what, "Parents of children in care")
    if partnership is None:
        return
    partnerships.agree_in_principle(partnership, by=staff)
    partnerships.issue_agreement(partnership, terms=TERMS, by=staff)
