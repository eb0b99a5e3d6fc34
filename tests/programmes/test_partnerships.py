from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone
from django.utils.timezone import localdate

from lifecycle.actions import MoveRefused, RecordChanged
from notices.models import Notice
from partners.choices import AgreementStatus, MembershipRole
from people.choices import StaffRole
from people.rules import Refused
from programmes.actions import partnerships
from programmes.choices import ObligationKind, ObligationStatus, PartnershipStatus
from programmes.models import Obligation, Partnership
from tests.factories import (
    MembershipFactory,
    ObligationFactory,
    OrganisationFactory,
    PartnershipFactory,
    PersonFactory,
    ProgrammeFactory,
    StaffFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff():
    return StaffFactory()


@pytest.fixture
def lead():
    return MembershipFactory(role=MembershipRole.LEAD)


@pytest.fixture
def proposed(lead, staff):
    return partnerships.propose(
        lead.organisation,
        ProgrammeFactory(),
        practice_name="Coaching",
        practice="A coach.",
        group="Parents",
        by=lead.person,
    )


def test_a_proposed_partnership_is_invisible_and_owes_its_first_signatures(proposed):
    assert proposed.status == PartnershipStatus.PROPOSED
    assert proposed.public_from is None
    assert not Partnership.objects.visible_to(AnonymousUser()).exists()
    assert set(proposed.obligations.values_list("kind", flat=True)) == {
        ObligationKind.AGREEMENT,
        ObligationKind.DATA_SHARING,
    }
    assert proposed.agreement.status == AgreementStatus.DRAFTED


def test_the_same_practice_is_not_proposed_twice(proposed, lead):
    with pytest.raises(ValidationError, match="already a partnership"):
        partnerships.propose(lead.organisation, proposed.programme, practice_name="Coaching", by=lead.person)


def test_an_agreement_is_issued_signed_by_the_lead_and_the_duty_is_done(proposed, lead, staff):
    partnerships.issue_agreement(proposed, terms="We agree.", by=staff)
    partnerships.sign_agreement(
        proposed, office="Director of Children’s Services", read=proposed.agreement.issued_at, by=lead.person
    )
    proposed.refresh_from_db()
    assert proposed.status == PartnershipStatus.SIGNED
    assert proposed.agreement.status == AgreementStatus.SIGNED
    assert proposed.agreement.signed_by_role == "Director of Children’s Services"
    assert proposed.obligations.get(kind=ObligationKind.AGREEMENT).status == ObligationStatus.ACCEPTED
    assert Notice.objects.filter(key__startswith="agreement-ready:", to=lead.person.email).count() == 1
    assert Notice.objects.filter(key__startswith="agreement-signed:", to=staff.email).count() == 1


def test_signing_twice_is_refused_and_leaves_one_signature(proposed, lead, staff):
    partnerships.issue_agreement(proposed, terms="We agree.", by=staff)
    stale = Partnership.objects.get(pk=proposed.pk)
    partnerships.sign_agreement(proposed, office="Director", read=proposed.agreement.issued_at, by=lead.person)
    with pytest.raises(RecordChanged):
        partnerships.sign_agreement(stale, office="Somebody else", read=stale.agreement.issued_at, by=lead.person)
    proposed.agreement.refresh_from_db()
    assert proposed.agreement.signed_by_role == "Director"


def test_terms_are_corrected_before_they_are_signed_and_the_leads_are_told_again(client, proposed, lead, staff):
    partnerships.issue_agreement(proposed, terms="We agree on 10 teams.", by=staff)
    client.force_login(staff)
    url = reverse("programmes:correct_agreement", args=[proposed.pk])
    assert "Correct the agreement" in client.get(proposed.get_absolute_url()).text
    assert "We agree on 10 teams." in client.get(url).text
    assert client.post(url, {"terms": "We agree on 12 teams."}).status_code == 302
    proposed.refresh_from_db()
    assert (proposed.agreement.status, proposed.agreement.terms) == (AgreementStatus.ISSUED, "We agree on 12 teams.")
    assert proposed.status == PartnershipStatus.ISSUED
    assert Notice.objects.filter(key__startswith="agreement-ready:", to=lead.person.email).count() == 2


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ("", "needs an answer"),
        ("   ", "needs an answer"),
        ("We agree.", "has already"),
        ("x" * 20001, "20000 characters"),
    ],
)
def test_a_correction_that_says_nothing_new_is_not_sent(client, proposed, lead, staff, terms, said):
    partnerships.issue_agreement(proposed, terms="We agree.", by=staff)
    client.force_login(staff)
    answer = client.post(reverse("programmes:correct_agreement", args=[proposed.pk]), {"terms": terms})
    assert said in answer.text
    assert Notice.objects.filter(key__startswith="agreement-ready:").count() == 1


