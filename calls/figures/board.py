"""The board of a call: which applications, in which order, and what is said of the fifty that a page shows.

The order comes from totals and differences stored when scores are sent, so that ten thousand applications are put in order
without reading every mark, and only the rows of the page leave the database. What a row says besides is asked for those.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils.timezone import localdate

from calls.choices import ApplicationStatus, Outcome
from calls.figures.standings import NOTHING_YET, Standing, standings_of
from calls.models import Application, Assessment, Call
from partners.choices import AuthorityType, Grade, OrganisationKind, Region
from partners.models import Inspection
from people.models import Person
from programmes.choices import RUNNING
from programmes.models import Partnership


class Row(NamedTuple):
    """One application on the board. What its reader is blind to is empty, and looks like nothing at all."""

    pk: int
    reference: str
    practice_name: str
    status: str
    organisation: int
    name: str
    kind: str
    region: str
    authority_type: str
    outcome: str
    reserve_rank: int | None
    told: bool
    is_demonstration: bool
    grade: str
    running: int
    before: int
    standing: Standing
    is_blind: bool
    rank: int | None = None
    seconds_late: int = 0

    @property
    def told_in_words(self) -> dict[str, str]:
        """Labels of the codes, for the fifty rows of a page."""
        return {name: str(labels(code).label) if code else "" for name, labels, code in self._codes()}

    def _codes(self) -> tuple:
        return (
            ("kind", OrganisationKind, self.kind),
            ("type", AuthorityType, self.authority_type),
            ("region", Region, self.region),
            ("grade", Grade, self.grade),
            ("status", ApplicationStatus, self.status),
            ("outcome", Outcome, self.outcome),
        )


FIELDS = (
    "pk",
    "reference",
    "practice_name",
    "status",
    "organisation_id",
    "organisation__name",
    "organisation__kind",
    "organisation__region",
    "organisation__authority_type",
    "decision__outcome",
    "decision__reserve_rank",
    "decision__told_at",
    "is_demonstration",
    "seconds_late",
)


class Place(NamedTuple):
    """Where an application is on the board."""

    pk: int
    rank: int | None


@dataclass(frozen=True)
class PlacesOnBoard:
    """The applications of a board in the order asked for. A page of them is read in one statement, and no more than a page."""

    statement: str = ""
    counting: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)

    def count(self) -> int:
        return self._read(self.counting)[0][0] if self.statement else 0

    def __len__(self) -> int:
        return self.count()

    def __getitem__(self, part: slice) -> list[Place]:
        first = part.start or 0
        return self._places(
            f"{self.statement} LIMIT %(most)s OFFSET %(first)s",
            first=first,
            most=None if part.stop is None else part.stop - first,
        )

    def __iter__(self) -> Iterator[Place]:
        return iter(self._places(self.statement))

    def _places(self, statement: str, **more: Any) -> list[Place]:
        return [Place._make(row) for row in self._read(statement, **more)] if self.statement else []

    def _read(self, statement: str, **more: Any) -> list[tuple]:
        with connection.cursor() as cursor:
            cursor.execute(statement, {**self.parameters, **more})
            return cursor.fetchall()


# The totals of a call, the panel's marks in place of the mean of a criterion, and the rank of those whose scores are all in.
ORDERED = """
WITH whole AS (SELECT nullif(sum(weight), 0) AS weight FROM calls_criterion WHERE call_id = %(call)s),
sent AS (
    SELECT a.application_id, count(*) AS asked, count(*) FILTER (WHERE a.status = 'submitted') AS sent,
           avg(a.total) FILTER (WHERE a.status = 'submitted') AS mean
    FROM calls_assessment a JOIN calls_application p ON p.id = a.application_id
    WHERE p.call_id = %(call)s AND a.status IN ('assigned', 'started', 'submitted') AND a.application_id <> ALL(%(blind)s)
    GROUP BY 1
), panel AS (
    SELECT m.application_id, sum((m.mark - given.mean) * c.weight) AS difference
    FROM calls_moderation m JOIN calls_criterion c ON c.id = m.criterion_id
    CROSS JOIN LATERAL (
        SELECT avg(s.mark) AS mean FROM calls_score s JOIN calls_assessment a ON a.id = s.assessment_id
        WHERE a.application_id = m.application_id AND a.status = 'submitted' AND s.criterion_id = m.criterion_id
    ) given
    WHERE c.call_id = %(call)s GROUP BY 1
), scored AS (
    SELECT sent.application_id, sent.asked, sent.sent,
           -- Rounded while it is exact, so that equal scores are equal; then a number that is quick to compare.
           round((sent.mean + coalesce(panel.difference, 0)) / whole.weight, 9)::float8 AS score
    FROM sent LEFT JOIN panel USING (application_id) CROSS JOIN whole
), ranked AS (
    SELECT application_id, rank() OVER (ORDER BY score DESC) AS place
    FROM scored WHERE asked = sent AND score IS NOT NULL
)
SELECT seen.id, ranked.place
FROM (SEEN) AS seen (id, reference, organisation_id, name, region)
LEFT JOIN scored ON scored.application_id = seen.id LEFT JOIN ranked ON ranked.application_id = seen.id
LEFT JOIN calls_difference apart ON apart.application_id = seen.id AND seen.id <> ALL(%(blind)s)
LEFT JOIN (BUSY) AS busy (organisation_id, running) ON busy.organisation_id = seen.organisation_id
WHERE CHOSEN
"""
COUNTED = "SELECT count(*) FROM (FOUND) AS all_of_them"
CHOSEN = {
    "": "true",
    "in": "scored.asked > 0 AND scored.asked = scored.sent",
    "waiting": "scored.asked > scored.sent",
    # A reader who is blind to an application cannot find out with a filter whether others were asked.
    "nobody": "scored.asked IS NULL AND seen.id <> ALL(%(blind)s)",
    "unsettled": "apart.unsettled > 0",
}
SORTED = {
    "rank": "ranked.place NULLS LAST, seen.id = ANY(%(blind)s), scored.score DESC NULLS LAST, seen.reference",
    "reference": "seen.reference",
    "name": "lower(seen.name), seen.reference",
    "spread": "coalesce(apart.widest, 0) DESC, coalesce(apart.spread, 0) DESC, seen.reference",
    "region": "nullif(seen.region, '') NULLS LAST, ranked.place NULLS LAST, seen.reference",
    "load": "coalesce(busy.running, 0) DESC, ranked.place NULLS LAST, seen.reference",
}


def own_blinding(call: Call, person: Person) -> list[Assessment]:
    """The person's own assessments because of which it is blind to applications of the call."""
    own = Assessment.objects.blinding(person).filter(application__call=call)
    return list(own.select_related("application").order_by("application__reference"))


