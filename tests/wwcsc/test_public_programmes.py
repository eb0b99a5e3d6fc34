"""Pages of the programmes: what hangs on each, what stays hidden, and what the pages cost."""

import re
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from partners.models import Organisation
from programmes.choices import PartnershipStatus, Precision, ProgrammeRole
from programmes.dates import said
from programmes.models import Funding, Happening, Involvement, Strand, Wave
from tests.factories import (
    CallFactory,
    EntryFactory,
    EvaluationFactory,
    NewsFactory,
    OrganisationFactory,
    PartnershipFactory,
    ProgrammeFactory,
    StaffFactory,
)
from wwcsc.wording import counted

pytestmark = pytest.mark.django_db

CANARY = "Quillfeather"


def words_of(response) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def queries_of(client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def furnish(programme, number: int) -> None:
    """A row of everything that the page of a programme lists."""
    strand = Strand.objects.create(programme=programme, slug=f"strand-{number}", name=f"Strand {number}")
    place = {"latitude": "53.5", "longitude": "-1.5"}
    partnership = PartnershipFactory(programme=programme, strand=strand, organisation=OrganisationFactory(**place))
    partnership.areas.add(OrganisationFactory(**place), OrganisationFactory(**place))
    Wave.objects.create(programme=programme, number=number + 1, selected=number)
    Funding.objects.create(programme=programme, funder=OrganisationFactory(), amount=1000 + number)
    Involvement.objects.create(
        programme=programme, strand=strand, organisation=OrganisationFactory(), role=ProgrammeRole.DELIVERY
    )
    Happening.objects.create(programme=programme, strand=strand, on=date(2019, 7, 2), what=f"Event {number}")
    EvaluationFactory(programme=programme)
    EntryFactory().programmes.add(programme)
    NewsFactory().programmes.add(programme)
    CallFactory(programme=programme)


def test_the_list_costs_the_same_at_1_and_25_rows(client):
    PartnershipFactory()
    one = queries_of(client, reverse("programmes"))
    for _ in range(24):
        PartnershipFactory()

    assert queries_of(client, reverse("programmes")) == one


def test_the_page_costs_the_same_at_1_and_25_rows(client):
    programme = ProgrammeFactory()
    furnish(programme, 0)
    one = queries_of(client, programme.get_absolute_url())
    for number in range(1, 25):
        furnish(programme, number)

    assert queries_of(client, programme.get_absolute_url()) == one


def test_a_programme_that_is_not_public_is_not_found(client):
    hidden = ProgrammeFactory(name=CANARY, public_from=timezone.now() + timedelta(days=1))

    assert client.get(hidden.get_absolute_url()).status_code == 404
    assert CANARY not in client.get(reverse("programmes")).content.decode()
    client.force_login(StaffFactory())
    assert client.get(hidden.get_absolute_url()).status_code == 200


def test_what_hangs_on_a_programme_is_shown_once_it_is_public(client):
    programme = ProgrammeFactory()
    later = timezone.now() + timedelta(days=1)
    EvaluationFactory(programme=programme, title=f"{CANARY} evaluation", embargoed=True)
    EntryFactory(title=f"{CANARY} entry", public_from=later).programmes.add(programme)
    NewsFactory(title=f"{CANARY} post", public_from=later).programmes.add(programme)
    PartnershipFactory(programme=programme, organisation__name=f"{CANARY} council", public_from=later)

    assert CANARY not in client.get(programme.get_absolute_url()).content.decode()
    client.force_login(StaffFactory())
    assert client.get(programme.get_absolute_url()).content.decode().count(CANARY) >= 4


def test_a_partner_that_left_is_shown_with_the_reason(client):
    partnership = PartnershipFactory(status=PartnershipStatus.WITHDRAWN, left_reason="Restructured.")

    page = words_of(client.get(partnership.programme.get_absolute_url()))

    assert "Partner withdrew" in page
    assert "Restructured." in page


def test_places_and_money_have_their_unit_and_source(client):
    programme = ProgrammeFactory()
    Wave.objects.create(programme=programme, number=1, places=20, selected=24, unit="authority")
    Funding.objects.create(
        programme=programme, amount=15_500_000, note="Up to £15 million at first", source="Announcement"
    )

    page = words_of(client.get(programme.get_absolute_url()))

    assert "Wave 1 : 24 authorities chosen, 20 planned" in page
    assert "£15,500,000" in page
    assert "Source: Announcement" in page


def test_dates_are_told_as_exactly_as_they_are_known(client):
    programme = ProgrammeFactory(starts_on=date(2019, 4, 1), starts_precision=Precision.MONTH)
    Happening.objects.create(programme=programme, on=date(2018, 9, 1), precision=Precision.SEASON, what="Call")
    Happening.objects.create(programme=programme, told_as="About February 2020", what="Pilot")

    page = words_of(client.get(programme.get_absolute_url()))

    assert "From April 2019" in page
    assert "Call autumn 2018" in page
    assert "Pilot About February 2020" in page


@pytest.mark.parametrize(
    ("precision", "words"),
    [("day", "1 September 2018"), ("month", "September 2018"), ("season", "autumn 2018"), ("year", "2018")],
)
def test_a_day_is_said_as_exactly_as_it_is_known(precision, words):
    assert said(date(2018, 9, 1), precision) == words
    assert said(None, precision) == ""


@pytest.mark.parametrize(
    ("number", "word", "said"),
    [
        (1, "authority", "1 authority"),
        (24, "authority", "24 authorities"),
        (3, "day", "3 days"),
        (1200, "row", "1,200 rows"),
    ],
)
def test_numbers_agree_with_what_they_count(number, word, said):
    assert counted(number, word) == said


def test_a_programme_without_anything_still_reads_well(client):
    programme = ProgrammeFactory()

    page = words_of(client.get(programme.get_absolute_url()))

    assert "On the map" not in page
    assert "Evaluations of this programme" not in page
    assert not Organisation.objects.exists()
