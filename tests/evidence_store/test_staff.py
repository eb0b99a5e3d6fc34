from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from django.utils.timezone import localdate

from evidence_store.actions.search_index import reindex
from evidence_store.models import Entry, Outcome, Rating
from people.choices import StaffRole
from tests.factories import (
    EntryFactory,
    EvaluationFactory,
    FindingFactory,
    MembershipFactory,
    OutcomeFactory,
    PartnershipFactory,
    RatingFactory,
    StaffFactory,
    effect,
    strength,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def as_researcher(client):
    client.force_login(StaffFactory(post=StaffRole.RESEARCH))
    return client


def at(name, *args):
    return reverse(f"evidence_store:{name}", args=args)


def test_a_researcher_takes_an_entry_from_its_first_word_to_the_store(as_researcher):
    client, today = as_researcher, localdate()
    new = {"title": "Family meetings", "synonyms": "FGC\n family group conferences \n\nFGC", "summary": "Families meet.",
           "reviewed_on": today, "next_review_on": today + timedelta(days=365)}  # fmt: skip
    assert client.post(at("new"), new).status_code == 302
    entry = Entry.objects.get()
    assert entry.synonyms == ["FGC", "family group conferences"]
    client.post(at("add_finding", entry.pk), {"outcome": OutcomeFactory().pk, "population": "Families"})
    finding = entry.findings.get()
    evaluation = EvaluationFactory()
    rating = {
        "effect": effect().pk,
        "strength": strength().pk,
        "reason": "The trial reported.",
        "evaluation": evaluation.pk,
        "studies": 1,
    }
    assert client.post(at("rate", finding.pk), rating).status_code == 302
    assert client.post(at("publish", entry.pk), {}).status_code == 302
    client.logout()
    text = client.get(entry.get_absolute_url()).content.decode()
    assert "The trial reported." in text
    assert evaluation.title in text


def test_a_rating_without_a_reason_or_with_half_a_judgement_comes_back_with_sentences(as_researcher):
    finding = FindingFactory()
    response = as_researcher.post(at("rate", finding.pk), {"effect": effect().pk, "reason": ""})
    assert response.status_code == 200
    response = as_researcher.post(at("rate", finding.pk), {"effect": effect().pk, "reason": "Because"})
    assert "never rated without the strength" in response.content.decode()
    assert not Rating.objects.exists()


@pytest.mark.parametrize(
    "bad",
    [{"effect": "x"}, {"effect": "999999999999999999999"}, {"studies": "-1"}, {"studies": "1e9"}, {"assessed_on": "31/02/2026"},
     {"public_from": "soon"}, {"reason": "x" * 20_001}, {"review": "0"}, {"evaluation": "' OR 1=1"}],
)  # fmt: skip
def test_bad_input_is_refused_and_nothing_is_recorded(as_researcher, bad):
    finding = FindingFactory()
    sent = {"effect": effect().pk, "strength": strength().pk, "reason": "Because"} | bad
    assert as_researcher.post(at("rate", finding.pk), sent).status_code == 200
    assert not Rating.objects.exists()


def test_a_held_rating_is_recorded_shown_to_staff_and_released(as_researcher):
    rating = RatingFactory(embargoed=True)
    entry = rating.finding.entry
    assert "Release now" in as_researcher.get(at("manage", entry.pk)).content.decode()
    as_researcher.post(at("release", rating.pk))
    rating.refresh_from_db()
    assert rating.public_from <= timezone.now()
    assert as_researcher.get(at("release", rating.pk)).status_code == 405


def test_a_stale_page_keeps_what_was_written_and_says_so(as_researcher):
    entry = EntryFactory()
    page = as_researcher.get(at("edit", entry.pk)).context["form"]
    first = {"title": entry.title, "summary": "First.", "version": page.mark}
    assert as_researcher.post(at("edit", entry.pk), first).status_code == 302
    response = as_researcher.post(at("edit", entry.pk), first | {"summary": "Second."})
    assert response.status_code == 200
    assert "Somebody else changed this entry" in response.content.decode()
    assert "Second." in response.content.decode()
    entry.refresh_from_db()
    assert entry.summary == "First."


def test_replace_and_withdraw_ask_for_a_reason(as_researcher):
    entry, newer = EntryFactory(), EntryFactory()
    assert as_researcher.post(at("supersede", entry.pk), {"successor": newer.pk, "reason": ""}).status_code == 200
    assert (
        as_researcher.post(at("supersede", entry.pk), {"successor": newer.pk, "reason": "Merged."}).status_code == 302
    )
    assert as_researcher.post(at("withdraw", entry.pk), {"reason": "Wrong."}).status_code == 302
    entry.refresh_from_db()
    assert entry.status == "withdrawn"
    assert as_researcher.post(at("withdraw", entry.pk), {"reason": "Wrong."}).status_code == 409


def test_outcomes_can_be_added_and_addresses_changed(as_researcher):
    as_researcher.post(at("new_outcome"), {"name": "School", "slug": "school", "polarity": "higher"})
    assert Outcome.objects.get().slug == "school"
    entry = EntryFactory(slug="old")
    assert as_researcher.post(at("rename", entry.pk), {"slug": "feed"}).status_code == 200
    assert as_researcher.post(at("rename", entry.pk), {"slug": "new"}).status_code == 302


STAFF_PAGES = [
    "board",
    "new",
    "new_outcome",
    "manage",
    "edit",
    "rename",
    "add_finding",
    "publish",
    "supersede",
    "withdraw",
]


@pytest.mark.parametrize("name", STAFF_PAGES)
def test_staff_pages_open_for_a_researcher_and_for_no_partner(client, name):
    entry = EntryFactory(status="published")
    address = at(name, entry.pk) if name not in {"board", "new", "new_outcome"} else at(name)
    assert client.get(address).status_code == 302
    client.force_login(MembershipFactory().person)
    assert client.get(address).status_code == 403
    client.force_login(StaffFactory(post=StaffRole.RESEARCH))
    assert client.get(address).status_code == 200


@pytest.mark.parametrize("number", [1, 25])
def test_the_board_costs_the_same_however_long_it_is(as_researcher, number, django_assert_max_num_queries):
    for _ in range(number):
        RatingFactory()
    with django_assert_max_num_queries(20) as counted:
        as_researcher.get(at("board"))
    costs.add(len(counted))
    assert len(costs) == 1


costs: set[int] = set()


@pytest.mark.parametrize(
    "model", ["entry", "finding", "rating", "ratinglevel", "ratingscheme", "outcome", "review", "formeraddress"]
)
def test_every_record_can_be_looked_up_in_the_back_room(admin_client, model):
    RatingFactory()
    assert admin_client.get(f"/admin/evidence_store/{model}/?q=a").status_code == 200


def test_no_page_tells_of_an_evaluation_that_is_kept_from_its_reader(client, admin_client, admin_user):
    judge, other = (StaffFactory(post=StaffRole.RESEARCH) for _ in range(2))
    kept = PartnershipFactory(public_from=None, kept_from=[judge.pk, admin_user.pk])
    secret = EvaluationFactory(title="Canary study", status="published", public_from=None)
    secret.partnerships.add(kept)
    entry = EntryFactory()
    finding, told = FindingFactory(entry=entry), EvaluationFactory()
    entry.evaluations.set([secret, told])
    pages = [at("board"), at("new"), at("manage", entry.pk), at("edit", entry.pk), at("rate", finding.pk)]
    client.force_login(other)
    assert [page for page in pages if "Canary" in client.get(page).content.decode()] == pages
    client.force_login(judge)
    assert [page for page in pages if "Canary" in client.get(page).content.decode()] == []
    form = client.get(at("edit", entry.pk)).context["form"]
    sent = {name: form[name].value() for name in ("title", "summary", "version")}
    assert client.post(at("edit", entry.pk), sent | {"evaluations": []}).status_code == 302
    assert list(entry.evaluations.all()) == [secret]
    rating = RatingFactory(finding=finding, evaluation=secret)
    assert "Canary" not in admin_client.get(reverse("admin:evidence_store_rating_changelist")).content.decode()
    found = admin_client.get(reverse("admin:evidence_store_rating_change", args=[rating.pk]), follow=True)
    assert "Canary" not in found.content.decode()


@pytest.mark.parametrize(("name", "field"), [("edit", "what_it_is"), ("add_finding", "note")])
def test_a_whole_report_pasted_in_comes_back_with_a_sentence(as_researcher, name, field):
    entry = EntryFactory()
    sent = {"title": entry.title, "summary": "Kept text", "outcome": OutcomeFactory().pk, field: "word " * 5_000}
    page = as_researcher.post(at(name, entry.pk), sent)
    assert page.status_code == 200
    assert "at most 20000 characters" in page.content.decode().replace(",", "")


def test_a_text_that_no_search_document_holds_is_kept_and_found_by_its_beginning():
    entry = EntryFactory(limits=" ".join(f"word{number}" for number in range(150_000)))
    reindex(entry)
    assert list(Entry.objects.matching("word1")) == [entry]


@pytest.mark.parametrize("moment", ["2027-03-28 01:30", "2027-10-31 01:30", "9999-12-31 23:59"])
@pytest.mark.parametrize("name", ["publish", "rate"])
def test_a_moment_that_happens_twice_or_never_comes_back_with_a_sentence(as_researcher, name, moment):
    finding = FindingFactory(entry=EntryFactory(status="draft", public_from=None))
    subject = finding.entry.pk if name == "publish" else finding.pk
    sent = {"at": moment, "public_from": moment, "strength": strength().pk, "reason": "Kept words"}
    page = as_researcher.post(at(name, subject), sent).content.decode()
    said = "between the years 2000 and 2100" if moment.startswith("9") else "Choose a time from 2:30am"
    assert said in page
    assert moment in page
    assert not finding.ratings.exists()
