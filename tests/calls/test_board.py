"""The board, its export and its page of assignments: who sees what, at any length."""

import csv
import io
import random
from fractions import Fraction

import pytest
from django.urls import reverse

from audit.models import Event
from calls import figures
from calls.actions import assessments as assessing
from calls.choices import ApplicationStatus
from calls.models import Application, Assessment
from partners.choices import Region
from people.choices import StaffRole
from tests.calls.rounds import a_round, ask, scored, send
from tests.factories import (
    ApplicationFactory,
    AssessmentFactory,
    CriterionFactory,
    OrganisationFactory,
    PersonFactory,
    StaffFactory,
)

pytestmark = pytest.mark.django_db

STAFF_PAGES = (
    "applications_board",
    "board_csv",
    "eligibility",
    "assessors",
    "suggest_assessors",
    "letters",
    "start_assessment",
)


def read(client, name, round_, **query):
    return client.get(reverse(f"calls:{name}", args=[round_.call.slug]), query)


def rows_of(client, round_, **query):
    text = read(client, "board_csv", round_, **query).content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("name", STAFF_PAGES)
def test_pages_of_staff_are_not_here_for_anybody_else(client, name):
    round_ = a_round()
    for person in (round_.lead, round_.assessors[0], PersonFactory()):
        client.force_login(person)
        assert read(client, name, round_).status_code == 403
    client.logout()
    assert read(client, name, round_).status_code == 302
    client.force_login(round_.staff)
    assert read(client, name, round_).status_code == 200


@pytest.mark.parametrize("name", ["decide", "check_eligibility", "assign"])
def test_pages_of_one_application_are_for_staff(client, name):
    round_ = a_round()
    url = reverse(f"calls:{name}", args=[round_.application.pk])
    for person in (round_.lead, round_.assessors[0], PersonFactory()):
        client.force_login(person)
        assert client.get(url).status_code == 403
    client.force_login(round_.staff)
    assert client.get(url).status_code == 200


def test_a_draft_is_on_no_page_of_staff(client):
    round_ = a_round()
    draft = ApplicationFactory(call=round_.call, practice_name="Not sent yet")
    client.force_login(round_.staff)
    for name in STAFF_PAGES:
        assert draft.reference not in read(client, name, round_).content.decode()
    assert client.get(reverse("calls:decide", args=[draft.pk])).status_code == 404


def test_a_member_of_staff_in_conflict_sees_a_reference_and_no_more(client):
    round_ = a_round(2)
    research = StaffFactory(post=StaffRole.RESEARCH)
    hidden = round_.application
    Application.objects.filter(pk=hidden.pk).update(practice_name="A hidden practice")
    assessing.declare_conflict(ask(hidden, research, by=round_.staff), nature="My partner works there", by=research)
    send(ask(hidden, round_.assessors[0], by=round_.staff), 4, 4)
    client.force_login(research)
    for name in ("applications_board", "board_csv", "eligibility"):
        page = read(client, name, round_).content.decode()
        assert "A hidden practice" not in page
        assert hidden.organisation.name not in page
        assert "4.00" not in page
    assert hidden.reference in read(client, "applications_board", round_).content.decode()
    assert client.get(reverse("calls:decide", args=[hidden.pk])).status_code == 404
    board = read(client, "applications_board", round_)
    assert board.context["rows"].paginator.count == 1


def test_staff_who_assess_are_blind_on_the_board_in_the_export_and_in_every_filter(client):
    round_ = a_round(2)
    research = StaffFactory(post=StaffRole.RESEARCH)
    blind = round_.application
    send(ask(blind, research, by=round_.staff), 1, 1)
    client.force_login(research)
    before = {name: read(client, name, round_).content for name in ("board_csv",)}
    listed = read(client, "applications_board", round_).context["rows"].object_list
    # A second assessor is asked: from now on the first may know nothing, not even that.
    ask(blind, round_.assessors[0], by=round_.staff)
    row = next(one for one in figures.board(round_.call, research) if one.pk == blind.pk)
    assert (row.is_blind, row.rank, row.standing) == (True, None, figures.NOTHING_YET)
    for wanted in ("in", "waiting", "unsettled", "nobody"):
        assert blind.reference not in {one["Reference"] for one in rows_of(client, round_, scores=wanted)}
    exported = next(one for one in rows_of(client, round_) if one["Reference"] == blind.reference)
    assert exported["Assessors asked"] == exported["Scores in"] == ""
    page = client.get(reverse("calls:decide", args=[blind.pk])).content.decode()
    assert round_.assessors[0].name not in page
    assert "You assess this application yourself" in page
    assert before
    assert listed


