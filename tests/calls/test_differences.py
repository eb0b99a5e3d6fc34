"""What the board stores of assessments is what adding up all marks anew would say, whatever happened before."""

import itertools
import random
from fractions import Fraction

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from calls import figures
from calls.actions import assessments as assessing
from calls.actions import calls as writing
from calls.choices import ApplicationStatus, AssessmentStatus, CallStatus
from calls.models import Application, Assessment, Call, Difference, Moderation, Score
from lifecycle.actions import MoveRefused, RecordChanged
from people.rules import Refused
from tests.calls.rounds import a_round, ask, assessor, scored, send

pytestmark = pytest.mark.django_db


def recomputed(call):
    """By hand, from the marks alone, with exact numbers."""
    told = {}
    weights = dict(call.criteria.values_list("pk", "weight"))
    for application in call.applications.all():
        sent = [
            dict(one.scores.filter(mark__isnull=False).values_list("criterion", "mark"))
            for one in application.assessments.filter(status=AssessmentStatus.SUBMITTED)
        ]
        if not sent:
            continue
        totals = [sum(mark * weights[criterion] for criterion, mark in marks.items()) for marks in sent]
        apart = {
            criterion: max(given) - min(given)
            for criterion in weights
            if (given := [marks[criterion] for marks in sent if criterion in marks])
        }
        moderated = set(application.moderations.values_list("criterion", flat=True))
        open_ = sum(far >= figures.FAR_APART and criterion not in moderated for criterion, far in apart.items())
        told[application.pk] = (max(apart.values(), default=0), max(totals) - min(totals), open_)
    return told


def stored(call):
    rows = Difference.objects.filter(application__call=call)
    return {row.pk: (row.widest, row.spread, row.unsettled) for row in rows}


def totals_are_true(call):
    for one in Assessment.objects.filter(application__call=call):
        marks = one.scores.filter(mark__isnull=False).select_related("criterion")
        added = sum(score.mark * score.criterion.weight for score in marks)
        assert one.total == (added if one.status == AssessmentStatus.SUBMITTED else None)


def all_is_true(call):
    assert stored(call) == recomputed(call)
    totals_are_true(call)
    whole = sum(call.criteria.values_list("weight", flat=True))
    for pk, standing in figures.standings(call).items():
        widest, spread, unsettled = stored(call).get(pk, (0, 0, 0))
        assert (standing.widest, standing.unsettled) == (widest, unsettled)
        assert standing.spread is None or Fraction(standing.spread).limit_denominator(10_000) == Fraction(spread, whole)


def test_each_way_in_which_scores_change_leaves_what_is_stored_true():
    round_ = a_round(2, assessors=4)
    one, two = round_.applications
    first, second, third, fourth = round_.assessors
    for_first, for_second = (ask(one, person, by=round_.staff) for person in (first, second))
    all_is_true(round_.call)

    send(for_first, 4, 0)
    assert stored(round_.call) == {one.pk: (0, 0, 0)}
    all_is_true(round_.call)

    # Begun and not sent counts for nothing; taken back by staff, it leaves nothing behind.
    in_doubt = ask(one, third, by=round_.staff)
    assessing.declare_no_conflict(in_doubt, by=third)
    assessing.save_scores(
        in_doubt, by=third, base_version=0, marks={one_.pk: 0 for one_ in round_.criteria}, comments={}
    )
    all_is_true(round_.call)
    assessing.take_back(in_doubt, reason="On leave", by=round_.staff)
    all_is_true(round_.call)

    # A conflict that is found after the marks were drafted.
    conflicted = ask(one, fourth, by=round_.staff)
    assessing.declare_no_conflict(conflicted, by=fourth)
    assessing.save_scores(
        conflicted, by=fourth, base_version=0, marks={one_.pk: 1 for one_ in round_.criteria}, comments={}
    )
    assessing.declare_conflict(conflicted, nature="A cousin works there", by=fourth)
    all_is_true(round_.call)

    send(for_second, 1, 2)
    assert stored(round_.call) == {one.pk: (3, 7, 2)}
    all_is_true(round_.call)

    for criterion in round_.criteria:
        for mark in (2, 3):  # and once more, after another look
            assessing.moderate(one, criterion=criterion, mark=mark, reason="The panel agreed", by=round_.staff)
            all_is_true(round_.call)
    assert stored(round_.call)[one.pk] == (3, 7, 0)

    handed_back = ask(two, first, by=round_.staff)
    assessing.hand_back(handed_back, reason="Too many", by=first)
    all_is_true(round_.call)

    # Marked in bulk, as the load for measuring is.
    Assessment.objects.bulk_create(
        Assessment(
            application=two, assessor=person, status="submitted", submitted_at="2026-01-01T00:00Z",
            declared_no_conflict_at="2026-01-01T00:00Z",
        )
        for person in (second, third)
    )  # fmt: skip
    Score.objects.bulk_create(
        Score(assessment=assessment, criterion=criterion, mark=mark, comment="x")
        for (assessment, criterion), mark in zip(
            itertools.product(two.assessments.submitted(), round_.criteria), (4, 4, 0, 3), strict=True
        )
    )
    figures.store_totals(round_.call)
    all_is_true(round_.call)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_in_whatever_order_what_is_stored_is_true(seed):
    chance = random.Random(seed)
    round_ = a_round(3, assessors=4)
    refused = (MoveRefused, RecordChanged, Refused, ValidationError)

    def somebody_asked():
        asked = [(one, person) for one in round_.applications for person in round_.assessors]
        assessing.assign([chance.choice(asked)], call=round_.call, by=round_.staff)

    def one_of_them(act):
        found = list(Assessment.objects.filter(application__call=round_.call).select_related("assessor"))
        if found:
            act(chance.choice(found))

    ways = [
        somebody_asked,
        lambda: one_of_them(lambda one: send(one, chance.randint(0, 4), chance.randint(0, 4))),
        lambda: one_of_them(lambda one: assessing.declare_conflict(one, nature="Family", by=one.assessor)),
        lambda: one_of_them(lambda one: assessing.hand_back(one, reason="Leave", by=one.assessor)),
        lambda: one_of_them(lambda one: assessing.take_back(one, reason="Leave", by=round_.staff)),
        lambda: assessing.moderate(
            chance.choice(round_.applications),
            criterion=chance.choice(round_.criteria),
            mark=chance.randint(0, 4),
            reason="The panel",
            by=round_.staff,
        ),
    ]
    for _ in range(25):
        try:
            chance.choice(ways[:2] * 3 + ways[2:])()
        except refused:
            continue
    all_is_true(round_.call)
    assert Difference.objects.exists()


