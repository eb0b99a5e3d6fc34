import csv
from datetime import date, timedelta
from io import StringIO

import pytest
import time_machine
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from django.utils.timezone import localdate

from evaluations import figures
from evaluations.choices import DutyState, Independence, Stage
from evaluations.models import (
    Change,
    Cluster,
    Duty,
    Evaluation,
    Milestone,
    Output,
    ProtocolVersion,
)
from people.choices import StaffRole
from programmes.dates import last_day_of, said
from programmes.models import Partnership
from tests.factories import (
    DutyFactory,
    EntryFactory,
    EvaluationFactory,
    EvaluatorFactory,
    MembershipFactory,
    OrganisationFactory,
    OutcomeFactory,
    OutputFactory,
    PartnershipFactory,
    ProgrammeFactory,
    RatingFactory,
    StaffFactory,
)

pytestmark = pytest.mark.django_db
PUBLIC = AnonymousUser()


def page(client, evaluation):
    return client.get(evaluation.get_absolute_url()).content.decode()


def listed(client, **query):
    return [evaluation.title for evaluation in client.get("/evaluations/", query).context["page"]]


def partnership(evaluation=None, **facts):
    programme = (evaluation and evaluation.programme) or ProgrammeFactory()
    row = Partnership.objects.create(
        **{
            "organisation": OrganisationFactory(),
            "programme": programme,
            "public_from": timezone.now() - timedelta(days=1),
        }
        | facts
    )
    if evaluation:
        evaluation.partnerships.add(row)
    return row


def test_the_register_is_filtered_and_searched(client):
    trial = EvaluationFactory(
        title="Trial of meetings", design="rct", status=Stage.IN_THE_FIELD, programme=ProgrammeFactory(name="SFIP")
    )
    EvaluatorFactory(evaluation=trial, organisation=OrganisationFactory(name="Coram"))
    EvaluationFactory(title="Pilot of visits", independence=Independence.IN_HOUSE)
    assert listed(client) == ["Pilot of visits", "Trial of meetings"]
    for query in ({"q": "meetings trial"}, {"q": "SFIP"}, {"q": "coram"}, {"design": "rct"}, {"stage": "in_the_field"},
                  {"programme": trial.programme_id}, {"evaluator": trial.evaluators.get().organisation_id}):  # fmt: skip
        assert listed(client, **query) == ["Trial of meetings"], query
    assert listed(client, independence="in_house") == ["Pilot of visits"]


@pytest.mark.parametrize(
    "query",
    [{"q": "x" * 5000}, {"design": "x"}, {"programme": "x"}, {"programme": "9" * 30}, {"page": "x"}, {"q": "%_\\'"}],
)
def test_bad_questions_to_the_register_never_break_it(client, query):
    EvaluationFactory()
    assert client.get("/evaluations/", query).status_code == 200
    assert client.get("/evaluations/data.csv", query).status_code == 200


def test_an_embargoed_evaluation_is_in_no_list_count_choice_or_file(client):
    secret = EvaluationFactory(title="Canary", embargoed=True, programme=ProgrammeFactory(name="Canary programme"))
    EvaluatorFactory(evaluation=secret, organisation=OrganisationFactory(name="Canary university"))
    DutyFactory(evaluation=secret)
    hidden_programme = EvaluationFactory(title="Open", programme=ProgrammeFactory(name="Canary two", public_from=None))
    for address in (
        "/evaluations/",
        "/evaluations/data.csv",
        "/evaluations/promises/",
        hidden_programme.get_absolute_url(),
    ):
        assert "Canary" not in client.get(address).content.decode(), address
    assert listed(client, q="Canary") == []
    assert client.get(secret.get_absolute_url()).status_code == 404
    assert figures.of_the_register().evaluations == 1
    assert figures.of_promises().all == 0


def test_the_csv_is_the_publics_view_whoever_asks(client):
    EvaluationFactory(title="=Open")
    EvaluationFactory(title="Canary", embargoed=True)
    client.force_login(StaffFactory(post=StaffRole.RESEARCH))
    rows = list(csv.DictReader(StringIO(client.get("/evaluations/data.csv").content.decode())))
    assert [row["title"] for row in rows] == ["'=Open"]


def test_addresses_in_the_csv_are_ours_whatever_name_the_reader_asked_for(client):
    evaluation = EvaluationFactory()
    answer = client.get("/evaluations/data.csv", headers={"host": "elsewhere.example"})
    rows = list(csv.DictReader(StringIO(answer.content.decode())))
    assert [row["address"] for row in rows] == [f"http://testserver{evaluation.get_absolute_url()}"]


@pytest.mark.parametrize(
    ("independence", "sentence"),
    [
        ("independent", "Independent:"),
        ("in_house", "Not independent:"),
        ("self", "Not independent:"),
        ("unknown", "Independence not known"),
    ],
)
def test_independence_is_said_honestly(client, independence, sentence):
    assert sentence in page(client, EvaluationFactory(independence=independence))


