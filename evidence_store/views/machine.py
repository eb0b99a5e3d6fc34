"""The store for programs: all ratings as CSV and JSON, references, and a feed of changes. Everybody gets the public's view."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import AnonymousUser
from django.contrib.syndication.views import Feed
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed
from django.views.decorators.http import condition, require_safe

from audit.exports import as_csv
from evaluations.models import Evaluation
from evidence_store import figures
from evidence_store.choices import EntryStatus
from evidence_store.citations import FORMS, reference_to, reference_to_review
from evidence_store.lineage import what_changed
from evidence_store.models import Entry, Rating, Review

PUBLIC = AnonymousUser()
IN_THE_FEED = 50
COLUMNS = (
    "entry",
    "entry_url",
    "entry_status",
    "outcome",
    "population",
    "comparator",
    "effect",
    "effect_number",
    "strength",
    "strength_number",
    "scheme",
    "studies",
    "review",
    "review_doi",
    "evaluation",
    "assessed_on",
    "assessor",
    "reason",
    "public_from",
    "stands_today",
    "demonstration",
)


def public_ratings() -> Any:
    """Every rating that the public may see, of entries that were not withdrawn; newest last for each finding."""
    return (
        Rating.objects.visible_to(PUBLIC)
        .exclude(finding__entry__status=EntryStatus.WITHDRAWN)
        .for_list()
        .select_related("effect__scheme", "strength__scheme")
        .order_by("finding__entry__title", "finding__outcome__name", "finding", "recorded_at", "pk")
    )


def _rows() -> list[dict[str, Any]]:
    standing = set(Rating.objects.shown_to(PUBLIC).values_list("pk", flat=True))
    evaluations = set(Evaluation.objects.visible_to(PUBLIC).values_list("pk", flat=True))
    return [_row(rating, rating.pk in standing, evaluations) for rating in public_ratings()]


def _row(rating: Rating, stands: bool, evaluations: set[int]) -> dict[str, Any]:
    finding, level = rating.finding, rating.strength or rating.effect
    evaluation = rating.evaluation if rating.evaluation_id in evaluations else None
    return {
        "entry": finding.entry.title,
        "entry_url": f"{settings.PORTAL_ADDRESS}{finding.entry.get_absolute_url()}",
        "entry_status": finding.entry.status,
        "outcome": finding.outcome.name,
        "population": finding.population,
        "comparator": finding.comparator,
        "effect": rating.effect.code if rating.effect else None,
        "effect_number": rating.effect.number if rating.effect else None,
        "strength": rating.strength.code if rating.strength else None,
        "strength_number": rating.strength.number if rating.strength else None,
        "scheme": str(level.scheme) if level else None,
        "studies": rating.studies,
        "review": rating.review.named if rating.review else None,
        "review_doi": rating.review.doi or None if rating.review else None,
        "evaluation": f"{settings.PORTAL_ADDRESS}{evaluation.get_absolute_url()}" if evaluation else None,
        "assessed_on": rating.assessed_on,
        "assessor": rating.assessor,
        "reason": rating.reason,
        "public_from": rating.public_from,
        "stands_today": stands,
        "demonstration": rating.is_demonstration or finding.entry.is_demonstration,
    }


@login_not_required
@require_safe
def data_csv(request: HttpRequest) -> HttpResponse:
    return as_csv("wwcsc-evidence-ratings", COLUMNS, [list(row.values()) for row in _rows()], for_people=False)


@login_not_required
@require_safe
def data_json(request: HttpRequest) -> HttpResponse:
    gone = Entry.objects.public().filter(status=EntryStatus.WITHDRAWN)
    withdrawn = [
        {"entry": f"{settings.PORTAL_ADDRESS}{entry.get_absolute_url()}", "reason": entry.status_reason}
        for entry in gone
    ]
    about = "Every rating the WWCSC evidence store has published. An empty effect or strength means that no rating was seen."
    return JsonResponse(
        {"about": about, "ratings": _rows(), "withdrawn": withdrawn}, json_dumps_params={"ensure_ascii": False}
    )


@login_not_required
@require_safe
def citation(request: HttpRequest, slug: str, form: str) -> HttpResponse:
    """The entry and the reviews its public ratings rest on."""
    if form not in FORMS:
        raise Http404
    entry = get_object_or_404(Entry.objects.public().exclude(status=EntryStatus.WITHDRAWN), slug=slug)
    ratings = Rating.objects.visible_to(PUBLIC).filter(finding__entry=entry)
    reviews = Review.objects.filter(ratings__in=ratings).distinct().order_by("year", "title", "pk")
    references = [reference_to(entry, figures.day_of_last_change(entry)), *map(reference_to_review, reviews)]
    write, content_type = FORMS[form]
    response = HttpResponse(write(references).encode(), content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{entry.slug}.{form}"'
    return response


class RatingChanges(Feed):
    """Each new or changed rating, with what changed and why."""

    feed_type = Atom1Feed
    title = "WWCSC evidence store: changes of ratings"
    subtitle = "Every rating as it is published, with the reason."

    def link(self) -> str:
        return reverse("evidence_store:search")

    def feed_guid(self) -> str:
        return f"tag:{settings.PORTAL_HOST},2018:evidence"

    def items(self) -> list[Rating]:
        newest = public_ratings().with_moment().order_by("-moment", "-pk")[:IN_THE_FEED]
        told = list(newest)
        earlier: dict[int, list[Rating]] = {}
        for rating in public_ratings().filter(finding__in=[rating.finding_id for rating in told]):
            earlier.setdefault(rating.finding_id, []).append(rating)
        for rating in told:
            before = [
                other
                for other in earlier[rating.finding_id]
                if (other.recorded_at, other.pk) < (rating.recorded_at, rating.pk)
            ]
            rating.changes = what_changed(rating, before[-1] if before else None)
        return told

    def item_title(self, item: Rating) -> str:
        mark = "Demonstration: " if item.is_demonstration else ""
        verb = "changed" if item.changes else "rated"  # type: ignore[attr-defined]
        return f"{mark}{item.finding.entry.title}: {item.finding.outcome.name}, {verb}"

    def item_description(self, item: Rating) -> str:
        changes = " ".join(item.changes)  # type: ignore[attr-defined]
        return (
            f"Effect: {item.effect_said}. Strength of evidence: {item.strength_said}. {changes} {item.reason}".strip()
        )

    def item_link(self, item: Rating) -> str:
        return f"{item.finding.entry.get_absolute_url()}#finding-{item.finding_id}"

    def item_guid(self, item: Rating) -> str:
        return f"tag:{settings.PORTAL_HOST},2018:evidence/rating/{item.pk}"

    def item_pubdate(self, item: Rating) -> datetime:
        return item.moment  # type: ignore[attr-defined]

    def item_updateddate(self, item: Rating) -> datetime:
        return item.moment  # type: ignore[attr-defined]

    def author_name(self) -> str:
        return "WWCSC evidence store"


def _last_moment(request: HttpRequest) -> datetime | None:
    newest = public_ratings().with_moment().order_by("-moment").first()
    return newest.moment if newest else None


def _mark(request: HttpRequest) -> str:
    """Changes with any public rating, also when one is withdrawn."""
    return f'"{_last_moment(request)}-{public_ratings().count()}"'


feed = login_not_required(require_safe(condition(etag_func=_mark)(RatingChanges())))
