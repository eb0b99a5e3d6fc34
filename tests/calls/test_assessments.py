"""From the closing moment to independent scores: eligibility, declarations, marks, moderation."""

import itertools
import json
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from audit.models import Event
from calls import figures
from calls.actions import assessments as assessing
from calls.actions import assignments
from calls.choices import ApplicationStatus, AssessmentStatus, CallStatus
from calls.models import Application, Assessment, Moderation, Score
from lifecycle.actions import MoveRefused, RecordChanged
from notices.models import Notice
from people.choices import StaffRole
from people.rules import Refused
from tests.calls.rounds import a_round, ask, assessor, scored, send
from tests.factories import ApplicationFactory, AssessmentFactory, CallFactory, MembershipFactory, StaffFactory

pytestmark = pytest.mark.django_db


# --- starting ------------------------------------------------------------------------------------------------------------


def test_assessment_starts_only_after_the_call_has_closed():
    staff = StaffFactory()
    call = CallFactory()
    with pytest.raises(ValidationError, match="after the call has closed"):
        assessing.start_assessment(call, by=staff, at=call.closes_at - timedelta(seconds=1))
    call.refresh_from_db()
    assert call.status == CallStatus.PUBLISHED
    assessing.start_assessment(call, by=staff, at=call.closes_at)
    assert call.status == CallStatus.ASSESSING


def test_an_extension_a_moment_ago_stops_assessment_from_starting():
    staff, call = StaffFactory(), CallFactory(closed=True)
    type(call).objects.filter(pk=call.pk).update(closes_at=timezone.now() + timedelta(days=7))
    with pytest.raises(RecordChanged):
        assessing.start_assessment(call, by=staff)


@pytest.mark.parametrize("post", [StaffRole.RESEARCH, StaffRole.PRACTICE, StaffRole.AUDITOR, StaffRole.COMMUNICATIONS])
def test_only_programme_staff_run_an_assessment(post):
    with pytest.raises(Refused):
        assessing.start_assessment(CallFactory(closed=True), by=StaffFactory(post=post))


# --- eligibility -----------------------------------------------------------------------------------------------------------


def test_an_application_that_is_not_eligible_has_a_letter_waiting_and_the_applicant_sees_nothing():
    round_ = a_round(eligible=False)
    assessing.mark_ineligible(
        round_.application, reason="Wrong grade", feedback="The call is for other grades.", by=round_.staff
    )
    application = Application.objects.get(pk=round_.application.pk)
    assert application.status == ApplicationStatus.INELIGIBLE
    assert application.shown_status_label == "Being assessed"
    assert [notice.status for notice in Notice.objects.about(application.decision)] == ["held"]


def test_not_eligible_can_be_put_right_and_its_letter_is_withdrawn():
    round_ = a_round(eligible=False)
    assessing.mark_ineligible(round_.application, reason="Wrong grade", feedback="Sorry.", by=round_.staff)
    decision = round_.application.decision
    assessing.mark_eligible(round_.application, by=round_.staff)
    assert [notice.status for notice in Notice.objects.filter(subject_id=decision.pk)] == ["cancelled"]
    assert not hasattr(Application.objects.get(pk=round_.application.pk), "decision")


# --- assigning -------------------------------------------------------------------------------------------------------------


def test_an_assessor_gets_one_mail_for_everything_given_at_once_and_it_names_no_applicant():
    round_ = a_round(3)
    person = round_.assessors[0]
    assessing.assign([(one, person) for one in round_.applications], call=round_.call, by=round_.staff)
    mail = Notice.objects.get(to=person.email)
    assert "3 applications" in mail.subject
    assert not [
        one for one in round_.applications if one.organisation.name in mail.body_text or one.reference in mail.body_text
    ]


def test_asking_the_same_person_twice_changes_nothing():
    round_ = a_round()
    pair = (round_.application, round_.assessors[0])
    assert len(assessing.assign([pair], call=round_.call, by=round_.staff)) == 1
    assert assessing.assign([pair], call=round_.call, by=round_.staff) == []
    assert Notice.objects.filter(to=round_.assessors[0].email).count() == 1


def test_nobody_assesses_in_a_call_in_which_their_own_organisation_competes():
    round_ = a_round(2)
    person = round_.assessors[0]
    MembershipFactory(person=person, organisation=round_.applications[1].organisation)
    with pytest.raises(ValidationError, match="organisation in this call"):
        ask(round_.applications[0], person, by=round_.staff)


