"""Who may assess, see assessments, decide and answer. Blindness and conflicts of interest are asked here and nowhere else."""

from typing import Any

import rules

from calls.choices import OUT_OF_ASSESSMENT, AssessmentStatus, CallStatus
from calls.models import Application, Assessment, Call
from calls.rules.applications import has_reached_the_centre, is_kept_from, leads_applicant
from people.rules import is_centre_staff, is_programme_staff, is_research_staff, is_signed_in


@rules.predicate
def is_the_assessor(person: Any, assessment: Assessment | None) -> bool:
    return assessment is not None and assessment.assessor_id == person.pk


@rules.predicate
def is_unfinished(_person: Any, assessment: Assessment | None) -> bool:
    return assessment is not None and assessment.status in (AssessmentStatus.ASSIGNED, AssessmentStatus.STARTED)


@rules.predicate
def is_under_way(_person: Any, assessment: Assessment | None) -> bool:
    return assessment is not None and assessment.status == AssessmentStatus.STARTED


@rules.predicate
def is_in_assessment(_person: Any, assessment: Assessment | None) -> bool:
    return assessment is not None and assessment.application.call.status == CallStatus.ASSESSING


@rules.predicate
def marks_are_wanted(_person: Any, assessment: Assessment | None) -> bool:
    """An application that was withdrawn or is not eligible needs none; a conflict with it may still be declared."""
    return assessment is not None and assessment.application.status not in OUT_OF_ASSESSMENT


@rules.predicate
def may_see_the_others(person: Any, assessment: Assessment | None) -> bool:
    """Staff who are not blind to the application; an assessor who has sent its scores, once everybody has."""
    if assessment is None or blinded(person, assessment.application):
        return False
    if person.is_centre_staff:
        return True
    sent = Assessment.objects.submitted().filter(application=assessment.application_id, assessor=person)
    return assessment.status == AssessmentStatus.SUBMITTED and sent.exists()


def blinded(person: Any, application: Application) -> bool:
    return Assessment.objects.blinding(person).filter(application=application).exists()


@rules.predicate
def is_blind_to(person: Any, application: Application | None) -> bool:
    return application is not None and blinded(person, application)


@rules.predicate
def is_being_assessed(_person: Any, call: Call | None) -> bool:
    return call is not None and call.status == CallStatus.ASSESSING


runs_the_call = is_signed_in & is_programme_staff
judges = is_signed_in & (is_programme_staff | is_research_staff) & has_reached_the_centre & ~is_kept_from & ~is_blind_to

rules.add_perm("calls.view_board", is_signed_in & is_centre_staff)
rules.add_perm("calls.export_board", is_signed_in & (is_programme_staff | is_research_staff))
rules.add_perm("calls.start_assessment", runs_the_call)
rules.add_perm("calls.assign_assessors", runs_the_call)
rules.add_perm("calls.release_letters", runs_the_call)
rules.add_perm("calls.check_eligibility", runs_the_call & has_reached_the_centre & ~is_kept_from)
rules.add_perm("calls.view_assessment", is_signed_in & (is_the_assessor | may_see_the_others))
rules.add_perm("calls.declare_interest", is_signed_in & is_the_assessor & is_unfinished & is_in_assessment)
rules.add_perm(
    "calls.score_assessment", is_signed_in & is_the_assessor & is_under_way & is_in_assessment & marks_are_wanted
)
rules.add_perm("calls.moderate_application", judges)
rules.add_perm("calls.decide_application", runs_the_call & judges)
rules.add_perm("calls.settle_offer", runs_the_call & ~is_kept_from)
rules.add_perm("calls.answer_offer", is_signed_in & leads_applicant)
