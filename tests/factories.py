"""Believable records for tests, one factory for each model. Each app has its part; add yours under its line."""

from datetime import timedelta

import factory
from django.utils import timezone

from notices.choices import NoticeKind, NoticeStatus
from notices.models import Notice
from partners.choices import AuthorityType, InvitationPurpose, MembershipRole, OrganisationKind, Region
from partners.models import Invitation, Membership, Organisation
from people.choices import StaffRole
from people.models import Person, Post

PASSWORD = "correct horse battery"

# --- people ----------------------------------------------------------------------------------------------------------


class PersonFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Person
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@demo.example")
    name = factory.Sequence(lambda n: f"Person {n}")
    job_title = "Service manager"
    password = factory.django.Password(PASSWORD)

    @factory.post_generation
    def with_verified_email(self, create, extracted, **kwargs):
        if create:
            self.emailaddress_set.create(email=self.email, verified=True, primary=True)


class PostFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Post

    person = factory.SubFactory(PersonFactory)
    role = StaffRole.PROGRAMMES
    starts_on = factory.LazyFunction(lambda: timezone.localdate() - timedelta(days=30))


class StaffFactory(PersonFactory):
    """A member of the centre's staff: ``StaffFactory(post=StaffRole.RESEARCH)``; programmes unless said otherwise."""

    job_title = "Programme manager"

    @factory.post_generation
    def post(self, create, extracted, **kwargs):
        if create:
            PostFactory(person=self, role=extracted or StaffRole.PROGRAMMES)


# --- notices ---------------------------------------------------------------------------------------------------------


class NoticeFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Notice

    key = factory.Sequence(lambda n: f"test:{n}")
    kind = NoticeKind.LETTER
    template = "tests/emails/letter"
    status = NoticeStatus.PENDING
    to = factory.Sequence(lambda n: f"reader{n}@demo.example")
    subject = "A letter"
    body_text = "Dear colleague\n\nAll is well.\n"
    body_html = "<p>Dear colleague</p><p>All is well.</p>"
    message_id = factory.Sequence(lambda n: f"<test-{n}.1@localhost>")


# --- partners --------------------------------------------------------------------------------------------------------


class OrganisationFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Organisation

    name = factory.Sequence(lambda n: f"Authority {n}")
    slug = factory.Sequence(lambda n: f"authority-{n}")
    kind = OrganisationKind.LOCAL_AUTHORITY
    authority_type = AuthorityType.METROPOLITAN
    region = Region.YORKSHIRE


class MembershipFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Membership

    person = factory.SubFactory(PersonFactory)
    organisation = factory.SubFactory(OrganisationFactory)
    role = MembershipRole.LEAD
    starts_on = factory.LazyFunction(lambda: timezone.localdate() - timedelta(days=30))


class InvitationFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Invitation

    purpose = InvitationPurpose.MEMBER
    email = factory.Sequence(lambda n: f"invited{n}@demo.example")
    organisation = factory.SubFactory(OrganisationFactory)
    role = MembershipRole.EDITOR
    token_hash = factory.Sequence(lambda n: f"{n:064}")
    invited_by = factory.SubFactory(PersonFactory)
    expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(days=7))
