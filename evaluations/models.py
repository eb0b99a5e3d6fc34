"""Evaluations on the public register: what is studied, how, by whom, with which dates promised and kept."""

from calendar import monthrange
from datetime import date, datetime

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.timezone import localdate

from calls.models import Call
from evaluations.choices import (
    Design,
    DutyKind,
    DutyState,
    EvaluatorRole,
    Independence,
    LateReason,
    MilestoneKind,
    OutputKind,
    ProtocolStatus,
    Stage,
)
from evaluations.querysets import (
    ClusterQuerySet,
    DutyQuerySet,
    EvaluationQuerySet,
    OutputQuerySet,
    PartQuerySet,
    ProtocolQuerySet,
)
from partners.models import Organisation
from programmes.choices import Precision
from programmes.models import Partnership, Programme, Strand

MONTHS_IN = {Precision.MONTH: 1, Precision.SEASON: 3, Precision.YEAR: 12}
SEASONS = (
    "winter",
    "winter",
    "spring",
    "spring",
    "spring",
    "summer",
    "summer",
    "summer",
    "autumn",
    "autumn",
    "autumn",
    "winter",
)


def last_day_of(day: date, precision: str) -> date:
    """The last day of the month, season or year that a date stands for: nothing is late before that is over."""
    if precision not in MONTHS_IN:
        return day
    months = day.month - 1 + MONTHS_IN[Precision(precision)] - 1
    year, month = day.year + months // 12, months % 12 + 1
    return date(year, month, monthrange(year, month)[1])


def said(day: date | None, precision: str) -> str:
    """A date as exactly as it is known: 12 June 2019, June 2019, summer 2019, 2019."""
    if day is None:
        return ""
    return {
        Precision.MONTH: f"{day:%B %Y}",
        Precision.SEASON: f"{SEASONS[day.month - 1]} {day.year}",
        Precision.YEAR: f"{day.year}",
    }.get(Precision(precision), f"{day.day} {day:%B %Y}")


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
        return said(self.done_on, self.done_precision)

    @property
    def state(self) -> DutyState:
        return self.state_on(localdate())

    def state_on(self, day: date) -> DutyState:
        limit = last_day_of(self.due_on, self.precision) if self.due_on else None
        if self.done_on:
            return DutyState.KEPT_LATE if limit and self.done_on > limit else DutyState.KEPT
        if limit is None:
            return DutyState.UNDATED
        return DutyState.LATE if day > limit else DutyState.DUE


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
