"""Applications: what an organisation sends to a call, with every text there has been."""

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from calls.choices import ApplicationStatus
from calls.models.calls import MOST_GRACE, Call, Question
from calls.querysets import ApplicationQuerySet
from partners.models import Organisation
from programmes.models import Partnership

# What every application says of its practice, whatever the call asks besides.
DETAILS = ("practice_name", "summary", "group", "lead_role", "sponsor_role")


@pghistory.track()
class Application(models.Model):
    """What one organisation sends to one call. It belongs to the organisation, not to the person who began it."""

    MOVES = {
        ApplicationStatus.DRAFT: {ApplicationStatus.SUBMITTED, ApplicationStatus.WITHDRAWN},
        ApplicationStatus.SUBMITTED: {
            ApplicationStatus.DRAFT,
            ApplicationStatus.WITHDRAWN,
            ApplicationStatus.INELIGIBLE,
            ApplicationStatus.ELIGIBLE,
        },
        ApplicationStatus.ELIGIBLE: {
            ApplicationStatus.DECIDED,
            ApplicationStatus.WITHDRAWN,
            ApplicationStatus.INELIGIBLE,
        },
        # An applicant does not know the verdict yet, so withdrawing must work as for everybody who is being assessed.
        ApplicationStatus.INELIGIBLE: {ApplicationStatus.ELIGIBLE, ApplicationStatus.TOLD, ApplicationStatus.WITHDRAWN},
        ApplicationStatus.DECIDED: {ApplicationStatus.ELIGIBLE, ApplicationStatus.TOLD, ApplicationStatus.WITHDRAWN},
        ApplicationStatus.TOLD: {ApplicationStatus.ACCEPTED, ApplicationStatus.DECLINED},
    }

    call = models.ForeignKey(Call, on_delete=models.PROTECT, related_name="applications")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="applications")
    reference = models.CharField(max_length=30, unique=True)
    status = models.CharField(max_length=10, choices=ApplicationStatus.choices, default=ApplicationStatus.DRAFT)
    practice_name = models.CharField(max_length=200, blank=True)
    summary = models.TextField("the practice in two or three sentences", blank=True)
    group = models.CharField("who it is for", max_length=150, blank=True)
    lead_role = models.CharField("office of the named lead", max_length=150, blank=True)
    sponsor_role = models.CharField("office of the senior sponsor", max_length=150, blank=True)
    with_organisations = models.ManyToManyField(Organisation, blank=True, related_name="joint_applications")
    version = models.PositiveIntegerField(default=0)
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    started_at = models.DateTimeField(default=timezone.now)
    submitted_at = models.DateTimeField(null=True, blank=True)
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    seconds_late = models.PositiveSmallIntegerField(
        default=0, help_text="Begun before closing, arrived after it, within the grace of the call."
    )
    ineligible_reason = models.TextField(blank=True)
    partnership = models.OneToOneField(
        Partnership, on_delete=models.PROTECT, null=True, blank=True, related_name="application"
    )
    is_demonstration = models.BooleanField(default=False)

    objects = ApplicationQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints = [
            models.CheckConstraint(name="application_known_status", condition=Q(status__in=ApplicationStatus.values)),
            models.UniqueConstraint(
                name="application_one_for_each_organisation",
                fields=("call", "organisation"),
                condition=~Q(status="withdrawn"),
            ),
            models.CheckConstraint(
                name="application_submitted_by_somebody",
                condition=Q(submitted_at__isnull=True, submitted_by__isnull=True)
                | Q(submitted_at__isnull=False, submitted_by__isnull=False),
            ),
            models.CheckConstraint(
                name="application_sent_has_a_moment",
                condition=Q(status__in=("draft", "withdrawn")) | Q(submitted_at__isnull=False),
            ),
            models.CheckConstraint(
                name="application_late_within_the_grace_of_any_call",
                condition=Q(seconds_late=0) | Q(seconds_late__range=(1, MOST_GRACE), submitted_at__isnull=False),
            ),
            models.CheckConstraint(
                name="application_ineligible_with_a_reason",
                condition=~Q(status="ineligible") | ~Q(ineligible_reason=""),
            ),
        ]
        indexes = [models.Index(fields=("call", "status"), name="application_by_call")]

    def __str__(self) -> str:
        return f"{self.reference}: {self.organisation}"

    def get_absolute_url(self) -> str:
        return reverse("calls:application", args=[self.pk])

    @property
    def is_draft(self) -> bool:
        return self.status == ApplicationStatus.DRAFT

    @property
    def shown_status(self) -> str:
        """The status that applicants may know: a decision is "being assessed" until they have been told."""
        undisclosed = (ApplicationStatus.ELIGIBLE, ApplicationStatus.INELIGIBLE, ApplicationStatus.DECIDED)
        return ApplicationStatus.ELIGIBLE if self.status in undisclosed else self.status

    @property
    def shown_status_label(self) -> str:
        return str(ApplicationStatus(self.shown_status).label)


class Answer(models.Model):
    """The present text of one answer. ``version`` rises with each save; a save against an older one is a conflict."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="answers")
    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="answers")
    text = models.TextField(blank=True)
    version = models.PositiveIntegerField(default=1)
    saved_at = models.DateTimeField(default=timezone.now)
    saved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ("application", "question__position")
        constraints = [models.UniqueConstraint(name="answer_once", fields=("application", "question"))]

    def __str__(self) -> str:
        return self.text[:80]


class AnswerRevision(models.Model):
    """An earlier text of an answer, so that nothing that was typed is ever lost."""

    answer = models.ForeignKey(Answer, on_delete=models.CASCADE, related_name="revisions")
    version = models.PositiveIntegerField()
    text = models.TextField(blank=True)
    saved_at = models.DateTimeField()
    saved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    was_overtaken = models.BooleanField(
        default=False, help_text="Typed against an older text; kept beside it, not in its place."
    )

    class Meta:
        ordering = ("answer", "-pk")
        constraints = [models.CheckConstraint(name="revision_counts_from_zero", condition=Q(version__gte=0))]

    def __str__(self) -> str:
        return f"Version {self.version}"


class DetailRevision(models.Model):
    """An earlier text of one of the details that every application has, kept like that of an answer."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="detail_revisions")
    field = models.CharField(max_length=20, choices=[(name, name) for name in DETAILS])
    text = models.TextField(blank=True)
    saved_at = models.DateTimeField()
    saved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    was_overtaken = models.BooleanField(default=False)
    is_current = models.BooleanField(default=False, help_text="This is the text that the application has now.")

    class Meta:
        ordering = ("application", "-pk")
        constraints = [
            models.CheckConstraint(name="detail_revision_known_field", condition=Q(field__in=DETAILS)),
            models.UniqueConstraint(
                name="detail_revision_one_current", fields=("application", "field"), condition=Q(is_current=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.field} at {self.saved_at:%Y-%m-%d %H:%M}"
