"""Load for measurements is marked, and goes nowhere near real records."""

import pytest
from django.core.management import CommandError, call_command

from calls.models import Application, Assessment, Call
from partners.models import Organisation
from people.models import Person
from tests.factories import OrganisationFactory
from wwcsc.management.commands.generate_load import DOMAIN

pytestmark = pytest.mark.django_db


def test_load_is_marked_and_made_once():
    for _ in range(2):
        call_command("generate_load", applications=30, assessments=60, verbosity=0)
    assert (Application.objects.count(), Assessment.objects.count()) == (30, 60)
    for model in (Application, Assessment, Call, Organisation, Person):
        assert not model.objects.filter(is_demonstration=False).exists()
    assert not Organisation.objects.exclude(slug__startswith="load-").exists()
    assert not Organisation.objects.filter(is_public=True).exists()
    assert not Person.objects.exclude(email__endswith=f"@{DOMAIN}").exists()
    assert not any(person.has_usable_password() for person in Person.objects.all())


def test_load_refuses_a_database_with_other_records():
    OrganisationFactory()
    with pytest.raises(CommandError, match="not load"):
        call_command("generate_load", applications=5, verbosity=0)
    assert not Application.objects.exists()
    call_command("generate_load", applications=5, yes=True, verbosity=0)
    assert Application.objects.count() == 5


@pytest.mark.parametrize(
    "amounts", [{"applications": 0}, {"applications": 5, "assessments": -1}, {"applications": 1, "assessments": 61}]
)
def test_load_refuses_amounts_that_make_no_sense(amounts):
    with pytest.raises(CommandError):
        call_command("generate_load", **amounts)


@pytest.mark.parametrize(
    "url",
    ["mysql://portal@localhost/load", "postgres://portal@localhost:port/load", "postgres://portal@/load?host=/nowhere"],
)
def test_load_says_what_is_wrong_with_the_database_that_is_named(url):
    with pytest.raises(CommandError, match="--database-url"):
        call_command("generate_load", applications=5, database_url=url)
