"""The public evidence store: what is known of each practice, outcome by outcome, with every rating there has been."""

from datetime import datetime

import pghistory
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.timezone import localdate

from evaluations.models import Evaluation
from evidence_store.choices import Axis, EntryStatus, Polarity
from evidence_store.querysets import SEEN_BY_THE_PUBLIC, EntryQuerySet, FindingQuerySet, RatingQuerySet
from programmes.models import Programme, Theme


class RatingScheme(models.Model):
    """A published way of rating, in one version. Levels are rows, because scales change."""

    key = models.SlugField(max_length=40)
    version = models.CharField(max_length=20)
    name = models.CharField(max_length=150)
    about = models.TextField(blank=True)
    valid_from = models.DateField(null=True, blank=True)
    valid_until = models.DateField(null=True, blank=True)
    source = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(name="scheme_once", fields=("key", "version"))]

    def __str__(self) -> str:
        return f"{self.name} ({self.version})"


class RatingLevel(models.Model):
    """One level on one axis. ``number`` is what the store printed; empty where it printed a word or nothing."""

    scheme = models.ForeignKey(RatingScheme, on_delete=models.CASCADE, related_name="levels")
    axis = models.CharField(max_length=8, choices=Axis.choices)
    code = models.SlugField(max_length=40)
    label = models.CharField(max_length=80)
    number = models.SmallIntegerField(null=True, blank=True)
    order = models.SmallIntegerField(help_text="For sorting; a level without a number has a place too.")
    meaning = models.TextField(blank=True)
    unverified = models.TextField(blank=True)

    class Meta:
        ordering = ("scheme", "axis", "order")
        constraints = [
            models.UniqueConstraint(name="level_once", fields=("scheme", "axis", "code")),
            models.CheckConstraint(name="level_known_axis", condition=Q(axis__in=Axis.values)),
        ]

    def __str__(self) -> str:
        return self.label


class Outcome(models.Model):
    slug = models.SlugField(max_length=100, unique=True)
    name = models.CharField(max_length=200)
    polarity = models.CharField(max_length=8, choices=Polarity.choices, default=Polarity.HIGHER)
    meaning = models.TextField(blank=True)

    class Meta:
        ordering = ("name",)
        constraints = [models.CheckConstraint(name="outcome_known_polarity", condition=Q(polarity__in=Polarity.values))]

    def __str__(self) -> str:
        return self.name


class Review(models.Model):
    """A systematic or other review on which ratings rest."""

    authors = ArrayField(models.CharField(max_length=150), default=list, blank=True)
    year = models.PositiveSmallIntegerField(null=True, blank=True)
    title = models.CharField(max_length=400, blank=True)
    publisher = models.CharField(max_length=300, blank=True)
    doi = models.CharField(max_length=120, blank=True)
    url = models.URLField(max_length=400, blank=True)
    source = models.TextField(blank=True)

    class Meta:
        ordering = ("year", "title")
        constraints = [
            models.UniqueConstraint(name="review_once", fields=("title", "year", "authors"), nulls_distinct=False),
            models.CheckConstraint(name="review_can_be_named", condition=~Q(title="") | ~Q(authors=[])),
        ]

    def __str__(self) -> str:
        return self.title or ", ".join(self.authors)

    @property
    def named(self) -> str:
        """Short form for a line of text: MacBeth and others (2015)."""
        first = self.authors[0].rsplit(" ", 1)[0] if self.authors else self.title
        others = (
            " and others"
            if len(self.authors) > 2
            else (f" and {self.authors[1].rsplit(' ', 1)[0]}" if len(self.authors) == 2 else "")
        )
        return f"{first}{others}" + (f" ({self.year})" if self.year else "")

    @property
    def address(self) -> str:
        return f"https://doi.org/{self.doi}" if self.doi else self.url