def test_somebody_who_left_an_applicant_less_than_three_years_ago_does_not_assess_it():
    round_ = a_round()
    today = timezone.localdate()
    MembershipFactory(
        person=round_.assessors[0],
        organisation=round_.application.organisation,
        starts_on=today - timedelta(days=900),
        ends_on=today - timedelta(days=300),
    )
    with pytest.raises(ValidationError):
        ask(round_.application, round_.assessors[0], by=round_.staff)


def test_somebody_who_is_not_an_assessor_cannot_be_asked():
    round_ = a_round()
    with pytest.raises(ValidationError, match="not an assessor"):
        ask(round_.application, StaffFactory(post=StaffRole.COMMUNICATIONS), by=round_.staff)


# --- the proposal ----------------------------------------------------------------------------------------------------------


def test_a_proposal_gives_everybody_the_same_load():
    round_ = a_round(6, assessors=4)
    proposal = assignments.suggest(round_.call, round_.applications, round_.assessors)
    assert not proposal.shortfalls
    assert all(len(set(chosen)) == 2 for chosen in proposal.chosen.values())
    assert set(proposal.load.values()) == {3}


def test_a_proposal_respects_conflicts_and_what_people_have_already():
    round_ = a_round(4, assessors=3)
    first = round_.assessors[0]
    conflicted = ask(round_.applications[0], first, by=round_.staff)
    assessing.declare_conflict(conflicted, nature="My sister works there", by=first)
    proposal = assignments.suggest(round_.call, round_.applications, round_.assessors)
    assert first.pk not in proposal.chosen[round_.applications[0].pk]
    assert not proposal.shortfalls
    assert max(proposal.load.values()) - min(proposal.load.values()) <= 1


def test_a_proposal_says_why_there_are_not_enough():
    round_ = a_round(2, assessors=2)
    assessment = ask(round_.applications[0], round_.assessors[0], by=round_.staff)
    assessing.declare_conflict(assessment, nature="A friend", by=round_.assessors[0])
    proposal = assignments.suggest(round_.call, round_.applications, round_.assessors)
    assert len(proposal.shortfalls) == 1
    assert round_.applications[0].reference in proposal.shortfalls[0]
    assert "1 short" in proposal.shortfalls[0]


def test_a_proposal_says_when_the_limit_binds():
    round_ = a_round(3, assessors=2)
    proposal = assignments.suggest(round_.call, round_.applications, round_.assessors, most=2)
    assert "room for 4" in proposal.shortfalls[0]
    assert max(proposal.load.values()) == 2


def test_sixty_applications_and_twenty_four_assessors_are_placed_in_seconds():
    problem = assignments.Problem(
        needs=[3] * 60,
        forbidden=frozenset(
            (row, column) for row in range(60) for column in range(24) if (row * 7 + column * 3) % 20 < 3
        ),
        has=[0] * 24,
        most=9,
    )
    pairs, short = assignments.solve(problem)
    assert not short
    assert len(pairs) == len(set(pairs)) == 180
    assert not problem.forbidden & set(pairs)


def test_thousands_of_applications_are_placed_in_turn():
    problem = assignments.Problem(needs=[2] * 5000, forbidden=frozenset({(0, 0)}), has=[0] * 30)
    pairs, short = assignments.solve(problem)
    assert not short
    load = [sum(column == person for _, column in pairs) for person in range(30)]
    assert max(load) - min(load) <= 2


# --- declarations ------------------------------------------------------------------------------------------------------------


def test_nothing_of_the_content_is_shown_before_a_declaration(client):
    round_ = a_round()
    assessment = ask(round_.application, round_.assessors[0], by=round_.staff)
    client.force_login(round_.assessors[0])
    response = client.get(reverse("calls:assessment", args=[assessment.pk]), follow=True)
    assert response.redirect_chain[-1][0] == reverse("calls:declare", args=[assessment.pk])
    assert round_.application.summary not in response.content.decode()


def test_scores_cannot_be_saved_before_a_declaration():
    round_ = a_round()
    assessment = ask(round_.application, round_.assessors[0], by=round_.staff)
    with pytest.raises(Refused):
        assessing.save_scores(assessment, by=round_.assessors[0], base_version=0, marks={}, comments={})


def test_a_declared_conflict_hides_the_application_and_stays_on_record(client):
    round_ = a_round()
    assessment = ask(round_.application, round_.assessors[0], by=round_.staff)
    client.force_login(round_.assessors[0])
    url = reverse("calls:declare", args=[assessment.pk])
    client.post(url, {"declaration": "conflict", "words": "I wrote the manual"})
    page = client.get(reverse("calls:assessment", args=[assessment.pk])).content.decode()
    assert "closed to you" in page
    assert round_.application.summary not in page
    assert not Application.objects.visible_to(round_.assessors[0]).exists()
    assert Assessment.objects.get().conflict == "I wrote the manual"


