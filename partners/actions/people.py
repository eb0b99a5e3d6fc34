"""Invitations and memberships: how people come, what they may do, and how they leave."""

import secrets
from datetime import timedelta
from hashlib import sha256

from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.timezone import localdate

from audit.actions import record
from lifecycle.actions import RecordChanged, one_after_the_other
from partners import notices
from partners.choices import InvitationPurpose, MembershipRole
from partners.models import INVITATION_DAYS, Invitation, Membership, Organisation
from people.actions import end_sessions, start_post
from people.choices import StaffRole
from people.models import Person
from people.rules import require


class InvitationRefused(Exception):
    """The invitation cannot be sent or accepted; the sentence says why."""


class MembershipRefused(Exception):
    """The membership cannot be changed like that; the sentence says why."""


# --- inviting ----------------------------------------------------------------------------------------------------------


@transaction.atomic
def invite_member(organisation: Organisation, *, email: str, role: str, by: Person, anew: bool = False) -> Invitation:
    require(by, "partners.invite_member", organisation)
    Organisation.objects.select_for_update().get(pk=organisation.pk)
    if organisation.memberships.current().filter(person__email__iexact=email, person__is_active=True).exists():
        raise InvitationRefused(f"{email} belongs to {organisation} already. You can change their role in the list.")
    return _invite(
        by=by,
        purpose=InvitationPurpose.MEMBER,
        email=email,
        organisation=organisation,
        role=MembershipRole(role),
        anew=anew,
    )


@transaction.atomic
def invite_staff(*, email: str, staff_role: str, by: Person, anew: bool = False) -> Invitation:
    require(by, "partners.invite_staff")
    return _invite(by=by, purpose=InvitationPurpose.STAFF, email=email, staff_role=StaffRole(staff_role), anew=anew)


@transaction.atomic
def invite_assessor(*, email: str, by: Person, anew: bool = False) -> Invitation:
    require(by, "partners.invite_assessor")
    return _invite(by=by, purpose=InvitationPurpose.ASSESSOR, email=email, anew=anew)


def _invite(*, by: Person, email: str, anew: bool, **terms: object) -> Invitation:
    """A newer invitation takes the place of an open one for the same thing, so that only one link works.

    A second click within a minute is the same invitation, so that the link in the mail that is under way goes on working.
    """
    one_after_the_other(f"invitation:{email.strip().lower()}")
    same = {"purpose": terms["purpose"], "organisation": terms.get("organisation"), "email__iexact": email.strip()}
    a_moment_ago = timezone.now() - timedelta(minutes=1)
    clicked = Invitation.objects.open().filter(**(same | terms), invited_by=by, invited_at__gte=a_moment_ago).first()
    if clicked is not None and not anew:
        return clicked
    for older in Invitation.objects.open().filter(**same).select_for_update():
        _close(older, by=by)
    token = secrets.token_urlsafe(32)
    now = timezone.now()
    invitation = Invitation.objects.create(
        email=email.strip(),
        token_hash=hash_of(token),
        invited_by=by,
        invited_at=now,
        expires_at=now + timedelta(days=INVITATION_DAYS),
        **terms,
    )
    record(
        "invited somebody", invitation, by=by, purpose=invitation.purpose, role=invitation.role or invitation.staff_role
    )
    notices.send_invitation(invitation, token=token, by=by)
    return invitation


@transaction.atomic
def invite_again(invitation: Invitation, *, by: Person) -> Invitation:
    """A fresh link for the same person; the old one stops working."""
    if invitation.accepted_at is not None:
        raise InvitationRefused("This invitation was accepted already, so there is nothing to send again.")
    if invitation.purpose == InvitationPurpose.STAFF:
        return invite_staff(email=invitation.email, staff_role=invitation.staff_role, by=by, anew=True)
    if invitation.organisation is None:
        return invite_assessor(email=invitation.email, by=by, anew=True)
    return invite_member(invitation.organisation, email=invitation.email, role=invitation.role, by=by, anew=True)


@transaction.atomic
def withdraw(invitation: Invitation, *, by: Person) -> None:
    require(by, permission_to_invite(invitation), invitation)
    _close(invitation, by=by)


def permission_to_invite(invitation: Invitation) -> str:
    return f"partners.invite_{invitation.purpose}"


def _close(invitation: Invitation, *, by: Person) -> None:
    now = timezone.now()
    if not Invitation.objects.filter(pk=invitation.pk, accepted_at__isnull=True, withdrawn_at__isnull=True).update(
        withdrawn_at=now
    ):
        raise RecordChanged(invitation)
    invitation.withdrawn_at = now
    record("withdrew an invitation", invitation, by=by)


# --- accepting ---------------------------------------------------------------------------------------------------------


