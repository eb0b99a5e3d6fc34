"""A small centre with two partners, so that every page has something to show and something to hide.

Each partner's free text carries a canary that must appear in nobody else's page, export, feed or mail; what is embargoed
carries one of its own. ``World.objects`` says how to reach a record of each kind in each of four ways.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from calls.choices import ApplicationStatus, AssessmentStatus, CallStatus, Outcome
from calls.models import Answer, Assessment, Decision, Score
from evaluations.choices import OutputKind
from evidence_store.choices import EntryStatus
from newsroom.choices import PostStatus
from notices.choices import NoticeStatus
from partners.choices import MembershipRole
from partners.models import Agreement
from people.choices import StaffRole
from programmes.choices import ObligationStatus, PartnershipStatus
from programmes.models import Report
from tests.factories import (
    ApplicationFactory,
    AssessmentFactory,
    CallFactory,
    CriterionFactory,
    DutyFactory,
    EnquiryFactory,
    EntryFactory,
    EvaluationFactory,
    EvaluatorFactory,
    FindingFactory,
    InvitationFactory,
    MembershipFactory,
    NewsFactory,
    NoticeFactory,
    ObligationFactory,
    OrganisationFactory,
    OutputFactory,
    PartnershipFactory,
    PauseFactory,
    PersonFactory,
    ProgrammeFactory,
    ProtocolFactory,
    QuestionFactory,
    RatingFactory,
    StaffFactory,
)

CANARY_A = "canaryofamber"
CANARY_B = "canaryofbirch"
CANARY_EMBARGO = "canaryofembargo"
MISSING = 987654321

ROLES = (
    "anonymous",
    "stranger",
    "lead_a",
    "editor_a",
    "data_a",
    "reader_a",
    "ex_member_a",
    "lead_b",
    "assessor",
    "conflicted_assessor",
    "unassigned_assessor",
    "programmes",
    "research",
    "communications",
    "auditor",
    "administrator",
)
STAFF = ("programmes", "research", "communications", "auditor", "administrator")
# "conflicted" is the record of an assessor who declared a conflict, "told" the one whose results are out; "expired" an invitation.
KINDS = ("own", "other", "hidden", "conflicted", "told", "expired", "missing")


@dataclass
class World:
    people: dict[str, Any] = field(default_factory=dict)
    # kind of record -> own / other / hidden / missing -> the arguments of its address
    objects: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def person(self, role: str) -> Any:
        return self.people[role]


def build() -> World:
    world = World()
    a, b = OrganisationFactory(name="Amber", slug="amber"), OrganisationFactory(name="Birch", slug="birch")
    OrganisationFactory(name=f"Hidden {CANARY_EMBARGO}", slug="hidden-organisation", is_public=False)
    _people(world, a, b)
    public, hidden = ProgrammeFactory(slug="public-programme"), _hidden_programme()
    partnerships = _partnerships(world, a, b, public)
    owed = _owed(world, partnerships)
    _calls(world, public, hidden, a, b)
    evaluation = _evaluations(world, public, partnerships)
    _evidence(world, evaluation)
    _news(world)
    _mail(world, a, b, owed)
    world.objects["organisation"] = _slugs("amber", "birch", "hidden-organisation")
    world.objects["programme"] = _slugs("public-programme", "public-programme", "hidden-programme")
    return world


def _slugs(own: str, other: str, hidden: str) -> dict[str, dict[str, Any]]:
    return {
        "own": {"slug": own},
        "other": {"slug": other},
        "hidden": {"slug": hidden},
        "missing": {"slug": "no-such-thing"},
    }


def _numbers(
    own: Any, other: Any, hidden: Any = None, number: int | None = None, **more: Any
) -> dict[str, dict[str, Any]]:
    found = {"own": own, "other": other} | ({"hidden": hidden} if hidden else {}) | more
    part = {} if number is None else {"number": number}
    return {kind: {"pk": thing.pk, **part} for kind, thing in found.items()} | {"missing": {"pk": MISSING, **part}}


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _people(world: World, a: Any, b: Any) -> None:
    world.people = {
        "anonymous": AnonymousUser(),
        "stranger": PersonFactory(),
        "lead_a": MembershipFactory(organisation=a, role=MembershipRole.LEAD).person,
        "editor_a": MembershipFactory(organisation=a, role=MembershipRole.EDITOR).person,
        "data_a": MembershipFactory(organisation=a, role=MembershipRole.DATA).person,
        "reader_a": MembershipFactory(organisation=a, role=MembershipRole.READER).person,
        "ex_member_a": MembershipFactory(organisation=a, role=MembershipRole.LEAD, ends_on=timezone.localdate()).person,
        "lead_b": MembershipFactory(organisation=b, role=MembershipRole.LEAD).person,
        "assessor": PersonFactory(),
        "conflicted_assessor": PersonFactory(),
        "unassigned_assessor": PersonFactory(),
        "programmes": StaffFactory(post=StaffRole.PROGRAMMES),
        "research": StaffFactory(post=StaffRole.RESEARCH),
        "communications": StaffFactory(post=StaffRole.COMMUNICATIONS),
        "auditor": StaffFactory(post=StaffRole.AUDITOR),
        "administrator": StaffFactory(post=StaffRole.ADMINISTRATOR),
    }
    mine, theirs = (organisation.memberships.first() for organisation in (a, b))
    world.objects["membership"] = _numbers(mine, theirs)
    ours, their = (InvitationFactory(organisation=one, token_hash=_hash(f"secret-{one.slug}")) for one in (a, b))
    long_ago = timezone.now() - timedelta(days=9)
    late = InvitationFactory(
        organisation=a,
        invited_at=long_ago,
        expires_at=long_ago + timedelta(days=7),
        token_hash=_hash("secret-expired"),
    )
    world.objects["invitation"] = _numbers(ours, their, expired=late)
    world.objects["secret"] = {
        "own": {"token": "secret-amber"},
        "other": {"token": "secret-birch"},
        "expired": {"token": "secret-expired"},
        "missing": {"token": "no-such-secret"},
    }
    world.objects["person"] = _numbers(world.people["lead_a"], world.people["lead_b"])
    world.objects["post_held"] = _numbers(*(world.people[role].posts.get() for role in ("research", "auditor")))


def _hidden_programme() -> Any:
    return ProgrammeFactory(slug="hidden-programme", name=f"Hidden {CANARY_EMBARGO}", public_from=None)


def _partnerships(world: World, a: Any, b: Any, programme: Any) -> dict[str, Any]:
    """Both partners have one that is public and one that is embargoed; A's waits for its signature."""
    rows = {}
    later = timezone.now() + timedelta(days=9)
    for key, organisation, canary in (("a", a, CANARY_A), ("b", b, CANARY_B)):
        rows[key] = PartnershipFactory(
            organisation=organisation, programme=programme, practice_name=f"Public practice of {key}"
        )
        agreement = Agreement.objects.create(
            organisation=organisation, kind="memorandum", title="Agreement", status="issued", terms=f"Terms {canary}"
        )
        rows[f"{key}_embargoed"] = PartnershipFactory(
            organisation=organisation,
            programme=programme,
            practice_name=f"Embargoed {canary}",
            practice=f"Not public before its moment: {canary}",
            status=PartnershipStatus.ISSUED,
            public_from=later,
            agreement=agreement,
        )
    world.objects["partnership"] = _numbers(rows["a_embargoed"], rows["b_embargoed"], rows["b"])
    return rows


