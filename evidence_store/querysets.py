from typing import Any, Self

from django.db import models
from django.utils import timezone

from evidence_store.choices import EntryStatus

SEEN_BY_THE_PUBLIC = (EntryStatus.PUBLISHED, EntryStatus.SUPERSEDED, EntryStatus.WITHDRAWN)


class EntryQuerySet(models.QuerySet):
    def visible_to(self, person: Any) -> Self:
        """Withdrawn and replaced entries stay visible as such; drafts and embargoed entries do not."""
        return self if getattr(person, "is_centre_staff", False) else self.public()

    def public(self) -> Self:
        return self.filter(status__in=SEEN_BY_THE_PUBLIC, public_from__lte=timezone.now())

    def current(self) -> Self:
        return self.filter(status=EntryStatus.PUBLISHED)


class RatingQuerySet(models.QuerySet):
    def visible_to(self, person: Any) -> Self:
        """A rating is public when its entry is and its own moment has come."""
        if getattr(person, "is_centre_staff", False):
            return self
        now = timezone.now()
        return self.filter(
            finding__entry__status__in=SEEN_BY_THE_PUBLIC, finding__entry__public_from__lte=now, public_from__lte=now
        )

    def current(self) -> Self:
        return self.filter(is_current=True)
