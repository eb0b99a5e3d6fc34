"""Evaluations on the public register: what is studied, how, by whom, with which dates promised and kept."""

from datetime import datetime

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from calls.models import Call
from evaluations.choices import (
    Design,
    DutyKind,
    EvaluatorRole,
    Independence,
    LateReason,
    MilestoneKind,
    OutputKind,
    ProtocolStatus,
    Stage,
)
from evaluations.querysets import EvaluationQuerySet
from partners.models import Organisation
from programmes.choices import Precision
from programmes.models import Partnership, Programme, Strand


@pghistory.track()
class Evaluation(models.Model):
    MOVES = {
        Stage.SCOPING: {Stage.SET_UP, Stage.STOPPED},
        Stage.SET_UP: {Stage.RECRUITING, Stage.IN_THE_FIELD, Stage.PAUSED, Stage.STOPPED},
        Stage.RECRUITING: {Stage.IN_THE_FIELD, Stage.PAUSED, Stage.STOPPED},
        Stage.IN_THE_FIELD: {Stage.ANALYSIS, Stage.PAUSED, Stage.STOPPED},
        Stage.ANALYSIS: {Stage.REPORTING, Stage.PAUSED, Stage.STOPPED},
        Stage.REPORTING: {Stage.PUBLISHED, Stage.PAUSED, Stage.STOPPED},
        Stage.PAUSED: {Stage.SET_UP, Stage.RECRUITING, Stage.IN_THE_FIELD, Stage.ANALYSIS, Stage.REPORTING, Stage.STOPPED},
    }

    slug = models.SlugField(max_length=120, unique=True)
    title = models.CharField(max_length=250)
    summary = models.TextField(blank=True)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, null=True, blank=True, related_name="evaluations")
    strand = models.ForeignKey(Strand, on_delete=models.PROTECT, null=True, blank=True, related_name="evaluations")
    call = models.ForeignKey(Call, on_delete=models.PROTECT, null=True, blank=True, related_name="evaluations")
    partnerships = models.ManyToManyField(Partnership, blank=True, related_name="evaluations")
    design = models.CharField(max_length=15, choices=Design.choices)
    design_note = models.TextField(blank=True)
    status = models.CharField("stage", max_length=15, choices=Stage.choices, default=Stage.SCOPING)
    independence = models.CharField(max_length=12, choices=Independence.choices, default=Independence.UNKNOWN)
    questions = models.TextField("research questions", blank=True)
    primary_outcome = models.TextField(blank=True)
    secondary_outcomes = models.TextField(blank=True)
    participants = models.TextField(blank=True)
    sample = models.PositiveIntegerField(null=True, blank=True)
    sample_unit = models.CharField(max_length=60, blank=True)
    clusters = models.PositiveSmallIntegerField(null=True, blank=True)
    cluster_unit = models.CharField(max_length=60, blank=True)
    step_months = models.PositiveSmallIntegerField(null=True, blank=True)
    registry = models.CharField(max_length=60, blank=True)
    registration = models.CharField(max_length=60, blank=True)
    registered_on = models.DateField(null=True, blank=True)
    registered_before_start = models.BooleanField(null=True, blank=True)
    headline = models.TextField("what was found", blank=True)
    limits = models.TextField("limits of what was found", blank=True)
    stopped_reason = models.TextField(blank=True)
    lessons = models.TextField(blank=True)
    public_from = models.DateTimeField(null=True, blank=True)
    is_demonstration = models.BooleanField(default=False)
    unverified = models.TextField(blank=True)
    source = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = EvaluationQuerySet.as_manager()

    class Meta:
        ordering = ("title",)
        constraints = [
            models.CheckConstraint(name="evaluation_known_design", condition=Q(design__in=Design.values)),
            models.CheckConstraint(name="evaluation_known_stage", condition=Q(status__in=Stage.values)),
            models.CheckConstraint(
                name="evaluation_stopped_with_a_reason", condition=~Q(status="stopped") | ~Q(stopped_reason="")
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("evaluation", args=[self.slug])

    def is_public(self, at: datetime | None = None) -> bool:
        return self.public_from is not None and self.public_from <= (at or timezone.now())


class Evaluator(models.Model):
    """An organisation that carries out an evaluation."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="evaluators")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="evaluates")
    role = models.CharField(max_length=8, choices=EvaluatorRole.choices, default=EvaluatorRole.LEAD)
    appointed = models.CharField(max_length=150, blank=True, help_text="How and when, as precisely as it is known.")
    source = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(name="evaluator_once", fields=("evaluation", "organisation", "role"))]

    def __str__(self) -> str:
        return f"{self.organisation}: {self.get_role_display()}"


class Cluster(models.Model):
    """An authority, site or school that is randomised as one. ``position`` stays empty until the order has been drawn."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="cluster_rows")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="clusters")
    position = models.PositiveSmallIntegerField(null=True, blank=True)
    planned_on = models.DateField("planned to start on", null=True, blank=True)
    actual_on = models.DateField("started on", null=True, blank=True)
    is_pilot = models.BooleanField("went first, outside the trial", default=False)
    source = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="cluster_once", fields=("evaluation", "organisation")),
            models.UniqueConstraint(name="cluster_one_at_each_position", fields=("evaluation", "position")),
        ]

    def __str__(self) -> str:
        return str(self.organisation)


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

    class Meta:
        ordering = ("evaluation", "number")
        constraints = [
            models.UniqueConstraint(name="protocol_version_once", fields=("evaluation", "number")),
            models.CheckConstraint(name="protocol_known_status", condition=Q(status__in=ProtocolStatus.values)),
            models.CheckConstraint(name="protocol_counts_from_one", condition=Q(number__gte=1)),
        ]

    def __str__(self) -> str:
        return f"{self.evaluation}, protocol version {self.number}"


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

    class Meta:
        ordering = ("published_on", "pk")
        constraints = [
            models.CheckConstraint(name="output_known_kind", condition=Q(kind__in=OutputKind.values)),
            models.UniqueConstraint(name="output_once", fields=("evaluation", "kind", "title")),
        ]

    def __str__(self) -> str:
        return self.title


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

    class Meta:
        ordering = ("due_on", "pk")
        verbose_name_plural = "duties"
        constraints = [
            models.UniqueConstraint(name="duty_once", fields=("evaluation", "kind")),
            models.CheckConstraint(name="duty_known_kind", condition=Q(kind__in=DutyKind.values)),
        ]

    def __str__(self) -> str:
        return f"{self.evaluation}: {self.get_kind_display()}"


