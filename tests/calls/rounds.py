"""A call that is being assessed, with the people around it, for tests of what comes after the closing moment."""

from dataclasses import dataclass, field
from datetime import timedelta

from django.utils import timezone

from calls.actions import assessments as assessing
from calls.choices import CallStatus
from calls.models import Application, Assessment, Call, Criterion
from partners.choices import InvitationPurpose
from people.choices import StaffRole
from people.models import Person
from tests.factories import (
    ApplicationFactory,
    CallFactory,
    CriterionFactory,
    InvitationFactory,
    MembershipFactory,
    PersonFactory,
    QuestionFactory,
    StaffFactory,
)


@dataclass
class Round:
    call: Call
    staff: Person
    criteria: list[Criterion]
    applications: list[Application]
    leads: list[Person]
    assessors: list[Person] = field(default_factory=list)

    @property
    def application(self) -> Application:
        return self.applications[0]

    @property
    def lead(self) -> Person:
        return self.leads[0]


def assessor(**facts) -> Person:
    person = PersonFactory(job_title="Principal social worker", **facts)
    InvitationFactory(
        purpose=InvitationPurpose.ASSESSOR,
        organisation=None,
        role="",
        email=person.email,
        accepted_at=timezone.now(),
        accepted_by=person,
    )
    return person


def a_round(applications: int = 1, *, eligible: bool = True, assessors: int = 2, **call) -> Round:
    call = CallFactory(
        **{
            "status": CallStatus.ASSESSING,
            "closes_at": timezone.now() - timedelta(days=1),
            "assess_by": timezone.now() + timedelta(days=14),
            **call,
        }
    )
    criteria = [CriterionFactory(call=call, weight=3), CriterionFactory(call=call, weight=1)]
    QuestionFactory(call=call)
    sent = [ApplicationFactory(call=call, sent=True, practice_name=f"Practice {n}") for n in range(applications)]
    leads = [MembershipFactory(organisation=one.organisation).person for one in sent]
    staff = StaffFactory(post=StaffRole.PROGRAMMES)
    if eligible:
        for one in sent:
            assessing.mark_eligible(one, by=staff)
    return Round(call, staff, criteria, sent, leads, [assessor() for _ in range(assessors)])


def ask(application: Application, person: Person, *, by: Person) -> Assessment:
    return assessing.assign([(application, person)], call=application.call, by=by)[0]


def send(assessment: Assessment, *marks: int) -> Assessment:
    """Declare no conflict, mark the criteria in their order, and send."""
    person = assessment.assessor
    assessing.declare_no_conflict(assessment, by=person)
    criteria = list(assessment.application.call.criteria.order_by("position"))
    assessing.save_scores(
        assessment,
        by=person,
        base_version=assessment.version,
        marks=dict(zip([one.pk for one in criteria], marks, strict=True)),
        comments={one.pk: f"Because of {one.name}" for one in criteria},
    )
    assessing.send_scores(assessment, by=person)
    return assessment


def scored(round_: Round, application: Application, *, marks: tuple = ((3, 3), (3, 3))) -> Application:
    """Asked of the first assessors of the round, and all in."""
    for person, given in zip(round_.assessors, marks, strict=False):
        send(ask(application, person, by=round_.staff), *given)
    return application
