"""What stands first on a partner's front page."""

from datetime import timedelta

import pytest
from django.utils import timezone

from partners.choices import MembershipRole
from tests.factories import ApplicationFactory, CallFactory, MembershipFactory

pytestmark = pytest.mark.django_db
TO_SEND = "You have an application to send"


@pytest.mark.parametrize("role", [MembershipRole.LEAD, MembershipRole.EDITOR])
def test_a_draft_for_an_open_call_stands_first_with_the_moment_of_closing(client, role):
    membership = MembershipFactory(role=role)
    application = ApplicationFactory(organisation=membership.organisation)
    client.force_login(membership.person)
    page = client.get("/workspace/").content.decode()
    first = page.index(TO_SEND)
    assert first < page.index("The call closes") < page.index(application.get_absolute_url()) < page.index('id="due"')


def test_what_cannot_be_sent_or_is_somebody_elses_is_not_asked_for(client):
    membership = MembershipFactory()
    ApplicationFactory(organisation=membership.organisation, sent=True)
    ApplicationFactory(organisation=membership.organisation, call=CallFactory(closed=True))
    ApplicationFactory(
        organisation=membership.organisation, call=CallFactory(opens_at=timezone.now() + timedelta(days=1))
    )
    ApplicationFactory(practice_name="Of another council")
    client.force_login(membership.person)
    page = client.get("/workspace/").content.decode()
    assert TO_SEND not in page
    assert "Of another council" not in page