class Change(models.Model):
    """What changed in an evaluation after it was planned, and why. Shown, not hidden."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="changes")
    on = models.DateField(null=True, blank=True)
    precision = models.CharField(max_length=6, choices=Precision.choices, default=Precision.DAY)
    what = models.TextField()
    why = models.TextField(blank=True)
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    source = models.TextField(blank=True)

    class Meta:
        ordering = ("on", "pk")
        constraints = [models.CheckConstraint(name="change_says_what", condition=~Q(what=""))]

    def __str__(self) -> str:
        return self.what[:80]


class PanelMember(models.Model):
    """An organisation on the Panel of Evaluators, from one day to another."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="panel_memberships")
    tranche = models.PositiveSmallIntegerField(null=True, blank=True)
    starts_on = models.DateField(null=True, blank=True)
    ends_on = models.DateField(null=True, blank=True)
    methods = models.TextField(blank=True)
    source = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="panel_member_once", fields=("organisation", "tranche"), nulls_distinct=False),
            models.CheckConstraint(
                name="panel_member_ends_after_it_starts",
                condition=Q(ends_on__isnull=True) | Q(starts_on__isnull=True) | Q(ends_on__gt=F("starts_on")),
            ),
        ]

    def __str__(self) -> str:
        return str(self.organisation)
