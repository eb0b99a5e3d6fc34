"""Calls and applications of the demonstration, in every stage, with dates that follow today. All but one are made up.

The one of 2019 is a fact. Nobody recorded on which day it closed, so that stays empty.
"""

from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from calls.actions import applications, drafts, enquiries
from calls.choices import CallKind, CallStatus
from calls.demonstration_texts import (
    ASKED,
    CONSULTATION,
    CRITERIA,
    OFFERED,
    ORGANISATION_KINDS,
    PRACTICES,
    QUESTIONS,
    WHO,
)
from calls.models import Answer, Application, Call, Criterion, Enquiry, Question
from calls.rules.readiness import UK
from partners.choices import MembershipRole
from partners.models import Membership, Organisation
from people.choices import StaffRole
from people.models import Person
from programmes.models import Programme

SOURCES_2019 = (
    "https://whatworks-csc.org.uk/blog/practice-in-need-of-evidence/ "
    "https://whatworks-csc.org.uk/blog/announcing-our-practice-in-need-of-evidence-partners/"
)


@transaction.atomic
def load_calls() -> None:
    """Needs the facts and the demonstration people. A second run finds what is there and adds nothing."""
    programme = Programme.objects.filter(slug="pine").first()
    staff = Person.objects.filter(is_demonstration=True, posts__role=StaffRole.PROGRAMMES).first()
    if programme is None or staff is None:
        return
    _call_of_2019(programme)
    for slug, make in (
        ("pine-demonstration-round", _open),
        ("pine-demonstration-kinship", _closed),
        ("pine-demonstration-families", _decided),
        ("pine-demonstration-first-year", _told),
        ("pine-demonstration-adolescents", _opening),
        ("pine-demonstration-schools", _draft),
    ):
        if not Call.objects.filter(slug=slug).exists():
            make(slug, programme, staff)


def _call_of_2019(programme: Programme) -> None:
    Call.objects.get_or_create(
        slug="pine-2019",
        defaults={
            "kind": CallKind.PARTNERS,
            "status": CallStatus.ARCHIVED,
            "programme": programme,
            "title": "Practice in Need of Evidence (PINE), 2019",
            "purpose": (
                "An open call for practice that already ran in children's social care and had not been evaluated, in any area of "
                "practice. The centre offered help to evaluate it. Eight partners were chosen."
            ),
            "who_may_apply": "Organisations in children's social care, in any area of practice. Partners had any Ofsted grade.",
            "consultation": "The criteria were talked over with principal social workers at their network meeting on the day of the launch.",
            "opens_at": datetime(2019, 3, 29, tzinfo=UK),
            "public_from": datetime(2019, 3, 29, tzinfo=UK),
            "closes_at": None,
            "results_on": date(2019, 7, 2),
            "source": SOURCES_2019,
        },
    )


def _open(slug: str, programme: Programme, staff: Person) -> None:
    call = _call(
        slug,
        programme,
        staff,
        title="PINE: demonstration round",
        purpose=(
            "Many services have built something that seems to help and that nobody has had the time to test. This round looks for "
            "such practice, whatever its subject, and works with its teams until it can be evaluated well."
        ),
        gap="For most practice that councils have built themselves nobody knows whether it helps, and for whom.",
        opens=-15,
        closes=19,
        eligible_kinds=ORGANISATION_KINDS,
    )
    sent = _application(call, "wigan", "Same worker, all the way", days=-3)
    begun = _application(
        call, "barnsley", "First weeks together", days=None, answered=("done", "since", "families", "need")
    )
    colleague = _person(begun.organisation, MembershipRole.EDITOR) if begun else None
    if begun is not None and colleague is not None:
        question = call.questions.get(position=6)
        text = "Of 46 families, 41 finished. The performance team is still counting calls to duty."
        drafts.save(begun, {f"q{question.pk}": text}, base="", by=colleague)
    if sent is not None and sent.submitted_by is not None:
        asked = enquiries.ask(
            call, text="May a council and a charity apply together, and who leads?", by=sent.submitted_by
        )
        enquiries.answer(
            asked, text="Yes. One of you leads, starts the application and adds the other to it.", by=staff
        )
        enquiries.ask(call, text="Does the researcher need a desk in our building?", by=sent.submitted_by)
    _ages(call)


def _closed(slug: str, programme: Programme, staff: Person) -> None:
    """Closed a few days ago: ready for its eligibility check and for assessors."""
    call = _call(
        slug,
        programme,
        staff,
        title="PINE: demonstration round on families and carers",
        purpose="Practice that helps relatives, guardians and adopters to keep children safe and settled.",
        gap="What helps special guardians and adopters in the first year is hardly known.",
        opens=-45,
        closes=-5,
        eligible_kinds=ORGANISATION_KINDS,
        places=4,
    )
    _application(call, "barnsley", "First weeks together", days=-7)
    _application(call, "warrington", "Family plan before conference", days=-6)
    _application(call, "wigan", "Same worker, all the way", days=-12)
    _application(call, "the-childrens-society", "Online circle for adopters", days=-9)
    _application(call, "greenwich", "Practice weeks", days=None, answered=("done", "since"))


def _decided(slug: str, programme: Programme, staff: Person) -> None:
    call = _call(
        slug,
        programme,
        staff,
        title="PINE: demonstration round on decisions with families",
        purpose="Practice in which families take part in decisions about their own children.",
        gap="Whether plans that families make themselves keep children safer is not settled.",
        opens=-95,
        closes=-55,
        places=2,
    )
    _application(call, "warrington", "Family plan before conference", days=-57)
    _application(call, "barnsley", "First weeks together", days=-58)
    _application(call, "greenwich", "Practice weeks", days=-60)


