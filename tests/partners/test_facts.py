"""The facts about organisations as they lie in the database, and what a second loading may and may not do."""

import shutil
from datetime import date
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import TestCase
from django.utils.timezone import localdate

from audit.models import Event
from partners.choices import Grade, OrganisationKind
from partners.facts_reader import shipped
from partners.figures import map_letters, of_organisations
from partners.models import AuthorityYear, FactFile, Group, LoadedFact, Organisation, Service
from wwcsc.management.commands.load_facts import APPS

pytestmark = pytest.mark.django_db


def load(**options) -> str:
    said = StringIO()
    call_command("load_facts", stdout=said, **options)
    return said.getvalue()


@pytest.fixture
def facts() -> None:
    load()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for app in APPS:
        shutil.copytree(shipped(f"{app}/files").parent, tmp_path / app)
    return tmp_path


def rewrite(path: Path, was: str, now: str) -> None:
    before = path.read_text(encoding="utf-8")
    assert before.count(was) == 1
    path.write_text(before.replace(was, now), encoding="utf-8")


FOUND = [
    ("Northants", "north-northamptonshire"),
    ("E10000021", "northamptonshire-2021"),
    ("LBBD", "barking-and-dagenham"),
    ("E08000016", "barnsley"),
    ("Borough of Poole", "poole-2019"),
]


def _holders(code: str, day: date):
    return Organisation.codes.rel.related_model.objects.on(day).filter(code=code)


class OrganisationFacts(TestCase):
    """Loaded once for all of them: it takes a second or two."""

    @classmethod
    def setUpTestData(cls) -> None:
        load()

    def test_organisations_are_all_there(self):
        today = Organisation.objects.current_authorities()
        counts = of_organisations()

        assert (today.count(), counts.authorities, counts.predecessors, counts.trusts) == (153, 153, 8, 11)
        assert not Organisation.objects.filter(name__icontains="West Sussex children").exists()
        assert today.filter(latitude__isnull=True).count() == 0
        assert Group.objects.count() == 7
        assert not Organisation.objects.filter(is_demonstration=True).exists()

    def test_every_authority_has_a_square_of_its_own_and_the_map_is_england(self):
        places = {one.slug: (one.tile_column, one.tile_row) for one in Organisation.objects.current_authorities()}

        assert len(set(places.values())) == 153
        column = {slug: place[0] for slug, place in places.items()}
        row = {slug: place[1] for slug, place in places.items()}
        assert row["northumberland"] < row["leeds"] < row["birmingham"] < row["camden"] < row["isle-of-wight"]
        assert column["isles-of-scilly"] <= column["cornwall"] < column["devon"] < column["hampshire"] < column["kent"]
        assert column["liverpool"] < column["manchester"] < column["north-east-lincolnshire"]
        letters = map_letters([one.name for one in Organisation.objects.current_authorities()])
        assert len(set(letters.values())) == len(letters) == 153

    def test_names_codes_and_grades_hold_between_days(self):
        barnsley = Organisation.objects.get(slug="barnsley")

        assert [code.code for code in barnsley.codes.filter(scheme="ons").on(date(2025, 3, 31))] == ["E08000016"]
        assert [code.code for code in barnsley.codes.filter(scheme="ons").on(date(2025, 4, 1))] == ["E08000038"]
        barking = Organisation.objects.get(slug="barking-and-dagenham")
        assert barking.grade_on(date(2019, 3, 31)) == ""
        assert barking.grade_on(date(2023, 9, 3)) == Grade.REQUIRES_IMPROVEMENT

    def test_a_number_passes_from_an_authority_to_the_one_that_follows(self):
        on = {day: list(Organisation.objects.filter(codes__in=_holders("825", day)).values_list("slug", flat=True)) for day in
              (date(2020, 3, 31), date(2020, 4, 1))}  # fmt: skip

        assert on == {date(2020, 3, 31): ["buckinghamshire-county-2020"], date(2020, 4, 1): ["buckinghamshire"]}

    def test_an_organisation_is_found_by_any_name_or_code(self):
        for words, slug in FOUND:
            assert slug in set(Organisation.objects.known_as(words).values_list("slug", flat=True))

    def test_successions_and_trusts_have_their_dates(self):
        county = Organisation.objects.get(slug="northamptonshire-2021")

        assert county.exists_until == date(2021, 4, 1)
        successors = sorted(succession.successor.slug for succession in county.successions_out.all())
        assert successors == ["north-northamptonshire", "west-northamptonshire"]
        trust = Organisation.objects.get(slug="northamptonshire-childrens-trust")
        assert sorted(service.authority.slug for service in trust.services_provided.all()) == [
            *successors[:1],
            county.slug,
            *successors[1:],
        ]
        windsor = Service.objects.get(provider__slug="achieving-for-children", authority__slug="windsor-and-maidenhead")
        assert windsor.starts_on is None
        assert "2017" in windsor.unverified

    def test_what_is_unknown_stays_empty(self):
        year = AuthorityYear.objects.get(authority__slug="hartlepool", year=2018)

        assert year.children_in_care is None
        assert year.turnover_percent == Decimal("17.6")
        assert (AuthorityYear.objects.count(), LoadedFact.objects.filter(file__name="partners/years").count()) == (
            1228,
            1228,
        )

    def test_every_file_is_described_with_its_source(self):
        assert not FactFile.objects.filter(source="").exists()
        assert not FactFile.objects.filter(taken_on__isnull=True).exists()
        assert FactFile.objects.filter(taken_on__gt=localdate()).count() == 0