def places_on_board(
    call: Call, person: Person, *, blind: set[int], wanted: dict[str, str], order: str
) -> PlacesOnBoard:
    """Every application that the person may see and that fits, in order. Read when a page of it, or all of it, is asked for."""
    chosen, scores = _fitting(call, person, blind, wanted), wanted.get("scores", "")
    columns = chosen.order_by().values_list(
        "pk", "reference", "organisation_id", "organisation__name", "organisation__region"
    )
    try:
        seen, of_seen = _as_sql(columns, "seen")
    except EmptyResultSet:
        return PlacesOnBoard()
    busy, of_busy = _as_sql(_by_organisation(Partnership.objects.visible_to(person).running()), "busy")
    found = ORDERED.replace("CHOSEN", CHOSEN.get(scores, "true")).replace("SEEN", seen).replace("BUSY", busy)
    return PlacesOnBoard(
        statement=f"{found} ORDER BY {SORTED[order]}",
        counting=COUNTED.replace("FOUND", found if CHOSEN.get(scores) and scores else seen),
        parameters={"call": call.pk, "blind": sorted(blind), **of_seen, **of_busy},
    )


def _as_sql(rows: QuerySet, named: str) -> tuple[str, dict[str, Any]]:
    """A queryset as a part of a statement, so that what a person may see is said where it is always said."""
    statement, given = rows.query.get_compiler(connection=connection).as_sql()
    names = {f"{named}{number}": value for number, value in enumerate(given)}
    return statement % tuple(f"%({name})s" for name in names), names


def _by_organisation(partnerships: QuerySet[Partnership]) -> QuerySet:
    counted = partnerships.order_by().values("organisation").annotate(number=Count("pk"))
    return counted.values_list("organisation", "number")


