"""Where a rating comes from: the ratings before it, and the walk back to the evaluation, the programme and the call."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model, Prefetch
from django.urls import NoReverseMatch

from calls.models import Application, Call
from evaluations.models import Evaluation
from evidence_store.models import Entry, Rating
from partners.models import Organisation
from programmes.models import Partnership, Programme

Step = dict[str, Any]


def what_changed(now: Rating, before: Rating | None) -> list[str]:
    """The difference between two ratings of a finding, in sentences."""
    if before is None:
        return []
    said = []
    if now.effect_id != before.effect_id:
        said.append(f"Effect: from “{before.effect_said}” to “{now.effect_said}”.")
    if now.strength_id != before.strength_id:
        said.append(f"Strength of evidence: from “{before.strength_said}” to “{now.strength_said}”.")
    if now.studies != before.studies:
        said.append(f"Studies: from {_count(before.studies)} to {_count(now.studies)}.")
    if now.review_id != before.review_id and now.review:
        said.append(f"Now rests on {now.review.named}.")
    if now.evaluation_id != before.evaluation_id and now.evaluation_id:
        said.append("A result of our own register was taken in.")
    return said or ["Both ratings were looked at again and stay as they were."]


def _count(number: int | None) -> str:
    return "not known" if number is None else str(number)


def seen_evaluations(person: Any) -> Any:
    """Evaluations with all that a walk along the thread needs, in a fixed number of queries."""
    partnerships = (
        Partnership.objects.visible_to(person)
        .filter(organisation__in=Organisation.objects.visible_to(person))
        .select_related("organisation", "programme", "application__call")
        .order_by("organisation__name")
    )
    return (
        Evaluation.objects.visible_to(person)
        .select_related("programme", "strand", "call")
        .prefetch_related(Prefetch("partnerships", partnerships, to_attr="seen_partnerships"))
    )


class Walk:
    """The steps from a call to an entry, each only where this person may see it."""

    def __init__(self, person: Any, evaluations: Iterable[Evaluation]) -> None:
        known = list(evaluations)
        partnerships = [partnership for evaluation in known for partnership in evaluation.seen_partnerships]  # type: ignore[attr-defined]
        applications = [found for partnership in partnerships if (found := application_of(partnership))]
        calls = {evaluation.call_id for evaluation in known if evaluation.call_id}
        calls |= {application.call_id for application in applications}
        programmes = {evaluation.programme_id for evaluation in known if evaluation.programme_id}
        self.calls = set(Call.objects.visible_to(person).filter(pk__in=calls).values_list("pk", flat=True))
        self.programmes = set(
            Programme.objects.visible_to(person).filter(pk__in=programmes).values_list("pk", flat=True)
        )
        self.applications = set(
            Application.objects.visible_to(person)
            .filter(pk__in=[found.pk for found in applications])
            .values_list("pk", flat=True)
        )

    def to(
        self,
        evaluation: Evaluation,
        ratings: Iterable[Rating] = (),
        *,
        here: str = "Evaluation",
        entry: Entry | None = None,
    ) -> list[Step]:
        partnerships = evaluation.seen_partnerships  # type: ignore[attr-defined]
        steps = [self._call(evaluation, partnerships), *self._partners(evaluation, partnerships)]
        if evaluation.programme and evaluation.programme_id in self.programmes:
            steps.append(_step("Programme", evaluation.programme.known_as, evaluation.programme))
        steps.append(_step("Evaluation", evaluation.title, evaluation, note=evaluation.design_and_stage))
        steps += _of_ratings(list(ratings), entry)
        for step in steps:
            if step:
                step["current"] = step["kind"] == here
        return [step for step in steps if step]

    def _call(self, evaluation: Evaluation, partnerships: list[Partnership]) -> Step | None:
        calls = [evaluation.call] if evaluation.call else []
        calls += [found.call for partnership in partnerships if (found := application_of(partnership))]
        seen = next((call for call in calls if call.pk in self.calls), None)
        return _step("Call", seen.title, seen) if seen else None

    def _partners(self, evaluation: Evaluation, partnerships: list[Partnership]) -> list[Step]:
        if not partnerships:
            return []
        if len(partnerships) > 1:
            label = f"{len(partnerships)} partnerships"
            return [{"kind": "Partners", "label": label, "url": f"{_url(evaluation)}#partners"}]
        application = application_of(partnerships[0])
        steps = []
        if application and application.pk in self.applications:
            steps.append(_step("Application", application.reference, application))
        return [*steps, _step("Partner", str(partnerships[0].organisation), partnerships[0].organisation)]


def application_of(partnership: Partnership) -> Application | None:
    try:
        return partnership.application
    except ObjectDoesNotExist:
        return None


def _of_ratings(ratings: list[Rating], entry: Entry | None) -> list[Step]:
    steps: list[Step] = []
    if ratings:
        outcomes = ", ".join(sorted({rating.finding.outcome.name for rating in ratings}))
        first = ratings[0].finding.entry
        steps.append({"kind": "Rating", "label": outcomes, "url": f"{_url(first)}#finding-{ratings[0].finding_id}"})
    entries = {entry.pk: entry} if entry else {rating.finding.entry_id: rating.finding.entry for rating in ratings}
    return steps + [_step("Evidence", found.title, found) for found in entries.values()]


def _step(kind: str, label: str, thing: Model, note: str = "") -> Step:
    return {"kind": kind, "label": label, "url": _url(thing), "note": note}


def _url(thing: Any) -> str:
    try:
        return thing.get_absolute_url()
    except NoReverseMatch:
        return ""
