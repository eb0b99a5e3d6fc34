"""From whom mail about an application is kept: whoever judges it independently, or may not judge it at all.

A letter in the list of mail would tell a member of staff what every other page hides. So each mail carries the numbers of
those who must not see it, and whatever changes who is blind brings the mails of the application up to date.
"""

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import Q

from calls.choices import AssessmentStatus
from calls.models import Application, Assessment, Decision
from calls.querysets import UNFINISHED
from notices.models import Notice

ASSIGNED = "calls/emails/assessment_assigned"


def kept_from(application: Application) -> set[int]:
    """Those from whom mail about the application is kept now. Its row is locked, so that nobody becomes blind meanwhile."""
    return _blind_to([application.pk])[application.pk]


def kept_from_mail_to_assessor(call: int, assessor: int) -> set[int]:
    """Whoever else was asked to assess what this assessor was asked to assess."""
    shared = Assessment.objects.filter(application__call=call, assessor=assessor).values("application")
    others = Assessment.objects.filter(application__in=shared).exclude(status=AssessmentStatus.DECLINED)
    return set(others.exclude(assessor=assessor).values_list("assessor", flat=True))


def keep_mail_from_the_blind(applications: Iterable[Application]) -> None:
    """Bring every mail about these applications up to date: called when somebody is asked, declares, hands back or sends."""
    numbers = sorted({application.pk for application in applications})
    wanted = _blind_to(numbers)
    changed = [*_letters(numbers, wanted), *_mails_to_assessors(numbers)]
    Notice.objects.bulk_update(changed, ["kept_from"], batch_size=500)


def _letters(numbers: list[int], wanted: dict[int, set[int]]) -> list[Notice]:
    # A decision that was taken back has no row any more; its history knows whose it was, and its letters are still listed.
    history = Decision.pgh_event_model.objects.filter(application__in=numbers)  # type: ignore[attr-defined]
    decisions = dict(history.values_list("pgh_obj_id", "application_id"))
    about = Notice.objects.filter(
        Q(subject_type=Application._meta.label_lower, subject_id__in=numbers)
        | Q(subject_type=Decision._meta.label_lower, subject_id__in=list(decisions))
    )
    changed = []
    for notice in about.only("pk", "subject_type", "subject_id", "kept_from"):
        is_of_decision = notice.subject_type == Decision._meta.label_lower
        number = decisions[notice.subject_id] if is_of_decision else notice.subject_id
        if _differs(notice, wanted[number or 0]):
            changed.append(notice)
    return changed


def _mails_to_assessors(numbers: list[int]) -> list[Notice]:
    asked = Assessment.objects.filter(application__in=numbers)
    pairs = set(asked.values_list("application__call", "assessor"))
    mails = Notice.objects.filter(
        template=ASSIGNED,
        subject_id__in={call for call, _ in pairs},
        person_id__in={person for _, person in pairs},
    )
    known = {pair: kept_from_mail_to_assessor(*pair) for pair in sorted(pairs)}
    return [
        notice
        for notice in mails.only("pk", "subject_id", "person_id", "kept_from")
        if _differs(notice, known.get((notice.subject_id or 0, notice.person_id or 0), set()))
    ]


def _differs(notice: Notice, people: set[int]) -> bool:
    before, notice.kept_from = notice.kept_from, sorted(people)
    return before != notice.kept_from


def _blind_to(applications: list[int]) -> dict[int, set[int]]:
    """By application: in conflict for good; asked and not finished; or finished while another is not.

    The same rule as ``AssessmentQuerySet.blinding``, for everybody at once.
    """
    list(
        Application.objects.select_for_update(no_key=True).filter(pk__in=applications).order_by("pk").values_list("pk")
    )
    unfinished: dict[int, set[int]] = defaultdict(set)
    sent: dict[int, set[int]] = defaultdict(set)
    blind: dict[int, set[int]] = defaultdict(set)
    asked = Assessment.objects.filter(application__in=applications)
    for application, person, status in asked.values_list("application", "assessor", "status"):
        if status in UNFINISHED:
            unfinished[application].add(person)
        elif status == AssessmentStatus.SUBMITTED:
            sent[application].add(person)
        elif status == AssessmentStatus.CONFLICTED:
            blind[application].add(person)
    for application, people in unfinished.items():
        blind[application] |= people | sent[application]
    return blind
