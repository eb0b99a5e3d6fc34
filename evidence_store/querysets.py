from datetime import datetime
from typing import Any, Self

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.db.models.functions import Greatest
from django.utils import timezone

from evidence_store.choices import EntryStatus

# What was withdrawn answers that it is gone; its findings and ratings are shown nowhere, what was replaced keeps them.
SEEN_BY_THE_PUBLIC = (EntryStatus.PUBLISHED, EntryStatus.SUPERSEDED, EntryStatus.WITHDRAWN)
READ_BY_THE_PUBLIC = (EntryStatus.PUBLISHED, EntryStatus.SUPERSEDED)
CONFIGURATION = "evidence"


def _sees_all(person: Any) -> bool:
    return bool(getattr(person, "is_centre_staff", False))


class EntryQuerySet(models.QuerySet):
    def visible_to(self, person: Any) -> Self:
        """Withdrawn and replaced entries stay visible as such; drafts and embargoed entries do not."""
        return self if _sees_all(person) else self.public()

    def public(self) -> Self:
        return self.filter(status__in=SEEN_BY_THE_PUBLIC, public_from__lte=timezone.now())

    def current(self) -> Self:
        return self.filter(status=EntryStatus.PUBLISHED)

    def past_review(self, day: Any) -> Self:
        return self.current().filter(next_review_on__lt=day)

    def matching(self, words: str) -> Any:
        """Every word must occur, as in a web search: "quotes" for phrases, OR between words, a minus to leave out."""
        query = SearchQuery(words, config=CONFIGURATION, search_type="websearch")
        # Shorter entries are not better entries: rank by where the words stand (title first), not by length.
        return self.filter(search=query).annotate(rank=SearchRank(F("search"), query))


class FindingQuerySet(models.QuerySet):
    def shown_to(self, person: Any) -> Self:
        """Findings of entries that can be read. One whose ratings are all held back is held back with them."""
        if _sees_all(person):
            return self
        model: Any = self.model
        ratings = model.ratings.rel.related_model.objects
        of_this = ratings.filter(finding=OuterRef("pk"))
        entries = model.entry.field.related_model.objects.public().filter(status__in=READ_BY_THE_PUBLIC)
        return self.filter(
            ~Exists(of_this) | Exists(of_this.filter(public_from__lte=timezone.now())), entry__in=entries.values("pk")
        )


class RatingQuerySet(models.QuerySet):
    def visible_to(self, person: Any) -> Self:
        """A rating is public when its entry can be read and its own moment has come."""
        if _sees_all(person):
            return self
        now = timezone.now()
        return self.filter(
            finding__entry__status__in=READ_BY_THE_PUBLIC, finding__entry__public_from__lte=now, public_from__lte=now
        )

    def shown_to(self, person: Any) -> Self:
        """For each finding the newest rating that this person may see: what stands on the page as *the* rating.

        ``is_current`` marks the newest recorded one, which may still be held back. Until its moment comes the one before
        stands, as if there were no other.
        """
        everything: Any = self.model._default_manager
        visible = everything.visible_to(person)
        newest = (
            visible.filter(finding=OuterRef("finding")).order_by("-is_current", "-recorded_at", "-pk").values("pk")[:1]
        )
        return self.filter(pk=Subquery(newest))

    def newest_first(self) -> Self:
        return self.order_by("finding", "-is_current", "-recorded_at", "-pk")

    def current(self) -> Self:
        return self.filter(is_current=True)

    def held_back(self, at: datetime | None = None) -> Self:
        return self.filter(Q(public_from__isnull=True) | Q(public_from__gt=at or timezone.now()))

    def became_public_since(self, moment: datetime) -> Self:
        return self.filter(public_from__gt=moment, public_from__lte=timezone.now())

    def with_moment(self) -> Any:
        """When it became known to the public: not before it was recorded, not before its moment."""
        return self.annotate(moment=Greatest("public_from", "recorded_at", "finding__entry__public_from"))

    def for_list(self) -> Self:
        return self.select_related("finding__entry", "finding__outcome", "effect", "strength", "review", "evaluation")
