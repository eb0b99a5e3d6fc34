"""The facts about organisations as they lie in the database after loading."""

from datetime import date
from io import StringIO

import pytest
from django.core.management import call_command

from audit.models import Event
from partners.choices import Grade, OrganisationKind
from partners.models import AuthorityYear, FactFile, LoadedFact, Organisation, Service

pytestmark = pytest.mark.django_db


def load(**options) -> str:
    said = StringIO()
    call_command("load_facts", stdout=said, **options)
    return said.getvalue()


@pytest.fixture
def facts() -> None:
    load()


def test_a_second_loading_changes_nothing(facts):
    before = {
        model: list(model.objects.order_by("pk").values())
        for model in (Organisation, AuthorityYear, FactFile, LoadedFact)
    }
    events = Event.objects.count()

    said = load()

    assert "0 new, 0 changed" in said
    assert {model: list(model.objects.order_by("pk").values()) for model in before} == before
    assert Event.objects.count() == events
