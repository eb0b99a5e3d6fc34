import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from django.utils.timezone import localdate

from audit.models import Event
from lifecycle.actions import RecordChanged
from notices.choices import NoticeKind
from notices.models import Notice
from partners.actions import people
from partners.actions.people import InvitationRefused, MembershipRefused
from partners.choices import MembershipRole
from partners.models import Invitation, Membership
from people.choices import StaffRole
from people.models import Person
from people.rules import Refused
from tests.factories import MembershipFactory, OrganisationFactory, PersonFactory, StaffFactory

pytestmark = pytest.mark.django_db


def token_in_mail() -> str:
    return re.search(r"/invitations/([^/]+)/", Notice.objects.latest("id").body_text)[1]


@pytest.fixture
def lead():
    return MembershipFactory().person


@pytest.fixture
def organisation(lead):
    return lead.memberships.get().organisation


def test_a_lead_invites_a_colleague_by_e_mail(lead, organisation):
    invitation = people.invite_member(organisation, email="new@demo.example", role=MembershipRole.EDITOR, by=lead)

    notice = Notice.objects.about(invitation).get()
    assert (notice.to, notice.kind) == ("new@demo.example", NoticeKind.SECURITY)
    assert people.invitation_with(token_in_mail()) == invitation
    assert invitation.expires_at - invitation.invited_at == timedelta(days=7)


def test_the_secret_of_an_invitation_is_not_in_its_record(lead, organisation):
    invitation = people.invite_member(organisation, email="new@demo.example", role=MembershipRole.EDITOR, by=lead)

    assert token_in_mail() not in str(Invitation.objects.filter(pk=invitation.pk).values().get())


@pytest.mark.parametrize("role", [MembershipRole.EDITOR, MembershipRole.DATA, MembershipRole.READER])
def test_only_a_lead_invites(organisation, role):
    colleague = MembershipFactory(organisation=organisation, role=role).person

    with pytest.raises(Refused):
        people.invite_member(organisation, email="new@demo.example", role=MembershipRole.EDITOR, by=colleague)


def test_a_lead_invites_nobody_into_another_organisation(lead):
    with pytest.raises(Refused):
        people.invite_member(OrganisationFactory(), email="new@demo.example", role=MembershipRole.EDITOR, by=lead)


def test_whoever_belongs_already_is_not_invited(lead, organisation):
    with pytest.raises(InvitationRefused, match="already"):
        people.invite_member(organisation, email=lead.email.upper(), role=MembershipRole.EDITOR, by=lead)


def test_a_second_invitation_takes_the_place_of_the_first(lead, organisation):
    first = people.invite_member(organisation, email="new@demo.example", role=MembershipRole.EDITOR, by=lead)
    second = people.invite_member(organisation, email="NEW@demo.example", role=MembershipRole.LEAD, by=lead)

    assert list(Invitation.objects.open()) == [second]
    first.refresh_from_db()
    assert first.withdrawn_at is not None


def test_a_second_click_is_the_same_invitation_and_a_new_link_is_a_new_one(lead, organisation):
    asked = {"email": "new@demo.example", "role": MembershipRole.EDITOR, "by": lead}
    first = people.invite_member(organisation, **asked)
    assert people.invite_member(organisation, **asked) == first
    assert Notice.objects.filter(to="new@demo.example").count() == 1

    anew = people.invite_again(first, by=lead)

    assert anew != first
    assert list(Invitation.objects.open()) == [anew]


def test_a_new_person_accepts_and_belongs(lead, organisation):
    invitation = people.invite_member(organisation, email="New@demo.example", role=MembershipRole.EDITOR, by=lead)

    person = people.accept_as_new_person(
        invitation, name="Nia Newcomer", job_title="Team manager", password="three plain words"
    )

    membership = person.memberships.current().get()
    assert (membership.organisation, membership.role) == (organisation, MembershipRole.EDITOR)
    assert person.emailaddress_set.get().verified
    assert person.check_password("three plain words")
    assert Notice.objects.filter(template="partners/emails/invitation_accepted", to=lead.email).exists()


