"""The facts of the evidence store as they lie in the database."""

from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command
from django.test import TestCase

from evidence_store.models import Entry, Finding, FormerAddress, Outcome, Rating, RatingLevel

PRINTED = [
    ("intensive-family-preservation-services", "entry-to-care", "consistently_positive", "high"),
    ("kinship-care", "placement-stability", "tends_positive", "high"),
    ("foster-and-kinship-care-support", "placement-outcomes", "consistently_positive", "very_low"),
    ("residential-care", "childrens-behaviour-and-skills", "no_effect", "moderate"),
    (
        "parenting-programmes-to-prevent-child-physical-abuse-recurrence",
        "harsh-parenting-and-physical-punishment",
        "mixed",
        "moderate",
    ),
]


class EvidenceFacts(TestCase):
    """Loaded once for all of them: it takes a second or two."""

    @classmethod
    def setUpTestData(cls) -> None:
        call_command("load_facts", verbosity=0)

    def test_entries_are_public_and_none_is_a_demonstration(self):
        assert Entry.objects.visible_to(AnonymousUser()).count() == Entry.objects.count() == 22
        assert not Entry.objects.filter(is_demonstration=True).exists()
        assert not Rating.objects.filter(is_demonstration=True).exists()

    def test_nineteen_findings_have_both_ratings_and_one_strength_alone(self):
        assert Rating.objects.filter(effect__isnull=False, strength__isnull=False).count() == 19
        alone = Rating.objects.get(effect__isnull=True, strength__isnull=False)
        assert (alone.finding.entry.slug, alone.strength.code) == ("family-drug-and-alcohol-courts", "high")

    def test_ratings_are_as_the_store_printed_them(self):
        for entry, outcome, effect, strength in PRINTED:
            rating = Rating.objects.get(finding__entry__slug=entry, finding__outcome__slug=outcome)

            assert (rating.effect.code, rating.strength.code) == (effect, strength)

    def test_levels_without_a_number_have_a_place_in_the_order(self):
        effects = RatingLevel.objects.filter(axis="effect").order_by("order").values_list("code", "number")

        assert list(effects) == [
            ("negative", None),
            ("no_effect", 0),
            ("mixed", None),
            ("tends_positive", 1),
            ("consistently_positive", 2),
        ]
        assert [number for _, number in RatingLevel.objects.filter(axis="strength").values_list("code", "number")] == [
            None,
            0,
            1,
            2,
            3,
        ]

    def test_less_is_better_where_it_is(self):
        assert Outcome.objects.get(slug="entry-to-care").polarity == "lower"
        assert Outcome.objects.get(slug="placement-stability").polarity == "higher"

    def test_an_approach_known_by_its_address_only_has_an_entry_and_no_rating(self):
        entry = Entry.objects.get(slug="parent-child-interaction-therapy")

        assert not Finding.objects.filter(entry=entry).exists()
        assert entry.unverified

    def test_the_twelve_numbered_addresses_lead_somewhere(self):
        numbered = FormerAddress.objects.filter(path__regex=r"^/interventions/\d+$")

        assert numbered.count() == 12
        assert numbered.get(path="/interventions/14").entry.slug == "parent-child-interaction-therapy"

    def test_the_walk_back_from_a_rating_to_its_evaluation(self):
        rating = Rating.objects.get(evaluation__slug="family-drug-and-alcohol-courts-evaluation")

        assert rating.evaluation.programme.slug == "sfip"
        assert rating.effect is None
