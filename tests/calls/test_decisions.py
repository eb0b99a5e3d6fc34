"""Decisions held back, letters released all at once, offers answered; and two people at the same time."""

import itertools
import threading
from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from calls import figures
from calls.actions import assessments as assessing
from calls.actions import decisions as deciding
from calls.choices import ApplicationStatus, CallStatus, Outcome, PlacesUnit
from calls.models import Application, Call, Decision
from lifecycle.actions import MoveRefused, RecordChanged, move
from notices.choices import NoticeStatus
from notices.models import Notice
from partners.choices import MembershipRole
from people.choices import StaffRole
from people.rules import Refused
from programmes.models import Obligation, Partnership
from tests.calls.rounds import a_round, ask, scored, send
from tests.factories import MembershipFactory, OrganisationFactory, PersonFactory, StaffFactory

pytestmark = pytest.mark.django_db


def decided(round_, *outcomes):
    """Score and decide the applications of the round in their order."""
    ranks = itertools.count(1)
    for one, outcome in zip(round_.applications, outcomes, strict=True):
        scored(round_, one)
        rank = next(ranks) if outcome == Outcome.RESERVE else None
        deciding.decide(
            one,
            outcome,
            reason="By the criteria",
            feedback="What we liked, and what not.",
            reserve_rank=rank,
            by=round_.staff,
        )
    return round_


def told(round_, *outcomes):
    decided(round_, *outcomes)
    deciding.finish_deciding(round_.call, by=round_.staff)
    deciding.release_letters(round_.call, letters=Notice.objects.held().count(), by=round_.staff)
    for one in round_.applications:
        one.refresh_from_db()
    return round_


def letters_of(application):
    return list(Notice.objects.about(application.decision).order_by("pk").values_list("status", flat=True))


# --- deciding ------------------------------------------------------------------------------------------------------------


def test_a_decision_is_staged_and_the_applicant_still_sees_that_it_is_being_assessed(client):
    round_ = decided(a_round(), Outcome.NO)
    application = Application.objects.get(pk=round_.application.pk)
    assert application.status == ApplicationStatus.DECIDED
    assert application.shown_status_label == "Being assessed"
    assert letters_of(application) == [NoticeStatus.HELD]
    client.force_login(round_.lead)
    assert client.get(reverse("calls:result", args=[application.pk])).status_code == 404
    for url in (reverse("calls:application", args=[application.pk]), reverse("calls:our_applications")):
        page = client.get(url).content.decode()
        assert "What we liked, and what not." not in page
        assert "By the criteria" not in page
        assert "Decided" not in page


def test_nothing_is_decided_before_the_scores_are_in_and_differences_are_settled():
    round_ = a_round()
    with pytest.raises(ValidationError, match="Nobody has sent"):
        deciding.decide(round_.application, Outcome.OFFER, reason="Good", by=round_.staff)
    send(ask(round_.application, round_.assessors[0], by=round_.staff), 4, 4)
    second = ask(round_.application, round_.assessors[1], by=round_.staff)
    with pytest.raises(ValidationError, match="1 of 2"):
        deciding.decide(round_.application, Outcome.OFFER, reason="Good", by=round_.staff)
    send(second, 1, 4)
    with pytest.raises(ValidationError, match="Moderate first"):
        deciding.decide(round_.application, Outcome.OFFER, reason="Good", by=round_.staff)
    assessing.moderate(round_.application, criterion=round_.criteria[0], mark=3, reason="Together", by=round_.staff)
    deciding.decide(round_.application, Outcome.OFFER, reason="Good", by=round_.staff)


def test_a_change_of_mind_withdraws_the_letter_and_writes_a_new_one():
    round_ = decided(a_round(), Outcome.OFFER)
    decision = deciding.decide(
        round_.application, Outcome.NO, reason="Read again", feedback="Not this time.", seen=1, by=round_.staff
    )
    assert letters_of(round_.application) == [NoticeStatus.CANCELLED, NoticeStatus.HELD]
    held = Notice.objects.about(decision).held().get()
    assert held.template == "calls/emails/decision_no"
    assert "Not this time." in held.body_text
    assert (decision.version, decision.respond_by) == (2, None)


