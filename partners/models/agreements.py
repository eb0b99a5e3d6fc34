"""What the centre and an organisation sign."""

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import Q

from partners.choices import AgreementKind, AgreementStatus
from partners.models.organisations import Organisation
from partners.querysets import AgreementQuerySet


@pghistory.track()
class Agreement(models.Model):
    """What the centre and an organisation sign. Announcing, signing, starting and being visible are four separate facts."""

    MOVES = {
        AgreementStatus.DRAFTED: {AgreementStatus.ISSUED, AgreementStatus.ENDED},
        AgreementStatus.ISSUED: {AgreementStatus.SIGNED, AgreementStatus.DRAFTED, AgreementStatus.ENDED},
        AgreementStatus.SIGNED: {AgreementStatus.ENDED},
    }

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="agreements")
    kind = models.CharField(max_length=15, choices=AgreementKind.choices)
    status = models.CharField(max_length=10, choices=AgreementStatus.choices, default=AgreementStatus.DRAFTED)
    title = models.CharField(max_length=200)
    terms = models.TextField(blank=True)
    issued_at = models.DateTimeField(null=True, blank=True)
    signed_on = models.DateField(null=True, blank=True)
    signed_by_role = models.CharField(
        max_length=150,
        blank=True,
        help_text="The office that signed for the partner, such as Director of Children's Services.",
    )
    signed_elsewhere = models.BooleanField(
        default=False, help_text="Signed on paper or in another system; recorded here."
    )
    recorded_at = models.DateTimeField(null=True, blank=True)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    is_demonstration = models.BooleanField(default=False)

    objects = AgreementQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="agreement_known_kind", condition=Q(kind__in=AgreementKind.values)),
            models.CheckConstraint(name="agreement_known_status", condition=Q(status__in=AgreementStatus.values)),
            models.CheckConstraint(
                name="agreement_signed_has_day_and_office",
                condition=~Q(status="signed") | (Q(signed_on__isnull=False) & ~Q(signed_by_role="")),
            ),
            models.CheckConstraint(
                name="agreement_recorded_by_somebody",
                condition=Q(recorded_at__isnull=True, recorded_by__isnull=True)
                | Q(recorded_at__isnull=False, recorded_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.organisation})"
