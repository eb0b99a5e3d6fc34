"""No letter of a decision leaves alone: its reader would know what the portal still calls "being assessed"."""

import pytest
from django.urls import reverse

from calls.actions import decisions as deciding
from calls.choices import Outcome
from notices.models import Notice
from people.choices import StaffRole
from tests.calls.rounds import a_round, scored
from tests.factories import StaffFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("role", [StaffRole.PROGRAMMES, StaffRole.RESEARCH, StaffRole.COMMUNICATIONS])
def test_the_mail_page_does_not_let_a_letter_of_a_decision_go(client, role):
    round_ = a_round()
    scored(round_, round_.application)
    deciding.decide(round_.application, Outcome.OFFER, reason="By the criteria", feedback="Good.", by=round_.staff)
    letter = Notice.objects.held().get()
    client.force_login(StaffFactory(post=role))

    alone = client.post(reverse("notices:release", args=[letter.pk]), follow=True)
    client.post(reverse("notices:release_many"), {"letters": [letter.pk]})

    assert "together with the result" in alone.content.decode()
    assert (
        reverse("notices:release", args=[letter.pk])
        not in client.get(reverse("notices:notice", args=[letter.pk])).content.decode()
    )
    assert Notice.objects.held().get() == letter