def test_the_page_is_headed_by_design_and_stage(client):
    assert "Pilot and feasibility study / In the field" in page(client, EvaluationFactory(status=Stage.IN_THE_FIELD))


def test_a_stopped_evaluation_shows_its_reason_and_what_it_taught(client):
    text = page(
        client, EvaluationFactory(status=Stage.STOPPED, stopped_reason="The contract ended.", lessons="Begin smaller.")
    )
    assert "The contract ended." in text
    assert "Begin smaller." in text


def test_versions_of_the_protocol_say_what_changed_and_drafts_stay_inside(client):
    evaluation = EvaluationFactory()
    ProtocolVersion.objects.create(evaluation=evaluation, number=1, status="superseded", url="https://example.org/1")
    ProtocolVersion.objects.create(
        evaluation=evaluation, number=2, status="published", what_changed="Six sites.", why="More asked."
    )
    ProtocolVersion.objects.create(evaluation=evaluation, number=3, what_changed="Canary.")
    text = page(client, evaluation)
    assert "Six sites." in text
    assert "More asked." in text
    assert "Canary" not in text


def test_what_was_found_is_not_shown_before_a_report_is_out(client):
    evaluation = EvaluationFactory(status=Stage.REPORTING, headline="Canary headline")
    OutputFactory(evaluation=evaluation, title="Canary report", published_on=localdate() + timedelta(days=2))
    assert "Canary" not in page(client, evaluation)
    assert listed(client, q="Canary") == []
    Output.objects.update(published_on=localdate())
    assert "Canary headline" in page(client, evaluation)


def test_the_order_of_clusters_is_hidden_until_all_are_drawn(client):
    evaluation = EvaluationFactory()
    first = Cluster.objects.create(
        evaluation=evaluation, organisation=OrganisationFactory(name="Zed"), position=1, planned_on=date(2030, 1, 2)
    )
    second = Cluster.objects.create(evaluation=evaluation, organisation=OrganisationFactory(name="Abe"))
    text = page(client, evaluation)
    assert text.index("Abe") < text.index("Zed")
    assert "2030" not in text
    second.position = 2
    second.save()
    text = page(client, evaluation)
    assert text.index("Zed") < text.index("Abe")
    assert "2 January 2030" in text
    assert first.position == 1


def test_partners_and_clusters_that_are_not_announced_are_not_named(client):
    evaluation = EvaluationFactory(programme=ProgrammeFactory())
    partnership(evaluation, organisation=OrganisationFactory(name="Openshire"))
    hidden = partnership(evaluation, organisation=OrganisationFactory(name="Canaryshire"), public_from=None)
    Cluster.objects.create(evaluation=evaluation, organisation=hidden.organisation)
    text = page(client, evaluation)
    assert "Openshire" in text
    assert "Canaryshire" not in text


def test_ratings_that_rest_on_it_are_shown_when_their_moment_has_come(client):
    evaluation = EvaluationFactory()
    rating = RatingFactory(evaluation=evaluation, finding__entry=EntryFactory(title="Family meetings"))
    RatingFactory(evaluation=evaluation, embargoed=True, finding__outcome=OutcomeFactory(name="Canary"))
    RatingFactory(evaluation=evaluation, finding__entry=EntryFactory(title="Canary entry", embargoed=True))
    text = page(client, evaluation)
    assert rating.reason in text
    assert "Family meetings" in text
    assert "Canary" not in text


def test_a_partner_and_an_evaluator_see_their_study_before_the_public_does(client):
    evaluation = EvaluationFactory(embargoed=True)
    partner, evaluator = partnership(evaluation), EvaluatorFactory(evaluation=evaluation)
    for organisation in (partner.organisation, evaluator.organisation):
        client.force_login(MembershipFactory(organisation=organisation).person)
        assert client.get(evaluation.get_absolute_url()).status_code == 200
    client.force_login(MembershipFactory().person)
    assert client.get(evaluation.get_absolute_url()).status_code == 404


def test_both_ways_of_asking_what_may_be_seen_agree():
    evaluations = [EvaluationFactory(), EvaluationFactory(embargoed=True), EvaluationFactory(public_from=None)]
    partner = partnership(evaluations[1])
    people = [PUBLIC, MembershipFactory().person, MembershipFactory(organisation=partner.organisation).person]
    for person in [*people, *(StaffFactory(post=role) for role in StaffRole)]:
        allowed = {one for one in evaluations if person.has_perm("evaluations.view_evaluation", one)}
        assert set(Evaluation.objects.visible_to(person)) == allowed


