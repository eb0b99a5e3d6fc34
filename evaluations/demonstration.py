"""One evaluation of a demonstration partnership, from protocol to result, and one that is held back. Dates follow today."""

from datetime import date, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.timezone import localdate

from calls.models import Call
from evaluations.actions import evaluations, parts, protocols
from evaluations.choices import DutyKind, Independence, LateReason, MilestoneKind, OutputKind, Stage
from evaluations.models import Change, Duty, Evaluation, Evaluator, Milestone, Output, ProtocolVersion
from partners.choices import OrganisationKind
from partners.models import Organisation
from people.choices import StaffRole
from people.models import Person
from programmes.models import Partnership

SLUG = "demonstration-visits-after-a-conference"
HELD_SLUG = "demonstration-practice-weeks"

PLAN = """## Questions

1. Can the visit be made within a week of the conference?
2. Do families say that they understand the plan better?
3. Is there enough reason, and enough data, for a larger study?

## Design

Two area teams make the visits, two go on as before. Totals for each team and month are compared, before and after.

## Outcomes

Primary: share of plans that were read again with the family. Secondary: referrals again within six months.

## What would make us stop

Fewer than one in three visits within two weeks after three months.

Made up for the demonstration.
"""


@transaction.atomic
def load() -> None:
    """Needs the demonstration people and partnerships. A second run finds what is there and adds nothing."""
    staff = Person.objects.filter(is_demonstration=True, posts__role=StaffRole.RESEARCH).first()
    if staff is None:
        return
    made_up = Partnership.objects.filter(is_demonstration=True).order_by("pk")
    announced = made_up.public().filter(programme__slug="pine").first()
    if announced and not Evaluation.objects.filter(slug=SLUG).exists():
        _finished(announced, staff)
    waiting = made_up.exclude(pk__in=made_up.public().values("pk")).filter(public_from__isnull=False).first()
    if waiting and not Evaluation.objects.filter(slug=HELD_SLUG).exists():
        _held_back(waiting, staff)


def _finished(partnership: Partnership, staff: Person) -> None:
    today = localdate()
    evaluation = evaluations.register(
        by=staff,
        partnership=partnership,
        slug=SLUG,
        title="Visits after a conference: comparison of four teams",
        summary="Does a visit in the week after a child protection conference help families to understand and follow the plan?",
        design="qed",
        design_note="Two teams that make the visit are compared with two that do not, before and after it began.",
        independence=Independence.SELF,
        questions="- Can the visit be made within a week?\n- Do families understand the plan better?\n- Is a larger study worth it?",
        primary_outcome="Share of plans that were read again with the family",
        secondary_outcomes="Referrals again within six months",
        sample=212,
        sample_unit="families",
        clusters=4,
        cluster_unit="area team",
    )
    _tie_to_its_call(evaluation)
    _tell_who_evaluates(evaluation, staff)
    _promise(evaluation, staff, today)
    _write_the_protocol(evaluation, staff, today)
    evaluations.publish(evaluation, by=staff, at=timezone.now() - timedelta(days=250))
    for stage in (Stage.SET_UP, Stage.IN_THE_FIELD):
        evaluations.move_to(evaluation, stage, by=staff)
    evaluations.move_to(evaluation, Stage.PAUSED, by=staff, reason="Both teams were short of people for six weeks.")
    for stage in (Stage.IN_THE_FIELD, Stage.ANALYSIS, Stage.REPORTING):
        evaluations.move_to(evaluation, stage, by=staff)
    Change.objects.filter(evaluation=evaluation).update(on=today - timedelta(days=150))
    _report(evaluation, staff, today)
    evaluations.move_to(evaluation, Stage.PUBLISHED, by=staff)


def _tie_to_its_call(evaluation: Evaluation) -> None:
    """So that the walk along the thread can be made from its very beginning, also where the partnership was begun by hand."""
    if evaluation.call is None:
        calls = Call.objects.public().closed().filter(is_demonstration=True, programme=evaluation.programme)
        evaluation.call = calls.order_by("closes_at").first()
        evaluation.save(update_fields=["call"])


