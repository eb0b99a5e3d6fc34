"""Offers: a free place for the reserve list, and what partners answer."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from audit.actions import record
from calls import figures
from calls.actions.decisions.deciding import locked, store
from calls.actions.decisions.letters import renew_letters
from calls.choices import ApplicationStatus, CallStatus, Outcome
from calls.models import Application, Call, Decision, tidy
from calls.notices.blindness import kept_from
from calls.notices.decisions import tell_leads_they_have_longer, tell_staff_offer_was_answered
from lifecycle.actions import MoveRefused, RecordChanged, move
from notices.actions import release
from notices.models import Notice
from partners.choices import OrganisationKind
from people.models import Person
from people.rules import require
from programmes.actions.partnerships import propose
from programmes.models import Partnership

# --- the reserve list ---------------------------------------------------------------------------------------------------------


@transaction.atomic
def promote(application: Application, *, until: datetime, reason: str = "", seen: int, by: Person) -> list[Notice]:
    """Offer a reserve the place that became free: a new version of its decision, a new letter, a new moment to answer.

    One step, so that no applicant is ever between the two results. Who is not first on the list needs a reason.
    """
    require(by, "calls.settle_offer", application)
    call = Call.objects.select_for_update().get(pk=application.call_id)
    application = locked(application)
    decision = Decision.objects.filter(application=application).first()
    if decision is None or decision.version != seen:
        raise RecordChanged(application)
    rank, reason = decision.reserve_rank, tidy(reason)
    _require_promotable(call, application, decision, until=until)
    first = figures.next_reserve(call)
    if first is not None and first.application_id != application.pk and not reason:
        known = by.has_perm("calls.settle_offer", first.application)
        named = first.application.reference if known else "Another application"
        raise ValidationError(f"{named} is first on the reserve list. Say why it is not asked.")
    said = f"Offered from place {rank} of the reserve list."
    decision = store(
        application,
        decision,
        {
            "outcome": Outcome.OFFER,
            "reserve_rank": None,
            "reason": "\n\n".join(filter(None, (decision.reason, said, reason))),
            "respond_by": until,
            "told_at": timezone.now(),
            "decided_at": timezone.now(),
            "decided_by": by,
        },
    )
    record("promoted from the reserve list", application, by=by, version=decision.version, rank=rank)
    renew_letters(decision, by=by)
    letters = list(Notice.objects.about(decision).held())
    if not letters:
        raise ValidationError(
            "Nobody can receive the letter: the organisation has no lead. Invite one, then come back."
        )
    for notice in letters:
        release(notice, by=by)
    return letters


def preview_promotion(
    application: Application, *, until: datetime, reason: str = "", seen: int, by: Person
) -> list[Notice]:
    """The letters exactly as they would go. Nothing of it is kept."""
    with transaction.atomic():
        letters = promote(application, until=until, reason=reason, seen=seen, by=by)
        transaction.set_rollback(True)
    return letters


def _require_promotable(call: Call, application: Application, decision: Decision, *, until: datetime) -> None:
    told_a_reserve = decision.outcome == Outcome.RESERVE and decision.told_at is not None
    if call.status != CallStatus.ANNOUNCED or application.status != ApplicationStatus.TOLD or not told_a_reserve:
        raise ValidationError("This application is not on the reserve list of a call whose results were sent.")
    if until <= timezone.now():
        raise ValidationError("Choose a moment in the future by which the offer is to be answered.")
    taken = figures.places_of(call)
    joint = application.with_organisations.filter(kind=OrganisationKind.LOCAL_AUTHORITY).count()
    needed = figures.places_needed(call, application.organisation.kind, joint)
    if taken.places is not None and taken.offered + needed > taken.places:
        raise ValidationError(
            f"No place is free of the {taken.places} that are planned. Record first which offer was declined or lapsed, on the page of that offer."
        )


# --- answers ----------------------------------------------------------------------------------------------------------------


@transaction.atomic
def accept_offer(application: Application, *, by: Person, at: datetime | None = None) -> Partnership:
    """The partnership begins with what the application says; nothing is typed again. A second click finds it there."""
    require(by, "calls.answer_offer", application)
    application = locked(application)
    if application.status == ApplicationStatus.ACCEPTED and application.partnership:
        return application.partnership
    decision = _offer_to_answer(application, at=at or timezone.now())
    call = application.call
    partnership = propose(
        application.organisation,
        call.programme,
        strand=call.strand,
        wave=call.wave,
        practice_name=application.practice_name,
        practice=application.summary,
        group=application.group,
        areas=application.with_organisations.all(),
        kept_from=kept_from(application),
        by=by,
        is_demonstration=application.is_demonstration,
    )
    move(application, ApplicationStatus.ACCEPTED, by=by, partnership=partnership)
    _answered(decision, by=by)
    tell_staff_offer_was_answered(application)
    return partnership


def _offer_to_answer(application: Application, *, at: datetime) -> Decision:
    decision = Decision.objects.filter(application=application).first()
    if application.status != ApplicationStatus.TOLD or decision is None:
        raise MoveRefused(application, ApplicationStatus.ACCEPTED)
    if decision.outcome != Outcome.OFFER:
        raise ValidationError("There is no offer to accept on this application.")
    if decision.respond_by and decision.respond_by <= at:
        raise ValidationError(
            "The time to accept has passed. Write to us: we can give you longer if the place is still free."
        )
    return decision


@transaction.atomic
def decline_offer(application: Application, *, reason: str, by: Person) -> None:
    require(by, "calls.answer_offer", application)
    _decline(application, reason=reason, by=by)


@transaction.atomic
def record_decline(application: Application, *, reason: str, by: Person) -> None:
    """Staff write down that an offer lapsed, or that the partner said no in another way."""
    require(by, "calls.settle_offer", application)
    _decline(application, reason=reason, by=by)


def _decline(application: Application, *, reason: str, by: Person) -> None:
    application = locked(application)
    decision = Decision.objects.filter(application=application).first()
    if application.status == ApplicationStatus.DECLINED:
        return
    if decision is None or decision.outcome == Outcome.NO:
        raise ValidationError("There is no offer to decline on this application.")
    if not tidy(reason):
        raise ValidationError("Say in a few words why. It helps us plan.")
    move(application, ApplicationStatus.DECLINED, by=by)
    _answered(decision, by=by, declined_reason=tidy(reason))
    tell_staff_offer_was_answered(application)


def _answered(decision: Decision, *, by: Person, declined_reason: str = "") -> None:
    decision.answered_at, decision.answered_by, decision.declined_reason = timezone.now(), by, declined_reason
    decision.save(update_fields=("answered_at", "answered_by", "declined_reason"))


@transaction.atomic
def extend_offer(application: Application, until: datetime, *, reason: str, by: Person) -> None:
    require(by, "calls.settle_offer", application)
    application = locked(application)
    decision = Decision.objects.filter(application=application, outcome=Outcome.OFFER).first()
    if application.status != ApplicationStatus.TOLD or decision is None:
        raise ValidationError("There is no offer here that waits for an answer.")
    if until <= max(timezone.now(), decision.respond_by or timezone.now()):
        raise ValidationError("Choose a moment later than the present one.")
    if not tidy(reason):
        raise ValidationError("Say why the partner has longer.")
    decision.respond_by, decision.extended_reason = until, tidy(reason)
    decision.save(update_fields=("respond_by", "extended_reason"))
    record("extended the offer", application, by=by, until=until)
    tell_leads_they_have_longer(application, until=until)
