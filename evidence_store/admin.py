"""The back room for the evidence store. Ratings are read here, never changed: a new one is recorded in the staff area."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet

from audit.actions import record
from evaluations.models import Evaluation
from evidence_store.actions.search_index import reindex_all
from evidence_store.models import Entry, Finding, FormerAddress, Outcome, Rating, RatingLevel, RatingScheme, Review
from partners.admin import KeptAdmin, SeenAdmin


@admin.register(RatingScheme)
class RatingSchemeAdmin(KeptAdmin):
    list_display = ("name", "key", "version", "valid_from", "valid_until")
    search_fields = ("name", "key")


@admin.register(RatingLevel)
class RatingLevelAdmin(KeptAdmin):
    list_display = ("label", "scheme", "axis", "code", "number", "order")
    list_filter = ("axis", "scheme")
    search_fields = ("label", "code")
    list_select_related = ("scheme",)


class Searched(KeptAdmin):
    """Words that are found by the search: it is written anew with them, and the change is on record."""

    def save_related(self, request: Any, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        record("changed in the back room", form.instance, by=request.user, fields=sorted(form.changed_data))
        reindex_all(self.entries_with(form.instance))

    def entries_with(self, words: Any) -> QuerySet[Entry]:
        return Entry.objects.filter(pk=words.entry_id)


@admin.register(Outcome)
class OutcomeAdmin(Searched):
    list_display = ("name", "slug", "polarity")
    list_filter = ("polarity",)
    search_fields = ("name", "slug")

    def entries_with(self, words: Outcome) -> QuerySet[Entry]:
        return Entry.objects.filter(findings__outcome=words).distinct()


@admin.register(Review)
class ReviewAdmin(Searched):
    list_display = ("named", "title", "year", "doi")
    list_filter = ("year",)
    search_fields = ("title", "doi", "authors")

    def entries_with(self, words: Review) -> QuerySet[Entry]:
        return Entry.objects.filter(findings__ratings__review=words).distinct()


@admin.register(Entry)
class EntryAdmin(Searched):
    list_display = ("title", "status", "public_from", "reviewed_on", "next_review_on", "is_demonstration")
    list_filter = ("status", "is_demonstration", "themes")
    search_fields = ("title", "slug", "summary")
    readonly_fields = ("status", "successor", "status_reason", "public_from", "updated_at")
    raw_id_fields = ("programmes", "evaluations")
    filter_horizontal = ("themes",)

    def entries_with(self, words: Entry) -> QuerySet[Entry]:
        return Entry.objects.filter(pk=words.pk)


@admin.register(FormerAddress)
class FormerAddressAdmin(admin.ModelAdmin):
    list_display = ("path", "entry")
    search_fields = ("path", "entry__title")
    list_select_related = ("entry",)
    raw_id_fields = ("entry",)


@admin.register(Finding)
class FindingAdmin(Searched):
    list_display = ("entry", "outcome", "comparator")
    list_filter = ("outcome",)
    search_fields = ("entry__title", "outcome__name", "population")
    list_select_related = ("entry", "outcome")
    raw_id_fields = ("entry", "outcome")


@admin.register(Rating)
class RatingAdmin(SeenAdmin):
    """A rating that rests on an evaluation is read by those who may know of the evaluation."""

    list_display = ("finding", "effect", "strength", "assessed_on", "public_from", "is_current", "is_demonstration")
    list_filter = ("is_current", "is_demonstration", "effect", "strength")
    search_fields = ("finding__entry__title", "finding__outcome__name", "reason")
    list_select_related = ("finding__entry", "finding__outcome", "effect", "strength")

    def get_queryset(self, request: Any) -> QuerySet[Rating]:
        seen = Evaluation.objects.visible_to(request.user)
        return super().get_queryset(request).filter(Q(evaluation=None) | Q(evaluation__in=seen.values("pk")))
