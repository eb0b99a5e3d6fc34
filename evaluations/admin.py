"""The back room for evaluations. Nothing that happened is deleted here."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest

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


class Kept(admin.ModelAdmin):
    """Records that stay: no delete button, no bulk delete."""

    list_per_page = 50
    show_full_result_count = False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Evaluation)
class EvaluationAdmin(Kept):
    list_display = ("title", "programme", "design", "status", "independence", "public_from", "is_demonstration")
    list_filter = ("status", "design", "independence", "is_demonstration", "programme")
    search_fields = ("title", "slug", "registration", "summary")
    list_select_related = ("programme",)
    raw_id_fields = ("programme", "strand", "call", "partnerships")
    readonly_fields = ("status", "created_at")
    prepopulated_fields = {"slug": ("title",)}


class PartAdmin(Kept):
    raw_id_fields: ClassVar[tuple[str, ...]] = ("evaluation",)
    list_select_related: ClassVar[tuple[str, ...]] = ("evaluation",)


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


@admin.register(Change)
class ChangeAdmin(PartAdmin):
    list_display = ("evaluation", "on", "what")
    search_fields = ("evaluation__title", "what", "why")
    raw_id_fields = ("evaluation", "recorded_by")


@admin.register(PanelMember)
class PanelMemberAdmin(Kept):
    list_display = ("organisation", "tranche", "starts_on", "ends_on")
    list_filter = ("tranche",)
    search_fields = ("organisation__name", "methods")
    raw_id_fields = ("organisation",)
    list_select_related = ("organisation",)
