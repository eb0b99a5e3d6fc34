"""The evidence store as the public reads it."""

from itertools import groupby
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.db.models import Prefetch, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from evidence_store import figures, search
from evidence_store.choices import Axis, EntryStatus
from evidence_store.forms import SearchForm
from evidence_store.lineage import Walk, seen_evaluations, what_changed
from evidence_store.models import Entry, Finding, FormerAddress, Rating, RatingLevel, RatingScheme
from programmes.models import Programme

PER_PAGE = 25
FACET_TITLES = {
    "outcome": "Outcome",
    "effect": "Overall effect",
    "strength": "Strength of evidence",
    "theme": "Theme",
    "evaluated": "Studied in England with us",
}


@login_not_required
@require_safe
def search_page(request: HttpRequest) -> HttpResponse:
    form = SearchForm(request.GET)
    is_good = form.is_valid()
    words = form.cleaned_data.get("q", "") if is_good else ""
    typed = bool(request.GET.get("q", "").strip())
    result, problem = search.Result([], {}), ""
    if not is_good:
        problem = " ".join(str(sentence) for sentences in form.errors.values() for sentence in sentences)
    else:
        try:
            result = search.look(request.user, words, form.chosen(), sort=form.cleaned_data["sort"])
        except search.TookTooLong:
            problem = "This search took too long, so we stopped it. Nothing is wrong at your side: try fewer words, without OR and minus."
    page = Paginator(result.ids, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "words": words,
        "typed_nothing_searchable": typed and is_good and not words,
        "problem": problem,
        "result": result,
        "page": page,
        "entries": _of_page(request.user, list(page), result.stock),
        "facets": [
            (name, FACET_TITLES[name], values) for name, values in result.facets.items() if _offers_something(values)
        ],
        "chosen_count": sum(value.is_chosen for values in result.facets.values() for value in values),
        "sorts": search.SORTS.items(),
        "sort": form.cleaned_data.get("sort") or ("relevance" if words else "title"),
        "figures": result.figures or figures.of_the_store(request.user),
    }
    return render(request, "evidence_store/search.html", context, status=400 if problem else 200)


def _offers_something(values: list[search.Value]) -> bool:
    return any(value.count or value.is_chosen for value in values)


ON_A_CARD = ("slug", "title", "summary", "next_review_on", "is_demonstration")


def _of_page(person: Any, ids: list[int], stock: search.Stock) -> list[tuple[Entry, list[search.Row]]]:
    """The entries of one page in their order, each with its findings; these were read for the facets already."""
    found = Entry.objects.visible_to(person).filter(pk__in=ids).only(*ON_A_CARD).in_bulk()
    findings = stock.findings_of(found)
    return [(found[pk], findings[pk]) for pk in ids if pk in found]


@login_not_required
@require_safe
def entry(request: HttpRequest, slug: str) -> HttpResponse:
    found = Entry.objects.visible_to(request.user).filter(slug=slug).first()
    if found is None:
        return _moved(request, f"/evidence/{slug}/")
    successor = (
        Entry.objects.visible_to(request.user).filter(pk=found.successor_id).first() if found.successor_id else None
    )
    context: dict[str, Any] = {"entry": found, "successor": successor}
    if found.status == EntryStatus.WITHDRAWN:
        # What was withdrawn is gone; its address, the day and the reason stay.
        return render(request, "evidence_store/withdrawn.html", context, status=410)
    findings = findings_of(found, request.user)
    shown = [finding.shown for finding in findings if finding.shown]
    context |= {
        "findings": findings,
        "reviews": _reviews(findings),
        "themes": found.themes.all(),
        "programmes": Programme.objects.visible_to(request.user).filter(entries=found),
        "changed_at": figures.last_changed(found, request.user),
        **_studies(found, request.user, shown),
    }
    return render(request, "evidence_store/entry.html", context)


def findings_of(found: Entry, person: Any) -> list[Any]:
    """Findings of an entry as this person sees them: the rating that stands, those before it, and what changed each time."""
    ratings = (
        Rating.objects.visible_to(person).newest_first().select_related("effect", "strength", "review", "evaluation")
    )
    findings = (
        Finding.objects.shown_to(person)
        .filter(entry=found)
        .select_related("outcome")
        .prefetch_related(Prefetch("ratings", ratings, to_attr="seen_ratings"))
        .order_by("outcome__name", "pk")
    )
    told: list[Any] = list(findings)
    for finding in told:
        seen = finding.seen_ratings
        finding.shown = seen[0] if seen else None
        finding.history = [
            {"rating": rating, "changes": what_changed(rating, before)}
            for rating, before in zip(seen, [*seen[1:], None], strict=False)
        ]
        for rating in seen:
            rating.finding = finding
            finding.entry = found
    return told


def _reviews(findings: list[Any]) -> list[Any]:
    reviews = {
        rating.review_id: rating.review for finding in findings for rating in finding.seen_ratings if rating.review
    }
    return sorted(reviews.values(), key=lambda review: (-(review.year or 0), review.title))


def _studies(found: Entry, person: Any, shown: list[Rating]) -> dict[str, Any]:
    """Evaluations of the register that study this practice, and for each rating of theirs the walk back to the call."""
    behind = {rating.evaluation_id for rating in shown if rating.evaluation_id}
    evaluations = list(
        seen_evaluations(person).filter(Q(entries=found) | Q(pk__in=behind)).distinct().order_by("title")
    )
    walk = Walk(person, evaluations)
    visible = {evaluation.pk for evaluation in evaluations}
    for rating in shown:
        rating.may_show_evaluation = rating.evaluation_id in visible  # type: ignore[attr-defined]
    walks = [
        (
            evaluation,
            walk.to(evaluation, [r for r in shown if r.evaluation_id == evaluation.pk], here="Evidence", entry=found),
        )
        for evaluation in evaluations
    ]
    return {"walks": walks, "visible_evaluations": visible}


@login_not_required
@require_safe
def how_we_rate(request: HttpRequest) -> HttpResponse:
    """Made from the tables of the scales, so that the page and the rules cannot drift apart."""
    levels = RatingLevel.objects.select_related("scheme").order_by("scheme__key", "scheme__version", "axis", "-order")
    schemes = [
        (
            scheme,
            [(Axis(axis).label, list(of_axis)) for axis, of_axis in groupby(of_scheme, key=lambda level: level.axis)],
        )
        for scheme, of_scheme in groupby(levels, key=lambda level: level.scheme)
    ]
    context = {
        "schemes": schemes,
        "has_schemes": RatingScheme.objects.exists(),
        "figures": figures.of_the_store(request.user),
    }
    return render(request, "evidence_store/how_we_rate.html", context)


@login_not_required
@require_safe
def former_address(request: HttpRequest, **parts: Any) -> HttpResponse:
    return _moved(request, request.path, slug=str(parts.get("slug", "")))


def _moved(request: HttpRequest, path: str, slug: str = "") -> HttpResponse:
    """For good to where the entry is today, if this person may see it there."""
    bare = f"/{path.strip('/')}"
    known = FormerAddress.objects.filter(path__in=(bare, f"{bare}/", bare.strip("/"))).values("entry")
    entries = Entry.objects.visible_to(request.user)
    found = entries.filter(pk__in=known).first() or (entries.filter(slug=slug).first() if slug else None)
    if found is None:
        raise Http404
    return redirect(get_object_or_404(entries, pk=found.pk), permanent=True)
