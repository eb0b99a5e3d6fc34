"""How a mail travels: claim under a lease, commit, mark the wire, send, commit the outcome. No transaction spans the network.

A row without ``wire_at`` has certainly not been sent by us. A row with it and without ``sent_at`` perhaps was: it goes
again under the same Message-ID, by which a receiver can drop the repeat. Every write repeats the lease token, so a sender
that was stopped and wakes up after its lease has ended finds no row to write to, and stops.
"""

import random
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from smtplib import (
    SMTPException,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)
from typing import Any, Self

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, mailers
from django.core.signing import Signer
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.urls import reverse

from notices.choices import NoticeKind, NoticeStatus
from notices.figures import RELAY_SILENT
from notices.models import Attempt, Notice, Pulse, Suppression

log = structlog.get_logger(__name__)


UNSUBSCRIBE_SALT = "notices.unsubscribe"


@dataclass(frozen=True)
class Pace:
    """How long things may take. The defaults are for real life; the fault tests have less time."""

    batch: int = 50
    together: int = 25  # how many announcements share one wire mark: the most that a crash can repeat
    lease: timedelta = timedelta(seconds=60)
    first_wait: float = 30  # seconds; doubled at each attempt, and then drawn at random below that
    longest_wait: float = 3600
    letter_waits: timedelta = timedelta(minutes=15)  # a decision that was perhaps sent: time for a person to look
    messages_per_connection: int = 100


class Stopped(Exception):
    """The lease is not ours any more: somebody else may be sending these rows, so we do not."""


@dataclass(frozen=True)
class Outcome:
    notice: Notice
    what: str  # sent, dead, later
    detail: str
    certainly_not_sent: bool = False
    relay_is_gone: bool = False


def outcome_of(notice: Notice, problem: Exception) -> Outcome:
    """What an error means for the mail. What it said is kept; addresses and words of the mail are not."""
    codes = codes_of(problem)
    said = said_by_the_relay(problem)
    if isinstance(problem, SMTPSenderRefused):
        return Outcome(
            notice, "later", f"the relay refused us as sender: {said}", certainly_not_sent=True, relay_is_gone=True
        )
    if isinstance(problem, ValueError):
        return Outcome(notice, "dead", f"could not be written: {problem}", certainly_not_sent=True)
    if codes and all(500 <= code < 600 for code in codes):
        where = "address" if isinstance(problem, SMTPRecipientsRefused) else "mail"
        return Outcome(notice, "dead", f"{where} refused: {said}", certainly_not_sent=True)
    if codes:
        return Outcome(
            notice, "later", f"put off by the relay: {said}", certainly_not_sent=True, relay_is_gone=421 in codes
        )
    return Outcome(notice, "later", f"connection lost while sending: {type(problem).__name__}")


def codes_of(problem: Exception) -> set[int]:
    if isinstance(problem, SMTPRecipientsRefused):
        return {code for code, _ in problem.recipients.values()}
    return {problem.smtp_code} if isinstance(problem, SMTPResponseException) else set()


def said_by_the_relay(problem: Exception) -> str:
    answers: list[tuple[int, Any]] = []
    if isinstance(problem, SMTPRecipientsRefused):
        answers = list(problem.recipients.values())
    elif isinstance(problem, SMTPResponseException):
        answers = [(problem.smtp_code, problem.smtp_error)]
    plain = (f"{code} {text.decode('utf-8', 'replace') if isinstance(text, bytes) else text}" for code, text in answers)
    return "; ".join(plain).replace("\x00", "")[:300]


