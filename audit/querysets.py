from typing import Self

from django.db import models


class EventQuerySet(models.QuerySet):
    def about(self, subject: models.Model) -> Self:
        """Events of one record, oldest first."""
        return self.filter(subject_type=subject._meta.label_lower, subject_id=subject.pk).order_by("id")

    def for_list(self) -> Self:
        return self.order_by("-id")
