from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import localdate

from evaluations.choices import ProtocolStatus, Stage
from evaluations.models import Duty, Evaluation, ProtocolVersion
from people.choices import StaffRole
from programmes.models import Partnership
from tests.factories import (
    DutyFactory,
    EvaluationFactory,
    EvaluatorFactory,
    MembershipFactory,
    OrganisationFactory,
    OutputFactory,
    PartnershipFactory,
    ProgrammeFactory,
    ProtocolFactory,
    StaffFactory,
)

pytestmark = pytest.mark.django_db


def at(name, *args):
    return reverse(f"evaluations:{name}", args=args)


@pytest.fixture
def as_researcher(client):
    client.force_login(StaffFactory(post=StaffRole.RESEARCH))
    return client


def test_a_researcher_takes_an_evaluation_from_a_partnership_to_its_result(as_researcher):
    client = as_researcher
    partnership = Partnership.objects.create(
        organisation=OrganisationFactory(),
        programme=ProgrammeFactory(),
        practice_name="Connected carers",
        practice="A team.",
    )
    form = client.get(at("new_from_partnership", partnership.pk)).context["form"]
    assert form["title"].value() == "Evaluation of Connected carers"
    sent = {"title": form["title"].value(), "summary": "A team.", "design": "pilot", "independence": "self",
            "programme": partnership.programme_id}  # fmt: skip
    assert client.post(at("new_from_partnership", partnership.pk), sent).status_code == 302
    evaluation = Evaluation.objects.get()
    assert list(evaluation.partnerships.all()) == [partnership]
    assert client.post(at("protocol", evaluation.pk), {"body": "The plan."}).status_code == 302
    version = ProtocolVersion.objects.get()
    for verb in ("approve", "publish"):
        assert client.post(at("move_protocol", version.pk, verb)).status_code == 302
    today = localdate().isoformat()
    promise = {"kind": "final", "due_on": today, "precision": "day", "done_precision": "day"}
    assert client.post(at("add_part", evaluation.pk, "promise"), promise).status_code == 302
    for stage in ("set_up", "in_the_field", "analysis", "reporting"):
        assert client.post(at("move", evaluation.pk), {"stage": stage}).status_code == 302
    assert "never closed in silence" in client.post(at("move", evaluation.pk), {"stage": "published"}).content.decode()
    output = {"kind": "final", "title": "Report", "published_on": today, "precision": "day"}
    assert client.post(at("add_part", evaluation.pk, "output"), output).status_code == 302
    assert client.post(at("move", evaluation.pk), {"stage": "published"}).status_code == 302
    assert client.post(at("publish", evaluation.pk), {}).status_code == 302
    client.logout()
    text = client.get(evaluation.get_absolute_url()).content.decode()
    assert "Pilot and feasibility study / Published" in text
    assert Duty.objects.get().done_on == localdate()


PARTS = {
    "milestone": {
        "kind": "report",
        "planned_on": "2026-01-01",
        "planned_precision": "month",
        "actual_precision": "day",
    },
    "output": {"kind": "final", "title": "Report", "published_on": "2026-01-01", "precision": "day"},
    "promise": {"kind": "final", "precision": "day", "done_precision": "day"},
    "change": {"what": "More sites", "precision": "day"},
}


@pytest.mark.parametrize("kind", PARTS)
def test_parts_are_added_and_changed_and_never_of_another_evaluation(as_researcher, kind):
    evaluation, other = EvaluationFactory(), EvaluationFactory()
    assert as_researcher.get(at("add_part", evaluation.pk, kind)).status_code == 200
    assert as_researcher.post(at("add_part", evaluation.pk, kind), PARTS[kind]).status_code == 302
    related = {"milestone": "milestones", "output": "outputs", "promise": "duties", "change": "changes"}[kind]
    row = getattr(evaluation, related).get()
    assert as_researcher.post(at("part", evaluation.pk, kind, row.pk), PARTS[kind]).status_code == 302
    assert as_researcher.get(at("part", other.pk, kind, row.pk)).status_code == 404
    assert as_researcher.get(at("add_part", evaluation.pk, "nonsense")).status_code == 404


def test_a_new_document_has_a_day_so_that_none_becomes_public_by_an_empty_field(as_researcher):
    evaluation = EvaluationFactory()
    sent = PARTS["output"] | {"published_on": ""}
    assert as_researcher.post(at("add_part", evaluation.pk, "output"), sent).status_code == 200
    assert not evaluation.outputs.exists()
    undated = OutputFactory(evaluation=evaluation, published_on=None)
    assert as_researcher.post(at("part", evaluation.pk, "output", undated.pk), sent).status_code == 302