@pytest.mark.parametrize("is_signed", [True, False])
def test_only_what_waits_for_a_signature_is_corrected(proposed, lead, staff, is_signed):
    if is_signed:
        partnerships.issue_agreement(proposed, terms="We agree.", by=staff)
        partnerships.sign_agreement(proposed, office="Director", read=proposed.agreement.issued_at, by=lead.person)
    with pytest.raises(ValidationError, match="Nothing was changed"):
        partnerships.correct_agreement(proposed, terms="Other terms", by=staff)


def test_nobody_signs_terms_that_were_changed_while_they_were_read(client, proposed, lead, staff):
    partnerships.issue_agreement(proposed, terms="We agree on 10 teams.", by=staff)
    client.force_login(lead.person)
    url = reverse("programmes:sign", args=[proposed.pk])
    page = client.get(url).text
    read = proposed.agreement.issued_at.isoformat()
    assert f'value="{read}"' in page
    partnerships.correct_agreement(proposed, terms="We agree on 12 teams.", by=staff)
    typed = {"office": "Director", "agreed": "on"}
    for stale in (typed | {"read": read}, typed | {"read": "nonsense"}, typed):
        assert client.post(url, stale).status_code == 409
    proposed.refresh_from_db()
    assert proposed.status == PartnershipStatus.ISSUED
    assert "We agree on 12 teams." in client.get(url).text
    assert client.post(url, typed | {"read": proposed.agreement.issued_at.isoformat()}).status_code == 302
    proposed.refresh_from_db()
    assert proposed.status == PartnershipStatus.SIGNED


def test_an_editor_cannot_sign(proposed, lead, staff):
    partnerships.issue_agreement(proposed, terms="We agree.", by=staff)
    editor = MembershipFactory(organisation=lead.organisation, role=MembershipRole.EDITOR).person
    with pytest.raises(Refused):
        partnerships.sign_agreement(proposed, office="Director", read=proposed.agreement.issued_at, by=editor)


def test_a_signature_dated_tomorrow_is_refused(proposed, staff):
    partnerships.issue_agreement(proposed, terms="We agree.", by=staff)
    with pytest.raises(ValidationError, match="future"):
        partnerships.record_signature(proposed, office="Director", on=localdate() + timedelta(days=1), by=staff)
    proposed.refresh_from_db()
    assert proposed.status == PartnershipStatus.ISSUED


def test_an_unsigned_partnership_cannot_start(proposed, staff):
    with pytest.raises(MoveRefused):
        partnerships.start(proposed, on=localdate(), by=staff)


def test_an_announcement_is_seen_from_its_moment_and_not_before(staff):
    partnership = PartnershipFactory(public_from=None)
    moment = timezone.now() + timedelta(seconds=2)
    partnerships.announce([partnership], at=moment, by=staff)
    assert not Partnership.objects.visible_to(AnonymousUser()).exists()
    Partnership.objects.update(public_from=timezone.now())
    assert Partnership.objects.visible_to(AnonymousUser()).get() == partnership


def test_what_is_public_does_not_get_a_later_moment(client, staff):
    partnership = PartnershipFactory()
    was = partnership.public_from
    with pytest.raises(ValidationError, match="public already"):
        partnerships.announce([partnership], at=timezone.now() + timedelta(days=9), by=staff)
    client.force_login(staff)
    page = client.post(reverse("programmes:announce", args=[partnership.pk]), {"on": "2030-01-01", "at": "09:30"})
    assert "public already" in page.content.decode()
    partnership.refresh_from_db()
    assert partnership.public_from == was


def test_an_announcement_that_has_come_cannot_be_held_back(staff):
    partnership = PartnershipFactory()
    with pytest.raises(RecordChanged):
        partnerships.hold_announcement(partnership, by=staff)


@pytest.mark.parametrize("is_signed", [True, False])
def test_the_agreement_ends_with_the_partnership_and_its_mail_is_withdrawn(proposed, lead, staff, is_signed):
    partnerships.issue_agreement(proposed, terms="We agree.", by=staff)
    if is_signed:
        partnerships.sign_agreement(proposed, office="Director", read=proposed.agreement.issued_at, by=lead.person)
    partnerships.leave(proposed, reason="The team was dissolved.", on=localdate(), withdrew=True, by=staff)
    proposed.refresh_from_db()
    assert proposed.agreement.status == AgreementStatus.ENDED
    assert not Notice.objects.about(proposed).unsent().exists()


