"""Who acts for an organisation, and how they come in."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.timezone import localdate

from partners.choices import InvitationPurpose, MembershipRole
from partners.models.organisations import Organisation
from partners.querysets import InvitationQuerySet, MembershipQuerySet
from people.choices import StaffRole


class Membership(models.Model):
    """A person acts for an organisation, in a role, from one day to another."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=10, choices=MembershipRole.choices)
    starts_on = models.DateField(default=localdate)
    ends_on = models.DateField(null=True, blank=True, help_text="The first day on which it no longer holds.")

    objects = MembershipQuerySet.as_manager()

    class Meta:
        ordering = ("organisation", "starts_on")
        constraints = [
            models.CheckConstraint(name="membership_known_role", condition=Q(role__in=MembershipRole.values)),
            models.CheckConstraint(
                name="membership_ends_after_it_starts",
                condition=Q(ends_on__isnull=True) | Q(ends_on__gte=F("starts_on")),
            ),
            models.UniqueConstraint(
                name="membership_one_current_each", fields=("person", "organisation"), condition=Q(ends_on__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} at {self.organisation}"


INVITATION_DAYS = 7


class Invitation(models.Model):
    """A way in for one e-mail address. Only the hash of its secret is kept."""

    purpose = models.CharField(max_length=10, choices=InvitationPurpose.choices)
    email = models.EmailField(max_length=254)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, null=True, blank=True, related_name="invitations"
    )
    role = models.CharField(max_length=10, choices=MembershipRole.choices, blank=True)
    staff_role = models.CharField(max_length=20, choices=StaffRole.choices, blank=True)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    invited_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ("-invited_at",)
        constraints = [
            models.CheckConstraint(
                name="invitation_fits_its_purpose",
                condition=(Q(purpose="member", organisation__isnull=False, staff_role="") & ~Q(role=""))
                | (Q(purpose="staff", organisation__isnull=True, role="") & ~Q(staff_role=""))
                | Q(purpose="assessor", organisation__isnull=True, role="", staff_role=""),
            ),
            models.CheckConstraint(
                name="invitation_accepted_by_somebody",
                condition=Q(accepted_at__isnull=True, accepted_by__isnull=True)
                | Q(accepted_at__isnull=False, accepted_by__isnull=False),
            ),
            models.CheckConstraint(name="invitation_expires_later", condition=Q(expires_at__gt=F("invited_at"))),
        ]

    def __str__(self) -> str:
        return f"{self.get_purpose_display()}: {self.email}"

    def is_open(self, at: datetime | None = None) -> bool:
        return self.accepted_at is None and self.withdrawn_at is None and (at or timezone.now()) < self.expires_at
