"""Staff see all calls, and write one step by step."""

from collections.abc import Callable
from functools import wraps

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from calls.actions import calls
from calls.choices import ApplicationStatus, CallStatus, QuestionKind
from calls.forms.calls import (
    AboutForm,
    BeginForm,
    CriterionForm,
    DatesForm,
    EligibilityForm,
    QuestionForm,
)
from calls.forms.texts import WordsField
from calls.models import Application, Assessment, Call, Criterion, Enquiry, Question, tidy
from calls.rules.readiness import missing_from, worth_a_thought
from calls.views.pasting import takes_pasted_text
from calls.views.public import context_of
from people.requests import SignedInRequest
from people.rules import require

STAGES = (
    ("writing", "Being written", Q(status__in=(CallStatus.DRAFT, CallStatus.APPROVED))),
    ("open", "Published and not yet assessed", Q(status=CallStatus.PUBLISHED)),
    ("assessing", "Being assessed and decided", Q(status__in=(CallStatus.ASSESSING, CallStatus.DECIDED))),
    ("done", "Done", Q(status__in=(CallStatus.ANNOUNCED, CallStatus.ARCHIVED, CallStatus.CANCELLED))),
)


def staff_call(request: SignedInRequest, slug: str, permission: str = "") -> Call:
    """A call for its staff pages. Others learn nothing, not even that it exists; staff without the right are told so."""
    if not request.user.is_centre_staff:
        raise Http404
    call = get_object_or_404(Call.objects.visible_to(request.user).select_related("programme"), slug=slug)
    if permission:
        require(request.user, permission, call)
    return call


