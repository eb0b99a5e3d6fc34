"""An organisation's part in a programme."""

from datetime import datetime

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from partners.models import Agreement, Organisation
from programmes.choices import PartnershipRole, PartnershipStatus
from programmes.models.programmes import Programme, Strand, Theme, Wave
from programmes.querysets import PartnershipQuerySet


@pghistory.track()
class Partnership(models.Model):
    """An organisation takes part in a programme. Announced, signed, started and visible are four separate facts.

    Nothing of it is public before ``public_from``, whatever its status.
    """

    MOVES = {
        PartnershipStatus.PROPOSED: {
            PartnershipStatus.AGREED,
            PartnershipStatus.ISSUED,
            PartnershipStatus.WITHDRAWN,
            PartnershipStatus.ENDED,
        },
        PartnershipStatus.AGREED: {PartnershipStatus.ISSUED, PartnershipStatus.WITHDRAWN, PartnershipStatus.ENDED},
        PartnershipStatus.ISSUED: {PartnershipStatus.SIGNED, PartnershipStatus.WITHDRAWN, PartnershipStatus.ENDED},
        PartnershipStatus.SIGNED: {PartnershipStatus.ACTIVE, PartnershipStatus.WITHDRAWN, PartnershipStatus.ENDED},
        PartnershipStatus.ACTIVE: {
            PartnershipStatus.PAUSED,
            PartnershipStatus.COMPLETED,
            PartnershipStatus.WITHDRAWN,
            PartnershipStatus.ENDED,
        },
        PartnershipStatus.PAUSED: {PartnershipStatus.ACTIVE, PartnershipStatus.WITHDRAWN, PartnershipStatus.ENDED},
    }

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="partnerships")
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="partnerships")
    strand = models.ForeignKey(Strand, on_delete=models.PROTECT, null=True, blank=True, related_name="partnerships")
    wave = models.ForeignKey(Wave, on_delete=models.PROTECT, null=True, blank=True, related_name="partnerships")
    role = models.CharField(max_length=12, choices=PartnershipRole.choices, default=PartnershipRole.PARTNER)
    status = models.CharField(max_length=10, choices=PartnershipStatus.choices, default=PartnershipStatus.PROPOSED)
    areas = models.ManyToManyField(Organisation, blank=True, related_name="served_by_partnerships")
    practice_name = models.CharField(max_length=200, blank=True)
    practice = models.TextField(blank=True, help_text="What is done, with whom.")
    group = models.CharField("who it is for", max_length=150, blank=True)
    themes = models.ManyToManyField(Theme, blank=True, related_name="partnerships")
    agreement = models.OneToOneField(
        Agreement, on_delete=models.PROTECT, null=True, blank=True, related_name="partnership"
    )
    starts_on = models.DateField(null=True, blank=True)
    ends_on = models.DateField(null=True, blank=True)
    public_from = models.DateTimeField("announced from", null=True, blank=True)
    left_on = models.DateField(null=True, blank=True)
    left_reason = models.TextField("why it ended", blank=True, help_text="Public once the partnership is.")
    kept_from = ArrayField(
        models.BigIntegerField(),
        default=list,
        blank=True,
        help_text="Numbers of the staff who see nothing of it before its announcement, because they declared a conflict of "
        "interest with the application that it came from.",
    )
    is_demonstration = models.BooleanField(default=False)
    unverified = models.TextField(blank=True)
    source = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = PartnershipQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="partnership_once_for_each_role",
                fields=("organisation", "programme", "strand", "wave", "role", "practice_name"),
                nulls_distinct=False,
            ),
            models.CheckConstraint(name="partnership_known_status", condition=Q(status__in=PartnershipStatus.values)),
            models.CheckConstraint(name="partnership_known_role", condition=Q(role__in=PartnershipRole.values)),
            models.CheckConstraint(
                name="partnership_ends_after_it_starts",
                condition=Q(ends_on__isnull=True) | Q(starts_on__isnull=True) | Q(ends_on__gte=F("starts_on")),
            ),
            models.CheckConstraint(
                name="partnership_left_with_a_reason",
                condition=~Q(status__in=("withdrawn", "ended")) | (~Q(left_reason="")),
            ),
        ]
        indexes = [models.Index(fields=("public_from",), name="partnership_public_from")]

    def __str__(self) -> str:
        return f"{self.organisation} in {self.programme}"

    def get_absolute_url(self) -> str:
        return reverse("programmes:partnership", args=[self.pk])

    def is_public(self, at: datetime | None = None) -> bool:
        return self.public_from is not None and self.public_from <= (at or timezone.now())

    @property
    def hidden_from(self) -> list[int]:
        """Those who may not know of it yet. What everybody may read is kept from nobody."""
        return [] if self.is_public() else list(self.kept_from)
