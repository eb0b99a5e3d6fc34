from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from evidence_store import figures, search
from evidence_store.actions.search_index import reindex, reindex_all
from evidence_store.models import Entry, Rating
from evidence_store.tasks import reindex_what_became_public
from people.choices import StaffRole
from tests.factories import (
    EntryFactory,
    EvaluationFactory,
    FindingFactory,
    OutcomeFactory,
    RatingFactory,
    ReviewFactory,
    StaffFactory,
    effect,
    strength,
)

pytestmark = pytest.mark.django_db
SEARCH = "/evidence/"


def store(*entries):
    reindex_all(Entry.objects.all())
    return entries


def titles(response):
    return [entry.title for entry, _ in response.context["entries"]]


def counts(response, facet):
    found = {name: values for name, _, values in response.context["facets"]}
    return {value.code: value.count for value in found.get(facet, [])}


@pytest.mark.parametrize(
    "words", ["mellow", "MELLOW parents", '"mellow parenting"', "parenting OR nothinglikeit", "méllow"]
)
def test_words_are_found_whatever_their_form(client, words):
    EntryFactory(title="Mellow Parenting")
    EntryFactory(title="Kinship care")
    store()
    assert titles(client.get(SEARCH, {"q": words})) == ["Mellow Parenting"]


def test_every_word_must_occur_and_a_minus_leaves_a_word_out(client):
    EntryFactory(title="Family meetings", summary="For kinship carers.")
    EntryFactory(title="Family therapy", summary="For young people.")
    store()
    assert titles(client.get(SEARCH, {"q": "family kinship"})) == ["Family meetings"]
    assert titles(client.get(SEARCH, {"q": "family -kinship"})) == ["Family therapy"]


def test_synonyms_outcomes_and_reviews_are_searched_and_the_title_weighs_most(client):
    EntryFactory(title="Aaa", summary="Mentions reunification once.")
    EntryFactory(title="Reunification")
    named = EntryFactory(title="Courts that solve problems", synonyms=["FDAC"])
    outcome = FindingFactory(entry=named, outcome=OutcomeFactory(name="Placement stability"))
    RatingFactory(finding=outcome, review=ReviewFactory(authors=["MacBeth A"]))
    store()
    assert titles(client.get(SEARCH, {"q": "reunification"})) == ["Reunification", "Aaa"]
    for words in ("fdac", "placement stability", "MacBeth"):
        assert titles(client.get(SEARCH, {"q": words})) == ["Courts that solve problems"]


@pytest.mark.parametrize(
    "words",
    ["-" * 33, " ".join("-" * 33), '"', '""""', "'; DROP TABLE x; --", "OR", "OR OR OR", "- OR -", "a & b | !c:*", "()", "<->", "%", "\\", "🙂",
     "mellow:*A", '"mellow', "-----mellow", "\u202emellow", "NOT", "<script>", "{{ 7 }}"],
)  # fmt: skip
def test_strange_words_never_break_the_page(client, words):
    EntryFactory(title="Mellow Parenting")
    store()
    assert client.get(SEARCH, {"q": words}).status_code == 200


@pytest.mark.parametrize(
    ("words", "said"), [("word " * 16_000, "characters"), ("ab " * 25, "25 words"), ("x" * 201, "201 characters")]
)
def test_too_many_words_are_refused_with_a_sentence_that_says_what_to_do(client, words, said):
    response = client.get(SEARCH, {"q": words})
    assert response.status_code == 400
    assert said in response.content.decode()


def test_a_nul_is_refused(client):
    assert client.get(SEARCH, {"q": "a\x00b"}).status_code == 400


def test_operators_in_a_row_become_one():
    assert search.clean_words("--- mellow") == "mellow"
    assert search.clean_words("-----mellow") == "-mellow"
    assert search.clean_words("OR mellow OR OR kin OR") == "mellow OR kin"
    assert search.clean_words("-" * 33) == ""
    with pytest.raises(ValidationError):
        search.clean_words("x" * 201)


def test_small_words_alone_are_said_to_be_too_common(client):
    EntryFactory()
    store()
    response = client.get(SEARCH, {"q": "the and of"})
    assert response.status_code == 200
    assert "stand in every text" in response.content.decode()


def test_a_misspelt_word_brings_a_suggestion_that_leads_somewhere(client):
    EntryFactory(title="Mellow Parenting")
    store()
    response = client.get(SEARCH, {"q": "melow parentin"})
    assert response.context["result"].suggestion == "mellow parenting"