def test_the_board_is_ranked_and_its_filters_and_orders_work(client):
    round_ = a_round(3)
    first, second, third = round_.applications
    scored(round_, first, marks=((1, 1), (1, 1)))
    scored(round_, second, marks=((4, 4), (4, 4)))
    third.organisation.region = Region.LONDON
    third.organisation.save()
    client.force_login(round_.staff)
    rows = read(client, "applications_board", round_).context["rows"].object_list
    assert [(row.reference, row.rank) for row in rows] == [
        (second.reference, 1),
        (first.reference, 2),
        (third.reference, None),
    ]
    assert [one["Reference"] for one in rows_of(client, round_, region=Region.LONDON)] == [third.reference]
    assert [one["Reference"] for one in rows_of(client, round_, scores="nobody")] == [third.reference]
    assert [one["Reference"] for one in rows_of(client, round_, find=second.reference.lower())] == [second.reference]
    for order in ("reference", "name", "spread", "region", "load", "nonsense", "'"):
        assert len(rows_of(client, round_, sort=order)) == 3


@pytest.mark.parametrize(
    "query",
    [{"status": "nonsense"}, {"page": "-1"}, {"page": "x"}, {"load": "9"}, {"find": "'; DROP"}, {"find": "x" * 5000}],
)
def test_nonsense_in_the_address_of_the_board_breaks_nothing(client, query):
    round_ = a_round()
    client.force_login(round_.staff)
    assert read(client, "applications_board", round_, **query).status_code == 200


def test_cells_that_a_spreadsheet_would_take_for_formulas_are_quoted_and_the_export_is_on_record(client):
    round_ = a_round()
    Application.objects.filter(pk=round_.application.pk).update(practice_name='=HYPERLINK("http://bad")')
    client.force_login(round_.staff)
    assert rows_of(client, round_)[0]["Practice"] == '\'=HYPERLINK("http://bad")'
    assert Event.objects.get(verb="exported the board").details == {"rows": 1}


def test_an_auditor_reads_the_board_and_changes_nothing(client):
    round_ = a_round()
    client.force_login(StaffFactory(post=StaffRole.AUDITOR))
    assert read(client, "applications_board", round_).status_code == 200
    for name in ("assessors", "letters", "board_csv", "start_assessment"):
        assert read(client, name, round_).status_code == 403
    url = reverse("calls:decide", args=[round_.application.pk])
    assert client.post(url, {"outcome": "no", "reason": "x", "feedback": "x", "seen": 0}).status_code == 403


@pytest.mark.parametrize("name", ["applications_board", "eligibility", "assessors", "letters", "board_csv"])
def test_lists_of_staff_cost_the_same_at_one_row_and_at_twenty_five(client, name, django_assert_max_num_queries):
    for count in (1, 25):
        round_ = a_round(count)
        for one in round_.applications:
            for person in round_.assessors:
                AssessmentFactory(application=one, assessor=person, sent=True)
        client.force_login(round_.staff)
        read(client, name, round_)
        with django_assert_max_num_queries(15) as asked:
            read(client, name, round_)
        if count == 1:
            at_one = len(asked)
    assert len(asked) == at_one


