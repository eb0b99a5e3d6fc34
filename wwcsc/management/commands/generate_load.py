"""Thousands of applications for measurements, in a database of their own, every row of them marked as made up."""

import random
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

import psycopg
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections, models, transaction
from django.utils import timezone
from psycopg import conninfo, sql

from calls import figures
from calls.choices import ApplicationStatus, AssessmentStatus, CallStatus
from calls.models import Answer, Application, Assessment, Call, Criterion, Question, Score
from partners.choices import AuthorityType, MembershipRole, OrganisationKind, Region
from partners.models import Membership, Organisation
from people.choices import StaffRole
from people.models import Person, Post
from programmes.models import Programme
from wwcsc.settings import database_from

PREFIX = "load-"
DOMAIN = "load.demo.example"
ASSESSORS = 60
BATCH = 2_000
CRITERIA = (("Fit", 2), ("Promise", 3), ("Evaluability", 3), ("Readiness", 2), ("Inclusion", 1))
WORDS = [
    "families",
    "workers",
    "visits",
    "weekly",
    "plan",
    "support",
    "evidence",
    "children",
    "outcomes",
    "practice",
    "team",
    "carers",
    "early",
    "help",
    "learning",
]


class Command(BaseCommand):
    help = "Make marked applications and assessments for measurements. Refuses a database that holds anything else."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--applications", type=int, default=10_000)
        parser.add_argument("--assessments", type=int, default=None, help="Default: two for each application.")
        parser.add_argument(
            "--database-url", default="", help="postgres://name@host/database; made when it does not exist."
        )
        parser.add_argument("--yes", action="store_true", help="Also into a database that holds other records.")

    def handle(
        self, *, applications: int, assessments: int | None, database_url: str, yes: bool, **options: Any
    ) -> None:
        if not 1 <= applications <= 200_000:
            raise CommandError("--applications is a number from 1 to 200000.")
        wanted = applications * 2 if assessments is None else assessments
        if not 0 <= wanted <= applications * ASSESSORS:
            raise CommandError(f"--assessments is a number from 0 to {applications * ASSESSORS}.")
        if database_url:
            try:
                use(database_url)
            except (ImproperlyConfigured, psycopg.Error, ValueError) as problem:
                raise CommandError(f"--database-url names no database that can be used: {problem}") from problem
            call_command("migrate", verbosity=0, interactive=False)
        if not yes and holds_other_records():
            raise CommandError(
                "This database holds records that are not load. Nothing was changed. Name another with --database-url, or add --yes."
            )
        if Application.objects.filter(reference__startswith="LOAD-").exists():
            self.stdout.write(
                f"There are {Application.objects.filter(reference__startswith='LOAD-').count():,} already; nothing added."
            )
            return
        with transaction.atomic():
            made = generate(applications, wanted)
        for connection in connections.all():
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")
        self.stdout.write(", ".join(f"{number:,} {what}" for what, number in made.items()))


def use(url: str) -> None:
    """Point Django at this database; make it where the server does not have it yet."""
    target = database_from(url)
    server_of_it = conninfo.make_conninfo(
        dbname="postgres",
        **{name: target[name.upper()] for name in ("host", "port", "user", "password") if target[name.upper()]},
    )
    with psycopg.connect(server_of_it, autocommit=True) as server:
        known = server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [target["NAME"]]).fetchone()
        if known is None:
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(target["NAME"])))
    connections["default"].close()
    connections.databases["default"].update(target)
    del connections["default"]


def holds_other_records() -> bool:
    return (
        Organisation.objects.exclude(slug__startswith=PREFIX).exists()
        or Call.objects.exclude(slug__startswith=PREFIX).exists()
        or Person.objects.exclude(email__endswith=f"@{DOMAIN}").exists()
    )


