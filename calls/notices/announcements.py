"""What a call tells many at once. Each mail is written when it is sent, and left out where its reader needs it no more."""

from collections.abc import Callable
from typing import Any

from django.db.models import Q, QuerySet

from calls.choices import CallStatus
from calls.models import Application, Call, Enquiry, Extension, Follower, MorePlaces
from calls.notices.calls import address
from calls.rules.applications import WRITERS
from notices.actions import queue_for_all
from notices.choices import NoticeKind
from notices.mailings import Mailing, Parcel, readers_among, register
from partners.models import Membership
from people.models import Person

CANCELLED = "The call was cancelled"


def tell_call_was_extended(call: Call, extension: Extension) -> None:
    readers = readers_of(call, concerned_with(call), key=f"extended:{extension.pk}")
    queue_for_all(EXTENDED, readers, about=call, extension=extension.pk)


def tell_call_has_more_places(call: Call, more: MorePlaces) -> None:
    """Not sent any more once the call has closed."""
    readers = readers_of(call, concerned_with(call), key=f"more-places:{more.pk}", until_it_closes=True)
    queue_for_all(MORE_PLACES, readers, about=call, more=more.pk)


def tell_call_was_cancelled(call: Call) -> None:
    queue_for_all(CALL_CANCELLED, readers_of(call, concerned_with(call), key=f"cancelled:{call.pk}"), about=call)


def tell_call_opened(call: Call, people: QuerySet[Person]) -> int:
    """Not sent any more once the call has closed. Whoever was told before is not told again; returns how many are told now."""
    readers = readers_of(call, people, key=f"call-opened:{call.pk}", until_it_closes=True)
    return queue_for_all(OPENED, readers, about=call)


def tell_enquiry_was_answered(enquiry: Enquiry) -> None:
    """To everybody who follows or has begun to apply, and to whoever asked: all get the same answer at once."""
    people = concerned_with(enquiry.call)
    if enquiry.asked_by_id is not None:
        people = Person.objects.active().filter(Q(pk__in=people.values("pk")) | Q(pk=enquiry.asked_by_id))
    readers = readers_of(enquiry.call, people, key=f"enquiry-answered:{enquiry.pk}")
    queue_for_all(ANSWERED, readers, about=enquiry.call, enquiry=enquiry.pk)


def concerned_with(call: Call) -> QuerySet[Person]:
    """Everybody who writes for an organisation that has begun to apply, and everybody who follows the call."""
    organisations = call.applications.exclude(status="withdrawn").values("organisation")
    writers = Membership.objects.current().filter(organisation__in=organisations, role__in=WRITERS).values("person")
    return Person.objects.active().filter(pk__in=writers.union(call.followers.values("person")))


def readers_of(call: Call, people: QuerySet[Person], *, key: str, until_it_closes: bool = False) -> QuerySet[Person]:
    until = call.closes_at if until_it_closes else None
    return readers_among(people, key=key, cause=call.pk, useful_until=until, demonstration=call.is_demonstration)


# --- where the words come from ---------------------------------------------------------------------------------------


def about_the_call(call: int) -> dict[str, Any]:
    found = Call.objects.select_related("programme").get(pk=call)
    return {"call": found, "about": found, "link": address("calls:call", found.slug)}


def about_the_extension(call: int, *, extension: int) -> dict[str, Any]:
    return {**about_the_call(call), "extension": Extension.objects.get(pk=extension, call=call)}


def about_more_places(call: int, *, more: int) -> dict[str, Any]:
    return {**about_the_call(call), "more": MorePlaces.objects.get(pk=more, call=call)}


def about_the_answer(call: int, *, enquiry: int) -> dict[str, Any]:
    return {**about_the_call(call), "enquiry": Enquiry.objects.get(pk=enquiry, call=call)}


# --- who needs them no more ------------------------------------------------------------------------------------------


def calls_of(parcels: list[Parcel]) -> dict[int | None, Call]:
    return {**Call.objects.in_bulk({parcel.subject_id for parcel in parcels})}


def of_cancelled_calls(parcels: list[Parcel]) -> dict[int, str]:
    calls = calls_of(parcels)
    return {
        parcel.pk: CANCELLED
        for parcel in parcels
        if (call := calls.get(parcel.subject_id)) is not None and call.status == CallStatus.CANCELLED
    }


def overtaken(name: str, why: str, holds: Callable[[Call, Any], bool]) -> Callable[[list[Parcel]], dict[int, str]]:
    """A change of a call that has been changed again: the newer mail says all there is to say."""
    model = {"extension": Extension, "more": MorePlaces}[name]

    def reasons(parcels: list[Parcel]) -> dict[int, str]:
        calls = calls_of(parcels)
        changes = model._default_manager.in_bulk({parcel.context[name] for parcel in parcels})
        old = {
            parcel.pk: why
            for parcel in parcels
            if parcel.subject_id in calls
            and parcel.context[name] in changes
            and not holds(calls[parcel.subject_id], changes[parcel.context[name]])
        }
        return {**old, **of_cancelled_calls(parcels)}

    return reasons


def no_news_any_more(parcels: list[Parcel]) -> dict[int, str]:
    """The opening is no news to somebody who has applied since, or asked not to hear of the call."""
    calls = calls_of(parcels)
    follow = set(Follower.objects.filter(call__in=list(calls)).values_list("call", "person"))
    sent = _whose_organisation_has_applied(parcels)
    reasons = {}
    for parcel in parcels:
        call = calls.get(parcel.subject_id)
        if call is not None and call.status == CallStatus.CANCELLED:
            reasons[parcel.pk] = CANCELLED
        elif call is not None and not call.is_open():
            reasons[parcel.pk] = "The call takes no applications now"
        elif (parcel.subject_id, parcel.person_id) not in follow:
            reasons[parcel.pk] = "Its reader follows the call no more"
        elif (parcel.subject_id, parcel.person_id) in sent:
            reasons[parcel.pk] = "The organisation of its reader has applied already"
    return reasons


def _whose_organisation_has_applied(parcels: list[Parcel]) -> set[tuple[int, int]]:
    """Pairs of a call and a person."""
    people = {parcel.person_id for parcel in parcels}
    belongs = Membership.objects.current().filter(person__in=people).values_list("organisation", "person")
    applied = Application.objects.filter(
        call__in={parcel.subject_id for parcel in parcels}, submitted_at__isnull=False
    ).exclude(status="withdrawn")
    senders: dict[int, set[int]] = {}
    for call, organisation in applied.values_list("call", "organisation"):
        senders.setdefault(organisation, set()).add(call)
    return {(call, person) for organisation, person in belongs for call in senders.get(organisation, ())}


def _announcement(template: str, name: str, compose: Callable, not_needed: Callable) -> Mailing:
    return register(Mailing(f"calls/emails/{template}", NoticeKind.BULK, name, compose, not_needed))


EXTENDED = _announcement(
    "extended",
    "There is more time for a call",
    about_the_extension,
    overtaken("extension", "The closing moment moved again", lambda call, extension: call.closes_at == extension.now),
)
MORE_PLACES = _announcement(
    "more_places",
    "A call has more places",
    about_more_places,
    overtaken("more", "The number of places was raised again", lambda call, more: call.places == more.now),
)
CALL_CANCELLED = _announcement("cancelled", "A call was cancelled", about_the_call, lambda parcels: {})
OPENED = _announcement("call_opened", "A call has opened", about_the_call, no_news_any_more)
ANSWERED = _announcement("enquiry_answered", "A question was answered", about_the_answer, of_cancelled_calls)
