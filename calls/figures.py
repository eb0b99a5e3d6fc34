"""The numbers of assessment, each computed once: standings of applications, places, load on assessors and on partners."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from django.db import connection
from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.timezone import localdate

from calls.choices import ApplicationStatus, AssessmentStatus, Outcome, PlacesUnit
from calls.models import Application, Assessment, Call, Decision
from notices.models import Notice
from partners.choices import AuthorityType, Grade, InvitationPurpose, OrganisationKind, Region
from partners.models import Inspection, Invitation, Membership
from people.choices import StaffRole
from people.models import Person, Post
from programmes.choices import RUNNING
from programmes.models import Partnership

FAR_APART = 2  # marks of two assessors that differ by this much go to moderation
YEARS_OF_INTEREST = 3

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
ONE_APPLICATION = STANDINGS.replace("WHERE p.call_id = %s", "WHERE p.id = %s")


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


def standing_of(application: Application) -> Standing:
    return _standings(ONE_APPLICATION, application.pk).get(application.pk, NOTHING_YET)


def _standings(statement: str, number: int) -> dict[int, Standing]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [number, FAR_APART])
        return {row[0]: Standing._make(row[1:]) for row in cursor.fetchall()}


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
)


def board(call: Call, person: Person) -> list[Row]:
    """Every application of the call that the person may see, ranked by score. Five queries, however many there are."""
    applications = Application.objects.visible_to(person).filter(call=call, submitted_at__isnull=False)
    applications = applications.exclude(status=ApplicationStatus.DRAFT).order_by("pk")
    blind = set(
        Assessment.objects.blinding(person).filter(application__call=call).values_list("application", flat=True)
    )
    standing, grades, partnerships = standings(call), grades_for(call), partnerships_by_organisation()
    ranks = _ranks(standing, blind)
    rows = []
    for (
        pk,
        reference,
        practice,
        status,
        one,
        name,
        kind,
        region,
        sort,
        outcome,
        place,
        told_at,
        made_up,
    ) in applications.values_list(*FIELDS):
        hidden = pk in blind
        running, before = partnerships.get(one, (0, 0))
        rows.append(
            Row(
                pk=pk,
                reference=reference,
                practice_name=practice,
                status=status,
                organisation=one,
                name=name,
                kind=kind,
                region=region,
                authority_type=sort,
                outcome="" if hidden else outcome or "",
                reserve_rank=None if hidden else place,
                told=told_at is not None,
                is_demonstration=made_up,
                grade=grades.get(one, ""),
                running=running,
                before=before,
                standing=NOTHING_YET if hidden else standing.get(pk, NOTHING_YET),
                is_blind=hidden,
                rank=ranks.get(pk),
            )
        )
    return rows


def _ranks(standing: dict[int, Standing], blind: set[int]) -> dict[int, int]:
    """Equal scores share a rank. Only applications whose every score is in are ranked."""
    scored = sorted(
        ((one.score, pk) for pk, one in standing.items() if one.all_in and one.score is not None and pk not in blind),
        key=lambda pair: (-pair[0], pair[1]),
    )
    ranks: dict[int, int] = {}
    last: float | None = None
    for place, (score, pk) in enumerate(scored, start=1):
        ranks[pk] = place if last is None or abs(last - score) > 1e-9 else ranks[scored[place - 2][1]]
        last = score
    return ranks


def grades_for(call: Call) -> dict[int, str]:
    """Each authority's last overall grade on the day that the call looks at."""
    day = min(call.eligible_on or localdate(), localdate())
    latest = Inspection.objects.published_by(day).with_an_overall_grade().order_by("authority", "-published_on")
    return dict(latest.distinct("authority").values_list("authority", "overall"))


def partnerships_by_organisation() -> dict[int, tuple[int, int]]:
    """The load on each partner: how many partnerships run, and how many there were before."""
    counted = (
        Partnership.objects.order_by()
        .values("organisation")
        .annotate(running=Count("pk", filter=Q(status__in=RUNNING)), before=Count("pk", filter=~Q(status__in=RUNNING)))
    )
    return {one: (running, before) for one, running, before in counted.values_list("organisation", "running", "before")}


# --- places ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Places:
    offered: int
    places: int | None
    unit: str

    @property
    def left(self) -> int | None:
        return None if self.places is None else self.places - self.offered

    def __str__(self) -> str:
        return f"{self.offered} of {self.places} offered" if self.places is not None else f"{self.offered} offered"


def places_of(call: Call) -> Places:
    """Offers that stand, counted in the unit of the call; one that was declined has given its place back.

    Of authorities every one in a joint application counts. Sites, court areas and schools are not recorded one by one,
    so each offer counts as one until they are.
    """
    offers = Decision.objects.filter(application__call=call, outcome=Outcome.OFFER)
    offers = offers.exclude(application__status__in=(ApplicationStatus.DECLINED, ApplicationStatus.WITHDRAWN))
    if call.places_unit == PlacesUnit.AUTHORITY:
        offered = sum(
            places_needed(call, lead, joint)
            for lead, joint in offers.annotate(
                joint=Count(
                    "application__with_organisations",
                    filter=Q(application__with_organisations__kind=OrganisationKind.LOCAL_AUTHORITY),
                )
            ).values_list("application__organisation__kind", "joint")
        )
    else:
        offered = offers.count()
    return Places(offered=offered, places=call.places, unit=call.get_places_unit_display())