def test_a_decision_taken_back_leaves_no_letter_and_may_be_made_anew():
    round_ = decided(a_round(), Outcome.OFFER)
    decision = Decision.objects.get()
    deciding.take_decision_back(round_.application, seen=1, by=round_.staff)
    assert not Decision.objects.exists()
    assert [
        notice.status for notice in Notice.objects.filter(subject_id=decision.pk, subject_type="calls.decision")
    ] == ["cancelled"]
    again = Application.objects.get(pk=round_.application.pk)
    deciding.decide(again, Outcome.OFFER, reason="After all", by=round_.staff)
    assert Notice.objects.held().count() == 1


def test_a_decision_made_on_a_page_that_is_stale_is_not_saved_and_shows_the_other(client):
    round_ = a_round()
    scored(round_, round_.application)
    client.force_login(round_.staff)
    url = reverse("calls:decide", args=[round_.application.pk])
    mine = {"outcome": "no", "reason": "Mine", "feedback": "My words to the applicant", "seen": 0}
    deciding.decide(round_.application, Outcome.OFFER, reason="Theirs came first", by=StaffFactory())
    response = client.post(url, mine)
    page = response.content.decode()
    assert response.status_code == 409
    assert "Theirs came first" in page
    assert "My words to the applicant" in page
    assert Decision.objects.get().outcome == Outcome.OFFER


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({}, "Choose offer, reserve or no offer."),
        ({"outcome": "no", "reason": "x"}, "Write the feedback"),
        ({"outcome": "reserve", "reason": "x", "feedback": "y"}, "Give the place on the reserve list"),
        ({"outcome": "reserve", "reason": "x", "feedback": "y", "reserve_rank": "0"}, "must be 1 or more"),
        ({"outcome": "offer", "reason": "   "}, "Say why, for our own record."),
        ({"outcome": "maybe", "reason": "x"}, "Select a valid choice"),
        ({"outcome": "offer", "reason": "x" * 20_000}, "characters long"),
    ],
)
def test_bad_input_to_a_decision_is_said_and_nothing_is_lost(client, typed, said):
    round_ = a_round()
    scored(round_, round_.application)
    client.force_login(round_.staff)
    response = client.post(reverse("calls:decide", args=[round_.application.pk]), {"seen": 0, **typed})
    assert said in response.content.decode()
    assert not Decision.objects.exists()


def test_two_reserves_cannot_have_the_same_place():
    round_ = decided(a_round(2), Outcome.RESERVE, Outcome.OFFER)
    with pytest.raises(ValidationError, match="Place 1 on the reserve list is taken"):
        deciding.decide(
            round_.applications[1], Outcome.RESERVE, reason="x", feedback="y", reserve_rank=1, seen=1, by=round_.staff
        )


def test_more_offers_than_places_need_a_reason():
    round_ = a_round(2, places=1)
    for one in round_.applications:
        scored(round_, one)
    deciding.decide(round_.applications[0], Outcome.OFFER, reason="Best", by=round_.staff)
    assert str(figures.places_of(round_.call)) == "1 of 1 offered"
    with pytest.raises(ValidationError, match="more than the 1"):
        deciding.decide(round_.applications[1], Outcome.OFFER, reason="Also good", by=round_.staff)
    decision = deciding.decide(
        round_.applications[1],
        Outcome.OFFER,
        reason="Also good",
        over_places_reason="The funder agreed",
        by=round_.staff,
    )
    assert "The funder agreed" in decision.reason
    # Changing the words of an offer that stands takes no second place.
    deciding.decide(
        round_.applications[0],
        Outcome.OFFER,
        reason="Best of all",
        over_places_reason="As agreed",
        seen=1,
        by=round_.staff,
    )


def test_places_are_counted_in_the_unit_of_the_call():
    round_ = a_round(2, places=4, places_unit=PlacesUnit.AUTHORITY)
    round_.applications[0].with_organisations.set([OrganisationFactory(), OrganisationFactory()])
    decided(round_, Outcome.OFFER, Outcome.OFFER)
    assert figures.places_of(round_.call).offered == 4


@pytest.mark.parametrize("post", [StaffRole.RESEARCH, StaffRole.PRACTICE, StaffRole.COMMUNICATIONS, StaffRole.AUDITOR])
def test_only_programme_staff_decide(post):
    round_ = a_round()
    scored(round_, round_.application)
    with pytest.raises(Refused):
        deciding.decide(round_.application, Outcome.OFFER, reason="x", by=StaffFactory(post=post))