def test_an_invitation_is_for_one_address_only(lead, organisation):
    invitation = people.invite_member(organisation, email="new@demo.example", role=MembershipRole.EDITOR, by=lead)

    with pytest.raises(InvitationRefused):
        people.accept(invitation, by=PersonFactory())

    assert Invitation.objects.open().get() == invitation


def test_a_confirmed_second_address_will_do(lead, organisation):
    person = PersonFactory()
    person.emailaddress_set.create(email="second@demo.example", verified=True)
    invitation = people.invite_member(organisation, email="second@demo.example", role=MembershipRole.EDITOR, by=lead)

    people.accept(invitation, by=person)

    assert person.memberships.current().get().organisation == organisation


def test_an_older_invitation_to_a_second_address_takes_no_role_away(lead, organisation):
    lead.emailaddress_set.create(email="second@demo.example", verified=True)
    invitation = people.invite_member(organisation, email="second@demo.example", role=MembershipRole.EDITOR, by=lead)

    people.accept(invitation, by=lead)

    assert lead.memberships.current().get().role == MembershipRole.LEAD


def test_an_address_that_is_not_confirmed_will_not_do(lead, organisation):
    person = PersonFactory()
    person.emailaddress_set.create(email="second@demo.example", verified=False)
    invitation = people.invite_member(organisation, email="second@demo.example", role=MembershipRole.EDITOR, by=lead)

    with pytest.raises(InvitationRefused):
        people.accept(invitation, by=person)


def test_an_invitation_works_for_seven_days(lead, organisation):
    person = PersonFactory()
    invitation = people.invite_member(organisation, email=person.email, role=MembershipRole.EDITOR, by=lead)

    with (
        time_machine.travel(timezone.now() + timedelta(days=7, seconds=1), tick=False),
        pytest.raises(InvitationRefused),
    ):
        people.accept(invitation, by=person)


def test_an_invitation_works_once(lead, organisation):
    person = PersonFactory()
    invitation = people.invite_member(organisation, email=person.email, role=MembershipRole.EDITOR, by=lead)
    people.accept(invitation, by=person)

    with pytest.raises(InvitationRefused):
        people.accept(invitation, by=person)


def test_a_withdrawn_invitation_does_not_work(lead, organisation):
    person = PersonFactory()
    invitation = people.invite_member(organisation, email=person.email, role=MembershipRole.EDITOR, by=lead)
    people.withdraw(invitation, by=lead)

    with pytest.raises(InvitationRefused):
        people.accept(invitation, by=person)


def test_an_accepted_invitation_cannot_be_withdrawn(lead, organisation):
    person = PersonFactory()
    invitation = people.invite_member(organisation, email=person.email, role=MembershipRole.EDITOR, by=lead)
    people.accept(invitation, by=person)

    with pytest.raises(RecordChanged):
        people.withdraw(invitation, by=lead)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_accept_at_once_one_gets_in(lead, organisation):
    invitation = people.invite_member(organisation, email="new@demo.example", role=MembershipRole.EDITOR, by=lead)

    def accept(number: int) -> str:
        try:
            people.accept_as_new_person(
                invitation, name=f"N {number}", job_title="Manager", password="three plain words"
            )
        except InvitationRefused:
            return "refused"
        finally:
            connection.close()
        return "accepted"

    with ThreadPoolExecutor(2) as pool:
        outcomes = sorted(pool.map(accept, range(2)))

    assert outcomes == ["accepted", "refused"]
    assert Person.objects.filter(email="new@demo.example").count() == 1


