"""Who may read, write and send an application. It belongs to the organisation: what counts is the role held there today."""

from typing import Any

import rules

from calls.choices import AssessmentStatus
from calls.models import Application
from partners.choices import MembershipRole
from partners.models import Organisation
from people.rules import is_centre_staff, is_signed_in

WRITERS = (MembershipRole.LEAD, MembershipRole.EDITOR)


def role_at(person: Any, organisation: Organisation) -> str:
    """The role that the person holds today at the organisation; empty for none."""
    membership = person.memberships.current().filter(organisation=organisation).first()
    return membership.role if membership else ""


@rules.predicate
def belongs_to_applicant(person: Any, application: Application | None) -> bool:
    return application is not None and bool(role_at(person, application.organisation))


@rules.predicate
def writes_for_applicant(person: Any, application: Application | None) -> bool:
    return application is not None and role_at(person, application.organisation) in WRITERS


@rules.predicate
def leads_applicant(person: Any, application: Application | None) -> bool:
    return application is not None and role_at(person, application.organisation) == MembershipRole.LEAD


@rules.predicate
def is_draft(_person: Any, application: Application | None) -> bool:
    return application is not None and application.is_draft


@rules.predicate
def has_reached_the_centre(_person: Any, application: Application | None) -> bool:
    return application is not None and application.submitted_at is not None


@rules.predicate
def is_kept_from(person: Any, application: Application | None) -> bool:
    """Asked to assess it, and either in conflict or not yet declared free of one: the content stays closed."""
    return (
        application is not None
        and application.assessments.filter(
            assessor=person, status__in=(AssessmentStatus.ASSIGNED, AssessmentStatus.CONFLICTED)
        ).exists()
    )


@rules.predicate
def scores(person: Any, application: Application | None) -> bool:
    """Has declared to be free of conflicts and begun: only then does the content open."""
    return (
        application is not None
        and application.assessments.filter(
            assessor=person, status__in=(AssessmentStatus.STARTED, AssessmentStatus.SUBMITTED)
        ).exists()
    )


@rules.predicate
def writes_for_organisation(person: Any, organisation: Organisation | None) -> bool:
    return organisation is not None and role_at(person, organisation) in WRITERS


rules.add_perm(
    "calls.view_application",
    is_signed_in & (belongs_to_applicant | (is_centre_staff & has_reached_the_centre & ~is_kept_from) | scores),
)
rules.add_perm("calls.start_application", is_signed_in & writes_for_organisation)
rules.add_perm("calls.edit_application", is_signed_in & writes_for_applicant & is_draft)
# Whether it is still a draft is for the action to see: a second click is answered with the receipt, not with a refusal.
rules.add_perm("calls.submit_application", is_signed_in & leads_applicant)
rules.add_perm("calls.withdraw_application", is_signed_in & leads_applicant)
