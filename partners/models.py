"""Organisations, under all the names, codes and grades they have had, and the people who act for them."""

from datetime import date, datetime

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.timezone import localdate

from partners.choices import (
    AgreementKind,
    AgreementStatus,
    AuthorityType,
    CodeScheme,
    Grade,
    GroupKind,
    InvitationPurpose,
    MembershipRole,
    NameKind,
    OrganisationKind,
    Region,
)
from partners.querysets import (
    AgreementQuerySet,
    DatedQuerySet,
    InspectionQuerySet,
    InvitationQuerySet,
    MembershipQuerySet,
    OrganisationQuerySet,
)
from people.choices import StaffRole


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


class Inspection(models.Model):
    """One Ofsted inspection report under ILACS, with the grades it gave."""

    authority = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="inspections")
    published_on = models.DateField()
    started_on = models.DateField(null=True, blank=True)
    ended_on = models.DateField(null=True, blank=True)
    framework = models.CharField(max_length=60, blank=True)
    overall = models.CharField(max_length=20, choices=Grade.choices, blank=True)
    leaders = models.CharField(max_length=20, choices=Grade.choices, blank=True)
    help_and_protection = models.CharField(max_length=20, choices=Grade.choices, blank=True)
    in_care = models.CharField(max_length=20, choices=Grade.choices, blank=True)
    care_leavers = models.CharField(max_length=20, choices=Grade.choices, blank=True)
    report_url = models.URLField(max_length=300, blank=True)

    objects = InspectionQuerySet.as_manager()

    class Meta:
        ordering = ("-published_on",)
        constraints = [
            models.UniqueConstraint(
                name="inspection_once", fields=("authority", "published_on", "started_on"), nulls_distinct=False
            ),
            models.CheckConstraint(name="inspection_known_grade", condition=Q(overall__in=["", *Grade.values])),
        ]

    def __str__(self) -> str:
        return f"{self.authority}, {self.published_on:%d %B %Y}: {self.get_overall_display()}"


class AuthorityYear(models.Model):
    """Official figures of one authority for the year that ends on 31 March. Null means that no figure was found."""

    authority = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="years")
    year = models.PositiveSmallIntegerField(help_text="The year ends on 31 March of this one.")
    children = models.PositiveIntegerField("children aged 0 to 17", null=True, blank=True)
    children_in_care = models.PositiveIntegerField("children in care on 31 March", null=True, blank=True)
    children_in_care_rate = models.DecimalField(
        "in care per 10,000 children", max_digits=6, decimal_places=1, null=True, blank=True
    )
    started_care = models.PositiveIntegerField("children who came into care", null=True, blank=True)
    started_care_rate = models.DecimalField(
        "came into care per 10,000", max_digits=6, decimal_places=1, null=True, blank=True
    )
    left_care = models.PositiveIntegerField("children who left care", null=True, blank=True)
    left_care_rate = models.DecimalField("left care per 10,000", max_digits=6, decimal_places=1, null=True, blank=True)
    children_in_need = models.PositiveIntegerField("children in need on 31 March", null=True, blank=True)
    protection_plans = models.PositiveIntegerField("child protection plans on 31 March", null=True, blank=True)
    referrals = models.PositiveIntegerField("referrals in the year", null=True, blank=True)
    rereferral_percent = models.DecimalField(
        "referred again within 12 months (%)", max_digits=5, decimal_places=1, null=True, blank=True
    )
    turnover_percent = models.DecimalField(
        "social worker turnover (%)", max_digits=5, decimal_places=1, null=True, blank=True
    )
    agency_percent = models.DecimalField(
        "agency social workers (%)", max_digits=5, decimal_places=1, null=True, blank=True
    )
    vacancy_percent = models.DecimalField(
        "social worker vacancies (%)", max_digits=5, decimal_places=1, null=True, blank=True
    )
    average_caseload = models.DecimalField("average caseload", max_digits=5, decimal_places=1, null=True, blank=True)
    absence_percent = models.DecimalField(
        "social worker absence (%)", max_digits=5, decimal_places=1, null=True, blank=True
    )

    class Meta:
        ordering = ("authority", "-year")
        constraints = [
            models.UniqueConstraint(name="authority_year_once", fields=("authority", "year")),
            models.CheckConstraint(name="authority_year_is_a_year", condition=Q(year__range=(2000, 2100))),
        ]

    def __str__(self) -> str:
        return f"{self.authority}, year to March {self.year}"


