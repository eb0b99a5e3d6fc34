"""The back room for organisations: everything can be found and seen; nothing that has a history can be deleted."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join

from partners.choices import AgreementStatus
from partners.models import (
    Agreement,
    AuthorityYear,
    FactFile,
    Group,
    Inspection,
    Invitation,
    LoadedFact,
    Membership,
    Neighbour,
    Organisation,
    OrganisationCode,
    OrganisationName,
    Part,
    Service,
    Succession,
)

CHANGES_SHOWN = 50
UNTOLD = frozenset(
    {"pgh_id", "pgh_created_at", "pgh_label", "pgh_obj", "pgh_context", "pgh_context_id", "id", "search"}
)


class KeptAdmin(admin.ModelAdmin):
    """Records that others lean on, or that have a history, are ended or changed and never deleted."""

    list_per_page = 50
    show_full_result_count = False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class SeenAdmin(KeptAdmin):
    """Records that only come about by loading or by actions: to look at, not to write."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class TrackedAdmin(KeptAdmin):
    """Shows what the database itself wrote down about every change (pghistory)."""

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*super().get_readonly_fields(request, obj), *(("what_changed",) if obj else ()))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = [field for field in super().get_fields(request, obj) if field != "what_changed"]
        return [*fields, "what_changed"] if obj else fields

    @admin.display(description="what changed, newest first")
    def what_changed(self, obj: Any) -> str:
        rows = list(obj.events.order_by("-pgh_id").values()[: CHANGES_SHOWN + 1])
        told = [
            (f"{now['pgh_created_at']:%d %B %Y, %H:%M} UTC", difference(now, before))
            for now, before in zip(rows, [*rows[1:], None], strict=True)
        ]
        if not told:
            return "No change is recorded."
        lines = format_html_join("", "<li>{}: {}</li>", told[:CHANGES_SHOWN])
        return format_html("<ul>{}</ul>", lines)


def difference(now: dict[str, Any], before: dict[str, Any] | None) -> str:
    """What one recorded version changed: "status from signed to active"."""
    if before is None:
        return "first recorded" if now["pgh_label"] == "insert" else str(now["pgh_label"])
    changed = [name for name, value in now.items() if name not in UNTOLD and before.get(name) != value]
    parts = [f"{name.removesuffix('_id')} from {_told(before.get(name))} to {_told(now[name])}" for name in changed]
    return "; ".join(parts) or str(now["pgh_label"])


