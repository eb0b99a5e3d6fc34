from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from lifecycle.actions import RecordChanged
from notices.models import Notice
from partners.choices import MembershipRole
from people.choices import StaffRole
from people.rules import Refused
from programmes.actions import reports
from programmes.actions.reports import details_of_a_child_in
from programmes.choices import ObligationStatus
from programmes.models import Obligation, Report
from tests.factories import MembershipFactory, ObligationFactory, PersonFactory, StaffFactory

pytestmark = pytest.mark.django_db
WHOLE = {"activity": "We visited.", "learning": "Short notes work.", "next_steps": "A second team."}


@pytest.fixture
def lead():
    return MembershipFactory(role=MembershipRole.LEAD)


@pytest.fixture
def owed(lead):
    return ObligationFactory(partnership__organisation=lead.organisation)


@pytest.fixture
def staff():
    return StaffFactory()


def written(owed, lead, **more):
    draft = reports.open_report(owed, by=lead.person)
    return reports.save_report(draft, base_version=draft.base_version, by=lead.person, **(WHOLE | more))


def test_a_report_is_written_sent_queried_sent_again_and_accepted(owed, lead, staff):
    first = reports.send_report(written(owed, lead), by=lead.person)
    assert Obligation.objects.get().status == ObligationStatus.RECEIVED
    reports.ask_a_question(first, text="How many?", by=staff)
    second = reports.open_report(Obligation.objects.get(), by=lead.person)
    assert (second.number, second.activity) == (2, "We visited.")
    second = reports.send_report(second, by=lead.person)
    reports.accept_report(second, by=staff)
    assert Obligation.objects.get().status == ObligationStatus.ACCEPTED
    kinds = sorted({key.partition(":")[0] for key in Notice.objects.values_list("key", flat=True)})
    assert kinds == ["report-accepted", "report-arrived", "report-queried", "report-received"]


def test_sending_twice_sends_once(owed, lead):
    draft = written(owed, lead)
    reports.send_report(draft, by=lead.person)
    count = Notice.objects.count()
    reports.send_report(Report.objects.get(pk=draft.pk), by=lead.person)
    assert Notice.objects.count() == count


def test_what_is_missing_is_named_and_what_was_written_is_kept(owed, lead):
    draft = reports.open_report(owed, by=lead.person)
    draft = reports.save_report(draft, base_version=0, by=lead.person, activity="We visited.")
    with pytest.raises(ValidationError, match="what you learned, what happens next"):
        reports.send_report(draft, by=lead.person)
    assert Report.objects.get().activity == "We visited."


def test_an_old_page_does_not_overwrite_a_colleague(owed, lead):
    draft = reports.open_report(owed, by=lead.person)
    reports.save_report(draft, base_version=0, by=lead.person, activity="Theirs")
    with pytest.raises(RecordChanged):
        reports.save_report(draft, base_version=0, by=lead.person, activity="Mine")
    assert Report.objects.get().activity == "Theirs"


def test_a_stale_page_shows_both_texts_and_a_second_save_decides(client, owed, lead):
    client.force_login(lead.person)
    url = reverse("programmes:write_report", args=[owed.pk])
    client.get(url)
    client.post(url, {"activity": "Theirs", "base_version": 0})
    answer = client.post(url, {"activity": "Mine", "base_version": 0})
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "Theirs" in page
    assert "Mine" in page
    client.post(url, {"activity": "Mine", "base_version": 1})
    assert Report.objects.get().activity == "Mine"


def test_autosave_keeps_the_fields_it_was_sent_and_says_the_new_version(client, owed, lead):
    client.force_login(lead.person)
    url = reverse("programmes:save_report", args=[owed.pk])
    assert client.post(url, {"activity": "One", "changed": "activity", "base_version": "0"}).json() == {"version": 1}
    assert client.post(url, {"learning": "Two", "changed": "learning", "base_version": "1"}).json() == {"version": 2}
    stale = client.post(url, {"activity": "Three", "changed": "activity", "base_version": "0"})
    assert stale.status_code == 409
    assert stale.json() == {"version": 2, "theirs": {"activity": "One"}}
    report = Report.objects.get()
    assert (report.activity, report.learning) == ("One", "Two")


@pytest.mark.parametrize(
    "sent", [{}, {"base_version": "x"}, {"base_version": "-1"}, {"families_reached": "-3", "base_version": "0"}]
)
def test_autosave_of_nonsense_is_refused_in_words(client, owed, lead, sent):
    client.force_login(lead.person)
    answer = client.post(reverse("programmes:save_report", args=[owed.pk]), sent)
    assert answer.status_code == 400
    assert answer.json()["message"]


