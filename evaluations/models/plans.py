"""What was planned: milestones, the versions of the protocol, and every change with its reason."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.timezone import localdate

from evaluations.choices import MilestoneKind, ProtocolStatus
from evaluations.models.evaluations import Evaluation
from evaluations.querysets import PartQuerySet, ProtocolQuerySet
from programmes.choices import Precision
from programmes.dates import last_day_of, said


class Milestone(models.Model):
    """A date planned and the date on which it came about. Late is normal; both are shown."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="milestones")
    kind = models.CharField(max_length=12, choices=MilestoneKind.choices)
    planned_on = models.DateField(null=True, blank=True)
    planned_precision = models.CharField(max_length=6, choices=Precision.choices, default=Precision.DAY)
    actual_on = models.DateField(null=True, blank=True)
    actual_precision = models.CharField(max_length=6, choices=Precision.choices, default=Precision.DAY)
    note = models.CharField(max_length=300, blank=True)
    source = models.TextField(blank=True)

    objects = PartQuerySet.as_manager()

    class Meta:
        ordering = ("planned_on", "actual_on", "pk")
        constraints = [
            models.UniqueConstraint(name="milestone_once", fields=("evaluation", "kind")),
            models.CheckConstraint(
                name="milestone_has_a_date",
                condition=Q(planned_on__isnull=False) | Q(actual_on__isnull=False) | ~Q(note=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.evaluation}: {self.get_kind_display()}"

    @property
    def planned(self) -> str:
        return said(self.planned_on, self.planned_precision)

    @property
    def actual(self) -> str:
        return said(self.actual_on, self.actual_precision)

    @property
    def is_late(self) -> bool:
        """Came about after what was planned, or has not come about although its time is over."""
        if self.planned_on is None:
            return False
        return (self.actual_on or localdate()) > last_day_of(self.planned_on, self.planned_precision)


class ProtocolVersion(models.Model):
    MOVES = {
        ProtocolStatus.DRAFT: {ProtocolStatus.APPROVED},
        ProtocolStatus.APPROVED: {ProtocolStatus.PUBLISHED, ProtocolStatus.DRAFT},
        ProtocolStatus.PUBLISHED: {ProtocolStatus.SUPERSEDED},
    }

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="protocols")
    number = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=10, choices=ProtocolStatus.choices, default=ProtocolStatus.DRAFT)
    issued = models.CharField(max_length=60, blank=True, help_text="As precisely as it is known.")
    published_on = models.DateField(null=True, blank=True)
    what_changed = models.TextField(blank=True)
    why = models.TextField(blank=True)
    body = models.TextField(blank=True, help_text="Markdown, where the protocol is written here.")
    url = models.URLField(max_length=400, blank=True)
    is_demonstration = models.BooleanField(default=False)
    source = models.TextField(blank=True)

    objects = ProtocolQuerySet.as_manager()

    class Meta:
        ordering = ("evaluation", "number")
        constraints = [
            models.UniqueConstraint(name="protocol_version_once", fields=("evaluation", "number")),
            models.CheckConstraint(name="protocol_known_status", condition=Q(status__in=ProtocolStatus.values)),
            models.CheckConstraint(name="protocol_counts_from_one", condition=Q(number__gte=1)),
        ]

    def __str__(self) -> str:
        return f"{self.evaluation}, protocol version {self.number}"

    @property
    def dated(self) -> str:
        return said(self.published_on, Precision.DAY) or self.issued


class Change(models.Model):
    """What changed in an evaluation after it was planned, and why. Shown, not hidden."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="changes")
    on = models.DateField(null=True, blank=True)
    precision = models.CharField(max_length=6, choices=Precision.choices, default=Precision.DAY)
    what = models.TextField()
    why = models.TextField(blank=True)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    source = models.TextField(blank=True)

    objects = PartQuerySet.as_manager()

    class Meta:
        ordering = ("on", "pk")
        constraints = [models.CheckConstraint(name="change_says_what", condition=~Q(what=""))]

    def __str__(self) -> str:
        return self.what[:80]

    @property
    def dated(self) -> str:
        return said(self.on, self.precision)
