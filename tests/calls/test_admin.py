import pytest
from django.contrib.admin import site
from django.urls import reverse

from calls.models import Application
from tests.factories import (
    ApplicationFactory,
    CallFactory,
    CriterionFactory,
    EnquiryFactory,
    PersonFactory,
    QuestionFactory,
)

pytestmark = pytest.mark.django_db
MODELS = sorted(model._meta.model_name for model in site._registry if model._meta.app_label == "calls")


@pytest.fixture
def administrator(client):
    person = PersonFactory(is_staff=True, is_superuser=True)
    client.force_login(person)
    return person


@pytest.mark.parametrize("name", MODELS)
def test_every_list_can_be_opened_and_searched(client, administrator, name):
    call = CallFactory()
    QuestionFactory(call=call)
    CriterionFactory(call=call)
    EnquiryFactory(call=call)
    ApplicationFactory(call=call, sent=True)
    url = reverse(f"admin:calls_{name}_changelist")
    assert client.get(url).status_code == 200
    assert client.get(url, {"q": "PINE"}).status_code == 200


def test_drafts_are_not_read_in_the_back_room_either(client, administrator):
    draft, sent = ApplicationFactory(practice_name="Still secret"), ApplicationFactory(sent=True)
    page = client.get(reverse("admin:calls_application_changelist")).text
    assert "Still secret" not in page
    assert sent.reference in page
    assert client.get(reverse("admin:calls_application_change", args=[draft.pk])).status_code == 302
    assert client.get(reverse("admin:calls_application_change", args=[sent.pk])).status_code == 200
    assert Application.objects.count() == 2