def test_whoever_declared_a_conflict_does_not_decide_and_does_not_moderate():
    round_ = a_round()
    person = StaffFactory(post=StaffRole.ADMINISTRATOR)
    person.posts.create(role=StaffRole.RESEARCH)
    assessing.declare_conflict(ask(round_.application, person, by=round_.staff), nature="Mine", by=person)
    scored(round_, round_.application)
    person = type(person).objects.get(pk=person.pk)
    for permission in ("decide_application", "moderate_application", "check_eligibility", "view_application"):
        assert not person.has_perm(f"calls.{permission}", round_.application)
        assert round_.staff.has_perm(f"calls.{permission}", round_.application)


@pytest.mark.parametrize(("came_from", "to"), list(itertools.product(ApplicationStatus, ApplicationStatus)))
def test_only_moves_of_an_application_in_the_table_are_possible(came_from, to):
    if to not in Application.MOVES.get(came_from, set()):
        with pytest.raises(MoveRefused):
            move(Application(status=came_from), to, by=None)


# --- letters -----------------------------------------------------------------------------------------------------------------


def test_letters_say_what_was_decided_and_to_whom():
    round_ = decided(a_round(3), Outcome.OFFER, Outcome.RESERVE, Outcome.NO)
    offer, reserve, no = (Notice.objects.about(one.decision).get() for one in round_.applications)
    assert offer.subject.startswith("Action needed")
    assert round_.application.organisation.name in offer.body_text
    assert "number 1 on the reserve list" in reserve.body_text
    assert "cannot offer" in no.body_text
    assert [one.to for one in (offer, reserve, no)] == [lead.email for lead in round_.leads]


def test_every_lead_gets_a_letter_and_nobody_else_does():
    round_ = a_round()
    second = MembershipFactory(organisation=round_.application.organisation).person
    MembershipFactory(organisation=round_.application.organisation, role=MembershipRole.EDITOR)
    decided(round_, Outcome.NO)
    assert set(Notice.objects.held().values_list("to", flat=True)) == {round_.lead.email, second.email}


def test_all_letters_are_released_together_and_everybody_is_told(client, django_capture_on_commit_callbacks):
    round_ = decided(a_round(3, eligible=True), Outcome.OFFER, Outcome.RESERVE, Outcome.NO)
    deciding.finish_deciding(round_.call, by=round_.staff)
    client.force_login(round_.staff)
    page = client.get(reverse("calls:letters", args=[round_.call.slug]))
    assert page.context["number_of_letters"] == 3
    url = reverse("calls:release_letters", args=[round_.call.slug])
    looked_at = {"letters": 3, "seen": page.context["release"].initial["seen"]}
    assert "tick this box" in client.post(url, looked_at).content.decode()
    assert Notice.objects.held().count() == 3
    assert client.post(url, looked_at | {"looked": "on"}).status_code == 302
    assert set(Notice.objects.filter(subject_type="calls.decision").values_list("status", flat=True)) == {
        NoticeStatus.PENDING
    }
    assert set(Application.objects.values_list("status", flat=True)) == {ApplicationStatus.TOLD}
    assert Decision.objects.filter(told_at__isnull=True).count() == 0
    assert Call.objects.get(pk=round_.call.pk).status == CallStatus.ANNOUNCED
    again = client.post(url, looked_at | {"looked": "on"})
    assert again.status_code == 409
    client.force_login(round_.lead)
    assert (
        "We would like to work with you"
        in client.get(reverse("calls:result", args=[round_.application.pk])).content.decode()
    )


def test_an_applicant_that_was_not_eligible_is_told_with_the_others():
    round_ = a_round(2, eligible=False)
    assessing.mark_ineligible(round_.applications[0], reason="Grade", feedback="Other grades.", by=round_.staff)
    assessing.mark_eligible(round_.applications[1], by=round_.staff)
    scored(round_, round_.applications[1])
    deciding.decide(round_.applications[1], Outcome.OFFER, reason="Good", by=round_.staff)
    deciding.finish_deciding(round_.call, by=round_.staff)
    deciding.release_letters(round_.call, letters=2, by=round_.staff)
    assert Application.objects.get(pk=round_.application.pk).status == ApplicationStatus.TOLD


