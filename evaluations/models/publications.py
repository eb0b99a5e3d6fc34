"""What was published, nulls included, and what was promised to be."""

from datetime import date

from django.db import models
from django.db.models import Q
from django.utils.timezone import localdate

from evaluations.choices import DutyKind, DutyState, LateReason, OutputKind
from evaluations.models.evaluations import Evaluation
from evaluations.querysets import DutyQuerySet, OutputQuerySet
from programmes.choices import Precision
from programmes.dates import last_day_of, said


class Output(models.Model):
    """A published document of an evaluation: nulls included."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="outputs")
    kind = models.CharField(max_length=10, choices=OutputKind.choices)
    title = models.CharField(max_length=250)
    published_on = models.DateField(null=True, blank=True)
    precision = models.CharField(max_length=6, choices=Precision.choices, default=Precision.DAY)
    url = models.URLField(max_length=400, blank=True)
    summary = models.TextField(blank=True)
    is_demonstration = models.BooleanField(default=False)
    source = models.TextField(blank=True)

    objects = OutputQuerySet.as_manager()

    class Meta:
        ordering = ("published_on", "pk")
        constraints = [
            models.CheckConstraint(name="output_known_kind", condition=Q(kind__in=OutputKind.values)),
            models.UniqueConstraint(name="output_once", fields=("evaluation", "kind", "title")),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def published(self) -> str:
        return said(self.published_on, self.precision)


class Duty(models.Model):
    """Something that the centre promised to publish about an evaluation, and whether it has."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="duties")
    kind = models.CharField(max_length=12, choices=DutyKind.choices)
    due_on = models.DateField(null=True, blank=True)
    precision = models.CharField(max_length=6, choices=Precision.choices, default=Precision.DAY)
    done_on = models.DateField(null=True, blank=True)
    done_precision = models.CharField(max_length=6, choices=Precision.choices, default=Precision.DAY)
    output = models.ForeignKey(Output, on_delete=models.PROTECT, null=True, blank=True, related_name="duties")
    late_reason = models.CharField(max_length=12, choices=LateReason.choices, blank=True)
    reason = models.TextField(blank=True)
    source = models.TextField(blank=True)

    objects = DutyQuerySet.as_manager()

    class Meta:
        ordering = ("due_on", "pk")
        verbose_name_plural = "duties"
        constraints = [
            models.UniqueConstraint(name="duty_once", fields=("evaluation", "kind")),
            models.CheckConstraint(name="duty_known_kind", condition=Q(kind__in=DutyKind.values)),
        ]

    def __str__(self) -> str:
        return f"{self.evaluation}: {self.get_kind_display()}"

    @property
    def due(self) -> str:
        return said(self.due_on, self.precision)

    @property
    def done(self) -> str:
        return said(self.done_on, self.done_precision) if self.is_done_on(localdate()) else ""

    @property
    def state(self) -> DutyState:
        return self.state_on(localdate())

    def is_done_on(self, day: date) -> bool:
        """A promise is kept on the day on which the document is out, not on the one on which its day was set."""
        return self.done_on is not None and self.done_on <= day

    def state_on(self, day: date) -> DutyState:
        limit = last_day_of(self.due_on, self.precision) if self.due_on else None
        if self.done_on and self.is_done_on(day):
            return DutyState.KEPT_LATE if limit and self.done_on > limit else DutyState.KEPT
        if limit is None:
            return DutyState.UNDATED
        return DutyState.LATE if day > limit else DutyState.DUE