@dataclass
class Lease:
    """Some rows that are ours to send until a moment, and the token that proves it."""

    token: uuid.UUID
    pace: Pace
    notices: list[Notice]
    renewed_at: float
    reached: set[int] = field(default_factory=set)

    @classmethod
    def claim(cls, pace: Pace) -> Self:
        """Take the most urgent due rows that nobody else is taking, and commit."""
        token = uuid.uuid4()
        with transaction.atomic():
            due = Notice.objects.due_by_the_database_clock().order_by("priority", "due_at", "id")
            rows = list(due.select_for_update(skip_locked=True)[: pace.batch])
            rows = set_aside_what_must_not_go(rows)
            ids = [row.pk for row in rows]
            Notice.objects.filter(pk__in=ids).update(
                status=NoticeStatus.LEASED,
                lease_token=token,
                lease_until=Now() + pace.lease,
                attempts=F("attempts") + 1,
            )
            again = [row for row in rows if row.wire_at is not None]
            note_all(again, "sent again", "it was perhaps sent before; the Message-ID is the same")
        return cls(token=token, pace=pace, notices=rows, renewed_at=time.monotonic())

    def ours(self) -> QuerySet[Notice]:
        return Notice.objects.filter(lease_token=self.token, status=NoticeStatus.LEASED)

    def mark_wire(self, notices: list[Notice]) -> None:
        """Commit that the first byte is about to leave. Raises Stopped unless every row is still ours."""
        self.renew()
        ids = [notice.pk for notice in notices]
        with transaction.atomic():
            marked = self.ours().filter(pk__in=ids, lease_until__gt=Now()).update(wire_at=Now())
            if marked != len(ids):
                transaction.set_rollback(True)
        if marked != len(ids):
            raise Stopped
        self.reached.update(ids)

    def renew(self) -> None:
        if time.monotonic() - self.renewed_at > self.pace.lease.total_seconds() / 3:
            self.ours().filter(lease_until__gt=Now()).update(lease_until=Now() + self.pace.lease)
            self.renewed_at = time.monotonic()

    @transaction.atomic
    def write_outcomes(self, outcomes: list[Outcome]) -> int:
        sent = [outcome.notice for outcome in outcomes if outcome.what == "sent"]
        written = self._write_sent(sent) if sent else 0
        for outcome in outcomes:
            if outcome.what == "dead":
                written += self._write_dead(outcome)
            elif outcome.what == "later":
                written += self._write_later(outcome)
        if written != len(outcomes):
            # Another sender took the rest over; what it does with them is its own business.
            log.warning("outcome_came_late", token=str(self.token), missing=len(outcomes) - written)
        return len(sent)

    def _write_sent(self, notices: list[Notice]) -> int:
        changes: dict[str, Any] = {"status": NoticeStatus.SENT, "sent_at": Now(), "error": ""}
        written = 0
        for erased, group in groupby(notices, key=erased_when_secret):
            written += (
                self.ours()
                .filter(pk__in=[notice.pk for notice in group])
                .update(lease_token=None, lease_until=None, **changes, **erased)
            )
        if written == len(notices):
            note_all(notices, "accepted", "the mail server took it")
        return written

    def _write_dead(self, outcome: Outcome) -> int:
        changes = {"status": NoticeStatus.DEAD, "error": outcome.detail[:500], "wire_at": None}
        return self._write(outcome, "could not be sent", **changes, **erased_when_secret(outcome.notice))

    def _write_later(self, outcome: Outcome) -> int:
        notice = outcome.notice
        wait = waiting_time(notice, self.pace, perhaps_sent=not outcome.certainly_not_sent)
        changes: dict[str, Any] = {
            "status": NoticeStatus.PENDING,
            "error": outcome.detail[:500],
            "due_at": Now() + wait,
        }
        if outcome.certainly_not_sent:
            changes["wire_at"] = None
        if outcome.relay_is_gone:
            changes["attempts"] = F("attempts") - 1  # the relay's trouble is not this mail's
        return self._write(outcome, "put off" if outcome.certainly_not_sent else "perhaps sent", **changes)

    def _write(self, outcome: Outcome, what: str, **changes: Any) -> int:
        written = self.ours().filter(pk=outcome.notice.pk).update(lease_token=None, lease_until=None, **changes)
        if written:
            note_all([outcome.notice], what, outcome.detail)
        return written

    def give_back(self) -> None:
        """What was claimed and never reached the wire waits on, as if nobody had touched it."""
        left = [notice.pk for notice in self.notices if notice.pk not in self.reached]
        if left:
            free = {"status": NoticeStatus.PENDING, "lease_token": None, "lease_until": None}
            self.ours().filter(pk__in=left).update(**free, attempts=F("attempts") - 1)


