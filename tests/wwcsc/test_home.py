import re
from datetime import timedelta

import pytest
from django.utils import timezone

from evaluations.choices import Stage
from tests.factories import CallFactory, EvaluationFactory, PartnershipFactory, ProgrammeFactory, StaffFactory
from wwcsc.figures import front_page

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("staff", [False, True])
def test_a_programme_that_is_not_public_is_not_named(client, staff):
    secret = ProgrammeFactory(
        name="Canary programme", short_name="Canary", public_from=timezone.now() + timedelta(days=1)
    )
    EvaluationFactory(title="Seen study", programme=secret, status=Stage.IN_THE_FIELD)
    CallFactory(title="Seen call", programme=secret)
    EvaluationFactory(title="Named study", programme=ProgrammeFactory(name="Hazel"), status=Stage.IN_THE_FIELD)
    if staff:
        client.force_login(StaffFactory())
    page = client.get("/").content.decode()
    assert "Canary" not in page
    for seen in ("Seen study", "Seen call", "Named study", "Hazel"):
        assert seen in page


def test_what_it_counts_is_public():
    PartnershipFactory()
    before = front_page()
    PartnershipFactory(public_from=timezone.now() + timedelta(days=1))
    PartnershipFactory(programme=ProgrammeFactory(public_from=None))
    EvaluationFactory(embargoed=True)
    CallFactory(public_from=timezone.now() + timedelta(hours=1))
    after = front_page()
    assert after.authorities_with_us == before.authorities_with_us == 1
    assert (after.evaluations, after.open_calls) == (0, 0)


@pytest.mark.parametrize(("calls", "said"), [(1, "open call<"), (2, "open calls<")])
def test_the_number_of_open_calls_and_its_word_agree(client, calls, said):
    CallFactory.create_batch(calls)
    page = client.get("/").content.decode()
    assert said in re.sub(r"\s+<", "<", page)


def test_an_open_call_says_what_its_date_is(client):
    CallFactory()
    assert re.search(r"Closes\s+<span class=\"deadline", client.get("/").content.decode())
