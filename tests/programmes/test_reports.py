import re
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from lifecycle.texts import base_of
from notices.models import Notice
from partners.choices import MembershipRole
from people.choices import StaffRole
from people.rules import Refused
from programmes.actions import drafts, reports
from programmes.actions.drafts import details_of_a_child_in
from programmes.choices import ObligationKind, ObligationStatus
from programmes.models import Obligation, Report, ReportRevision
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
    present = drafts.texts_of(drafts.report_to_write(owed, by=lead.person))
    drafts.save(owed, WHOLE | more, base=base_of(present), by=lead.person)
    return owed.reports.get(submitted_at__isnull=True)


@pytest.fixture
def editor(lead):
    return MembershipFactory(organisation=lead.organisation, role=MembershipRole.EDITOR).person


def test_a_report_is_written_sent_queried_sent_again_and_accepted(owed, lead, staff):
    first = reports.send_report(written(owed, lead), by=lead.person)
    assert Obligation.objects.get().status == ObligationStatus.RECEIVED
    reports.ask_a_question(first, text="How many?", by=staff)
    second = drafts.open_report(Obligation.objects.get(), by=lead.person)
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
    drafts.save(owed, {"activity": "We visited."}, base="", by=lead.person)
    with pytest.raises(ValidationError, match="what you learned, what happens next"):
        reports.send_report(Report.objects.get(), by=lead.person)
    assert Report.objects.get().activity == "We visited."


def test_colleagues_in_different_fields_never_meet(owed, lead, editor):
    written(owed, lead, activity="We visited.")
    base = base_of(drafts.texts_of(Report.objects.get()))
    drafts.save(owed, {"learning": "Longer notes."}, base=base, by=editor)
    saved = drafts.save(owed, {"activity": "We visited twice."}, base=base, by=lead.person)
    assert saved.theirs == {}
    report = Report.objects.get()
    assert (report.activity, report.learning) == ("We visited twice.", "Longer notes.")


def test_an_old_page_does_not_overwrite_a_colleague_and_both_texts_are_kept(owed, lead, editor):
    drafts.save(owed, {"activity": "Theirs"}, base="", by=editor)
    saved = drafts.save(owed, {"activity": "Mine"}, base="", by=lead.person)
    assert (saved.saved, saved.theirs) == ({}, {"activity": "Theirs"})
    assert Report.objects.get().activity == "Theirs"
    kept = ReportRevision.objects.get(was_overtaken=True)
    assert (kept.field, kept.text, kept.saved_by) == ("activity", "Mine", lead.person)


def test_an_earlier_text_is_kept_and_can_be_brought_back(client, owed, lead, editor):
    written(owed, lead, activity="First words")
    drafts.save(owed, {"activity": "Other words"}, base=base_of({"activity": "First words"}), by=editor)
    client.force_login(lead.person)
    url = reverse("programmes:report_history", args=[owed.pk, "activity"])
    assert "First words" in client.get(url).content.decode()
    earlier = ReportRevision.objects.get(field="activity", is_current=False)
    assert client.post(url, {"revision": earlier.pk}).status_code == 302
    assert Report.objects.get().activity == "First words"
    assert ReportRevision.objects.filter(text="Other words", is_current=False).exists()


@pytest.mark.parametrize("revision", ["", "x", "99999999999999999999", "987654"])
def test_a_text_that_is_not_there_cannot_be_brought_back(client, owed, lead, revision):
    written(owed, lead)
    client.force_login(lead.person)
    url = reverse("programmes:report_history", args=[owed.pk, "activity"])
    assert client.post(url, {"revision": revision}).status_code == 404


def test_staff_and_strangers_do_not_read_how_a_report_came_about(client, owed, lead, staff):
    written(owed, lead)
    url = reverse("programmes:report_history", args=[owed.pk, "activity"])
    for person in (staff, MembershipFactory().person):
        client.force_login(person)
        assert client.get(url).status_code == 404


def page_base(answer):
    return re.search(r'name="base_version" value="([^"]*)"', answer.content.decode())[1]


def test_a_stale_page_shows_both_texts_and_a_second_save_decides(client, owed, lead, editor):
    client.force_login(lead.person)
    url = reverse("programmes:write_report", args=[owed.pk])
    base = page_base(client.get(url))
    drafts.save(owed, {"activity": "Theirs"}, base="", by=editor)
    answer = client.post(url, {"activity": "Mine", "learning": "New", "base_version": base})
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "Theirs" in page
    assert "Mine" in page
    report = Report.objects.get()
    assert (report.activity, report.learning) == ("Theirs", "New")
    client.post(url, {"activity": "Mine", "learning": "New", "base_version": page_base(answer)})
    assert Report.objects.get().activity == "Mine"


def test_the_button_of_a_part_saves_the_whole_page_and_goes_on_to_the_next_part(client, owed, lead):
    client.force_login(lead.person)
    url = reverse("programmes:write_report", args=[owed.pk])
    answer = client.post(url, {"activity": "One", "next_steps": "Two", "base_version": "", "part": "1"})
    assert answer["Location"] == f"{url}#part-2"
    report = Report.objects.get()
    assert (report.activity, report.next_steps) == ("One", "Two")