def generate(applications: int, assessments: int) -> dict[str, int]:
    chance = random.Random(2019)  # noqa: S311 - the same load each time, so that figures can be compared
    now = timezone.now()
    staff = person("staff", "Programme manager")
    Post.objects.create(person=staff, role=StaffRole.PROGRAMMES)
    lead = person("lead", "Head of service")
    assessors = [person(f"assessor{number}", "Assessor") for number in range(ASSESSORS)]
    programme = Programme.objects.create(
        slug=f"{PREFIX}programme", name="Load: programme", public_from=now, is_demonstration=True
    )
    call = a_call(programme, staff)
    organisations = save(Organisation, (organisation(number, chance) for number in range(applications)))
    Membership.objects.create(person=lead, organisation=organisations[0], role=MembershipRole.LEAD)
    sent = save(Application, (application(number, call, one, lead) for number, one in enumerate(organisations)))
    answers = save(
        Answer,
        (
            Answer(application=one, question=question, text=prose(chance, 60), saved_by=lead)
            for one in sent
            for question in call.questions.all()
        ),
    )
    asked = save(Assessment, assessments_of(sent, assessors, assessments))
    criteria = list(call.criteria.all())
    scores = save(
        Score,
        (
            Score(assessment=one, criterion=criterion, mark=chance.randint(1, 4), comment=prose(chance, 12))
            for one in asked
            if one.status == AssessmentStatus.SUBMITTED
            for criterion in criteria
        ),
    )
    figures.store_totals(call)
    rows = {
        "organisations": organisations,
        "applications": sent,
        "answers": answers,
        "assessments": asked,
        "scores": scores,
    }
    return {what: len(made) for what, made in rows.items()}


def person(name: str, job_title: str) -> Person:
    # Without a password: nobody signs in as these.
    return Person.objects.create_user(
        f"{name}@{DOMAIN}", None, name=name.title(), job_title=job_title, is_demonstration=True
    )


def a_call(programme: Programme, staff: Person) -> Call:
    now = timezone.now()
    call = Call.objects.create(
        slug=f"{PREFIX}call",
        programme=programme,
        status=CallStatus.ASSESSING,
        title="Load: a call with very many applications",
        purpose="To measure.",
        who_may_apply="Nobody: this call is made up.",
        places=8,
        opens_at=now - timedelta(days=60),
        closes_at=now - timedelta(days=20),
        assess_by=now + timedelta(days=10),
        public_from=now - timedelta(days=61),
        created_by=staff,
        is_demonstration=True,
    )
    for position, (name, weight) in enumerate(CRITERIA, start=1):
        Criterion.objects.create(call=call, position=position, name=name, weight=weight)
    for position in range(1, 4):
        Question.objects.create(
            call=call, position=position, section="The practice", text=f"Question {position}", word_limit=300
        )
    return call


def organisation(number: int, chance: random.Random) -> Organisation:
    return Organisation(
        slug=f"{PREFIX}{number}",
        name=f"Load {number:05}",
        kind=OrganisationKind.LOCAL_AUTHORITY,
        region=chance.choice(Region.values),
        authority_type=chance.choice(AuthorityType.values),
        # Not among the authorities that the public pages count.
        is_public=False,
        is_demonstration=True,
    )


def application(number: int, call: Call, organisation: Organisation, lead: Person) -> Application:
    return Application(
        call=call,
        organisation=organisation,
        reference=f"LOAD-{number:06}",
        status=ApplicationStatus.ELIGIBLE,
        practice_name=f"Practice {number}",
        summary="A practice that was made up to measure how fast pages are.",
        group="Families",
        started_by=lead,
        submitted_by=lead,
        submitted_at=timezone.now() - timedelta(days=25),
        is_demonstration=True,
    )


def assessments_of(applications: list[Application], assessors: list[Person], wanted: int) -> Iterator[Assessment]:
    """Spread over applications first; nine of ten have been sent."""
    now = timezone.now()
    for number in range(wanted):
        place, turn = number % len(applications), number // len(applications)
        is_sent = number % 10 != 0
        yield Assessment(
            application=applications[place],
            assessor=assessors[(place * 7 + turn) % len(assessors)],
            status=AssessmentStatus.SUBMITTED if is_sent else AssessmentStatus.STARTED,
            declared_no_conflict_at=now,
            submitted_at=now if is_sent else None,
            is_demonstration=True,
        )


def prose(chance: random.Random, words: int) -> str:
    return " ".join(chance.choices(WORDS, k=words)).capitalize() + "."


def save(model: type[models.Model], rows: Iterable[models.Model]) -> list[Any]:
    kept: list[Any] = []
    rows = iter(rows)
    while batch := list(islice(rows, BATCH)):
        kept += model._default_manager.bulk_create(batch)
    return kept
