"""Calls, the applications they receive, how these are assessed and what is decided."""

import re
import unicodedata
from datetime import datetime

import pghistory
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from calls.choices import (
    ApplicationStatus,
    AssessmentStatus,
    CallKind,
    CallStatus,
    Outcome,
    PlacesUnit,
    QuestionKind,
)
from calls.querysets import ApplicationQuerySet, AssessmentQuerySet, CallQuerySet
from partners.choices import Grade, OrganisationKind
from partners.models import Organisation
from programmes.models import Partnership, Programme, Strand, Wave

HIGHEST_MARK = 4

# Control characters that word processors leave behind; line ends and tabs stay.
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff]")


def tidy(text: str) -> str:
    """Text as it is stored: line ends alike, nothing that cannot be printed or kept, no blanks around it. Words stay as typed."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    text = text.encode("utf-8", errors="replace").decode("utf-8")
    return unicodedata.normalize("NFC", UNPRINTABLE.sub("", text)).strip()


def words_in(text: str) -> int:
    """The one counter of words. The counter in the browser follows the same rule: split on white space."""
    return len(tidy(text).split())


@pghistory.track()
class Call(models.Model):
    MOVES = {
        CallStatus.DRAFT: {CallStatus.APPROVED, CallStatus.CANCELLED},
        CallStatus.APPROVED: {CallStatus.PUBLISHED, CallStatus.DRAFT, CallStatus.CANCELLED},
        CallStatus.PUBLISHED: {CallStatus.ASSESSING, CallStatus.CANCELLED},
        CallStatus.ASSESSING: {CallStatus.DECIDED, CallStatus.CANCELLED},
        CallStatus.DECIDED: {CallStatus.ANNOUNCED, CallStatus.ASSESSING},
        CallStatus.ANNOUNCED: {CallStatus.ARCHIVED},
    }

    slug = models.SlugField(max_length=100, unique=True)
    kind = models.CharField(max_length=12, choices=CallKind.choices, default=CallKind.PARTNERS)
    status = models.CharField(max_length=10, choices=CallStatus.choices, default=CallStatus.DRAFT)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="calls")
    strand = models.ForeignKey(Strand, on_delete=models.PROTECT, null=True, blank=True, related_name="calls")
    wave = models.ForeignKey(Wave, on_delete=models.PROTECT, null=True, blank=True, related_name="calls")
    title = models.CharField(max_length=200)
    purpose = models.TextField(help_text="Why this call, and what it sets out to learn.")
    gap = models.TextField("gap in the evidence", blank=True)
    who_may_apply = models.TextField()
    offered = models.TextField("what partners receive", blank=True)
    asked = models.TextField("what is asked of partners", blank=True)
    consultation = models.TextField(
        blank=True, help_text="Who was asked about this call before it opened, and what changed."
    )
    eligible_kinds = ArrayField(
        models.CharField(max_length=20, choices=OrganisationKind.choices), default=list, blank=True
    )
    eligible_grades = ArrayField(models.CharField(max_length=20, choices=Grade.choices), default=list, blank=True)
    eligible_on = models.DateField(null=True, blank=True, help_text="The day on which eligibility is looked up.")
    places = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Up to how many. Empty: no fixed number."
    )
    places_unit = models.CharField(max_length=12, choices=PlacesUnit.choices, default=PlacesUnit.ORGANISATION)
    opens_at = models.DateTimeField(null=True, blank=True)
    closes_at = models.DateTimeField(null=True, blank=True)
    closes_version = models.PositiveIntegerField(default=1)
    questions_until = models.DateTimeField(null=True, blank=True)
    public_from = models.DateTimeField(null=True, blank=True)
    assess_by = models.DateTimeField(
        null=True, blank=True, help_text="When assessors are asked to have sent their scores."
    )
    assessors_each = models.PositiveSmallIntegerField("assessors for each application", default=2)
    respond_within_days = models.PositiveSmallIntegerField(
        default=14, help_text="Days that a partner has to accept an offer."
    )
    contact_email = models.EmailField(blank=True)
    cancelled_reason = models.TextField(blank=True, help_text="Shown to everybody on the page of the call.")
    results_on = models.DateField(null=True, blank=True, help_text="The day on which results were made known.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    is_demonstration = models.BooleanField(default=False)
    source = models.TextField(blank=True)

    objects = CallQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="call_known_kind", condition=Q(kind__in=CallKind.values)),
            models.CheckConstraint(name="call_known_status", condition=Q(status__in=CallStatus.values)),
            models.CheckConstraint(
                name="call_closes_after_it_opens",
                condition=Q(closes_at__isnull=True) | Q(opens_at__isnull=True) | Q(closes_at__gt=F("opens_at")),
            ),
            models.CheckConstraint(
                name="call_published_has_its_moments",
                condition=Q(status__in=("draft", "approved", "cancelled"))
                | Q(opens_at__isnull=False, closes_at__isnull=False, public_from__isnull=False)
                # A call of the past, whose closing day nobody recorded, is not given an invented one.
                | Q(status="archived", opens_at__isnull=False, public_from__isnull=False),
            ),
            models.CheckConstraint(name="call_has_a_place", condition=Q(places__isnull=True) | Q(places__gte=1)),
            models.CheckConstraint(
                name="call_cancelled_in_public_with_a_reason",
                condition=~Q(status="cancelled") | Q(public_from__isnull=True) | ~Q(cancelled_reason=""),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("calls:call", args=[self.slug])

    def is_open(self, at: datetime | None = None) -> bool:
        now = at or timezone.now()
        return (
            self.status == CallStatus.PUBLISHED
            and self.opens_at is not None
            and self.closes_at is not None
            and self.opens_at <= now < self.closes_at
        )

    def has_closed(self, at: datetime | None = None) -> bool:
        return self.closes_at is not None and self.closes_at <= (at or timezone.now())

    def opens_later(self, at: datetime | None = None) -> bool:
        return (
            self.status == CallStatus.PUBLISHED and self.opens_at is not None and (at or timezone.now()) < self.opens_at
        )

    def takes_enquiries(self, at: datetime | None = None) -> bool:
        """Until the day for questions, or else the closing moment; also before the call opens."""
        until = self.questions_until or self.closes_at
        return self.status == CallStatus.PUBLISHED and until is not None and (at or timezone.now()) < until

    @property
    def stage(self) -> str:
        """Where a reader would say that the call is; open and closed follow from its moments."""
        if self.status != CallStatus.PUBLISHED:
            return self.status
        return "opening" if self.opens_later() else "closed" if self.has_closed() else "open"

    @property
    def stage_label(self) -> str:
        words = {"opening": "Opens later", "open": "Open", "closed": "Closed"}
        return words.get(self.stage, self.get_status_display())


class Extension(models.Model):
    """The closing moment moved, for everybody, with a reason that is shown."""

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="extensions")
    was = models.DateTimeField()
    now = models.DateTimeField()
    reason = models.TextField()
    made_at = models.DateTimeField(default=timezone.now)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("made_at",)
        constraints = [
            models.CheckConstraint(name="extension_goes_forward", condition=Q(now__gt=F("was"))),
            models.CheckConstraint(name="extension_has_a_reason", condition=~Q(reason="")),
        ]

    def __str__(self) -> str:
        return f"{self.call}: to {self.now:%Y-%m-%d %H:%M}"


class Follower(models.Model):
    """A person who wants to hear when something about a call changes."""

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="followers")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    since = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(name="follower_once", fields=("call", "person"))]

    def __str__(self) -> str:
        return f"{self.person_id} follows {self.call}"


class Question(models.Model):
    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="questions")
    position = models.PositiveSmallIntegerField()
    section = models.CharField(max_length=100)
    text = models.CharField(max_length=300)
    guidance = models.TextField(blank=True)
    kind = models.CharField(max_length=10, choices=QuestionKind.choices, default=QuestionKind.LONG_TEXT)
    word_limit = models.PositiveSmallIntegerField(null=True, blank=True)
    is_required = models.BooleanField(default=True)

    class Meta:
        ordering = ("call", "position")
        constraints = [
            models.UniqueConstraint(
                name="question_one_at_each_position", fields=("call", "position"), deferrable=models.Deferrable.DEFERRED
            ),
            models.CheckConstraint(name="question_known_kind", condition=Q(kind__in=QuestionKind.values)),
            models.CheckConstraint(
                name="question_limit_is_a_number_of_words", condition=Q(word_limit__isnull=True) | Q(word_limit__gte=1)
            ),
        ]

    def __str__(self) -> str:
        return self.text


class Criterion(models.Model):
    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="criteria")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=150)
    guidance = models.TextField(blank=True, help_text="What a high and a low mark look like.")
    weight = models.PositiveSmallIntegerField(default=1)

    class Meta:
        ordering = ("call", "position")
        verbose_name_plural = "criteria"
        constraints = [
            models.UniqueConstraint(
                name="criterion_one_at_each_position",
                fields=("call", "position"),
                deferrable=models.Deferrable.DEFERRED,
            ),
            models.CheckConstraint(name="criterion_has_weight", condition=Q(weight__range=(1, 100))),
        ]

    def __str__(self) -> str:
        return self.name


class Enquiry(models.Model):
    """A question about a call, answered for everybody. Who asked is not published."""

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="enquiries")
    text = models.TextField()
    asked_at = models.DateTimeField(default=timezone.now)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    answer = models.TextField(blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ("asked_at",)
        verbose_name_plural = "enquiries"
        constraints = [
            models.CheckConstraint(name="enquiry_says_something", condition=~Q(text="")),
            models.CheckConstraint(
                name="enquiry_answered_by_somebody",
                condition=Q(answered_at__isnull=True, answered_by__isnull=True)
                | (Q(answered_at__isnull=False, answered_by__isnull=False) & ~Q(answer="")),
            ),
        ]

    def __str__(self) -> str:
        return self.text[:80]


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
        ApplicationStatus.INELIGIBLE: {ApplicationStatus.ELIGIBLE, ApplicationStatus.TOLD},
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