def test_an_invited_colleague_of_the_centre_gets_a_staff_role():
    administrator = StaffFactory(post=StaffRole.ADMINISTRATOR)
    newcomer = PersonFactory()
    invitation = people.invite_staff(email=newcomer.email, staff_role=StaffRole.RESEARCH, by=administrator)

    people.accept(invitation, by=newcomer)

    assert newcomer.staff_roles == {StaffRole.RESEARCH}


@pytest.mark.parametrize(
    "role", [StaffRole.PROGRAMMES, StaffRole.RESEARCH, StaffRole.COMMUNICATIONS, StaffRole.AUDITOR]
)
def test_only_an_administrator_invites_staff(role):
    with pytest.raises(Refused):
        people.invite_staff(email="new@demo.example", staff_role=StaffRole.ADMINISTRATOR, by=StaffFactory(post=role))


def test_a_new_role_starts_when_the_old_one_ends(lead, organisation):
    colleague = MembershipFactory(organisation=organisation, role=MembershipRole.READER)

    people.change_role(colleague, role=MembershipRole.EDITOR, by=lead)

    history = Membership.objects.filter(person=colleague.person).order_by("pk").values_list("role", "ends_on")
    assert list(history) == [(MembershipRole.READER, localdate()), (MembershipRole.EDITOR, None)]


def test_a_role_can_change_twice_in_a_day(lead, organisation):
    colleague = MembershipFactory(organisation=organisation, role=MembershipRole.READER)

    editor = people.change_role(colleague, role=MembershipRole.EDITOR, by=lead)
    people.change_role(editor, role=MembershipRole.DATA, by=lead)

    assert colleague.person.memberships.current().get().role == MembershipRole.DATA


def test_a_lead_cannot_leave_an_organisation_without_one(lead):
    with pytest.raises(MembershipRefused, match="at least one lead"):
        people.end_membership(lead.memberships.get(), by=lead)


def test_a_lead_cannot_step_down_when_the_other_lead_has_a_closed_account(lead, organisation):
    MembershipFactory(organisation=organisation, person__is_active=False)

    with pytest.raises(MembershipRefused):
        people.change_role(lead.memberships.get(), role=MembershipRole.READER, by=lead)


def test_programme_staff_may_end_the_membership_of_the_last_lead(lead):
    people.end_membership(lead.memberships.get(), by=StaffFactory())

    assert not lead.memberships.current().exists()


def test_a_membership_that_changed_meanwhile_is_left_alone(lead, organisation):
    seen = MembershipFactory(organisation=organisation, role=MembershipRole.READER)
    people.change_role(seen, role=MembershipRole.EDITOR, by=lead)

    with pytest.raises(RecordChanged):
        people.end_membership(seen, by=lead)


@pytest.mark.django_db(transaction=True)
def test_two_leads_who_leave_at_once_leave_one_behind(organisation, lead):
    other = MembershipFactory(organisation=organisation).person

    def leave(person: Person) -> str:
        try:
            people.end_membership(person.memberships.get(), by=person)
        except MembershipRefused:
            return "refused"
        finally:
            connection.close()
        return "left"

    with ThreadPoolExecutor(2) as pool:
        outcomes = sorted(pool.map(leave, [lead, other]))

    assert outcomes == ["left", "refused"]


def test_whoever_leaves_is_out_the_same_minute(client, lead, organisation):
    colleague = MembershipFactory(organisation=organisation, role=MembershipRole.EDITOR)
    client.force_login(colleague.person)
    assert client.get("/workspace/people/").status_code == 200

    people.end_membership(colleague, by=lead)

    assert client.get("/workspace/people/").status_code == 302
    assert not type(organisation).objects.of(colleague.person).exists()


def test_what_is_done_to_people_is_on_record_without_their_names(lead, organisation):
    people.invite_member(organisation, email="new@demo.example", role=MembershipRole.EDITOR, by=lead)

    event = Event.objects.get(verb="invited somebody")
    assert event.person_id == lead.pk
    assert event.details == {"purpose": "member", "role": "editor"}
