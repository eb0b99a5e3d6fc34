"""Believable records for tests, one factory for each model. Each app has its part; add yours under its line."""

from datetime import date, timedelta

import factory
from django.utils import timezone

from calls.choices import CallStatus, QuestionKind
from calls.models import Application, Assessment, Call, Criterion, Enquiry, Question
from evaluations.choices import Design, Stage
from evaluations.models import Duty, Evaluation, Evaluator, Output, ProtocolVersion
from evidence_store.choices import Axis, EntryStatus
from evidence_store.models import Entry, Finding, Outcome, Rating, RatingLevel, RatingScheme, Review
from newsroom.choices import PostStatus
from newsroom.models import Post as NewsPost
from notices.choices import NoticeKind, NoticeStatus
from notices.models import Notice, Pause
from partners.choices import AuthorityType, InvitationPurpose, MembershipRole, OrganisationKind, Region
from partners.models import Agreement, Invitation, Membership, Organisation
from people.choices import StaffRole
from people.models import Person, Post
from programmes.choices import ObligationKind, PartnershipStatus
from programmes.models import Obligation, Partnership, Programme

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
    starts_on = date(2020, 1, 1)  # before any day to which a test travels


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


class PauseFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Pause

    template = factory.Sequence(lambda n: f"tests/emails/paused{n}")
    why = "mail refused: 554 looks like spam"


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
    starts_on = date(2020, 1, 1)  # before any day to which a test travels


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


class AgreementFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Agreement

    organisation = factory.SubFactory(OrganisationFactory)
    kind = "memorandum"
    title = "Memorandum of understanding"


# --- programmes ------------------------------------------------------------------------------------------------------


class ProgrammeFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Programme

    slug = factory.Sequence(lambda n: f"programme-{n}")
    name = factory.Sequence(lambda n: f"Programme {n}")
    short_name = "PINE"
    public_from = factory.LazyFunction(lambda: timezone.now() - timedelta(days=100))


class PartnershipFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Partnership

    organisation = factory.SubFactory(OrganisationFactory)
    programme = factory.SubFactory(ProgrammeFactory)
    practice_name = factory.Sequence(lambda n: f"Practice {n}")
    status = PartnershipStatus.ACTIVE
    public_from = factory.LazyFunction(lambda: timezone.now() - timedelta(days=10))


class ObligationFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Obligation

    partnership = factory.SubFactory(PartnershipFactory)
    kind = ObligationKind.PROGRESS_REPORT
    title = factory.Sequence(lambda n: f"Progress report {n}")
    due_at = factory.LazyFunction(lambda: timezone.now() + timedelta(days=30))


# --- newsroom --------------------------------------------------------------------------------------------------------


class NewsFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = NewsPost

    slug = factory.Sequence(lambda n: f"news-{n}")
    title = factory.Sequence(lambda n: f"News {n}")
    summary = "What we did."
    body = "We did it."
    status = PostStatus.APPROVED
    public_from = factory.LazyFunction(lambda: timezone.now() - timedelta(days=1))


# --- calls -----------------------------------------------------------------------------------------------------------


class CallFactory(factory.django.DjangoModelFactory):
    """A call that is open now. ``CallFactory(draft=True)`` is still being written, ``closed=True`` closed yesterday."""

    class Meta:
        model = Call

    class Params:
        draft = factory.Trait(status=CallStatus.DRAFT, public_from=None)
        closed = factory.Trait(closes_at=factory.LazyFunction(lambda: timezone.now() - timedelta(days=1)))

    slug = factory.Sequence(lambda n: f"call-{n}")
    programme = factory.SubFactory(ProgrammeFactory)
    status = CallStatus.PUBLISHED
    title = factory.Sequence(lambda n: f"Practice in need of evidence, round {n}")
    purpose = "To find practice that looks promising and to learn how it can be evaluated."
    gap = "Little is known about what helps special guardians."
    who_may_apply = "Any organisation that works in children's social care."
    offered = "A researcher for a year."
    asked = "A practice lead for one day a week."
    consultation = "Principal social workers, in March."
    contact_email = "calls@demo.example"
    places = 8
    opens_at = factory.LazyFunction(lambda: timezone.now() - timedelta(days=40))
    closes_at = factory.LazyFunction(lambda: timezone.now() + timedelta(days=10))
    public_from = factory.LazyFunction(lambda: timezone.now() - timedelta(days=41))


class QuestionFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Question

    call = factory.SubFactory(CallFactory)
    position = factory.LazyAttribute(lambda o: o.call.questions.count() + 1)
    section = "The need"
    text = factory.Sequence(lambda n: f"What does the practice change? ({n})")
    kind = QuestionKind.LONG_TEXT
    word_limit = 50


class CriterionFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Criterion

    call = factory.SubFactory(CallFactory)
    position = factory.LazyAttribute(lambda o: o.call.criteria.count() + 1)
    name = factory.Sequence(lambda n: f"Criterion {n}")
    weight = 2


class ApplicationFactory(factory.django.DjangoModelFactory):
    """A draft with its details filled in; ``ApplicationFactory(sent=True)`` has reached the centre."""

    class Meta:
        model = Application

    class Params:
        sent = factory.Trait(
            status="submitted",
            submitted_at=factory.LazyFunction(lambda: timezone.now() - timedelta(days=2)),
            submitted_by=factory.SelfAttribute("started_by"),
        )

    call = factory.SubFactory(CallFactory)
    organisation = factory.SubFactory(OrganisationFactory)
    reference = factory.Sequence(lambda n: f"TEST-2026-{n:04}")
    practice_name = "Connected carers"
    summary = "A team that supports special guardians. It begins before the order is made."
    group = "Special guardians"
    lead_role = "Head of service"
    sponsor_role = "Director of Children's Services"
    started_by = factory.SubFactory(PersonFactory)


class EnquiryFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Enquiry

    call = factory.SubFactory(CallFactory)
    text = factory.Sequence(lambda n: f"May two authorities apply together? ({n})")
    asked_by = factory.SubFactory(PersonFactory)


class AssessmentFactory(factory.django.DjangoModelFactory):
    """Just asked for. ``under_way=True`` has declared no conflict, ``sent=True`` has sent scores (add them yourself)."""

    class Meta:
        model = Assessment

    class Params:
        under_way = factory.Trait(status="started", declared_no_conflict_at=factory.LazyFunction(timezone.now))
        sent = factory.Trait(
            status="submitted",
            declared_no_conflict_at=factory.LazyFunction(timezone.now),
            submitted_at=factory.LazyFunction(timezone.now),
        )
        conflicted = factory.Trait(status="conflicted", conflict="I worked there until last year.")

    application = factory.SubFactory(ApplicationFactory, sent=True)
    assessor = factory.SubFactory(PersonFactory)


# --- evaluations -----------------------------------------------------------------------------------------------------


class EvaluationFactory(factory.django.DjangoModelFactory):
    """On the public register. ``EvaluationFactory(embargoed=True)`` becomes public tomorrow."""

    class Meta:
        model = Evaluation

    class Params:
        embargoed = factory.Trait(public_from=factory.LazyFunction(lambda: timezone.now() + timedelta(days=1)))

    slug = factory.Sequence(lambda n: f"evaluation-{n}")
    title = factory.Sequence(lambda n: f"Evaluation {n}")
    summary = "Whether weekly family meetings help."
    design = Design.PILOT
    status = Stage.SET_UP
    public_from = factory.LazyFunction(lambda: timezone.now() - timedelta(days=10))


class EvaluatorFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Evaluator

    evaluation = factory.SubFactory(EvaluationFactory)
    organisation = factory.SubFactory(OrganisationFactory, kind=OrganisationKind.UNIVERSITY)


class DutyFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Duty

    evaluation = factory.SubFactory(EvaluationFactory)
    kind = "final"
    due_on = factory.LazyFunction(lambda: timezone.localdate() + timedelta(days=30))


class OutputFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Output

    evaluation = factory.SubFactory(EvaluationFactory)
    kind = "final"
    title = factory.Sequence(lambda n: f"Report {n}")
    published_on = factory.LazyFunction(lambda: timezone.localdate() - timedelta(days=1))


class ProtocolFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = ProtocolVersion

    evaluation = factory.SubFactory(EvaluationFactory)
    number = factory.LazyAttribute(lambda o: o.evaluation.protocols.count() + 1)


# --- evidence store --------------------------------------------------------------------------------------------------


class SchemeFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = RatingScheme
        django_get_or_create = ("key", "version")

    key = "test"
    version = "1"
    name = "Ratings for tests"


class LevelFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = RatingLevel
        django_get_or_create = ("scheme", "axis", "code")

    scheme = factory.SubFactory(SchemeFactory)
    axis = Axis.EFFECT
    code = "tends_positive"
    label = "Tends to positive"
    number = 1
    order = 10


def effect(code="tends_positive", number=1, order=10):
    label = code.replace("_", " ").replace("tends", "tends to").capitalize()
    return LevelFactory(axis=Axis.EFFECT, code=code, number=number, order=order, label=label)


def strength(code="moderate", number=2):
    return LevelFactory(
        axis=Axis.STRENGTH, code=code, number=number, order=number, label=code.replace("_", " ").capitalize()
    )


class OutcomeFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Outcome

    slug = factory.Sequence(lambda n: f"outcome-{n}")
    name = factory.Sequence(lambda n: f"Outcome {n}")


class ReviewFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Review

    authors = ["O'Donnell C", "van der Laan M"]
    year = 2015
    title = factory.Sequence(lambda n: f"Review {n}")


class EntryFactory(factory.django.DjangoModelFactory):
    """In the public store. ``EntryFactory(embargoed=True)`` becomes public tomorrow; ``draft=True`` is being written."""

    class Meta:
        model = Entry

    class Params:
        embargoed = factory.Trait(public_from=factory.LazyFunction(lambda: timezone.now() + timedelta(days=1)))
        draft = factory.Trait(status=EntryStatus.DRAFT, public_from=None)

    slug = factory.Sequence(lambda n: f"entry-{n}")
    title = factory.Sequence(lambda n: f"Practice {n}")
    summary = "A practice that is looked at."
    status = EntryStatus.PUBLISHED
    public_from = factory.LazyFunction(lambda: timezone.now() - timedelta(days=10))
    updated_at = factory.LazyFunction(lambda: timezone.now() - timedelta(days=10))


class FindingFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Finding

    entry = factory.SubFactory(EntryFactory)
    outcome = factory.SubFactory(OutcomeFactory)


class RatingFactory(factory.django.DjangoModelFactory):
    """A public rating. ``RatingFactory(embargoed=True)`` is held back until tomorrow."""

    class Meta:
        model = Rating

    class Params:
        embargoed = factory.Trait(public_from=factory.LazyFunction(lambda: timezone.now() + timedelta(days=1)))

    finding = factory.SubFactory(FindingFactory)
    effect = factory.LazyFunction(effect)
    strength = factory.LazyFunction(strength)
    reason = "As the review found."
    public_from = factory.LazyFunction(lambda: timezone.now() - timedelta(days=10))
    recorded_at = factory.LazyFunction(lambda: timezone.now() - timedelta(days=10))
