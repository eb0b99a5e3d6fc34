"""What comes of an offer is kept from whoever declared a conflict of interest with the application, until it is announced."""

import pytest

from calls.actions import assessments as assessing
from calls.actions import decisions as deciding
from calls.choices import Outcome
from notices.models import Notice
from programmes.actions import partnerships
from programmes.models import Partnership
from tests.calls.rounds import a_round, ask, assessor
from tests.calls.test_decisions import told
from tests.factories import PostFactory

pytestmark = pytest.mark.django_db


def test_staff_in_conflict_with_an_application_see_no_partnership_and_no_mail_that_came_of_it():
    round_, conflicted = a_round(), assessor()
    PostFactory(person=conflicted)
    assessing.declare_conflict(
        ask(round_.application, conflicted, by=round_.staff), nature="Worked there", by=conflicted
    )
    told(round_, Outcome.OFFER)

    partnership = deciding.accept_offer(round_.application, by=round_.lead)
    partnerships.issue_agreement(partnership, terms="We agree.", by=round_.staff)

    assert partnership.kept_from == [conflicted.pk]
    assert Partnership.objects.visible_to(round_.staff).get() == partnership
    assert not Partnership.objects.visible_to(conflicted).exists()
    assert Notice.objects.about(partnership).visible_to(round_.staff).exists()
    assert not Notice.objects.about(partnership).visible_to(conflicted).exists()
