"""Programmes with their strands and waves, who pays and who delivers, and what happened when."""

import pghistory
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from partners.models import Organisation
from programmes.choices import Precision, ProgrammeKind, ProgrammeRole, ProgrammeStatus
from programmes.querysets import ProgrammeQuerySet


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
