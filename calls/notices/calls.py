"""What calls tell people, one function for each mail. The key says what must not happen twice."""

from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse

from calls.models import Application, Call, Enquiry, Extension
from calls.notices.blindness import kept_from
from calls.rules.applications import WRITERS
from notices.actions import queue
from notices.choices import NoticeKind
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


def tell_call_was_extended(call: Call, extension: Extension) -> None:
    for person in concerned_with(call):
        queue(
            "calls/emails/extended",
            to=person.email,
            key=f"extended:{extension.pk}:{person.pk}",
            kind=NoticeKind.BULK,
            person=person,
            about=call,
            call=call,
            extension=extension,
            link=address("calls:call", call.slug),
        )


def tell_call_was_cancelled(call: Call) -> None:
    for person in concerned_with(call):
        queue(
            "calls/emails/cancelled",
            to=person.email,
            key=f"cancelled:{call.pk}:{person.pk}",
            kind=NoticeKind.BULK,
            person=person,
            about=call,
            call=call,
            link=address("calls:call", call.slug),
        )


def key_of_opening(call: Call, person: int) -> str:
    return f"call-opened:{call.pk}:{person}"


def tell_call_opened(call: Call, person: Person) -> None:
    """Not sent any more once the call has closed."""
    queue(
        "calls/emails/call_opened",
        to=person.email,
        key=key_of_opening(call, person.pk),
        kind=NoticeKind.BULK,
        person=person,
        about=call,
        expires_at=call.closes_at,
        call=call,
        link=address("calls:call", call.slug),
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


def tell_enquiry_was_answered(enquiry: Enquiry) -> None:
    """To everybody who follows or has begun to apply, and to whoever asked: all get the same answer at once."""
    people = {person.pk: person for person in concerned_with(enquiry.call)}
    if enquiry.asked_by is not None and enquiry.asked_by.is_active:
        people.setdefault(enquiry.asked_by.pk, enquiry.asked_by)
    for person in people.values():
        queue(
            "calls/emails/enquiry_answered",
            to=person.email,
            key=f"enquiry-answered:{enquiry.pk}:{person.pk}",
            kind=NoticeKind.BULK,
            person=person,
            about=enquiry.call,
            call=enquiry.call,
            enquiry=enquiry,
            link=address("calls:call", enquiry.call.slug),
        )


def leads_of(application: Application) -> QuerySet[Person]:
    today = Membership.objects.current().filter(organisation=application.organisation, role=MembershipRole.LEAD)
    return Person.objects.active().filter(pk__in=today.values("person")).order_by("pk")


def concerned_with(call: Call) -> QuerySet[Person]:
    """Everybody who writes for an organisation that has begun to apply, and everybody who follows the call."""
    organisations = call.applications.exclude(status="withdrawn").values("organisation")
    writers = Membership.objects.current().filter(organisation__in=organisations, role__in=WRITERS).values("person")
    return Person.objects.active().filter(pk__in=writers.union(call.followers.values("person"))).order_by("pk")
