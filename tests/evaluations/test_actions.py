import itertools
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.timezone import localdate

from audit.models import Event
from evaluations import figures
from evaluations.actions import evaluations, parts, protocols
from evaluations.choices import DutyState, ProtocolStatus, Stage
from evaluations.models import Change, Duty, Evaluation, Milestone, Output, ProtocolVersion
from lifecycle.actions import MoveRefused, RecordChanged, move
from people.choices import StaffRole
from people.rules import Refused
from programmes.models import Partnership
from tests.factories import (
    ApplicationFactory,
    DutyFactory,
    EvaluationFactory,
    MembershipFactory,
    OrganisationFactory,
    OutputFactory,
    PartnershipFactory,
    ProgrammeFactory,
    ProtocolFactory,
    StaffFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def researcher():
    return StaffFactory(post=StaffRole.RESEARCH)


def with_protocol(evaluation, status=ProtocolStatus.APPROVED):
    return ProtocolVersion.objects.create(evaluation=evaluation, number=1, status=status, body="The plan.")


@pytest.mark.parametrize(("came_from", "to"), list(itertools.product(Stage.values, Stage.values)))
def test_only_moves_in_the_table_are_possible(researcher, came_from, to):
    reasons = {"stopped_reason": "x"} if came_from == Stage.STOPPED else {}
    evaluation = EvaluationFactory(status=came_from, **reasons)
    with_protocol(evaluation)
    OutputFactory(evaluation=evaluation)
    if to in Evaluation.MOVES.get(came_from, set()):
        evaluations.move_to(evaluation, to, by=researcher, reason="Because.")
        assert Evaluation.objects.get(pk=evaluation.pk).status == to
    else:
        with pytest.raises(MoveRefused):
            evaluations.move_to(evaluation, to, by=researcher, reason="Because.")


@pytest.mark.parametrize("stage", [Stage.RECRUITING, Stage.IN_THE_FIELD])
def test_nobody_takes_part_before_the_protocol_is_agreed(researcher, stage):
    evaluation = EvaluationFactory(status=Stage.SET_UP)
    with_protocol(evaluation, ProtocolStatus.DRAFT)
    with pytest.raises(ValidationError, match="Approve a version of the protocol"):
        evaluations.move_to(evaluation, stage, by=researcher)


def test_an_evaluation_is_never_closed_without_a_report_or_a_published_reason(researcher):
    evaluation = EvaluationFactory(status=Stage.REPORTING)
    OutputFactory(evaluation=evaluation, published_on=localdate() + timedelta(days=1))
    with pytest.raises(ValidationError, match="never closed in silence"):
        evaluations.move_to(evaluation, Stage.PUBLISHED, by=researcher)
    DutyFactory(evaluation=evaluation, reason="The developer withdrew the data.")
    evaluations.move_to(evaluation, Stage.PUBLISHED, by=researcher)
    assert evaluation.status == Stage.PUBLISHED


@pytest.mark.parametrize("stage", [Stage.PAUSED, Stage.STOPPED])
def test_pausing_and_stopping_need_a_reason_that_is_recorded(researcher, stage):
    evaluation = EvaluationFactory(status=Stage.IN_THE_FIELD)
    with pytest.raises(ValidationError, match="Say why"):
        evaluations.move_to(evaluation, stage, by=researcher, reason=" ")
    evaluations.move_to(evaluation, stage, by=researcher, reason="Covid-19.", lessons="Begin smaller.")
    assert Change.objects.get().why == "Covid-19."
    if stage == Stage.STOPPED:
        evaluation.refresh_from_db()
        assert (evaluation.stopped_reason, evaluation.lessons) == ("Covid-19.", "Begin smaller.")


def test_nothing_is_typed_again_that_the_partnership_knows(researcher):
    programme = ProgrammeFactory()
    partnership = Partnership.objects.create(
        organisation=OrganisationFactory(),
        programme=programme,
        practice_name="Connected carers",
        practice="A team.",
        group="Guardians",
    )
    application = ApplicationFactory(organisation=partnership.organisation, partnership=partnership, sent=True)
    evaluation = evaluations.register(by=researcher, partnership=partnership, design="pilot")
    assert (evaluation.title, evaluation.programme, evaluation.call) == (
        "Evaluation of Connected carers",
        programme,
        application.call,
    )
    assert (evaluation.summary, evaluation.participants) == ("A team.", "Guardians")
    assert list(evaluation.partnerships.all()) == [partnership]
    assert evaluation.public_from is None
    assert evaluations.register(by=researcher, title="Promises", design="pilot").slug == "promises-2"


def test_publishing_needs_a_summary_and_happens_once(researcher):
    evaluation = EvaluationFactory(public_from=None, summary="")
    with pytest.raises(ValidationError, match="summary"):
        evaluations.publish(evaluation, by=researcher)
    evaluations.edit(evaluation, by=researcher, summary="Now there is one.")
    evaluations.publish(evaluation, by=researcher, at=timezone.now() + timedelta(days=1))
    assert not evaluation.is_public()
    evaluations.publish(evaluation, by=researcher)
    assert evaluation.is_public()
    with pytest.raises(ValidationError, match="already"):
        evaluations.publish(evaluation, by=researcher)
    assert Event.objects.filter(verb="set public from", subject_id=evaluation.pk).count() == 2


@pytest.mark.parametrize(
    "part",
    [
        Change(what="Northshire joined"),
        Milestone(kind="start", note="northshire was late"),
        Output(kind="final", title="Report", summary="What Northshire did"),
        Duty(kind="final", reason="Northshire asked for time"),
    ],
)
def test_no_part_of_a_public_evaluation_names_a_partner_before_its_announcement(researcher, part):
    partnership = PartnershipFactory(organisation__name="Northshire", public_from=None)
    public, waiting = EvaluationFactory(), EvaluationFactory(public_from=None)
    for evaluation in (public, waiting):
        evaluation.partnerships.add(partnership)
    part.pk = None
    with pytest.raises(ValidationError, match="names Northshire"):
        parts.keep(part, public, by=researcher)
    assert not type(part).objects.exists()
    part.pk = None
    parts.keep(part, waiting, by=researcher)
    with pytest.raises(ValidationError, match="names Northshire"):
        evaluations.publish(waiting, by=researcher)
    partnership.public_from = timezone.now()
    partnership.save()
    evaluations.publish(waiting, by=researcher)


def test_neither_a_protocol_nor_the_reason_of_a_pause_names_a_partner_before_its_announcement(researcher):
    evaluation = EvaluationFactory(status=Stage.IN_THE_FIELD)
    evaluation.partnerships.add(PartnershipFactory(organisation__name="Northshire", public_from=None))
    version = with_protocol(evaluation)
    ProtocolVersion.objects.update(body="Teams of Northshire take part.")
    version.refresh_from_db()
    with pytest.raises(ValidationError, match="names Northshire"):
        protocols.publish(version, by=researcher)
    with pytest.raises(ValidationError, match="names Northshire"):
        evaluations.move_to(evaluation, Stage.PAUSED, by=researcher, reason="Northshire is not ready.")
    assert ProtocolVersion.objects.get().status == ProtocolStatus.APPROVED
    assert Evaluation.objects.get().status == Stage.IN_THE_FIELD


def test_an_evaluation_does_not_name_a_partner_before_its_announcement(researcher):
    tomorrow = timezone.now() + timedelta(days=1)
    partnership = PartnershipFactory(organisation__name="Northshire", public_from=tomorrow)
    evaluation = EvaluationFactory(title="Evaluation of Hazel: Northshire", public_from=None)
    evaluation.partnerships.add(partnership)
    with pytest.raises(ValidationError, match="names Northshire"):
        evaluations.publish(evaluation, by=researcher)
    evaluations.publish(evaluation, by=researcher, at=tomorrow)
    evaluations.edit(evaluation, by=researcher, title="Evaluation of Hazel")
    evaluations.publish(evaluation, by=researcher)
    with pytest.raises(ValidationError, match="names Northshire"):
        evaluations.edit(evaluation, by=researcher, summary="What northshire does.")
    evaluation.refresh_from_db()
    assert "northshire" not in evaluation.summary


def test_somebody_elses_change_is_not_overwritten(researcher):
    evaluation = EvaluationFactory(summary="Seen.")
    evaluations.edit(evaluation, by=researcher, seen={"summary": "Seen."}, summary="First.")
    with pytest.raises(RecordChanged):
        evaluations.edit(evaluation, by=researcher, seen={"summary": "Seen."}, summary="Second.")


def test_a_later_version_of_the_protocol_says_what_changed_and_why(researcher):
    evaluation = EvaluationFactory()
    with pytest.raises(ValidationError, match="Write the protocol"):
        protocols.add_version(evaluation, by=researcher)
    first = protocols.add_version(evaluation, by=researcher, body="The plan.")
    for facts in ({}, {"what_changed": "Six sites."}):
        with pytest.raises(ValidationError):
            protocols.add_version(evaluation, by=researcher, body="The plan.", **facts)
    second = protocols.add_version(
        evaluation, by=researcher, body="The plan.", what_changed="Six sites.", why="More asked."
    )
    assert (first.number, second.number) == (1, 2)


def test_publishing_a_protocol_replaces_the_one_before_and_keeps_the_promise(researcher):
    evaluation = EvaluationFactory()
    first = with_protocol(evaluation, ProtocolStatus.PUBLISHED)
    duty = DutyFactory(evaluation=evaluation, kind="protocol")
    milestone = Milestone.objects.create(evaluation=evaluation, kind="protocol", planned_on=localdate())
    version = protocols.add_version(evaluation, by=researcher, body="x", what_changed="x", why="x")
    protocols.approve(version, by=researcher)
    protocols.send_back(version, by=researcher)
    protocols.approve(version, by=researcher)
    protocols.publish(version, by=researcher)
    for row in (first, duty, milestone):
        row.refresh_from_db()
    assert (first.status, duty.done_on, milestone.actual_on) == ("superseded", localdate(), localdate())


def test_a_report_that_is_out_keeps_its_promise(researcher):
    duty = DutyFactory(kind="final")
    parts.keep(Output(kind="final", title="Report", published_on=localdate()), duty.evaluation, by=researcher)
    duty.refresh_from_db()
    assert (duty.done_on, duty.output.title) == (localdate(), "Report")


def test_a_report_of_tomorrow_keeps_its_promise_tomorrow(researcher):
    duty, tomorrow = DutyFactory(kind="final"), localdate() + timedelta(days=1)
    parts.keep(Output(kind="final", title="R", published_on=tomorrow), duty.evaluation, by=researcher)
    duty.refresh_from_db()
    assert (duty.state, duty.done) == (DutyState.DUE, "")
    assert duty.state_on(tomorrow) == DutyState.KEPT
    assert (figures.of_promises().kept, figures.of_promises().due) == (0, 1)


def test_a_promise_goes_with_the_document_that_keeps_it(researcher):
    duty = DutyFactory(kind="final")
    report = Output(kind="final", title="R", published_on=localdate())
    parts.keep(report, duty.evaluation, by=researcher)
    report.published_on -= timedelta(days=3)
    parts.keep(report, duty.evaluation, by=researcher)
    duty.refresh_from_db()
    assert duty.done_on == report.published_on
    report.kind = "summary"
    parts.keep(report, duty.evaluation, by=researcher)
    duty.refresh_from_db()
    assert (duty.done_on, duty.output, duty.state) == (None, None, DutyState.DUE)


def test_a_promise_kept_by_hand_stays_as_it_was_written(researcher):
    day = localdate() - timedelta(days=9)
    duty = DutyFactory(kind="final", done_on=day)
    parts.keep(Output(kind="final", title="R", published_on=localdate()), duty.evaluation, by=researcher)
    duty.refresh_from_db()
    assert (duty.done_on, duty.output) == (day, None)


def test_an_older_version_of_the_protocol_does_not_replace_a_newer_one(researcher):
    evaluation = EvaluationFactory()
    older = with_protocol(evaluation, ProtocolStatus.APPROVED)
    newer = ProtocolFactory(evaluation=evaluation, number=2, status=ProtocolStatus.APPROVED)
    protocols.publish(newer, by=researcher)
    with pytest.raises(ValidationError, match="Version 2 is published already"):
        protocols.publish(older, by=researcher)
    newer.refresh_from_db()
    assert newer.status == ProtocolStatus.PUBLISHED


def test_what_is_sent_twice_is_registered_once(researcher):
    facts = {"title": "Twice", "design": "pilot", "programme": ProgrammeFactory()}
    first = evaluations.register(by=researcher, **facts)
    assert evaluations.register(by=researcher, **facts) == first
    other = evaluations.register(by=researcher, **(facts | {"design": "rct"}))
    assert (first.slug, other.slug) == ("twice", "twice-2")


def test_changed_partnerships_are_in_the_audit(researcher):
    evaluation = EvaluationFactory()
    evaluations.edit(evaluation, by=researcher, partnerships=[PartnershipFactory()])
    assert Event.objects.filter(verb="edited").latest("pk").details["fields"] == ["partnerships"]


def test_a_public_promise_moves_only_with_a_reason_and_the_move_is_public(researcher):
    duty = DutyFactory()
    duty.due_on += timedelta(days=90)
    with pytest.raises(ValidationError, match="This date is public"):
        parts.keep(duty, duty.evaluation, by=researcher)
    duty.reason = "Data came late."
    parts.keep(duty, duty.evaluation, by=researcher)
    change = Change.objects.get()
    assert change.why == "Data came late."
    assert "promised for" in change.what
    hidden = DutyFactory(evaluation__public_from=None)
    hidden.due_on += timedelta(days=90)
    parts.keep(hidden, hidden.evaluation, by=researcher)
    assert Duty.objects.get(pk=hidden.pk).due_on == hidden.due_on


def test_the_same_promise_is_not_made_twice(researcher):
    duty = DutyFactory(kind="final")
    with pytest.raises(ValidationError):
        parts.keep(Duty(kind="final"), duty.evaluation, by=researcher)


def test_only_those_who_may_act_do(researcher):
    evaluation = EvaluationFactory(status=Stage.SET_UP)
    version = with_protocol(evaluation, ProtocolStatus.DRAFT)
    for person in (MembershipFactory().person, StaffFactory(post=StaffRole.AUDITOR), None):
        for act in (
            lambda by: evaluations.register(by=by, title="x", design="pilot"),
            lambda by: evaluations.edit(evaluation, by=by, summary="x"),
            lambda by: evaluations.move_to(evaluation, Stage.STOPPED, by=by, reason="x"),
            lambda by: evaluations.publish(evaluation, by=by),
            lambda by: protocols.add_version(evaluation, by=by, body="x"),
            lambda by: protocols.approve(version, by=by),
            lambda by: parts.keep(Output(kind="final", title="x"), evaluation, by=by),
        ):
            with pytest.raises(Refused):
                act(person)


def test_two_who_move_a_protocol_at_once_do_so_once(researcher):
    version = with_protocol(EvaluationFactory(), ProtocolStatus.DRAFT)
    stale = ProtocolVersion.objects.get(pk=version.pk)
    move(version, ProtocolStatus.APPROVED, by=researcher)
    with pytest.raises(RecordChanged):
        protocols.approve(stale, by=researcher)