def test_what_staff_tick_in_a_proposal_is_applied_and_tampered_pairs_are_left_out(client):
    round_ = a_round(2)
    elsewhere = a_round()
    client.force_login(round_.staff)
    page = read(client, "suggest_assessors", round_)
    assert page.content.decode().count("checked") == 4
    pairs = [
        f"{round_.application.pk}-{round_.assessors[0].pk}",
        f"{elsewhere.application.pk}-{round_.assessors[0].pk}",
        "x-y",
        "9" * 50 + "-1",
        "-",
    ]
    url = reverse("calls:suggest_assessors", args=[round_.call.slug])
    assert client.post(url, {"pair": pairs}).status_code == 302
    assert Assessment.objects.get().application == round_.application
    assert client.post(url, {}).status_code == 302


def test_assigning_somebody_by_hand_offers_nobody_in_conflict(client):
    round_ = a_round()
    person = round_.assessors[0]
    assessing.declare_conflict(ask(round_.application, person, by=round_.staff), nature="Mine", by=person)
    client.force_login(round_.staff)
    url = reverse("calls:assign", args=[round_.application.pk])
    assert person.pk not in [int(number) for number in client.get(url).context["form"].by_number]
    assert "One of these people cannot" in client.post(url, {"people": [person.pk]}).content.decode()
    assert client.post(url, {"people": [round_.assessors[1].pk]}).status_code == 302
    taken = Assessment.objects.get(assessor=round_.assessors[1])
    client.post(reverse("calls:take_back_assessment", args=[taken.pk]), {"reason": "On leave"})
    taken.refresh_from_db()
    assert (taken.status, taken.handed_back_reason) == ("declined", "On leave")


def test_eligibility_is_recorded_from_its_page_and_bad_input_is_said(client):
    round_ = a_round(eligible=False)
    client.force_login(round_.staff)
    url = reverse("calls:check_eligibility", args=[round_.application.pk])
    assert "Say why it is not eligible." in client.post(url, {"verdict": "ineligible"}).content.decode()
    assert "Choose whether it is eligible." in client.post(url, {}).content.decode()
    client.post(url, {"verdict": "eligible"})
    assert Application.objects.get(pk=round_.application.pk).status == ApplicationStatus.ELIGIBLE
    client.post(url, {"verdict": "ineligible", "reason": "Looked again", "feedback": "Sorry, not this time."})
    assert Application.objects.get(pk=round_.application.pk).ineligible_reason == "Looked again"


def test_moderation_is_made_from_its_page(client):
    round_ = a_round()
    scored(round_, round_.application, marks=((4, 1), (1, 1)))
    client.force_login(round_.staff)
    url = reverse("calls:moderate", args=[round_.application.pk, round_.criteria[0].pk])
    assert client.get(url).status_code == 200
    assert "Say why the panel" in client.post(url, {"mark": "3"}).content.decode()
    assert client.post(url, {"mark": "3", "reason": "Read again"}).status_code == 302
    elsewhere = a_round()
    wrong = reverse("calls:moderate", args=[round_.application.pk, elsewhere.criteria[0].pk])
    assert client.get(wrong).status_code == 404


def plainly(application):
    """The weighted score and the spread of an application, computed as one would with pen and paper."""
    sent = application.assessments.filter(status="submitted")
    if not sent:
        return None, None
    weights = {one.pk: one.weight for one in application.call.criteria.all()}
    marks = [{score.criterion_id: Fraction(score.mark) for score in one.scores.all()} for one in sent]
    panel = {one.criterion_id: Fraction(one.mark) for one in application.moderations.all()}
    settled = {one: panel.get(one, sum(given[one] for given in marks) / len(marks)) for one in weights}
    whole = sum(weights.values())
    score = sum(settled[one] * weights[one] for one in weights) / whole
    totals = [sum(given[one] * weights[one] for one in weights) / whole for given in marks]
    return float(score), float(max(totals) - min(totals))


