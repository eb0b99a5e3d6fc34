"""The outbox. A row here, committed with its cause, is the truth about a mail; the broker only rings a bell."""

from hashlib import sha256

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from notices.choices import RELEASED_WITH_THEIR_CAUSE, NoticeKind, NoticeStatus
from notices.querysets import NoticeQuerySet, PauseQuerySet, SuppressionQuerySet


class Notice(models.Model):
    """One mail to one address. ``key`` says what must not happen twice."""

    MOVES = {
        NoticeStatus.HELD: {NoticeStatus.PENDING, NoticeStatus.CANCELLED},
        NoticeStatus.PENDING: {NoticeStatus.LEASED, NoticeStatus.CANCELLED, NoticeStatus.SUPPRESSED, NoticeStatus.DEAD},
        NoticeStatus.LEASED: {NoticeStatus.SENT, NoticeStatus.PENDING, NoticeStatus.DEAD, NoticeStatus.CANCELLED},
        NoticeStatus.DEAD: {NoticeStatus.PENDING, NoticeStatus.CANCELLED},
        NoticeStatus.SUPPRESSED: {NoticeStatus.PENDING, NoticeStatus.CANCELLED},
    }

    key = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=10, choices=NoticeKind.choices)
    template = models.CharField(max_length=120)
    template_version = models.CharField(max_length=16, blank=True, default="")
    status = models.CharField(max_length=12, choices=NoticeStatus.choices, default=NoticeStatus.PENDING)
    priority = models.SmallIntegerField(default=20)

    to = models.EmailField(max_length=254)
    person_id = models.BigIntegerField(null=True, blank=True)
    subject_type = models.CharField(max_length=60, blank=True, default="")
    subject_id = models.BigIntegerField(null=True, blank=True)
    kept_from = ArrayField(
        models.BigIntegerField(),
        default=list,
        blank=True,
        help_text="Numbers of the staff who do not see this mail, because they judge independently or declared a conflict.",
    )
    context = models.JSONField(
        default=dict, blank=True, help_text="Ids of what it is about, where it is written when it is sent."
    )
    subject = models.CharField(max_length=250, blank=True, default="")
    body_text = models.TextField(blank=True, default="")
    body_html = models.TextField(blank=True, default="")

    created_at = models.DateTimeField(default=timezone.now)
    first_due_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="After this moment the mail is no use and is not sent."
    )
    attempts = models.PositiveIntegerField(default=0)
    lease_token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    wire_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    message_id = models.CharField(max_length=250, unique=True)
    words_hash = models.CharField(
        max_length=64, blank=True, default="", help_text="Of the words that were handed to the mail server."
    )
    error = models.CharField(max_length=500, blank=True, default="")
    handled_at = models.DateTimeField(null=True, blank=True)
    is_demonstration = models.BooleanField(default=False)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        verbose_name = "mail"
        verbose_name_plural = "mail"
        ordering = ("-id",)
        indexes = [
            models.Index(fields=("priority", "due_at", "id"), name="notice_due", condition=Q(status="pending")),
            models.Index(fields=("lease_until",), name="notice_leased", condition=Q(status="leased")),
            models.Index(fields=("subject_type", "subject_id"), name="notice_by_subject"),
        ]
        constraints = [
            models.CheckConstraint(name="notice_known_status", condition=Q(status__in=NoticeStatus.values)),
            models.CheckConstraint(name="notice_known_kind", condition=Q(kind__in=NoticeKind.values)),
            models.CheckConstraint(name="notice_has_a_key", condition=~Q(key="")),
            models.CheckConstraint(
                name="notice_sent_has_a_moment",
                condition=(Q(status="sent") & Q(sent_at__isnull=False)) | (~Q(status="sent") & Q(sent_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="notice_lease_is_whole",
                condition=Q(lease_token__isnull=True, lease_until__isnull=True)
                | Q(lease_token__isnull=False, lease_until__isnull=False),
            ),
            models.CheckConstraint(
                name="notice_leased_has_a_lease", condition=~Q(status="leased") | Q(lease_token__isnull=False)
            ),
            models.CheckConstraint(
                name="notice_expires_after_it_is_due",
                condition=Q(expires_at__isnull=True) | Q(expires_at__gte=F("first_due_at")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject or self.template} ({self.get_status_display().lower()})"

    @property
    def is_released_by_hand(self) -> bool:
        """Held, and nothing else waits for the same moment: the result of a call is told when its letters go."""
        return self.status == NoticeStatus.HELD and self.subject_type not in RELEASED_WITH_THEIR_CAUSE

    @property
    def was_perhaps_sent(self) -> bool:
        """The mail had reached the wire when its sender stopped: a receiver may see it twice, under one Message-ID."""
        return self.wire_at is not None and self.sent_at is None


class Wording(models.Model):
    """Words that many got: kept once, under their hash, when the first of these mails reaches the wire. They name no reader."""

    hash = models.CharField(max_length=64, unique=True)
    template = models.CharField(max_length=120)
    template_version = models.CharField(max_length=16)
    subject = models.CharField(max_length=250)
    body_text = models.TextField()
    body_html = models.TextField()
    first_used_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(name="wording_has_a_hash", condition=Q(hash__regex="^[0-9a-f]{64}$")),
            models.CheckConstraint(name="wording_says_something", condition=~Q(subject="") & ~Q(body_text="")),
        ]

    def __str__(self) -> str:
        return self.subject


class Attempt(models.Model):
    """What happened to a mail, in the order in which it happened. Appended only."""

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="attempt_rows")
    at = models.DateTimeField(default=timezone.now)
    what = models.CharField(max_length=30)
    detail = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        ordering = ("id",)
        constraints = [models.CheckConstraint(name="attempt_says_what", condition=~Q(what=""))]

    def __str__(self) -> str:
        return f"{self.what} {self.detail}".strip()


class Suppression(models.Model):
    """An address that must not be written to: it bounced, complained, or asked us to stop."""

    address_hash = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the lower-case address.")
    reason = models.CharField(max_length=200)
    since = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField(null=True, blank=True)
    only_bulk = models.BooleanField(default=False, help_text="Announcements only: letters and reminders still go.")

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="suppression_ends_after_it_starts", condition=Q(until__isnull=True) | Q(until__gt=F("since"))
            )
        ]

    def __str__(self) -> str:
        return f"Suppressed since {self.since:%Y-%m-%d}: {self.reason}"

    @staticmethod
    def hash_of(address: str) -> str:
        return sha256(address.strip().lower().encode()).hexdigest()