def test_nothing_is_released_when_one_organisation_has_no_lead(client):
    round_ = decided(a_round(2), Outcome.OFFER, Outcome.NO)
    round_.applications[1].organisation.memberships.update(ends_on=timezone.localdate())
    deciding.finish_deciding(round_.call, by=round_.staff)
    client.force_login(round_.staff)
    page = client.get(reverse("calls:letters", args=[round_.call.slug])).content.decode()
    assert "Nobody can receive these" in page
    with pytest.raises(ValidationError, match="no lead"):
        deciding.release_letters(round_.call, letters=2, by=round_.staff)
    assert Notice.objects.held().count() == 2
    assert not Application.objects.filter(status=ApplicationStatus.TOLD).exists()


def test_a_new_lead_is_noticed_and_letters_are_renewed_before_they_go(client):
    round_ = decided(a_round(), Outcome.NO)
    MembershipFactory(organisation=round_.application.organisation)
    deciding.finish_deciding(round_.call, by=round_.staff)
    with pytest.raises(ValidationError, match="changed since you looked"):
        deciding.release_letters(round_.call, letters=1, by=round_.staff)
    client.force_login(round_.staff)
    client.post(reverse("calls:renew_letters", args=[round_.call.slug]))
    deciding.release_letters(round_.call, letters=2, by=round_.staff)
    assert Notice.objects.filter(status=NoticeStatus.PENDING, subject_type="calls.decision").count() == 2


def test_a_lead_who_left_and_came_back_gets_one_letter():
    round_ = decided(a_round(), Outcome.NO)
    mine = round_.application.organisation.memberships
    other = MembershipFactory(organisation=round_.application.organisation)
    mine.filter(person=round_.lead).update(role=MembershipRole.READER)
    deciding.renew_all_letters(round_.call, by=round_.staff)
    mine.filter(person=round_.lead).update(role=MembershipRole.LEAD)
    deciding.renew_all_letters(round_.call, by=round_.staff)
    assert sorted(Notice.objects.held().values_list("to", flat=True)) == sorted([round_.lead.email, other.person.email])
    assert not any(post.needs_renewal for post in figures.post_of(deciding.waiting_to_be_told(round_.call)))


def test_deciding_is_finished_only_when_all_are_decided():
    round_ = a_round(2)
    scored(round_, round_.application)
    deciding.decide(round_.application, Outcome.OFFER, reason="Good", by=round_.staff)
    with pytest.raises(ValidationError, match="1 for a decision"):
        deciding.finish_deciding(round_.call, by=round_.staff)


def test_a_new_moment_to_answer_stands_in_new_letters(client):
    round_ = decided(a_round(2), Outcome.OFFER, Outcome.NO)
    client.force_login(round_.staff)
    url = reverse("calls:set_respond_by", args=[round_.call.slug])
    client.post(url, {"respond_by": "2040-06-15T17:00"})
    assert letters_of(round_.applications[0]) == [NoticeStatus.CANCELLED, NoticeStatus.HELD]
    assert letters_of(round_.applications[1]) == [NoticeStatus.HELD]
    assert (
        "Friday 15 June 2040, 5:00pm (UK time)"
        in Notice.objects.about(round_.application.decision).held().get().body_text
    )
    for bad in ("2020-01-01T10:00", "2040-03-25T01:30", "soon", ""):
        assert "There is a problem" in client.post(url, {"respond_by": bad}).content.decode()


def test_a_letter_is_previewed_as_its_reader_will_get_it(client):
    round_ = decided(a_round(2), Outcome.OFFER, Outcome.NO)
    notice = Notice.objects.about(round_.application.decision).get()
    client.force_login(round_.staff)
    page = client.get(reverse("calls:letter", args=[round_.application.pk, notice.pk]))
    assert "We would like to work with you." in page.content.decode()
    assert client.get(reverse("calls:letter", args=[round_.applications[1].pk, notice.pk])).status_code == 404


def test_after_release_a_decision_does_not_change():
    round_ = told(a_round(2), Outcome.OFFER, Outcome.NO)
    for action in (
        lambda: deciding.decide(round_.application, Outcome.NO, reason="x", feedback="y", seen=1, by=round_.staff),
        lambda: deciding.take_decision_back(round_.application, seen=1, by=round_.staff),
    ):
        with pytest.raises((ValidationError, MoveRefused)):
            action()
    assert Decision.objects.get(application=round_.application).outcome == Outcome.OFFER


# --- answers ------------------------------------------------------------------------------------------------------------------