@pytest.mark.parametrize("seed", range(3))
def test_scores_spreads_and_ranks_are_what_pen_and_paper_say(seed):
    chance = random.Random(seed)
    round_ = a_round(9, assessors=3)
    CriterionFactory(call=round_.call, weight=7)
    for one in round_.applications[:-1]:
        people = round_.assessors[: chance.randint(1, 3)]
        given = [ask(one, person, by=round_.staff) for person in people]
        leave_one_out = chance.random() < 0.3
        for assessment in given[: -1 if leave_one_out else None]:
            send(assessment, *(chance.randint(0, 4) for _ in range(3)))
        if not leave_one_out and chance.random() < 0.6:
            criterion = chance.choice(list(round_.call.criteria.all()))
            assessing.moderate(one, criterion=criterion, mark=chance.randint(0, 4), reason="Together", by=round_.staff)
    rows = {row.pk: row for row in figures.board(round_.call, round_.staff)}
    expected = {one.pk: plainly(one) for one in round_.applications}
    full = {pk: score for pk, (score, _) in expected.items() if rows[pk].standing.all_in}
    assert len(rows) == 9
    for pk, row in rows.items():
        score, spread = expected[pk]
        assert row.standing.score == (score if score is None else pytest.approx(score))
        assert row.standing.spread == (spread if spread is None else pytest.approx(spread))
        higher = sum(other > full[pk] + 1e-9 for other in full.values()) if pk in full else None
        assert row.rank == (None if higher is None else higher + 1)
    order = [row.rank or float("inf") for row in rows.values()]
    assert order == sorted(order)


def test_totals_of_marks_written_in_bulk_are_stored_once():
    round_ = a_round()
    sent = scored(round_, round_.application, marks=((4, 1), (2, 2))).assessments.order_by("pk")
    assert list(sent.values_list("total", flat=True)) == [13, 8]
    sent.update(total=None)
    assert (figures.store_totals(round_.call), figures.store_totals(round_.call)) == (2, 0)
    assert list(sent.values_list("total", flat=True)) == [13, 8]


@pytest.mark.parametrize("order", ["rank", "reference", "name", "spread", "region", "load"])
def test_orders_and_filters_go_together_and_lose_no_application(client, order):
    round_ = a_round(4)
    first, second, third, _ = round_.applications
    scored(round_, first, marks=((4, 4), (0, 0)))
    scored(round_, second, marks=((2, 2), (2, 2)))
    third.organisation.partnerships.create(programme=round_.call.programme, practice_name="Now", status="active")
    client.force_login(round_.staff)
    references = [one["Reference"] for one in rows_of(client, round_, sort=order)]
    assert sorted(references) == sorted(one.reference for one in round_.applications)
    if order == "spread":
        assert references[0] == first.reference
    if order == "load":
        assert references[0] == third.reference
    for wanted, found in (
        ({"scores": "in"}, {first, second}),
        ({"scores": "unsettled"}, {first}),
        ({"load": "1"}, {third}),
        ({"load": "0", "scores": "in"}, {first, second}),
        ({"outcome": "none", "scores": "nobody", "load": "1"}, {third}),
        ({"outcome": "offer"}, set()),
        ({"grade": "good"}, set()),
        ({"find": "%"}, set()),
    ):
        shown = {one["Reference"] for one in rows_of(client, round_, sort=order, **wanted)}
        assert shown == {one.reference for one in found}


def test_the_load_on_a_partner_is_on_the_board():
    round_ = a_round()
    partnerships = round_.application.organisation.partnerships
    partnerships.create(programme=round_.call.programme, practice_name="Now", status="active")
    partnerships.create(programme=round_.call.programme, practice_name="Then", status="completed")
    OrganisationFactory()
    row = figures.board(round_.call, round_.staff)[0]
    assert (row.running, row.before) == (1, 1)


def test_a_partnership_that_is_kept_from_its_reader_counts_in_no_load(client):
    """Who declared a conflict does not learn from a number that the offer was accepted."""
    round_ = a_round(2)
    partnerships = round_.applications[1].organisation.partnerships
    partnerships.create(
        programme=round_.call.programme, practice_name="Kept", status="active", kept_from=[round_.staff.pk]
    )
    colleague = StaffFactory(post=StaffRole.PROGRAMMES)
    for person, load in ((round_.staff, ["0", "0"]), (colleague, ["1", "0"])):
        client.force_login(person)
        assert [row["Running partnerships"] for row in rows_of(client, round_, sort="load")] == load
        assert len(rows_of(client, round_, load="1")) == (person == colleague)