def hash_of(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def invitation_with(token: str) -> Invitation | None:
    found = Invitation.objects.select_related("organisation", "invited_by", "accepted_by")
    return found.filter(token_hash=hash_of(token)).first()


def is_addressed_to(invitation: Invitation, person: Person) -> bool:
    """By the address of the account, or by another that the person has confirmed."""
    address = invitation.email.lower()
    confirmed = EmailAddress.objects.filter(user=person, verified=True, email__iexact=address)
    return person.email.lower() == address or confirmed.exists()


@transaction.atomic
def accept(invitation: Invitation, *, by: Person) -> None:
    """Take up what was offered. Exactly one of two attempts at once succeeds."""
    if not is_addressed_to(invitation, by):
        raise InvitationRefused("This invitation is for another e-mail address than the one you are signed in with.")
    now = timezone.now()
    if not Invitation.objects.open(now).filter(pk=invitation.pk).update(accepted_at=now, accepted_by=by):
        raise InvitationRefused(
            "This invitation does not work any more: it was used, withdrawn or is older than a week."
        )
    invitation.accepted_at, invitation.accepted_by = now, by
    record("accepted an invitation", invitation, by=by, purpose=invitation.purpose)
    if invitation.purpose == InvitationPurpose.STAFF:
        start_post(by, invitation.staff_role, by=by)
    if invitation.organisation is not None:
        _start(by, invitation.organisation, invitation.role, by=by)
    notices.tell_inviter_it_was_accepted(invitation)


@transaction.atomic
def accept_as_new_person(invitation: Invitation, *, name: str, job_title: str, password: str) -> Person:
    """The link came by e-mail, so whoever opens it has shown that the address is theirs."""
    try:
        with transaction.atomic():
            person = Person.objects.create_user(invitation.email, password, name=name, job_title=job_title)
    except IntegrityError as problem:
        raise InvitationRefused(
            "There is an account for this address already. Sign in, then open the link again."
        ) from problem
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    record("opened an account", person, by=person)
    accept(invitation, by=person)
    return person


# What each role may do includes what those before it may.
MIGHT = (MembershipRole.READER, MembershipRole.DATA, MembershipRole.EDITOR, MembershipRole.LEAD)


# --- belonging ---------------------------------------------------------------------------------------------------------


def _start(person: Person, organisation: Organisation, role: str, *, by: Person) -> Membership:
    Organisation.objects.select_for_update().get(pk=organisation.pk)
    today = localdate()
    for former in Membership.objects.filter(person=person, organisation=organisation, ends_on__isnull=True):
        if MIGHT.index(former.role) >= MIGHT.index(role):
            # An older invitation, to another address of the same person, takes nothing away.
            return former
        _end_on(former, max(today, former.starts_on))
    membership = Membership.objects.create(person=person, organisation=organisation, role=role, starts_on=today)
    record("joined", membership, by=by, organisation=organisation.pk, role=role)
    return membership


@transaction.atomic
def change_role(membership: Membership, *, role: str, by: Person) -> Membership:
    """The old role ends today and the new one starts, so that it stays known who could do what when."""
    require(by, "partners.change_membership", membership)
    role = MembershipRole(role)
    _lock_current(membership)
    if role == membership.role:
        return membership
    _refuse_to_lose_the_last_lead(membership, by=by)
    today = localdate()
    _end_on(membership, max(today, membership.starts_on))
    changed = Membership.objects.create(
        person=membership.person,
        organisation=membership.organisation,
        role=role,
        starts_on=max(today, membership.starts_on),
    )
    record(
        "changed a role", changed, by=by, was=membership.role, now=str(role), organisation=membership.organisation_id
    )
    return changed


@transaction.atomic
def end_membership(membership: Membership, *, by: Person) -> None:
    """The person has left. They are signed out everywhere at once, and see nothing of the organisation from now on."""
    if by.pk != membership.person_id:
        require(by, "partners.change_membership", membership)
    _lock_current(membership)
    _refuse_to_lose_the_last_lead(membership, by=by)
    _end_on(membership, max(localdate(), membership.starts_on))
    record("left", membership, by=by, organisation=membership.organisation_id, role=membership.role)
    end_sessions(membership.person, by=by)
    notices.tell_person_membership_ended(membership)


def _lock_current(membership: Membership) -> None:
    """One change of people at a time for each organisation, and only to a membership that still holds."""
    Organisation.objects.select_for_update().get(pk=membership.organisation_id)
    if not Membership.objects.current().filter(pk=membership.pk, role=membership.role).exists():
        raise RecordChanged(membership)


def _end_on(membership: Membership, day: object) -> None:
    Membership.objects.filter(pk=membership.pk).update(ends_on=day)
    membership.ends_on = day  # type: ignore[assignment]


def _refuse_to_lose_the_last_lead(membership: Membership, *, by: Person) -> None:
    if membership.role != MembershipRole.LEAD or by.has_perm("partners.leave_without_a_lead", membership):
        return
    leads = membership.organisation.memberships.current().leads().filter(person__is_active=True)
    if not leads.exclude(pk=membership.pk).exists():
        raise MembershipRefused(
            f"{membership.organisation} needs at least one lead. Make somebody else a lead first, then try again."
        )
