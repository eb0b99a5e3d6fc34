import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from notices.models import Notice
from partners.actions import people
from partners.choices import MembershipRole
from partners.models import Invitation
from people.choices import StaffRole
from people.models import Person
from tests.factories import InvitationFactory, MembershipFactory, OrganisationFactory, PersonFactory, StaffFactory

pytestmark = pytest.mark.django_db

ACCEPTED = {"name": "Nia Newcomer", "job_title": "Team manager", "password": "three plain words"}


@pytest.fixture
def lead():
    return MembershipFactory().person


@pytest.fixture
def organisation(lead):
    return lead.memberships.get().organisation


@pytest.fixture
def link(lead, organisation):
    people.invite_member(organisation, email="new@demo.example", role=MembershipRole.EDITOR, by=lead)
    return re.search(r"(/invitations/[^/]+/)", Notice.objects.latest("id").body_text)[1]


# --- the link ------------------------------------------------------------------------------------------------------------


def test_looking_at_an_invitation_changes_nothing(client, link):
    for _ in range(3):
        assert client.get(link).status_code == 200

    assert Invitation.objects.open().count() == 1
    assert not Person.objects.filter(email="new@demo.example").exists()


def test_a_new_person_sets_name_role_and_password_and_is_signed_in(client, link, organisation):
    response = client.post(link, ACCEPTED, follow=True)

    person = Person.objects.get(email="new@demo.example")
    assert response.context["user"] == person
    assert person.memberships.current().get().organisation == organisation


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"password": "short"}, "password"),
        ({"password": "new@demo.example"}, "password"),
        ({"password": "password1234"}, "password"),
        ({"name": ""}, "name"),
        ({"name": "x" * 151}, "name"),
        ({"job_title": "   "}, "job_title"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_set_up(client, link, changes, field):
    response = client.post(link, ACCEPTED | changes)

    assert list(response.context["form"].errors) == [field]
    assert not Person.objects.filter(email="new@demo.example").exists()


def test_nobody_becomes_more_than_they_were_invited_to_be(client, link):
    client.post(link, ACCEPTED | {"is_staff": "1", "is_superuser": "1", "role": "lead", "email": "other@demo.example"})

    person = Person.objects.get(email="new@demo.example")
    assert (person.is_staff, person.is_superuser) == (False, False)
    assert person.memberships.get().role == MembershipRole.EDITOR


def test_whoever_has_an_account_signs_in_and_comes_back(client, link):
    PersonFactory(email="new@demo.example")

    response = client.post(link, ACCEPTED)

    assert f"/account/login/?next={link}" in response.content.decode()
    assert Invitation.objects.open().exists()


def test_a_signed_in_person_accepts_with_one_click(client, link, organisation):
    person = PersonFactory(email="new@demo.example")
    client.force_login(person)

    client.post(link)

    assert person.memberships.current().get().organisation == organisation


def test_a_link_for_somebody_else_says_so(client, link, lead):
    client.force_login(lead)

    response = client.post(link)

    assert response.status_code == 403
    assert "somebody else" in response.content.decode()
    assert "new@demo.example" not in response.content.decode()


def test_a_used_link_says_so(client, link):
    client.post(link, ACCEPTED)
    client.logout()

    response = client.get(link)

    assert response.status_code == 410
    assert "was used already" in response.content.decode()


def test_a_withdrawn_link_says_so(client, link, lead):
    people.withdraw(Invitation.objects.open().get(), by=lead)

    response = client.post(link, ACCEPTED)

    assert response.status_code == 410
    assert "was withdrawn" in response.content.decode()


def test_an_old_link_says_so(client, link):
    a_week_ago = timezone.now() - timedelta(days=8)
    Invitation.objects.update(invited_at=a_week_ago, expires_at=a_week_ago + timedelta(days=7))

    response = client.post(link, ACCEPTED)

    assert response.status_code == 410
    assert "too old" in response.content.decode()


@pytest.mark.parametrize("token", ["x", "a" * 5000, "%00", "é", "..", "' or 1=1 --"])
def test_a_link_that_we_do_not_know_says_so(client, token):
    response = client.get(f"/invitations/{token}/")

    assert response.status_code in {400, 404}


# --- a partner's own people ----------------------------------------------------------------------------------------------


def test_colleagues_see_one_another_and_nobody_else(client, lead, organisation):
    colleague = MembershipFactory(organisation=organisation, role=MembershipRole.READER).person
    stranger = MembershipFactory().person
    client.force_login(colleague)

    page = client.get(reverse("partners:our_people")).content.decode()

    assert lead.email in page
    assert stranger.email not in page
    assert "Invite a colleague" not in page


def test_a_lead_invites_from_the_page(client, lead, organisation):
    client.force_login(lead)

    client.post(reverse("partners:invite", args=[organisation.slug]), {"email": "a@demo.example", "role": "data"})

    assert Invitation.objects.open().get().email == "a@demo.example"


@pytest.mark.parametrize(
    "email", ["", "nobody", "a b@demo.example", "x" * 300 + "@demo.example", "a@demo.example\r\nBcc: b@c.example"]
)
def test_an_address_that_is_none_is_refused(client, lead, organisation, email):
    client.force_login(lead)

    response = client.post(reverse("partners:invite", args=[organisation.slug]), {"email": email, "role": "data"})

    assert "email" in response.context["form"].errors


@pytest.mark.parametrize("role", ["", "owner", "LEAD"])
def test_a_role_that_is_none_is_refused(client, lead, organisation, role):
    client.force_login(lead)

    response = client.post(
        reverse("partners:invite", args=[organisation.slug]), {"email": "a@demo.example", "role": role}
    )

    assert "role" in response.context["form"].errors


def test_the_people_of_others_are_not_found(client, lead):
    other = MembershipFactory()
    invitation = InvitationFactory(organisation=other.organisation)
    client.force_login(lead)

    for name, key in [
        ("partners:membership", other.pk),
        ("partners:end_membership", other.pk),
        ("partners:withdraw_invitation", invitation.pk),
        ("partners:invite", other.organisation.slug),
    ]:
        assert client.get(reverse(name, args=[key])).status_code == 404
    assert client.post(reverse("partners:invite_again", args=[invitation.pk])).status_code == 404


def test_a_colleague_who_is_no_lead_may_look_but_not_touch(client, organisation, lead):
    client.force_login(MembershipFactory(organisation=organisation, role=MembershipRole.EDITOR).person)
    theirs = lead.memberships.get()

    assert client.post(reverse("partners:membership", args=[theirs.pk]), {"role": "reader"}).status_code == 403
    assert client.post(reverse("partners:end_membership", args=[theirs.pk])).status_code == 403
    assert client.get(reverse("partners:invite", args=[organisation.slug])).status_code == 403


def test_the_last_lead_is_told_why_they_cannot_leave(client, lead):
    client.force_login(lead)

    response = client.post(reverse("partners:end_membership", args=[lead.memberships.get().pk]), follow=True)

    assert "needs at least one lead" in response.content.decode()


@pytest.mark.parametrize("count", [1, 25])
def test_the_page_of_people_costs_the_same_however_many_there_are(
    client, lead, organisation, count, django_assert_max_num_queries
):
    MembershipFactory.create_batch(count, organisation=organisation, role=MembershipRole.READER)
    InvitationFactory.create_batch(count, organisation=organisation)
    client.force_login(lead)
    client.get(reverse("partners:our_people"))

    with django_assert_max_num_queries(16):
        client.get(reverse("partners:our_people"))


# --- staff -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["staff_people", "staff_invite", "staff_invitations"])
def test_only_staff_see_everybody(client, lead, name):
    client.force_login(lead)

    assert client.get(reverse(f"partners:{name}")).status_code == 403


def test_staff_find_people_by_name_address_and_organisation(client):
    found = MembershipFactory(person__name="Zebedee Quill", organisation__name="Quillshire").person
    MembershipFactory()
    client.force_login(StaffFactory())

    for words in ["zebedee", found.email[:9], "quillshire"]:
        page = client.get(reverse("partners:staff_people"), {"q": words}).context["page"]
        assert found in page.object_list


@pytest.mark.parametrize("kind", ["staff", "partners", "others", "closed", "nonsense", ""])
def test_every_kind_of_person_can_be_listed(client, kind):
    MembershipFactory.create_batch(2)
    client.force_login(StaffFactory())

    assert client.get(reverse("partners:staff_people"), {"kind": kind, "page": "x"}).status_code == 200


@pytest.mark.parametrize("count", [1, 25])
def test_the_list_of_everybody_costs_the_same_however_many_there_are(client, count, django_assert_max_num_queries):
    MembershipFactory.create_batch(count)
    client.force_login(StaffFactory())
    client.get(reverse("partners:staff_people"))

    with django_assert_max_num_queries(14):
        client.get(reverse("partners:staff_people"))


def test_programme_staff_invite_the_lead_of_an_authority(client):
    organisation = OrganisationFactory()
    client.force_login(StaffFactory())

    asked = {"purpose": "member", "email": "dcs@demo.example", "organisation": organisation.pk, "role": "lead"}
    client.post(reverse("partners:staff_invite"), asked)

    invitation = Invitation.objects.get()
    assert (invitation.organisation, invitation.role) == (organisation, MembershipRole.LEAD)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"purpose": "member", "email": "a@demo.example", "role": "lead"}, "organisation"),
        ({"purpose": "member", "email": "a@demo.example", "organisation": "999999", "role": "lead"}, "organisation"),
        ({"purpose": "staff", "email": "a@demo.example"}, "staff_role"),
        ({"purpose": "emperor", "email": "a@demo.example"}, "purpose"),
        ({"purpose": "assessor", "email": ""}, "email"),
    ],
)
def test_an_incomplete_invitation_says_what_is_missing(client, asked, field):
    client.force_login(StaffFactory(post=StaffRole.ADMINISTRATOR))

    response = client.post(reverse("partners:staff_invite"), asked)

    assert field in response.context["form"].errors
    assert not Invitation.objects.exists()


