"""The life of an evaluation on the register."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify
from django.utils.timezone import localdate

from audit.actions import record
from evaluations.choices import NEEDS_A_PROTOCOL, DutyKind, ProtocolStatus, Stage
from evaluations.models import Change, Evaluation
from lifecycle.actions import RecordChanged, can_move, move, one_after_the_other
from people.models import Person
from people.rules import require
from programmes.models import Partnership

# Addresses below /evaluations/ that are pages of their own.
RESERVED = {"promises", "data", "feed", "new"}
SENT_TWICE = timedelta(minutes=1)


@transaction.atomic
def register(
    *, by: Person, partnership: Partnership | None = None, partnerships: Iterable[Partnership] = (), **facts: Any
) -> Evaluation:
    """Begin the record of an evaluation. What the partnership already says is carried over, not typed again.

    The same words sent twice, by a second click or a browser that tries again, are one evaluation.
    """
    require(by, "evaluations.add_evaluation")
    known = carried_over(partnership) if partnership else {}
    evaluation = Evaluation(**{**known, **facts})
    one_after_the_other("evaluations.register")
    if earlier := _just_registered(evaluation, {*known, *facts}):
        return earlier
    evaluation.slug = evaluation.slug or free_slug(evaluation.title)
    evaluation.full_clean(exclude=("public_from",))
    evaluation.save()
    evaluation.partnerships.set([partnership] if partnership else partnerships)
    record("registered", evaluation, by=by, partnership=partnership)
    return evaluation


def _just_registered(evaluation: Evaluation, names: set[str]) -> Evaluation | None:
    columns = {_column(name) for name in names}
    recent = Evaluation.objects.filter(title=evaluation.title, created_at__gt=timezone.now() - SENT_TWICE)
    return next(
        (row for row in recent if all(getattr(row, name) == getattr(evaluation, name) for name in columns)), None
    )


def carried_over(partnership: Partnership) -> dict[str, Any]:
    """What is known of a partnership that its evaluation needs too."""
    name = partnership.practice_name or f"{partnership.programme.known_as}: {partnership.organisation}"
    return {
        "title": f"Evaluation of {name}",
        "summary": partnership.practice,
        "participants": partnership.group,
        "programme": partnership.programme,
        "strand": partnership.strand,
        "call": _call_of(partnership),
        "is_demonstration": partnership.is_demonstration,
    }


def _call_of(partnership: Partnership) -> Any:
    try:
        return partnership.application.call
    except ObjectDoesNotExist:
        return None


def free_slug(title: str) -> str:
    wanted = slugify(title)[:110].strip("-") or "evaluation"
    slug, number = wanted, 1
    while slug in RESERVED or Evaluation.objects.filter(slug=slug).exists():
        number += 1
        slug = f"{wanted}-{number}"
    return slug


@transaction.atomic
def edit(evaluation: Evaluation, *, by: Person, seen: dict[str, Any] | None = None, **changes: Any) -> None:
    """Change facts of an evaluation. ``seen`` holds the values the person had before them: if another changed one, refuse."""
    require(by, "evaluations.change_evaluation", evaluation)
    now = Evaluation.objects.select_for_update().get(pk=evaluation.pk)
    if any(getattr(now, _column(name)) != was for name, was in (seen or {}).items()):
        raise RecordChanged(evaluation)
    partnerships = changes.pop("partnerships", None)
    for name, value in changes.items():
        setattr(now, name, value)
    now.full_clean(validate_unique=False)
    if changes:
        now.save(update_fields=list(changes))
    if partnerships is not None:
        # Those of which the person may not know were not on the page: leaving them out was no choice.
        unseen = now.partnerships.exclude(pk__in=Partnership.objects.visible_to(by).values("pk"))
        now.partnerships.set([*partnerships, *unseen])
    refuse_to_name_too_early(now)
    fields = sorted([*changes, *(["partnerships"] if partnerships is not None else [])])
    record("edited", evaluation, by=by, fields=fields)
    evaluation.refresh_from_db()


WORDS = (
    "title",
    "summary",
    "design_note",
    "questions",
    "primary_outcome",
    "secondary_outcomes",
    "participants",
    "headline",
    "limits",
    "stopped_reason",
    "lessons",
)
WORDS_OF_PARTS = {
    "milestones": ("note",),
    "outputs": ("title", "summary"),
    "duties": ("reason",),
    "changes": ("what", "why"),
}


def refuse_to_name_too_early(evaluation: Evaluation, moment: datetime | None = None) -> None:
    """A partner that is not announced by then is left off the public page; none of the words there must name it either.

    Without a moment: now, or from when on the evaluation is public; never where it is not to be public.
    """
    if moment is None:
        if evaluation.public_from is None:
            return
        moment = max(evaluation.public_from, timezone.now())
    words = " ".join(_public_words(evaluation)).casefold()
    for partnership in evaluation.partnerships.exclude(public_from__lte=moment).select_related("organisation"):
        if partnership.organisation.name.casefold() in words:
            raise ValidationError(
                f"The text names {partnership.organisation}, whose partnership is not announced at that moment. "
                "Announce it first, or take the name out."
            )


def _public_words(evaluation: Evaluation) -> Iterator[str]:
    yield from (getattr(evaluation, name) for name in WORDS)
    for part, names in WORDS_OF_PARTS.items():
        for row in getattr(evaluation, part).values_list(*names):
            yield from row
    published = evaluation.protocols.filter(status__in=(ProtocolStatus.PUBLISHED, ProtocolStatus.SUPERSEDED))
    for row in published.values_list("issued", "what_changed", "why", "body"):
        yield from row


def _column(name: str) -> str:
    return Evaluation._meta.get_field(name).attname  # type: ignore[union-attr]


def why_not(evaluation: Evaluation, stage: str) -> str:
    """The sentence that stands in the way of a move, or nothing."""
    if stage in NEEDS_A_PROTOCOL and not _has_a_protocol(evaluation):
        return "Approve a version of the protocol first: nobody takes part before the plan is agreed."
    if stage == Stage.PUBLISHED and not _has_something_to_show(evaluation):
        return (
            "Add a report that is out, or write on the promise of the final report why there is none. "
            "An evaluation is never closed in silence."
        )
    return ""


def _has_a_protocol(evaluation: Evaluation) -> bool:
    agreed = (ProtocolStatus.APPROVED, ProtocolStatus.PUBLISHED, ProtocolStatus.SUPERSEDED)
    return evaluation.protocols.filter(status__in=agreed).exists()


def _has_something_to_show(evaluation: Evaluation) -> bool:
    reports = evaluation.outputs.out().filter(kind__in=("interim", "final", "summary"))
    explained = evaluation.duties.filter(kind=DutyKind.FINAL).exclude(reason="")
    return reports.exists() or explained.exists()


@transaction.atomic
def move_to(evaluation: Evaluation, stage: str, *, by: Person, reason: str = "", lessons: str = "") -> None:
    """Take an evaluation to another stage. Pausing and stopping need a reason, which the public reads."""
    require(by, "evaluations.move_evaluation", evaluation)
    needs_a_reason = stage in {Stage.STOPPED, Stage.PAUSED}
    if needs_a_reason and not reason.strip():
        raise ValidationError(
            {"reason": f"Say why it is {Stage(stage).label.lower()}: the reason stands on the public page."}
        )
    if can_move(evaluation, stage) and (sentence := why_not(evaluation, stage)):
        raise ValidationError(sentence)
    changes: dict[str, Any] = (
        {"stopped_reason": reason, "lessons": lessons or evaluation.lessons} if stage == Stage.STOPPED else {}
    )
    move(evaluation, stage, by=by, **changes)
    if needs_a_reason:
        Change.objects.create(
            evaluation=evaluation, on=localdate(), what=f"{Stage(stage).label}", why=reason, recorded_by=by
        )
    refuse_to_name_too_early(evaluation)


@transaction.atomic
def publish(evaluation: Evaluation, *, by: Person, at: datetime | None = None) -> None:
    """Put the evaluation on the public register from a moment on. What is public stays public."""
    require(by, "evaluations.publish_evaluation", evaluation)
    now = Evaluation.objects.select_for_update().get(pk=evaluation.pk)
    if now.is_public():
        raise ValidationError("This evaluation is on the public register already.")
    if not now.summary.strip():
        raise ValidationError("Write a summary first: it is what readers see of this evaluation.")
    moment = at or timezone.now()
    refuse_to_name_too_early(now, moment)
    Evaluation.objects.filter(pk=evaluation.pk).update(public_from=moment)
    evaluation.public_from = moment
    record("set public from", evaluation, by=by, moment=moment)
