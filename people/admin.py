from django.contrib import admin

from people.models import Person, Post


class PostInline(admin.TabularInline):
    model = Post
    extra = 0


@admin.register(Person)
class PersonAdmin(admin.ModelAdmin):
    list_display = ("email", "name", "job_title", "is_active", "is_staff", "is_demonstration")
    list_filter = ("is_active", "is_staff", "is_demonstration", "posts__role")
    search_fields = ("email", "name", "job_title")
    fields = ("email", "name", "job_title", "is_active", "is_staff", "is_superuser", "is_demonstration", "joined_at", "last_login")
    readonly_fields = ("joined_at", "last_login")
    inlines = (PostInline,)


@admin.register(Post)
class PostAdmin(admin.ModelAdmin):
    list_display = ("person", "role", "starts_on", "ends_on")
    list_filter = ("role",)
    search_fields = ("person__email", "person__name")
    autocomplete_fields = ("person",)
    list_select_related = ("person",)