class RefusalRun(models.Model):
    """How often in a row the mail server refused the words of a template. The row goes with the next mail that is taken."""

    template = models.CharField(max_length=120, unique=True)
    in_a_row = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(name="refusalrun_has_a_template", condition=~Q(template="")),
            models.CheckConstraint(name="refusalrun_counts_something", condition=Q(in_a_row__gte=1)),
        ]

    def __str__(self) -> str:
        return f"{self.template}: {self.in_a_row}"


class Pause(models.Model):
    """A template whose mail waits, because the mail server kept refusing its words.

    Somebody asks that it be tried again: then one mail goes, and nothing else until the server has answered. What is taken
    ends the pause; what is refused leaves it as it was before anybody asked.
    """

    template = models.CharField(max_length=120)
    since = models.DateTimeField(default=timezone.now)
    why = models.CharField(max_length=500, help_text="What the mail server said last.")
    tried_at = models.DateTimeField(null=True, blank=True)
    tried_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    trial = models.ForeignKey(
        Notice,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="The one mail that goes ahead; empty while none is due.",
    )
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = PauseQuerySet.as_manager()

    class Meta:
        ordering = ("since", "id")
        constraints = [
            models.UniqueConstraint(
                name="pause_one_for_each_template", fields=("template",), condition=Q(ended_at=None)
            ),
            models.CheckConstraint(name="pause_has_a_template", condition=~Q(template="")),
            models.CheckConstraint(name="pause_says_why", condition=~Q(why="")),
            models.CheckConstraint(
                name="pause_tried_by_somebody",
                condition=Q(tried_at__isnull=True, tried_by__isnull=True)
                | Q(tried_at__isnull=False, tried_by__isnull=False),
            ),
            models.CheckConstraint(
                name="pause_trial_was_asked_for", condition=Q(trial__isnull=True) | Q(tried_at__isnull=False)
            ),
            models.CheckConstraint(
                name="pause_ended_by_somebody",
                condition=Q(ended_at__isnull=True, ended_by__isnull=True)
                | Q(ended_at__isnull=False, ended_by__isnull=False),
            ),
            models.CheckConstraint(
                name="pause_ends_after_a_trial",
                condition=Q(ended_at__isnull=True) | Q(tried_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.template}, paused since {self.since:%Y-%m-%d %H:%M}"


class Allowance(models.Model):
    """How many mails the mail server may still be given: a bucket that fills at MAIL_RATE, shared by all senders."""

    name = models.CharField(max_length=30, unique=True)
    left = models.FloatField(help_text="Below zero where mail about signing in went ahead of its turn.")
    filled_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(name="allowance_has_a_name", condition=~Q(name=""))]

    def __str__(self) -> str:
        return f"{self.name}: {self.left:.0f}"


class Pulse(models.Model):
    """The last time each part of the machinery was alive, for the health page."""

    name = models.CharField(max_length=30, unique=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(name="pulse_has_a_name", condition=~Q(name=""))]

    def __str__(self) -> str:
        return f"{self.name} {self.at:%Y-%m-%d %H:%M:%S}"
