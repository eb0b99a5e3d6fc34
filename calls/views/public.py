"""What everybody may read about calls, and asking and following once signed in."""

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from calls.actions import enquiries
from calls.actions.drafts import CallHasClosed
from calls.forms.calls import AskForm
from calls.models import Call
from calls.rules.readiness import sections_of
from calls.views.pasting import takes_pasted_text
from partners.choices import Grade, OrganisationKind
from people.requests import SignedInRequest


@login_not_required
@require_GET
def call_list(request: HttpRequest) -> HttpResponse:
    """Open, opening and closed; what can be answered now comes first."""
    now = request.arrived_at  # type: ignore[attr-defined]
    public = Call.objects.public(now).for_list()
    past = public.filter(Q(pk__in=Call.objects.closed(now)) | Q(pk__in=Call.objects.cancelled()))
    page = Paginator(past.order_by("-opens_at", "-pk"), 25).get_page(request.GET.get("page"))
    context = {"open": public.open(now), "later": public.opening_later(now).order_by("opens_at", "pk"), "page": page}
    return render(request, "calls/list.html", context)


@login_not_required
@require_GET
def call_page(request: HttpRequest, slug: str) -> HttpResponse:
    now = request.arrived_at  # type: ignore[attr-defined]
    # Staff read calls that are being written on the page of that step; this page shows what is public, to everybody alike.
    call = get_object_or_404(Call.objects.public(now).for_list(), slug=slug)
    return render(request, "calls/call.html", context_of(call, request))


def context_of(call: Call, request: HttpRequest) -> dict:
    """The public page of a call; the preview of one that is being written shows the same."""
    sections = sections_of(call)
    criteria = list(call.criteria.all())
    total = sum(criterion.weight for criterion in criteria)
    return {
        "call": call,
        "sections": [section for section in sections if section.questions],
        "criteria": [(criterion, criterion.weight / total) for criterion in criteria],
        "kinds": [OrganisationKind(kind).label for kind in call.eligible_kinds],
        "grades": [Grade(grade).label for grade in call.eligible_grades],
        "answered": call.enquiries.filter(answered_at__isnull=False).order_by("answered_at"),
        "extensions": call.extensions.all(),
        "more_places": call.more_places.all(),
        "follows": request.user.is_authenticated and call.followers.filter(person=request.user).exists(),
        "takes_enquiries": call.takes_enquiries(),
    }


@takes_pasted_text
@require_http_methods(["GET", "POST"])
def ask(request: SignedInRequest, slug: str) -> HttpResponse:
    call = get_object_or_404(Call.objects.public(), slug=slug)
    form = AskForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            enquiries.ask(call, text=form.cleaned_data["text"], by=request.user, at=request.arrived_at)
        except CallHasClosed:
            form.add_error(
                None, "Questions about this call are closed. Your text is kept below so that you can copy it."
            )
        except enquiries.TooManyEnquiries:
            form.add_error(
                None, "Many of your questions wait for an answer already. Write to the address on the call instead."
            )
        else:
            messages.success(
                request,
                "We have your question. You will get the answer by e-mail, within two working days, and it will stand on this page.",
            )
            return redirect(call)
    return render(request, "calls/ask.html", {"call": call, "form": form}, status=422 if form.errors else 200)


@require_POST
def follow(request: SignedInRequest, slug: str) -> HttpResponse:
    call = get_object_or_404(Call.objects.public(), slug=slug)
    if request.POST.get("stop"):
        enquiries.stop_following(call, by=request.user)
        messages.success(request, "You will not be written to about this call any more.")
    else:
        enquiries.follow(call, by=request.user)
        opening = "the call opens, when " if call.opens_later(request.arrived_at) else ""
        messages.success(
            request, f"You will get an e-mail when {opening}a question is answered or when a date changes."
        )
    return redirect(call)
