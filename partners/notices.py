"""The mails of this app: who is told about whom."""

from django.conf import settings
from django.urls import reverse

from notices.actions import queue
from notices.choices import NoticeKind
from partners.models import Invitation, Membership
from people.models import Person


def send_invitation(invitation: Invitation, *, token: str, by: Person) -> None:
    """The link is a key to an account, so its words are erased once sent, and staff never see them."""
    queue(
        f"partners/emails/invitation_{invitation.purpose}",
        to=invitation.email,
        key=f"invitation:{invitation.pk}",
        kind=NoticeKind.SECURITY,
        about=invitation,
        expires_at=invitation.expires_at,
        link=settings.PORTAL_ADDRESS + reverse("partners:invitation", args=[token]),
        inviter=by.shown_name,
        organisation=invitation.organisation,
        role=invitation.get_role_display().partition(" (")[0].lower(),
        role_means=invitation.get_role_display().partition(" (")[2].rstrip(")"),
        staff_role=invitation.get_staff_role_display(),
        until=invitation.expires_at,
    )


def tell_inviter_it_was_accepted(invitation: Invitation) -> None:
    inviter = invitation.invited_by
    if inviter is None or not inviter.is_active:
        return
    queue(
        "partners/emails/invitation_accepted",
        to=inviter.email,
        key=f"invitation-accepted:{invitation.pk}",
        person=inviter,
        about=invitation,
        who=invitation.accepted_by.shown_name if invitation.accepted_by else invitation.email,
        what=str(invitation.organisation or invitation.get_purpose_display()),
    )


def tell_person_membership_ended(membership: Membership) -> None:
    if not membership.person.is_active:
        return
    queue(
        "partners/emails/membership_ended",
        to=membership.person.email,
        key=f"membership-ended:{membership.pk}",
        person=membership.person,
        about=membership,
    )