@pghistory.track()
class Entry(models.Model):
    """A practice or intervention in the store."""

    MOVES = {
        EntryStatus.DRAFT: {EntryStatus.PUBLISHED, EntryStatus.WITHDRAWN},
        EntryStatus.PUBLISHED: {EntryStatus.SUPERSEDED, EntryStatus.WITHDRAWN},
        EntryStatus.SUPERSEDED: {EntryStatus.PUBLISHED, EntryStatus.WITHDRAWN},
    }

    slug = models.SlugField(max_length=120, unique=True)
    title = models.CharField(max_length=200)
    status = models.CharField(max_length=12, choices=EntryStatus.choices, default=EntryStatus.DRAFT)
    summary = models.TextField(blank=True)
    what_it_is = models.TextField(blank=True)
    how_it_works = models.TextField("how it is meant to work", blank=True)
    who_it_is_for = models.TextField(blank=True)
    where_studied = models.TextField(blank=True)
    in_england = models.TextField("what it means for England", blank=True)
    costs = models.TextField(blank=True)
    limits = models.TextField(blank=True)
    synonyms = ArrayField(models.CharField(max_length=120), default=list, blank=True)
    themes = models.ManyToManyField(Theme, blank=True, related_name="entries")
    programmes = models.ManyToManyField(Programme, blank=True, related_name="entries")
    evaluations = models.ManyToManyField(Evaluation, blank=True, related_name="entries")
    reviewed_on = models.DateField(null=True, blank=True)
    next_review_on = models.DateField(null=True, blank=True)
    successor = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="replaces")
    status_reason = models.TextField(blank=True)
    public_from = models.DateTimeField(null=True, blank=True)
    is_demonstration = models.BooleanField(default=False)
    unverified = models.TextField(blank=True)
    source = models.TextField(blank=True)
    search = SearchVectorField(null=True, editable=False)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = EntryQuerySet.as_manager()

    class Meta:
        ordering = ("title",)
        verbose_name_plural = "entries"
        constraints = [
            models.CheckConstraint(name="entry_known_status", condition=Q(status__in=EntryStatus.values)),
            models.CheckConstraint(
                name="entry_published_has_a_moment", condition=~Q(status="published") | Q(public_from__isnull=False)
            ),
            models.CheckConstraint(
                name="entry_gone_with_a_reason",
                condition=~Q(status__in=("superseded", "withdrawn")) | ~Q(status_reason=""),
            ),
            models.CheckConstraint(name="entry_is_not_its_own_successor", condition=~Q(successor=F("pk"))),
        ]
        indexes = [GinIndex(fields=("search",), name="entry_search", fastupdate=False)]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("evidence_store:entry", args=[self.slug])

    def is_public(self, at: datetime | None = None) -> bool:
        return (
            self.status in SEEN_BY_THE_PUBLIC
            and self.public_from is not None
            and self.public_from <= (at or timezone.now())
        )

    @property
    def is_past_review(self) -> bool:
        return self.next_review_on is not None and self.next_review_on < localdate()


class FormerAddress(models.Model):
    """An address under which an entry used to live; it redirects for good."""

    path = models.CharField(max_length=200, unique=True)
    entry = models.ForeignKey(Entry, on_delete=models.CASCADE, related_name="former_addresses")

    class Meta:
        verbose_name_plural = "former addresses"
        constraints = [models.CheckConstraint(name="former_address_has_a_path", condition=~Q(path=""))]

    def __str__(self) -> str:
        return self.path


class Finding(models.Model):
    """What is known about one outcome of one practice. Ratings hang here, never on the practice as a whole."""

    entry = models.ForeignKey(Entry, on_delete=models.CASCADE, related_name="findings")
    outcome = models.ForeignKey(Outcome, on_delete=models.PROTECT, related_name="findings")
    population = models.TextField(blank=True)
    comparator = models.CharField(max_length=200, blank=True)
    note = models.TextField(blank=True)
    source = models.TextField(blank=True)

    objects = FindingQuerySet.as_manager()

    class Meta:
        ordering = ("entry", "outcome__name")
        constraints = [models.UniqueConstraint(name="finding_once", fields=("entry", "outcome", "comparator"))]

    def __str__(self) -> str:
        return f"{self.entry}: {self.outcome}"


class Rating(models.Model):
    """One dated judgement of a finding on both axes. Never changed: a new judgement is a new row with a reason."""

    finding = models.ForeignKey(Finding, on_delete=models.CASCADE, related_name="ratings")
    effect = models.ForeignKey(RatingLevel, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    strength = models.ForeignKey(RatingLevel, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    studies = models.PositiveSmallIntegerField("number of studies", null=True, blank=True)
    review = models.ForeignKey(Review, on_delete=models.PROTECT, null=True, blank=True, related_name="ratings")
    evaluation = models.ForeignKey(Evaluation, on_delete=models.PROTECT, null=True, blank=True, related_name="ratings")
    assessed_on = models.DateField(null=True, blank=True)
    assessor = models.CharField(max_length=200, blank=True)
    reason = models.TextField(help_text="Why this rating; for a changed one, what changed and why.")
    is_current = models.BooleanField(default=True)
    public_from = models.DateTimeField(null=True, blank=True)
    recorded_at = models.DateTimeField(default=timezone.now)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    is_demonstration = models.BooleanField(default=False)
    source = models.TextField(blank=True)

    objects = RatingQuerySet.as_manager()

    class Meta:
        ordering = ("finding", "-recorded_at", "-pk")
        constraints = [
            models.UniqueConstraint(name="rating_one_current", fields=("finding",), condition=Q(is_current=True)),
            models.CheckConstraint(name="rating_has_a_reason", condition=~Q(reason="")),
            models.CheckConstraint(
                name="rating_effect_never_without_strength",
                condition=Q(effect__isnull=True) | Q(strength__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.finding}: {self.effect or 'not rated'} / {self.strength or 'not rated'}"

    @property
    def is_held_back(self) -> bool:
        return self.public_from is None or self.public_from > timezone.now()

    @property
    def effect_mark(self) -> int | str | None:
        """What the meter draws: a number, or a word where the scale has no number."""
        if self.effect is None:
            return None
        return self.effect.code if self.effect.number is None else self.effect.number

    @property
    def strength_mark(self) -> int | str | None:
        if self.strength is None:
            return None
        return self.strength.code if self.strength.number is None else self.strength.number

    @property
    def effect_said(self) -> str:
        return self.effect.label if self.effect else "No rating seen"

    @property
    def strength_said(self) -> str:
        return self.strength.label if self.strength else "No rating seen"
