from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from django.utils.timezone import localdate

from calls.choices import CallStatus
from evidence_store import figures
from evidence_store.lineage import what_changed
from evidence_store.models import Entry, Finding, FormerAddress, Rating
from partners.models import Organisation
from people.choices import StaffRole
from programmes.choices import PartnershipStatus
from programmes.models import Partnership
from tests.factories import (
    ApplicationFactory,
    CallFactory,
    EntryFactory,
    EvaluationFactory,
    FindingFactory,
    MembershipFactory,
    OrganisationFactory,
    OutcomeFactory,
    ProgrammeFactory,
    RatingFactory,
    ReviewFactory,
    StaffFactory,
    effect,
    strength,
)

pytestmark = pytest.mark.django_db
PUBLIC = AnonymousUser()


def page(client, entry):
    response = client.get(entry.get_absolute_url())
    return response, response.content.decode()


def held_rating(entry=None):
    """A public rating and, recorded after it, one that is held back."""
    before = RatingFactory(
        finding=FindingFactory(entry=entry or EntryFactory()), effect=effect("no_effect", 0, 0), is_current=False
    )
    after = RatingFactory(
        finding=before.finding,
        embargoed=True,
        effect=effect("consistently_positive", 2, 20),
        strength=strength("high", 3),
        reason="Canary reason",
        recorded_at=timezone.now(),
        evaluation=EvaluationFactory(title="Canary trial"),
        review=ReviewFactory(title="Canary review"),
    )
    return before, after


def test_the_page_says_effect_and_strength_apart_with_words_first(client):
    rating = RatingFactory(studies=8, review=ReviewFactory(title="Mellow Parenting: a review", doi="10.1/x"))
    _, text = page(client, rating.finding.entry)
    for said in (
        "Tends to positive",
        "Moderate",
        "O&#x27;Donnell and van der Laan (2015)",
        "https://doi.org/10.1/x",
        "As the review found.",
    ):
        assert said in text


def test_an_outcome_without_a_rating_says_so_plainly(client):
    finding = FindingFactory()
    _, text = page(client, finding.entry)
    assert "No rating seen" in text


def test_every_rating_there_has_been_is_shown_with_what_changed_and_why(client):
    before = RatingFactory(effect=effect("no_effect", 0, 0), studies=3, is_current=False, reason="Three small studies.")
    after = RatingFactory(
        finding=before.finding,
        effect=effect(),
        studies=5,
        reason="Two large trials came in.",
        recorded_at=timezone.now(),
    )
    response, text = page(client, before.finding.entry)
    assert response.context["findings"][0].shown == after
    assert "Effect: from “No effect” to “Tends to positive”." in text
    assert "Studies: from 3 to 5." in text
    assert text.index("Two large trials") < text.index("Three small studies")
    assert what_changed(after, after) == ["Both ratings were looked at again and stay as they were."]


def test_a_rating_that_is_held_back_neither_hides_the_one_before_nor_betrays_itself(client):
    before, after = held_rating()
    entry = before.finding.entry
    changed = figures.last_changed(entry)
    response, text = page(client, entry)
    assert response.context["findings"][0].shown == before
    assert "anary" not in text
    assert "Held back" not in text
    assert changed < timezone.now() - timedelta(days=9)
    assert list(Rating.objects.shown_to(PUBLIC)) == [before]
    Rating.objects.filter(pk=after.pk).update(public_from=timezone.now() - timedelta(seconds=1))
    assert list(Rating.objects.shown_to(PUBLIC)) == [after]
    assert "Canary reason" in page(client, entry)[1]


def test_a_finding_whose_only_rating_is_held_back_is_not_there_at_all(client):
    rating = RatingFactory(embargoed=True, finding__outcome=OutcomeFactory(name="Canary outcome"))
    _, text = page(client, rating.finding.entry)
    assert "Canary outcome" not in text
    assert not Finding.objects.shown_to(PUBLIC).exists()


def test_staff_see_what_is_held_back_marked_as_such(client):
    before, _ = held_rating()
    client.force_login(StaffFactory(post=StaffRole.RESEARCH))
    _, text = page(client, before.finding.entry)
    assert "Canary reason" in text
    assert "Held back" in text


@pytest.mark.parametrize("hidden", [{"embargoed": True}, {"draft": True}])
def test_hidden_entries_are_not_found(client, hidden):
    assert client.get(EntryFactory(**hidden).get_absolute_url()).status_code == 404


def test_a_withdrawn_entry_leaves_its_reason_and_nothing_of_its_content(client):
    entry = EntryFactory(
        status="withdrawn", status_reason="The study was retracted.", successor=EntryFactory(title="Newer")
    )
    RatingFactory(finding__entry=entry, reason="Canary reason")
    response, text = page(client, entry)
    assert response.status_code == 410
    assert "The study was retracted." in text
    assert "Newer" in text
    assert "Canary" not in text
    for form in ("ris", "bib", "json"):
        assert client.get(f"{entry.get_absolute_url()}citation.{form}").status_code == 404


def test_replaced_and_stale_entries_say_so(client):
    newer = EntryFactory(title="Newer entry")
    _, text = page(client, EntryFactory(status="superseded", status_reason="Merged.", successor=newer))
    assert "Merged." in text
    assert newer.get_absolute_url() in text
    _, text = page(
        client,
        EntryFactory(next_review_on=localdate() - timedelta(days=1), reviewed_on=localdate() - timedelta(days=800)),
    )
    assert "Due for a new review" in text


def test_a_replaced_entry_does_not_name_a_successor_that_is_held_back(client):
    newer = EntryFactory(title="Canary entry", embargoed=True)
    _, text = page(client, EntryFactory(status="superseded", status_reason="Merged.", successor=newer))
    assert "Canary" not in text


