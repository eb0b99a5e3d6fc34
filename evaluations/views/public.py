"""The tracker of promises. The register itself shows ratings and so lives in wwcsc/views/register.py."""

from itertools import groupby

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import AnonymousUser
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from evaluations import figures
from evaluations.choices import DutyState
from evaluations.models import Duty

# Late promises first: a tracker that hides them below the rest would not be one.
ORDER = [DutyState.LATE, DutyState.DUE, DutyState.KEPT_LATE, DutyState.KEPT, DutyState.UNDATED]
PER_PAGE = 50


@login_not_required
@require_safe
def promises(request: HttpRequest) -> HttpResponse:
    """What the centre promised to publish: due, done, and late with the reason. Everybody sees the same."""
    duties = list(Duty.objects.visible_to(AnonymousUser()).for_list())
    wanted = request.GET.get("state", "")
    shown = [duty for duty in duties if wanted not in DutyState.values or duty.state == wanted]
    shown.sort(key=lambda duty: ORDER.index(duty.state))
    page = Paginator(shown, PER_PAGE).get_page(request.GET.get("page"))
    groups = [(state, list(rows)) for state, rows in groupby(page, key=lambda duty: duty.state)]
    context = {
        "groups": groups,
        "page": page,
        "figures": figures.of_promises(duties),
        "states": [(state.value, state.label) for state in ORDER],
        "wanted": wanted,
    }
    return render(request, "evaluations/promises.html", context)