def places_needed(call: Call, lead_kind: str, joint_authorities: int) -> int:
    if call.places_unit != PlacesUnit.AUTHORITY:
        return 1
    return max(1, joint_authorities + (lead_kind == OrganisationKind.LOCAL_AUTHORITY))


# --- assessors -----------------------------------------------------------------------------------------------------------


def candidates(on: date | None = None) -> QuerySet[Person]:
    """People who may be asked to assess: those invited for it, and staff in research or practice."""
    day = on or localdate()
    invited = Invitation.objects.filter(purpose=InvitationPurpose.ASSESSOR, accepted_by__isnull=False)
    posts = Post.objects.filter(
        Q(ends_on__isnull=True) | Q(ends_on__gt=day),
        starts_on__lte=day,
        role__in=(StaffRole.RESEARCH, StaffRole.PRACTICE),
    )
    return (
        Person.objects.active()
        .filter(Q(pk__in=invited.values("accepted_by")) | Q(pk__in=posts.values("person")))
        .order_by("job_title", "name", "pk")
    )


@dataclass(frozen=True)
class Conflicts:
    """Who may not assess what in a call. ``everywhere``: their own organisation competes in it."""

    everywhere: frozenset[int]
    here: dict[int, dict[int, str]]

    def reason(self, application: int, person: int) -> str:
        if person in self.everywhere:
            return "works, or worked within three years, for an organisation in this call"
        return self.here.get(application, {}).get(person, "")


def conflicts_in(call: Call, people: Iterable[int]) -> Conflicts:
    people = list(people)
    since = localdate() - timedelta(days=365 * YEARS_OF_INTEREST)
    in_the_call = Application.objects.filter(call=call).exclude(status=ApplicationStatus.WITHDRAWN)
    near = Membership.objects.filter(Q(ends_on__isnull=True) | Q(ends_on__gte=since), person__in=people)
    competing = near.filter(
        Q(organisation__in=in_the_call.values("organisation"))
        | Q(organisation__in=in_the_call.exclude(with_organisations=None).values("with_organisations"))
    )
    here: dict[int, dict[int, str]] = defaultdict(dict)
    said = {AssessmentStatus.CONFLICTED: "declared a conflict of interest", AssessmentStatus.DECLINED: "handed it back"}
    for application, person, status in Assessment.objects.filter(
        application__call=call, status__in=list(said), assessor__in=people
    ).values_list("application", "assessor", "status"):
        here[application][person] = said[AssessmentStatus(status)]
    return Conflicts(everywhere=frozenset(competing.values_list("person", flat=True)), here=dict(here))


def load_on_assessors(call: Call) -> Counter[int]:
    """How many applications of the call each assessor has, sent or not."""
    asked = Assessment.objects.in_force().filter(application__call=call).order_by()
    return Counter(dict(asked.values("assessor").annotate(number=Count("pk")).values_list("assessor", "number")))


@dataclass(frozen=True)
class Progress:
    """How far a call is, for its board: applications by state."""

    received: int
    to_check: int
    ineligible: int
    to_decide: int
    decided: int
    told: int

    @property
    def all_decided(self) -> bool:
        return not self.to_check and not self.to_decide


def progress_of(call: Call) -> Progress:
    counted = Application.objects.filter(call=call).order_by().values("status").annotate(number=Count("pk"))
    by = Counter(dict(counted.values_list("status", "number")))
    status = ApplicationStatus
    told = by[status.TOLD] + by[status.ACCEPTED] + by[status.DECLINED]
    return Progress(
        received=sum(by.values()) - by[status.DRAFT] - by[status.WITHDRAWN],
        to_check=by[status.SUBMITTED],
        ineligible=by[status.INELIGIBLE],
        to_decide=by[status.ELIGIBLE],
        decided=by[status.DECIDED],
        told=told,
    )


def closes_of_business(days: int) -> datetime:
    """Five in the afternoon UK time, that many days from today; the next Monday where it would be a weekend."""
    day = localdate() + timedelta(days=days)
    day += timedelta(days={5: 2, 6: 1}.get(day.weekday(), 0))
    return timezone.make_aware(datetime.combine(day, time(17)))


# --- letters ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mailing:
    """The letters of one decision, and whether they are addressed to those who lead the organisation today."""

    decision: Decision
    leads: tuple[Person, ...]
    letters: tuple[Notice, ...]

    @property
    def is_blocked(self) -> bool:
        return not self.leads

    @property
    def needs_renewal(self) -> bool:
        wanted = {(f"v{self.decision.version}", person.pk) for person in self.leads}
        return wanted != {(notice.key.split(":")[2], notice.person_id) for notice in self.letters}


def post_of(decisions: list[Decision]) -> list[Mailing]:
    """Two queries for all of them."""
    organisations = {decision.application.organisation_id for decision in decisions}
    leads: dict[int, list[Person]] = defaultdict(list)
    held = Membership.objects.current().leads().filter(organisation__in=organisations, person__is_active=True)
    for membership in held.select_related("person").order_by("person_id"):
        leads[membership.organisation_id].append(membership.person)
    letters: dict[int, list[Notice]] = defaultdict(list)
    about = Notice.objects.held().filter(
        subject_type=Decision._meta.label_lower, subject_id__in=[decision.pk for decision in decisions]
    )
    for notice in about.order_by("pk"):
        letters[notice.subject_id or 0].append(notice)
    return [
        Mailing(decision, tuple(leads[decision.application.organisation_id]), tuple(letters[decision.pk]))
        for decision in decisions
    ]
