"""What can happen to a person's account and to the staff roles they hold."""

from allauth.usersessions.models import UserSession
from django.db import transaction
from django.utils.timezone import localdate

from audit.actions import record
from lifecycle.actions import RecordChanged
from people.choices import StaffRole
from people.models import Person, Post
from people.rules import require


class AccountRefused(Exception):
    """What was asked for cannot be done to this account; the sentence says why."""


@transaction.atomic
def change_details(person: Person, *, name: str, job_title: str, by: Person) -> None:
    require(by, "people.change_details", person)
    person.name, person.job_title = name, job_title
    person.save(update_fields=("name", "job_title"))
    record("changed their details" if by == person else "changed a person's details", person, by=by)


@transaction.atomic
def give_staff_role(person: Person, role: str, *, by: Person) -> Post:
    """From today. Whoever holds the role already keeps it from the day on which they got it."""
    require(by, "people.manage_staff", person)
    return start_post(person, role, by=by)


def start_post(person: Person, role: str, *, by: Person) -> Post:
    Person.objects.select_for_update().get(pk=person.pk)
    post, is_new = Post.objects.get_or_create(person=person, role=StaffRole(role), ends_on=None)
    if is_new:
        record("was given a staff role", person, by=by, role=str(role))
    return post


@transaction.atomic
def end_staff_role(post: Post, *, by: Person) -> None:
    require(by, "people.manage_staff", post)
    if post.person_id == by.pk and post.role == StaffRole.ADMINISTRATOR:
        raise AccountRefused("You cannot end your own role as administrator. Ask another administrator to do it.")
    if not Post.objects.filter(pk=post.pk, ends_on__isnull=True).update(ends_on=max(localdate(), post.starts_on)):
        raise RecordChanged(post)
    record("lost a staff role", post.person, by=by, role=post.role)
    end_sessions(post.person, by=by)


@transaction.atomic
def disable(person: Person, *, by: Person) -> None:
    """Close the account. The person is out at the next click, on every machine."""
    require(by, "people.manage_staff", person)
    if person == by:
        raise AccountRefused("You cannot close your own account. Ask another administrator to do it.")
    if not Person.objects.filter(pk=person.pk, is_active=True).update(is_active=False):
        raise RecordChanged(person)
    person.is_active = False
    record("closed an account", person, by=by)
    end_sessions(person, by=by)


@transaction.atomic
def enable(person: Person, *, by: Person) -> None:
    require(by, "people.manage_staff", person)
    if not Person.objects.filter(pk=person.pk, is_active=False).update(is_active=True):
        raise RecordChanged(person)
    person.is_active = True
    record("opened an account again", person, by=by)


def end_sessions(person: Person, *, by: Person | None) -> int:
    """Sign the person out everywhere. They may sign in again, with whatever roles they have left."""
    sessions = list(UserSession.objects.filter(user=person))
    for session in sessions:
        session.end()
    record("was signed out everywhere", person, by=by, sessions=len(sessions))
    return len(sessions)