def test_scores_that_were_sent_stay_and_weights_stay_once_the_call_is_published():
    """The two ways in which what is stored could grow old are closed."""
    round_ = a_round()
    scored(round_, round_.application, marks=((4, 0), (0, 4)))
    assessment = round_.application.assessments.first()
    for act in (
        lambda: assessing.declare_conflict(assessment, nature="Late", by=assessment.assessor),
        lambda: assessing.hand_back(assessment, reason="Late", by=assessment.assessor),
        lambda: assessing.take_back(assessment, reason="Late", by=round_.staff),
    ):
        with pytest.raises((MoveRefused, Refused, ValidationError)):
            act()
    criterion = round_.criteria[0]
    criterion.weight = 50
    for status in set(CallStatus) - {CallStatus.DRAFT, CallStatus.CANCELLED}:
        Call.objects.filter(pk=round_.call.pk).update(status=status)
        with pytest.raises((RecordChanged, Refused)):
            writing.save_part(criterion, by=round_.staff)
    all_is_true(round_.call)


def test_a_page_of_the_board_is_put_in_order_by_one_statement(django_assert_num_queries):
    round_ = a_round(3)
    for one, marks in zip(round_.applications, (((4, 4), (4, 4)), ((4, 0), (0, 0)), ((2, 2), (3, 2))), strict=True):
        scored(round_, one, marks=marks)
    near, far, between = round_.applications
    assert [place.pk for place in at(round_, order="spread")] == [far.pk, between.pk, near.pk]
    assert [place.pk for place in at(round_, scores="unsettled")] == [far.pk]
    with django_assert_num_queries(1):
        places = at(round_, order="spread")
        assert [place.pk for place in places[1:3]] == [between.pk, near.pk]
    with django_assert_num_queries(1):
        assert places.count() == 3


def at(round_, order="rank", **wanted):
    return figures.places_on_board(round_.call, round_.staff, blind=set(), wanted=wanted, order=order)


def test_a_reader_who_is_blind_learns_nothing_from_the_order_or_the_filter():
    round_ = a_round(2)
    far, near = round_.applications
    scored(round_, far, marks=((4, 4), (0, 0)))
    scored(round_, near, marks=((2, 2), (2, 1)))
    blind = {far.pk}
    shown = figures.places_on_board(round_.call, round_.staff, blind=blind, wanted={}, order="spread")
    assert [place.pk for place in shown] == [near.pk, far.pk]
    wanted = {"scores": "unsettled"}
    assert not list(figures.places_on_board(round_.call, round_.staff, blind=blind, wanted=wanted, order="rank"))


def test_what_is_stored_is_forgotten_with_the_last_scores():
    round_ = a_round()
    scored(round_, round_.application, marks=((4, 4), (0, 0)))
    Moderation.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM calls_score")
        cursor.execute("DELETE FROM calls_assessment")
    figures.store_differences([round_.application.pk])
    assert not Difference.objects.exists()


def test_an_application_that_was_withdrawn_is_not_scored_any_more(client):
    round_ = a_round()
    begun, unseen = (ask(round_.application, person, by=round_.staff) for person in round_.assessors)
    assessing.declare_no_conflict(begun, by=begun.assessor)
    Application.objects.filter(pk=round_.application.pk).update(status=ApplicationStatus.WITHDRAWN)
    begun = Assessment.objects.get(pk=begun.pk)
    with pytest.raises(Refused):
        assessing.save_scores(begun, by=begun.assessor, base_version=0, marks={}, comments={})
    for one in (begun, unseen):
        client.force_login(one.assessor)
        assert "has withdrawn its application" in client.get(one.get_absolute_url()).text
    assert assessor() not in round_.assessors
