from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.urls import reverse
from django.utils.timezone import localdate

from lifecycle.actions import RecordChanged
from people import actions
from people.actions import AccountRefused
from people.choices import StaffRole
from people.middleware import SessionActivityMiddleware
from people.models import Person
from people.rules import Refused
from tests.factories import PersonFactory, PostFactory, StaffFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def administrator():
    return StaffFactory(post=StaffRole.ADMINISTRATOR)


def test_the_role_comes_before_the_person():
    assert str(PersonFactory(job_title="Head of service", name="Ann Lee")) == "Head of service, Ann Lee"


def test_a_person_changes_their_own_details(client):
    person = PersonFactory()
    client.force_login(person)

    client.post(reverse("people:details"), {"name": "Ann Lee", "job_title": "Head of service"})

    person.refresh_from_db()
    assert (person.name, person.job_title) == ("Ann Lee", "Head of service")


@pytest.mark.parametrize(
    "details",
    [{}, {"name": "", "job_title": "x"}, {"name": "x" * 151, "job_title": "x"}, {"name": "Ann", "job_title": " "}],
)
def test_details_that_are_none_are_refused(client, details):
    person = PersonFactory(name="Ann Lee")
    client.force_login(person)

    response = client.post(reverse("people:details"), details)

    assert response.context["form"].errors
    assert Person.objects.get(pk=person.pk).name == "Ann Lee"


def test_nobody_makes_themselves_staff_on_the_details_page(client):
    person = PersonFactory()
    client.force_login(person)

    client.post(
        reverse("people:details"),
        {"name": "A", "job_title": "B", "is_staff": "on", "is_superuser": "on", "email": "x@y.example"},
    )

    changed = Person.objects.get(pk=person.pk)
    assert (changed.is_staff, changed.is_superuser, changed.email) == (False, False, person.email)


def test_a_staff_role_given_twice_is_held_once(administrator):
    person = PersonFactory()

    first = actions.give_staff_role(person, StaffRole.RESEARCH, by=administrator)

    assert actions.give_staff_role(person, StaffRole.RESEARCH, by=administrator) == first


@pytest.mark.parametrize(
    ("starts", "ends", "is_held"), [(-1, None, True), (0, None, True), (1, None, False), (-9, 0, False), (-9, 1, True)]
)
def test_on_which_days_a_staff_role_is_held(starts, ends, is_held):
    today = localdate()
    ends_on = None if ends is None else today + timedelta(days=ends)
    person = PostFactory(starts_on=today + timedelta(days=starts), ends_on=ends_on).person

    assert person.is_centre_staff is is_held
    assert (person in Person.objects.staff()) is is_held


def test_a_role_that_has_ended_cannot_end_again(administrator):
    post = PostFactory()
    actions.end_staff_role(post, by=administrator)

    with pytest.raises(RecordChanged):
        actions.end_staff_role(post, by=administrator)


def test_an_administrator_cannot_lock_the_door_from_outside(administrator):
    with pytest.raises(AccountRefused):
        actions.disable(administrator, by=administrator)
    with pytest.raises(AccountRefused):
        actions.end_staff_role(administrator.posts.get(), by=administrator)


@pytest.mark.parametrize("role", [role for role in StaffRole if role != StaffRole.ADMINISTRATOR])
def test_only_an_administrator_closes_accounts(role):
    with pytest.raises(Refused):
        actions.disable(PersonFactory(), by=StaffFactory(post=role))


def test_a_closed_account_has_no_staff_role(administrator):
    person = StaffFactory()

    actions.disable(person, by=administrator)

    assert not Person.objects.get(pk=person.pk).is_centre_staff


def test_a_session_is_noted_once_a_minute(client, rf):
    person = PersonFactory()
    client.force_login(person)
    request = rf.get("/")
    request.session, request.user = client.session, person
    noted = SessionActivityMiddleware(lambda request: None)
    UserSession.objects.all().delete()

    noted(request)
    UserSession.objects.all().delete()
    noted(request)

    assert not UserSession.objects.exists()
