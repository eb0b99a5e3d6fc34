"""How applications are assessed, and what is decided of them."""

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from calls.choices import AssessmentStatus, Outcome
from calls.models.applications import Application
from calls.models.calls import Criterion
from calls.querysets import AssessmentQuerySet

HIGHEST_MARK = 4


@pghistory.track()
class Assessment(models.Model):
    """One assessor's independent view of one application, blind to the other's until both are in."""

    MOVES = {
        AssessmentStatus.ASSIGNED: {AssessmentStatus.STARTED, AssessmentStatus.CONFLICTED, AssessmentStatus.DECLINED},
        AssessmentStatus.STARTED: {AssessmentStatus.SUBMITTED, AssessmentStatus.CONFLICTED, AssessmentStatus.DECLINED},
    }

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="assessments")
    assessor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="assessments")
    status = models.CharField(max_length=10, choices=AssessmentStatus.choices, default=AssessmentStatus.ASSIGNED)
    assigned_at = models.DateTimeField(default=timezone.now)
    declared_no_conflict_at = models.DateTimeField(null=True, blank=True)
    conflict = models.TextField(blank=True, help_text="The nature of the conflict, as declared.")
    handed_back_reason = models.TextField(blank=True)
    overall_comment = models.TextField(blank=True)
    version = models.PositiveIntegerField(default=0)
    submitted_at = models.DateTimeField(null=True, blank=True)
    total = models.PositiveIntegerField(
        null=True, blank=True, help_text="Marks times weights, added up when the scores are sent."
    )
    is_demonstration = models.BooleanField(default=False)

    objects = AssessmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="assessment_once_each", fields=("application", "assessor")),
            models.CheckConstraint(name="assessment_known_status", condition=Q(status__in=AssessmentStatus.values)),
            models.CheckConstraint(
                name="assessment_declared_before_content",
                condition=~Q(status__in=("started", "submitted")) | Q(declared_no_conflict_at__isnull=False),
            ),
            models.CheckConstraint(
                name="assessment_conflict_is_described", condition=~Q(status="conflicted") | ~Q(conflict="")
            ),
            models.CheckConstraint(
                name="assessment_handed_back_with_a_reason", condition=~Q(status="declined") | ~Q(handed_back_reason="")
            ),
            models.CheckConstraint(
                name="assessment_submitted_has_a_moment",
                condition=~Q(status="submitted") | Q(submitted_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.application.reference} by {self.assessor_id}"

    def get_absolute_url(self) -> str:
        return reverse("calls:assessment", args=[self.pk])


class Score(models.Model):
    assessment = models.ForeignKey(Assessment, on_delete=models.CASCADE, related_name="scores")
    criterion = models.ForeignKey(Criterion, on_delete=models.PROTECT, related_name="scores")
    mark = models.PositiveSmallIntegerField(null=True, blank=True)
    comment = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="score_once", fields=("assessment", "criterion")),
            models.CheckConstraint(
                name="score_in_range", condition=Q(mark__isnull=True) | Q(mark__range=(0, HIGHEST_MARK))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.criterion}: {self.mark}"


class Moderation(models.Model):
    """The panel's mark where assessors differ by two or more. Their own marks stay as they were."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="moderations")
    criterion = models.ForeignKey(Criterion, on_delete=models.PROTECT, related_name="moderations")
    mark = models.PositiveSmallIntegerField()
    reason = models.TextField()
    made_at = models.DateTimeField(default=timezone.now)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="moderation_once", fields=("application", "criterion")),
            models.CheckConstraint(name="moderation_in_range", condition=Q(mark__range=(0, HIGHEST_MARK))),
            models.CheckConstraint(name="moderation_has_a_reason", condition=~Q(reason="")),
        ]

    def __str__(self) -> str:
        return f"{self.criterion}: {self.mark}"


class Difference(models.Model):
    """How far the assessors of an application are apart, read from all its marks whenever one of them counts anew.

    The board puts ten thousand applications in order by it. The marks stay the truth: ``figures.store_differences``.
    """

    application = models.OneToOneField(
        Application, on_delete=models.CASCADE, primary_key=True, related_name="difference"
    )
    widest = models.PositiveSmallIntegerField(help_text="Most marks between two assessors on one criterion.")
    spread = models.PositiveIntegerField(help_text="Between the highest and the lowest total, marks times weights.")
    unsettled = models.PositiveSmallIntegerField(help_text="Criteria that the panel still has to moderate.")

    class Meta:
        constraints = [
            models.CheckConstraint(name="difference_within_the_marks", condition=Q(widest__range=(0, HIGHEST_MARK)))
        ]

    def __str__(self) -> str:
        return f"{self.application_id}: {self.widest}"


@pghistory.track()
class Decision(models.Model):
    """What was decided of an application: staged first, told to the applicant later. *Decided* and *told* are two facts."""

    application = models.OneToOneField(Application, on_delete=models.CASCADE, related_name="decision")
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    reason = models.TextField(help_text="Kept by the centre.")
    feedback = models.TextField(blank=True, help_text="Goes into the letter.")
    reserve_rank = models.PositiveSmallIntegerField(null=True, blank=True)
    decided_at = models.DateTimeField(default=timezone.now)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    version = models.PositiveIntegerField(
        default=1, help_text="Rises when the decision changes, so that an old letter is withdrawn."
    )
    told_at = models.DateTimeField(null=True, blank=True)
    respond_by = models.DateTimeField(null=True, blank=True)
    extended_reason = models.TextField(blank=True, help_text="Why the partner was given longer to answer.")
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    declined_reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="decision_known_outcome", condition=Q(outcome__in=Outcome.values)),
            models.CheckConstraint(name="decision_has_a_reason", condition=~Q(reason="")),
            models.CheckConstraint(
                name="decision_rank_is_for_reserves", condition=Q(reserve_rank__isnull=True) | Q(outcome="reserve")
            ),
            models.CheckConstraint(
                name="decision_answered_by_somebody",
                condition=Q(answered_at__isnull=True, answered_by__isnull=True)
                | Q(answered_at__isnull=False, answered_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.application.reference}: {self.get_outcome_display()}"
