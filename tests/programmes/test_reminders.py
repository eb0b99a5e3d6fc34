from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from notices.choices import NoticeStatus
from notices.mailings import words_of
from notices.models import Notice
from partners.choices import MembershipRole
from people.choices import StaffRole
from programmes.actions.obligations import moment_on, move_due_date, waive
from programmes.actions.reminders import RULES, remind_of_what_is_owed, rule_that_applies
from programmes.choices import ObligationKind, ObligationStatus, PartnershipStatus
from programmes.models import Report, ReportQuestion
from programmes.notices import not_owed_any_more
from tests.factories import MembershipFactory, ObligationFactory, PostFactory, StaffFactory

LONDON = ZoneInfo("Europe/London")
pytestmark = pytest.mark.django_db


@pytest.fixture
def report():
    """Due on 30 June 2026 at five; the partner has a lead, a data officer and a reader."""
    obligation = ObligationFactory(due_at=moment_on(date(2026, 6, 30)))
    for role in (MembershipRole.LEAD, MembershipRole.DATA, MembershipRole.READER):
        MembershipFactory(organisation=obligation.partnership.organisation, role=role)
    return obligation


def at(day, hour=9, minute=0):
    return datetime.combine(day, datetime.min.time(), tzinfo=LONDON).replace(hour=hour, minute=minute)


def keys():
    return sorted(Notice.objects.values_list("key", flat=True))


def test_nobody_is_reminded_before_the_first_rule(report):
    assert remind_of_what_is_owed(at(date(2026, 6, 16), 8, 59)) == 0


def test_lead_and_data_officer_are_reminded_fourteen_days_before_and_the_reader_is_not(report):
    assert remind_of_what_is_owed(at(date(2026, 6, 16))) == 2
    roles = report.partnership.organisation.memberships.exclude(role=MembershipRole.READER)
    assert sorted(Notice.objects.values_list("to", flat=True)) == sorted(m.person.email for m in roles)


def test_a_second_sweep_queues_nothing(report):
    remind_of_what_is_owed(at(date(2026, 6, 16)))
    assert remind_of_what_is_owed(at(date(2026, 6, 16), 9, 1)) == 0
    assert remind_of_what_is_owed(at(date(2026, 6, 20))) == 0


def test_after_a_week_without_a_clock_one_reminder_goes_out_not_three(report):
    assert remind_of_what_is_owed(at(date(2026, 6, 30), 12)) == 2
    assert all(":on-the-day:" in key for key in keys())


def test_staff_hear_of_what_is_late(report):
    StaffFactory()
    assert remind_of_what_is_owed(at(date(2026, 7, 3))) == 3
    assert [key for key in keys() if key.startswith("report-late-staff:")]


def test_what_is_long_past_is_not_chased_by_mail_any_more(report):
    assert remind_of_what_is_owed(at(date(2026, 8, 30))) == 0


def test_a_moved_date_is_reminded_of_anew_and_the_old_mail_is_taken_back(report):
    staff = StaffFactory()
    remind_of_what_is_owed(at(date(2026, 6, 16)))
    move_due_date(report, to=moment_on(date(2026, 7, 31)), why="The inspection came first.", by=staff)
    assert set(Notice.objects.values_list("status", flat=True)) == {NoticeStatus.CANCELLED}
    assert remind_of_what_is_owed(at(date(2026, 7, 17))) == 2
    assert len([key for key in keys() if ":v2:" in key]) == 2


def test_what_is_waived_is_not_reminded_of(report):
    waive(report, reason="The pilot ended.", by=StaffFactory())
    assert remind_of_what_is_owed(at(date(2026, 6, 16))) == 0


def test_a_paused_partnership_is_left_in_peace(report):
    report.partnership.status = PartnershipStatus.PAUSED
    report.partnership.save()
    assert remind_of_what_is_owed(at(date(2026, 6, 16))) == 0


def test_a_signature_is_asked_of_leads_only(report):
    report.kind = ObligationKind.AGREEMENT
    report.save()
    assert remind_of_what_is_owed(at(date(2026, 6, 16))) == 1


def test_people_who_have_left_are_not_written_to(report):
    report.partnership.organisation.memberships.update(ends_on=timezone.localdate())
    assert remind_of_what_is_owed(at(date(2026, 6, 16))) == 0


