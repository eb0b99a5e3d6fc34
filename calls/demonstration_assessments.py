"""The closed calls of the demonstration, taken on: scores half in, scores that differ, letters held, an offer accepted."""

from datetime import timedelta
from hashlib import sha256

from django.db import transaction
from django.utils import timezone

from calls import figures
from calls.actions import assessments, decisions
from calls.choices import CallStatus, Outcome
from calls.models import Application, Assessment, Call, Decision
from calls.notices.calls import leads_of
from notices.actions import withdraw
from notices.models import Notice
from partners.choices import InvitationPurpose
from partners.models import Invitation
from people.choices import StaffRole
from people.models import Person

COMMENTS = {
    0: "The application does not speak of this.",
    1: "Named, but nothing shows how it is done.",
    2: "Partly there: the aim is clear, the numbers are not.",
    3: "Well described, with small gaps that a conversation would close.",
    4: "Clear, and shown with figures from the last two years.",
}
WELL_MADE = "The panel liked how clearly you say for whom the practice is. It asks you to settle early which figures you can share."
RESERVE = (
    "The practice is promising and the team is ready. Others could show a comparison group already; with one, this application "
    "would have been among the first."
)
NOT_NOW = (
    "The need is well described. The panel could not see which outcome would be measured, or how many families would take part in a "
    "year. Both could be settled before a later call."
)


@transaction.atomic
def load_assessments() -> None:
    """Needs the demonstration people and calls. A second run finds the calls taken on already and adds nothing."""
    staff = Person.objects.filter(is_demonstration=True, posts__role=StaffRole.PROGRAMMES).first()
    assessors = _assessors()
    if staff is None or len(assessors) < 3:
        return
    for slug, take_on in (
        ("pine-demonstration-kinship", _under_way),
        ("pine-demonstration-families", _letters_held),
        ("pine-demonstration-first-year", _answered),
    ):
        call = Call.objects.filter(slug=slug, status=CallStatus.PUBLISHED, is_demonstration=True).first()
        if call is not None and call.has_closed():
            take_on(call, staff, assessors)


def _assessors() -> list[Person]:
    """Demonstration people who are neither staff nor of a partner, invited to assess as real ones would be."""
    found = Person.objects.active().filter(is_demonstration=True, email__startswith="assessor.").order_by("pk")
    for person in found:
        Invitation.objects.get_or_create(
            purpose=InvitationPurpose.ASSESSOR,
            email=person.email,
            defaults={
                "token_hash": sha256(f"demonstration:{person.email}".encode()).hexdigest(),
                "invited_at": person.joined_at,
                "expires_at": person.joined_at + timedelta(days=7),
                "accepted_at": person.joined_at,
                "accepted_by": person,
            },
        )
    return list(found)


def _under_way(call: Call, staff: Person, assessors: list[Person]) -> None:
    """One application waits for its check, one for a score, one has scores that differ, one met a conflict of interest."""
    one, two, three = assessors[:3]
    received = _begin(call, staff, days_to_score=12)
    for application in received[:-1]:
        assessments.mark_eligible(application, by=staff)
    if len(received) < 4:
        return
    half, apart, conflict = received[:3]
    given = _ask(
        call, [(half, one), (half, two), (apart, one), (apart, three), (conflict, two), (conflict, three)], staff
    )
    _score(given[half, one], (3, 3, 2, 4, 3, 2))
    _score(given[apart, one], (4, 3, 4, 3, 3, 3))
    _score(given[apart, three], (3, 3, 1, 3, 2, 3))
    assessments.declare_conflict(given[conflict, two], nature="I was a trustee of a charity that developed it.", by=two)
    assessments.declare_no_conflict(given[conflict, three], by=three)


def _letters_held(call: Call, staff: Person, assessors: list[Person]) -> None:
    """All decided, nobody told."""
    _decide_all(call, staff, assessors, (Outcome.OFFER, Outcome.RESERVE, Outcome.NO))


def _answered(call: Call, staff: Person, assessors: list[Person]) -> None:
    """Told some days ago: one offer accepted, one waits for its answer, one could not be made."""
    received = _decide_all(call, staff, assessors, (Outcome.OFFER, Outcome.NO, Outcome.OFFER))
    waiting = [post for post in figures.post_of(decisions.waiting_to_be_told(call)) if not post.is_blocked]
    if len(waiting) != len(received):
        return
    decisions.release_letters(call, letters=sum(len(post.letters) for post in waiting), by=staff)
    told_at = timezone.localtime().replace(hour=10, minute=0) - timedelta(days=4)
    Decision.objects.filter(application__call=call).update(told_at=told_at, decided_at=told_at - timedelta(days=6))
    Call.objects.filter(pk=call.pk).update(results_on=timezone.localdate(told_at))
    accepted = Application.objects.select_related("organisation").get(pk=received[0].pk)
    lead = leads_of(accepted).first()
    if lead is not None:
        decisions.accept_offer(accepted, by=lead)


def _decide_all(call: Call, staff: Person, assessors: list[Person], outcomes: tuple[Outcome, ...]) -> list[Application]:
    received = _begin(call, staff, days_to_score=1)
    marks = {Outcome.OFFER: (4, 3, 3, 4, 3, 3), Outcome.RESERVE: (3, 3, 2, 3, 3, 3), Outcome.NO: (2, 2, 1, 2, 2, 3)}
    for application, outcome in zip(received, outcomes, strict=False):
        assessments.mark_eligible(application, by=staff)
        given = _ask(call, [(application, assessors[0]), (application, assessors[1])], staff)
        for person in assessors[:2]:
            _score(given[application, person], marks[outcome])
        decisions.decide(
            application,
            outcome,
            reason="By weighted score, after the panel read all applications side by side.",
            feedback={Outcome.OFFER: WELL_MADE, Outcome.RESERVE: RESERVE, Outcome.NO: NOT_NOW}[outcome],
            reserve_rank=1 if outcome == Outcome.RESERVE else None,
            by=staff,
        )
    decisions.finish_deciding(call, by=staff)
    # What would have been written to assessors weeks ago is not sent today.
    for notice in Notice.objects.about(call).unsent().filter(template="calls/emails/assessment_assigned"):
        withdraw(notice, by=None, why="demonstration")
    return received


def _begin(call: Call, staff: Person, *, days_to_score: int) -> list[Application]:
    assessments.start_assessment(call, by=staff, assess_by=figures.closes_of_business(days_to_score))
    received = Application.objects.filter(call=call, submitted_at__isnull=False).select_related("call", "organisation")
    return list(received.order_by("pk"))


def _ask(
    call: Call, pairs: list[tuple[Application, Person]], staff: Person
) -> dict[tuple[Application, Person], Assessment]:
    given = assessments.assign(pairs, call=call, by=staff)
    return {(one.application, one.assessor): one for one in given}


def _score(assessment: Assessment, marks: tuple[int, ...]) -> None:
    person = assessment.assessor
    assessments.declare_no_conflict(assessment, by=person)
    criteria = list(assessment.application.call.criteria.order_by("position"))
    chosen = {one.pk: marks[place % len(marks)] for place, one in enumerate(criteria)}
    assessments.save_scores(
        assessment,
        by=person,
        base_version=assessment.version,
        marks=chosen,
        comments={criterion: COMMENTS[mark] for criterion, mark in chosen.items()},
    )
    assessments.send_scores(assessment, by=person)