def _told(value: Any) -> str:
    text = "nothing" if value in (None, "") else str(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


class NameInline(admin.TabularInline):
    model = OrganisationName
    extra = 0
    can_delete = False


class CodeInline(admin.TabularInline):
    model = OrganisationCode
    extra = 0
    can_delete = False


@admin.register(Organisation)
class OrganisationAdmin(TrackedAdmin):
    list_display = (
        "name",
        "kind",
        "authority_type",
        "region",
        "exists_from",
        "exists_until",
        "is_public",
        "is_demonstration",
    )
    list_filter = ("kind", "authority_type", "region", "is_public", "is_demonstration")
    search_fields = ("name", "slug", "names__name", "codes__code")
    prepopulated_fields = {"slug": ("name",)}
    inlines = (NameInline, CodeInline)


@admin.register(OrganisationName)
class NameAdmin(KeptAdmin):
    list_display = ("name", "kind", "organisation", "valid_from", "valid_until")
    list_filter = ("kind",)
    list_select_related = ("organisation",)
    search_fields = ("name", "organisation__name")
    autocomplete_fields = ("organisation",)


@admin.register(OrganisationCode)
class CodeAdmin(KeptAdmin):
    list_display = ("code", "scheme", "organisation", "valid_from", "valid_until")
    list_filter = ("scheme",)
    list_select_related = ("organisation",)
    search_fields = ("code", "organisation__name")
    autocomplete_fields = ("organisation",)


@admin.register(Succession)
class SuccessionAdmin(KeptAdmin):
    list_display = ("predecessor", "successor", "on")
    list_select_related = ("predecessor", "successor")
    search_fields = ("predecessor__name", "successor__name")
    autocomplete_fields = ("predecessor", "successor")


@admin.register(Service)
class ServiceAdmin(KeptAdmin):
    list_display = ("provider", "authority", "starts_on", "ends_on", "legal_form")
    list_select_related = ("provider", "authority")
    search_fields = ("provider__name", "authority__name")
    autocomplete_fields = ("provider", "authority")


@admin.register(Part)
class PartAdmin(KeptAdmin):
    list_display = ("part", "whole", "role", "starts_on", "ends_on")
    list_select_related = ("part", "whole")
    search_fields = ("part__name", "whole__name")
    autocomplete_fields = ("part", "whole")


@admin.register(Inspection)
class InspectionAdmin(KeptAdmin):
    list_display = ("authority", "published_on", "overall", "leaders", "framework")
    list_filter = ("overall", "framework")
    list_select_related = ("authority",)
    search_fields = ("authority__name",)
    autocomplete_fields = ("authority",)
    date_hierarchy = "published_on"


@admin.register(AuthorityYear)
class AuthorityYearAdmin(KeptAdmin):
    list_display = (
        "authority",
        "year",
        "children_in_care",
        "children_in_care_rate",
        "protection_plans",
        "turnover_percent",
    )
    list_filter = ("year",)
    list_select_related = ("authority",)
    search_fields = ("authority__name",)
    autocomplete_fields = ("authority",)


@admin.register(Neighbour)
class NeighbourAdmin(KeptAdmin):
    list_display = ("authority", "rank", "neighbour", "closeness")
    list_filter = ("closeness",)
    list_select_related = ("authority", "neighbour")
    search_fields = ("authority__name", "neighbour__name")
    autocomplete_fields = ("authority", "neighbour")


@admin.register(Group)
class GroupAdmin(KeptAdmin):
    list_display = ("name", "kind", "announced")
    list_filter = ("kind",)
    search_fields = ("name", "purpose", "membership")


@admin.register(Membership)
class MembershipAdmin(SeenAdmin):
    """Memberships begin and end on the pages about people, where it is recorded who did it and sessions are ended."""

    list_display = ("person", "organisation", "role", "starts_on", "ends_on")
    list_filter = ("role",)
    list_select_related = ("person", "organisation")
    search_fields = ("person__email", "person__name", "organisation__name")


@admin.register(Invitation)
class InvitationAdmin(SeenAdmin):
    list_display = ("email", "purpose", "organisation", "role", "staff_role", "invited_at", "expires_at", "accepted_at")
    list_filter = ("purpose",)
    list_select_related = ("organisation",)
    search_fields = ("email", "organisation__name")
    exclude = ("token_hash",)


@admin.register(Agreement)
class AgreementAdmin(TrackedAdmin):
    """Issued and signed on the pages of the partnership; here its words can be put right until it is sent for signature."""

    list_display = ("title", "organisation", "kind", "status", "signed_on", "is_demonstration")
    list_filter = ("kind", "status", "is_demonstration")
    list_select_related = ("organisation",)
    search_fields = ("title", "organisation__name")
    autocomplete_fields = ("organisation",)
    readonly_fields = (
        "status",
        "issued_at",
        "signed_on",
        "signed_by_role",
        "signed_elsewhere",
        "recorded_at",
        "recorded_by",
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """What was sent for signature, or signed, is what was agreed: nobody writes other words into it."""
        agreed = ("organisation", "kind", "title", "terms") if obj and obj.status != AgreementStatus.DRAFTED else ()
        return (*super().get_readonly_fields(request, obj), *agreed)


@admin.register(FactFile)
class FactFileAdmin(SeenAdmin):
    list_display = ("title", "name", "licence", "taken_on", "loaded_at")
    search_fields = ("title", "name", "what")


@admin.register(LoadedFact)
class LoadedFactAdmin(SeenAdmin):
    list_display = ("key", "file", "record_id")
    list_filter = ("file",)
    list_select_related = ("file",)
    search_fields = ("key",)