@pytest.mark.parametrize(
    ("due", "expected"),
    [
        # Clocks go back on 25 October 2026 and forward on 28 March 2027: nine in the morning stays nine in the morning.
        (date(2026, 10, 26), datetime(2026, 10, 23, 8, 0, tzinfo=UTC)),
        (date(2026, 10, 29), datetime(2026, 10, 26, 9, 0, tzinfo=UTC)),
        (date(2027, 3, 29), datetime(2027, 3, 26, 9, 0, tzinfo=UTC)),
        (date(2027, 4, 1), datetime(2027, 3, 29, 8, 0, tzinfo=UTC)),
    ],
)
def test_reminders_keep_civil_time_across_clock_changes(due, expected):
    three_before = next(rule for rule in RULES if rule.days == 3)
    assert three_before.moment(moment_on(due)) == expected


def test_rules_take_over_from_one_another_in_order_hour_by_hour():
    due_at = moment_on(date(2026, 10, 25))
    moment, seen = datetime(2026, 9, 1, tzinfo=UTC), []
    while moment < datetime(2026, 12, 1, tzinfo=UTC):
        rule = rule_that_applies(due_at, moment)
        if rule and (not seen or seen[-1] != rule.name):
            seen.append(rule.name)
        moment += timedelta(hours=1)
    assert seen == [rule.name for rule in RULES]


# --- a question about a report --------------------------------------------------------------------------------------------


@pytest.fixture
def question(report):
    """Asked at half past ten at night on 1 July 2026, which is 21:30 in UTC."""
    report.status, report.received_at = ObligationStatus.QUERIED, at(date(2026, 6, 30), 12)
    report.save()
    sent = Report.objects.create(
        obligation=report,
        number=1,
        submitted_at=report.received_at,
        submitted_by=StaffFactory(),
        activity="We visited.",
    )
    return ReportQuestion.objects.create(
        report=sent, text="How many of <10 visits?", asked_at=at(date(2026, 7, 1), 22, 30), asked_by=StaffFactory()
    )


def test_a_question_is_asked_again_after_a_week_and_after_three_then_left(question):
    assert remind_of_what_is_owed(at(date(2026, 7, 8), 8, 59)) == 0
    assert remind_of_what_is_owed(at(date(2026, 7, 8))) == 2
    assert remind_of_what_is_owed(at(date(2026, 7, 21))) == 0
    assert remind_of_what_is_owed(at(date(2026, 7, 22))) == 2
    assert remind_of_what_is_owed(at(date(2026, 8, 20))) == 0
    assert all(key.startswith("question-waits:") for key in keys())


def test_the_reminder_says_what_was_asked_and_when(question):
    remind_of_what_is_owed(at(date(2026, 7, 8)))
    letter = words_of(Notice.objects.first()).letter
    assert "How many of <10 visits?" in letter.text
    assert "How many of &lt;10 visits?" in letter.html
    assert "1 July 2026" in letter.text
    assert "1 July 2026" in letter.html


def test_a_later_question_is_reminded_of_for_itself(question):
    remind_of_what_is_owed(at(date(2026, 7, 8)))
    ReportQuestion.objects.create(
        report=question.report, text="And in July?", asked_at=at(date(2026, 7, 10)), asked_by=question.asked_by
    )
    assert remind_of_what_is_owed(at(date(2026, 7, 16))) == 0
    assert remind_of_what_is_owed(at(date(2026, 7, 17))) == 2


def held_back(notices):
    return set(not_owed_any_more(list(notices)).values())


def test_an_answer_or_a_newer_question_holds_the_reminder_back(question):
    remind_of_what_is_owed(at(date(2026, 7, 8)))
    assert held_back(Notice.objects.all()) == set()
    newer = ReportQuestion.objects.create(
        report=question.report, text="And in July?", asked_at=at(date(2026, 7, 10)), asked_by=question.asked_by
    )
    assert held_back(Notice.objects.all()) == {"There is a newer question"}
    newer.delete()
    obligation = question.report.obligation
    obligation.status = ObligationStatus.RECEIVED
    obligation.save()
    assert held_back(Notice.objects.all()) == {"It is not owed any more"}


def test_nobody_is_asked_again_while_the_partnership_is_paused(question):
    partnership = question.report.obligation.partnership
    partnership.status = PartnershipStatus.PAUSED
    partnership.save()
    assert remind_of_what_is_owed(at(date(2026, 7, 8))) == 0


def test_staff_who_have_left_programmes_for_another_role_hear_of_nothing_late(report):
    moved = StaffFactory()
    moved.posts.update(ends_on=date(2026, 5, 1))
    PostFactory(person=moved, role=StaffRole.COMMUNICATIONS)
    still = StaffFactory()

    remind_of_what_is_owed(at(date(2026, 7, 3)))

    told = Notice.objects.filter(key__startswith="report-late-staff:").values_list("person_id", flat=True)
    assert list(told) == [still.pk]