@pytest.mark.parametrize(
    "typed", [{}, {"declaration": "conflict"}, {"declaration": "hand_back", "words": "  "}, {"declaration": "x"}]
)
def test_a_declaration_that_is_not_complete_is_asked_for_again(client, typed):
    round_ = a_round()
    assessment = ask(round_.application, round_.assessors[0], by=round_.staff)
    client.force_login(round_.assessors[0])
    response = client.post(reverse("calls:declare", args=[assessment.pk]), typed)
    assert response.status_code == 200
    assert "There is a problem" in response.content.decode()
    assert Assessment.objects.get().status == AssessmentStatus.ASSIGNED


# --- scores --------------------------------------------------------------------------------------------------------------------


def typed_scores(round_, version=0, mark="3", comment="It says so on page two."):
    fields = {"base_version": version, "overall_comment": ""}
    for criterion in round_.criteria:
        fields |= {f"mark_{criterion.pk}": mark, f"comment_{criterion.pk}": comment}
    return fields


def under_way(round_):
    assessment = ask(round_.application, round_.assessors[0], by=round_.staff)
    assessing.declare_no_conflict(assessment, by=round_.assessors[0])
    return assessment


def test_a_draft_is_saved_and_a_mark_without_a_comment_is_not_sent(client):
    round_ = a_round()
    assessment = under_way(round_)
    client.force_login(round_.assessors[0])
    url = reverse("calls:assessment", args=[assessment.pk])
    response = client.post(url, {**typed_scores(round_, comment=""), "then": "send"})
    assert "Say why in a comment" in response.content.decode()
    assert list(Score.objects.values_list("mark", flat=True)) == [3, 3]
    assert Assessment.objects.get().status == AssessmentStatus.STARTED


def test_scores_are_sent_once_and_a_second_click_is_content(client):
    round_ = a_round()
    assessment = under_way(round_)
    client.force_login(round_.assessors[0])
    url = reverse("calls:assessment", args=[assessment.pk])
    for _ in range(2):
        response = client.post(url, {**typed_scores(round_), "then": "send"}, follow=True)
        assert response.status_code == 200
    assert Assessment.objects.get().status == AssessmentStatus.SUBMITTED
    assert Event.objects.filter(verb="moved", details__now="submitted", subject_type="calls.assessment").count() == 1
    assessing.send_scores(assessment, by=round_.assessors[0])


def test_a_stale_page_overwrites_nothing_and_shows_both_texts(client):
    round_ = a_round()
    assessment = under_way(round_)
    client.force_login(round_.assessors[0])
    url = reverse("calls:assessment", args=[assessment.pk])
    client.post(url, typed_scores(round_, comment="From the first window"))
    response = client.post(url, typed_scores(round_, comment="From the second window"))
    page = response.content.decode()
    assert response.status_code == 409
    assert "From the first window" in page
    assert "From the second window" in page
    assert set(Score.objects.values_list("comment", flat=True)) == {"From the first window"}
    again = client.post(url, typed_scores(round_, version=1, comment="Both together"))
    assert again.status_code == 302
    assert set(Score.objects.values_list("comment", flat=True)) == {"Both together"}


def test_the_autosave_keeps_only_what_changed(client):
    round_ = a_round()
    assessment = under_way(round_)
    client.force_login(round_.assessors[0])
    first, second = round_.criteria
    url = reverse("calls:save_scores", args=[assessment.pk])
    answer = client.post(url, {"base_version": 0, f"mark_{first.pk}": "4", "changed": f"mark_{first.pk}"})
    assert json.loads(answer.content) == {"version": 1}
    answer = client.post(url, {"base_version": 1, f"comment_{second.pk}": "Good", "changed": f"comment_{second.pk}"})
    assert json.loads(answer.content) == {"version": 2}
    assert Score.objects.get(criterion=first).mark == 4
    assert Score.objects.get(criterion=second).comment == "Good"
    stale = client.post(url, {"base_version": 1, f"comment_{second.pk}": "Bad", "changed": f"comment_{second.pk}"})
    assert stale.status_code == 409
    assert json.loads(stale.content)["theirs"] == {f"comment_{second.pk}": "Good"}


BAD_SCORES = ["5", "-1", "two", "1.5", "0" * 400, "٣٣"]


