"""From start to receipt: what a partner does, and what goes wrong."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connections
from django.urls import reverse
from django.utils import timezone

from calls.actions import applications, drafts
from calls.actions.drafts import CallHasClosed
from calls.choices import ApplicationStatus, CallStatus
from calls.models import Answer, AnswerRevision, Application, Call, DetailRevision
from calls.rules.readiness import texts_of
from lifecycle.actions import RecordChanged
from lifecycle.texts import Saved, base_of
from notices.models import Notice
from partners.choices import MembershipRole
from people.rules import Refused
from tests.factories import (
    ApplicationFactory,
    CallFactory,
    MembershipFactory,
    OrganisationFactory,
    PersonFactory,
    QuestionFactory,
    StaffFactory,
)

pytestmark = pytest.mark.django_db


def at_work(role=MembershipRole.LEAD, organisation=None):
    return MembershipFactory(role=role, organisation=organisation or OrganisationFactory()).person


@pytest.fixture
def call():
    call = CallFactory()
    QuestionFactory(call=call, section="The need", word_limit=50)
    QuestionFactory(call=call, section="Evaluation", word_limit=20)
    return call


@pytest.fixture
def council():
    return OrganisationFactory(name="Demonstration council")


@pytest.fixture
def lead(council):
    return at_work(MembershipRole.LEAD, council)


@pytest.fixture
def editor(council):
    return at_work(MembershipRole.EDITOR, council)


@pytest.fixture
def draft(call, council, lead):
    return ApplicationFactory(call=call, organisation=council, started_by=lead)


def key(draft, number=0):
    return f"q{draft.call.questions.all()[number].pk}"


def marks(draft):
    return base_of(
        texts_of(Application.objects.get(pk=draft.pk)) | {key(draft, n): "" for n in (0, 1)} | answers(draft)
    )


def answers(draft):
    return {f"q{answer.question_id}": answer.text for answer in Answer.objects.filter(application=draft)}


def fill(draft, by):
    drafts.save(
        draft, {key(draft, 0): "Children stay with kin.", key(draft, 1): "We count moves."}, base=marks(draft), by=by
    )


class TestStarting:
    def test_an_editor_starts_and_is_given_a_reference(self, client, call, council, editor):
        call.programme.short_name = "Pine!"
        call.programme.save()
        client.force_login(editor)
        response = client.post(reverse("calls:start", args=[call.slug]), {"organisation": council.pk})
        application = Application.objects.get()
        assert response.url == reverse("calls:application", args=[application.pk])
        assert application.reference == f"PINE-{call.opens_at.year}-0001"

    def test_a_second_start_leads_to_the_same_application(self, call, council, lead, editor):
        assert applications.start(call, council, by=lead) == applications.start(call, council, by=editor)

    def test_references_count_on_over_the_calls_of_a_programme(self, call):
        other = CallFactory(programme=call.programme)
        made = []
        for one in (call, other, call):
            person = at_work()
            made.append(applications.start(one, person.memberships.get().organisation, by=person).reference[-4:])
        assert made == ["0001", "0002", "0003"]

    def test_after_9999_the_numbers_grow_longer(self, call):
        ApplicationFactory(reference=f"PINE-{call.opens_at.year}-10000")
        ApplicationFactory(reference=f"PINE-{call.opens_at.year}-9999")
        assert applications.next_reference(call.programme, call).endswith("-10001")

    @pytest.mark.parametrize("role", [MembershipRole.READER, MembershipRole.DATA])
    def test_readers_do_not_start(self, client, call, council, role):
        reader = at_work(role, council)
        client.force_login(reader)
        response = client.post(reverse("calls:start", args=[call.slug]), {"organisation": council.pk})
        assert response.status_code == 422
        assert "You can read, and not write" in response.text
        with pytest.raises(Refused):
            applications.start(call, council, by=reader)

    def test_nobody_starts_for_somebody_elses_organisation(self, client, call, lead):
        client.force_login(lead)
        response = client.post(reverse("calls:start", args=[call.slug]), {"organisation": OrganisationFactory().pk})
        assert response.status_code == 422
        assert not Application.objects.exists()

    def test_a_hard_condition_stops_and_is_explained(self, client, council, lead):
        call = CallFactory(eligible_kinds=["charity"])
        client.force_login(lead)
        response = client.post(reverse("calls:start", args=[call.slug]), {"organisation": council.pk})
        assert response.status_code == 409
        assert "is recorded as: local authority" in response.text
        assert call.contact_email in response.text
        assert not Application.objects.exists()

    def test_a_closed_call_starts_nothing(self, client, council, lead):
        call = CallFactory(closed=True)
        client.force_login(lead)
        response = client.post(reverse("calls:start", args=[call.slug]), {"organisation": council.pk})
        assert response.status_code == 409
        assert "It closed" in response.text

    def test_a_withdrawn_application_makes_room_for_another(self, call, council, lead):
        first = applications.start(call, council, by=lead)
        applications.withdraw(first, by=lead, why="")
        assert applications.start(call, council, by=lead) != first


class TestWriting:
    def test_a_section_is_saved_without_javascript(self, client, draft, lead):
        client.force_login(lead)
        url = reverse("calls:section", args=[draft.pk, 1])
        page = client.get(url)
        base = re.search(r'name="base_version" value="([^"]*)"', page.text)[1]
        response = client.post(url, {"base_version": base, key(draft): "Some words"})
        assert response.url == reverse("calls:section", args=[draft.pk, 2])
        assert answers(draft)[key(draft)] == "Some words"

    def test_what_word_sends_is_kept_as_words(self, client, draft, lead):
        client.force_login(lead)
        pasted = "“Smart quotes” – and\r\na new line\rand\x00 a NUL\x0b and a mark\ufeff, café cafe\u0301"
        response = client.post(reverse("calls:section", args=[draft.pk, 1]), {key(draft): pasted})
        assert response.status_code == 302
        assert answers(draft)[key(draft)] == "“Smart quotes” – and\na new line\nand a NUL and a mark, café café"

    def test_too_many_words_are_kept_in_a_draft(self, client, draft, lead):
        client.force_login(lead)
        client.post(reverse("calls:section", args=[draft.pk, 1]), {key(draft): "word " * 400})
        assert len(answers(draft)[key(draft)].split()) == 400
        assert "has 350 words too many" in client.get(reverse("calls:check", args=[draft.pk])).text

    def test_a_text_beyond_all_measure_is_shown_again_and_the_rest_is_saved(self, client, draft, lead):
        client.force_login(lead)
        url = reverse("calls:section", args=[draft.pk, 0])
        response = client.post(
            url, {"practice_name": "n" * 300, "summary": "New summary", "base_version": marks(draft)}
        )
        assert response.status_code == 422
        assert "n" * 300 in response.text
        draft.refresh_from_db()
        assert (draft.practice_name, draft.summary) == ("Connected carers", "New summary")

    def test_two_colleagues_in_two_fields_both_win(self, draft, lead, editor):
        base = marks(draft)
        drafts.save(draft, {"summary": "By the lead"}, base=base, by=lead)
        result = drafts.save(draft, {"group": "By the editor", "summary": draft.summary}, base=base, by=editor)
        draft.refresh_from_db()
        assert not result.theirs
        assert (draft.summary, draft.group) == ("By the lead", "By the editor")

    def test_two_colleagues_in_one_field_keep_both_texts(self, client, draft, lead, editor):
        base = marks(draft)
        drafts.save(draft, {key(draft): "What the lead wrote"}, base=base, by=lead)
        client.force_login(editor)
        response = client.post(
            reverse("calls:section", args=[draft.pk, 1]), {"base_version": base, key(draft): "What the editor wrote"}
        )
        assert response.status_code == 409
        assert "What the lead wrote" in response.text
        assert "What the editor wrote" in response.text
        assert answers(draft)[key(draft)] == "What the lead wrote"
        overtaken = AnswerRevision.objects.get(was_overtaken=True)
        assert (overtaken.text, overtaken.saved_by) == ("What the editor wrote", editor)
        again = re.search(r'name="base_version" value="([^"]*)"', response.text)[1]
        client.post(reverse("calls:section", args=[draft.pk, 1]), {"base_version": again, key(draft): "Both, merged"})
        assert answers(draft)[key(draft)] == "Both, merged"
        assert AnswerRevision.objects.filter(text="What the lead wrote").exists()

    def test_details_are_guarded_like_answers(self, draft, lead, editor):
        base = marks(draft)
        drafts.save(draft, {"summary": "First"}, base=base, by=lead)
        for _ in range(2):
            result = drafts.save(draft, {"summary": "Second"}, base=base, by=editor)
        assert result.theirs == {"summary": "First"}
        assert DetailRevision.objects.get(was_overtaken=True).text == "Second"

    def test_an_old_text_comes_back_and_nothing_goes(self, client, draft, lead, editor):
        drafts.save(draft, {key(draft): "The first text"}, base=marks(draft), by=lead)
        drafts.save(draft, {key(draft): "The second"}, base=marks(draft), by=editor)
        revision = AnswerRevision.objects.get()
        client.force_login(lead)
        url = reverse("calls:history", args=[draft.pk, key(draft)])
        assert "The first text" in client.get(url).text
        client.post(url, {"revision": revision.pk})
        assert answers(draft)[key(draft)] == "The first text"
        assert AnswerRevision.objects.filter(text="The second").exists()

    def test_an_emptied_field_can_be_brought_back(self, draft, lead):
        drafts.save(draft, {key(draft): "Much careful work"}, base=marks(draft), by=lead)
        drafts.save(draft, {key(draft): ""}, base=marks(draft), by=lead)
        assert AnswerRevision.objects.get().text == "Much careful work"

    def test_a_detail_written_in_a_fixture_before_can_be_changed(self, draft, lead):
        drafts.save(draft, {"summary": "New"}, base=marks(draft), by=lead)
        drafts.save(draft, {"summary": ""}, base=marks(draft), by=lead)
        assert {row.text for row in DetailRevision.objects.all()} >= {"New", ""}

    @pytest.mark.parametrize("bad", ["x", "999999999999999999999", "-1", "0"])
    def test_a_made_up_revision_finds_nothing(self, client, draft, lead, bad):
        client.force_login(lead)
        response = client.post(reverse("calls:history", args=[draft.pk, key(draft)]), {"revision": bad})
        assert response.status_code == 404

    @pytest.mark.parametrize("bad", ["q", "qx", "q0", "status", "started_by", "q²"])
    def test_a_made_up_field_has_no_history(self, client, draft, lead, bad):
        client.force_login(lead)
        assert client.get(reverse("calls:history", args=[draft.pk, bad])).status_code == 404

    def test_fields_that_are_not_asked_are_not_written(self, client, draft, lead):
        client.force_login(lead)
        other = QuestionFactory()
        client.post(
            reverse("calls:autosave", args=[draft.pk, 0]),
            {"changed": ["status", f"q{other.pk}"], "status": "told", f"q{other.pk}": "x"},
        )
        draft.refresh_from_db()
        assert draft.status == ApplicationStatus.DRAFT
        assert not Answer.objects.exists()


class TestSavingItself:
    def post(self, client, draft, number, base, **fields):
        return client.post(
            reverse("calls:autosave", args=[draft.pk, number]),
            {"base_version": base, "changed": list(fields), **fields},
            headers={"accept": "application/json"},
        )

    def test_only_what_changed_is_sent_and_the_page_goes_on(self, client, draft, lead):
        client.force_login(lead)
        first = self.post(client, draft, 1, marks(draft), **{key(draft): "a"}).json()["version"]
        second = self.post(client, draft, 1, first, **{key(draft): "a b"})
        assert second.status_code == 200
        assert answers(draft)[key(draft)] == "a b"

    def test_a_page_does_not_learn_of_a_field_that_it_has_not_shown(self, client, draft, lead, editor):
        """The trap of one number for a whole page: saving one field must not make the page seem up to date in another."""
        base = marks(draft)
        drafts.save(draft, {"summary": "By the editor"}, base=base, by=editor)
        client.force_login(lead)
        version = self.post(client, draft, 0, base, group="Carers").json()["version"]
        conflict = self.post(client, draft, 0, version, summary="By the lead")
        assert conflict.status_code == 409
        assert conflict.json()["theirs"] == {"summary": "By the editor"}
        assert DetailRevision.objects.get(was_overtaken=True).text == "By the lead"

    def test_after_closing_it_says_so(self, client, draft, lead):
        Call.objects.update(closes_at=timezone.now())
        client.force_login(lead)
        response = self.post(client, draft, 1, marks(draft), **{key(draft): "late"})
        assert response.status_code == 410
        assert "closed" in response.json()["message"]
        assert not answers(draft)

    def test_after_a_colleague_has_sent_it_it_says_so(self, client, draft, lead, editor):
        fill(draft, lead)
        applications.submit(draft, by=lead)
        client.force_login(editor)
        response = self.post(client, draft, 1, marks(draft), **{key(draft): "late"})
        assert response.status_code == 410
        assert "sent" in response.json()["message"]

    def test_rubbish_as_base_is_a_page_that_has_seen_nothing(self, client, draft, lead):
        client.force_login(lead)
        response = self.post(client, draft, 0, "-.-..x--\x00", summary="Other words")
        assert response.status_code == 409
        assert DetailRevision.objects.get(was_overtaken=True).text == "Other words"


class TestSending:
    def send(self, client, draft, **fields):
        return client.post(reverse("calls:check", args=[draft.pk]), {"agrees": "on", "publishes": "on"} | fields)

    def test_a_lead_sends_and_gets_a_receipt_on_the_page_and_by_mail(self, client, draft, lead, council, call):
        fill(draft, lead)
        other = at_work(MembershipRole.LEAD, council)
        at_work(MembershipRole.EDITOR, council)
        client.force_login(lead)
        page = client.get(self.send(client, draft).url)
        assert draft.reference in page.text
        assert "We have your application" in page.text
        assert set(Notice.objects.values_list("to", flat=True)) == {lead.email, other.email}

    def test_an_editor_cannot_send(self, client, draft, editor, lead):
        fill(draft, lead)
        client.force_login(editor)
        assert self.send(client, draft).status_code == 403
        assert "Only a lead" in client.get(reverse("calls:check", args=[draft.pk])).text

    def test_a_second_click_gets_the_same_receipt(self, client, draft, lead):
        fill(draft, lead)
        client.force_login(lead)
        assert self.send(client, draft).url == self.send(client, draft).url
        assert Notice.objects.count() == 1

    def test_without_the_declaration_nothing_is_sent(self, client, draft, lead):
        fill(draft, lead)
        client.force_login(lead)
        response = self.send(client, draft, agrees="")
        assert response.status_code == 422
        assert "Tick the box" in response.text

    def test_what_is_missing_is_listed_with_its_place(self, client, draft, lead):
        client.force_login(lead)
        response = self.send(client, draft)
        assert response.status_code == 422
        assert reverse("calls:section", args=[draft.pk, 1]) + f"#id_{key(draft)}" in response.text

    def test_nothing_is_accepted_after_the_moment_and_the_words_are_shown(self, client, draft, lead):
        Call.objects.update(closes_at=timezone.now())
        client.force_login(lead)
        response = client.post(reverse("calls:section", args=[draft.pk, 1]), {key(draft): "Words typed too late"})
        assert response.status_code == 409
        assert "Words typed too late" in response.text
        assert "It closed" in response.text
        assert not answers(draft)
        assert client.get(reverse("calls:download", args=[draft.pk])).status_code == 200

    def test_words_typed_while_a_colleague_sends_are_shown_to_the_editor(self, client, draft, lead, editor):
        fill(draft, lead)
        applications.submit(draft, by=lead)
        client.force_login(editor)
        response = client.post(reverse("calls:section", args=[draft.pk, 1]), {key(draft): "One more thought"})
        assert response.status_code == 409
        assert "One more thought" in response.text

    @pytest.mark.parametrize(("seconds", "accepted"), [(-1, True), (0, False), (1, False)])
    @pytest.mark.parametrize(
        "closes", ["2040-03-25T17:00:00+01:00", "2040-10-28T17:00:00+00:00", "2040-06-12T17:00:00+01:00"]
    )
    def test_page_save_and_sending_agree_to_the_second(self, client, draft, lead, seconds, accepted, closes):
        moment = timezone.datetime.fromisoformat(closes)
        fill(draft, lead)
        Call.objects.update(opens_at=moment - timedelta(days=40), closes_at=moment)
        with time_machine.travel(moment + timedelta(seconds=seconds), tick=False):
            client.force_login(lead)
            page = client.get(reverse("calls:call", args=[draft.call.slug])).text
            tasks = client.get(reverse("calls:application", args=[draft.pk])).text
            saved = client.post(
                reverse("calls:section", args=[draft.pk, 1]),
                {key(draft): "At the last second", "base_version": marks(draft)},
            )
            sent = self.send(client, draft)
        assert ("Start or continue an application" in page) is accepted
        assert ("Check your answers" in tasks) is accepted
        assert (saved.status_code == 302) is accepted
        assert (sent.status_code == 302) is accepted
        draft.refresh_from_db()
        assert (draft.status == ApplicationStatus.SUBMITTED) is accepted

    def test_what_counts_is_when_the_request_arrived(self, draft, lead):
        fill(draft, lead)
        arrived = timezone.now()
        Call.objects.update(closes_at=arrived + timedelta(microseconds=1))
        assert applications.submit(draft, by=lead, at=arrived).submitted_at == arrived

    def test_a_cancelled_call_takes_nothing(self, draft, lead):
        fill(draft, lead)
        Call.objects.update(status=CallStatus.CANCELLED, cancelled_reason="No money")
        with pytest.raises(CallHasClosed):
            applications.submit(draft, by=lead)

    def test_it_can_be_taken_back_changed_and_sent_again(self, client, draft, lead):
        fill(draft, lead)
        client.force_login(lead)
        self.send(client, draft)
        client.post(reverse("calls:take_back", args=[draft.pk]))
        draft.refresh_from_db()
        assert (draft.status, draft.submitted_at) == (ApplicationStatus.DRAFT, None)
        self.send(client, draft)
        assert Notice.objects.filter(template="calls/emails/receipt").count() == 2

    def test_after_closing_it_cannot_be_taken_back(self, client, draft, lead):
        fill(draft, lead)
        applications.submit(draft, by=lead)
        Call.objects.update(closes_at=timezone.now())
        client.force_login(lead)
        assert client.post(reverse("calls:take_back", args=[draft.pk])).status_code == 409
        draft.refresh_from_db()
        assert draft.status == ApplicationStatus.SUBMITTED

    def test_withdrawing_twice_is_withdrawing_once(self, client, draft, lead):
        client.force_login(lead)
        for _ in range(2):
            client.post(reverse("calls:withdraw", args=[draft.pk]), {"why": "No time"})
        draft.refresh_from_db()
        assert draft.status == ApplicationStatus.WITHDRAWN
        assert Notice.objects.count() == 1

    def test_the_download_reads_like_the_form(self, client, draft, lead):
        fill(draft, lead)
        client.force_login(lead)
        text = client.get(reverse("calls:download", args=[draft.pk])).content.decode("utf-8-sig")
        assert "THE NEED" in text
        assert "Children stay with kin." in text
        assert "\r\n" in text

    @pytest.mark.parametrize("name", ["application", "check", "print", "together"])
    def test_every_page_of_a_draft_is_shown(self, client, draft, lead, name):
        client.force_login(lead)
        assert client.get(reverse(f"calls:{name}", args=[draft.pk])).status_code == 200

    def test_organisations_join_and_leave(self, client, draft, lead):
        neighbour = OrganisationFactory(name="Neighbour council")
        client.force_login(lead)
        url = reverse("calls:together", args=[draft.pk])
        client.post(url, {"add": "1", "organisation": neighbour.pk})
        assert "Neighbour council" in client.get(reverse("calls:print", args=[draft.pk])).text
        client.post(url, {"remove": neighbour.pk})
        client.post(url, {"remove": "x"})
        assert not draft.with_organisations.exists()

    def test_an_empty_choice_of_organisation_is_explained(self, client, draft, lead):
        client.force_login(lead)
        assert (
            client.post(reverse("calls:together", args=[draft.pk]), {"add": "1", "organisation": ""}).status_code == 422
        )


class TestSomebodyElses:
    NAMES = ("application", "check", "print", "download", "together", "withdraw")

    @pytest.mark.parametrize("name", NAMES)
    def test_another_partner_finds_nothing(self, client, draft, name):
        client.force_login(at_work())
        assert client.get(reverse(f"calls:{name}", args=[draft.pk])).status_code == 404

    def test_another_partner_saves_nothing(self, client, draft):
        client.force_login(at_work())
        for url in (reverse("calls:section", args=[draft.pk, 1]), reverse("calls:autosave", args=[draft.pk, 1])):
            assert client.post(url, {key(draft): "Mine"}).status_code == 404
        assert not Answer.objects.exists()

    def test_staff_do_not_read_drafts(self, client, draft):
        client.force_login(StaffFactory())
        assert client.get(reverse("calls:application", args=[draft.pk])).status_code == 404

    def test_staff_read_what_was_sent_and_not_how_it_came_about(self, client, draft, lead):
        fill(draft, lead)
        applications.submit(draft, by=lead)
        client.force_login(StaffFactory())
        page = client.get(reverse("calls:application", args=[draft.pk]))
        assert "Children stay with kin." in page.text
        assert client.get(reverse("calls:history", args=[draft.pk, key(draft)])).status_code == 404
        assert client.post(reverse("calls:section", args=[draft.pk, 1]), {key(draft): "x"}).status_code == 403

    def test_whoever_left_finds_nothing(self, client, draft, lead):
        lead.memberships.update(ends_on=timezone.localdate())
        client.force_login(lead)
        assert client.get(reverse("calls:application", args=[draft.pk])).status_code == 404

    def test_everybody_else_signs_in_first(self, client, draft):
        response = client.get(reverse("calls:application", args=[draft.pk]))
        assert response.status_code == 302
        assert "login" in response.url


@pytest.mark.django_db(transaction=True)
class TestAtTheSameMoment:
    def together(self, *works):
        def run(work):
            try:
                return work()
            except Exception as problem:
                return problem
            finally:
                connections.close_all()

        with ThreadPoolExecutor(len(works)) as pool:
            return list(pool.map(run, works))

    def test_ten_clicks_on_send_are_one_application_and_one_receipt(self):
        person = at_work()
        draft = ApplicationFactory(organisation=person.memberships.get().organisation, started_by=person)
        results = self.together(*[lambda: applications.submit(Application.objects.get(pk=draft.pk), by=person)] * 10)
        assert {getattr(result, "submitted_at", result) for result in results} == {
            Application.objects.get(pk=draft.pk).submitted_at
        }
        assert Notice.objects.count() == 1

    def test_ten_starts_of_ten_organisations_get_ten_numbers(self):
        call = CallFactory()
        people = [at_work() for _ in range(10)]
        jobs = [
            lambda p=person: applications.start(Call.objects.get(pk=call.pk), p.memberships.get().organisation, by=p)
            for person in people
        ]
        results = self.together(*jobs)
        assert sorted(result.reference[-4:] for result in results) == [f"{n:04}" for n in range(1, 11)]

    def test_two_starts_of_one_organisation_are_one_application(self):
        call, council = CallFactory(), OrganisationFactory()
        people = [at_work(MembershipRole.EDITOR, council) for _ in range(4)]
        results = self.together(
            *[lambda p=person: applications.start(Call.objects.get(pk=call.pk), council, by=p) for person in people]
        )
        assert len({result.pk for result in results}) == 1

    def test_two_saves_of_one_answer_keep_both_texts(self):
        council = OrganisationFactory()
        people = [at_work(MembershipRole.EDITOR, council) for _ in range(4)]
        draft = ApplicationFactory(organisation=council)
        question = QuestionFactory(call=draft.call)
        field = f"q{question.pk}"
        self.together(
            *[
                lambda p=person: drafts.save(draft, {field: f"By {p.pk}"}, base=base_of({field: ""}), by=p)
                for person in people
            ]
        )
        kept = {answer.text for answer in Answer.objects.all()} | {one.text for one in AnswerRevision.objects.all()}
        assert kept == {f"By {person.pk}" for person in people}

    def test_saving_and_sending_leave_what_was_sent_alone(self):
        person = at_work()
        draft = ApplicationFactory(organisation=person.memberships.get().organisation, started_by=person)
        results = self.together(
            lambda: applications.submit(Application.objects.get(pk=draft.pk), by=person),
            lambda: drafts.save(draft, {"summary": "Later words"}, base=base_of({"summary": draft.summary}), by=person),
        )
        assert Application.objects.get(pk=draft.pk).status == ApplicationStatus.SUBMITTED
        assert all(isinstance(one, (Application, Saved, RecordChanged)) for one in results)


@pytest.mark.parametrize("url", ["our_applications"])
def test_the_list_costs_the_same_at_one_and_at_twenty_five(url, client, django_assert_max_num_queries):
    person = at_work()
    organisation = person.memberships.get().organisation
    client.force_login(person)

    def cost():
        with django_assert_max_num_queries(20) as counted:
            assert client.get(reverse(f"calls:{url}")).status_code == 200
        return len(counted)

    ApplicationFactory(organisation=organisation)
    cost()
    one = cost()
    for _ in range(24):
        ApplicationFactory(organisation=organisation)
    assert cost() == one


def test_seeing_and_being_allowed_agree_for_every_role_and_record():
    council, other = OrganisationFactory(), OrganisationFactory()
    people = [at_work(role, council) for role in MembershipRole.values] + [
        at_work(organisation=other),
        StaffFactory(),
        PersonFactory(),
    ]
    left = at_work(organisation=council)
    left.memberships.update(ends_on=timezone.localdate())
    gone = at_work(organisation=council)
    gone.is_active = False
    gone.save()
    for place in (council, other):
        ApplicationFactory(organisation=place)
        ApplicationFactory(organisation=place, sent=True)
        ApplicationFactory(organisation=place, status=ApplicationStatus.WITHDRAWN)
        ApplicationFactory(organisation=place, sent=True, status=ApplicationStatus.ELIGIBLE)
    rows = list(Application.objects.all())
    for person in [*people, left, gone]:
        allowed = {row for row in rows if person.has_perm("calls.view_application", row)}
        assert set(Application.objects.visible_to(person)) == allowed
        may_edit = {row for row in rows if person.has_perm("calls.edit_application", row)}
        assert set(Application.objects.editable_by(person)) == may_edit if person.is_active else not may_edit
