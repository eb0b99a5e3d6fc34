"""Which files of facts were loaded, row by row."""

from django.db import models
from django.db.models import Q
from django.utils import timezone


class FactFile(models.Model):
    """One file of facts that was loaded: where it comes from, and what is unknown. Shown on the page about the data."""

    name = models.CharField(max_length=80, unique=True)
    position = models.PositiveSmallIntegerField(default=0)
    title = models.CharField(max_length=150)
    what = models.TextField(blank=True)
    source = models.TextField(blank=True)
    licence = models.CharField(max_length=150, blank=True)
    taken_on = models.DateField(null=True, blank=True)
    unknown = models.TextField(blank=True, help_text="What is missing or could not be confirmed.")
    loaded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("position", "name")
        constraints = [models.CheckConstraint(name="fact_file_has_a_name", condition=~Q(name=""))]

    def __str__(self) -> str:
        return self.title


class LoadedFact(models.Model):
    """One row of a file as it was last loaded. While the row stays the same, its record belongs to the staff who edit it."""

    file = models.ForeignKey(FactFile, on_delete=models.CASCADE, related_name="rows")
    key = models.CharField(max_length=500)
    fingerprint = models.CharField(max_length=64)
    record_id = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="loaded_fact_once", fields=("file", "key")),
            models.CheckConstraint(name="loaded_fact_has_a_key", condition=~Q(key="")),
        ]

    def __str__(self) -> str:
        return self.key