@pytest.mark.parametrize("mark", BAD_SCORES)
def test_a_mark_that_is_none_is_refused_in_words(client, mark):
    round_ = a_round()
    assessment = under_way(round_)
    client.force_login(round_.assessors[0])
    response = client.post(reverse("calls:assessment", args=[assessment.pk]), typed_scores(round_, mark=mark))
    assert response.status_code == 200
    assert "Choose a mark from 0 to 4" in response.content.decode()
    assert not Score.objects.exists()


@pytest.mark.parametrize("version", ["", "x", "-1", "99999999999999999999", None])
def test_a_version_that_makes_no_sense_saves_nothing_and_breaks_nothing(client, version):
    round_ = a_round()
    assessment = under_way(round_)
    client.force_login(round_.assessors[0])
    typed = typed_scores(round_, version=version or "")
    if version is None:
        del typed["base_version"]
    for name in ("assessment", "save_scores"):
        response = client.post(reverse(f"calls:{name}", args=[assessment.pk]), typed | {"changed": "overall_comment"})
        assert response.status_code < 500
    assert not Score.objects.exists()


def test_text_from_word_and_of_any_length_is_kept_or_refused_with_its_length(client):
    round_ = a_round()
    assessment = under_way(round_)
    client.force_login(round_.assessors[0])
    url = reverse("calls:assessment", args=[assessment.pk])
    client.post(url, typed_scores(round_, comment="“Smart” – quotes\r\nand lines\x0b"))
    assert Score.objects.first().comment == "“Smart” – quotes\nand lines"
    response = client.post(url, typed_scores(round_, version=1, comment="word " * 2000))
    assert "characters long" in response.content.decode()
    assert "word word" in response.content.decode()


def test_somebody_elses_assessment_is_not_here(client):
    round_ = a_round()
    assessment = under_way(round_)
    for person in (round_.assessors[1], round_.lead, round_.staff):
        client.force_login(person)
        for name in ("assessment", "declare"):
            assert client.get(reverse(f"calls:{name}", args=[assessment.pk])).status_code == 404
        assert client.post(reverse("calls:save_scores", args=[assessment.pk]), {}).status_code == 404


def test_no_scores_are_taken_once_the_call_is_decided(client):
    round_ = a_round()
    assessment = under_way(round_)
    type(round_.call).objects.filter(pk=round_.call.pk).update(status=CallStatus.DECIDED)
    client.force_login(round_.assessors[0])
    response = client.post(
        reverse("calls:save_scores", args=[assessment.pk]), typed_scores(round_) | {"changed": "overall_comment"}
    )
    assert response.status_code == 403
    assert not Score.objects.exists()


@pytest.mark.parametrize(("came_from", "to"), list(itertools.product(AssessmentStatus, AssessmentStatus)))
def test_only_moves_of_an_assessment_in_the_table_are_possible(came_from, to):
    assessment = Assessment(status=came_from)
    allowed = to in Assessment.MOVES.get(came_from, set())
    assert assessing.move.__module__ == "lifecycle.actions"
    if not allowed:
        with pytest.raises(MoveRefused):
            assessing.move(assessment, to, by=None)


# --- figures and moderation ------------------------------------------------------------------------------------------------------


def test_the_score_is_the_weighted_mean_of_the_assessors():
    round_ = a_round()
    scored(round_, round_.application, marks=((4, 0), (2, 2)))
    standing = figures.standing_of(round_.application)
    assert standing.score == pytest.approx((3 * 3 + 1 * 1) / 4)
    assert standing.spread == pytest.approx(1.0)
    assert (standing.asked, standing.sent, standing.widest, standing.unsettled) == (2, 2, 2, 2)


def test_the_panels_mark_takes_the_place_of_the_mean_and_the_assessors_marks_stay():
    round_ = a_round()
    scored(round_, round_.application, marks=((4, 1), (2, 1)))
    assessing.moderate(
        round_.application, criterion=round_.criteria[0], mark=4, reason="Read again together", by=round_.staff
    )
    standing = figures.standing_of(round_.application)
    assert standing.score == pytest.approx((4 * 3 + 1 * 1) / 4)
    assert (standing.unsettled, standing.moderated, standing.widest) == (0, 1, 2)
    assert sorted(Score.objects.filter(criterion=round_.criteria[0]).values_list("mark", flat=True)) == [2, 4]


