"""Mail that many people get in the same words: an announcement, a reminder.

Its rows keep the name and version of the template and the ids of what it is about, and are written when they are sent, once
for all who are in the same hand. An app above says, for each such mail, where its values come from and who does not need it
any more. The words name no reader, so one wording serves everybody and is kept once, under its hash.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import BigIntegerField, CharField, DateTimeField, F, QuerySet, Value
from django.db.models.functions import Cast, Concat

from notices.choices import NoticeKind
from notices.letters import Letter, LetterRefused, version_of, write
from notices.models import Notice, Wording
from people.models import Person


@dataclass(slots=True)
class Parcel:
    """A row of the outbox in the hands of a sender."""

    pk: int
    key: str
    kind: str
    template: str
    to: str
    person_id: int | None
    subject_id: int | None
    context: Mapping[str, Any]
    letter: Letter
    message_id: str
    attempts: int
    expires_at: datetime | None
    was_on_the_wire: bool
    template_version: str = ""
    words_hash: str = ""
    content: bytes = field(default=b"", repr=False)

    @property
    def is_written_when_sent(self) -> bool:
        return not self.letter.text and self.kind != NoticeKind.SECURITY


@dataclass(frozen=True)
class Mailing:
    """``compose`` turns the ids of a row into the values of its template. ``not_needed`` looks at rows that are about to go,
    and says for the number of each that must not, why."""

    template: str
    kind: NoticeKind
    name: str
    compose: Callable[..., dict[str, Any]]
    not_needed: Callable[[list[Parcel]], dict[int, str]] = lambda parcels: {}

    def write(self, subject_id: int | None, context: Mapping[str, Any]) -> Letter:
        """A template that asks for the reader finds none, and is refused."""
        return write(self.template, self.compose(subject_id, **context))


_mailings: dict[str, Mailing] = {}


# The columns of a query of readers, in the order of the statement that expands it.
READER = ("key", "reader", "address", "cause", "kept_from", "useful_until", "demonstration")


def readers_among(
    people: QuerySet[Person], *, key: str, cause: int, useful_until: datetime | None = None, demonstration: bool = False
) -> QuerySet[Person]:
    """Everybody in a query of people, each under a key of his own, about one record."""
    return people.annotate(
        key=Concat(Value(f"{key}:"), Cast("pk", CharField())),
        reader=F("pk"),
        address=F("email"),
        cause=Value(cause),
        kept_from=Value([], output_field=ArrayField(BigIntegerField())),
        useful_until=Value(useful_until, output_field=DateTimeField()),
        demonstration=Value(True) if demonstration else F("is_demonstration"),
    )


def register(mailing: Mailing) -> Mailing:
    _mailings[mailing.template] = mailing
    return mailing


def mailing_of(template: str) -> Mailing:
    try:
        return _mailings[template]
    except KeyError:
        raise LetterRefused(f"{template} is not among the mailings, and has no words of its own") from None


def name_of(template: str) -> str:
    return _mailings[template].name if template in _mailings else template


def not_needed_any_more(parcels: list[Parcel]) -> dict[int, str]:
    """Why rows of one mailing must not go: their reader has left, or what they tell has passed."""
    mailing = _mailings.get(parcels[0].template)
    passed = mailing.not_needed(parcels) if mailing else {}
    return {**passed, **_whose_reader_has_left(parcels)}


def _whose_reader_has_left(parcels: list[Parcel]) -> dict[int, str]:
    readers = {parcel.person_id for parcel in parcels if parcel.person_id is not None}
    if not readers:
        return {}
    here = dict(Person.objects.active().filter(pk__in=readers).values_list("pk", "email"))
    reasons = {}
    for parcel in parcels:
        if parcel.person_id is not None and here.get(parcel.person_id) is None:
            reasons[parcel.pk] = "Its reader has left"
    return reasons


@dataclass(frozen=True)
class Shown:
    """The words of a mail for staff who look at it, and how far they are what its reader got."""

    letter: Letter
    note: str


def words_of(notice: Notice) -> Shown:
    """Exactly what was sent, where it was sent; else what would be sent now. Raises LetterRefused where that cannot be said."""
    if notice.body_text or notice.kind == NoticeKind.SECURITY:
        return Shown(Letter(notice.subject, notice.body_text, notice.body_html), "")
    sent = Wording.objects.filter(hash=notice.words_hash).first() if notice.words_hash else None
    if sent is not None:
        return Shown(Letter(sent.subject, sent.body_text, sent.body_html), _since(notice, sent))
    letter = _written_now(notice)
    if notice.words_hash:
        return Shown(letter, _beside_what_was_sent(notice, letter))
    return Shown(letter, "It is written when it is sent. This is how it reads now.")


def _since(notice: Notice, sent: Wording) -> str:
    if notice.sent_at is None:
        return "These are the words with which it was last handed to the mail server."
    if sent.template_version != version_of(notice.template):
        return "These are the words that were sent. The template has been changed since; new mail reads differently."
    return "These are the words that were sent."


def _beside_what_was_sent(notice: Notice, letter: Letter) -> str:
    if letter.hash == notice.words_hash:
        return "Written anew, and the same, letter by letter, as what was sent."
    what = "The template" if notice.template_version != version_of(notice.template) else "What it is about"
    return f"Written anew. {what} has changed since it was sent, so its reader got other words than these."


def _written_now(notice: Notice) -> Letter:
    try:
        return mailing_of(notice.template).write(notice.subject_id, notice.context)
    except LetterRefused:
        raise
    except Exception as problem:
        # What it was about is gone: the row stays, and says so.
        raise LetterRefused(f"It cannot be written any more: {type(problem).__name__}") from problem
