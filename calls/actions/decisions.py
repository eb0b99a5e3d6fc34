"""What is decided, held back, told all at once, and answered. Decided and told are two facts."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from audit.actions import record
from calls import figures
from calls.choices import ApplicationStatus, CallStatus, Outcome
from calls.models import Application, Call, Decision, tidy
from calls.notices.calls import leads_of
from calls.notices.decisions import (
    key_of_letter,
    tell_leads_they_have_longer,
    tell_staff_offer_was_answered,
    write_letter,
)
from lifecycle.actions import MoveRefused, RecordChanged, move
from notices.actions import release, withdraw
from notices.choices import NoticeStatus
from notices.models import Notice
from partners.choices import OrganisationKind
from people.models import Person
from people.rules import require
from programmes.actions.partnerships import propose
from programmes.models import Partnership

DECIDABLE = (CallStatus.ASSESSING, CallStatus.DECIDED)

# --- deciding ------------------------------------------------------------------------------------------------------------


@transaction.atomic
def decide(
    application: Application,
    outcome: str,
    *,
    reason: str,
    feedback: str = "",
    reserve_rank: int | None = None,
    over_places_reason: str = "",
    seen: int = 0,
    by: Person,
) -> Decision:
    """Stage a decision, or change one that nobody has been told of. ``seen`` is the version that the person looked at.

    The letter is written at once and held; a change of mind withdraws it and writes a new one.
    """
    require(by, "calls.decide_application", application)
    # Offers of one call are counted one at a time, so that two people cannot both give the last place.
    call = Call.objects.select_for_update().get(pk=application.call_id)
    application = _locked(application)
    present = Decision.objects.filter(application=application).first()
    reason, feedback, over_places_reason = tidy(reason), tidy(feedback), tidy(over_places_reason)
    if (present.version if present else 0) != seen:
        raise RecordChanged(application)
    _require_decidable(call, application, present)
    _require_words(outcome, reason, feedback)
    rank = _rank_of_reserve(call, application, reserve_rank) if outcome == Outcome.RESERVE else None
    if outcome == Outcome.OFFER:
        _require_place(call, application, over_places_reason)
        if over_places_reason:
            reason = f"{reason}\n\nMore offers than places: {over_places_reason}"
    facts = {
        "outcome": outcome,
        "reason": reason,
        "feedback": feedback,
        "reserve_rank": rank,
        "respond_by": figures.closes_of_business(call.respond_within_days) if outcome == Outcome.OFFER else None,
        "decided_at": timezone.now(),
        "decided_by": by,
    }
    if present is None:
        move(application, ApplicationStatus.DECIDED, by=by)
    decision = _store(application, present, facts)
    record(
        "decided",
        application,
        by=by,
        outcome=outcome,
        version=decision.version,
        rank=rank,
        over=bool(over_places_reason),
    )
    renew_letters(decision, by=by)
    return decision


def _store(application: Application, present: Decision | None, facts: dict) -> Decision:
    if present is None:
        return Decision.objects.create(application=application, **facts)
    for name, value in facts.items():
        setattr(present, name, value)
    present.version += 1
    present.save(update_fields=[*facts, "version"])
    present.application = application
    return present


def _require_decidable(call: Call, application: Application, present: Decision | None) -> None:
    if call.status not in DECIDABLE or (present and present.told_at):
        raise ValidationError(
            "The applicant has been told, or the call is not being assessed. A decision cannot be changed now."
        )
    if application.status not in (ApplicationStatus.ELIGIBLE, ApplicationStatus.DECIDED):
        raise MoveRefused(application, ApplicationStatus.DECIDED)
    if problems := open_matters(application):
        raise ValidationError(problems)


def open_matters(application: Application) -> list[str]:
    """What has to be done before this application can be decided, in sentences."""
    standing = figures.standing_of(application)
    matters = []
    if not standing.sent and application.call.assessors_each:
        matters.append("Nobody has sent scores yet.")
    if standing.asked > standing.sent:
        matters.append(
            f"{standing.sent} of {standing.asked} assessments are in. Wait for the others or take them back."
        )
    if standing.unsettled:
        matters.append(
            f"Assessors differ by {figures.FAR_APART} or more on {standing.unsettled} of the criteria. Moderate first."
        )
    return matters


def _require_words(outcome: str, reason: str, feedback: str) -> None:
    if outcome not in Outcome.values:
        raise ValidationError("Choose offer, reserve or no offer.")
    if not reason:
        raise ValidationError("Say why, for our own record.")
    if outcome != Outcome.OFFER and not feedback:
        raise ValidationError("Write the feedback that the applicant will read in the letter.")


def _rank_of_reserve(call: Call, application: Application, rank: int | None) -> int:
    if not rank or rank < 1:
        raise ValidationError("Give the place on the reserve list: 1 is asked first.")
    same = Decision.objects.filter(application__call=call, outcome=Outcome.RESERVE, reserve_rank=rank)
    if taken := same.exclude(application=application).select_related("application").first():
        raise ValidationError(f"{taken.application.reference} has place {rank} on the reserve list already.")
    return rank


def _require_place(call: Call, application: Application, over_places_reason: str) -> None:
    taken = figures.places_of(call)
    if taken.places is None:
        return
    own = Decision.objects.filter(application=application, outcome=Outcome.OFFER).exists()
    joint = application.with_organisations.filter(kind=OrganisationKind.LOCAL_AUTHORITY).count()
    needed = 0 if own else figures.places_needed(call, application.organisation.kind, joint)
    if taken.offered + needed > taken.places and not over_places_reason:
        raise ValidationError(
            f"{taken.offered} of {taken.places} {taken.unit} have an offer already. Say why there should be more than planned, "
            "or withdraw another offer first."
        )


@transaction.atomic
def take_decision_back(application: Application, *, seen: int, by: Person) -> None:
    """Back to being assessed. Nobody was told, so the letter is withdrawn with it."""
    require(by, "calls.decide_application", application)
    call = Call.objects.select_for_update().get(pk=application.call_id)
    application = _locked(application)
    if call.status not in DECIDABLE:
        raise ValidationError("The letters have been released. A decision cannot be taken back now.")
    present = Decision.objects.filter(application=application).first()
    if present is None or present.version != seen:
        raise RecordChanged(application)
    move(application, ApplicationStatus.ELIGIBLE, by=by)
    withdraw_decision(application, by=by)


def decide_not_eligible(application: Application, *, reason: str, feedback: str, by: Person) -> Decision:
    """The decision that follows from not being eligible. Called by the action that marks it so."""
    decision = Decision.objects.create(
        application=application, outcome=Outcome.NO, reason=reason, feedback=feedback, decided_by=by
    )
    renew_letters(decision, by=by)
    return decision


def withdraw_decision(application: Application, *, by: Person) -> None:
    """Its letters are withdrawn and its row goes; the history of the row and the audit keep what it was."""
    decision = Decision.objects.filter(application=application, told_at__isnull=True).first()
    if decision is None:
        return
    for notice in Notice.objects.about(decision).held():
        withdraw(notice, by=by, why="The decision was taken back.")
    record("took the decision back", application, by=by, outcome=decision.outcome, version=decision.version)
    decision.delete()


def _locked(application: Application) -> Application:
    return (
        Application.objects.select_for_update(of=("self",))
        .select_related("call", "organisation")
        .get(pk=application.pk)
    )


# --- the call -------------------------------------------------------------------------------------------------------------


@transaction.atomic
def finish_deciding(call: Call, *, by: Person) -> None:
    require(by, "calls.release_letters", call)
    progress = figures.progress_of(call)
    if not progress.all_decided:
        raise ValidationError(
            f"{progress.to_check} applications wait for the eligibility check and {progress.to_decide} for a decision. "
            "Decide these first: everybody is told at the same time."
        )
    move(call, CallStatus.DECIDED, by=by)


@transaction.atomic
def return_to_deciding(call: Call, *, by: Person) -> None:
    require(by, "calls.release_letters", call)
    move(call, CallStatus.ASSESSING, by=by)


# --- letters ----------------------------------------------------------------------------------------------------------------


@transaction.atomic
def renew_letters(decision: Decision, *, by: Person) -> None:
    """One held letter for each present lead and for this version of the decision; every other one is withdrawn."""
    leads = leads_of(decision.application)
    wanted = {key_of_letter(decision, person) for person in leads}
    for notice in Notice.objects.about(decision).held():
        if notice.key not in wanted:
            withdraw(notice, by=by, why="The decision or the people changed.")
    for person in leads:
        _write(decision, person, by=by)


def _write(decision: Decision, person: Person, *, by: Person) -> None:
    notice = write_letter(decision, person)
    if notice.status == NoticeStatus.CANCELLED:
        # The same person left and came back: the letter of this version was withdrawn, so the version moves on.
        decision.version += 1
        decision.save(update_fields=("version",))
        renew_letters(decision, by=by)


def waiting_to_be_told(call: Call) -> list[Decision]:
    """Decisions of the call that nobody has been told of, ready for their letters."""
    waiting = Decision.objects.filter(
        application__call=call,
        told_at__isnull=True,
        application__status__in=(ApplicationStatus.DECIDED, ApplicationStatus.INELIGIBLE),
    )
    return list(
        waiting.select_related("application__call", "application__organisation").order_by("application__reference")
    )


@transaction.atomic
def renew_all_letters(call: Call, *, by: Person) -> int:
    """Put right the letters that are not addressed to today's leads. Returns how many decisions had changed."""
    require(by, "calls.release_letters", call)
    Call.objects.select_for_update().get(pk=call.pk)
    changed = [post for post in figures.post_of(waiting_to_be_told(call)) if post.needs_renewal]
    for post in changed:
        renew_letters(post.decision, by=by)
    return len(changed)


