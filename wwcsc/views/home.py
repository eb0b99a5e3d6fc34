from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from calls.models import Call
from evaluations.choices import Stage
from evaluations.models import Evaluation
from evidence_store.models import Entry
from newsroom.models import Post
from programmes.models import Programme
from wwcsc.figures import front_page

STILL_RUNNING = (Stage.SET_UP, Stage.RECRUITING, Stage.IN_THE_FIELD, Stage.ANALYSIS, Stage.REPORTING)


@login_not_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The public front page shows the same to everybody, signed in or not: what is public at this moment."""
    now, public = timezone.now(), AnonymousUser()
    calls = Call.objects.visible_to(public)
    context = {
        "figures": front_page(),
        "open_calls": _with_programmes(calls.open(now).for_list()[:3]),
        "coming_calls": calls.opening_later(now).for_list()[:3],
        "running": _with_programmes(
            Evaluation.objects.visible_to(public).filter(status__in=STILL_RUNNING).for_list()[:4]
        ),
        "entries": Entry.objects.visible_to(public).current().defer("search").order_by("-updated_at", "title")[:6],
        "posts": Post.objects.visible_to(public).order_by("-public_from")[:3],
    }
    return render(request, "wwcsc/home.html", context)


def _with_programmes(found: QuerySet) -> list[tuple[Any, str]]:
    """Each with what its programme is called, or with nothing while the programme is not public itself."""
    records = list(found)
    named = Programme.objects.visible_to(AnonymousUser()).in_bulk({record.programme_id for record in records} - {None})
    return [(record, named[record.programme_id].name if record.programme_id in named else "") for record in records]


@login_not_required
@require_safe
def about(request: HttpRequest) -> HttpResponse:
    return render(request, "wwcsc/about.html")


@login_not_required
@require_safe
def accessibility(request: HttpRequest) -> HttpResponse:
    return render(request, "wwcsc/accessibility.html")


@login_not_required
@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    return render(request, "wwcsc/privacy.html")


@login_not_required
@require_safe
def licences(request: HttpRequest) -> HttpResponse:
    return render(request, "wwcsc/licences.html")