def test_an_accepted_offer_is_a_partnership_with_nothing_typed_again(client):
    round_ = a_round()
    neighbour = OrganisationFactory()
    round_.application.with_organisations.add(neighbour)
    told(round_, Outcome.OFFER)
    client.force_login(round_.lead)
    url = reverse("calls:accept_offer", args=[round_.application.pk])
    assert client.post(url).status_code == 302
    assert client.post(url).status_code == 302
    partnership = Partnership.objects.get()
    application = Application.objects.get(pk=round_.application.pk)
    assert application.partnership == partnership
    assert application.status == ApplicationStatus.ACCEPTED
    assert (partnership.practice_name, partnership.practice, partnership.group) == (
        application.practice_name,
        application.summary,
        application.group,
    )
    assert list(partnership.areas.all()) == [neighbour]
    assert partnership.public_from is None
    assert Obligation.objects.count() >= 2
    assert application.decision.answered_by == round_.lead
    assert Notice.objects.filter(template="calls/emails/offer_answered", to=round_.staff.email).count() == 1


def test_only_a_lead_of_the_organisation_answers(client):
    round_ = told(a_round(2), Outcome.OFFER, Outcome.OFFER)
    editor = MembershipFactory(organisation=round_.application.organisation, role=MembershipRole.EDITOR).person
    url = reverse("calls:accept_offer", args=[round_.application.pk])
    for person, status in ((editor, 403), (round_.leads[1], 404), (PersonFactory(), 404), (round_.staff, 404)):
        client.force_login(person)
        assert client.post(url).status_code == status
    assert not Partnership.objects.exists()


def test_an_offer_is_declined_with_a_reason_and_gives_its_place_back(client):
    round_ = told(a_round(places=1), Outcome.OFFER)
    client.force_login(round_.lead)
    url = reverse("calls:decline_offer", args=[round_.application.pk])
    assert client.get(url).status_code == 200
    assert "Say in a few words why" in client.post(url, {"reason": " "}).content.decode()
    assert client.post(url, {"reason": "We lost our team manager"}).status_code == 302
    decision = Decision.objects.get()
    assert (decision.declined_reason, decision.answered_by) == ("We lost our team manager", round_.lead)
    assert figures.places_of(round_.call).offered == 0
    assert client.post(reverse("calls:accept_offer", args=[round_.application.pk])).status_code == 409


@pytest.mark.parametrize(("seconds", "works"), [(-1, True), (0, False), (1, False)])
def test_the_moment_to_answer_is_exact_on_the_page_and_on_the_click(client, seconds, works):
    round_ = told(a_round(), Outcome.OFFER)
    moment = Decision.objects.get().respond_by + timedelta(seconds=seconds)
    client.force_login(round_.lead)
    client.session.set_expiry(None)
    with time_machine.travel(moment, tick=False):
        client.force_login(round_.lead)
        page = client.get(reverse("calls:result", args=[round_.application.pk])).content.decode()
        assert ("Accept the offer" in page) is works
        client.post(reverse("calls:accept_offer", args=[round_.application.pk]))
    assert Partnership.objects.exists() is works


def test_staff_give_longer_and_the_leads_learn_it(client):
    round_ = told(a_round(), Outcome.OFFER)
    client.force_login(round_.staff)
    url = reverse("calls:offer", args=[round_.application.pk])
    assert client.get(url).status_code == 200
    typed = {"act": "extend", "extend-until": "2040-06-15T17:00", "extend-reason": "Cabinet meets in May"}
    assert "later than the present" in client.post(url, typed | {"extend-until": "2020-06-11T17:00"}).content.decode()
    assert client.post(url, typed).status_code == 302
    decision = Decision.objects.get()
    assert decision.extended_reason == "Cabinet meets in May"
    assert Notice.objects.filter(template="calls/emails/offer_extended", to=round_.lead.email).count() == 1


def test_staff_record_that_an_offer_lapsed(client):
    round_ = told(a_round(), Outcome.OFFER)
    client.force_login(round_.staff)
    url = reverse("calls:offer", args=[round_.application.pk])
    client.post(url, {"act": "decline", "decline-reason": "No answer by the day, and by telephone: no capacity"})
    assert Application.objects.get().status == ApplicationStatus.DECLINED
    assert Decision.objects.get().answered_by == round_.staff


