"""Who may bring people in, change what they may do, and see who belongs."""

from typing import Any

import rules

from partners.choices import MembershipRole
from partners.models import Organisation
from people.models import Person
from people.rules import is_administrator, is_centre_staff, is_programme_staff, is_research_staff


def _organisation(thing: Any) -> Organisation | None:
    """An organisation itself, or the one that a membership, invitation or agreement belongs to."""
    return thing if isinstance(thing, Organisation) else getattr(thing, "organisation", None)


def _belongs(person: Any, thing: Any, *roles: str) -> bool:
    organisation = _organisation(thing)
    if organisation is None or not isinstance(person, Person) or not person.is_active:
        return False
    held = person.memberships.current().filter(organisation=organisation)
    return held.filter(role__in=roles).exists() if roles else held.exists()


@rules.predicate
def is_of_the_organisation(person: Any, thing: Any) -> bool:
    return _belongs(person, thing)


@rules.predicate
def is_lead_of_the_organisation(person: Any, thing: Any) -> bool:
    return _belongs(person, thing, MembershipRole.LEAD)


@rules.predicate
def is_writer_of_the_organisation(person: Any, thing: Any) -> bool:
    return _belongs(person, thing, MembershipRole.LEAD, MembershipRole.EDITOR)


rules.add_perm("partners.view_people", is_of_the_organisation | is_centre_staff)
rules.add_perm("partners.invite_member", is_lead_of_the_organisation | is_programme_staff)
rules.add_perm("partners.change_membership", is_lead_of_the_organisation | is_programme_staff)
rules.add_perm("partners.invite_staff", is_administrator)
rules.add_perm("partners.invite_assessor", is_programme_staff | is_research_staff)
rules.add_perm("partners.leave_without_a_lead", is_programme_staff)
