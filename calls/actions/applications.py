"""The life of an application until the call closes: started, sent, taken back, withdrawn."""

import re
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import DateTimeField, DurationField, ExpressionWrapper, F, Q, Value
from django.db.models.functions import Length
from django.utils import timezone

from audit.actions import record
from calls.actions.decisions import withdraw_decision
from calls.actions.drafts import CallHasClosed
from calls.choices import ApplicationStatus, CallStatus
from calls.models import Application, Call
from calls.notices.calls import tell_application_was_received, tell_application_was_taken_back
from calls.rules.eligibility import Eligibility, eligibility_of
from calls.rules.readiness import UK, Shortfall, sections_of, shortfalls_of, texts_of
from lifecycle.actions import RecordChanged, move
from partners.models import Organisation
from people.models import Person
from people.rules import require
from programmes.models import Programme


class NotEligible(Exception):
    """The organisation misses a hard condition of the call."""

    def __init__(self, eligibility: Eligibility) -> None:
        self.eligibility = eligibility
        super().__init__("a condition of the call is not met")


class NotReady(Exception):
    """Something is missing from the application; it stays a draft."""

    def __init__(self, shortfalls: list[Shortfall]) -> None:
        self.shortfalls = shortfalls
        super().__init__(f"{len(shortfalls)} things are missing")


@transaction.atomic
def start(call: Call, organisation: Organisation, *, by: Person, at: datetime | None = None) -> Application:
    """Begin an application. One that the organisation has begun already is given back, whoever began it."""
    require(by, "calls.start_application", organisation)
    # The references of a programme are counted one after the other; this lock is the queue in which they stand.
    programme = Programme.objects.select_for_update(of=("self",)).get(pk=call.programme_id)
    begun = call.applications.filter(organisation=organisation).exclude(status=ApplicationStatus.WITHDRAWN).first()
    if begun is not None:
        return begun
    call.refresh_from_db()
    if not call.is_open(at):
        raise CallHasClosed(call)
    eligibility = eligibility_of(call, organisation)
    if not eligibility.may_apply:
        raise NotEligible(eligibility)
    application = Application.objects.create(
        call=call,
        organisation=organisation,
        reference=next_reference(programme, call),
        started_by=by,
        is_demonstration=call.is_demonstration or organisation.is_demonstration,
    )
    record("started", application, by=by, call=call.pk, organisation=organisation.pk)
    return application


def next_reference(programme: Programme, call: Call) -> str:
    """PINE-2019-0007: the programme, the year in which the call opens, and a number. Ask only while the programme is locked."""
    letters = re.sub(r"[^A-Z0-9]", "", (programme.short_name or "").upper()) or _initials(programme.name)
    year = (call.opens_at or timezone.now()).astimezone(UK).year
    prefix = f"{letters[:12]}-{year}-"
    references = Application.objects.filter(reference__regex=rf"^{prefix}[0-9]+$")
    last = references.order_by(Length("reference").desc(), "-reference").values_list("reference", flat=True).first()
    return f"{prefix}{int(last.removeprefix(prefix)) + 1 if last else 1:04}"


def _initials(name: str) -> str:
    return "".join(word[0] for word in re.findall(r"[A-Z0-9]\w*", name.upper())) or "CALL"


@transaction.atomic
def submit(
    application: Application, *, by: Person, at: datetime | None = None, begun_at: datetime | None = None
) -> Application:
    """Send the application. A second click, or a colleague's at the same moment, gets the same receipt.

    ``at`` is the moment at which the request arrived: a slow queue on our side is not the partner's fault. ``begun_at`` is
    when our clock handed out the page from which it is sent; a call with grace accepts what was begun before it closed.
    """
    require(by, "calls.submit_application", application)
    moment = at or timezone.now()
    draft = (
        Application.objects.select_for_update(of=("self",))
        .select_related("call", "organisation")
        .get(pk=application.pk)
    )
    if draft.submitted_at is not None and draft.status != ApplicationStatus.WITHDRAWN:
        return draft
    late = 0 if draft.call.is_open(moment) else draft.call.seconds_late(moment, begun_at=begun_at)
    if late is None:
        raise CallHasClosed(draft.call)
    shortfalls = shortfalls_of(draft, sections_of(draft.call), texts_of(draft))
    if shortfalls:
        raise NotReady(shortfalls)
    try:
        move(
            draft,
            ApplicationStatus.SUBMITTED,
            by=by,
            only_if=_within_the_grace(moment, begun_at) if late else _still_open(moment),
            submitted_at=moment,
            submitted_by=by,
            seconds_late=late,
        )
    except RecordChanged as problem:
        # The call was closed or cancelled between our look and the statement that counts.
        raise CallHasClosed(draft.call) from problem
    if late:
        record("accepted late", draft, by=by, seconds=late, grace=draft.call.grace_seconds, begun_at=begun_at)
    tell_application_was_received(draft)
    return draft


@transaction.atomic
def take_back(application: Application, *, by: Person, at: datetime | None = None) -> None:
    """Make it a draft again, to change it. Only while the call is open, because it has to be sent once more."""
    require(by, "calls.withdraw_application", application)
    moment = at or timezone.now()
    if not application.call.is_open(moment):
        raise CallHasClosed(application.call)
    sent_at = application.submitted_at or moment
    move(
        application,
        ApplicationStatus.DRAFT,
        by=by,
        only_if=_still_open(moment),
        submitted_at=None,
        submitted_by=None,
        seconds_late=0,
    )
    tell_application_was_taken_back(application, by=by, at=sent_at.isoformat(), for_good=False)


@transaction.atomic
def withdraw(application: Application, *, by: Person, why: str) -> None:
    """Withdraw for good. What was written stays readable for the organisation; a letter that was held for it is not sent."""
    require(by, "calls.withdraw_application", application)
    move(application, ApplicationStatus.WITHDRAWN, by=by)
    withdraw_decision(application, by=None)
    record("withdrew", application, by=by, gave_a_reason=bool(why))
    tell_application_was_taken_back(application, by=by, at="for-good", for_good=True)


def _still_open(moment: datetime) -> Q:
    """A subquery on the call and no join, so that the status of the application is looked at again after a wait for its lock."""
    calls = Call.objects.filter(status=CallStatus.PUBLISHED, opens_at__lte=moment, closes_at__gt=moment)
    return Q(call_id__in=calls.values("pk"))


def _within_the_grace(moment: datetime, begun_at: datetime | None) -> Q:
    """The same question for a sending that was begun in time, asked in the statement that counts."""
    grace = F("grace_seconds") * Value(timedelta(seconds=1), output_field=DurationField())
    calls = Call.objects.filter(
        status=CallStatus.PUBLISHED, opens_at__lte=begun_at, closes_at__gt=begun_at, closes_at__lte=moment
    )
    in_time = calls.annotate(last=ExpressionWrapper(F("closes_at") + grace, output_field=DateTimeField()))
    return Q(call_id__in=in_time.filter(last__gte=moment).values("pk"))
