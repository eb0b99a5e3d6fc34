"""Versions of a protocol: written, approved, published, replaced, never overwritten."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils.timezone import localdate

from audit.actions import record
from evaluations.actions.evaluations import refuse_to_name_too_early
from evaluations.choices import DutyKind, MilestoneKind, ProtocolStatus
from evaluations.models import Evaluation, ProtocolVersion
from lifecycle.actions import move
from people.models import Person
from people.rules import require


@transaction.atomic
def add_version(evaluation: Evaluation, *, by: Person, **facts: Any) -> ProtocolVersion:
    """A new version, numbered after the last. From the second on it says what changed and why."""
    require(by, "evaluations.change_evaluation", evaluation)
    Evaluation.objects.select_for_update().get(pk=evaluation.pk)
    last = evaluation.protocols.order_by("-number").first()
    version = ProtocolVersion(evaluation=evaluation, number=(last.number if last else 0) + 1, **facts)
    version.is_demonstration = evaluation.is_demonstration
    if last and not version.what_changed.strip():
        raise ValidationError({"what_changed": f"Say what changed since version {last.number}."})
    if last and not version.why.strip():
        raise ValidationError({"why": "Say why it changed."})
    if not (version.body.strip() or version.url):
        raise ValidationError("Write the protocol here, or give the address at which it can be read.")
    version.full_clean()
    version.save()
    record("added protocol version", evaluation, by=by, number=version.number)
    return version


@transaction.atomic
def approve(version: ProtocolVersion, *, by: Person) -> None:
    require(by, "evaluations.approve_protocol", version.evaluation)
    move(version, ProtocolStatus.APPROVED, by=by)


@transaction.atomic
def send_back(version: ProtocolVersion, *, by: Person) -> None:
    require(by, "evaluations.approve_protocol", version.evaluation)
    move(version, ProtocolStatus.DRAFT, by=by)


@transaction.atomic
def publish(version: ProtocolVersion, *, by: Person) -> None:
    """The version becomes the one in force, the promise to publish a protocol is kept, and its milestone is reached."""
    require(by, "evaluations.publish_evaluation", version.evaluation)
    evaluation, today = Evaluation.objects.select_for_update().get(pk=version.evaluation_id), localdate()
    in_force = evaluation.protocols.filter(status=ProtocolStatus.PUBLISHED).aggregate(last=Max("number"))["last"]
    if in_force and in_force > version.number:
        raise ValidationError(
            f"Version {in_force} is published already. An older version does not replace a newer one."
        )
    for earlier in evaluation.protocols.filter(status=ProtocolStatus.PUBLISHED).exclude(pk=version.pk):
        move(earlier, ProtocolStatus.SUPERSEDED, by=by)
    move(version, ProtocolStatus.PUBLISHED, by=by, published_on=version.published_on or today)
    refuse_to_name_too_early(evaluation)
    day = version.published_on or today
    evaluation.milestones.filter(kind=MilestoneKind.PROTOCOL, actual_on__isnull=True).update(actual_on=day)
    evaluation.duties.filter(kind=DutyKind.PROTOCOL, done_on__isnull=True).update(done_on=day)
