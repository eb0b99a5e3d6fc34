"""People who sign in. A person is known by e-mail; what they may do follows from dated roles, never from the account alone."""

from datetime import date
from functools import cached_property

from django.contrib.auth.models import AbstractBaseUser, PermissionsMixin
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.timezone import localdate

from people.choices import StaffRole
from people.querysets import PersonManager, PostQuerySet


class Person(AbstractBaseUser, PermissionsMixin):
    email = models.EmailField("e-mail address", max_length=254, unique=True)
    name = models.CharField(max_length=150, blank=True)
    job_title = models.CharField(max_length=150, blank=True)
    is_active = models.BooleanField("may sign in", default=True)
    is_staff = models.BooleanField("may open the back room", default=False)
    is_demonstration = models.BooleanField(default=False)
    joined_at = models.DateTimeField(default=timezone.now)

    objects = PersonManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        verbose_name_plural = "people"
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                name="person_one_per_email",
                violation_error_message="Somebody with this e-mail address is already here.",
            ),
            models.CheckConstraint(name="person_email_has_an_at", condition=Q(email__contains="@")),
        ]

    def __str__(self) -> str:
        return self.shown_name

    @property
    def shown_name(self) -> str:
        """Role before person: the job title leads where there is one."""
        return ", ".join(part for part in (self.job_title, self.name or self.email) if part)

    def get_full_name(self) -> str:
        return self.name or self.email

    @cached_property
    def staff_roles(self) -> frozenset[str]:
        """Staff roles held today. Asked once for each request, because a request has its own person."""
        if not self.is_active:
            return frozenset()
        return frozenset(PostQuerySet(Post).held_on(localdate()).filter(person=self).values_list("role", flat=True))

    def has_staff_role(self, *roles: str) -> bool:
        return self.is_active and (self.is_superuser or bool(self.staff_roles & set(roles)))

    @property
    def is_centre_staff(self) -> bool:
        return self.is_active and (self.is_superuser or bool(self.staff_roles))


class Post(models.Model):
    """A staff role that a person holds for a time."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="posts")
    role = models.CharField(max_length=20, choices=StaffRole.choices)
    starts_on = models.DateField(default=localdate)
    ends_on = models.DateField(null=True, blank=True, help_text="The first day on which the role is no longer held.")

    objects = PostQuerySet.as_manager()

    class Meta:
        verbose_name = "staff role"
        constraints = [
            models.CheckConstraint(name="post_known_role", condition=Q(role__in=StaffRole.values)),
            models.CheckConstraint(
                name="post_ends_after_it_starts", condition=Q(ends_on__isnull=True) | Q(ends_on__gte=F("starts_on"))
            ),
            models.UniqueConstraint(
                name="post_held_once", fields=("person", "role"), condition=Q(ends_on__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.get_role_display()}"

    def is_held_on(self, day: date) -> bool:
        return self.starts_on <= day and (self.ends_on is None or day < self.ends_on)