def test_there_is_nothing_to_accept_without_an_offer():
    round_ = told(a_round(2), Outcome.RESERVE, Outcome.NO)
    for application, lead in zip(round_.applications, round_.leads, strict=True):
        with pytest.raises(ValidationError, match="no offer"):
            deciding.accept_offer(application, by=lead)
    deciding.decline_offer(round_.applications[0], reason="No longer wanted", by=round_.leads[0])
    with pytest.raises(ValidationError):
        deciding.decline_offer(round_.applications[1], reason="x", by=round_.leads[1])


# --- two people at once -----------------------------------------------------------------------------------------------------------


def at_once(*acts):
    """Run the acts in threads that start together; what each returned or raised, in order."""
    results, start = [None] * len(acts), threading.Barrier(len(acts))

    def run(place, act):
        try:
            start.wait(timeout=10)
            results[place] = act()
        except Exception as problem:
            results[place] = problem
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return results


def refused(results):
    return [one for one in results if isinstance(one, Exception)]


@pytest.mark.django_db(transaction=True)
def test_two_members_of_staff_decide_at_once_and_one_decision_stands():
    round_ = a_round()
    scored(round_, round_.application)
    other = StaffFactory()
    results = at_once(
        lambda: deciding.decide(
            Application.objects.get(pk=round_.application.pk),
            Outcome.OFFER,
            reason="Yes",
            by=type(other).objects.get(pk=round_.staff.pk),
        ),
        lambda: deciding.decide(
            Application.objects.get(pk=round_.application.pk),
            Outcome.NO,
            reason="No",
            feedback="Sorry",
            by=type(other).objects.get(pk=other.pk),
        ),
    )
    assert [type(one) for one in refused(results)] == [RecordChanged]
    assert Notice.objects.held().count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_last_place_is_given_once():
    round_ = a_round(2, places=1)
    for one in round_.applications:
        scored(round_, one)
    results = at_once(
        *(
            lambda pk=one.pk: deciding.decide(
                Application.objects.get(pk=pk), Outcome.OFFER, reason="Yes", by=round_.staff
            )
            for one in round_.applications
        )
    )
    assert [type(one) for one in refused(results)] == [ValidationError]
    assert figures.places_of(round_.call).offered == 1


@pytest.mark.django_db(transaction=True)
def test_accepting_and_declining_at_once_has_one_answer():
    round_ = told(a_round(), Outcome.OFFER)
    pk, lead = round_.application.pk, round_.lead
    results = at_once(
        lambda: deciding.accept_offer(Application.objects.get(pk=pk), by=lead),
        lambda: deciding.decline_offer(Application.objects.get(pk=pk), reason="No capacity", by=lead),
    )
    assert len(refused(results)) == 1
    accepted = Application.objects.get(pk=pk).status == ApplicationStatus.ACCEPTED
    assert Partnership.objects.count() == accepted


@pytest.mark.django_db(transaction=True)
def test_ten_clicks_on_accept_make_one_partnership():
    round_ = told(a_round(), Outcome.OFFER)
    pk, lead = round_.application.pk, round_.lead
    results = at_once(*[lambda: deciding.accept_offer(Application.objects.get(pk=pk), by=lead)] * 5)
    assert not refused(results)
    assert len({partnership.pk for partnership in results}) == 1
    assert Partnership.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_scores_sent_twice_at_once_are_sent_once():
    round_ = a_round()
    assessment = ask(round_.application, round_.assessors[0], by=round_.staff)
    person = round_.assessors[0]
    assessing.declare_no_conflict(assessment, by=person)
    assessing.save_scores(
        assessment,
        by=person,
        base_version=0,
        marks={one.pk: 3 for one in round_.criteria},
        comments={one.pk: "Good" for one in round_.criteria},
    )
    model = type(assessment)
    results = at_once(*[lambda: assessing.send_scores(model.objects.get(pk=assessment.pk), by=person)] * 2)
    assert not [one for one in refused(results) if not isinstance(one, (RecordChanged, MoveRefused))]
    assert model.objects.get().status == "submitted"


@pytest.mark.django_db(transaction=True)
def test_letters_released_twice_at_once_are_released_once():
    round_ = decided(a_round(2), Outcome.OFFER, Outcome.NO)
    deciding.finish_deciding(round_.call, by=round_.staff)
    results = at_once(
        *[lambda: deciding.release_letters(Call.objects.get(pk=round_.call.pk), letters=2, by=round_.staff)] * 2
    )
    assert len(refused(results)) == 1
    assert Notice.objects.filter(subject_type="calls.decision", status=NoticeStatus.PENDING).count() == 2