def _owed(world: World, partnerships: dict[str, Any]) -> dict[str, Any]:
    now, rows = timezone.now(), {}
    for key, canary in (("a", CANARY_A), ("b", CANARY_B)):
        writer = world.people[f"lead_{key}"]
        rows[key] = ObligationFactory(
            partnership=partnerships[key], title=f"Report {canary}", due_at=now + timedelta(days=5)
        )
        Report.objects.create(obligation=rows[key], activity=f"Draft {canary}", saved_by=writer)
        sent = ObligationFactory(
            partnership=partnerships[key],
            title=f"Sent report {canary}",
            status=ObligationStatus.RECEIVED,
            received_at=now,
        )
        Report.objects.create(
            obligation=sent, activity=canary, learning=canary, next_steps=canary, submitted_at=now, submitted_by=writer
        )
        rows[f"{key}_sent"] = sent
    world.objects["obligation"] = _numbers(rows["a"], rows["b"])
    world.objects["sent_report"] = _numbers(rows["a_sent"], rows["b_sent"], number=1)
    return rows


def _calls(world: World, public: Any, hidden: Any, a: Any, b: Any) -> None:
    """One open call with a draft of each partner, one being assessed, one with results told, one nobody may know of."""
    now = timezone.now()
    opened = CallFactory(slug="open-call", programme=public)
    question = QuestionFactory(call=opened, position=1)
    CriterionFactory(call=opened, position=1)
    enquiry = EnquiryFactory(call=opened)
    drafts = [
        _application(opened, who, ApplicationStatus.DRAFT, canary, world)
        for who, canary in ((a, CANARY_A), (b, CANARY_B))
    ]
    closed = CallFactory(
        slug="closed-call",
        programme=public,
        status=CallStatus.ASSESSING,
        opens_at=now - timedelta(days=40),
        closes_at=now - timedelta(days=4),
    )
    QuestionFactory(call=closed, position=1)
    criterion = CriterionFactory(call=closed, position=1)
    scored = [
        _application(closed, who, ApplicationStatus.ELIGIBLE, canary, world)
        for who, canary in ((a, CANARY_A), (b, CANARY_B))
    ]
    conflicted = _assessments(world, scored, criterion, now)
    told = CallFactory(
        slug="told-call",
        programme=public,
        status=CallStatus.ANNOUNCED,
        opens_at=now - timedelta(days=90),
        closes_at=now - timedelta(days=60),
    )
    closed_criterion = CriterionFactory(call=told, position=1)
    results = [_told(told, who, canary, world, now) for who, canary in ((a, CANARY_A), (b, CANARY_B))]
    after = _scored_and_told(world, results[0], closed_criterion, now)
    world.objects["assessment"] |= {"conflicted": {"pk": conflicted.pk}, "told": {"pk": after.pk}}
    CallFactory(
        slug="hidden-call",
        title=f"Hidden {CANARY_EMBARGO}",
        programme=hidden,
        status=CallStatus.DRAFT,
        public_from=None,
        opens_at=None,
        closes_at=None,
    )
    world.objects["call"] = _slugs("open-call", "closed-call", "hidden-call")
    world.objects["assessed_call"] = _slugs("closed-call", "told-call", "hidden-call")
    world.objects["draft"] = _numbers(*drafts)
    world.objects["application"] = _numbers(*scored)
    world.objects["result"] = _numbers(*results)
    world.objects["question"] = {
        kind: {"slug": "open-call", "pk": number} for kind, number in (("own", question.pk), ("missing", MISSING))
    }
    world.objects["criterion"] = {
        kind: {"slug": "open-call", "pk": number}
        for kind, number in (("own", opened.criteria.get().pk), ("missing", MISSING))
    }
    world.objects["enquiry"] = {
        kind: {"slug": "open-call", "pk": number} for kind, number in (("own", enquiry.pk), ("missing", MISSING))
    }


