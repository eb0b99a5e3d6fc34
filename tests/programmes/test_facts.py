"""The facts about programmes and partnerships as they lie in the database."""

from datetime import date

from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command
from django.test import TestCase

from programmes.choices import PartnershipStatus
from programmes.figures import of_partners, of_programme
from programmes.models import Partnership, Programme, Theme, Wave


class ProgrammeFacts(TestCase):
    """Loaded once for all of them: it takes a second or two."""

    @classmethod
    def setUpTestData(cls) -> None:
        call_command("load_facts", verbosity=0)

    def test_fourteen_programmes_are_public_and_none_is_a_demonstration(self):
        assert Programme.objects.visible_to(AnonymousUser()).count() == Programme.objects.count() == 14
        assert not Programme.objects.filter(is_demonstration=True).exists()
        assert not Partnership.objects.filter(is_demonstration=True).exists()
        assert Theme.objects.count() == 8

    def test_numbers_announced_are_kept_beside_the_names_that_were_found(self):
        named = {
            slug: of_programme(Programme.objects.get(slug=slug)).organisations for slug in ("wave-1", "pine", "sfpc")
        }

        assert named == {"wave-1": 12, "pine": 8, "sfpc": 21}
        announced = dict(Wave.objects.filter(number=1).values_list("programme__slug", "selected"))
        assert (announced["wave-1"], announced["pine"], announced["sfpc"]) == (21, 8, 18)

    def test_three_authorities_left_before_the_trial_and_their_history_stays(self):
        left = Partnership.objects.filter(strand__slug="family-group-conferences", status=PartnershipStatus.WITHDRAWN)

        assert sorted(left.values_list("organisation__slug", flat=True)) == ["blackpool", "lambeth", "merton"]
        assert not left.filter(left_reason="").exists()

    def test_ten_districts_are_served_by_one_consortium(self):
        partnership = Partnership.objects.get(organisation__slug="csa-centre-and-greater-manchester-hub")

        assert partnership.areas.count() == 10

    def test_court_areas_that_serve_several_authorities_name_none(self):
        courts = Partnership.objects.filter(strand__slug="family-drug-and-alcohol-courts")

        assert courts.count() == 15
        assert sorted(courts.filter(areas=None).values_list("organisation__slug", flat=True)) == [
            "fdac-bedfordshire",
            "fdac-london",
        ]

    def test_money_has_an_amount_a_period_and_a_source(self):
        funding = Programme.objects.get(slug="sfpc").fundings.get()

        assert (int(funding.amount), funding.period, funding.funder.slug) == (
            84_000_000,
            "Five years from April 2019",
            "department-for-education",
        )
        assert funding.source

    def test_what_is_known_to_the_month_is_not_told_to_the_day(self):
        start = Programme.objects.get(slug="sfpc")

        assert (start.starts_on, start.starts_precision) == (date(2019, 4, 1), "month")

    def test_a_status_that_staff_moved_is_not_moved_back(self):
        Programme.objects.filter(slug="evidence-quarter").update(status="completed")

        call_command("load_facts", verbosity=0)

        assert Programme.objects.get(slug="evidence-quarter").status == "completed"

    def test_figures_count_authorities_of_today_once(self):
        figures = of_partners()

        assert figures.authorities == 153
        assert figures.authorities_with_us < figures.partnerships
        assert figures.demonstration == 0
        assert 0 < figures.share < 1
