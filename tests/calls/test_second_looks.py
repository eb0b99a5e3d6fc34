"""What went wrong where a page was pressed twice, a colleague was quicker, or a count told what a page kept quiet."""

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from calls import figures
from calls.actions import applications
from calls.actions import assessments as assessing
from calls.actions import calls as running
from calls.actions import decisions as deciding
from calls.choices import ApplicationStatus, CallStatus, Outcome
from calls.models import Call, Decision
from notices.choices import NoticeStatus
from notices.models import Notice
from tests.calls.rounds import a_round, ask, assessor, scored, send
from tests.factories import CallFactory, CriterionFactory, EnquiryFactory, PostFactory, QuestionFactory, StaffFactory

pytestmark = pytest.mark.django_db


def decided(applications=2, outcome=Outcome.OFFER):
    round_ = a_round(applications)
    for one in round_.applications:
        scored(round_, one)
        deciding.decide(one, outcome, reason="By the criteria", feedback="Good.", by=round_.staff)
        one.refresh_from_db()
    return round_


# --- letters -----------------------------------------------------------------------------------------------------------------


def test_no_letter_leaves_while_a_decision_was_taken_back_after_all_was_decided(client):
    round_ = decided()
    deciding.finish_deciding(round_.call, by=round_.staff)
    deciding.take_decision_back(round_.application, seen=1, by=round_.staff)

    with pytest.raises(ValidationError, match="1 of the applications are not decided"):
        deciding.release_letters(Call.objects.get(), letters=1, by=round_.staff)

    round_.call.refresh_from_db()
    assert round_.call.status == CallStatus.DECIDED
    assert not Decision.objects.exclude(told_at=None).exists()
    client.force_login(round_.staff)
    page = client.get(reverse("calls:letters", args=[round_.call.slug])).content.decode()
    assert "1 to decide" in page
    assert reverse("calls:release_letters", args=[round_.call.slug]) not in page


def test_a_letter_that_a_colleague_changed_since_does_not_leave_unread(client):
    round_ = decided()
    deciding.finish_deciding(round_.call, by=round_.staff)
    client.force_login(round_.staff)
    letters = reverse("calls:letters", args=[round_.call.slug])
    stale = client.get(letters).context["release"].initial
    deciding.decide(round_.application, Outcome.NO, reason="A mistake", feedback="Sorry.", seen=1, by=StaffFactory())
    release = reverse("calls:release_letters", args=[round_.call.slug])

    page = client.post(release, stale | {"looked": "on"}, follow=True)

    assert "A decision or a letter changed since you looked" in page.content.decode()
    assert not Decision.objects.exclude(told_at=None).exists()
    assert Notice.objects.held().count() == 2
    client.post(release, client.get(letters).context["release"].initial | {"looked": "on"})
    assert not Notice.objects.held().exists()


def test_the_numbers_above_the_letters_do_not_tell_what_is_kept_from_their_reader(client):
    round_, conflicted = a_round(2), assessor()
    PostFactory(person=conflicted)
    kept = round_.applications[1]
    assessing.declare_conflict(ask(kept, conflicted, by=round_.staff), nature="Worked there", by=conflicted)
    for one in round_.applications:
        scored(round_, one)
        deciding.decide(one, Outcome.OFFER, reason="By the criteria", feedback="Good.", by=round_.staff)

    def offers(person):
        client.force_login(person)
        page = client.get(reverse("calls:letters", args=[round_.call.slug]))
        return dict(page.context["outcomes"])["Offer"]

    assert (offers(conflicted), offers(round_.staff)) == (1, 2)


def test_how_many_places_are_taken_does_not_tell_what_is_kept_from_its_reader(client):
    round_, conflicted = a_round(2, places=5), assessor()
    PostFactory(person=conflicted)
    kept, other = round_.applications
    assessing.declare_conflict(ask(kept, conflicted, by=round_.staff), nature="Worked there", by=conflicted)
    for application in (kept, other):
        scored(round_, application)
    pages = [reverse(f"calls:{name}", args=[round_.call.slug]) for name in ("applications_board", "letters")]
    pages.append(reverse("calls:decide", args=[other.pk]))

    def offered_to(person):
        client.force_login(person)
        (row,) = client.get(reverse("calls:board")).context["page"].object_list
        return [row.offers, *(client.get(page).context["places"].offered for page in pages)]

    assert offered_to(conflicted) == [0, 0, 0, 0]
    deciding.decide(kept, Outcome.OFFER, reason="Good", feedback="Well done.", by=round_.staff)
    assert offered_to(conflicted) == [0, 0, 0, 0]
    assert offered_to(round_.staff) == [1, 1, 1, 1]
    assert str(figures.places_of(round_.call, seen_by=conflicted)) == "0 of 5 offered, as far as you may know"
    assert str(figures.places_of(round_.call, seen_by=round_.staff)) == "1 of 5 offered"
    assert figures.places_of(round_.call).offered == 1


