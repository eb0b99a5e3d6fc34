"""Who may see and do what with partnerships, what they owe and what they report."""

from typing import Any

import rules
from django.utils import timezone

from partners.choices import MembershipRole
from people.models import Person
from people.rules import is_centre_staff, is_communications_staff, is_programme_staff
from programmes.models import Obligation, Partnership, Programme, Report

WRITERS = (MembershipRole.LEAD, MembershipRole.EDITOR, MembershipRole.DATA)
SENDERS = (MembershipRole.LEAD, MembershipRole.EDITOR)


def acts_for(person: Any, organisation_id: int, *roles: str) -> bool:
    """The person holds one of the roles (any role when none is named) at the organisation today."""
    if not isinstance(person, Person) or not person.is_active:
        return False
    held = person.memberships.current().filter(organisation_id=organisation_id)
    return held.filter(role__in=roles).exists() if roles else held.exists()


@rules.predicate
def is_public_programme(person: Any, programme: Programme | None) -> bool:
    return programme is not None and programme.public_from is not None and programme.public_from <= timezone.now()


@rules.predicate
def is_announced(person: Any, partnership: Partnership | None) -> bool:
    return partnership is not None and partnership.is_public() and is_public_programme(person, partnership.programme)


@rules.predicate
def may_know_of(person: Any, thing: Partnership | Obligation | Report | None) -> bool:
    """Not kept from this person, who declared a conflict of interest with the application that the partnership came from."""
    partnership = _partnership(thing)
    return partnership is None or person.pk not in partnership.hidden_from


def _partnership(thing: Partnership | Obligation | Report | None) -> Partnership | None:
    if isinstance(thing, Report):
        return thing.obligation.partnership
    return thing.partnership if isinstance(thing, Obligation) else thing


@rules.predicate
def belongs_to_partner(person: Any, partnership: Partnership | None) -> bool:
    return partnership is not None and acts_for(person, partnership.organisation_id)


@rules.predicate
def leads_partner(person: Any, partnership: Partnership | None) -> bool:
    return partnership is not None and acts_for(person, partnership.organisation_id, MembershipRole.LEAD)


@rules.predicate
def belongs_to_partner_that_owes(person: Any, obligation: Obligation | None) -> bool:
    return obligation is not None and acts_for(person, obligation.partnership.organisation_id)


@rules.predicate
def writes_for_partner_that_owes(person: Any, obligation: Obligation | None) -> bool:
    return obligation is not None and acts_for(person, obligation.partnership.organisation_id, *WRITERS)


@rules.predicate
def sends_for_partner_that_owes(person: Any, obligation: Obligation | None) -> bool:
    return obligation is not None and acts_for(person, obligation.partnership.organisation_id, *SENDERS)


@rules.predicate
def belongs_to_partner_that_reports(person: Any, report: Report | None) -> bool:
    return report is not None and acts_for(person, report.obligation.partnership.organisation_id)


@rules.predicate
def is_sent(person: Any, report: Report | None) -> bool:
    return report is not None and report.submitted_at is not None


rules.add_perm("programmes.view_programme", is_centre_staff | is_public_programme)
rules.add_perm("programmes.manage_programme", is_programme_staff)
rules.add_perm("programmes.view_partnership", (is_centre_staff & may_know_of) | belongs_to_partner | is_announced)
rules.add_perm("programmes.open_partnership", (is_centre_staff & may_know_of) | belongs_to_partner)
rules.add_perm("programmes.manage_partnership", is_programme_staff & may_know_of)
rules.add_perm("programmes.announce_partnership", (is_programme_staff | is_communications_staff) & may_know_of)
rules.add_perm("programmes.sign_agreement", leads_partner)
rules.add_perm("programmes.view_obligation", (is_centre_staff & may_know_of) | belongs_to_partner_that_owes)
rules.add_perm("programmes.manage_obligation", is_programme_staff & may_know_of)
rules.add_perm("programmes.write_report", writes_for_partner_that_owes)
rules.add_perm("programmes.send_report", sends_for_partner_that_owes)
rules.add_perm("programmes.settle_report", is_programme_staff & may_know_of)
rules.add_perm("programmes.view_report", (is_centre_staff & is_sent & may_know_of) | belongs_to_partner_that_reports)
