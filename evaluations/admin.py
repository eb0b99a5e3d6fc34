"""The back room for evaluations. Nothing that happened is deleted here."""

from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from evaluations.choices import ProtocolStatus
from evaluations.models import (
    Change,
    Cluster,
    Duty,
    Evaluation,
    Evaluator,
    Milestone,
    Output,
    PanelMember,
    ProtocolVersion,
)
from partners.admin import KeptAdmin, TrackedAdmin


@admin.register(Evaluation)
class EvaluationAdmin(TrackedAdmin):
    list_display = ("title", "programme", "design", "status", "independence", "public_from", "is_demonstration")
    list_filter = ("status", "design", "independence", "is_demonstration", "programme")
    search_fields = ("title", "slug", "registration", "summary")
    list_select_related = ("programme",)
    raw_id_fields = ("programme", "strand", "call", "partnerships")
    # What the public sees is set by actions, which ask who may and write it down.
    readonly_fields = ("status", "public_from", "created_at")
    prepopulated_fields = {"slug": ("title",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).filter(pk__in=Evaluation.objects.visible_to(request.user).values("pk"))


class PartAdmin(KeptAdmin):
    """What belongs to an evaluation, for those who may know of the evaluation."""

    raw_id_fields: ClassVar[tuple[str, ...]] = ("evaluation",)
    list_select_related: ClassVar[tuple[str, ...]] = ("evaluation",)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        seen = Evaluation.objects.visible_to(request.user)
        return super().get_queryset(request).filter(evaluation__in=seen.values("pk"))


@admin.register(Evaluator)
class EvaluatorAdmin(PartAdmin):
    list_display = ("organisation", "evaluation", "role", "appointed")
    list_filter = ("role",)
    search_fields = ("organisation__name", "evaluation__title")
    raw_id_fields = ("evaluation", "organisation")
    list_select_related = ("evaluation", "organisation")


@admin.register(Cluster)
class ClusterAdmin(PartAdmin):
    list_display = ("organisation", "evaluation", "position", "planned_on", "actual_on", "is_pilot")
    list_filter = ("is_pilot",)
    search_fields = ("organisation__name", "evaluation__title")
    raw_id_fields = ("evaluation", "organisation")
    list_select_related = ("evaluation", "organisation")
    readonly_fields = ("position",)


@admin.register(Milestone)
class MilestoneAdmin(PartAdmin):
    list_display = ("evaluation", "kind", "planned_on", "actual_on", "note")
    list_filter = ("kind",)
    search_fields = ("evaluation__title", "note")


@admin.register(ProtocolVersion)
class ProtocolVersionAdmin(PartAdmin):
    list_display = ("evaluation", "number", "status", "published_on", "is_demonstration")
    list_filter = ("status", "is_demonstration")
    search_fields = ("evaluation__title", "what_changed", "why")
    readonly_fields = ("status",)

    def get_readonly_fields(self, request: HttpRequest, obj: ProtocolVersion | None = None) -> tuple[str, ...]:
        """What was approved is never overwritten: a new version is."""
        if obj is None or obj.status == ProtocolStatus.DRAFT:
            return self.readonly_fields
        return ("evaluation", "number", "status", "issued", "published_on", "what_changed", "why", "body", "url")


@admin.register(Output)
class OutputAdmin(PartAdmin):
    list_display = ("title", "evaluation", "kind", "published_on", "is_demonstration")
    list_filter = ("kind", "is_demonstration")
    search_fields = ("title", "evaluation__title")


@admin.register(Duty)
class DutyAdmin(PartAdmin):
    list_display = ("evaluation", "kind", "due_on", "done_on", "late_reason")
    list_filter = ("kind", "late_reason")
    search_fields = ("evaluation__title", "reason")
    raw_id_fields = ("evaluation", "output")

    def get_readonly_fields(self, request: HttpRequest, obj: Duty | None = None) -> tuple[str, ...]:
        """A date that the public has read moves in the staff area, with a reason that it reads too."""
        return ("due_on", "precision") if obj and obj.evaluation.is_public() else ()


@admin.register(Change)
class ChangeAdmin(PartAdmin):
    list_display = ("evaluation", "on", "what")
    search_fields = ("evaluation__title", "what", "why")
    raw_id_fields = ("evaluation", "recorded_by")


@admin.register(PanelMember)
class PanelMemberAdmin(KeptAdmin):
    list_display = ("organisation", "tranche", "starts_on", "ends_on")
    list_filter = ("tranche",)
    search_fields = ("organisation__name", "methods")
    raw_id_fields = ("organisation",)
    list_select_related = ("organisation",)
