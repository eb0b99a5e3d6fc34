from django.contrib import admin
from django.http import HttpRequest

from newsroom.choices import PostStatus
from newsroom.models import Post
from partners.admin import TrackedAdmin


@admin.register(Post)
class PostAdmin(TrackedAdmin):
    list_display = ("title", "kind", "status", "public_from", "is_demonstration")
    list_filter = ("status", "kind", "is_demonstration")
    search_fields = ("title", "summary", "body")
    date_hierarchy = "public_from"
    # When it becomes public is set by approving it.
    readonly_fields = ("status", "public_from", "created_at", "written_by")

    def get_readonly_fields(self, request: HttpRequest, obj: Post | None = None) -> tuple[str, ...]:
        """Nobody reads words that nobody approved: an approved post goes back to draft in the staff area first."""
        fixed = ("slug", *Post.WORDS) if obj and obj.status != PostStatus.DRAFT else ()
        return (*super().get_readonly_fields(request, obj), *fixed)
