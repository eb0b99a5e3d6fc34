from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from notices.models import Attempt, Notice, Pause, Suppression


class AttemptInline(admin.TabularInline):
    model = Attempt
    fields = readonly_fields = ("at", "what", "detail")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Notice)
class NoticeAdmin(admin.ModelAdmin):
    """To look at: what may be done to a mail is done on the staff page, which asks and records."""

    list_display = ("id", "created_at", "to", "subject", "kind", "status", "attempts", "is_demonstration")
    list_filter = ("status", "kind", "template", "is_demonstration")
    search_fields = ("to", "subject", "key", "message_id")
    date_hierarchy = "created_at"
    exclude = ("context", "kept_from", "body_text", "body_html")
    inlines = (AttemptInline,)
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Notice]:
        return super().get_queryset(request) & Notice.objects.visible_to(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Suppression)
class SuppressionAdmin(admin.ModelAdmin):
    list_display = ("address_hash", "reason", "only_bulk", "since", "until")
    list_filter = ("only_bulk",)
    search_fields = ("reason", "address_hash")


@admin.register(Pause)
class PauseAdmin(admin.ModelAdmin):
    """To look at: a pause begins by itself and is ended on the staff page, by one mail that gets through."""

    list_display = ("template", "since", "why", "ended_at", "ended_by")
    list_filter = ("template", "since", "ended_at")
    search_fields = ("template", "why")
    list_select_related = ("ended_by",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