def while_being_written(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A call that is approved or published is not changed any more: say so kindly to whoever follows an old link.

    What was typed on a page that had been opened before is shown, so that it can be copied.
    """

    @wraps(view)
    def page(request: SignedInRequest, slug: str, *args: object, **kwargs: object) -> HttpResponse:
        call = staff_call(request, slug, "calls.run_call")
        if call.status == CallStatus.DRAFT:
            return view(request, slug, *args, **kwargs)
        said = (
            "Open it for changes first." if call.status == CallStatus.APPROVED else "It stays as partners have seen it."
        )
        said = f"This call is not being written any more ({call.get_status_display().lower()}). {said}"
        if typed := _typed_words(request):
            context = {"call": call, "said": said, "typed": typed}
            return render(request, "calls/staff/not_written.html", context, status=409)
        messages.warning(request, said)
        return redirect("calls:manage", slug)

    return page


def _typed_words(request: SignedInRequest) -> list[tuple[str, str]]:
    """The fields of a page of writing that hold words, with what was sent for them."""
    labels = {
        name: str(field.label or name.replace("_", " ").capitalize())
        for form in (AboutForm, EligibilityForm, QuestionForm, CriterionForm)
        for name, field in form.base_fields.items()
        if isinstance(field, WordsField)
    }
    sent = {name: tidy(request.POST.get(name, "")) for name in labels}
    return [(labels[name], words) for name, words in sent.items() if words]


def _count(queryset: object) -> Coalesce:
    counted = queryset.order_by().values("call").annotate(n=Count("pk")).values("n")  # type: ignore[attr-defined]
    return Coalesce(Subquery(counted), 0)


@require_GET
def board(request: SignedInRequest) -> HttpResponse:
    """Every call by stage, with what is going on in it."""
    if not request.user.is_centre_staff:
        raise Http404
    mine = Application.objects.filter(call=OuterRef("pk"))
    rows = Call.objects.for_list().annotate(
        started=_count(mine.filter(status=ApplicationStatus.DRAFT)),
        sent=_count(mine.filter(submitted_at__isnull=False).exclude(status=ApplicationStatus.WITHDRAWN)),
        offers=_count(
            mine.filter(decision__outcome="offer").exclude(
                pk__in=Assessment.objects.blinding(request.user).values("application")
            )
        ),
        waiting=_count(Enquiry.objects.filter(call=OuterRef("pk"), answered_at__isnull=True)),
    )
    stage = request.GET.get("stage", "")
    known = {key: condition for key, _, condition in STAGES}
    counts = Call.objects.aggregate(**{key: Count("pk", filter=condition) for key, condition in known.items()})
    if stage in known:
        rows = rows.filter(known[stage])
    page = Paginator(rows.order_by("-created_at", "-pk"), 25).get_page(request.GET.get("page"))
    tabs = [(key, label, counts[key]) for key, label, _ in STAGES]
    context = {"page": page, "stages": tabs, "stage": stage, "all": sum(counts.values()), "now": timezone.now()}
    return render(request, "calls/staff/board.html", context)


@takes_pasted_text
@require_http_methods(["GET", "POST"])
def new(request: SignedInRequest) -> HttpResponse:
    if not request.user.is_centre_staff:
        raise Http404
    require(request.user, "calls.write_call")
    form = BeginForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        call = calls.begin(by=request.user, **form.cleaned_data)
        messages.success(request, "The call is begun. Nobody but staff can see it until it is published.")
        return redirect("calls:manage", call.slug)
    return render(request, "calls/staff/new.html", {"form": form}, status=422 if form.errors else 200)


@require_GET
def manage(request: SignedInRequest, slug: str) -> HttpResponse:
    call = staff_call(request, slug)
    is_draft = call.status == CallStatus.DRAFT
    sent = Q(submitted_at__isnull=False) & ~Q(status=ApplicationStatus.WITHDRAWN)
    context = {
        "call": call,
        "missing": missing_from(call) if is_draft else [],
        "thoughts": worth_a_thought(call) if is_draft else [],
        "counts": call.applications.aggregate(
            started=Count("pk", filter=Q(status=ApplicationStatus.DRAFT)),
            sent=Count("pk", filter=sent),
            withdrawn=Count("pk", filter=Q(status=ApplicationStatus.WITHDRAWN)),
        ),
        "questions": call.questions.count(),
        "criteria": call.criteria.count(),
        "waiting": call.enquiries.filter(answered_at__isnull=True).count(),
        "answered": call.enquiries.filter(answered_at__isnull=False).count(),
        "extensions": call.extensions.select_related("made_by"),
        "more_places": call.more_places.select_related("made_by"),
        "may_have_more_places": calls.may_have_more_places(call),
    }
    return render(request, "calls/staff/manage.html", context)


STEPS = {
    "about": (AboutForm, "What the call is about", "eligibility"),
    "eligibility": (EligibilityForm, "Who may apply", "dates"),
    "dates": (DatesForm, "Dates and places", "questions"),
}


def step(name: str) -> Callable[..., HttpResponse]:
    """A page for each step: the form, saved, and on to the next one."""
    form_class, title, following = STEPS[name]

    @takes_pasted_text
    @require_http_methods(["GET", "POST"])
    @while_being_written
    def page(request: SignedInRequest, slug: str) -> HttpResponse:
        call = staff_call(request, slug, "calls.write_call")
        form = form_class(request.POST if request.method == "POST" else None, instance=call)
        if request.method == "POST" and form.is_valid():
            calls.change(Call.objects.get(pk=call.pk), by=request.user, **form.values())
            messages.success(request, f"Saved: {title.lower()}.")
            return redirect("calls:manage" if "close" in request.POST else f"calls:write_{following}", slug)
        context = {"call": Call.objects.get(pk=call.pk), "form": form, "title": title}
        return render(request, "calls/staff/step.html", context, status=422 if form.errors else 200)

    page.__name__ = f"write_{name}"
    return page


PARTS = {"questions": (Question, QuestionForm), "criteria": (Criterion, CriterionForm)}
SINGULAR = {"questions": "question", "criteria": "criterion"}


@require_GET
def parts(request: SignedInRequest, slug: str, kind: str) -> HttpResponse:
    """All questions, or all criteria, of a call in their order, with the ways to change them."""
    call = staff_call(request, slug)
    rows = list(getattr(call, kind).all())
    total = sum(part.weight for part in rows) if kind == "criteria" else 0
    words = sum(part.word_limit or 0 for part in rows) if kind == "questions" else 0
    context = {"call": call, "kind": kind, "parts": rows, "total": total, "words": words}
    return render(request, f"calls/staff/{kind}.html", context)


@takes_pasted_text
@require_http_methods(["GET", "POST"])
@while_being_written
def part(request: SignedInRequest, slug: str, kind: str, pk: int | None = None) -> HttpResponse:
    """Add one, or change one."""
    call = staff_call(request, slug, "calls.write_call")
    model, form_class = PARTS[kind]
    instance = get_object_or_404(model, call=call, pk=pk) if pk else model(call=call)
    initial = _like_the_last(call) if kind == "questions" and not pk else {}
    form = form_class(request.POST if request.method == "POST" else None, instance=instance, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            calls.save_part(form.save(commit=False), by=request.user)
        except ValidationError as problem:
            form.add_error(None, problem)
        else:
            messages.success(request, "Saved." if pk else "Added.")
            return redirect(f"calls:add_{SINGULAR[kind]}" if "another" in request.POST else f"calls:write_{kind}", slug)
    context = {"call": call, "kind": kind, "form": form, "part": instance}
    return render(request, "calls/staff/part.html", context, status=422 if form.errors else 200)


def _like_the_last(call: Call) -> dict:
    last = call.questions.order_by("-position").first()
    return {"section": last.section if last else "", "kind": QuestionKind.LONG_TEXT, "is_required": True}


@require_POST
@while_being_written
def rearrange(request: SignedInRequest, slug: str, kind: str, pk: int) -> HttpResponse:
    """Up, down or away, each by its own button, so that it works without JavaScript."""
    call = staff_call(request, slug, "calls.write_call")
    one = get_object_or_404(PARTS[kind][0].objects.select_related("call"), call=call, pk=pk)  # type: ignore[attr-defined]
    match request.POST.get("do"):
        case "up" | "down" as way:
            calls.move_part(one, up=way == "up", by=request.user)
        case "remove":
            calls.remove_part(one, by=request.user)
            messages.success(request, f"Removed: “{one}”.")
    return redirect(f"calls:write_{kind}", slug)


@require_GET
def check(request: SignedInRequest, slug: str) -> HttpResponse:
    call = staff_call(request, slug)
    context = {"call": call, "missing": missing_from(call), "thoughts": worth_a_thought(call)}
    return render(request, "calls/staff/check.html", context)


@require_GET
def preview(request: SignedInRequest, slug: str) -> HttpResponse:
    """The call as the public will see it, word for word."""
    call = staff_call(request, slug)
    return render(request, "calls/call.html", context_of(call, request) | {"is_preview": True})
