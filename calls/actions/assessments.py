"""From a closed call to independent scores: eligibility, assessors, declarations of interest, marks, moderation."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from audit.actions import record
from calls import figures
from calls.actions.decisions import decide_not_eligible, withdraw_decision
from calls.choices import ApplicationStatus, AssessmentStatus, CallStatus
from calls.figures.standings import total_of
from calls.models import HIGHEST_MARK, Application, Assessment, Call, Criterion, Moderation, Score, tidy
from calls.notices.blindness import keep_mail_from_the_blind
from calls.notices.decisions import tell_assessor_what_to_assess
from lifecycle.actions import RecordChanged, move
from people.models import Person
from people.rules import require

# --- the call ------------------------------------------------------------------------------------------------------------


@transaction.atomic
def start_assessment(call: Call, *, by: Person, assess_by: datetime | None = None, at: datetime | None = None) -> None:
    require(by, "calls.start_assessment", call)
    now = at or timezone.now()
    if not call.has_closed(now):
        raise ValidationError(
            "Assessment starts after the call has closed. Until then applicants may still change what they wrote."
        )
    if assess_by is not None and assess_by <= now:
        raise ValidationError("Choose a moment in the future by which assessors send their scores.")
    if call.may_still_receive(now):
        raise ValidationError(
            f"Applications whose sending was under way may still arrive: this call gives them {call.grace_seconds} seconds. "
            "Start in a moment."
        )
    # The closing moment is asked again in the statement itself: somebody may have extended the call a second ago.
    move(call, CallStatus.ASSESSING, by=by, only_if=Q(closes_at__lte=now), assess_by=assess_by)


# --- eligibility -----------------------------------------------------------------------------------------------------------


@transaction.atomic
def mark_eligible(application: Application, *, by: Person) -> None:
    require(by, "calls.check_eligibility", application)
    _require_assessing(application.call)
    if application.status == ApplicationStatus.INELIGIBLE:
        withdraw_decision(application, by=by)
    move(application, ApplicationStatus.ELIGIBLE, by=by, ineligible_reason="")


@transaction.atomic
def mark_ineligible(application: Application, *, reason: str, feedback: str, by: Person) -> None:
    """Not eligible, with the reason that staff keep and the words that the letter will say."""
    require(by, "calls.check_eligibility", application)
    _require_assessing(application.call)
    reason, feedback = tidy(reason), tidy(feedback)
    if not reason or not feedback:
        raise ValidationError("Say why it is not eligible, for our records and for the letter.")
    move(application, ApplicationStatus.INELIGIBLE, by=by, ineligible_reason=reason)
    decide_not_eligible(application, reason=reason, feedback=feedback, by=by)


def _require_assessing(call: Call) -> None:
    if call.status != CallStatus.ASSESSING:
        raise ValidationError("This call is not being assessed now, so nothing was changed.")


# --- assessors ---------------------------------------------------------------------------------------------------------------


@transaction.atomic
def assign(pairs: Iterable[tuple[Application, Person]], *, call: Call, by: Person) -> list[Assessment]:
    """Ask people to assess applications of one call. Each person gets one mail, whatever the number. A repeat changes nothing."""
    require(by, "calls.assign_assessors", call)
    _require_assessing(call)
    Call.objects.select_for_update().get(pk=call.pk)
    pairs = list(pairs)
    conflicts = figures.conflicts_in(call, {person.pk for _, person in pairs})
    allowed = set(figures.candidates().values_list("pk", flat=True))
    given: dict[Person, list[Assessment]] = defaultdict(list)
    for application, person in pairs:
        _require_assignable(application, person, call=call, conflicts=conflicts, allowed=allowed)
        assessment, is_new = Assessment.objects.get_or_create(
            application=application, assessor=person, defaults={"is_demonstration": application.is_demonstration}
        )
        if is_new:
            record("asked to assess", assessment, by=by, application=application.pk, assessor=person.pk)
            given[person].append(assessment)
    for person, assessments in given.items():
        tell_assessor_what_to_assess(call, person, assessments)
    made = [assessment for assessments in given.values() for assessment in assessments]
    keep_mail_from_the_blind(assessment.application for assessment in made)
    return made


def _require_assignable(
    application: Application, person: Person, *, call: Call, conflicts: figures.Conflicts, allowed: set[int]
) -> None:
    if application.call_id != call.pk or application.status != ApplicationStatus.ELIGIBLE:
        raise ValidationError(f"{application.reference} is not an application that is being assessed in this call.")
    if person.pk not in allowed:
        raise ValidationError(f"{person.shown_name} is not an assessor. Invite the person as an assessor first.")
    if reason := conflicts.reason(application.pk, person.pk):
        raise ValidationError(f"{person.shown_name} cannot assess {application.reference}: {reason}.")


@transaction.atomic
def take_back(assessment: Assessment, *, reason: str, by: Person) -> None:
    """Staff take an application away from an assessor who has not sent scores. What was begun stays on record."""
    require(by, "calls.assign_assessors", assessment.application.call)
    if assessment.status == AssessmentStatus.SUBMITTED:
        raise ValidationError("The scores have been sent. They stay, and can be moderated.")
    if not tidy(reason):
        raise ValidationError("Say why the application is taken back.")
    move(assessment, AssessmentStatus.DECLINED, by=by, handed_back_reason=tidy(reason))
    keep_mail_from_the_blind([assessment.application])


# --- declarations, before anything is shown ------------------------------------------------------------------------------------


@transaction.atomic
def declare_no_conflict(assessment: Assessment, *, by: Person) -> None:
    require(by, "calls.declare_interest", assessment)
    if assessment.status == AssessmentStatus.STARTED:
        return
    move(assessment, AssessmentStatus.STARTED, by=by, declared_no_conflict_at=timezone.now())


@transaction.atomic
def declare_conflict(assessment: Assessment, *, nature: str, by: Person) -> None:
    """Hides the application from this person from now on, and stays on record."""
    require(by, "calls.declare_interest", assessment)
    if not tidy(nature):
        raise ValidationError("Say in a few words what the conflict is.")
    move(assessment, AssessmentStatus.CONFLICTED, by=by, conflict=tidy(nature))
    keep_mail_from_the_blind([assessment.application])


@transaction.atomic
def hand_back(assessment: Assessment, *, reason: str, by: Person) -> None:
    require(by, "calls.declare_interest", assessment)
    if not tidy(reason):
        raise ValidationError("Say in a few words why you hand it back.")
    move(assessment, AssessmentStatus.DECLINED, by=by, handed_back_reason=tidy(reason))
    keep_mail_from_the_blind([assessment.application])


# --- scores ------------------------------------------------------------------------------------------------------------------


@transaction.atomic
def save_scores(
    assessment: Assessment,
    *,
    by: Person,
    base_version: int,
    marks: Mapping[int, int | None],
    comments: Mapping[int, str],
    overall_comment: str | None = None,
) -> None:
    """Keep a draft. Only what is named is changed. Raises RecordChanged when it was typed against an older version."""
    require(by, "calls.score_assessment", assessment)
    changes = {} if overall_comment is None else {"overall_comment": tidy(overall_comment)}
    same = Assessment.objects.filter(pk=assessment.pk, status=AssessmentStatus.STARTED, version=base_version)
    if not same.update(version=F("version") + 1, **changes):
        raise RecordChanged(assessment)
    present = {score.criterion_id: score for score in assessment.scores.all()}
    known = set(Criterion.objects.filter(call=assessment.application.call_id).values_list("pk", flat=True))
    rows = []
    for criterion in (set(marks) | set(comments)) & known:
        row = present.get(criterion) or Score(assessment=assessment, criterion_id=criterion)
        mark = marks.get(criterion, row.mark)
        row.mark = None if mark is None else _in_range(mark)
        row.comment = tidy(comments.get(criterion, row.comment))
        rows.append(row)
    Score.objects.bulk_create(
        [
            Score(assessment=assessment, criterion_id=row.criterion_id, mark=row.mark, comment=row.comment)
            for row in rows
        ],
        update_conflicts=True,
        unique_fields=("assessment", "criterion"),
        update_fields=("mark", "comment"),
    )
    assessment.version = base_version + 1
    if overall_comment is not None:
        assessment.overall_comment = tidy(overall_comment)


def _in_range(mark: int) -> int:
    if not 0 <= mark <= HIGHEST_MARK:
        raise ValidationError(f"A mark is a whole number from 0 to {HIGHEST_MARK}.")
    return mark


@transaction.atomic
def send_scores(assessment: Assessment, *, by: Person) -> None:
    """Send what is saved. A second click finds it sent and is content."""
    assessment.refresh_from_db()
    if assessment.status == AssessmentStatus.SUBMITTED and assessment.assessor_id == by.pk:
        return
    require(by, "calls.score_assessment", assessment)
    Assessment.objects.select_for_update().get(pk=assessment.pk)
    missing = missing_from(assessment)
    if missing:
        raise ValidationError(missing)
    # Weights cannot change once a call is published, so the sum stays true.
    total = total_of(assessment)
    move(assessment, AssessmentStatus.SUBMITTED, by=by, submitted_at=timezone.now(), total=total)
    figures.store_differences([assessment.application_id])
    keep_mail_from_the_blind([assessment.application])


def missing_from(assessment: Assessment) -> list[str]:
    scores = {score.criterion_id: score for score in Score.objects.filter(assessment=assessment)}
    missing = []
    for criterion in Criterion.objects.filter(call=assessment.application.call_id).order_by("position"):
        score = scores.get(criterion.pk)
        if score is None or score.mark is None:
            missing.append(f"Give a mark for “{criterion.name}”.")
        if score is None or not score.comment:
            missing.append(f"Say why in a comment on “{criterion.name}”.")
    return missing


# --- moderation ----------------------------------------------------------------------------------------------------------------


@transaction.atomic
def moderate(application: Application, *, criterion: Criterion, mark: int, reason: str, by: Person) -> Moderation:
    """The panel's mark, with its reason. What the assessors gave stays as it was."""
    require(by, "calls.moderate_application", application)
    _require_assessing(application.call)
    locked = Application.objects.select_for_update().get(pk=application.pk)
    if locked.status != ApplicationStatus.ELIGIBLE:
        raise ValidationError("It is decided already. Take the decision back before its marks are changed.")
    if criterion.call_id != application.call_id or not figures.standing_of(application).all_in:
        raise ValidationError("The panel gives its mark when every assessor has sent scores.")
    if not tidy(reason):
        raise ValidationError("Say why the panel gives this mark.")
    moderation, is_new = Moderation.objects.update_or_create(
        application=application,
        criterion=criterion,
        defaults={"mark": _in_range(mark), "reason": tidy(reason), "made_by": by, "made_at": timezone.now()},
    )
    figures.store_differences([application.pk])
    record("moderated", application, by=by, criterion=criterion.pk, mark=mark, first=is_new)
    return moderation
