"""The page about the data, counted from the database."""

import re

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories import EvaluationFactory, PartnershipFactory


def words_of(response) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


class TheFacts(TestCase):
    """Loaded once for both."""

    @classmethod
    def setUpTestData(cls) -> None:
        call_command("load_facts", verbosity=0)

    def test_every_file_stands_there_with_its_rows_its_source_and_what_is_unknown(self):
        page = words_of(self.client.get(reverse("about_data")))

        assert "4,664 facts" in page
        assert "153 authorities of today" in page
        assert "1,228" in page
        assert "Open Government Licence v3.0" in page
        assert "Wave 1: 21 partners were announced, 12 can be named." in page
        assert "Its text and rating were not found" not in page
        assert "Nine of the 21 wave 1 partners" in page

    def test_the_page_costs_the_same_however_many_records_there_are(self):
        self.client.get(reverse("about_data"))
        with self.assertNumQueries(_queries(self)):
            self.client.get(reverse("about_data"))

    def test_the_list_of_partners_shows_all_authorities_on_the_map(self):
        page = self.client.get(reverse("partners")).content.decode()

        assert page.count('class="tile tile--') == 153 + 3  # and the legend
        assert "153 authorities, near its true place" in words_of(self.client.get(reverse("partners")))


def _queries(case: TestCase) -> int:
    with CaptureQueriesContext(connection) as captured:
        case.client.get(reverse("about_data"))
    EvaluationFactory(unverified="In doubt")
    PartnershipFactory()
    return len(captured)


@pytest.mark.django_db
def test_before_anything_is_loaded_the_page_says_so(client):
    assert "No facts have been loaded yet" in words_of(client.get(reverse("about_data")))


@pytest.mark.django_db
def test_doubts_about_what_is_not_public_are_not_told(client):
    EvaluationFactory(unverified="Quillfeather", embargoed=True)

    assert "Quillfeather" not in client.get(reverse("about_data")).content.decode()