def test_programme_staff_are_not_offered_to_invite_staff_and_cannot(client):
    client.force_login(StaffFactory())
    asked = {"purpose": "staff", "email": "a@demo.example", "staff_role": "administrator"}

    response = client.post(reverse("partners:staff_invite"), asked)

    assert "purpose" in response.context["form"].errors
    assert "a@demo.example" in response.content.decode()
    assert not Invitation.objects.exists()


@pytest.mark.parametrize("post", [StaffRole.AUDITOR, StaffRole.COMMUNICATIONS])
def test_who_may_invite_nobody_is_not_offered_to(client, post):
    client.force_login(StaffFactory(post=post))

    assert reverse("partners:staff_invite") not in client.get(reverse("partners:staff_people")).content.decode()
    assert client.get(reverse("partners:staff_invite")).status_code == 403


def test_an_administrator_gives_and_ends_staff_roles(client):
    person = PersonFactory()
    client.force_login(StaffFactory(post=StaffRole.ADMINISTRATOR))

    client.post(reverse("partners:give_role", args=[person.pk]), {"role": "research"})
    assert Person.objects.get(pk=person.pk).staff_roles == {StaffRole.RESEARCH}
    client.post(reverse("partners:end_role", args=[person.posts.get().pk]))
    assert Person.objects.get(pk=person.pk).staff_roles == frozenset()