def _application(call: Any, organisation: Any, status: str, canary: str, world: World) -> Any:
    writer = world.people["lead_a" if organisation.slug == "amber" else "lead_b"]
    sent = {} if status == ApplicationStatus.DRAFT else {"submitted_at": timezone.now(), "submitted_by": writer}
    application = ApplicationFactory(
        call=call,
        organisation=organisation,
        status=status,
        practice_name=f"Practice {canary}",
        summary=canary,
        started_by=writer,
        **sent,
    )
    for question in call.questions.all():
        Answer.objects.create(application=application, question=question, text=canary, saved_by=writer)
    return application


def _assessments(world: World, scored: list[Any], criterion: Any, now: Any) -> Any:
    """The assessor has scored A's and B's; the second, who declared a conflict, may not even read A's."""
    first = []
    for application in scored:
        assessment = Assessment.objects.create(
            application=application,
            assessor=world.people["assessor"],
            status=AssessmentStatus.STARTED,
            declared_no_conflict_at=now,
        )
        Score.objects.create(assessment=assessment, criterion=criterion, mark=3, comment="Fits well")
        first.append(assessment)
    world.objects["assessment"] = _numbers(*first)
    return Assessment.objects.create(
        application=scored[0],
        assessor=world.people["conflicted_assessor"],
        status=AssessmentStatus.CONFLICTED,
        conflict="Worked there until last year",
    )


