from typing import Any, Self

from django.db import models
from django.utils import timezone

from newsroom.choices import PostStatus


class PostQuerySet(models.QuerySet):
    def visible_to(self, person: Any) -> Self:
        if getattr(person, "is_centre_staff", False):
            return self
        return self.filter(status=PostStatus.APPROVED, public_from__lte=timezone.now())