def test_a_closed_account_is_out_at_once(client, client_of):
    person = MembershipFactory().person
    theirs = client_of(person)
    assert theirs.get("/workspace/people/").status_code == 200

    client.force_login(StaffFactory(post=StaffRole.ADMINISTRATOR))
    client.post(reverse("partners:close_account", args=[person.pk]))

    assert theirs.get("/workspace/people/").status_code == 302


@pytest.fixture
def client_of():

    def signed_in(person):
        client = Client()
        client.force_login(person)
        return client

    return signed_in


@pytest.mark.parametrize("name", ["close_account", "open_account", "give_role"])
def test_programme_staff_do_not_manage_accounts(client, name):
    client.force_login(StaffFactory())

    response = client.post(reverse(f"partners:{name}", args=[PersonFactory().pk]), {"role": "administrator"})

    assert response.status_code == 403


def test_every_page_of_staff_about_people_opens(client):
    member = MembershipFactory()
    InvitationFactory()
    client.force_login(StaffFactory(post=StaffRole.ADMINISTRATOR))

    for address in [
        reverse("partners:staff_invitations"),
        reverse("partners:person", args=[member.person_id]),
        reverse("partners:membership", args=[member.pk]),
        reverse("partners:end_membership", args=[member.pk]),
        reverse("partners:close_account", args=[member.person_id]),
        reverse("partners:withdraw_invitation", args=[Invitation.objects.get().pk]),
    ]:
        assert client.get(address).status_code in {200, 403}, address