def test_an_older_protocol_that_is_published_late_comes_back_with_a_sentence(as_researcher):
    newer = ProtocolFactory(number=2, status=ProtocolStatus.PUBLISHED)
    older = ProtocolFactory(evaluation=newer.evaluation, number=1, status=ProtocolStatus.APPROVED)
    page = as_researcher.post(at("move_protocol", older.pk, "publish"), follow=True).content.decode()
    assert "An older version does not replace a newer one" in page


def test_the_back_room_changes_nothing_that_the_public_has_read(admin_client):
    evaluation = EvaluationFactory()
    rows = (evaluation, DutyFactory(evaluation=evaluation), ProtocolFactory(evaluation=evaluation, status="published"))
    names = ({"public_from", "status"}, {"due_on", "precision"}, {"body", "number", "status"})
    for row, kept in zip(rows, names, strict=True):
        page = admin_client.get(reverse(f"admin:evaluations_{row._meta.model_name}_change", args=[row.pk]))
        assert not kept & set(page.context["adminform"].form.fields)


def test_an_evaluation_tells_nobody_of_a_partnership_that_is_kept_from_them(client, admin_client):
    judge, other = (StaffFactory(post=StaffRole.RESEARCH) for _ in range(2))
    kept = PartnershipFactory(organisation__name="Canary council", public_from=None, kept_from=[judge.pk])
    told, secret = EvaluationFactory(), EvaluationFactory(title="Canary study", public_from=None)
    DutyFactory(evaluation=secret, due_on=localdate() - timedelta(days=9))
    for evaluation in (told, secret):
        evaluation.partnerships.add(kept)
    pages = [at("board"), at("manage", told.pk), at("edit", told.pk), reverse("staff_work")]
    client.force_login(judge)
    assert [page for page in pages if "Canary" in client.get(page).content.decode()] == []
    assert client.get(at("manage", secret.pk)).status_code == 404
    form = client.get(at("edit", told.pk)).context["form"]
    sent = {name: form[name].value() for name in ("title", "summary", "design", "independence", "version")}
    assert client.post(at("edit", told.pk), sent | {"partnerships": [PartnershipFactory().pk]}).status_code == 302
    assert told.partnerships.filter(pk=kept.pk).exists()
    client.force_login(other)
    assert [page for page in pages if "Canary" not in client.get(page).content.decode()] == []


def test_evaluators_and_clusters_are_added(as_researcher):
    evaluation = EvaluationFactory()
    university = OrganisationFactory(kind="university")
    as_researcher.post(at("add_part", evaluation.pk, "evaluator"), {"organisation": university.pk, "role": "lead"})
    as_researcher.post(at("add_part", evaluation.pk, "cluster"), {"organisation": OrganisationFactory().pk})
    assert evaluation.evaluators.get().organisation == university
    assert evaluation.cluster_rows.get().position is None


def test_the_same_promise_twice_comes_back_with_a_sentence(as_researcher):
    duty = DutyFactory(kind="final")
    response = as_researcher.post(at("add_part", duty.evaluation_id, "promise"), PARTS["promise"])
    assert response.status_code == 200
    assert response.context["form"].errors
    assert Duty.objects.count() == 1


@pytest.mark.parametrize(
    "bad",
    [{"title": ""}, {"title": "x" * 251}, {"design": "magic"}, {"programme": "x"}, {"sample": "-1"}, {"sample": "9" * 20},
     {"registered_on": "31/02/2026"}, {"sample": "12"}, {"clusters": "99999999"}],
)  # fmt: skip
def test_bad_input_is_refused_kept_on_the_page_and_nothing_is_saved(as_researcher, bad):
    sent = {"title": "New", "design": "pilot", "independence": "unknown", "summary": "Kept text"} | bad
    response = as_researcher.post(at("new"), sent)
    assert response.status_code == 200
    assert "Kept text" in response.content.decode()
    assert not Evaluation.objects.exists()


def test_a_strand_of_another_programme_is_refused(as_researcher):
    strand = ProgrammeFactory().strands.create(slug="s", name="S")
    sent = {
        "title": "New",
        "design": "pilot",
        "independence": "unknown",
        "programme": ProgrammeFactory().pk,
        "strand": strand.pk,
    }
    assert "belongs to another programme" in as_researcher.post(at("new"), sent).content.decode()


