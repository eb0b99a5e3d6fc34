"""A decision about one application: staged, changed, taken back. Nobody is told before the letters are released."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from audit.actions import record
from calls import figures
from calls.actions.decisions.letters import renew_letters
from calls.choices import DECIDABLE, ApplicationStatus, CallStatus, Outcome
from calls.models import Application, Call, Decision, tidy
from lifecycle.actions import MoveRefused, RecordChanged, move
from notices.actions import withdraw
from notices.models import Notice
from partners.choices import OrganisationKind
from people.models import Person
from people.rules import require


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
    application = locked(application)
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
    decision = store(application, present, facts)
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


def store(application: Application, present: Decision | None, facts: dict) -> Decision:
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
    if same.exclude(application=application).exists():
        raise ValidationError(f"Place {rank} on the reserve list is taken already. Choose another.")
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
            # not how many: whoever decides may have to know nothing of one of them
            f"This would be more than the {taken.places} {taken.unit} that are planned. Say why there should be more, "
            "or withdraw another offer first."
        )


@transaction.atomic
def take_decision_back(application: Application, *, seen: int, by: Person) -> None:
    """Back to being assessed. Nobody was told, so the letter is withdrawn with it."""
    require(by, "calls.decide_application", application)
    call = Call.objects.select_for_update().get(pk=application.call_id)
    application = locked(application)
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


def withdraw_decision(application: Application, *, by: Person | None) -> None:
    """Its letters are withdrawn and its row goes; the history of the row and the audit keep what it was."""
    decision = Decision.objects.filter(application=application, told_at__isnull=True).first()
    if decision is None:
        return
    for notice in Notice.objects.about(decision).held():
        withdraw(notice, by=by, why="The decision was taken back.")
    record("took the decision back", application, by=by, outcome=decision.outcome, version=decision.version)
    decision.delete()


def locked(application: Application) -> Application:
    return (
        Application.objects.select_for_update(of=("self",))
        .select_related("call", "organisation")
        .get(pk=application.pk)
    )


@transaction.atomic
def finish_deciding(call: Call, *, by: Person) -> None:
    require(by, "calls.release_letters", call)
    # Whoever takes a decision back stands in the same queue, so that none is taken back while we count.
    Call.objects.select_for_update().get(pk=call.pk)
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