@transaction.atomic
def set_respond_by(call: Call, until: datetime, *, by: Person) -> None:
    """When offers have to be answered. It stands in the letters, so these are written anew."""
    require(by, "calls.release_letters", call)
    Call.objects.select_for_update().get(pk=call.pk)
    if call.status not in DECIDABLE:
        raise ValidationError("The letters have been released. Give one partner longer on the page of its offer.")
    if until <= timezone.now():
        raise ValidationError("Choose a moment in the future.")
    for decision in waiting_to_be_told(call):
        if decision.outcome == Outcome.OFFER and decision.respond_by != until:
            decision.respond_by = until
            decision.version += 1
            decision.save(update_fields=("respond_by", "version"))
            renew_letters(decision, by=by)
    record("set when offers are answered", call, by=by, until=until)


@transaction.atomic
def release_letters(call: Call, *, letters: int, by: Person) -> int:
    """Tell everybody, in one transaction: all letters go, or none. ``letters`` is the number that the person looked at."""
    require(by, "calls.release_letters", call)
    call = Call.objects.select_for_update().get(pk=call.pk)
    if call.status != CallStatus.DECIDED:
        raise MoveRefused(call, CallStatus.ANNOUNCED)
    posts = figures.post_of(waiting_to_be_told(call))
    _require_releasable(posts, letters)
    now = timezone.now()
    for post in posts:
        told = Decision.objects.filter(pk=post.decision.pk, version=post.decision.version, told_at__isnull=True)
        if not told.update(told_at=now):
            raise RecordChanged(post.decision)
        move(post.decision.application, ApplicationStatus.TOLD, by=by)
        for notice in post.letters:
            release(notice, by=by)
    move(call, CallStatus.ANNOUNCED, by=by, results_on=timezone.localdate())
    record("released letters", call, by=by, letters=letters, decisions=len(posts))
    return letters


