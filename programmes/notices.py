"""Every mail about a partnership and what it owes: whom we tell, and when."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings

from notices.actions import queue
from notices.choices import NoticeKind
from partners.choices import MembershipRole
from people.choices import StaffRole
from people.models import Person
from programmes.models import Obligation, Partnership, Report

WHO_REPORTS = (MembershipRole.LEAD, MembershipRole.EDITOR, MembershipRole.DATA)


def people_of(partnership: Partnership, *roles: str) -> list[Person]:
    """Those who act for the partner today, in the roles named."""
    memberships = partnership.organisation.memberships.current().filter(role__in=roles, person__is_active=True)
    return [membership.person for membership in memberships.select_related("person").order_by("pk")]


def programme_staff(partnership: Partnership) -> Iterable[Person]:
    staff = Person.objects.staff().filter(posts__role__in=(StaffRole.PROGRAMMES,))
    return staff.exclude(pk__in=partnership.hidden_from).order_by("pk")


def tell_leads_agreement_is_ready(partnership: Partnership) -> None:
    issued_at = partnership.agreement.issued_at if partnership.agreement else None
    for lead in people_of(partnership, MembershipRole.LEAD):
        key = f"agreement-ready:{partnership.pk}:{lead.pk}:{issued_at:%Y%m%d%H%M%S}"
        _write_about_partnership("agreement_ready", lead, partnership, key=key)


def tell_staff_agreement_was_signed(partnership: Partnership) -> None:
    for person in programme_staff(partnership):
        key = f"agreement-signed:{partnership.pk}:{person.pk}"
        _write_about_partnership("agreement_signed", person, partnership, key=key)


def remind_report_is_due(obligation: Obligation, person: Person, *, rule: str, days: int) -> None:
    """``days`` before the due day; negative once it has passed."""
    key = f"report-due:{obligation.pk}:{rule}:v{obligation.due_version}:{person.pk}"
    _remind("report_due" if days >= 0 else "report_late", person, obligation, key=key, days=days)


def tell_staff_report_is_late(obligation: Obligation, person: Person, *, rule: str, days: int) -> None:
    key = f"report-late-staff:{obligation.pk}:{rule}:v{obligation.due_version}:{person.pk}"
    _remind("report_late_for_staff", person, obligation, key=key, days=days)


def send_receipt_for_report(report: Report) -> None:
    for person in people_of(report.obligation.partnership, *WHO_REPORTS):
        _write_about_report("report_received", person, report)


def tell_staff_report_arrived(report: Report) -> None:
    for person in programme_staff(report.obligation.partnership):
        _write_about_report("report_arrived", person, report)


def ask_about_report(report: Report, *, question: str) -> None:
    for person in people_of(report.obligation.partnership, *WHO_REPORTS):
        _write_about_report("report_queried", person, report, question=question)


def tell_partner_report_was_accepted(report: Report) -> None:
    for person in people_of(report.obligation.partnership, *WHO_REPORTS):
        _write_about_report("report_accepted", person, report)


def _write_about_partnership(name: str, person: Person, partnership: Partnership, *, key: str) -> None:
    queue(
        f"programmes/emails/{name}",
        to=person.email,
        person=person,
        about=partnership,
        kept_from=partnership.hidden_from,
        key=key,
        partnership=partnership,
        link=_address_of(partnership),
    )


def _remind(name: str, person: Person, obligation: Obligation, *, key: str, days: int) -> None:
    queue(
        f"programmes/emails/{name}",
        to=person.email,
        person=person,
        about=obligation,
        kind=NoticeKind.REMINDER,
        kept_from=obligation.partnership.hidden_from,
        key=key,
        obligation=obligation,
        partnership=obligation.partnership,
        days=abs(days),
        link=_address_of(obligation),
    )


def _write_about_report(name: str, person: Person, report: Report, **more: Any) -> None:
    queue(
        f"programmes/emails/{name}",
        to=person.email,
        person=person,
        about=report,
        kept_from=report.obligation.partnership.hidden_from,
        key=f"{name.replace('_', '-')}:{report.pk}:{person.pk}",
        report=report,
        obligation=report.obligation,
        partnership=report.obligation.partnership,
        link=_address_of(report.obligation),
        **more,
    )


def _address_of(thing: Partnership | Obligation) -> str:
    return settings.PORTAL_ADDRESS + thing.get_absolute_url()
