"""The public feed: posts, announced partnerships, calls, evaluations and ratings, each from what is public at this moment."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from calls.models import Call
from evaluations.models import Evaluation
from evidence_store.models import Rating
from newsroom.models import Post
from partners.models import Organisation
from programmes.models import Partnership

NEWEST = 50


@dataclass(frozen=True)
class Item:
    """One thing that became public: ``key`` never changes, so readers of the feed know it again."""

    key: str
    at: datetime | None
    title: str
    summary: str
    path: str
    is_demonstration: bool = False

    @property
    def address(self) -> str:
        return settings.PORTAL_ADDRESS + self.path


def items() -> list[Item]:
    """The newest first; only what an anonymous visitor may see."""
    found = [*_posts(), *_partnerships(), *_calls(), *_evaluations(), *_ratings()]
    return sorted(found, key=lambda item: (item.at or timezone.now(), item.key), reverse=True)[:NEWEST]


def fingerprint(found: list[Item]) -> str:
    return hashlib.sha256(
        "|".join(f"{item.key}{item.at}{item.title}{item.summary}" for item in found).encode()
    ).hexdigest()[:32]


def _posts() -> Iterator[Item]:
    for post in Post.objects.visible_to(AnonymousUser()).order_by("-public_from")[:NEWEST]:
        yield Item(
            f"post-{post.pk}",
            post.public_from,
            post.title,
            post.summary,
            post.get_absolute_url(),
            post.is_demonstration,
        )


def _partnerships() -> Iterator[Item]:
    known = Organisation.objects.visible_to(AnonymousUser())
    announced = Partnership.objects.visible_to(AnonymousUser()).filter(organisation__in=known).for_list()
    for partnership in announced.order_by("-public_from", "pk")[:NEWEST]:
        title = f"New partner: {partnership.organisation.name} in {partnership.programme.known_as}"
        path = partnership.organisation.get_absolute_url()
        yield Item(
            f"partnership-{partnership.pk}",
            partnership.public_from,
            title,
            partnership.practice_name,
            path,
            partnership.is_demonstration,
        )


def _calls() -> Iterator[Item]:
    for call in (
        Call.objects.visible_to(AnonymousUser()).filter(opens_at__lte=timezone.now()).order_by("-opens_at")[:NEWEST]
    ):
        at = max(moment for moment in (call.opens_at, call.public_from) if moment)
        yield Item(
            f"call-{call.pk}",
            at,
            f"{call.get_kind_display()}: {call.title}",
            call.purpose[:300],
            call.get_absolute_url(),
            call.is_demonstration,
        )


def _evaluations() -> Iterator[Item]:
    for evaluation in Evaluation.objects.visible_to(AnonymousUser()).order_by("-public_from")[:NEWEST]:
        yield Item(
            f"evaluation-{evaluation.pk}",
            evaluation.public_from,
            f"On the register: {evaluation.title}",
            f"{evaluation.get_design_display()} / {evaluation.get_status_display()}",
            evaluation.get_absolute_url(),
            evaluation.is_demonstration,
        )


def _ratings() -> Iterator[Item]:
    ratings = (
        Rating.objects.visible_to(AnonymousUser())
        .select_related("finding__entry", "finding__outcome", "effect", "strength")
        .with_moment()
        .order_by("-moment", "-pk")[:NEWEST]
    )
    for rating in ratings:
        yield Item(
            f"rating-{rating.pk}",
            rating.moment,
            f"Rated: {rating.finding.entry.title}, {rating.finding.outcome.name}",
            f"Effect: {rating.effect or 'not rated'}. Strength of evidence: {rating.strength or 'not rated'}.",
            rating.finding.entry.get_absolute_url(),
            rating.is_demonstration,
        )
