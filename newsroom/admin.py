from django.contrib import admin
from django.http import HttpRequest

from newsroom.models import Post


@admin.register(Post)
class PostAdmin(admin.ModelAdmin):
    list_display = ("title", "kind", "status", "public_from", "is_demonstration")
    list_filter = ("status", "kind", "is_demonstration")
    search_fields = ("title", "summary", "body")
    date_hierarchy = "public_from"
    readonly_fields = ("status", "created_at", "written_by")

    def has_delete_permission(self, request: HttpRequest, obj: Post | None = None) -> bool:
        return False