def _scored_and_told(world: World, application: Any, criterion: Any, now: Any) -> Any:
    """What the assessor scored in the call whose results are out."""
    assessment = Assessment.objects.create(
        application=application,
        assessor=world.people["assessor"],
        status=AssessmentStatus.SUBMITTED,
        declared_no_conflict_at=now - timedelta(days=40),
        submitted_at=now - timedelta(days=39),
        overall_comment="Fits well",
    )
    Score.objects.create(assessment=assessment, criterion=criterion, mark=3, comment="Fits well")
    return assessment


def _told(call: Any, organisation: Any, canary: str, world: World, now: Any) -> Any:
    application = _application(call, organisation, ApplicationStatus.TOLD, canary, world)
    Decision.objects.create(
        application=application,
        outcome=Outcome.OFFER,
        reason=f"Reason kept inside {CANARY_EMBARGO}",
        feedback=f"Feedback {canary}",
        decided_by=world.people["programmes"],
        told_at=now,
        respond_by=now + timedelta(days=10),
    )
    return application


def _evaluations(world: World, programme: Any, partnerships: dict[str, Any]) -> Any:
    seen = EvaluationFactory(slug="public-evaluation", programme=programme)
    OutputFactory(evaluation=seen, kind=OutputKind.FINAL)
    hidden = EvaluationFactory(
        slug="hidden-evaluation",
        title=f"Hidden {CANARY_EMBARGO}",
        programme=programme,
        public_from=timezone.now() + timedelta(days=5),
    )
    world.objects["evaluation"] = _slugs("public-evaluation", "public-evaluation", "hidden-evaluation")
    world.objects["evaluation_number"] = _numbers(seen, seen, hidden)
    world.objects["partnership_number"] = {
        "own": {"partnership": partnerships["a"].pk},
        "missing": {"partnership": MISSING},
    }
    return seen


def _evidence(world: World, evaluation: Any) -> None:
    now = timezone.now()
    seen = EntryFactory(slug="public-entry")
    finding = FindingFactory(entry=seen)
    RatingFactory(finding=finding, is_current=False, recorded_at=now - timedelta(days=3))
    later = RatingFactory(
        finding=finding,
        reason=f"Under embargo {CANARY_EMBARGO}",
        evaluation=evaluation,
        public_from=now + timedelta(days=5),
    )
    hidden = EntryFactory(
        slug="hidden-entry", title=f"Hidden {CANARY_EMBARGO}", status=EntryStatus.DRAFT, public_from=None
    )
    RatingFactory(finding=FindingFactory(entry=hidden), reason=CANARY_EMBARGO)
    world.objects["entry"] = _slugs("public-entry", "public-entry", "hidden-entry")
    world.objects["entry_number"] = _numbers(seen, seen, hidden)
    world.objects["finding"] = _numbers(finding, finding)
    world.objects["rating"] = _numbers(later, later)


def _news(world: World) -> None:
    NewsFactory(slug="public-news")
    NewsFactory(
        slug="hidden-news",
        title=f"Hidden {CANARY_EMBARGO}",
        body=CANARY_EMBARGO,
        public_from=timezone.now() + timedelta(days=5),
    )
    NewsFactory(slug="draft-news", title=f"Draft {CANARY_EMBARGO}", status=PostStatus.DRAFT)
    world.objects["news"] = _slugs("public-news", "public-news", "hidden-news")


def _mail(world: World, a: Any, b: Any, owed: dict[str, Any]) -> None:
    ours = NoticeFactory(to=world.people["lead_a"].email, body_text=f"Dear {CANARY_A}", status=NoticeStatus.HELD)
    theirs = NoticeFactory(to=world.people["lead_b"].email, body_text=f"Dear {CANARY_B}")
    world.objects["notice"] = _numbers(ours, theirs)
    by, now = world.people["programmes"], timezone.now()
    over = PauseFactory(tried_at=now, tried_by=by, ended_at=now, ended_by=by)
    world.objects["pause"] = _numbers(PauseFactory(template=theirs.template), over)