def test_a_partnership_is_kept_from_staff_in_conflict_until_it_is_announced(client, lead):
    conflicted, colleague = StaffFactory(), StaffFactory()
    partnership = partnerships.propose(
        lead.organisation, ProgrammeFactory(), practice_name="Coaching", kept_from=[conflicted.pk], by=lead.person
    )
    partnerships.issue_agreement(partnership, terms="We agree.", by=colleague)
    partnerships.sign_agreement(partnership, office="Director", read=partnership.agreement.issued_at, by=lead.person)
    owed = partnership.obligations.first()
    hidden = [partnership.get_absolute_url(), owed.get_absolute_url()]
    client.force_login(conflicted)
    assert [client.get(address).status_code for address in hidden] == [404, 404]
    assert not Partnership.objects.visible_to(conflicted).exists()
    assert not Obligation.objects.visible_to(conflicted).exists()
    assert not conflicted.has_perm("programmes.manage_partnership", partnership)
    mails = Notice.objects.about(partnership)
    assert mails.filter(to=colleague.email).exists()
    assert not mails.filter(to=conflicted.email).exists()
    assert mails.visible_to(colleague).count() == mails.count() > 0
    assert not mails.visible_to(conflicted).exists()

    partnerships.announce([partnership], at=timezone.now(), by=colleague)

    assert [client.get(address).status_code for address in hidden] == [200, 200]


def test_leaving_needs_a_public_reason_and_settles_what_is_owed(staff):
    partnership = PartnershipFactory()
    ObligationFactory(partnership=partnership)
    with pytest.raises(ValidationError, match="reason"):
        partnerships.leave(partnership, reason="  ", on=localdate(), withdrew=True, by=staff)
    partnerships.leave(partnership, reason="A restructure.", on=localdate(), withdrew=True, by=staff)
    assert set(Obligation.objects.values_list("status", flat=True)) == {ObligationStatus.WAIVED}


ROLES = ("anonymous", "stranger", "lead", "reader", "other_lead", "programmes", "research", "auditor")


@pytest.mark.parametrize("role", ROLES)
def test_lists_and_single_answers_about_partnerships_agree(role):
    ours, theirs = OrganisationFactory(), OrganisationFactory()
    hidden_programme = ProgrammeFactory(public_from=None)
    rows = [
        PartnershipFactory(organisation=organisation, programme=programme, public_from=public_from)
        for organisation in (ours, theirs)
        for programme in (ProgrammeFactory(), hidden_programme)
        for public_from in (None, timezone.now() - timedelta(days=1), timezone.now() + timedelta(days=1))
    ]
    person = {
        "anonymous": AnonymousUser,
        "stranger": PersonFactory,
        "lead": lambda: MembershipFactory(organisation=ours, role=MembershipRole.LEAD).person,
        "reader": lambda: MembershipFactory(organisation=ours, role=MembershipRole.READER).person,
        "other_lead": lambda: MembershipFactory(organisation=theirs, role=MembershipRole.LEAD).person,
        "programmes": StaffFactory,
        "research": lambda: StaffFactory(post=StaffRole.RESEARCH),
        "auditor": lambda: StaffFactory(post=StaffRole.AUDITOR),
    }[role]()
    listed = set(Partnership.objects.visible_to(person))
    assert listed == {row for row in rows if person.has_perm("programmes.view_partnership", row)}


def test_another_organisations_partnership_looks_like_a_missing_one(client, lead):
    other = PartnershipFactory(public_from=None)
    client.force_login(lead.person)
    assert client.get(reverse("programmes:partnership", args=[other.pk])).status_code == 404
    assert client.get(reverse("programmes:partnership", args=[999999])).status_code == 404


def test_a_public_partnership_has_no_working_page_for_strangers(client):
    client.force_login(PersonFactory())
    assert client.get(PartnershipFactory().get_absolute_url()).status_code == 404


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ({"office": "", "agreed": "on"}, "“Office that signs” needs an answer."),
        ({"office": "Director"}, "to go on."),
        ({"office": "x" * 151, "agreed": "on"}, "150"),
    ],
)
def test_a_signature_that_is_not_whole_is_asked_for_again(client, proposed, lead, staff, typed, complaint):
    partnerships.issue_agreement(proposed, terms="We agree.", by=staff)
    client.force_login(lead.person)
    answer = client.post(reverse("programmes:sign", args=[proposed.pk]), typed)
    assert answer.status_code == 200
    assert complaint in answer.content.decode()
    proposed.refresh_from_db()
    assert proposed.status == PartnershipStatus.ISSUED


