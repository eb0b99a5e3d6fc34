"""How an application stands: who has sent scores, the weighted score, how far assessors are apart."""

from typing import NamedTuple

from django.db import connection
from django.db.models import F, Sum

from calls.models import Application, Assessment, Call

FAR_APART = 2  # marks of two assessors that differ by this much go to moderation

# One pass over the marks of a call. In the ORM this would be a query for each figure, or one for each application.
STANDINGS = """
WITH asked AS (
    SELECT a.id, a.application_id, a.status
    FROM calls_assessment a JOIN calls_application p ON p.id = a.application_id
    WHERE p.call_id = %s AND a.status IN ('assigned', 'started', 'submitted')
), marks AS (
    SELECT k.application_id, k.id AS assessment_id, s.criterion_id, s.mark, c.weight
    FROM asked k JOIN calls_score s ON s.assessment_id = k.id JOIN calls_criterion c ON c.id = s.criterion_id
    WHERE k.status = 'submitted' AND s.mark IS NOT NULL
), by_criterion AS (
    SELECT application_id, criterion_id, weight, avg(mark) AS mean, max(mark) - min(mark) AS apart FROM marks GROUP BY 1, 2, 3
), settled AS (
    SELECT b.application_id, b.weight, b.mean, b.apart, m.mark AS moderated
    FROM by_criterion b LEFT JOIN calls_moderation m ON m.application_id = b.application_id AND m.criterion_id = b.criterion_id
), scores AS (
    SELECT application_id, sum(coalesce(moderated, mean) * weight) / sum(weight) AS score, max(apart) AS widest,
           count(*) FILTER (WHERE apart >= %s AND moderated IS NULL) AS unsettled, count(moderated) AS moderated
    FROM settled GROUP BY 1
), spreads AS (
    SELECT application_id, max(total) - min(total) AS spread FROM (
        SELECT application_id, sum(mark * weight)::numeric / sum(weight) AS total FROM marks GROUP BY application_id, assessment_id
    ) totals GROUP BY 1
)
SELECT application_id, counts.asked, counts.sent, scores.score::float8, spreads.spread::float8,
       coalesce(scores.widest, 0), coalesce(scores.unsettled, 0), coalesce(scores.moderated, 0)
FROM (SELECT application_id, count(*) AS asked, count(*) FILTER (WHERE status = 'submitted') AS sent FROM asked GROUP BY 1) counts
LEFT JOIN scores USING (application_id) LEFT JOIN spreads USING (application_id)
"""
SOME_APPLICATIONS = STANDINGS.replace("WHERE p.call_id = %s", "WHERE p.id = ANY(%s)")


class Standing(NamedTuple):
    """Where one application stands: how many were asked and have sent, the weighted score out of four, how far apart."""

    asked: int = 0
    sent: int = 0
    score: float | None = None
    spread: float | None = None
    widest: int = 0
    unsettled: int = 0
    moderated: int = 0

    @property
    def all_in(self) -> bool:
        return self.asked > 0 and self.asked == self.sent


NOTHING_YET = Standing()


def standings(call: Call) -> dict[int, Standing]:
    """The standing of each application of the call that has an assessor, by the number of the application."""
    return _standings(STANDINGS, call.pk)


def standings_of(applications: list[int]) -> dict[int, Standing]:
    return _standings(SOME_APPLICATIONS, applications)


def standing_of(application: Application) -> Standing:
    return standings_of([application.pk]).get(application.pk, NOTHING_YET)


def _standings(statement: str, which: int | list[int]) -> dict[int, Standing]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [which, FAR_APART])
        return {row[0]: Standing._make(row[1:]) for row in cursor.fetchall()}


def store_totals(call: Call) -> int:
    """What each assessor's marks of the call add up to, and how far assessors are apart, for marks that were written in bulk.

    Returns how many totals were stored.
    """
    with connection.cursor() as cursor:
        cursor.execute(STORE_TOTALS, [call.pk])
        stored = cursor.rowcount
    store_differences(list(Application.objects.filter(call=call).values_list("pk", flat=True)))
    return stored


def store_differences(applications: list[int]) -> None:
    """Write down anew how far the assessors of these are apart. To be called whenever a mark begins to count or is moderated.

    All marks of the application are read, whatever was stored: nothing is added to an older figure.
    """
    with connection.cursor() as cursor:
        cursor.execute(FORGET_DIFFERENCES, [applications])
        cursor.execute(STORE_DIFFERENCES, {"applications": applications, "far": FAR_APART})


def total_of(assessment: Assessment) -> int | None:
    """Mark times weight, added up: a whole number, so that equal scores are equal."""
    marks = assessment.scores.filter(mark__isnull=False)
    return marks.aggregate(total=Sum(F("mark") * F("criterion__weight")))["total"]


STORE_TOTALS = """
UPDATE calls_assessment a SET total = given.total
FROM (
    SELECT s.assessment_id, sum(s.mark * c.weight) AS total
    FROM calls_score s JOIN calls_criterion c ON c.id = s.criterion_id
    WHERE c.call_id = %s AND s.mark IS NOT NULL GROUP BY 1
) given
WHERE given.assessment_id = a.id AND a.status = 'submitted' AND a.total IS DISTINCT FROM given.total
"""

FORGET_DIFFERENCES = """
DELETE FROM calls_difference d WHERE d.application_id = ANY(%s)
AND NOT EXISTS (SELECT 1 FROM calls_assessment a WHERE a.application_id = d.application_id AND a.status = 'submitted')
"""
STORE_DIFFERENCES = """
INSERT INTO calls_difference (application_id, widest, spread, unsettled)
SELECT totals.application_id, coalesce(max(marks.apart), 0), totals.spread,
       count(*) FILTER (WHERE marks.apart >= %(far)s AND NOT marks.is_moderated)
FROM (
    SELECT application_id, coalesce(max(total) - min(total), 0) AS spread
    FROM calls_assessment WHERE status = 'submitted' AND application_id = ANY(%(applications)s) GROUP BY 1
) totals LEFT JOIN (
    SELECT a.application_id, s.criterion_id, max(s.mark) - min(s.mark) AS apart, EXISTS (
        SELECT 1 FROM calls_moderation m WHERE m.application_id = a.application_id AND m.criterion_id = s.criterion_id
    ) AS is_moderated
    FROM calls_assessment a JOIN calls_score s ON s.assessment_id = a.id
    WHERE a.status = 'submitted' AND s.mark IS NOT NULL AND a.application_id = ANY(%(applications)s) GROUP BY 1, 2
) marks USING (application_id)
GROUP BY totals.application_id, totals.spread
ON CONFLICT (application_id) DO UPDATE SET
    widest = excluded.widest, spread = excluded.spread, unsettled = excluded.unsettled
"""
