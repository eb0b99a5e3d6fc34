"""The back room of partners and programmes: everything opens, can be searched, and nothing with a history is deleted."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from partners.admin import difference
from people.models import Person
from tests.factories import AgreementFactory, OrganisationFactory, PartnershipFactory, PersonFactory, ProgrammeFactory

pytestmark = pytest.mark.django_db

MODELS = [
    model
    for app in ("partners", "programmes")
    for model in apps.get_app_config(app).get_models()
    if not model.__name__.endswith("Event") and not model._meta.auto_created
]


@pytest.fixture
def back_room(client):
    keeper: Person = PersonFactory(is_staff=True, is_superuser=True)
    client.force_login(keeper)
    return client


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_model_is_there_with_a_search(back_room, model):
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")

    assert admin.site._registry[model].search_fields
    assert back_room.get(address, {"q": "Northants"}).status_code == 200


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_nothing_is_deleted_there(rf, model):
    request = rf.get("/")
    request.user = PersonFactory(is_staff=True, is_superuser=True)

    assert admin.site._registry[model].has_delete_permission(request) is False


def test_an_organisation_shows_what_changed(back_room):
    organisation = OrganisationFactory(name="Before")
    organisation.name = "After"
    organisation.save()

    page = back_room.get(reverse("admin:partners_organisation_change", args=[organisation.pk])).content.decode()

    assert "name from Before to After" in page
    assert "first recorded" in page


def test_nobody_writes_other_words_into_what_was_sent_or_signed(back_room):
    agreement = AgreementFactory(terms="What was agreed.")
    page = reverse("admin:partners_agreement_change", args=[agreement.pk])
    assert "terms" in back_room.get(page).context["adminform"].form.fields
    for status in ("issued", "signed", "ended"):
        type(agreement).objects.update(
            status=status, signed_on="2026-05-01", signed_by_role="Director", issued_at=timezone.now()
        )
        assert not {"terms", "title", "organisation"} & set(back_room.get(page).context["adminform"].form.fields)


@pytest.mark.parametrize("factory", [ProgrammeFactory, PartnershipFactory])
def test_a_status_is_read_and_not_written(back_room, factory):
    record = factory()

    page = back_room.get(reverse(f"admin:programmes_{record._meta.model_name}_change", args=[record.pk]))

    assert page.status_code == 200
    assert 'name="status"' not in page.content.decode()


def test_a_list_costs_the_same_at_1_and_25_rows(back_room):
    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            back_room.get(reverse("admin:programmes_partnership_changelist"))
        return len(captured)

    PartnershipFactory()
    cost()
    one = cost()
    for _ in range(24):
        PartnershipFactory()

    assert cost() == one


def test_a_change_of_nothing_that_is_told_says_its_label():
    row = {"pgh_id": 2, "pgh_label": "update", "id": 1, "name": "Same"}

    assert difference(row, {**row, "pgh_id": 1}) == "update"