def thread():
    """Call, application, partnership, programme, evaluation, rating and entry, all public."""
    programme = ProgrammeFactory(name="Practice In Need of Evidence", short_name="PINE")
    call = CallFactory(programme=programme, title="The call of the thread", status=CallStatus.ANNOUNCED)
    partnership = Partnership.objects.create(
        organisation=OrganisationFactory(name="Riverside"),
        programme=programme,
        status=PartnershipStatus.ACTIVE,
        public_from=timezone.now() - timedelta(days=3),
    )
    ApplicationFactory(call=call, organisation=partnership.organisation, sent=True, partnership=partnership)
    evaluation = EvaluationFactory(title="The evaluation of the thread", programme=programme)
    evaluation.partnerships.add(partnership)
    rating = RatingFactory(evaluation=evaluation)
    return call, partnership, programme, evaluation, rating


def steps_of(response):
    return [[step["kind"] for step in steps] for _, steps in response.context["walks"]]


def test_from_an_entry_one_can_walk_the_whole_way_back_to_the_call(client):
    _, _, _, _, rating = thread()
    response, text = page(client, rating.finding.entry)
    assert steps_of(response) == [["Call", "Partner", "Programme", "Evaluation", "Rating", "Evidence"]]
    for said in ("The call of the thread", "Riverside", "PINE", "The evaluation of the thread"):
        assert said in text


@pytest.mark.parametrize(
    ("hide", "left"),
    [
        ("call", ["Partner", "Programme", "Evaluation", "Rating", "Evidence"]),
        ("partnership", ["Programme", "Evaluation", "Rating", "Evidence"]),
        ("programme", ["Call", "Evaluation", "Rating", "Evidence"]),
    ],
)
def test_a_hidden_step_of_the_thread_is_left_out(client, hide, left):
    call, partnership, programme, evaluation, rating = thread()
    hidden = {"call": call, "partnership": partnership, "programme": programme}[hide]
    type(hidden).objects.filter(pk=hidden.pk).update(public_from=timezone.now() + timedelta(days=1))
    if hide == "programme":
        evaluation.call = call
        evaluation.save()
    response, _ = page(client, rating.finding.entry)
    assert steps_of(response) == [left]


def test_a_hidden_evaluation_takes_its_thread_with_it(client):
    _, _, _, evaluation, rating = thread()
    type(evaluation).objects.filter(pk=evaluation.pk).update(public_from=None)
    response, text = page(client, rating.finding.entry)
    assert steps_of(response) == []
    assert "The evaluation of the thread" not in text


def test_a_partner_sees_its_application_in_the_thread(client):
    _, partnership, _, _, rating = thread()
    client.force_login(MembershipFactory(organisation=partnership.organisation).person)
    response, _ = page(client, rating.finding.entry)
    assert "Application" in steps_of(response)[0]


def test_both_ways_of_asking_what_may_be_seen_agree():
    held_rating()
    for options in ({}, {"embargoed": True}, {"draft": True}, {"status": "withdrawn", "status_reason": "x"}):
        RatingFactory(finding__entry=EntryFactory(**options))
    people = [PUBLIC, MembershipFactory().person, *(StaffFactory(post=role) for role in StaffRole)]
    for person in people:
        entries = {entry for entry in Entry.objects.all() if person.has_perm("evidence_store.view_entry", entry)}
        assert set(Entry.objects.visible_to(person)) == entries
        ratings = {rating for rating in Rating.objects.all() if person.has_perm("evidence_store.view_rating", rating)}
        assert set(Rating.objects.visible_to(person)) == ratings


@pytest.mark.parametrize("number", [1, 25])
def test_an_entry_costs_the_same_however_much_is_known(client, number, django_assert_max_num_queries):
    entry = EntryFactory()
    for _ in range(number):
        evaluation = EvaluationFactory(programme=ProgrammeFactory())
        organisation: Organisation = OrganisationFactory()
        evaluation.partnerships.add(
            Partnership.objects.create(
                organisation=organisation, programme=evaluation.programme, public_from=timezone.now()
            )
        )
        RatingFactory(finding=FindingFactory(entry=entry), evaluation=evaluation, review=ReviewFactory())
    with django_assert_max_num_queries(20) as counted:
        page(client, entry)
    costs.add(len(counted))
    assert len(costs) == 1


costs: set[int] = set()


@pytest.mark.parametrize(
    "path", ["/interventions/1", "/interventions/1/", "/evidence/evidence-store/intervention/old-name/"]
)
def test_former_addresses_lead_on_for_good(client, path):
    entry = EntryFactory(slug="new-name")
    FormerAddress.objects.create(path="/interventions/1", entry=entry)
    FormerAddress.objects.create(path="/evidence/evidence-store/intervention/old-name/", entry=entry)
    response = client.get(path)
    assert (response.status_code, response["Location"]) == (301, "/evidence/new-name/")


def test_the_former_place_of_an_entry_that_kept_its_name_leads_on_too(client):
    EntryFactory(slug="kinship-care")
    assert client.get("/evidence/evidence-store/intervention/kinship-care/")["Location"] == "/evidence/kinship-care/"


def test_a_former_address_of_a_hidden_entry_does_not_tell_of_it(client):
    FormerAddress.objects.create(path="/interventions/1", entry=EntryFactory(embargoed=True))
    assert client.get("/interventions/1").status_code == 404
    assert client.get("/interventions/2").status_code == 404
    assert client.get("/evidence/no-such-thing/").status_code == 404


def test_how_we_rate_is_made_from_the_scales(client):
    effect("mixed", None, 5)
    strength("high", 3)
    text = client.get("/evidence/how-we-rate/").content.decode()
    assert "Ratings for tests, version 1" in text
    assert "Mixed" in text
