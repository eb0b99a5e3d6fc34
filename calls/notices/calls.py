"""Letters about one application or one question. The key says what must not happen twice."""

from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse

from calls.models import Application, Enquiry
from calls.notices.blindness import kept_from
from notices.actions import queue
from partners.choices import MembershipRole
from partners.models import Membership
from people.models import Person


def address(name: str, *parts: object) -> str:
    """A whole address: a mail is read outside the portal."""
    return f"{settings.PORTAL_ADDRESS}{reverse(name, args=parts)}"


def tell_application_was_received(application: Application) -> None:
    """The receipt, to the lead who sent it and to every other lead of the organisation. Each sending has its own."""
    leads = {lead.pk: lead for lead in leads_of(application)}
    if application.submitted_by is not None:
        leads.setdefault(application.submitted_by.pk, application.submitted_by)
    hidden_from = kept_from(application)
    for lead in leads.values():
        queue(
            "calls/emails/receipt",
            to=lead.email,
            key=f"receipt:{application.pk}:{application.submitted_at}:{lead.pk}",
            person=lead,
            about=application,
            kept_from=hidden_from,
            application=application,
            call=application.call,
            sent_by=application.submitted_by,
            link=address("calls:application", application.pk),
        )


def tell_application_was_taken_back(application: Application, *, by: Person, at: str, for_good: bool) -> None:
    hidden_from = kept_from(application)
    for lead in leads_of(application):
        queue(
            "calls/emails/taken_back",
            to=lead.email,
            key=f"taken-back:{application.pk}:{at}:{lead.pk}",
            person=lead,
            about=application,
            kept_from=hidden_from,
            application=application,
            call=application.call,
            taken_by=by,
            for_good=for_good,
            link=address("calls:application", application.pk),
        )


def tell_enquiry_arrived(enquiry: Enquiry) -> None:
    """To the address of the call: the centre answers within two working days."""
    if not enquiry.call.contact_email:
        return
    queue(
        "calls/emails/enquiry_asked",
        to=enquiry.call.contact_email,
        key=f"enquiry:{enquiry.pk}",
        about=enquiry.call,
        call=enquiry.call,
        enquiry=enquiry,
        link=address("calls:enquiries", enquiry.call.slug),
    )


def leads_of(application: Application) -> QuerySet[Person]:
    today = Membership.objects.current().filter(organisation=application.organisation, role=MembershipRole.LEAD)
    return Person.objects.active().filter(pk__in=today.values("person")).order_by("pk")