def multiply(world: World, numbers: range) -> None:
    """More of everything, for whoever counts queries: more records in the lists, and more parts of the records on a page."""
    now = timezone.now()
    programme, _ = ProgrammeFactory._meta.model.objects.get_or_create(
        slug="more", defaults={"name": "More", "public_from": now}
    )
    for number in numbers:
        organisation = OrganisationFactory()
        partnership = PartnershipFactory(organisation=organisation, programme=programme)
        ObligationFactory(partnership=partnership, due_at=now - timedelta(days=1))
        evaluation = EvaluationFactory(programme=programme)
        evaluation.partnerships.add(partnership)
        OutputFactory(evaluation=evaluation)
        DutyFactory(evaluation=evaluation)
        RatingFactory(finding=FindingFactory(entry=EntryFactory()), evaluation=evaluation)
        NewsFactory()
        NoticeFactory(status=NoticeStatus.HELD)
        NoticeFactory(template=PauseFactory().template)
        CallFactory(programme=programme)
        CallFactory(programme=programme, closed=True)
        PersonFactory()
        StaffFactory()
        _more_of_amber(world, programme, number)
        _more_in_calls(world, organisation, number)
        _more_on_public_pages(organisation, number)


def _more_of_amber(world: World, programme: Any, number: int) -> None:
    amber, lead = _amber(world), world.people["lead_a"]
    partnership = PartnershipFactory(organisation=amber, programme=programme, practice_name=f"More {number}")
    EvaluationFactory(programme=programme).partnerships.add(partnership)
    ObligationFactory(partnership=_first_of_amber(world), title=f"More {number}")
    ObligationFactory(partnership=_embargoed_of_amber(world), title=f"More {number}")
    MembershipFactory(organisation=amber, role=MembershipRole.READER)
    InvitationFactory(organisation=amber)
    MembershipFactory(organisation=OrganisationFactory(), person=lead)
    sent = _first_of_amber(world).obligations.get(title=f"Sent report {CANARY_A}")
    Report.objects.create(
        obligation=sent, number=number + 2, activity="More", submitted_at=timezone.now(), submitted_by=lead
    )
    NoticeFactory(to=lead.email, subject_type=sent._meta.label_lower, subject_id=sent.pk)


def _more_in_calls(world: World, organisation: Any, number: int) -> None:
    opened, closed, told = _call("open-call"), _call("closed-call"), _call("told-call")
    QuestionFactory(call=opened, position=number + 2, section=f"Section {number}")
    CriterionFactory(call=opened, position=number + 2)
    EnquiryFactory(call=opened)
    EnquiryFactory(call=opened, answer="Yes", answered_at=timezone.now(), answered_by=world.people["programmes"])
    QuestionFactory(call=closed, position=number + 2)
    CriterionFactory(call=closed, position=number + 2)
    application = _application(closed, organisation, ApplicationStatus.ELIGIBLE, "more", world)
    AssessmentFactory(application=application, assessor=world.people["assessor"], under_way=True)
    AssessmentFactory(application=application, assessor=world.people["unassigned_assessor"], sent=True)
    first = closed.applications.get(organisation=_amber(world))
    AssessmentFactory(application=first, sent=True)
    _told(told, organisation, "more", world, timezone.now())
    joint = opened.applications.get(organisation=_amber(world))
    joint.with_organisations.add(organisation)
    another = CallFactory()
    ApplicationFactory(call=another, organisation=_amber(world), started_by=world.people["lead_a"])


def _more_on_public_pages(organisation: Any, number: int) -> None:
    entry, evaluation = _entry("public-entry"), _evaluation("public-evaluation")
    finding = FindingFactory(entry=entry)
    RatingFactory(finding=finding, is_current=False)
    RatingFactory(finding=finding, evaluation=evaluation)
    entry.evaluations.add(EvaluationFactory())
    OutputFactory(evaluation=evaluation)
    EvaluatorFactory(evaluation=evaluation, organisation=organisation)
    ProtocolFactory(evaluation=evaluation)
    programme = evaluation.programme
    evaluation.partnerships.add(PartnershipFactory(organisation=organisation, programme=programme))
    CallFactory(programme=programme)
    NewsFactory().programmes.add(programme)


def _embargoed_of_amber(world: World) -> Any:
    return _amber(world).partnerships.get(practice_name=f"Embargoed {CANARY_A}")


def _entry(slug: str) -> Any:
    return EntryFactory._meta.model.objects.get(slug=slug)


def _evaluation(slug: str) -> Any:
    return EvaluationFactory._meta.model.objects.get(slug=slug)


def _amber(world: World) -> Any:
    return world.people["lead_a"].memberships.get(organisation__slug="amber").organisation


def _first_of_amber(world: World) -> Any:
    return _amber(world).partnerships.get(practice_name="Public practice of a")


def _call(slug: str) -> Any:
    return CallFactory._meta.model.objects.get(slug=slug)
