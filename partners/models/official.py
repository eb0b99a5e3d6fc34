"""What others publish about an authority: inspections, official figures by year, and who is most like it."""

from django.db import models
from django.db.models import F, Q

from partners.choices import Grade
from partners.models.organisations import Organisation
from partners.querysets import InspectionQuerySet


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
