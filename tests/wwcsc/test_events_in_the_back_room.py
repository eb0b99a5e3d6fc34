"""The list of events tells nobody what pages, searches and counts keep from them."""

import pytest
from django.urls import reverse

from audit.actions import record
from calls.choices import AssessmentStatus
from tests.factories import ApplicationFactory, AssessmentFactory, PartnershipFactory, PersonFactory, StaffFactory

pytestmark = pytest.mark.django_db
EVENTS = "admin:audit_event_changelist"


@pytest.fixture
def reader(client):
    """Somebody of the staff who may enter the back room."""
    person = StaffFactory(is_staff=True, is_superuser=True)
    client.force_login(person)
    return person


def shown(client, event):
    listed = event.verb in client.get(reverse(EVENTS)).text
    opened = client.get(reverse("admin:audit_event_change", args=[event.pk])).status_code == 200
    assert listed is opened
    return listed


def event_about(subject):
    return record("decided with no trace", subject, by=None, outcome="offer")


def test_what_became_of_an_application_is_kept_from_who_declared_a_conflict_or_still_judges(client, reader):
    application = ApplicationFactory(sent=True)
    event = event_about(application)
    assert shown(client, event)
    mine = AssessmentFactory(application=application, assessor=reader)
    assert not shown(client, event)
    type(mine).objects.update(status=AssessmentStatus.CONFLICTED, conflict="I worked there.")
    assert not shown(client, event)


def test_what_a_partnership_went_through_is_kept_from_whom_it_is_kept(client, reader):
    partnership = PartnershipFactory(public_from=None)
    event = event_about(partnership)
    assert shown(client, event)
    type(partnership).objects.update(kept_from=[reader.pk])
    assert not shown(client, event)


def test_events_of_what_has_no_keeper_or_is_gone_are_shown(client, reader):
    somebody = PersonFactory()
    event = record("signed in at noon", somebody, by=somebody)
    assert shown(client, event)
    application = ApplicationFactory(sent=True)
    gone = event_about(application)
    application.delete()
    assert shown(client, gone)