def test_a_second_loading_changes_nothing(facts):
    before = _all_that_was_loaded()
    events = Event.objects.count()

    said = load()

    assert "0 new, 0 changed" in said
    assert _all_that_was_loaded() == before
    assert Event.objects.count() == events


def _all_that_was_loaded() -> dict:
    models = {table.model for tables in APPS.values() for table in tables} | {FactFile, LoadedFact}
    return {model: list(model._default_manager.order_by("pk").values()) for model in models}


def test_what_staff_edited_stays_until_the_file_says_something_new(facts, folder):
    Organisation.objects.filter(slug="coram").update(about="Edited by staff")

    load()
    kept = Organisation.objects.get(slug="coram").about
    rewrite(folder / "partners/organisations.csv", "Evaluator of family group conferences.", "Evaluates conferences.")
    said = load(folder=folder)

    assert kept == "Edited by staff"
    assert "partners/organisations: 233 rows, 0 new, 1 changed" in said
    assert Organisation.objects.get(slug="coram").about == "Evaluates conferences."


def test_what_staff_removed_stays_removed(facts):
    Group.objects.filter(slug="young-advisors").delete()

    assert "0 new, 0 changed" in load()
    assert not Group.objects.filter(slug="young-advisors").exists()


def test_an_organisation_made_by_hand_before_is_taken_over_and_not_made_twice():
    Organisation.objects.create(slug="barnet", name="Barnet by hand", kind=OrganisationKind.LOCAL_AUTHORITY)

    load()

    assert [one.name for one in Organisation.objects.filter(slug="barnet")] == ["Barnet"]


def test_one_bad_row_and_nothing_is_loaded(folder):
    with (folder / "evidence_store/former_addresses.csv").open("a", encoding="utf-8") as file:
        file.write("/interventions/99,no-such-entry\n")

    with pytest.raises(CommandError, match="there is no entry called “no-such-entry” in the files"):
        load(folder=folder)

    assert not Organisation.objects.exists()
    assert not FactFile.objects.exists()


def test_what_only_the_database_refuses_is_told_with_its_line_and_nothing_is_loaded(folder):
    with (folder / "evidence_store/entries.csv").open(encoding="utf-8") as file:
        line = next(number for number, row in enumerate(file, 1) if row.startswith("signs-of-safety,"))
    rewrite(
        folder / "evidence_store/entries.csv",
        "signs-of-safety,Signs of Safety,published",
        "signs-of-safety,Signs of Safety,withdrawn",
    )

    with pytest.raises(CommandError) as refused:
        load(folder=folder)

    assert f"evidence_store/entries.csv, line {line}: the database refuses this row: entry gone with a reason" in str(
        refused.value
    )
    assert not Organisation.objects.exists()


def test_a_new_row_that_leans_on_something_removed_is_told(facts, folder):
    Group.objects.all().delete()
    Organisation.objects.filter(slug="traversum").delete()
    with (folder / "partners/names.csv").open("a", encoding="utf-8") as file:
        file.write("traversum,alias,Traversum Ltd,,,\n")

    with pytest.raises(CommandError, match="column “organisation”: this refers to a record that staff have removed"):
        load(folder=folder)


def test_checking_writes_nothing():
    assert "Nothing was loaded" in load(check=True)
    assert not Organisation.objects.exists()
