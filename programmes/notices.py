"""Every mail about a partnership and what it owes: whom we tell, and when."""

from collections.abc import Iterable

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


def programme_staff() -> Iterable[Person]:
    return Person.objects.staff().filter(posts__role__in=(StaffRole.PROGRAMMES,)).order_by("pk")


def address_of(thing: Partnership | Obligation) -> str:
    return settings.PORTAL_ADDRESS + thing.get_absolute_url()


def tell_leads_agreement_is_ready(partnership: Partnership) -> None:
    issued_at = partnership.agreement.issued_at if partnership.agreement else None
    for lead in people_of(partnership, MembershipRole.LEAD):
        queue(
            "programmes/emails/agreement_ready",
            to=lead.email,
            person=lead,
            about=partnership,
            key=f"agreement-ready:{partnership.pk}:{lead.pk}:{issued_at:%Y%m%d%H%M%S}",
            partnership=partnership,
            link=address_of(partnership),
        )


def tell_staff_agreement_was_signed(partnership: Partnership) -> None:
    for person in programme_staff():
        queue(
            "programmes/emails/agreement_signed",
            to=person.email,
            person=person,
            about=partnership,
            key=f"agreement-signed:{partnership.pk}:{person.pk}",
            partnership=partnership,
            link=address_of(partnership),
        )


def remind_report_is_due(obligation: Obligation, person: Person, *, rule: str, days: int) -> None:
    """``days`` before the due day; negative once it has passed."""
    queue(
        "programmes/emails/report_due" if days >= 0 else "programmes/emails/report_late",
        to=person.email,
        person=person,
        about=obligation,
        kind=NoticeKind.REMINDER,
        key=f"report-due:{obligation.pk}:{rule}:v{obligation.due_version}:{person.pk}",
        obligation=obligation,
        partnership=obligation.partnership,
        days=abs(days),
        link=address_of(obligation),
    )


def tell_staff_report_is_late(obligation: Obligation, person: Person, *, rule: str, days: int) -> None:
    queue(
        "programmes/emails/report_late_for_staff",
        to=person.email,
        person=person,
        about=obligation,
        kind=NoticeKind.REMINDER,
        key=f"report-late-staff:{obligation.pk}:{rule}:v{obligation.due_version}:{person.pk}",
        obligation=obligation,
        partnership=obligation.partnership,
        days=abs(days),
        link=address_of(obligation),
    )


def send_receipt_for_report(report: Report) -> None:
    obligation = report.obligation
    for person in people_of(obligation.partnership, *WHO_REPORTS):
        queue(
            "programmes/emails/report_received",
            to=person.email,
            person=person,
            about=report,
            key=f"report-received:{report.pk}:{person.pk}",
            report=report,
            obligation=obligation,
            partnership=obligation.partnership,
            link=address_of(obligation),
        )


def tell_staff_report_arrived(report: Report) -> None:
    for person in programme_staff():
        queue(
            "programmes/emails/report_arrived",
            to=person.email,
            person=person,
            about=report,
            key=f"report-arrived:{report.pk}:{person.pk}",
            report=report,
            obligation=report.obligation,
            partnership=report.obligation.partnership,
            link=address_of(report.obligation),
        )


def ask_about_report(report: Report, *, question: str) -> None:
    obligation = report.obligation
    for person in people_of(obligation.partnership, *WHO_REPORTS):
        queue(
            "programmes/emails/report_queried",
            to=person.email,
            person=person,
            about=report,
            key=f"report-queried:{report.pk}:{person.pk}",
            obligation=obligation,
            partnership=obligation.partnership,
            question=question,
            link=address_of(obligation),
        )


def tell_partner_report_was_accepted(report: Report) -> None:
    obligation = report.obligation
    for person in people_of(obligation.partnership, *WHO_REPORTS):
        queue(
            "programmes/emails/report_accepted",
            to=person.email,
            person=person,
            about=report,
            key=f"report-accepted:{report.pk}:{person.pk}",
            obligation=obligation,
            partnership=obligation.partnership,
            link=address_of(obligation),
        )
