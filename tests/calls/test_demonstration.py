import pytest
from django.urls import reverse

from calls.choices import ApplicationStatus, CallStatus
from calls.demonstration import load_calls
from calls.demonstration_texts import PRACTICES, QUESTIONS
from calls.models import Application, Call, words_in
from partners.choices import MembershipRole
from people.models import Person
from tests.factories import MembershipFactory, OrganisationFactory, PersonFactory, ProgrammeFactory, StaffFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def people():
    ProgrammeFactory(slug="pine", name="Practice in Need of Evidence")
    StaffFactory(is_demonstration=True)
    for slug, kind in (
        ("barnsley", "local_authority"),
        ("wigan", "local_authority"),
        ("warrington", "local_authority"),
        ("greenwich", "local_authority"),
        ("the-childrens-society", "charity"),
    ):
        organisation = OrganisationFactory(slug=slug, kind=kind)
        for role in (MembershipRole.LEAD, MembershipRole.EDITOR):
            MembershipFactory(organisation=organisation, role=role, person=PersonFactory(is_demonstration=True))


def test_every_stage_is_there_marked_and_loaded_once(people, client):
    load_calls()
    made = set(Call.objects.values_list("pk", flat=True)), set(Application.objects.values_list("pk", flat=True))
    load_calls()
    assert made == (
        set(Call.objects.values_list("pk", flat=True)),
        set(Application.objects.values_list("pk", flat=True)),
    )
    assert {call.stage for call in Call.objects.all()} == {
        "open",
        "closed",
        "opening",
        CallStatus.DRAFT,
        CallStatus.ARCHIVED,
    }
    assert list(Call.objects.filter(is_demonstration=False).values_list("slug", flat=True)) == ["pine-2019"]
    assert all(Application.objects.values_list("is_demonstration", flat=True))
    assert set(Application.objects.values_list("status", flat=True)) == {
        ApplicationStatus.DRAFT,
        ApplicationStatus.SUBMITTED,
    }
    for call in Call.objects.public():
        assert client.get(reverse("calls:call", args=[call.slug])).status_code == 200


def test_the_closing_day_of_2019_is_not_invented(people):
    load_calls()
    assert Call.objects.get(slug="pine-2019").closes_at is None


def test_without_facts_and_people_nothing_is_loaded():
    load_calls()
    assert not Call.objects.exists()
    assert not Person.objects.exists()


@pytest.mark.parametrize("practice", PRACTICES)
def test_every_practice_answers_every_question_within_its_limit(practice):
    for key, _, _, _, _, limit, _ in QUESTIONS:
        assert PRACTICES[practice][key]
        assert limit is None or words_in(PRACTICES[practice][key]) <= limit
