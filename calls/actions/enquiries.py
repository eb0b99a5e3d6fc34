"""Questions about a call, answered for everybody at once; and who wants to hear."""

from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from audit.actions import record
from calls.actions.drafts import CallHasClosed
from calls.models import Call, Enquiry, Follower
from calls.notices.announcements import tell_call_opened, tell_enquiry_was_answered
from calls.notices.calls import tell_enquiry_arrived
from lifecycle.actions import RecordChanged
from people.models import Person
from people.rules import require

# More than this many open questions from one person to one call is a slip or a machine.
MOST_UNANSWERED = 20


class TooManyEnquiries(Exception):
    """This person waits for many answers already."""


@transaction.atomic
def ask(call: Call, *, text: str, by: Person, at: datetime | None = None) -> Enquiry:
    """The same words twice from the same person are one question. Whoever asks follows the call from then on."""
    require(by, "calls.ask_enquiry", call)
    if not call.takes_enquiries(at):
        raise CallHasClosed(call)
    Follower.objects.get_or_create(call=call, person=by)
    # The row of the follower is the queue in which two clicks of one person stand.
    Follower.objects.select_for_update().get(call=call, person=by)
    mine = call.enquiries.filter(asked_by=by, answered_at__isnull=True)
    asked = mine.filter(text=text).first()
    if asked is not None:
        return asked
    if mine.count() >= MOST_UNANSWERED:
        raise TooManyEnquiries
    enquiry = Enquiry.objects.create(call=call, text=text, asked_by=by)
    record("asked about", call, by=by, enquiry=enquiry.pk)
    tell_enquiry_arrived(enquiry)
    return enquiry


@transaction.atomic
def answer(enquiry: Enquiry, *, text: str, by: Person) -> None:
    require(by, "calls.answer_enquiry", enquiry.call)
    now = timezone.now()
    waiting = Enquiry.objects.filter(pk=enquiry.pk, answered_at__isnull=True)
    if not waiting.update(answer=text, answered_at=now, answered_by=by):
        raise RecordChanged(enquiry)
    enquiry.refresh_from_db()
    record("answered a question about", enquiry.call, by=by, enquiry=enquiry.pk)
    tell_enquiry_was_answered(enquiry)


def follow(call: Call, *, by: Person) -> None:
    require(by, "calls.follow_call", call)
    Follower.objects.get_or_create(call=call, person=by)


def stop_following(call: Call, *, by: Person) -> None:
    Follower.objects.filter(call=call, person=by).delete()


def tell_followers_of_open_calls(at: datetime | None = None) -> int:
    """Everybody who followed a call before it opened and has not been told. Returns how many were told now.

    What is due is read from our own rows, so that it does not matter how often this runs, or whether it ran at the moment
    itself. Late is better than never, until the call has closed: then nothing is sent.
    """
    now = at or timezone.now()
    number = 0
    for call in Call.objects.public(now).open(now):
        waiting = call.followers.filter(since__lt=F("call__opens_at")).values("person")
        number += tell_call_opened(call, Person.objects.active().filter(pk__in=waiting))
    return number
