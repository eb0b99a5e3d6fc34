from typing import Any

from allauth.account.decorators import secure_admin_login
from allauth.usersessions import admin as of_allauth
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.http import HttpRequest

from audit.actions import record
from people.models import Person, Post

# One way in: the back room asks for the same password, code or passkey and the same second factor as the rest.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]


class PostInline(admin.TabularInline):
    model = Post
    extra = 0
    can_delete = False

    def has_add_permission(self, request: object, obj: Person | None = None) -> bool:
        return False

    def has_change_permission(self, request: object, obj: Person | None = None) -> bool:
        """Given and ended on the staff pages, which write down who did it and end the person's sessions."""
        return False


@admin.register(Person)
class PersonAdmin(admin.ModelAdmin):
    list_display = ("email", "job_title", "name", "is_active", "is_staff", "is_demonstration", "last_login")
    list_filter = ("is_active", "is_staff", "is_demonstration", "posts__role")
    search_fields = ("email", "name", "job_title")
    ordering = ("name", "email")
    date_hierarchy = "joined_at"
    fields = (
        "email",
        "job_title",
        "name",
        "is_active",
        "is_staff",
        "is_superuser",
        "is_demonstration",
        "joined_at",
        "last_login",
    )
    # Closed, opened and put in charge on the staff pages or by command, which write down who did it.
    readonly_fields = ("is_active", "is_superuser", "joined_at", "last_login")
    inlines = (PostInline,)

    def has_delete_permission(self, request: object, obj: Person | None = None) -> bool:
        """People are closed, not deleted: what they did still needs somebody to have done it."""
        return False

    def has_add_permission(self, request: object) -> bool:
        """People come in by invitation."""
        return False

    def save_model(self, request: HttpRequest, obj: Person, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if "is_staff" in form.changed_data:
            record("may open the back room" if obj.is_staff else "may not open the back room", obj, by=request.user)


@admin.register(Post)
class PostAdmin(admin.ModelAdmin):
    list_display = ("person", "role", "starts_on", "ends_on")
    list_filter = ("role", "starts_on", "ends_on")
    search_fields = ("person__email", "person__name", "person__job_title")
    autocomplete_fields = ("person",)
    list_select_related = ("person",)

    def has_add_permission(self, request: object) -> bool:
        return False

    def has_change_permission(self, request: object, obj: Post | None = None) -> bool:
        return False

    def has_delete_permission(self, request: object, obj: Post | None = None) -> bool:
        return False


admin.site.unregister(UserSession)


@admin.register(UserSession)
class UserSessionAdmin(of_allauth.UserSessionAdmin):
    """Allauth looks for a user name, which our people have not."""

    search_fields = ("user__email", "user__name", "ip")
    list_select_related = ("user",)
