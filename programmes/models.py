"""Programmes, their strands and waves, the partnerships in them, and what each partnership owes."""

from datetime import datetime

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from partners.models import Agreement, Organisation
from programmes.choices import (
    OUTSTANDING,
    REPORTS,
    ObligationKind,
    ObligationStatus,
    PartnershipRole,
    PartnershipStatus,
    Precision,
    ProgrammeKind,
    ProgrammeRole,
    ProgrammeStatus,
)
from programmes.querysets import ObligationQuerySet, PartnershipQuerySet, ProgrammeQuerySet, ReportQuerySet


class Theme(models.Model):
    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=150)
    meaning = models.TextField(blank=True, help_text="In plain English, shown beside the theme.")
    source = models.TextField(blank=True)

    class Meta:
        ordering = ("name",)
        constraints = [models.CheckConstraint(name="theme_has_a_name", condition=~Q(name=""))]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class Programme(models.Model):
    MOVES = {
        ProgrammeStatus.EXPLORING: {ProgrammeStatus.ANNOUNCED, ProgrammeStatus.ACTIVE, ProgrammeStatus.STOPPED},
        ProgrammeStatus.ANNOUNCED: {ProgrammeStatus.ACTIVE, ProgrammeStatus.STOPPED},
        ProgrammeStatus.ACTIVE: {ProgrammeStatus.COMPLETED, ProgrammeStatus.STOPPED},
    }

    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=200)
    short_name = models.CharField(max_length=40, blank=True)
    kind = models.CharField(max_length=12, choices=ProgrammeKind.choices, default=ProgrammeKind.PROGRAMME)
    status = models.CharField(max_length=12, choices=ProgrammeStatus.choices, default=ProgrammeStatus.EXPLORING)
    status_note = models.CharField(max_length=300, blank=True)
    aim = models.TextField(blank=True)
    summary = models.TextField(blank=True)
    design = models.TextField(blank=True)
    starts_on = models.DateField(null=True, blank=True)
    starts_precision = models.CharField(max_length=6, choices=Precision.choices, default=Precision.DAY)
    ends_on = models.DateField(null=True, blank=True)
    ends_precision = models.CharField(max_length=6, choices=Precision.choices, default=Precision.DAY)
    themes = models.ManyToManyField(Theme, blank=True, related_name="programmes")
    public_from = models.DateTimeField(null=True, blank=True)
    is_demonstration = models.BooleanField(default=False)
    unverified = models.TextField(blank=True, help_text="What could not be confirmed.")
    source = models.TextField(blank=True)

    objects = ProgrammeQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = [
            models.CheckConstraint(name="programme_known_status", condition=Q(status__in=ProgrammeStatus.values)),
            models.CheckConstraint(name="programme_known_kind", condition=Q(kind__in=ProgrammeKind.values)),
            models.CheckConstraint(
                name="programme_ends_after_it_starts",
                condition=Q(ends_on__isnull=True) | Q(starts_on__isnull=True) | Q(ends_on__gte=F("starts_on")),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("programme", args=[self.slug])

    @property
    def known_as(self) -> str:
        return self.short_name or self.name


class Strand(models.Model):
    """A part of a programme with its own call or its own evaluation."""

    programme = models.ForeignKey(Programme, on_delete=models.CASCADE, related_name="strands")
    slug = models.SlugField(max_length=80)
    name = models.CharField(max_length=200)
    summary = models.TextField(blank=True)
    design = models.TextField(blank=True)
    source = models.TextField(blank=True)

    class Meta:
        ordering = ("programme", "name")
        constraints = [models.UniqueConstraint(name="strand_once", fields=("programme", "slug"))]

    def __str__(self) -> str:
        return self.name


class Wave(models.Model):
    """A numbered batch of partners."""

    programme = models.ForeignKey(Programme, on_delete=models.CASCADE, related_name="waves")
    number = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=100, blank=True)
    starts_on = models.DateField(null=True, blank=True)
    ends_on = models.DateField(null=True, blank=True)
    places = models.PositiveSmallIntegerField(null=True, blank=True)
    selected = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="The number announced, where names are not all known."
    )
    unit = models.CharField(max_length=40, default="organisation", help_text="What the numbers count.")
    source = models.TextField(blank=True)

    class Meta:
        ordering = ("programme", "number")
        constraints = [
            models.UniqueConstraint(name="wave_once", fields=("programme", "number")),
            models.CheckConstraint(name="wave_counts_from_one", condition=Q(number__gte=1)),
        ]

    def __str__(self) -> str:
        return self.name or f"Wave {self.number}"


class Funding(models.Model):
    programme = models.ForeignKey(Programme, on_delete=models.CASCADE, related_name="fundings")
    funder = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="fundings", null=True, blank=True)
    amount = models.DecimalField("amount in pounds", max_digits=14, decimal_places=2, null=True, blank=True)
    period = models.CharField(max_length=150, blank=True)
    note = models.CharField(max_length=300, blank=True)
    source = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="funding_is_positive", condition=Q(amount__isnull=True) | Q(amount__gt=0))
        ]

    def __str__(self) -> str:
        return f"{self.programme}: £{self.amount:,.0f}" if self.amount else f"{self.programme}: amount unknown"


class Involvement(models.Model):
    """An organisation does something in a programme other than being a partner in it: funds, delivers, develops."""

    programme = models.ForeignKey(Programme, on_delete=models.CASCADE, related_name="involvements")
    strand = models.ForeignKey(Strand, on_delete=models.CASCADE, null=True, blank=True, related_name="involvements")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="involvements")
    role = models.CharField(max_length=12, choices=ProgrammeRole.choices)
    note = models.CharField(max_length=300, blank=True)
    source = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="involvement_once", fields=("programme", "strand", "organisation", "role"), nulls_distinct=False
            ),
            models.CheckConstraint(name="involvement_known_role", condition=Q(role__in=ProgrammeRole.values)),
        ]

    def __str__(self) -> str:
        return f"{self.organisation}: {self.get_role_display()}"


