"""Who did what, when and why. Rows are appended, chained by hash in the database, and never changed."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from audit.querysets import EventQuerySet


class Event(models.Model):
    """One thing that a person, or the clock, did to one record.

    ``position``, ``previous_hash`` and ``hash`` are written by a trigger when the transaction commits (migration 0002), so
    that two transactions never wait for one another before their end. No foreign keys: an event outlives its record,
    and holds numbers instead of names, so that erasing a person does not break the chain.
    """

    at = models.DateTimeField(db_default=Now(), editable=False)
    verb = models.CharField(max_length=60)
    subject_type = models.CharField(max_length=60)
    subject_id = models.BigIntegerField(null=True)
    person_id = models.BigIntegerField(null=True)
    details = models.JSONField(default=dict)
    request_id = models.CharField(max_length=40, blank=True, default="")
    position = models.BigIntegerField(null=True, unique=True, editable=False)
    previous_hash = models.CharField(max_length=64, blank=True, default="", editable=False)
    hash = models.CharField(max_length=64, blank=True, default="", editable=False)

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        indexes = [models.Index(fields=("subject_type", "subject_id", "id"), name="audit_event_by_subject")]
        constraints = [
            models.CheckConstraint(name="audit_event_has_a_verb", condition=~Q(verb="")),
            models.CheckConstraint(
                name="audit_event_chained_whole",
                condition=Q(position__isnull=True, hash="") | (Q(position__isnull=False) & ~Q(hash="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.verb} {self.subject_type} {self.subject_id or ''}".strip()