def _tell_who_evaluates(evaluation: Evaluation, staff: Person) -> None:
    centre = Organisation.objects.filter(kind=OrganisationKind.CENTRE).first()
    if centre:
        parts.keep(
            Evaluator(organisation=centre, appointed="supports the partner's own evaluation"), evaluation, by=staff
        )


def _promise(evaluation: Evaluation, staff: Person, today: date) -> None:
    for kind, days in ((DutyKind.PROTOCOL, -230), (DutyKind.FINAL, -45), (DutyKind.DATA, 60)):
        parts.keep(Duty(kind=kind, due_on=today + timedelta(days=days)), evaluation, by=staff)
    late = evaluation.duties.get(kind=DutyKind.FINAL)
    late.late_reason, late.reason = (
        LateReason.RESOURCES,
        "The teams paused for six weeks, so the last figures came late.",
    )
    parts.keep(late, evaluation, by=staff)
    rows = (
        (MilestoneKind.PROTOCOL, -230, -238, ""),
        (MilestoneKind.START, -220, -216, ""),
        (MilestoneKind.FIELDWORK, -90, -48, "Six weeks of pause were added at the end."),
        (MilestoneKind.REPORT, -45, -8, "Follows from the longer fieldwork."),
    )
    for reached, planned, actual, note in rows:
        milestone = Milestone(
            kind=reached,
            planned_on=today + timedelta(days=planned),
            actual_on=today + timedelta(days=actual),
            note=note,
        )
        parts.keep(milestone, evaluation, by=staff)


def _write_the_protocol(evaluation: Evaluation, staff: Person, today: date) -> None:
    first = protocols.add_version(evaluation, by=staff, body=PLAN)
    _publish_on(first, staff, today - timedelta(days=238))
    second = protocols.add_version(
        evaluation,
        by=staff,
        body=PLAN.replace(
            "Two area teams make the visits, two go on",
            "Two area teams make the visits for six weeks longer, two go on",
        ),
        what_changed="Fieldwork lasts six weeks longer. Outcomes and comparison stay as they were.",
        why="Both teams paused when they were short of people.",
    )
    _publish_on(second, staff, today - timedelta(days=140))


def _publish_on(version: ProtocolVersion, staff: Person, day: date) -> None:
    version.published_on = day
    protocols.approve(version, by=staff)
    protocols.publish(version, by=staff)


def _report(evaluation: Evaluation, staff: Person, today: date) -> None:
    evaluations.edit(
        evaluation,
        by=staff,
        headline=(
            "Four of five visits were made within a week. In the teams that made them more plans were read again with the family. "
            "There was no difference in referrals again."
        ),
        limits="Four teams in one authority, not drawn by lot. The difference may come from who led the teams.",
        lessons="Booking the visit in the conference itself worked; ringing afterwards did not.",
    )
    report = Output(
        kind=OutputKind.FINAL,
        title="Visits after a conference: final report (demonstration)",
        published_on=today - timedelta(days=8),
        summary="What was done, what was found, and what it cannot tell us.",
    )
    parts.keep(report, evaluation, by=staff)


def _held_back(partnership: Partnership, staff: Person) -> None:
    """Becomes public with its partnership, not before."""
    evaluation = evaluations.register(
        by=staff,
        partnership=partnership,
        slug=HELD_SLUG,
        title="Practice weeks with families: feasibility study",
        summary="Can four practice weeks a year be held in an authority of this size, and what do families and managers make of them?",
        design="pilot",
        independence=Independence.INDEPENDENT,
    )
    version = protocols.add_version(evaluation, by=staff, body=PLAN)
    protocols.approve(version, by=staff)
    evaluations.publish(evaluation, by=staff, at=partnership.public_from)
