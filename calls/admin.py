"""The back room for calls. Whoever opens it sees no more of an application or an assessment than on its page."""

from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from calls.models import (
    Answer,
    AnswerRevision,
    Application,
    Assessment,
    Call,
    Criterion,
    Decision,
    DetailRevision,
    Enquiry,
    Extension,
    Follower,
    Moderation,
    MorePlaces,
    Question,
    Score,
)
from partners.admin import SeenAdmin


class OfAnApplication(SeenAdmin):
    """Hidden wherever the application is hidden: drafts, and conflicts of interest."""

    path: ClassVar = "application"

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        seen = Application.objects.visible_to(request.user)
        return super().get_queryset(request).filter(**{f"{self.path}__in": seen})


class OfTheJudgement(OfAnApplication):
    """Hidden besides from whoever still judges the application independently: what the panel or the centre made of it."""

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        blind = Assessment.objects.blinding(request.user).values("application")
        return super().get_queryset(request).exclude(**{f"{self.path}__in": blind})


class OfAnAssessment(SeenAdmin):
    """Hidden wherever the assessment is hidden: an assessor is blind to the others until all are in."""

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).filter(assessment__in=Assessment.objects.visible_to(request.user))


@admin.register(Call)
class CallAdmin(SeenAdmin):
    list_display = ("title", "programme", "kind", "status", "opens_at", "closes_at", "places", "is_demonstration")
    list_filter = ("status", "kind", "is_demonstration", "programme")
    search_fields = ("title", "slug", "purpose")
    list_select_related = ("programme",)
    date_hierarchy = "created_at"


@admin.register(Question)
class QuestionAdmin(SeenAdmin):
    list_display = ("text", "call", "section", "position", "kind", "word_limit", "is_required")
    list_filter = ("kind", "is_required")
    search_fields = ("text", "section", "call__title")
    list_select_related = ("call",)


@admin.register(Criterion)
class CriterionAdmin(SeenAdmin):
    list_display = ("name", "call", "position", "weight")
    search_fields = ("name", "call__title")
    list_select_related = ("call",)


@admin.register(Extension)
class ExtensionAdmin(SeenAdmin):
    list_display = ("call", "was", "now", "made_at", "made_by")
    search_fields = ("call__title", "reason")
    list_select_related = ("call", "made_by")


@admin.register(MorePlaces)
class MorePlacesAdmin(SeenAdmin):
    list_display = ("call", "was", "now", "made_at", "made_by")
    search_fields = ("call__title", "reason")
    list_select_related = ("call", "made_by")


@admin.register(Enquiry)
class EnquiryAdmin(SeenAdmin):
    list_display = ("text", "call", "asked_at", "answered_at")
    list_filter = (("answered_at", admin.EmptyFieldListFilter),)
    search_fields = ("text", "answer", "call__title")
    list_select_related = ("call",)


@admin.register(Follower)
class FollowerAdmin(SeenAdmin):
    list_display = ("person", "call", "since")
    search_fields = ("person__email", "call__title")
    list_select_related = ("person", "call")


@admin.register(Application)
class ApplicationAdmin(SeenAdmin):
    list_display = ("reference", "organisation", "practice_name", "call", "status", "submitted_at", "is_demonstration")
    list_filter = ("status", "is_demonstration", "call")
    search_fields = ("reference", "organisation__name", "practice_name", "call__title")
    list_select_related = ("organisation", "call")
    date_hierarchy = "started_at"

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).filter(pk__in=Application.objects.visible_to(request.user).values("pk"))


@admin.register(Answer)
class AnswerAdmin(OfAnApplication):
    list_display = ("application", "question", "version", "saved_at")
    search_fields = ("text", "application__reference")
    list_select_related = ("application__organisation", "question")


@admin.register(AnswerRevision)
class AnswerRevisionAdmin(OfAnApplication):
    path = "answer__application"
    list_display = ("answer", "version", "saved_at", "was_overtaken")
    list_filter = ("was_overtaken",)
    search_fields = ("answer__application__reference",)
    list_select_related = ("answer",)


@admin.register(DetailRevision)
class DetailRevisionAdmin(OfAnApplication):
    list_display = ("application", "field", "saved_at", "was_overtaken", "is_current")
    list_filter = ("field", "was_overtaken")
    search_fields = ("application__reference",)
    list_select_related = ("application__organisation",)


@admin.register(Assessment)
class AssessmentAdmin(SeenAdmin):
    list_display = ("application", "assessor", "status", "assigned_at", "submitted_at")
    list_filter = ("status",)
    search_fields = ("application__reference", "assessor__email")
    list_select_related = ("application__organisation", "assessor")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).filter(pk__in=Assessment.objects.visible_to(request.user).values("pk"))


@admin.register(Score)
class ScoreAdmin(OfAnAssessment):
    list_display = ("assessment", "criterion", "mark")
    search_fields = ("assessment__application__reference", "criterion__name")
    list_select_related = ("assessment__application", "criterion")


@admin.register(Moderation)
class ModerationAdmin(OfTheJudgement):
    list_display = ("application", "criterion", "mark", "made_at", "made_by")
    search_fields = ("application__reference", "reason")
    list_select_related = ("application__organisation", "criterion", "made_by")


@admin.register(Decision)
class DecisionAdmin(OfTheJudgement):
    list_display = ("application", "outcome", "reserve_rank", "decided_at", "told_at", "answered_at")
    list_filter = ("outcome", ("told_at", admin.EmptyFieldListFilter))
    search_fields = ("application__reference", "application__organisation__name")
    list_select_related = ("application__organisation",)
