"""Ratings are appended. A new judgement is a new row with a reason; the old one stays readable."""

from datetime import date, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.timezone import localdate

from audit.actions import record
from evaluations.models import Evaluation
from evidence_store.actions.search_index import reindex
from evidence_store.choices import Axis
from evidence_store.models import Entry, Finding, Outcome, Rating, RatingLevel, Review
from people.models import Person
from people.rules import require

# Levels that no scale gives without grounds, whatever its version.
HIGH, CONSISTENT = "high", "consistently_positive"


@transaction.atomic
def add_finding(entry: Entry, outcome: Outcome, *, by: Person, **facts: Any) -> Finding:
    """An outcome of a practice about which something can be known. It has no rating until one is recorded."""
    require(by, "evidence_store.rate_finding", entry)
    finding = Finding(entry=entry, outcome=outcome, **facts)
    finding.full_clean()
    finding.save()
    record("added finding", entry, by=by, finding=finding)
    reindex(entry)
    return finding


@transaction.atomic
def rate(
    finding: Finding,
    *,
    by: Person,
    effect: RatingLevel | None,
    strength: RatingLevel | None,
    reason: str,
    evaluation: Evaluation | None = None,
    review: Review | None = None,
    studies: int | None = None,
    assessed_on: date | None = None,
    assessor: str = "",
    public_from: datetime | None = None,
) -> Rating:
    """Record a judgement on both axes. ``public_from`` in the future holds it back; the earlier one stands until then."""
    require(by, "evidence_store.rate_finding", finding.entry)
    check_levels(effect, strength)
    check_grounds(effect, strength, review=review, evaluation=evaluation)
    if not reason.strip():
        raise ValidationError({"reason": "Say why this rating; for a changed one, what changed and why."})
    if assessed_on and assessed_on > localdate():
        raise ValidationError({"assessed_on": "The day of the judgement cannot be in the future."})
    Finding.objects.select_for_update().get(pk=finding.pk)
    said = {
        "effect": effect,
        "strength": strength,
        "studies": studies,
        "review": review,
        "evaluation": evaluation,
        "assessed_on": assessed_on or localdate(),
        "assessor": assessor,
        "reason": reason,
    }
    if clicked := _just_recorded(finding, said, public_from, by=by):
        return clicked
    finding.ratings.current().update(is_current=False)
    rating = Rating(
        finding=finding,
        **said,
        public_from=public_from or timezone.now(),
        recorded_by=by,
        is_demonstration=finding.entry.is_demonstration,
    )
    rating.full_clean(validate_constraints=False)
    rating.save(force_insert=True)
    record(
        "rated", finding.entry, by=by, finding=finding, rating=rating, effect=_code(effect), strength=_code(strength)
    )
    reindex(finding.entry)
    return rating


def _just_recorded(
    finding: Finding, said: dict[str, Any], public_from: datetime | None, *, by: Person
) -> Rating | None:
    """The same judgement sent twice is one. What differs in a single word, or in its moment, is a judgement of its own."""
    now = timezone.now()
    recent = finding.ratings.current().filter(recorded_by=by, recorded_at__gte=now - timedelta(minutes=1))
    same = [rating for rating in recent if all(getattr(rating, name) == value for name, value in said.items())]
    moments = [
        rating for rating in same if rating.public_from == public_from or not (public_from or rating.is_held_back)
    ]
    return moments[0] if moments else None


@transaction.atomic
def release(rating: Rating, *, by: Person) -> None:
    """End the holding back of a rating now."""
    require(by, "evidence_store.rate_finding", rating.finding.entry)
    now = timezone.now()
    if not Rating.objects.filter(pk=rating.pk).held_back().update(public_from=now):
        raise ValidationError("This rating is public already.")
    rating.public_from = now
    record("released rating", rating.finding.entry, by=by, rating=rating)
    reindex(rating.finding.entry)


def _code(level: RatingLevel | None) -> str:
    return level.code if level else ""


def check_levels(effect: RatingLevel | None, strength: RatingLevel | None) -> None:
    """Levels stand on their own axis, in one scheme, and an effect is never rated without the strength of its evidence."""
    if effect is not None and effect.axis != Axis.EFFECT:
        raise ValidationError({"effect": f"“{effect}” is not a level of effect."})
    if strength is not None and strength.axis != Axis.STRENGTH:
        raise ValidationError({"strength": f"“{strength}” is not a level of strength."})
    if effect is not None and strength is None:
        raise ValidationError({"strength": "An effect is never rated without the strength of the evidence."})
    if effect is not None and strength is not None and effect.scheme_id != strength.scheme_id:
        raise ValidationError({"strength": "Both levels must come from the same version of the scale."})
    if effect is not None and effect.code == "mixed" and effect.number is not None:
        raise ValidationError({"effect": "Mixed findings have no number: correct the scale first."})


def check_grounds(
    effect: RatingLevel | None, strength: RatingLevel | None, *, review: Review | None, evaluation: Evaluation | None
) -> None:
    """The highest judgements name what they rest on."""
    if strength is not None and strength.code == HIGH and review is None:
        raise ValidationError(
            {"review": "High strength rests on a systematic review: choose it, or rate the strength lower."}
        )
    if effect is not None and effect.code == CONSISTENT and review is None and evaluation is None:
        raise ValidationError(
            {"review": "A consistently positive effect names the review or the evaluation it rests on."}
        )
