"""Evaluations, who carries them out, and the places that are randomised in them."""

from datetime import datetime

import pghistory
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from calls.models import Call
from evaluations.choices import Design, EvaluatorRole, Independence, Stage
from evaluations.querysets import ClusterQuerySet, EvaluationQuerySet, PartQuerySet
from partners.models import Organisation
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
        Stage.PAUSED: {
            Stage.SET_UP,
            Stage.RECRUITING,
            Stage.IN_THE_FIELD,
            Stage.ANALYSIS,
            Stage.REPORTING,
            Stage.STOPPED,
        },
    }

    slug = models.SlugField(max_length=120, unique=True)
    title = models.CharField(max_length=250)
    summary = models.TextField(blank=True)
    programme = models.ForeignKey(
        Programme, on_delete=models.PROTECT, null=True, blank=True, related_name="evaluations"
    )
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

    @property
    def design_and_stage(self) -> str:
        return f"{self.get_design_display()} / {self.get_status_display()}"


class Evaluator(models.Model):
    """An organisation that carries out an evaluation."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="evaluators")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="evaluates")
    role = models.CharField(max_length=8, choices=EvaluatorRole.choices, default=EvaluatorRole.LEAD)
    appointed = models.CharField(max_length=150, blank=True, help_text="How and when, as precisely as it is known.")
    source = models.TextField(blank=True)

    objects = PartQuerySet.as_manager()

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

    objects = ClusterQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="cluster_once", fields=("evaluation", "organisation")),
            models.UniqueConstraint(name="cluster_one_at_each_position", fields=("evaluation", "position")),
        ]

    def __str__(self) -> str:
        return str(self.organisation)


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