def test_the_panel_waits_until_all_are_in_and_gives_a_reason():
    round_ = a_round()
    send(ask(round_.application, round_.assessors[0], by=round_.staff), 4, 4)
    ask(round_.application, round_.assessors[1], by=round_.staff)
    with pytest.raises(ValidationError, match="every assessor"):
        assessing.moderate(round_.application, criterion=round_.criteria[0], mark=4, reason="So", by=round_.staff)
    assert not Moderation.objects.exists()


def test_an_assessment_that_was_handed_back_counts_for_nothing():
    round_ = a_round(assessors=3)
    scored(round_, round_.application)
    extra = ask(round_.application, round_.assessors[2], by=round_.staff)
    assessing.hand_back(extra, reason="No time", by=round_.assessors[2])
    standing = figures.standing_of(round_.application)
    assert (standing.asked, standing.sent) == (2, 2)


def test_equal_scores_share_a_rank():
    round_ = a_round(3)
    for one, marks in zip(round_.applications, ((3, 3), (3, 3), (1, 1)), strict=True):
        scored(round_, one, marks=(marks, marks))
    assert sorted(row.rank for row in figures.board(round_.call, round_.staff)) == [1, 1, 3]


# --- who sees what ------------------------------------------------------------------------------------------------------------------


def everybody(round_):
    return [
        round_.staff,
        *round_.assessors,
        *round_.leads,
        *(StaffFactory(post=post) for post in StaffRole),
        assessor(),
        ApplicationFactory().started_by,
    ]


def test_visible_assessments_are_those_that_one_may_see():
    round_ = a_round(5, assessors=3)
    research = StaffFactory(post=StaffRole.RESEARCH)
    round_.assessors.append(research)
    first, second, third, fourth, fifth = round_.applications
    scored(round_, first)
    send(ask(second, round_.assessors[0], by=round_.staff), 3, 3)
    ask(second, research, by=round_.staff)
    assessing.declare_conflict(ask(third, research, by=round_.staff), nature="Mine", by=research)
    ask(third, round_.assessors[1], by=round_.staff)
    send(ask(fourth, research, by=round_.staff), 1, 1)
    ask(fourth, round_.assessors[0], by=round_.staff)
    send(ask(fifth, research, by=round_.staff), 1, 1)
    send(ask(fifth, round_.assessors[2], by=round_.staff), 1, 1)
    assessing.hand_back(ask(fifth, round_.assessors[0], by=round_.staff), reason="Busy", by=round_.assessors[0])
    for person in everybody(round_):
        visible = set(Assessment.objects.visible_to(person))
        assert visible == {one for one in Assessment.objects.all() if person.has_perm("calls.view_assessment", one)}, (
            person
        )
        applications = set(Application.objects.visible_to(person))
        assert applications == {
            one for one in Application.objects.all() if person.has_perm("calls.view_application", one)
        }, person


def test_an_assessor_learns_nothing_of_the_other_until_both_are_in(client):
    round_ = a_round()
    one, other = round_.assessors
    mine = send(ask(round_.application, one, by=round_.staff), 3, 3)
    theirs = ask(round_.application, other, by=round_.staff)
    client.force_login(one)
    pages = [reverse("calls:assess"), reverse("calls:assessment", args=[mine.pk])]
    said = [client.get(page).content.decode() for page in pages]
    assert not [page for page in said if other.name in page or other.email in page]
    assert Assessment.objects.visible_to(one).count() == 1
    send(theirs, 1, 1)
    page = client.get(pages[1]).content.decode()
    assert other.name in page


def test_the_page_of_sent_scores_looks_the_same_whether_or_not_somebody_else_was_asked(client):
    round_ = a_round(2)
    one, other = round_.assessors
    alone = send(ask(round_.applications[0], one, by=round_.staff), 3, 3)
    together = send(ask(round_.applications[1], one, by=round_.staff), 3, 3)
    client.force_login(one)
    before = client.get(reverse("calls:assessment", args=[together.pk])).content.decode()
    ask(round_.applications[1], other, by=round_.staff)
    after = client.get(reverse("calls:assessment", args=[together.pk])).content.decode()
    assert strip(before) == strip(after)
    assert alone.status == AssessmentStatus.SUBMITTED


def strip(page):
    return [line for line in page.splitlines() if "csrf" not in line]


@pytest.mark.parametrize("count", [1, 25])
def test_the_assessors_list_costs_the_same_however_long_it_is(client, count, django_assert_max_num_queries):
    round_ = a_round(count)
    for one in round_.applications:
        AssessmentFactory(application=one, assessor=round_.assessors[0])
    client.force_login(round_.assessors[0])
    with django_assert_max_num_queries(13):
        assert client.get(reverse("calls:assess")).status_code == 200
