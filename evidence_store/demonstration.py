"""An entry whose rating changed because an evaluation reported, and one rating that is held back. All made up, and marked."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.timezone import localdate

from evaluations.demonstration import SLUG as EVALUATION
from evaluations.models import Evaluation
from evidence_store.actions import entries, ratings
from evidence_store.choices import Axis, Polarity
from evidence_store.models import Entry, Finding, Outcome, Rating, RatingLevel
from people.choices import StaffRole
from people.models import Person
from programmes.models import Theme

SLUG = "demonstration-visits-after-a-conference"
ASSESSOR = "Research team (demonstration)"


@transaction.atomic
def load() -> None:
    """Needs the facts (the scale) and the demonstration evaluation. A second run finds what is there and adds nothing."""
    staff = Person.objects.filter(is_demonstration=True, posts__role=StaffRole.RESEARCH).first()
    evaluation = Evaluation.objects.filter(slug=EVALUATION).first()
    if staff is None or evaluation is None or Entry.objects.filter(slug=SLUG).exists():
        return
    if not RatingLevel.objects.filter(axis=Axis.STRENGTH).exists():
        return
    entry = _entry(evaluation, staff)
    _changed(entry, evaluation, staff)
    _held_back(entry, evaluation, staff)


def _entry(evaluation: Evaluation, staff: Person) -> Entry:
    today = localdate()
    entry = entries.begin(
        by=staff,
        slug=SLUG,
        title="Demonstration: visits after a child protection conference",
        summary="A practitioner visits the family in the week after a conference, and the plan is read again together.",
        what_it_is="A visit of about an hour, booked in the conference itself, by somebody who was in the room.",
        how_it_works="Families leave a conference with much to take in. Reading the plan again gives them room to ask and to object.",
        who_it_is_for="Families with a child protection plan.",
        where_studied="Four area teams of one authority, in the demonstration.",
        in_england="The only study is from one authority. Nothing is known of larger or more rural places.",
        costs="About one hour of a practitioner for each conference.",
        limits="Whether fewer children come into care. The study was too small to tell.",
        synonyms=["conference follow-up visit", "reading the plan again"],
        reviewed_on=today - timedelta(days=8),
        next_review_on=today + timedelta(days=722),
        programmes=[evaluation.programme] if evaluation.programme else [],
        evaluations=[evaluation],
        themes=list(Theme.objects.filter(slug="child-protection")),
        is_demonstration=True,
    )
    entries.publish(entry, by=staff, at=timezone.now() - timedelta(days=240))
    return entry


def _finding(entry: Entry, slug: str, name: str, staff: Person, polarity: str = Polarity.HIGHER) -> Finding:
    outcome, _ = Outcome.objects.get_or_create(slug=slug, defaults={"name": name, "polarity": polarity})
    return ratings.add_finding(
        entry,
        outcome,
        by=staff,
        population="Families with a child protection plan",
        comparator="Teams that went on as before",
    )


def _changed(entry: Entry, evaluation: Evaluation, staff: Person) -> None:
    """First rated on what practitioners reported; rated again when the evaluation was published."""
    today, now = localdate(), timezone.now()
    understood = _finding(entry, "demonstration-plan-read-again", "Plan read again with the family", staff)
    first = ratings.rate(
        understood,
        by=staff,
        effect=None,
        strength=_level(Axis.STRENGTH, "very_low"),
        studies=0,
        reason="No study yet. Practitioners told us of good experience, which is a reason to test and not a finding.",
        assessed_on=today - timedelta(days=240),
        assessor=ASSESSOR,
        public_from=now - timedelta(days=240),
    )
    # What happened in the story happened then, not when the demonstration was loaded.
    Rating.objects.filter(pk=first.pk).update(recorded_at=now - timedelta(days=240))
    ratings.rate(
        understood,
        by=staff,
        effect=_level(Axis.EFFECT, "tends_positive"),
        strength=_level(Axis.STRENGTH, "low"),
        studies=1,
        evaluation=evaluation,
        reason=(
            "The comparison of four teams reported: more plans were read again where visits were made. One study in one authority, "
            "not drawn by lot, so the strength rises by one level only."
        ),
        assessed_on=today - timedelta(days=7),
        assessor=ASSESSOR,
        public_from=now - timedelta(days=6),
    )
    again = _finding(entry, "demonstration-referred-again", "Referred again within six months", staff, Polarity.LOWER)
    ratings.rate(
        again,
        by=staff,
        effect=_level(Axis.EFFECT, "no_effect"),
        strength=_level(Axis.STRENGTH, "low"),
        studies=1,
        evaluation=evaluation,
        reason="The comparison of four teams found no difference. That is a result: the visit should not be sold with this promise.",
        assessed_on=today - timedelta(days=7),
        assessor=ASSESSOR,
        public_from=now - timedelta(days=6),
    )


def _held_back(entry: Entry, evaluation: Evaluation, staff: Person) -> None:
    """Recorded, and unseen by the public until next month."""
    trust = _finding(entry, "demonstration-trust-in-the-service", "Trust in the service", staff)
    ratings.rate(
        trust,
        by=staff,
        effect=_level(Axis.EFFECT, "mixed"),
        strength=_level(Axis.STRENGTH, "very_low"),
        studies=1,
        evaluation=evaluation,
        reason="From an annex of the report that comes out next month: parents and young people answered differently.",
        assessed_on=localdate(),
        assessor=ASSESSOR,
        public_from=timezone.now() + timedelta(days=30),
    )


def _level(axis: str, code: str) -> RatingLevel:
    """The level of the scale in use: the newest version that is not over."""
    levels = RatingLevel.objects.filter(axis=axis, code=code, scheme__valid_until__isnull=True)
    return levels.order_by("-scheme__valid_from", "-scheme").first() or levels.model.objects.filter(axis=axis).earliest(
        "order"
    )