def _require_releasable(posts: list[figures.Mailing], letters: int) -> None:
    if blocked := [post.decision.application.reference for post in posts if post.is_blocked]:
        raise ValidationError(
            f"Nobody can receive the letter of {', '.join(blocked)}: the organisation has no lead. Invite one, then come back."
        )
    if any(post.needs_renewal for post in posts) or sum(len(post.letters) for post in posts) != letters:
        raise ValidationError(
            "Letters or recipients changed since you looked. Nothing was sent. Renew the letters and look again."
        )
    if any(post.decision.respond_by and post.decision.respond_by <= timezone.now() for post in posts):
        raise ValidationError("The moment by which offers are to be answered has passed. Choose a later one first.")


# --- the reserve list ---------------------------------------------------------------------------------------------------------


@transaction.atomic
def promote(application: Application, *, until: datetime, reason: str = "", seen: int, by: Person) -> list[Notice]:
    """Offer a reserve the place that became free: a new version of its decision, a new letter, a new moment to answer.

    One step, so that no applicant is ever between the two results. Who is not first on the list needs a reason.
    """
    require(by, "calls.settle_offer", application)
    call = Call.objects.select_for_update().get(pk=application.call_id)
    application = _locked(application)
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
    decision = _store(
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
            f"No place is free: {taken}. Record first which offer was declined or lapsed, on the page of that offer."
        )


# --- answers ----------------------------------------------------------------------------------------------------------------


@transaction.atomic
def accept_offer(application: Application, *, by: Person, at: datetime | None = None) -> Partnership:
    """The partnership begins with what the application says; nothing is typed again. A second click finds it there."""
    require(by, "calls.answer_offer", application)
    application = _locked(application)
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
    application = _locked(application)
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
    application = _locked(application)
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
