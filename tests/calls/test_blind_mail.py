"""Mail about an application is kept from staff who judge it independently or declared a conflict of interest."""

import pytest
from django.urls import reverse

from calls.actions import assessments as assessing
from calls.actions import decisions as deciding
from calls.choices import Outcome
from calls.models import Assessment, Call, Decision
from calls.notices.blindness import kept_from
from calls.notices.calls import tell_application_was_received
from notices.models import Notice
from people.choices import StaffRole
from people.models import Person
from tests.calls.rounds import a_round, ask, scored, send
from tests.factories import StaffFactory

pytestmark = pytest.mark.django_db


def in_conflict(round_, person):
    assessing.declare_conflict(ask(round_.application, person, by=round_.staff), nature="I worked there", by=person)


def decided(round_, outcome=Outcome.NO):
    scored(round_, round_.application)
    return deciding.decide(round_.application, outcome, reason="x", feedback="Not this time.", by=round_.staff)


def numbers_seen_by(person):
    return set(Notice.objects.visible_to(person).values_list("pk", flat=True))


@pytest.mark.parametrize("declared", ["before the letter", "after the letter"])
def test_staff_in_conflict_find_no_letter_in_list_count_page_or_as_a_file(client, declared):
    round_, research = a_round(), StaffFactory(post=StaffRole.RESEARCH)
    if declared == "before the letter":
        in_conflict(round_, research)
        decision = decided(round_)
    else:
        assessment = ask(round_.application, research, by=round_.staff)
        decision = decided_while_open(round_, assessment)
    letter = Notice.objects.about(decision).held().get()
    client.force_login(research)
    listed = client.get(reverse("notices:mail"))
    assert letter.pk not in {notice.pk for notice in listed.context["page"]}
    assert letter.to not in listed.content.decode()
    assert listed.context["figures_of_mail"].held == 0
    for name in ("notice", "notice_html"):
        assert client.get(reverse(f"notices:{name}", args=[letter.pk])).status_code == 404
    for name in ("release", "withdraw"):
        assert client.post(reverse(f"notices:{name}", args=[letter.pk])).status_code == 404
    assert client.post(reverse("notices:release_many"), {"letters": [letter.pk]}).status_code == 302
    assert Notice.objects.held().filter(pk=letter.pk).exists()
    client.force_login(round_.staff)
    assert client.get(reverse("notices:mail")).context["figures_of_mail"].held == 1
    assert client.get(reverse("notices:notice", args=[letter.pk])).status_code == 200


def decided_while_open(round_, assessment):
    """Not eligible after all: a letter is written while an assessor has the application still, who then declares a conflict."""
    assessing.mark_ineligible(round_.application, reason="Grade", feedback="Other grades.", by=round_.staff)
    decision = Decision.objects.get()
    assert assessment.assessor_id in Notice.objects.about(decision).get().kept_from
    assessing.declare_conflict(assessment, nature="I worked there", by=assessment.assessor)
    return decision


def test_receipts_are_kept_from_those_who_are_asked_later_and_shown_when_all_scores_are_in():
    round_, research = a_round(), StaffFactory(post=StaffRole.RESEARCH)
    tell_application_was_received(round_.application)
    receipt = Notice.objects.about(round_.application).first()
    assert receipt.pk in numbers_seen_by(research)
    mine = ask(round_.application, research, by=round_.staff)
    other = ask(round_.application, round_.assessors[0], by=round_.staff)
    assert receipt.pk not in numbers_seen_by(research)
    send(mine, 3, 3)
    assert receipt.pk not in numbers_seen_by(research)
    send(other, 3, 3)
    assert receipt.pk in numbers_seen_by(research)


@pytest.mark.parametrize("gives_up", ["hand_back", "take_back"])
def test_who_no_longer_assesses_sees_the_mail_again(gives_up):
    round_, research = a_round(), StaffFactory(post=StaffRole.RESEARCH)
    tell_application_was_received(round_.application)
    mine = ask(round_.application, research, by=round_.staff)
    by = research if gives_up == "hand_back" else round_.staff
    getattr(assessing, gives_up)(mine, reason="On leave", by=by)
    assert Notice.objects.about(round_.application).first().pk in numbers_seen_by(research)


def test_who_else_assesses_is_not_told_by_the_list_of_mail(client):
    round_ = a_round(2)
    first, second = StaffFactory(post=StaffRole.RESEARCH), StaffFactory(post=StaffRole.PRACTICE)
    elsewhere = StaffFactory(post=StaffRole.RESEARCH)
    ask(round_.application, first, by=round_.staff)
    ask(round_.applications[1], elsewhere, by=round_.staff)
    # The mail to the first is there already when the second is asked.
    ask(round_.application, second, by=round_.staff)
    mails = {notice.person_id: notice.pk for notice in Notice.objects.about(round_.call)}
    assert numbers_seen_by(first) == {mails[first.pk], mails[elsewhere.pk]}
    assert numbers_seen_by(second) == {mails[second.pk], mails[elsewhere.pk]}
    assert numbers_seen_by(round_.staff) == set(mails.values())
    client.force_login(first)
    assert second.email not in client.get(reverse("notices:mail")).content.decode()


def test_letters_of_a_decision_that_was_taken_back_stay_hidden_too():
    round_, research = a_round(eligible=False), StaffFactory(post=StaffRole.RESEARCH)
    assessing.mark_ineligible(round_.application, reason="Grade", feedback="Other grades.", by=round_.staff)
    letter = Notice.objects.about(Decision.objects.get()).get()
    assessing.mark_eligible(round_.application, by=round_.staff)
    assert not Decision.objects.exists()
    in_conflict(round_, research)
    assert letter.pk not in numbers_seen_by(research)


def test_who_wrote_the_call_and_is_in_conflict_is_not_told_of_the_answer():
    round_, author = a_round(places=None), StaffFactory()
    author.posts.create(role=StaffRole.RESEARCH)
    Call.objects.filter(pk=round_.call.pk).update(created_by=author)
    in_conflict(round_, Person.objects.get(pk=author.pk))
    decided(round_, Outcome.OFFER)
    deciding.finish_deciding(round_.call, by=round_.staff)
    deciding.release_letters(round_.call, letters=1, by=round_.staff)
    deciding.decline_offer(round_.application, reason="No staff", by=round_.lead)
    answered = Notice.objects.get(template="calls/emails/offer_answered")
    assert answered.to == round_.staff.email
    assert answered.kept_from == [author.pk]


def test_mail_is_kept_from_exactly_those_who_are_blind_on_the_board():
    round_ = a_round(assessors=0)
    people = [StaffFactory(post=StaffRole.RESEARCH) for _ in range(5)]
    given = [ask(round_.application, person, by=round_.staff) for person in people]
    assessing.declare_conflict(given[0], nature="Mine", by=people[0])
    assessing.hand_back(given[1], reason="Leave", by=people[1])
    for turn in (2, 3, 4):
        blind = {one.pk for one in people if Assessment.objects.blinding(one).exists()}
        assert kept_from(round_.application) == blind
        send(given[turn], 2, 2)
    assert kept_from(round_.application) == {people[0].pk}
