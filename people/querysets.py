from datetime import date
from typing import Any, Self

from django.contrib.auth.base_user import BaseUserManager
from django.db import models
from django.db.models import Q
from django.utils.timezone import localdate


class PersonQuerySet(models.QuerySet):
    def active(self) -> Self:
        return self.filter(is_active=True)

    def staff(self, on: date | None = None) -> Self:
        day = on or localdate()
        held = Q(posts__starts_on__lte=day) & (Q(posts__ends_on__isnull=True) | Q(posts__ends_on__gt=day))
        return self.active().filter(Q(is_superuser=True) | held).distinct()

    def for_list(self) -> Self:
        return self.prefetch_related("posts").order_by("name", "email")


class PostQuerySet(models.QuerySet):
    def held_on(self, day: date) -> Self:
        """Posts that have started and not ended on that day; the last day itself is not held any more."""
        return self.filter(Q(ends_on__isnull=True) | Q(ends_on__gt=day), starts_on__lte=day)


class PersonManager(BaseUserManager.from_queryset(PersonQuerySet)):  # type: ignore[misc]
    def create_user(self, email: str, password: str | None = None, **fields: object) -> Any:
        person = self.model(email=self.normalize_email(email).strip().lower(), **fields)
        person.set_password(password)
        person.save(using=self._db)
        return person

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> Any:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> models.Model:
        return self.get(email__iexact=username)