def _fitting(call: Call, person: Person, blind: set[int], wanted: dict[str, str]) -> QuerySet[Application]:
    found = Application.objects.visible_to(person).filter(call=call, submitted_at__isnull=False)
    found = found.exclude(status=ApplicationStatus.DRAFT)
    for name, where in (("status", "status"), ("region", "organisation__region"), ("kind", "organisation__kind")):
        if name in wanted:
            found = found.filter(**{where: wanted[name]})
    if words := wanted.get("find"):
        found = found.filter(
            Q(reference__icontains=words) | Q(organisation__name__icontains=words) | Q(practice_name__icontains=words)
        )
    if outcome := wanted.get("outcome"):
        found = found.exclude(pk__in=blind).filter(decision__outcome=None if outcome == "none" else outcome)
    if grade := wanted.get("grade"):
        found = found.filter(organisation__in=[one for one, given in grades_for(call).items() if given == grade])
    if load := wanted.get("load"):
        least = max(1, int(load))
        busy = [one for one, number in running_partnerships(person).items() if number >= least]
        found = found.exclude(organisation__in=busy) if load == "0" else found.filter(organisation__in=busy)
    return found


def rows_at(call: Call, person: Person, places: Iterable[Place], *, blind: set[int]) -> list[Row]:
    """What the board says of these applications, in their order. Two queries, however many there are."""
    places = list(places)
    numbers = [place.pk for place in places]
    standing = standings_of([number for number in numbers if number not in blind])
    load = (
        Partnership.objects.visible_to(person)
        .filter(organisation=OuterRef("organisation"))
        .order_by()
        .values("organisation")
    )
    day = min(call.eligible_on or localdate(), localdate())
    last = Inspection.objects.published_by(day).with_an_overall_grade().filter(authority=OuterRef("organisation"))
    found = Application.objects.filter(pk__in=numbers).annotate(
        grade=Coalesce(Subquery(last.order_by("-published_on").values("overall")[:1]), Value("")),
        running=_number(load.filter(status__in=RUNNING)),
        before=_number(load.exclude(status__in=RUNNING)),
    )
    facts = {one["pk"]: one for one in found.values(*FIELDS, "grade", "running", "before")}
    return [
        _row(facts[place.pk], place, standing.get(place.pk, NOTHING_YET), is_blind=place.pk in blind)
        for place in places
        if place.pk in facts
    ]


def _number(rows: QuerySet) -> Coalesce:
    return Coalesce(Subquery(rows.annotate(number=Count("pk")).values("number"), output_field=IntegerField()), 0)


def _row(facts: dict, place: Place, standing: Standing, *, is_blind: bool) -> Row:
    return Row(
        pk=facts["pk"],
        reference=facts["reference"],
        practice_name=facts["practice_name"],
        status=facts["status"],
        organisation=facts["organisation_id"],
        name=facts["organisation__name"],
        kind=facts["organisation__kind"],
        region=facts["organisation__region"],
        authority_type=facts["organisation__authority_type"],
        outcome="" if is_blind else facts["decision__outcome"] or "",
        reserve_rank=None if is_blind else facts["decision__reserve_rank"],
        told=facts["decision__told_at"] is not None,
        is_demonstration=facts["is_demonstration"],
        grade=facts["grade"],
        running=facts["running"],
        before=facts["before"],
        standing=standing,
        is_blind=is_blind,
        rank=place.rank,
        seconds_late=facts["seconds_late"],
    )


def board(call: Call, person: Person) -> list[Row]:
    """Every application of the call that the person may see, ranked by score."""
    blind = {one.application_id for one in own_blinding(call, person)}
    places = places_on_board(call, person, blind=blind, wanted={}, order="rank")
    return rows_at(call, person, places, blind=blind)


def grades_for(call: Call) -> dict[int, str]:
    """Each authority's last overall grade on the day that the call looks at."""
    day = min(call.eligible_on or localdate(), localdate())
    latest = Inspection.objects.published_by(day).with_an_overall_grade().order_by("authority", "-published_on")
    return dict(latest.distinct("authority").values_list("authority", "overall"))


def running_partnerships(person: Person) -> Counter[int]:
    """The load on each partner that has any: how many partnerships run that the person may know of."""
    return Counter(dict(_by_organisation(Partnership.objects.visible_to(person).running())))