@pytest.mark.parametrize(
    "text",
    [
        "NHS 943 476 5919",
        "9434765919",
        "UPN A123456789012",
        "date of birth 3/4/2015",
        "DOB: 03-04-15",
        "born on 3 April 2015",
    ],
)
def test_what_looks_like_a_child_is_refused(owed, lead, text):
    assert details_of_a_child_in(text)
    draft = reports.open_report(owed, by=lead.person)
    with pytest.raises(ValidationError, match="no details of children"):
        reports.save_report(draft, base_version=0, by=lead.person, activity=text)
    assert Report.objects.get().activity == ""


@pytest.mark.parametrize("text", ["34 families", "£9,434,765", "01204 333333 ext 1", "3 April 2015", "2019-2021"])
def test_ordinary_numbers_are_not_taken_for_a_child(text):
    assert details_of_a_child_in(text) == ""


def test_staff_do_not_read_drafts_and_other_partners_read_nothing(owed, lead, staff):
    written(owed, lead)
    assert not Report.objects.visible_to(staff).exists()
    assert not Report.objects.visible_to(MembershipFactory().person).exists()
    reports.send_report(Report.objects.get(), by=lead.person)
    assert Report.objects.visible_to(staff).count() == 1


@pytest.mark.parametrize("role", ["stranger", "lead", "data", "reader", "other", "programmes", "auditor"])
def test_lists_and_single_answers_about_what_is_owed_agree(role, owed, lead):
    other = ObligationFactory()
    written(owed, lead)
    sent = ObligationFactory(partnership__organisation=lead.organisation)
    reports.send_report(written(sent, lead), by=lead.person)
    person = {
        "stranger": PersonFactory,
        "lead": lambda: lead.person,
        "data": lambda: MembershipFactory(organisation=lead.organisation, role=MembershipRole.DATA).person,
        "reader": lambda: MembershipFactory(organisation=lead.organisation, role=MembershipRole.READER).person,
        "other": lambda: MembershipFactory(organisation=other.partnership.organisation).person,
        "programmes": StaffFactory,
        "auditor": lambda: StaffFactory(post=StaffRole.AUDITOR),
    }[role]()
    everything = Obligation.objects.all()
    assert set(Obligation.objects.visible_to(person)) == {
        one for one in everything if person.has_perm("programmes.view_obligation", one)
    }
    assert set(Report.objects.visible_to(person)) == {
        one for one in Report.objects.all() if person.has_perm("programmes.view_report", one)
    }


def test_a_reader_cannot_write_and_a_data_officer_cannot_send(owed, lead):
    reader = MembershipFactory(organisation=lead.organisation, role=MembershipRole.READER).person
    data = MembershipFactory(organisation=lead.organisation, role=MembershipRole.DATA).person
    with pytest.raises(Refused):
        reports.open_report(owed, by=reader)
    draft = reports.save_report(reports.open_report(owed, by=data), base_version=0, by=data, **WHOLE)
    with pytest.raises(Refused):
        reports.send_report(draft, by=data)


@pytest.mark.parametrize("name", ["obligation", "write_report", "check_report"])
def test_another_partners_pages_look_like_missing_ones(client, owed, name):
    client.force_login(MembershipFactory().person)
    assert client.get(reverse(f"programmes:{name}", args=[owed.pk])).status_code == 404


def test_staff_lists_cost_the_same_at_one_row_and_at_twenty_five(client, staff, django_assert_max_num_queries):
    client.force_login(staff)
    url = reverse("programmes:reports_due")
    ObligationFactory(due_at=timezone.now() - timedelta(days=1))
    client.get(url)
    with django_assert_max_num_queries(20) as one:
        client.get(url)
    ObligationFactory.create_batch(24)
    with django_assert_max_num_queries(20) as many:
        client.get(url)
    assert len(many) == len(one)


def test_a_spreadsheet_runs_nothing_that_a_partner_typed(client, staff):
    ObligationFactory(title='=HYPERLINK("http://example.org")')
    client.force_login(staff)
    assert "'=HYPERLINK" in client.get(reverse("programmes:reports_csv")).content.decode()


def test_pasted_text_from_word_comes_back_as_it_was(client, owed, lead):
    pasted = "“Smart” quotes – dashes… and a tab\tand é\r\nsecond line"
    client.force_login(lead.person)
    client.post(reverse("programmes:write_report", args=[owed.pk]), {"activity": pasted, "base_version": 0})
    assert Report.objects.get().activity.replace("\r\n", "\n") == pasted.replace("\r\n", "\n")


def test_looking_at_the_page_begins_no_report(client, owed, lead):
    client.force_login(lead.person)
    assert client.get(reverse("programmes:write_report", args=[owed.pk])).status_code == 200
    assert not Report.objects.exists()