class Neighbour(models.Model):
    """DfE's list of the ten authorities most like this one."""

    authority = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="neighbours")
    neighbour = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="neighbour_of")
    rank = models.PositiveSmallIntegerField()
    closeness = models.CharField(max_length=30, blank=True)

    class Meta:
        ordering = ("authority", "rank")
        verbose_name = "statistical neighbour"
        constraints = [
            models.UniqueConstraint(name="neighbour_one_at_each_rank", fields=("authority", "rank")),
            models.CheckConstraint(name="neighbour_is_another", condition=~Q(authority=F("neighbour"))),
        ]

    def __str__(self) -> str:
        return f"{self.neighbour} ({self.rank})"


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


class Membership(models.Model):
    """A person acts for an organisation, in a role, from one day to another."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=10, choices=MembershipRole.choices)
    starts_on = models.DateField(default=localdate)
    ends_on = models.DateField(null=True, blank=True, help_text="The first day on which it no longer holds.")

    objects = MembershipQuerySet.as_manager()

    class Meta:
        ordering = ("organisation", "starts_on")
        constraints = [
            models.CheckConstraint(name="membership_known_role", condition=Q(role__in=MembershipRole.values)),
            models.CheckConstraint(
                name="membership_ends_after_it_starts",
                condition=Q(ends_on__isnull=True) | Q(ends_on__gte=F("starts_on")),
            ),
            models.UniqueConstraint(
                name="membership_one_current_each", fields=("person", "organisation"), condition=Q(ends_on__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} at {self.organisation}"


INVITATION_DAYS = 7


class Invitation(models.Model):
    """A way in for one e-mail address. Only the hash of its secret is kept."""

    purpose = models.CharField(max_length=10, choices=InvitationPurpose.choices)
    email = models.EmailField(max_length=254)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, null=True, blank=True, related_name="invitations"
    )
    role = models.CharField(max_length=10, choices=MembershipRole.choices, blank=True)
    staff_role = models.CharField(max_length=20, choices=StaffRole.choices, blank=True)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    invited_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ("-invited_at",)
        constraints = [
            models.CheckConstraint(
                name="invitation_fits_its_purpose",
                condition=(Q(purpose="member", organisation__isnull=False, staff_role="") & ~Q(role=""))
                | (Q(purpose="staff", organisation__isnull=True, role="") & ~Q(staff_role=""))
                | Q(purpose="assessor", organisation__isnull=True, role="", staff_role=""),
            ),
            models.CheckConstraint(
                name="invitation_accepted_by_somebody",
                condition=Q(accepted_at__isnull=True, accepted_by__isnull=True)
                | Q(accepted_at__isnull=False, accepted_by__isnull=False),
            ),
            models.CheckConstraint(name="invitation_expires_later", condition=Q(expires_at__gt=F("invited_at"))),
        ]

    def __str__(self) -> str:
        return f"{self.get_purpose_display()}: {self.email}"

    def is_open(self, at: datetime | None = None) -> bool:
        return self.accepted_at is None and self.withdrawn_at is None and (at or timezone.now()) < self.expires_at


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


class FactFile(models.Model):
    """One file of facts that was loaded: where it comes from, and what is unknown. Shown on the page about the data."""

    name = models.CharField(max_length=80, unique=True)
    position = models.PositiveSmallIntegerField(default=0)
    title = models.CharField(max_length=150)
    what = models.TextField(blank=True)
    source = models.TextField(blank=True)
    licence = models.CharField(max_length=150, blank=True)
    taken_on = models.DateField(null=True, blank=True)
    unknown = models.TextField(blank=True, help_text="What is missing or could not be confirmed.")
    loaded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("position", "name")
        constraints = [models.CheckConstraint(name="fact_file_has_a_name", condition=~Q(name=""))]

    def __str__(self) -> str:
        return self.title


class LoadedFact(models.Model):
    """One row of a file as it was last loaded. While the row stays the same, its record belongs to the staff who edit it."""

    file = models.ForeignKey(FactFile, on_delete=models.CASCADE, related_name="rows")
    key = models.CharField(max_length=500)
    fingerprint = models.CharField(max_length=64)
    record_id = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="loaded_fact_once", fields=("file", "key")),
            models.CheckConstraint(name="loaded_fact_has_a_key", condition=~Q(key="")),
        ]

    def __str__(self) -> str:
        return self.key
