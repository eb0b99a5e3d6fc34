"""The back room for programmes and partnerships. Statuses move on the portal's own pages, which say who did it and why."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from partners.admin import KeptAdmin, SeenAdmin, TrackedAdmin
from programmes.models import (
    Funding,
    Happening,
    Involvement,
    Obligation,
    Partnership,
    Programme,
    Report,
    ReportQuestion,
    ReportRevision,
    Strand,
    Theme,
    Wave,
)


class StrandInline(admin.StackedInline):
    model = Strand
    extra = 0
    can_delete = False


class WaveInline(admin.TabularInline):
    model = Wave
    extra = 0
    can_delete = False


@admin.register(Theme)
class ThemeAdmin(KeptAdmin):
    list_display = ("name", "slug")
    search_fields = ("name", "meaning")
    prepopulated_fields = {"slug": ("name",)}


@admin.register(Programme)
class ProgrammeAdmin(TrackedAdmin):
    list_display = ("name", "kind", "status", "starts_on", "public_from", "is_demonstration")
    list_filter = ("kind", "status", "is_demonstration", "themes")
    search_fields = ("name", "short_name", "slug", "aim")
    autocomplete_fields = ("themes",)
    readonly_fields = ("status",)
    inlines = (StrandInline, WaveInline)


@admin.register(Strand)
class StrandAdmin(KeptAdmin):
    list_display = ("name", "programme", "slug")
    list_filter = ("programme",)
    list_select_related = ("programme",)
    search_fields = ("name", "programme__name")
    autocomplete_fields = ("programme",)


@admin.register(Wave)
class WaveAdmin(KeptAdmin):
    list_display = ("__str__", "programme", "number", "places", "selected", "unit")
    list_filter = ("programme",)
    list_select_related = ("programme",)
    search_fields = ("name", "programme__name")
    autocomplete_fields = ("programme",)


@admin.register(Funding)
class FundingAdmin(KeptAdmin):
    list_display = ("programme", "funder", "amount", "period")
    list_filter = ("programme",)
    list_select_related = ("programme", "funder")
    search_fields = ("programme__name", "funder__name", "note")
    autocomplete_fields = ("programme", "funder")


@admin.register(Involvement)
class InvolvementAdmin(KeptAdmin):
    list_display = ("organisation", "role", "programme", "strand")
    list_filter = ("role", "programme")
    list_select_related = ("organisation", "programme", "strand")
    search_fields = ("organisation__name", "programme__name")
    autocomplete_fields = ("organisation", "programme", "strand")


@admin.register(Happening)
class HappeningAdmin(KeptAdmin):
    list_display = ("what", "programme", "strand", "on", "precision")
    list_filter = ("programme", "precision")
    list_select_related = ("programme", "strand")
    search_fields = ("what", "detail")
    autocomplete_fields = ("programme", "strand")
    date_hierarchy = "on"


@admin.register(Partnership)
class PartnershipAdmin(TrackedAdmin):
    list_display = ("organisation", "programme", "strand", "role", "status", "public_from", "is_demonstration")
    list_filter = ("programme", "status", "role", "is_demonstration")
    list_select_related = ("organisation", "programme", "strand")
    search_fields = ("organisation__name", "organisation__names__name", "programme__name", "practice_name")
    autocomplete_fields = ("organisation", "programme", "strand", "wave", "areas", "themes")
    readonly_fields = ("status", "agreement", "public_from", "left_on", "left_reason", "kept_from", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).filter(pk__in=Partnership.objects.visible_to(request.user).values("pk"))


@admin.register(Obligation)
class ObligationAdmin(TrackedAdmin):
    list_display = ("title", "partnership", "kind", "due_at", "status", "is_demonstration")
    list_filter = ("kind", "status", "is_demonstration")
    list_select_related = ("partnership__organisation", "partnership__programme")
    search_fields = ("title", "partnership__organisation__name")
    autocomplete_fields = ("partnership",)
    readonly_fields = ("status", "due_at", "due_version", "received_at", "settled_at", "settled_by", "waived_reason")
    date_hierarchy = "due_at"

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).filter(pk__in=Obligation.objects.visible_to(request.user).values("pk"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(Report)
class ReportAdmin(SeenAdmin):
    """What a partner wrote is the partner's; a draft is not read here either."""

    list_display = ("obligation", "number", "submitted_at")
    list_select_related = ("obligation__partnership__organisation",)
    search_fields = ("obligation__title", "obligation__partnership__organisation__name")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).filter(pk__in=Report.objects.visible_to(request.user).values("pk"))


@admin.register(ReportRevision)
class ReportRevisionAdmin(SeenAdmin):
    """How a report came about, once it is sent."""

    list_display = ("report", "field", "saved_at", "was_overtaken", "is_current")
    list_filter = ("field", "was_overtaken")
    list_select_related = ("report__obligation",)
    search_fields = ("report__obligation__title", "report__obligation__partnership__organisation__name")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).filter(report__in=Report.objects.visible_to(request.user).values("pk"))


@admin.register(ReportQuestion)
class ReportQuestionAdmin(SeenAdmin):
    list_display = ("text", "report", "asked_at", "asked_by")
    list_select_related = ("report__obligation", "asked_by")
    search_fields = ("text", "report__obligation__title")