def test_a_stale_page_keeps_what_was_written_and_says_so(as_researcher):
    evaluation = EvaluationFactory()
    page = as_researcher.get(at("edit", evaluation.pk)).context["form"]
    sent = {
        "title": evaluation.title,
        "design": "pilot",
        "independence": "unknown",
        "summary": "First.",
        "version": page.mark,
    }
    assert as_researcher.post(at("edit", evaluation.pk), sent).status_code == 302
    response = as_researcher.post(at("edit", evaluation.pk), sent | {"summary": "Second."})
    assert response.status_code == 200
    assert "Somebody else changed this evaluation" in response.content.decode()
    assert "Second." in response.content.decode()
    evaluation.refresh_from_db()
    assert evaluation.summary == "First."
    fresh = response.context["form"]["version"].value()
    assert (
        as_researcher.post(at("edit", evaluation.pk), sent | {"summary": "Second.", "version": fresh}).status_code
        == 302
    )


def test_a_stage_that_cannot_follow_is_not_offered(as_researcher):
    evaluation = EvaluationFactory(status=Stage.SCOPING)
    assert as_researcher.post(at("move", evaluation.pk), {"stage": "published"}).status_code == 200
    evaluation.refresh_from_db()
    assert evaluation.status == Stage.SCOPING


def test_unknown_moves_of_a_protocol_are_not_found_and_impossible_ones_refused(as_researcher):
    version = ProtocolVersion.objects.create(evaluation=EvaluationFactory(), number=1)
    assert as_researcher.post(at("move_protocol", version.pk, "eat")).status_code == 404
    assert as_researcher.get(at("move_protocol", version.pk, "approve")).status_code == 405
    assert as_researcher.post(at("move_protocol", version.pk, "publish")).status_code == 409


@pytest.mark.parametrize("name", ["board", "new", "manage", "edit", "move", "publish", "protocol"])
def test_staff_pages_open_for_a_researcher_and_for_no_partner(client, name):
    evaluation = EvaluationFactory(public_from=None)
    address = at(name, evaluation.pk) if name not in {"board", "new"} else at(name)
    assert client.get(address).status_code == 302
    client.force_login(MembershipFactory().person)
    assert client.get(address).status_code == 403
    client.force_login(StaffFactory(post=StaffRole.RESEARCH))
    assert client.get(address).status_code == 200


def test_a_publication_moment_in_the_future_keeps_it_out_of_sight(as_researcher):
    evaluation = EvaluationFactory(public_from=None)
    moment = (localdate() + timedelta(days=3)).isoformat() + "T09:30"
    assert as_researcher.post(at("publish", evaluation.pk), {"at": moment}).status_code == 302
    as_researcher.logout()
    assert as_researcher.get(evaluation.get_absolute_url()).status_code == 404


costs: set[int] = set()


@pytest.mark.parametrize("number", [1, 25])
def test_the_board_costs_the_same_however_long_it_is(as_researcher, number, django_assert_max_num_queries):
    for _ in range(number):
        OutputFactory(evaluation=EvaluatorFactory(evaluation__programme=ProgrammeFactory()).evaluation)
    with django_assert_max_num_queries(20) as counted:
        as_researcher.get(at("board"), {"q": "Evaluation", "stage": "set_up"})
    costs.add(len(counted))
    assert len(costs) == 1


@pytest.mark.parametrize(
    "model",
    ["evaluation", "evaluator", "cluster", "milestone", "protocolversion", "output", "duty", "change", "panelmember"],
)
def test_every_record_can_be_looked_up_in_the_back_room(admin_client, model):
    OutputFactory()
    DutyFactory()
    assert admin_client.get(f"/admin/evaluations/{model}/?q=a").status_code == 200


@pytest.mark.parametrize("moment", ["2027-03-28 01:30", "2027-10-31 01:30"])
def test_a_public_moment_that_happens_twice_or_never_comes_back_with_a_sentence(as_researcher, moment):
    evaluation = EvaluationFactory(public_from=None)
    page = as_researcher.post(at("publish", evaluation.pk), {"at": moment}).content.decode()
    assert "Choose a time from 2:30am" in page
    evaluation.refresh_from_db()
    assert evaluation.public_from is None