# --- promises ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("due_on", "precision", "done_on", "state"),
    [
        (date(2026, 6, 15), "day", None, DutyState.DUE),
        (date(2026, 6, 14), "day", None, DutyState.LATE),
        (date(2026, 6, 1), "month", None, DutyState.DUE),
        (date(2026, 4, 1), "season", None, DutyState.DUE),
        (date(2026, 3, 1), "season", None, DutyState.LATE),
        (date(2026, 1, 1), "year", None, DutyState.DUE),
        (date(2025, 1, 1), "year", None, DutyState.LATE),
        (date(2026, 6, 1), "month", date(2026, 6, 15), DutyState.KEPT),
        (date(2026, 6, 1), "month", date(2026, 6, 16), DutyState.DUE),
        (date(2026, 5, 1), "month", date(2026, 6, 1), DutyState.KEPT_LATE),
        (None, "day", None, DutyState.UNDATED),
        (None, "day", date(2026, 6, 1), DutyState.KEPT),
    ],
)
def test_a_promise_is_late_only_when_the_time_it_named_is_over(due_on, precision, done_on, state):
    duty = Duty(due_on=due_on, precision=precision, done_on=done_on)
    assert duty.state_on(date(2026, 6, 15)) == state


def test_dates_are_said_as_exactly_as_they_are_known():
    day = date(2019, 7, 2)
    assert [said(day, kind) for kind in ("day", "month", "season", "year")] == [
        "2 July 2019",
        "July 2019",
        "summer 2019",
        "2019",
    ]
    assert said(None, "day") == ""
    assert last_day_of(date(2019, 12, 1), "season") == date(2020, 2, 29)


def test_the_tracker_shows_late_promises_first_with_their_reason(client):
    DutyFactory(evaluation__title="Later", due_on=localdate() + timedelta(days=3))
    DutyFactory(
        evaluation__title="Late one",
        due_on=localdate() - timedelta(days=3),
        late_reason="pandemic",
        reason="Schools were closed.",
    )
    DutyFactory(evaluation__title="Silent", due_on=localdate() - timedelta(days=3))
    text = client.get("/evaluations/promises/").content.decode()
    assert text.index("Late one") < text.index("Later")
    assert "Schools were closed." in text
    assert "No reason given yet" in text
    told = figures.of_promises()
    assert (told.late, told.late_without_a_reason, told.due) == (2, 1, 1)
    assert "Later" not in client.get("/evaluations/promises/", {"state": "late"}).content.decode()


def test_a_late_milestone_says_so_with_its_note(client):
    evaluation = EvaluationFactory()
    with time_machine.travel("2026-06-15"):
        milestone = Milestone.objects.create(
            evaluation=evaluation,
            kind="report",
            planned_on=date(2026, 5, 1),
            planned_precision="month",
            note="Data came late.",
        )
        assert milestone.is_late
    assert "Data came late." in page(client, evaluation)


# --- cost ----------------------------------------------------------------------------------------------------------------

costs: dict[str, set[int]] = {}


@pytest.mark.parametrize("number", [1, 25])
@pytest.mark.parametrize("address", ["/evaluations/", "/evaluations/data.csv", "/evaluations/promises/"])
def test_lists_cost_the_same_however_long_they_are(client, number, address, django_assert_max_num_queries):
    for _ in range(number):
        evaluation = EvaluationFactory(programme=ProgrammeFactory())
        EvaluatorFactory(evaluation=evaluation)
        DutyFactory(evaluation=evaluation)
    with django_assert_max_num_queries(15) as counted:
        client.get(address)
    costs.setdefault(address, set()).add(len(counted))
    assert len(costs[address]) == 1


@pytest.mark.parametrize("number", [1, 25])
def test_an_evaluation_costs_the_same_however_much_there_is_to_say(client, number, django_assert_max_num_queries):
    evaluation = EvaluationFactory(programme=ProgrammeFactory())
    for index in range(number):
        partnership(evaluation)
        EvaluatorFactory(evaluation=evaluation)
        RatingFactory(evaluation=evaluation)
        OutputFactory(evaluation=evaluation)
        Cluster.objects.create(evaluation=evaluation, organisation=OrganisationFactory())
        Change.objects.create(evaluation=evaluation, what="More sites.")
        ProtocolVersion.objects.create(evaluation=evaluation, number=index + 1, status="superseded")
    with django_assert_max_num_queries(20) as counted:
        page(client, evaluation)
    costs.setdefault("page", set()).add(len(counted))
    assert len(costs["page"]) == 1


def test_an_organisation_that_is_not_public_stands_on_no_public_page_of_an_evaluation(client):
    hidden = OrganisationFactory(name="Canary council", is_public=False)
    evaluation, entry = EvaluationFactory(), EntryFactory()
    evaluation.partnerships.add(PartnershipFactory(organisation=hidden))
    Cluster.objects.create(evaluation=evaluation, organisation=hidden)
    entry.evaluations.add(evaluation)
    for page in (evaluation.get_absolute_url(), entry.get_absolute_url()):
        text = client.get(page).content.decode()
        assert evaluation.title in text
        assert "Canary" not in text