def test_a_search_that_takes_too_long_is_stopped_with_a_sentence(client, monkeypatch):
    EntryFactory(title="Mellow Parenting")
    store()
    real = search.holds_only_small_words

    def slow(words):
        with search.connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(1)")
        return real(words)

    monkeypatch.setattr(search, "TIME_LIMIT", 50)
    monkeypatch.setattr(search, "holds_only_small_words", slow)
    response = client.get(SEARCH, {"q": "a word that is not there"})
    assert response.status_code == 400
    assert "took too long" in response.content.decode()


def test_facets_hold_of_one_and_the_same_outcome(client):
    behaviour, school = OutcomeFactory(slug="behaviour"), OutcomeFactory(slug="school")
    split = EntryFactory(title="Split")
    RatingFactory(finding=FindingFactory(entry=split, outcome=behaviour), effect=effect("no_effect", 0, 0))
    RatingFactory(finding=FindingFactory(entry=split, outcome=school), effect=effect())
    good = EntryFactory(title="Good")
    RatingFactory(finding=FindingFactory(entry=good, outcome=behaviour), effect=effect())
    store()
    response = client.get(SEARCH, {"outcome": "behaviour", "effect": "tends_positive"})
    assert titles(response) == ["Good"]
    # A facet's counts ignore its own choice and respect the others'.
    assert counts(response, "effect") == {"tends_positive": 1, "no_effect": 1}
    assert counts(response, "outcome") == {"behaviour": 1, "school": 1}


def test_two_values_of_a_facet_widen_it_and_unknown_values_are_ignored(client):
    for name in ("a", "b", "c"):
        FindingFactory(entry=EntryFactory(title=name), outcome=OutcomeFactory(slug=f"o-{name}"))
    store()
    assert titles(client.get(SEARCH, {"outcome": ["o-a", "o-b"]})) == ["a", "b"]
    assert titles(client.get(SEARCH, {"outcome": "nothing", "sort": "x", "page": "x"})) == ["a", "b", "c"]


def test_sorted_by_strength_a_large_effect_on_thin_evidence_does_not_stand_on_top(client):
    thin, solid, mixed, bare = (EntryFactory(title=title) for title in ("Thin", "Solid", "Mixed", "Bare"))
    RatingFactory(finding__entry=thin, effect=effect("consistently_positive", 2, 20), strength=strength("very_low", 0))
    RatingFactory(finding__entry=solid, effect=effect(), strength=strength("high", 3))
    RatingFactory(finding__entry=mixed, effect=effect("mixed", None, 5), strength=strength("high", 3))
    FindingFactory(entry=bare)
    store()
    assert titles(client.get(SEARCH, {"sort": "strength"})) == ["Solid", "Mixed", "Thin", "Bare"]


def test_an_evaluation_of_ours_can_be_asked_for(client):
    tested = EntryFactory(title="Tested")
    tested.evaluations.add(EvaluationFactory(design="cluster_rct"))
    piloted = EntryFactory(title="Piloted")
    piloted.evaluations.add(EvaluationFactory(design="pilot"))
    secret = EntryFactory(title="Secret")
    secret.evaluations.add(EvaluationFactory(design="rct", embargoed=True))
    store()
    assert titles(client.get(SEARCH, {"evaluated": "trial"})) == ["Tested"]
    response = client.get(SEARCH, {"evaluated": "evaluation"})
    assert titles(response) == ["Piloted", "Tested"]
    assert counts(response, "evaluated") == {"trial": 1, "evaluation": 2}


@pytest.mark.parametrize(
    "hidden", [{"embargoed": True}, {"draft": True}, {"status": "withdrawn", "status_reason": "Wrong."}]
)
def test_hidden_entries_appear_in_no_result_count_facet_or_suggestion(client, hidden):
    secret = EntryFactory(title="Zebrafish meetings", **hidden)
    RatingFactory(finding=FindingFactory(entry=secret, outcome=OutcomeFactory(slug="canary", name="Canary outcome")))
    store()
    for words in ("zebrafish", "zebrafsh", "canary", ""):
        response = client.get(SEARCH, {"q": words})
        assert titles(response) == []
        assert response.context["result"].suggestion == ""
        assert "anary" not in response.content.decode().replace('value="canary"', "").replace("“canary”", "").replace(
            "canary –", ""
        )
        assert response.context["figures"].entries == 0
        assert response.context["figures"].findings == 0
        assert counts(response, "outcome") == {}