def _told(slug: str, programme: Programme, staff: Person) -> None:
    call = _call(
        slug,
        programme,
        staff,
        title="PINE: demonstration round on relationships that last",
        purpose="Practice that lets a child or a family keep the same people around them.",
        gap="How much a change of worker costs a child has not been measured.",
        opens=-150,
        closes=-110,
        places=2,
    )
    _application(call, "wigan", "Same worker, all the way", days=-112)
    _application(call, "greenwich", "Practice weeks", days=-115)
    _application(call, "warrington", "Family plan before conference", days=-113)


def _opening(slug: str, programme: Programme, staff: Person) -> None:
    _call(
        slug,
        programme,
        staff,
        title="PINE: demonstration round on adolescents",
        purpose="Practice that keeps adolescents safe outside the home.",
        gap="Few studies look at harm outside the home and what lessens it.",
        opens=17,
        closes=59,
        eligible_kinds=["local_authority", "childrens_trust"],
        eligible_grades=["good", "requires_improvement", "inadequate"],
        eligible_on=timezone.localdate(),
    )


def _draft(slug: str, programme: Programme, staff: Person) -> None:
    """Being written, with things that the check page points out."""
    call = _call(
        slug,
        programme,
        staff,
        title="PINE: demonstration round on schools",
        purpose="Practice that brings social work and schools together.",
        gap="",
        opens=30,
        closes=51,
        status=CallStatus.DRAFT,
        public_from=None,
        consultation="",
        questions_until=None,
    )
    call.criteria.all().delete()


def _call(slug: str, programme: Programme, staff: Person, *, opens: int, closes: int, **values: Any) -> Call:
    call = Call.objects.create(
        slug=slug,
        programme=programme,
        created_by=staff,
        is_demonstration=True,
        **{
            "status": CallStatus.PUBLISHED,
            "opens_at": _working_day(opens, time(9)),
            "closes_at": _working_day(closes, time(17)),
            "questions_until": _working_day(closes - 7, time(17)),
            "public_from": _working_day(opens - 3, time(9)) if opens < 0 else timezone.now(),
            "created_at": _working_day(min(opens, 0) - 40, time(10)),
            "who_may_apply": WHO,
            "offered": OFFERED,
            "asked": ASKED,
            "consultation": CONSULTATION,
            "places": 8,
            "contact_email": "calls@demo.example",
        }
        | values,
    )
    Question.objects.bulk_create(
        Question(
            call=call,
            position=position,
            section=section,
            text=text,
            guidance=guidance,
            kind=kind,
            word_limit=limit,
            is_required=needed,
        )
        for position, (_, section, text, guidance, kind, limit, needed) in enumerate(QUESTIONS, start=1)
    )
    Criterion.objects.bulk_create(
        Criterion(call=call, position=position, name=name, guidance=guidance, weight=weight)
        for position, (name, guidance, weight) in enumerate(CRITERIA, start=1)
    )
    return call


def _working_day(days: int, at: time) -> datetime:
    """That many days from now, or the next working day, at that time in the UK."""
    day = timezone.localdate() + timedelta(days=days)
    while day.weekday() >= 5:
        day += timedelta(days=1)
    return datetime.combine(day, at, tzinfo=UK)


def _application(
    call: Call, slug: str, practice: str, *, days: int | None, answered: tuple[str, ...] = ()
) -> Application | None:
    """Begun while the call was open, and sent that many days from now; without days it stays a draft with some answers."""
    organisation = Organisation.objects.filter(slug=slug).first()
    lead = _person(organisation, MembershipRole.LEAD) if organisation else None
    if organisation is None or lead is None or call.opens_at is None:
        return None
    begun_at = call.opens_at + timedelta(days=2)
    application = applications.start(call, organisation, by=lead, at=begun_at)
    told = PRACTICES[practice]
    Application.objects.filter(pk=application.pk).update(
        practice_name=practice,
        summary=told["summary"],
        group=told["group"],
        lead_role=told["lead_role"],
        sponsor_role="Director of Children's Services" if organisation.is_authority else "Chief executive",
        started_at=begun_at,
    )
    questions = {question.position: question for question in call.questions.all()}
    Answer.objects.bulk_create(
        Answer(application=application, question=questions[position], text=told[key], saved_at=begun_at, saved_by=lead)
        for position, (key, *_) in enumerate(QUESTIONS, start=1)
        if days is not None or key in answered
    )
    application.refresh_from_db()
    if days is not None:
        applications.submit(application, by=lead, at=_at_work(days))
        application.refresh_from_db()
    return application


def _at_work(days: int) -> datetime:
    return datetime.combine(timezone.localdate() + timedelta(days=days), time(15, 12), tzinfo=UK)


def _person(organisation: Organisation, role: str) -> Person | None:
    membership = (
        Membership.objects.current().filter(organisation=organisation, role=role, person__is_demonstration=True).first()
    )
    return membership.person if membership else None


def _ages(call: Call) -> None:
    """Questions were asked on days before today, as they would have been."""
    for number, enquiry in enumerate(call.enquiries.order_by("pk")):
        asked_at = timezone.now() - timedelta(days=6 - 5 * number)
        changes: dict[str, Any] = {"asked_at": asked_at}
        if enquiry.answered_at:
            changes["answered_at"] = asked_at + timedelta(days=1)
        Enquiry.objects.filter(pk=enquiry.pk).update(**changes)