def test_the_letters_of_a_call_that_is_cancelled_are_withdrawn(client):
    round_ = decided(1)

    running.cancel(round_.call, reason="The funder withdrew.", by=round_.staff)

    letters = Notice.objects.filter(subject_type="calls.decision")
    assert [letter.status for letter in letters] == [NoticeStatus.CANCELLED]
    client.force_login(round_.lead)
    page = client.get(reverse("calls:application", args=[round_.application.pk])).content.decode()
    assert "The funder withdrew." in page
    assert "No application is assessed any more" in page


# --- the back room -----------------------------------------------------------------------------------------------------------


def test_the_back_room_does_not_show_the_panels_mark_to_who_still_scores(client):
    round_, third = a_round(), assessor(is_staff=True, is_superuser=True)
    scored(round_, round_.application, marks=((4, 3), (0, 3)))
    assessing.moderate(
        round_.application, criterion=round_.criteria[0], mark=3, reason="A word of the panel", by=round_.staff
    )
    client.force_login(third)
    lists = reverse("admin:calls_moderation_changelist")
    mine = ask(round_.application, third, by=round_.staff)
    assessing.declare_no_conflict(mine, by=third)

    assert round_.application.reference not in client.get(lists).content.decode()

    mine.refresh_from_db()
    send(mine, 3, 3)
    assert round_.application.reference in client.get(lists).content.decode()


# --- writing -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def staff(client):
    person = StaffFactory()
    client.force_login(person)
    return person


@pytest.mark.parametrize("status", [CallStatus.APPROVED, CallStatus.PUBLISHED])
def test_what_was_typed_while_a_colleague_approved_the_call_is_shown(client, staff, status):
    call = CallFactory(status=status, purpose="As approved")

    about = client.post(reverse("calls:write_about", args=[call.slug]), {"purpose": "Two hours of work\r\nand more"})
    question = client.post(
        reverse("calls:add_question", args=[call.slug]), {"text": "How will you listen to children?"}
    )

    assert (about.status_code, question.status_code) == (409, 409)
    assert "Two hours of work" in about.content.decode()
    assert "How will you listen to children?" in question.content.decode()
    call.refresh_from_db()
    assert call.purpose == "As approved"
    assert not call.questions.exists()


def test_a_second_click_adds_one_question_and_the_same_words_with_other_guidance_are_not_lost(client, staff):
    call = CallFactory(draft=True)
    typed = {"section": "Plan", "text": "Tell us more", "guidance": "Who", "kind": "long_text", "word_limit": 300}
    add = reverse("calls:add_question", args=[call.slug])
    for _ in range(2):
        assert client.post(add, typed).status_code == 302
    other = client.post(add, typed | {"section": "People", "guidance": "A whole page of guidance"})

    assert other.status_code == 422
    assert "stands in this call already" in other.content.decode()
    assert "A whole page of guidance" in other.content.decode()
    assert call.questions.count() == 1


def test_a_second_click_copies_a_call_once(client, staff):
    call = CallFactory()
    QuestionFactory(call=call)
    CriterionFactory(call=call)
    for _ in range(2):
        client.post(reverse("calls:duplicate", args=[call.slug]))

    copy = Call.objects.exclude(pk=call.pk).get()
    assert (copy.questions.count(), copy.criteria.count()) == (1, 1)


def test_an_answer_that_came_second_is_shown_and_the_first_stands(client, staff):
    enquiry = EnquiryFactory()
    address = reverse("calls:answer_enquiry", args=[enquiry.call.slug, enquiry.pk])
    first = client.post(address, {"answer": "Yes, trusts may apply."})
    again = client.post(address, {"answer": "Yes, trusts may apply."})
    client.force_login(StaffFactory())
    late = client.post(address, {"answer": "No, but write to us."})

    assert (first.status_code, again.status_code, late.status_code) == (302, 302, 409)
    assert "No, but write to us." in late.content.decode()
    enquiry.refresh_from_db()
    assert enquiry.answer == "Yes, trusts may apply."


def test_nobody_is_left_undecided_by_an_application_that_was_withdrawn():
    round_ = decided()
    deciding.finish_deciding(round_.call, by=round_.staff)
    applications.withdraw(round_.application, by=round_.lead, why="")
    deciding.release_letters(Call.objects.get(), letters=1, by=round_.staff)

    assert {one.status for one in Call.objects.get().applications.all()} == {
        ApplicationStatus.WITHDRAWN,
        ApplicationStatus.TOLD,
    }