def waiting_time(notice: Notice, pace: Pace, *, perhaps_sent: bool) -> timedelta:
    if perhaps_sent and notice.kind == NoticeKind.LETTER:
        return pace.letter_waits
    ceiling = min(pace.longest_wait, pace.first_wait * 2 ** min(notice.attempts, 12))
    return timedelta(seconds=random.uniform(ceiling / 10, ceiling))  # noqa: S311 - spreads the load, guards nothing


def set_aside_what_must_not_go(rows: list[Notice]) -> list[Notice]:
    """Mails that have become useless and addresses that must not be written to leave the queue here."""
    now = database_now()
    late = [row for row in rows if row.expires_at is not None and row.expires_at <= now]
    if late:
        Notice.objects.filter(pk__in=[row.pk for row in late]).update(
            status=NoticeStatus.DEAD, error="It could not be sent in time and is no use any more."
        )
        Notice.objects.filter(pk__in=[row.pk for row in late], kind=NoticeKind.SECURITY).update(
            body_text="", body_html="", context={}, handled_at=Now()
        )
        note_all(late, "too late", f"useful until {late[0].expires_at:%Y-%m-%d %H:%M} UTC")
    suppressions = suppressions_of(rows)
    silent = [row for row in rows if row not in late and is_suppressed(row, suppressions)]
    if silent:
        Notice.objects.filter(pk__in=[row.pk for row in silent]).update(status=NoticeStatus.SUPPRESSED)
        note_all(silent, "not written to", "this address does not accept mail from us")
    aside = {row.pk for row in (*late, *silent)}
    return [row for row in rows if row.pk not in aside]


def suppressions_of(rows: list[Notice]) -> dict[str, bool]:
    hashes = {Suppression.hash_of(row.to) for row in rows}
    return dict(Suppression.objects.holding().filter(address_hash__in=hashes).values_list("address_hash", "only_bulk"))


def is_suppressed(notice: Notice, suppressions: dict[str, bool]) -> bool:
    """A person who asks for a sign-in code gets it, whatever bounced before."""
    only_bulk = suppressions.get(Suppression.hash_of(notice.to))
    if only_bulk is None or notice.kind == NoticeKind.SECURITY:
        return False
    return notice.kind == NoticeKind.BULK or not only_bulk


@transaction.atomic
def take_up_expired_leases(pace: Pace | None = None) -> int:
    """Rows of a sender that died go back into the queue: at once, or after a look where a letter was perhaps sent."""
    pace = pace or Pace()
    expired = list(Notice.objects.with_expired_lease_by_the_database_clock().select_for_update(skip_locked=True))
    letters = [n for n in expired if n.wire_at is not None and n.kind == NoticeKind.LETTER]
    free = {"status": NoticeStatus.PENDING, "lease_token": None, "lease_until": None}
    if expired:
        Notice.objects.filter(pk__in=[n.pk for n in expired]).update(**free, due_at=Now())
        Notice.objects.filter(pk__in=[n.pk for n in letters]).update(due_at=Now() + pace.letter_waits)
        note_all([n for n in expired if n.wire_at is None], "taken up", "its sender stopped before it was sent")
        note_all(
            [n for n in expired if n.wire_at is not None], "perhaps sent", "its sender stopped while it was being sent"
        )
    return len(expired)


def in_wire_groups(notices: list[Notice], pace: Pace) -> Iterator[list[Notice]]:
    """Announcements share a wire mark; everything else has its own, so that a crash repeats one mail at most."""
    for is_bulk, group in groupby(notices, key=lambda notice: notice.kind == NoticeKind.BULK):
        rows, size = list(group), pace.together if is_bulk else 1
        for start in range(0, len(rows), size):
            yield rows[start : start + size]