def test_a_first_save_that_is_refused_leaves_no_empty_draft(client, owed, lead):
    client.force_login(lead.person)
    sent = {"activity": "We met.", "families_reached": "many", "base_version": ""}
    answer = client.post(reverse("programmes:write_report", args=[owed.pk]), sent)
    assert answer.status_code == 422
    assert "We met." in answer.content.decode()
    assert not Report.objects.exists()


def test_a_report_that_a_colleague_sent_meanwhile_shows_what_was_typed(client, owed, lead, editor):
    reports.send_report(written(owed, lead), by=lead.person)
    client.force_login(editor)
    answer = client.post(reverse("programmes:write_report", args=[owed.pk]), {"activity": "My newest words"})
    assert answer.status_code == 409
    assert "My newest words" in answer.content.decode()
    kept = client.post(reverse("programmes:save_report", args=[owed.pk]), {"activity": "My newest words"})
    assert kept.status_code == 410


def test_autosave_keeps_the_fields_it_was_sent_and_says_what_the_page_has_read(client, owed, lead, editor):
    client.force_login(lead.person)
    url = reverse("programmes:save_report", args=[owed.pk])
    first = client.post(url, {"activity": "One", "changed": "activity", "base_version": ""}).json()
    assert first == {"version": base_of({"activity": "One"})}
    drafts.save(owed, {"learning": "Theirs"}, base="", by=editor)
    second = client.post(url, {"activity": "One two", "changed": "activity", "base_version": first["version"]}).json()
    assert second == {"version": base_of({"activity": "One two"})}
    stale = client.post(url, {"learning": "Mine", "changed": "learning", "base_version": second["version"]})
    assert stale.status_code == 409
    assert stale.json()["theirs"] == {"learning": "Theirs"}
    report = Report.objects.get()
    assert (report.activity, report.learning) == ("One two", "Theirs")


def test_autosave_saves_what_is_right_and_says_what_is_wrong(client, owed, lead):
    client.force_login(lead.person)
    sent = {"activity": "Fine", "families_reached": "-3", "base_version": "x"}
    answer = client.post(reverse("programmes:save_report", args=[owed.pk]), sent)
    assert answer.status_code == 422
    assert answer.json()["message"].startswith("Not saved:")
    report = Report.objects.get()
    assert (report.activity, report.families_reached) == ("Fine", None)


@pytest.mark.parametrize("sent", [{}, {"base_version": "x"}, {"surprise": "yes"}])
def test_autosave_of_nothing_begins_nothing(client, owed, lead, sent):
    client.force_login(lead.person)
    assert client.post(reverse("programmes:save_report", args=[owed.pk]), sent).status_code == 200
    assert not Report.objects.exists()


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
    with pytest.raises(ValidationError, match="no details of children"):
        drafts.save(owed, {"activity": text}, base="", by=lead.person)
    assert not Report.objects.exists()


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
        drafts.save(owed, WHOLE, base="", by=reader)
    drafts.save(owed, WHOLE, base="", by=data)
    with pytest.raises(Refused):
        reports.send_report(Report.objects.get(), by=data)


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
    client.post(reverse("programmes:write_report", args=[owed.pk]), {"activity": pasted + "\0", "base_version": ""})
    assert Report.objects.get().activity == pasted.replace("\r\n", "\n")


def test_looking_at_the_page_begins_no_report(client, owed, lead):
    client.force_login(lead.person)
    assert client.get(reverse("programmes:write_report", args=[owed.pk])).status_code == 200
    assert not Report.objects.exists()


def test_a_question_is_not_answered_by_sending_nothing_new(client, owed, lead, staff):
    sent = reports.send_report(written(owed, lead), by=lead.person)
    reports.ask_a_question(sent, text="How many families?", by=staff)
    client.force_login(lead.person)

    for answer in (
        client.get(reverse("programmes:check_report", args=[owed.pk]), follow=True),
        client.post(reverse("programmes:check_report", args=[owed.pk]), follow=True),
    ):
        said = answer.content.decode()
        assert "nothing is different from what you sent before" in said
        assert "has arrived" not in said
    owed.refresh_from_db()
    assert owed.status == ObligationStatus.QUERIED


def test_only_a_report_is_written_and_only_what_is_none_is_marked_as_received(client, owed, lead, staff):
    signature = ObligationFactory(partnership=owed.partnership, kind=ObligationKind.AGREEMENT)
    client.force_login(lead.person)
    client.post(reverse("programmes:write_report", args=[signature.pk]), WHOLE)
    assert not Report.objects.filter(obligation=signature).exists()

    client.force_login(staff)
    for one in (owed, signature):
        answer = client.post(reverse("programmes:mark_received", args=[one.pk]), follow=True)
        assert "arrives on its own page" in answer.content.decode()
        one.refresh_from_db()
        assert one.status == ObligationStatus.OWED
