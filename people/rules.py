"""Predicates about staff, and the question that every action asks first."""

from typing import Any

import rules
from django.core.exceptions import PermissionDenied

from people.choices import StaffRole
from people.models import Person


class Refused(PermissionDenied):
    """This person may not do this to this thing."""

    def __init__(self, person: Any, permission: str, thing: Any = None) -> None:
        self.permission = permission
        self.thing = thing
        super().__init__(f"{getattr(person, 'pk', None)} may not {permission}")


def require(person: Any, permission: str, thing: Any = None) -> None:
    """Raise Refused (403 in a view) unless the person holds the named permission for the thing."""
    if person is None or not getattr(person, "is_active", False) or not person.has_perm(permission, thing):
        raise Refused(person, permission, thing)


@rules.predicate
def is_signed_in(person: Any) -> bool:
    return isinstance(person, Person) and person.is_active


@rules.predicate
def is_centre_staff(person: Any) -> bool:
    return isinstance(person, Person) and person.is_centre_staff


@rules.predicate
def is_programme_staff(person: Any) -> bool:
    return isinstance(person, Person) and person.has_staff_role(StaffRole.PROGRAMMES, StaffRole.ADMINISTRATOR)


@rules.predicate
def is_research_staff(person: Any) -> bool:
    return isinstance(person, Person) and person.has_staff_role(StaffRole.RESEARCH, StaffRole.ADMINISTRATOR)


@rules.predicate
def is_communications_staff(person: Any) -> bool:
    return isinstance(person, Person) and person.has_staff_role(StaffRole.COMMUNICATIONS, StaffRole.ADMINISTRATOR)


@rules.predicate
def is_administrator(person: Any) -> bool:
    return isinstance(person, Person) and person.has_staff_role(StaffRole.ADMINISTRATOR)


rules.add_perm("people.enter_staff_area", is_centre_staff)
rules.add_perm("people.view_person", is_centre_staff)
rules.add_perm("people.manage_staff", is_administrator)


@rules.predicate
def is_themselves(person: Any, thing: Any) -> bool:
    return isinstance(person, Person) and person == thing


rules.add_perm("people.change_details", is_themselves | is_administrator)