def message_of(notice: Notice) -> EmailMultiAlternatives:
    headers = {"Message-ID": notice.message_id, "Auto-Submitted": "auto-generated"}
    if notice.kind == NoticeKind.BULK:
        headers["List-Unsubscribe"] = f"<{settings.PORTAL_ADDRESS}{unsubscribe_path(notice.to)}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message = EmailMultiAlternatives(notice.subject, notice.body_text, None, [notice.to], headers=headers)
    if notice.body_html:
        message.attach_alternative(notice.body_html, "text/html")
    return message


def unsubscribe_path(address: str) -> str:
    return reverse("notices:unsubscribe", args=[Signer(salt=UNSUBSCRIBE_SALT).sign_object(address.lower())])


def erased_when_secret(notice: Notice) -> dict[str, Any]:
    return {"body_text": "", "body_html": "", "context": {}} if notice.kind == NoticeKind.SECURITY else {}


def note_all(notices: list[Notice], what: str, detail: str) -> None:
    Attempt.objects.bulk_create(Attempt(notice_id=n.pk, what=what, detail=detail[:500]) for n in notices)


def note_that_the_relay_is_silent(problem: Exception) -> None:
    log.warning("relay_silent", problem=type(problem).__name__)
    Pulse.objects.get_or_create(name=RELAY_SILENT, defaults={"at": database_now()})


def database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


class Courier:
    """Carries what is due, over one connection for as long as the relay is content."""

    def __init__(self, pace: Pace | None = None) -> None:
        self.pace = pace or Pace()
        self.mailer = mailers["default"]
        self.sent_on_this_connection = 0

    def drain(self, *, seconds: float | None = None) -> int:
        """Send what is due until nothing is, the time is over or the relay does not answer. Returns how many were sent."""
        ends_at = None if seconds is None else time.monotonic() + seconds
        sent = 0
        take_up_expired_leases(self.pace)
        try:
            while ends_at is None or time.monotonic() < ends_at:
                if not Notice.objects.due_by_the_database_clock().exists() or not self.relay_answers():
                    break
                sent += self.send_batch()
        finally:
            self.hang_up()
        return sent

    def relay_answers(self) -> bool:
        """Connect before anything is claimed: a dead relay must not burn the attempts of what waits."""
        if self.sent_on_this_connection >= self.pace.messages_per_connection:
            self.hang_up()
        try:
            self.mailer.open()
        except (OSError, SMTPException) as problem:
            note_that_the_relay_is_silent(problem)
            return False
        return True

    def hang_up(self) -> None:
        self.sent_on_this_connection = 0
        try:
            self.mailer.close()
        except (OSError, SMTPException):
            log.info("relay_hung_up_first")

    def send_batch(self) -> int:
        lease = Lease.claim(self.pace)
        sent = 0
        try:
            for notices in in_wire_groups(lease.notices, self.pace):
                lease.mark_wire(notices)
                outcomes = [self.send(notice) for notice in notices]
                sent += lease.write_outcomes(outcomes)
                if any(outcome.relay_is_gone for outcome in outcomes):
                    self.hang_up()
                    break
        except Stopped:
            log.warning("lease_lost", token=str(lease.token))
        finally:
            lease.give_back()
        if sent:
            Pulse.objects.filter(name=RELAY_SILENT).delete()
        return sent

    def send(self, notice: Notice) -> Outcome:
        try:
            message = message_of(notice)
        except Exception as problem:
            return Outcome(
                notice, "dead", f"could not be written: {type(problem).__name__}: {problem}", certainly_not_sent=True
            )
        try:
            self.mailer.send_messages([message])
        except (OSError, SMTPException, ValueError) as problem:
            self.recover_connection(problem)
            return outcome_of(notice, problem)
        self.sent_on_this_connection += 1
        return Outcome(notice, "sent", "")

    def recover_connection(self, problem: Exception) -> None:
        """smtplib resets the conversation after a refusal; after anything else we start a new one."""
        if not isinstance(problem, SMTPRecipientsRefused) or 421 in codes_of(problem):
            self.hang_up()