def test_a_rating_that_is_held_back_is_found_by_none_of_its_words_and_counted_nowhere(client):
    entry = EntryFactory(title="Family meetings")
    before = RatingFactory(finding__entry=entry, effect=effect("no_effect", 0, 0), is_current=False)
    RatingFactory(
        finding=before.finding,
        embargoed=True,
        effect=effect("consistently_positive", 2, 20),
        review=ReviewFactory(title="Quokka trial"),
    )
    only_held = FindingFactory(entry=entry, outcome=OutcomeFactory(slug="new", name="Quagga outcome"))
    RatingFactory(finding=only_held, embargoed=True)
    store()
    assert titles(client.get(SEARCH, {"q": "quokka"})) == []
    assert titles(client.get(SEARCH, {"q": "quagga"})) == []
    response = client.get(SEARCH)
    assert counts(response, "effect") == {"no_effect": 1}
    assert "new" not in counts(response, "outcome")
    assert response.context["figures"].findings == 1
    assert response.context["figures"].rated == 1
    assert response.context["figures"].reviews == 0


def test_the_clock_makes_a_rating_findable_when_its_moment_has_come(client):
    entry = EntryFactory(title="Family meetings")
    rating = RatingFactory(finding__entry=entry, embargoed=True, review=ReviewFactory(title="Quokka trial"))
    reindex(entry)
    Rating.objects.filter(pk=rating.pk).update(public_from=timezone.now() - timedelta(seconds=1))
    assert titles(client.get(SEARCH, {"q": "quokka"})) == []
    assert reindex_what_became_public() == 1
    assert titles(client.get(SEARCH, {"q": "quokka"})) == ["Family meetings"]


@pytest.mark.parametrize("number", [1, 25])
def test_the_search_costs_the_same_however_much_it_finds(client, number, django_assert_max_num_queries):
    for _ in range(number):
        entry = EntryFactory(title=f"Meetings {_}")
        entry.evaluations.add(EvaluationFactory())
        RatingFactory(finding__entry=entry)
    store()
    with django_assert_max_num_queries(27) as counted:
        client.get(SEARCH, {"q": "meetings"})
    store_of_counts.setdefault("search", set()).add(len(counted))
    assert len(store_of_counts["search"]) == 1


store_of_counts: dict[str, set[int]] = {}


def test_staff_find_entries_that_are_held_back(client):
    EntryFactory(title="Zebra meetings", embargoed=True)
    store()
    client.force_login(StaffFactory(post=StaffRole.RESEARCH))
    assert titles(client.get(SEARCH, {"q": "zebra"})) == ["Zebra meetings"]


def test_the_sorts_and_facets_survive_in_the_form(client):
    EntryFactory(title="Mellow")
    store()
    response = client.get(reverse("evidence_store:search"), {"q": "mellow", "sort": "title"})
    assert response.context["sort"] == "title"
    assert 'value="mellow"' in response.content.decode()


@pytest.mark.parametrize("who", ["the public", "staff"])
def test_the_numbers_above_the_search_are_those_of_the_store(who):
    person = AnonymousUser() if who == "the public" else StaffFactory(post=StaffRole.RESEARCH)
    review = ReviewFactory()
    shown = EntryFactory(title="Shown", summary="Family groups")
    RatingFactory(finding=FindingFactory(entry=shown), review=review)
    RatingFactory(finding=FindingFactory(entry=shown), effect=None)
    FindingFactory(entry=shown)
    RatingFactory(
        finding=FindingFactory(entry=shown), review=ReviewFactory(), public_from=timezone.now() + timedelta(days=2)
    )
    EntryFactory(title="Later", public_from=timezone.now() + timedelta(days=2))
    reindex_all(Entry.objects.all())
    for words in ("", "family", "nothing of the kind"):
        assert search.look(person, words, {}).figures == figures.of_the_store(person)


def test_a_search_costs_few_questions_however_much_it_finds(client, django_assert_max_num_queries):
    for number in range(30):
        RatingFactory(finding=FindingFactory(entry=EntryFactory(title=f"Family {number}")))
    reindex_all(Entry.objects.all())
    # Two of them are the savepoint that a test is in, one the end of the time limit inside it.
    with django_assert_max_num_queries(11):
        page = client.get("/evidence/?q=family")
    assert page.text.count('class="rating ') == 25
