"""Calls: what they say and ask, what is asked about them, and how they changed once they were published."""

from datetime import datetime, timedelta
from math import ceil

import pghistory
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from calls.choices import CallKind, CallStatus, PlacesUnit, QuestionKind
from calls.querysets import CallQuerySet
from partners.choices import Grade, OrganisationKind
from programmes.models import Programme, Strand, Wave

MOST_GRACE = 120  # seconds


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
    grace_seconds = models.PositiveSmallIntegerField(
        default=0,
        help_text="How long after closing an application may arrive whose sending was begun before. Said on the public page.",
    )
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
            models.CheckConstraint(name="call_grace_is_short", condition=Q(grace_seconds__range=(0, MOST_GRACE))),
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

    def may_still_receive(self, at: datetime) -> bool:
        """Closed, and something whose sending was begun before may be under way."""
        grace = timedelta(seconds=self.grace_seconds)
        return bool(grace) and self.closes_at is not None and self.closes_at <= at <= self.closes_at + grace

    def seconds_late(self, at: datetime, *, begun_at: datetime | None) -> int | None:
        """How late a sending is that was begun in time: whole seconds, from 1. None: it is too late, or was not begun in time.

        Both moments are read from our own clock. Only sending has this grace; writing ends when the call closes.
        """
        if (
            self.status != CallStatus.PUBLISHED
            or self.closes_at is None
            or self.opens_at is None
            or begun_at is None
            or not self.opens_at <= begun_at < self.closes_at
            or not self.may_still_receive(at)
        ):
            return None
        return max(1, ceil((at - self.closes_at).total_seconds()))

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


class MorePlaces(models.Model):
    """The number of places raised after the call was published, with a reason that is shown. It is never lowered."""

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="more_places")
    was = models.PositiveSmallIntegerField()
    now = models.PositiveSmallIntegerField()
    reason = models.TextField()
    made_at = models.DateTimeField(default=timezone.now)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("made_at",)
        verbose_name_plural = "more places"
        constraints = [
            models.CheckConstraint(name="more_places_are_more", condition=Q(now__gt=F("was"))),
            models.CheckConstraint(name="more_places_have_a_reason", condition=~Q(reason="")),
        ]

    def __str__(self) -> str:
        return f"{self.call}: {self.was} to {self.now}"


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
