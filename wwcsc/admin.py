"""What the back room may show only with every app in view."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from audit.admin import EventAdmin
from audit.models import Event
from calls.models import Application, Assessment, Decision, Moderation

admin.site.unregister(Event)


@admin.register(Event)
class EventOfWhatIsSeenAdmin(EventAdmin):
    """Events of what is kept from its reader are kept too: their details say how it ended."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        return super().get_queryset(request).exclude(about_what_is_kept_from(request.user))


def about_what_is_kept_from(person: Any) -> Q:
    """Events whose record is there and not for this person; and what became of applications that it still judges blind."""
    hidden = Q(pk__in=())
    for model in apps.get_models():
        everything = model._default_manager.all()
        if hasattr(everything, "visible_to"):
            kept = everything.exclude(pk__in=everything.visible_to(person).values("pk"))
            hidden |= Q(subject_type=model._meta.label_lower, subject_id__in=kept.order_by().values("pk"))
    blind = Assessment.objects.blinding(person).values("application")
    hidden |= Q(subject_type="calls.application", subject_id__in=blind)
    seen = Application.objects.visible_to(person).values("pk")
    for judgement in (Decision, Moderation):
        kept = judgement.objects.filter(Q(application__in=blind) | ~Q(application__in=seen))
        hidden |= Q(subject_type=judgement._meta.label_lower, subject_id__in=kept.order_by().values("pk"))
    return hidden
