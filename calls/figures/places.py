"""Places, people who may assess and what they have, how far a call is, and the letters of its decisions."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from hashlib import sha256

from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.timezone import localdate

from calls.choices import BANK_HOLIDAYS, ApplicationStatus, AssessmentStatus, Outcome, PlacesUnit
from calls.models import Application, Assessment, Call, Decision
from notices.models import Notice
from partners.choices import InvitationPurpose, OrganisationKind
from partners.models import Invitation, Membership
from people.choices import StaffRole
from people.models import Person, Post

YEARS_OF_INTEREST = 3

# --- places ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Places:
    offered: int
    places: int | None
    unit: str
    is_partial: bool = False  # counted without applications that the reader must know nothing of

    @property
    def left(self) -> int | None:
        return None if self.places is None else self.places - self.offered

    def __str__(self) -> str:
        said = f"{self.offered} of {self.places} offered" if self.places is not None else f"{self.offered} offered"
        return f"{said}, as far as you may know" if self.is_partial else said


def places_of(call: Call, *, seen_by: Person | None = None) -> Places:
    """Offers that stand, counted in the unit of the call; one that was declined has given its place back.

    Of authorities every one in a joint application counts. Sites, court areas and schools are not recorded one by one,
    so each offer counts as one until they are. ``seen_by``: without the applications to which this reader is blind, or
    the number would tell how they ended.
    """
    offers, is_partial = Decision.objects.filter(application__call=call, outcome=Outcome.OFFER), False
    if seen_by is not None:
        blind = Assessment.objects.blinding(seen_by).filter(application__call=call)
        offers, is_partial = offers.exclude(application__in=blind.values("application")), blind.exists()
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
    return Places(offered, call.places, call.get_places_unit_display(), is_partial)


def places_needed(call: Call, lead_kind: str, joint_authorities: int) -> int:
    if call.places_unit != PlacesUnit.AUTHORITY:
        return 1
    return max(1, joint_authorities + (lead_kind == OrganisationKind.LOCAL_AUTHORITY))


def next_reserve(call: Call) -> Decision | None:
    """The first on the reserve list who was told and still waits."""
    waiting = Decision.objects.filter(
        application__call=call,
        application__status=ApplicationStatus.TOLD,
        outcome=Outcome.RESERVE,
        told_at__isnull=False,
    )
    return waiting.select_related("application").order_by("reserve_rank", "pk").first()


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
    """Five in the afternoon UK time, that many days from today; the next working day where it would be none."""
    day = localdate() + timedelta(days=days)
    while day.weekday() >= 5 or day in BANK_HOLIDAYS:
        day += timedelta(days=1)
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


def mark_of(posts: list[Mailing]) -> str:
    """What stands in the letters, as one short word: another when a decision, a moment or a reader changes.

    The key of a letter names the version of its decision and its reader.
    """
    keys = sorted(letter.key for post in posts for letter in post.letters)
    return sha256("\n".join(keys).encode()).hexdigest()[:32]


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
