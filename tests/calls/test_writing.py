"""Staff write a call and run it; the public reads it."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from calls.actions import calls, enquiries
from calls.choices import CallStatus
from calls.forms.calls import DatesForm
from calls.models import Call, Criterion, Enquiry, Question, tidy, words_in
from calls.rules.eligibility import eligibility_of
from calls.rules.readiness import clocks_change_on, missing_from, worth_a_thought
from notices.models import Notice
from partners.models import Inspection, Service
from people.choices import StaffRole
from people.rules import Refused
from tests.factories import (
    ApplicationFactory,
    CallFactory,
    CriterionFactory,
    EnquiryFactory,
    MembershipFactory,
    OrganisationFactory,
    PersonFactory,
    ProgrammeFactory,
    QuestionFactory,
    StaffFactory,
)

pytestmark = pytest.mark.django_db
UK = ZoneInfo("Europe/London")


@pytest.fixture
def staff(client):
    person = StaffFactory()
    client.force_login(person)
    return person


@pytest.fixture
def draft():
    call = CallFactory(draft=True)
    QuestionFactory(call=call)
    CriterionFactory(call=call)
    return call


def at(name, *parts):
    return reverse(f"calls:{name}", args=parts)


class TestWriting:
    def test_a_call_is_begun_written_approved_and_published(self, client, staff):
        programme = ProgrammeFactory()
        client.post(
            at("new"), {"programme": programme.pk, "title": "Practice, in need of évidence", "kind": "partners"}
        )
        call = Call.objects.get()
        assert call.slug == "practice-in-need-of-evidence"
        client.post(
            at("write_about", call.slug),
            {"title": "PINE", "purpose": "Why", "offered": "Help", "asked": "Time", "contact_email": "a@demo.example"},
        )
        client.post(
            at("write_eligibility", call.slug),
            {"who_may_apply": "All", "eligible_kinds": ["local_authority", "charity"]},
        )
        dates = {
            "opens_at": "2040-03-01T09:00",
            "closes_at": "2040-04-16T17:00",
            "places": "8",
            "places_unit": "organisation",
            "assessors_each": "2",
            "respond_within_days": "14",
        }
        with time_machine.travel("2040-02-01T09:00:00+00:00", tick=False):
            client.force_login(staff)
            client.post(at("write_dates", call.slug), dates)
            client.post(
                at("add_question", call.slug),
                {
                    "section": "Need",
                    "text": "What is the need?",
                    "kind": "long_text",
                    "word_limit": "300",
                    "is_required": "on",
                },
            )
            client.post(at("add_criterion", call.slug), {"name": "Fit", "weight": "2"})
            call.refresh_from_db()
            assert missing_from(call) == []
            client.post(at("approve", call.slug))
            client.post(at("publish", call.slug), {"public_from": ""})
            call.refresh_from_db()
            assert (call.status, call.stage) == (CallStatus.PUBLISHED, "opening")
            assert call.opens_at == datetime(2040, 3, 1, 9, tzinfo=UK)
            assert call.closes_at == datetime(2040, 4, 16, 17, tzinfo=UK)
            client.logout()
            page = client.get(call.get_absolute_url())
        assert "Monday 16 April 2040, 5:00pm (UK time)" in page.text
        assert "What is the need?" in page.text
        assert "Up to 8 organisations" in page.text

    @pytest.mark.parametrize(
        "name",
        [
            "manage",
            "write_about",
            "write_eligibility",
            "write_dates",
            "write_questions",
            "write_criteria",
            "add_question",
            "add_criterion",
            "write_check",
            "preview",
            "publish",
            "extend",
            "cancel",
            "enquiries",
        ],
    )
    def test_every_page_is_shown(self, client, staff, draft, name):
        if name in {"publish", "extend"}:
            Call.objects.update(
                status=CallStatus.APPROVED if name == "publish" else CallStatus.PUBLISHED, public_from=timezone.now()
            )
        assert client.get(at(name, draft.slug)).status_code == 200

    def test_a_second_click_adds_nothing(self, client, staff):
        programme = ProgrammeFactory()
        for _ in range(2):
            client.post(at("new"), {"programme": programme.pk, "title": "Once", "kind": "partners"})
        call = Call.objects.get()
        for _ in range(2):
            client.post(at("add_criterion", call.slug), {"name": "Fit", "weight": "2"})
        assert call.criteria.count() == 1

    @pytest.mark.parametrize("name", ["new", "board"])
    def test_the_first_pages_are_shown(self, client, staff, name):
        assert client.get(at(name)).status_code == 200

    @pytest.mark.parametrize("status", [CallStatus.APPROVED, CallStatus.PUBLISHED])
    def test_once_approved_its_questions_stay(self, client, staff, draft, status):
        Call.objects.update(status=status, public_from=timezone.now())
        question = draft.questions.get()
        response = client.post(
            at("question", draft.slug, question.pk), {"section": "x", "text": "Something else", "kind": "long_text"}
        )
        assert response.status_code == 409
        assert "Something else" in response.content.decode()
        assert client.get(at("question", draft.slug, question.pk)).url == at("manage", draft.slug)
        client.post(at("move_question", draft.slug, question.pk), {"do": "remove"})
        assert list(Question.objects.values_list("text", flat=True)) == [question.text]

    def test_parts_go_up_down_and_away(self, client, staff, draft):
        second, third = QuestionFactory(call=draft), QuestionFactory(call=draft)
        client.post(at("move_question", draft.slug, third.pk), {"do": "up"})
        client.post(at("move_question", draft.slug, third.pk), {"do": "up"})
        client.post(at("move_question", draft.slug, third.pk), {"do": "up"})
        client.post(at("move_question", draft.slug, second.pk), {"do": "remove"})
        assert draft.questions.values_list("pk", "position").first() == (third.pk, 1)
        assert list(draft.questions.values_list("position", flat=True)) == [1, 2]

    def test_a_question_of_another_call_is_not_touched(self, client, staff, draft):
        other = QuestionFactory(call=CallFactory(draft=True))
        assert client.post(at("move_question", draft.slug, other.pk), {"do": "remove"}).status_code == 404
        assert client.get(at("question", draft.slug, other.pk)).status_code == 404

    def test_a_stale_page_shows_both_and_overwrites_nothing(self, client, staff, draft):
        seen = client.get(at("write_eligibility", draft.slug)).context["form"].stored
        Call.objects.update(who_may_apply="What a colleague wrote")
        response = client.post(at("write_eligibility", draft.slug), {"who_may_apply": "What I wrote", "seen": seen})
        assert response.status_code == 422
        assert "What a colleague wrote" in response.text
        assert "What I wrote" in response.text
        assert Call.objects.get().who_may_apply == "What a colleague wrote"
        again = response.context["form"].data["seen"]
        client.post(at("write_eligibility", draft.slug), {"who_may_apply": "Both", "seen": again})
        assert Call.objects.get().who_may_apply == "Both"

    def test_empty_forms_say_what_is_needed(self, client, staff, draft):
        for name in ("add_question", "add_criterion", "write_dates"):
            assert client.post(at(name, draft.slug), {}).status_code == 422
        assert client.post(at("new"), {}).status_code == 422

    def test_what_is_needed_in_the_end_may_be_left_empty_and_is_not_called_optional(self, client, staff, draft):
        page = client.get(at("write_eligibility", draft.slug))
        assert page.text.count("(optional)") == 3
        assert client.post(at("write_about", draft.slug), {"title": "Only a title"}).status_code == 302
        draft.refresh_from_db()
        assert (draft.title, draft.purpose) == ("Only a title", "")

    def test_a_title_that_is_too_long_is_shown_again(self, client, staff):
        response = client.post(at("new"), {"programme": ProgrammeFactory().pk, "title": "t" * 300, "kind": "partners"})
        assert response.status_code == 422
        assert "Shorten it to 200" in response.text
        assert "t" * 300 in response.text

    @pytest.mark.parametrize("title", ["New", "!!!", "“Smart” – title\x00", "Create"])
    def test_any_title_gets_an_address_of_its_own(self, staff, title):
        made = {calls.begin(ProgrammeFactory(), title=tidy(title), kind="partners", by=staff).slug for _ in range(2)}
        assert len(made) == 2
        assert not made & {"new", "create"}

    def test_what_is_missing_stops_the_approval(self, client, staff):
        call = CallFactory(draft=True, offered="")
        assert client.post(at("approve", call.slug)).url == at("write_check", call.slug)
        page = client.get(at("write_check", call.slug)).text
        assert "Say what partners receive." in page
        assert "Ask at least one question." in page
        call.refresh_from_db()
        assert call.status == CallStatus.DRAFT

    def test_a_copy_has_the_words_and_no_dates(self, client, staff, draft):
        client.post(at("duplicate", draft.slug))
        copy = Call.objects.exclude(pk=draft.pk).get()
        assert (copy.opens_at, copy.closes_at, copy.status) == (None, None, CallStatus.DRAFT)
        assert [one.text for one in copy.questions.all()] == [one.text for one in draft.questions.all()]
        assert copy.criteria.count() == draft.criteria.count() == 1

    @pytest.mark.parametrize("role", [StaffRole.RESEARCH, StaffRole.COMMUNICATIONS, StaffRole.AUDITOR])
    def test_other_staff_read_and_do_not_write(self, client, draft, role):
        client.force_login(StaffFactory(post=role))
        for name in ("write_questions", "write_criteria", "write_check", "preview", "enquiries"):
            assert client.get(at(name, draft.slug)).status_code == 200
        assert at("write_about", draft.slug) not in client.get(at("manage", draft.slug)).text
        assert client.get(at("manage", draft.slug)).status_code == 200
        assert client.post(at("approve", draft.slug)).status_code == 403
        assert client.post(at("cancel", draft.slug), {"reason": "x"}).status_code == 403
        assert client.post(at("duplicate", draft.slug)).status_code == 403
        assert client.get(at("write_about", draft.slug)).status_code == 403

    def test_partners_do_not_come_into_the_staff_area(self, client, draft):
        client.force_login(MembershipFactory().person)
        for name in ("manage", "write_about", "preview", "publish", "write_questions", "enquiries"):
            assert client.get(at(name, draft.slug)).status_code == 403
        assert client.get(at("board")).status_code == 403

    def test_an_action_asks_again(self, draft):
        with pytest.raises(Refused):
            calls.change(draft, by=PersonFactory(), title="x")


class TestMoments:
    def form(self, **values):
        given = {"places_unit": "organisation", "assessors_each": "2", "respond_within_days": "14"} | values
        return DatesForm(given, instance=CallFactory(draft=True, opens_at=None, closes_at=None))

    @pytest.mark.parametrize(
        "typed", ["2027-03-28T01:30", "2027-10-31T01:30", "2027-03-28T00:30", "2027-10-31T02:29", "2027-06-12T01:00"]
    )
    def test_hours_in_which_clocks_change_are_refused(self, typed):
        assert "clocks" in str(self.form(closes_at=typed).errors["closes_at"])

    @pytest.mark.parametrize(
        ("typed", "utc_hour"),
        [("2027-03-27T17:00", 17), ("2027-03-28T17:00", 16), ("2027-10-30T17:00", 16), ("2027-10-31T17:00", 17)],
    )
    def test_five_o_clock_is_five_o_clock_in_the_uk(self, typed, utc_hour):
        with time_machine.travel("2027-02-01T09:00:00+00:00", tick=False):
            form = self.form(closes_at=typed)
            assert form.is_valid(), form.errors
        assert form.cleaned_data["closes_at"].astimezone(ZoneInfo("UTC")).hour == utc_hour

    @pytest.mark.parametrize(
        "typed",
        [
            "tomorrow",
            "2027-02-30T17:00",
            "9999-99-99",
            "0001-01-01T00:00",
            "1e9",
            "2027-13-01T00:00",
            "99999999999",
            "9999-12-31T23:59",
        ],
    )
    def test_what_is_no_moment_is_explained(self, typed):
        assert "closes_at" in self.form(closes_at=typed).errors

    def test_it_closes_after_it_opens_and_later_than_now(self):
        assert "after it opens" in str(self.form(opens_at="2027-05-02T09:00", closes_at="2027-05-01T09:00").errors)
        assert "has passed" in str(self.form(closes_at="2019-05-01T09:00").errors)

    def test_days_on_which_clocks_change_are_known(self):
        days = [date(2027, 1, 1) + timedelta(days=n) for n in range(365)]
        assert [day for day in days if clocks_change_on(day)] == [date(2027, 3, 28), date(2027, 10, 31)]

    @pytest.mark.parametrize(
        ("closes", "said"),
        [
            ("2027-03-28T17:00", "clocks change"),
            ("2027-12-27T17:00", "bank holiday"),
            ("2027-05-08T17:00", "on a Saturday"),
            ("2027-05-10T00:00", "midnight"),
            ("2027-05-10T23:59", "at night"),
            ("2029-05-10T17:00", "not known here"),
        ],
    )
    def test_days_that_went_badly_for_others_are_pointed_out(self, closes, said):
        moment = datetime.fromisoformat(closes).replace(tzinfo=UK)
        call = CallFactory(draft=True, opens_at=moment - timedelta(weeks=6), closes_at=moment)
        assert any(said in point.text for point in worth_a_thought(call))

    def test_a_short_window_and_no_consultation_are_pointed_out(self):
        call = CallFactory(
            draft=True,
            opens_at=timezone.now(),
            closes_at=timezone.now() + timedelta(days=27, hours=12),
            consultation="",
        )
        said = " ".join(point.text for point in worth_a_thought(call))
        assert "open for 27 days" in said
        assert "who was consulted" in said


class TestRunning:
    def test_an_extension_is_told_to_all_who_started_and_follow(self, client, staff):
        call = CallFactory()
        writer = MembershipFactory()
        ApplicationFactory(call=call, organisation=writer.organisation)
        follower = PersonFactory()
        enquiries.follow(call, by=follower)
        until = (call.closes_at + timedelta(days=7)).astimezone(UK).replace(hour=17, minute=0)
        client.post(
            at("extend", call.slug),
            {"until": f"{until:%Y-%m-%dT%H:%M}", "reason": "The portal was down.", "seen_version": 1},
        )
        call.refresh_from_db()
        assert (call.closes_at.astimezone(UK).hour, call.closes_version) == (17, 2)
        assert set(Notice.objects.values_list("to", flat=True)) == {writer.person.email, follower.email}
        assert "The portal was down." in client.get(call.get_absolute_url()).text

    def test_two_staff_extend_at_once_and_one_is_told(self, client, staff):
        call = CallFactory()
        until = f"{call.closes_at + timedelta(days=7):%Y-%m-%dT15:00}"
        for _ in range(2):
            response = client.post(at("extend", call.slug), {"until": until, "reason": "More time", "seen_version": 1})
        assert response.status_code == 422
        assert call.extensions.count() == 1

    @pytest.mark.parametrize("days", [-1, 0])
    def test_a_call_never_closes_earlier(self, client, staff, days):
        call = CallFactory()
        until = f"{call.closes_at.astimezone(UK) + timedelta(days=days):%Y-%m-%dT%H:%M}"
        response = client.post(at("extend", call.slug), {"until": until, "reason": "x", "seen_version": 1})
        assert response.status_code == 422

    def test_a_cancelled_call_keeps_its_page_and_says_why(self, client, staff):
        call = CallFactory()
        writer = MembershipFactory()
        ApplicationFactory(call=call, organisation=writer.organisation)
        client.post(at("cancel", call.slug), {"reason": "The funder withdrew."})
        client.logout()
        assert "The funder withdrew." in client.get(call.get_absolute_url()).text
        assert Notice.objects.get().to == writer.person.email

    def test_a_call_cancelled_before_it_was_public_is_never_seen(self, client, staff, draft):
        client.post(at("cancel", draft.slug), {"reason": "Not needed"})
        client.logout()
        assert client.get(draft.get_absolute_url()).status_code == 404
        assert not Notice.objects.exists()

    def test_cancelling_needs_a_reason(self, client, staff, draft):
        assert client.post(at("cancel", draft.slug), {"reason": " \r\n\x00"}).status_code == 422


class TestReading:
    @pytest.mark.parametrize("status", [CallStatus.DRAFT, CallStatus.APPROVED])
    def test_what_is_not_published_is_not_there(self, client, status):
        call = CallFactory(status=status)
        assert client.get(call.get_absolute_url()).status_code == 404
        assert call.title not in client.get(at("list")).text

    def test_before_its_public_moment_it_is_not_there(self, client):
        call = CallFactory(public_from=timezone.now() + timedelta(hours=1))
        assert client.get(call.get_absolute_url()).status_code == 404

    def test_a_call_of_the_past_says_that_its_closing_day_is_not_known(self, client):
        call = CallFactory(status=CallStatus.ARCHIVED, closes_at=None, results_on=date(2019, 7, 2))
        page = client.get(call.get_absolute_url()).text
        assert "Not known" in page
        assert "2 July 2019" in page
        assert call.title in client.get(at("list")).text

    def test_words_of_staff_do_no_harm(self, client):
        call = CallFactory(purpose="<script>alert(1)</script>")
        QuestionFactory(call=call, guidance="<img src=x onerror=alert(1)>", text="<b>Bold?</b>")
        member = MembershipFactory()
        draft = ApplicationFactory(call=call, organisation=member.organisation, summary="<script>alert(2)</script>")
        client.force_login(member.person)
        for url in (
            call.get_absolute_url(),
            at("section", draft.pk, 1),
            at("print", draft.pk),
            at("section", draft.pk, 0),
        ):
            page = client.get(url).text
            assert "<script>alert" not in page
            assert "<img src=x" not in page
            assert "<b>Bold" not in page

    @pytest.mark.parametrize("page", ["0", "-1", "x", "99999999999999999999", "1e3", ""])
    def test_any_page_number_shows_a_page(self, client, page):
        CallFactory(closed=True)
        assert client.get(at("list"), {"page": page}).status_code == 200

    def test_an_enquiry_is_asked_answered_and_read_by_all(self, client):
        call = CallFactory()
        asker = PersonFactory(name="Curious Person")
        client.force_login(asker)
        for _ in range(2):
            client.post(at("ask", call.slug), {"text": "May two councils\r\napply together?"})
        enquiry = Enquiry.objects.get()
        assert "May two councils" not in client.get(call.get_absolute_url()).text
        client.force_login(StaffFactory())
        assert client.get(at("answer_enquiry", call.slug, enquiry.pk)).status_code == 200
        client.post(at("answer_enquiry", call.slug, enquiry.pk), {"answer": "They may."})
        assert client.post(at("answer_enquiry", call.slug, enquiry.pk), {"answer": "Again"}).status_code == 409
        client.logout()
        page = client.get(call.get_absolute_url()).text
        assert "They may." in page
        assert "Curious" not in page
        assert set(Notice.objects.values_list("template", "to")) == {
            ("calls/emails/enquiry_asked", call.contact_email),
            ("calls/emails/enquiry_answered", asker.email),
        }

    @pytest.mark.parametrize("text", ["", "   ", "x" * 6000])
    def test_an_enquiry_needs_words_and_not_too_many(self, client, text):
        client.force_login(PersonFactory())
        assert client.post(at("ask", CallFactory().slug), {"text": text}).status_code == 422
        assert not Enquiry.objects.exists()

    def test_after_the_last_day_for_questions_the_text_is_kept_on_the_page(self, client):
        call = CallFactory(questions_until=timezone.now() - timedelta(minutes=1))
        client.force_login(PersonFactory())
        response = client.post(at("ask", call.slug), {"text": "Too late?"})
        assert response.status_code == 422
        assert "Too late?" in response.text

    def test_following_and_stopping(self, client):
        call = CallFactory()
        client.force_login(PersonFactory())
        client.post(at("follow", call.slug))
        client.post(at("follow", call.slug))
        assert call.followers.count() == 1
        client.post(at("follow", call.slug), {"stop": "1"})
        assert call.followers.count() == 0


class TestEligibility:
    DAY = date(2019, 4, 1)

    def call(self, **more):
        return CallFactory(
            eligible_kinds=["local_authority", "childrens_trust", "charity"],
            eligible_grades=["requires_improvement"],
            eligible_on=self.DAY,
            **more,
        )

    def verdicts(self, organisation, call=None):
        return [condition.met for condition in eligibility_of(call or self.call(), organisation).conditions]

    def test_the_grade_on_that_day_counts_and_not_todays(self):
        council = OrganisationFactory()
        Inspection.objects.create(authority=council, published_on=date(2017, 1, 1), overall="requires_improvement")
        Inspection.objects.create(authority=council, published_on=date(2021, 1, 1), overall="outstanding")
        assert self.verdicts(council) == [True, True, True]

    def test_a_grade_outside_the_list_stops(self):
        council = OrganisationFactory()
        Inspection.objects.create(authority=council, published_on=date(2017, 1, 1), overall="inadequate")
        found = eligibility_of(self.call(), council)
        assert not found.may_apply
        assert "Inadequate" in found.conditions[-1].because

    def test_no_grade_is_not_known_and_stops_nobody(self):
        found = eligibility_of(self.call(), OrganisationFactory())
        assert (found.may_apply, found.is_certain) == (True, False)

    def test_a_trust_is_graded_through_its_authority(self):
        trust, council = OrganisationFactory(kind="childrens_trust"), OrganisationFactory()
        Service.objects.create(provider=trust, authority=council, starts_on=date(2018, 1, 1))
        Inspection.objects.create(authority=council, published_on=date(2017, 1, 1), overall="requires_improvement")
        assert self.verdicts(trust) == [True, True, True]

    def test_a_charity_has_no_grade(self):
        assert self.verdicts(OrganisationFactory(kind="charity")) == [True, True, None]

    def test_an_authority_that_did_not_exist_yet_cannot_have_applied(self):
        council = OrganisationFactory(exists_from=date(2021, 4, 1))
        found = eligibility_of(self.call(), council)
        assert not found.may_apply
        assert "began on 1 April 2021" in found.conditions[1].because

    def test_an_authority_that_ended_that_day_is_gone(self):
        assert self.verdicts(OrganisationFactory(exists_until=self.DAY))[1] is False
        assert self.verdicts(OrganisationFactory(exists_until=self.DAY + timedelta(days=1)))[1] is True


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("a b\r\n\r\nc", 3),
        ("don’t – stop", 3),
        ("non\u00a0breaking", 2),
        ("\ufeffa\x00b", 1),
        ("a\u2028b", 2),
        ("  \t ", 0),
    ],
)
def test_there_is_one_way_to_count_words(text, words):
    assert words_in(text) == words


@pytest.mark.parametrize("name", ["list", "board", "write_questions", "enquiries", "call"])
def test_lists_cost_the_same_at_one_and_at_twenty_five(name, client, django_assert_max_num_queries):
    client.force_login(StaffFactory())
    call = CallFactory()
    parts = [] if name in {"list", "board"} else [call.slug]

    def grow(times):
        for _ in range(times):
            ApplicationFactory(call=CallFactory(closed=True))
            CallFactory()
            CallFactory(opens_at=timezone.now() + timedelta(days=1))
            QuestionFactory(call=call)
            CriterionFactory(call=call)
            EnquiryFactory(call=call, answer="Yes", answered_at=timezone.now(), answered_by=PersonFactory())

    def cost():
        with django_assert_max_num_queries(25) as counted:
            assert client.get(at(name, *parts)).status_code == 200
        return len(counted)

    grow(1)
    cost()
    one = cost()
    grow(24)
    assert cost() == one


def test_seeing_a_call_and_being_allowed_to_agree():
    soon = timezone.now() + timedelta(hours=1)
    for status in CallStatus:
        CallFactory(status=status, cancelled_reason="x")
        CallFactory(status=status, public_from=soon, cancelled_reason="x")
    CallFactory(draft=True)
    rows = list(Call.objects.all())
    for person in (StaffFactory(), PersonFactory(), MembershipFactory().person):
        assert set(Call.objects.visible_to(person)) == {row for row in rows if person.has_perm("calls.view_call", row)}


def test_criteria_need_a_weight(client):
    client.force_login(StaffFactory())
    call = CallFactory(draft=True)
    for weight in ("0", "101", "x", "-1", "1.5", "9" * 30):
        assert client.post(at("add_criterion", call.slug), {"name": "Fit", "weight": weight}).status_code == 422
    assert not Criterion.objects.exists()
