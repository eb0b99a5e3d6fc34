"""What a partnership owes, and the reports that it sends."""

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from programmes.choices import OUTSTANDING, REPORTS, ObligationKind, ObligationStatus
from programmes.models.partnerships import Partnership
from programmes.querysets import ObligationQuerySet, ReportQuerySet

REPORT_TEXTS = ("activity", "learning", "changes", "risks", "help_needed", "next_steps")
REPORT_NUMBERS = ("families_reached", "staff_involved")
REPORT_FIELDS = (*REPORT_TEXTS, *REPORT_NUMBERS)


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


class ReportRevision(models.Model):
    """The texts that a field of a report has had: the present one, earlier ones, and what came second to a colleague's."""

    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="revisions")
    field = models.CharField(max_length=20, choices=[(name, name) for name in REPORT_FIELDS])
    text = models.TextField(blank=True)
    saved_at = models.DateTimeField()
    saved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    was_overtaken = models.BooleanField(
        default=False, help_text="Typed against an older text; kept beside it, not in its place."
    )
    is_current = models.BooleanField(default=False, help_text="This is the text that the report has now.")

    class Meta:
        ordering = ("report", "-pk")
        constraints = [
            models.CheckConstraint(name="report_revision_known_field", condition=Q(field__in=REPORT_FIELDS)),
            models.UniqueConstraint(
                name="report_revision_one_current", fields=("report", "field"), condition=Q(is_current=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.field} at {self.saved_at:%Y-%m-%d %H:%M}"


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
