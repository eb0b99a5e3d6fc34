"""Organisations, under all the names and codes that they have had, and what became of them."""

from datetime import date

import pghistory
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from partners.choices import AuthorityType, CodeScheme, GroupKind, NameKind, OrganisationKind, Region
from partners.querysets import DatedQuerySet, OrganisationQuerySet


@pghistory.track()
class Organisation(models.Model):
    """An authority, trust, charity or other body. ``name`` is what it is called today; ``names`` holds all with dates."""

    slug = models.SlugField(max_length=120, unique=True)
    kind = models.CharField(max_length=20, choices=OrganisationKind.choices)
    name = models.CharField(max_length=200)
    region = models.CharField(max_length=9, choices=Region.choices, blank=True)
    authority_type = models.CharField(max_length=20, choices=AuthorityType.choices, blank=True)
    latitude = models.DecimalField(max_digits=8, decimal_places=5, null=True, blank=True)
    longitude = models.DecimalField(max_digits=8, decimal_places=5, null=True, blank=True)
    tile_column = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Place on the tile map, from the west."
    )
    tile_row = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Place on the tile map, from the north."
    )
    exists_from = models.DateField(null=True, blank=True)
    exists_until = models.DateField(null=True, blank=True, help_text="The first day on which it exists no more.")
    web_domain = models.CharField(max_length=120, blank=True)
    about = models.TextField(blank=True)
    is_public = models.BooleanField(default=True)
    is_demonstration = models.BooleanField(default=False)
    source = models.TextField(blank=True)

    objects = OrganisationQuerySet.as_manager()

    class Meta:
        ordering = ("name", "slug")
        constraints = [
            models.CheckConstraint(name="organisation_known_kind", condition=Q(kind__in=OrganisationKind.values)),
            models.CheckConstraint(name="organisation_known_region", condition=Q(region__in=["", *Region.values])),
            models.CheckConstraint(
                name="organisation_known_authority_type", condition=Q(authority_type__in=["", *AuthorityType.values])
            ),
            models.CheckConstraint(name="organisation_has_a_name", condition=~Q(name="")),
            models.CheckConstraint(
                name="organisation_ends_after_it_starts",
                condition=Q(exists_until__isnull=True)
                | Q(exists_from__isnull=True)
                | Q(exists_until__gt=F("exists_from")),
            ),
            models.CheckConstraint(
                name="organisation_place_is_whole",
                condition=Q(latitude__isnull=True, longitude__isnull=True)
                | Q(latitude__range=(-90, 90), longitude__range=(-180, 180)),
            ),
            models.UniqueConstraint(
                name="organisation_one_to_a_tile", fields=("tile_column", "tile_row"), nulls_distinct=True
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("partner", args=[self.slug])

    @property
    def is_authority(self) -> bool:
        return self.kind == OrganisationKind.LOCAL_AUTHORITY

    def existed_on(self, day: date) -> bool:
        return (self.exists_from is None or self.exists_from <= day) and (
            self.exists_until is None or day < self.exists_until
        )

    def grade_on(self, day: date) -> str:
        """The last overall Ofsted grade published by that day; empty when there was none."""
        latest = self.inspections.published_by(day).with_an_overall_grade().order_by("-published_on").first()
        return latest.overall if latest else ""


class OrganisationName(models.Model):
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="names")
    kind = models.CharField(max_length=10, choices=NameKind.choices)
    name = models.CharField(max_length=200)
    valid_from = models.DateField(null=True, blank=True)
    valid_until = models.DateField(null=True, blank=True)
    source = models.TextField(blank=True)

    objects = DatedQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="name_known_kind", condition=Q(kind__in=NameKind.values)),
            models.CheckConstraint(
                name="name_ends_after_it_starts",
                condition=Q(valid_until__isnull=True) | Q(valid_from__isnull=True) | Q(valid_until__gt=F("valid_from")),
            ),
            models.UniqueConstraint(
                name="name_once", fields=("organisation", "kind", "name", "valid_from"), nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        return self.name


class OrganisationCode(models.Model):
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="codes")
    scheme = models.CharField(max_length=5, choices=CodeScheme.choices)
    code = models.CharField(max_length=12)
    valid_from = models.DateField(null=True, blank=True)
    valid_until = models.DateField(null=True, blank=True)

    objects = DatedQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="code_known_scheme", condition=Q(scheme__in=CodeScheme.values)),
            models.CheckConstraint(
                name="code_ends_after_it_starts",
                condition=Q(valid_until__isnull=True) | Q(valid_from__isnull=True) | Q(valid_until__gt=F("valid_from")),
            ),
            models.UniqueConstraint(
                name="code_one_current_owner", fields=("scheme", "code"), condition=Q(valid_until__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_scheme_display()} {self.code}"


class Succession(models.Model):
    """One authority took over the work, or part of the area, of another."""

    predecessor = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="successions_out")
    successor = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="successions_in")
    on = models.DateField()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="succession_once", fields=("predecessor", "successor")),
            models.CheckConstraint(name="succession_between_two", condition=~Q(predecessor=F("successor"))),
        ]

    def __str__(self) -> str:
        return f"{self.predecessor} to {self.successor}"


class Service(models.Model):
    """A trust ran, or runs, children's services for an authority. The authority keeps the statutory duty."""

    provider = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="services_provided")
    authority = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="services_received")
    starts_on = models.DateField(null=True, blank=True)
    ends_on = models.DateField(null=True, blank=True)
    legal_form = models.CharField(max_length=150, blank=True)
    note = models.TextField(blank=True)
    unverified = models.TextField(blank=True, help_text="What could not be confirmed.")
    source = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="service_once", fields=("provider", "authority", "starts_on"), nulls_distinct=False
            ),
            models.CheckConstraint(
                name="service_ends_after_it_starts",
                condition=Q(ends_on__isnull=True) | Q(starts_on__isnull=True) | Q(ends_on__gt=F("starts_on")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} for {self.authority}"


class Part(models.Model):
    """An organisation belongs to a larger one for a time: a consortium, a combined authority."""

    whole = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="parts")
    part = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="wholes")
    role = models.CharField(max_length=100, blank=True)
    starts_on = models.DateField(null=True, blank=True)
    ends_on = models.DateField(null=True, blank=True)

    class Meta:
        verbose_name = "part of an organisation"
        verbose_name_plural = "parts of organisations"
        constraints = [
            models.UniqueConstraint(name="part_once", fields=("whole", "part", "starts_on"), nulls_distinct=False),
            models.CheckConstraint(name="part_of_another", condition=~Q(whole=F("part"))),
        ]

    def __str__(self) -> str:
        return f"{self.part} in {self.whole}"


class Group(models.Model):
    """An advisory group, panel or board: what it is for, and when it was announced."""

    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=150)
    kind = models.CharField(max_length=12, choices=GroupKind.choices)
    purpose = models.TextField(blank=True)
    membership = models.TextField(blank=True)
    announced = models.CharField(max_length=60, blank=True, help_text="As precisely as it is known.")
    source = models.TextField(blank=True)

    class Meta:
        constraints = [models.CheckConstraint(name="group_known_kind", condition=Q(kind__in=GroupKind.values))]

    def __str__(self) -> str:
        return self.name