def test_a_list_costs_the_same_at_one_row_and_at_twenty_five(client, staff, django_assert_max_num_queries):
    client.force_login(staff)
    url = reverse("programmes:staff_partnerships")
    PartnershipFactory()
    client.get(url)
    with django_assert_max_num_queries(20) as one:
        client.get(url)
    PartnershipFactory.create_batch(24)
    with django_assert_max_num_queries(20) as many:
        client.get(url)
    assert len(many) == len(one)


def test_several_partnerships_are_announced_together(client, staff):
    first, second, third = PartnershipFactory.create_batch(3, public_from=None)
    client.force_login(staff)
    client.post(
        reverse("programmes:announcements"),
        {"partnership": [first.pk, second.pk, "nonsense"], "on": "2030-05-01", "at": "09:30"},
    )
    assert Partnership.objects.filter(public_from__isnull=False).count() == 2
    third.refresh_from_db()
    assert third.public_from is None


def test_a_time_that_the_clock_change_leaves_out_is_refused(client, staff):
    partnership = PartnershipFactory(public_from=None)
    client.force_login(staff)
    answer = client.post(reverse("programmes:announce", args=[partnership.pk]), {"on": "2040-03-25", "at": "01:30"})
    assert "does not exist on that day" in answer.content.decode()


def test_a_time_that_comes_twice_on_the_day_of_the_clock_change_is_refused(client, staff):
    partnership = PartnershipFactory(public_from=None)
    client.force_login(staff)
    answer = client.post(reverse("programmes:announce", args=[partnership.pk]), {"on": "2040-10-28", "at": "01:30"})
    assert "comes twice on that day" in answer.content.decode()
    partnership.refresh_from_db()
    assert partnership.public_from is None


def test_a_last_day_before_the_first_is_refused_on_the_page(client, staff):
    partnership = PartnershipFactory(status=PartnershipStatus.ACTIVE, starts_on=localdate())
    client.force_login(staff)

    answer = client.post(reverse("programmes:complete", args=[partnership.pk]), {"on": localdate() - timedelta(days=1)})

    assert "cannot lie before that" in answer.content.decode()
    partnership.refresh_from_db()
    assert (partnership.status, partnership.ends_on) == (PartnershipStatus.ACTIVE, None)


def test_the_load_on_a_partner_does_not_count_what_is_kept_from_its_reader(client, staff):
    kept = PartnershipFactory(public_from=None, kept_from=[staff.pk])
    PartnershipFactory(organisation=kept.organisation)

    def load(person):
        client.force_login(person)
        (row,) = [
            row
            for row in client.get(reverse("programmes:staff_partnerships")).context["page"]
            if row.organisation_id == kept.organisation_id and row.pk != kept.pk
        ]
        return row.load

    assert (load(staff), load(StaffFactory())) == (1, 2)


def test_a_second_press_of_the_button_asks_for_nothing_twice(client, staff):
    partnership = PartnershipFactory(status=PartnershipStatus.ACTIVE)
    client.force_login(staff)
    schedule = reverse("programmes:schedule", args=[partnership.pk])
    ask_for = reverse("programmes:ask_for", args=[partnership.pk])
    for _ in range(2):
        client.post(schedule, {"first_on": "2040-01-31", "every_months": 3, "how_many": 4})
        client.post(ask_for, {"kind": ObligationKind.RETURN, "title": "First return", "due_on": "2040-02-01"})

    assert partnership.obligations.filter(kind=ObligationKind.PROGRESS_REPORT).count() == 4
    assert partnership.obligations.filter(kind=ObligationKind.RETURN).count() == 1


def test_a_moment_that_has_passed_makes_nothing_public_by_accident(client, staff):
    partnership = PartnershipFactory(public_from=None)
    client.force_login(staff)
    passed = {"on": localdate() - timedelta(days=1), "at": "09:30"}
    for address, more in (
        (reverse("programmes:announce", args=[partnership.pk]), {}),
        (reverse("programmes:announcements"), {"partnership": [partnership.pk]}),
    ):
        answer = client.post(address, passed | more)
        assert "This moment has passed" in answer.content.decode()
        assert "at_once" in answer.content.decode()
    assert not Partnership.objects.visible_to(AnonymousUser()).exists()

    client.post(reverse("programmes:announce", args=[partnership.pk]), passed | {"at_once": "on"})
    assert Partnership.objects.visible_to(AnonymousUser()).get() == partnership
