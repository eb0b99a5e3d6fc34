"""Dates, outputs, promises, evaluators and changes of an evaluation."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.timezone import localdate

from audit.actions import record
from evaluations.actions.evaluations import refuse_to_name_too_early
from evaluations.choices import DutyKind
from evaluations.models import Change, Cluster, Duty, Evaluation, Evaluator, Milestone, Output
from people.models import Person
from people.rules import require

Part = Milestone | Output | Duty | Change | Evaluator | Cluster


@transaction.atomic
def keep(part: Part, evaluation: Evaluation, *, by: Person) -> None:
    """Add a part to an evaluation, or write a changed one."""
    require(by, "evaluations.change_evaluation", evaluation)
    part.evaluation = evaluation
    if isinstance(part, Duty):
        _tell_of_a_moved_promise(part, by=by)
    if isinstance(part, Change):
        part.recorded_by = part.recorded_by or by
    if isinstance(part, Output):
        part.is_demonstration = evaluation.is_demonstration
    part.full_clean()
    is_new = part.pk is None
    part.save()
    if isinstance(part, Output):
        _keep_promise_of(part)
    refuse_to_name_too_early(evaluation)
    record(f"{'added' if is_new else 'changed'} {part._meta.verbose_name}", evaluation, by=by, part=part.pk)


def _tell_of_a_moved_promise(duty: Duty, *, by: Person) -> None:
    """A date that the public has read moves only with a reason, and the move itself becomes public."""
    before = Duty.objects.select_for_update().filter(pk=duty.pk).first() if duty.pk else None
    if before is None or before.due_on is None or not duty.evaluation.is_public():
        return
    if (before.due_on, before.precision) == (duty.due_on, duty.precision):
        return
    if not duty.reason.strip():
        raise ValidationError(
            {"reason": "This date is public. Say why it moves: the old date and the reason stay readable."}
        )
    Change.objects.create(
        evaluation=duty.evaluation,
        on=localdate(),
        what=f"{duty.get_kind_display()}: promised for {before.due}, now {duty.due or 'without a date'}",
        why=duty.reason,
        recorded_by=by,
    )


def _keep_promise_of(output: Output) -> None:
    """A protocol, report or data set keeps the promise of the same kind, from the day on which it is out.

    The promise goes with its document: when that gets another day or becomes something else, so does the promise.
    """
    duties = output.evaluation.duties
    keeps = output.published_on is not None and output.kind in DutyKind.values
    freed = duties.filter(output=output)
    (freed.exclude(kind=output.kind) if keeps else freed).update(done_on=None, output=None)
    if keeps:
        duties.filter(Q(done_on__isnull=True) | Q(output=output), kind=output.kind).update(
            done_on=output.published_on, done_precision=output.precision, output=output
        )