class Happening(models.Model):
    """Something that happened on a date known more or less exactly; of a programme, or of the centre when none is named."""

    programme = models.ForeignKey(Programme, on_delete=models.CASCADE, null=True, blank=True, related_name="happenings")
    strand = models.ForeignKey(Strand, on_delete=models.CASCADE, null=True, blank=True, related_name="happenings")
    on = models.DateField(null=True, blank=True)
    precision = models.CharField(max_length=6, choices=Precision.choices, default=Precision.DAY)
    told_as = models.CharField(
        max_length=100, blank=True, help_text="The date in words, where it cannot be put into a day."
    )
    what = models.CharField(max_length=300)
    detail = models.TextField(blank=True)
    source = models.TextField(blank=True)

    class Meta:
        ordering = ("on", "pk")
        constraints = [
            models.UniqueConstraint(
                name="happening_once", fields=("programme", "strand", "on", "what"), nulls_distinct=False
            ),
            models.CheckConstraint(name="happening_has_a_date", condition=Q(on__isnull=False) | ~Q(told_as="")),
        ]

    def __str__(self) -> str:
        return self.what


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


@pghistory.track()
class Obligation(models.Model):
    """Something that a partnership owes by a moment: a report, a signature, a return."""

    MOVES = {
        ObligationStatus.OWED: {ObligationStatus.RECEIVED, ObligationStatus.WAIVED},
        ObligationStatus.RECEIVED: {ObligationStatus.QUERIED, ObligationStatus.ACCEPTED},
        ObligationStatus.QUERIED: {ObligationStatus.RECEIVED, ObligationStatus.WAIVED},
    }

    partnership = models.ForeignKey(Partnership, on_delete=models.CASCADE, related_name="obligations")
    kind = models.CharField(max_length=20, choices=ObligationKind.choices)
    title = models.CharField(max_length=200)
    guidance = models.TextField(blank=True)
    due_at = models.DateTimeField()
    due_version = models.PositiveIntegerField(
        default=1, help_text="Rises when the due date moves, so that reminders are asked for anew."
    )
    status = models.CharField(max_length=10, choices=ObligationStatus.choices, default=ObligationStatus.OWED)
    received_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    waived_reason = models.TextField(blank=True)
    is_demonstration = models.BooleanField(default=False)

    objects = ObligationQuerySet.as_manager()

    class Meta:
        ordering = ("due_at", "pk")
        constraints = [
            models.CheckConstraint(name="obligation_known_kind", condition=Q(kind__in=ObligationKind.values)),
            models.CheckConstraint(name="obligation_known_status", condition=Q(status__in=ObligationStatus.values)),
            models.CheckConstraint(
                name="obligation_settled_by_somebody",
                condition=Q(settled_at__isnull=True, settled_by__isnull=True)
                | Q(settled_at__isnull=False, settled_by__isnull=False),
            ),
            models.CheckConstraint(
                name="obligation_waived_with_a_reason", condition=~Q(status="waived") | ~Q(waived_reason="")
            ),
            models.CheckConstraint(
                name="obligation_received_has_a_moment",
                condition=Q(status__in=("owed", "waived")) | Q(received_at__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=("status", "due_at"), name="obligation_due")]

    def __str__(self) -> str:
        return f"{self.title} ({self.partnership.organisation})"

    def get_absolute_url(self) -> str:
        return reverse("programmes:obligation", args=[self.pk])

    @property
    def is_report(self) -> bool:
        return self.kind in REPORTS

    @property
    def is_outstanding(self) -> bool:
        return self.status in OUTSTANDING

    @property
    def is_late(self) -> bool:
        return self.is_outstanding and self.due_at < timezone.now()


class Report(models.Model):
    """One version of what a partner sent, or is writing. A question by staff opens the next version."""

    obligation = models.ForeignKey(Obligation, on_delete=models.CASCADE, related_name="reports")
    number = models.PositiveSmallIntegerField(default=1)
    activity = models.TextField("what happened since the last report", blank=True)
    families_reached = models.PositiveIntegerField("families reached", null=True, blank=True)
    staff_involved = models.PositiveIntegerField("practitioners and managers who took part", null=True, blank=True)
    learning = models.TextField("what you learned", blank=True)
    changes = models.TextField("what changed, and why", blank=True)
    risks = models.TextField("risks, and what you do about them", blank=True)
    help_needed = models.TextField("help that you need from us", blank=True)
    next_steps = models.TextField("what happens next", blank=True)
    base_version = models.PositiveIntegerField(
        default=0, help_text="Rises with every save, so that a stale page is noticed."
    )
    saved_at = models.DateTimeField(default=timezone.now)
    saved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    submitted_at = models.DateTimeField(null=True, blank=True)
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = ReportQuerySet.as_manager()

    class Meta:
        ordering = ("obligation", "number")
        constraints = [
            models.UniqueConstraint(name="report_version_once", fields=("obligation", "number")),
            models.CheckConstraint(
                name="report_submitted_by_somebody",
                condition=Q(submitted_at__isnull=True, submitted_by__isnull=True)
                | Q(submitted_at__isnull=False, submitted_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.obligation.title}, version {self.number}"


class ReportQuestion(models.Model):
    """A question by staff about a report, and what the partner answered."""

    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="questions")
    text = models.TextField()
    asked_at = models.DateTimeField(default=timezone.now)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("asked_at",)
        constraints = [models.CheckConstraint(name="report_question_says_something", condition=~Q(text=""))]

    def __str__(self) -> str:
        return self.text[:80]
