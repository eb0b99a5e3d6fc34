"""Carries mail to the mail server, and says what its answers mean."""

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from itertools import groupby
from smtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
    SMTPServerDisconnected,
)
from typing import Any, cast

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, mailers
from django.core.mail.backends.smtp import EmailBackend
from django.db import connection, transaction

from notices.choices import NoticeKind
from notices.delivery.leases import Lease, Outcome, Pace, Stopped, take_up_expired_leases
from notices.delivery.messages import PLAIN_ADDRESS, message_of
from notices.delivery.packing import Packer
from notices.delivery.pauses import count_refusals, take_up_trials
from notices.figures import RELAY_SILENT
from notices.mailings import Parcel
from notices.models import Notice, Pulse

log = structlog.get_logger(__name__)

SHUTTING_DOWN = 421
TOO_LARGE = 552  # said to the sender's address already, by a relay that reads how large the mail is


class RelayGone(Exception):
    """No line to the mail server could be had, so nothing was begun."""


def outcome_of(parcel: Parcel, problem: Exception) -> Outcome:
    """What an error means for the mail. What it said is kept; addresses and words of the mail are not."""
    codes = codes_of(problem)
    said = said_by_the_relay(problem)
    if isinstance(problem, SMTPSenderRefused) and codes != {TOO_LARGE}:
        return Outcome(
            parcel, "later", f"the relay refused us as sender: {said}", certainly_not_sent=True, relay_is_gone=True
        )
    if isinstance(problem, ValueError):
        return Outcome(parcel, "dead", f"could not be written: {problem}", certainly_not_sent=True)
    if codes and all(500 <= code < 600 for code in codes):
        if isinstance(problem, SMTPRecipientsRefused):
            return Outcome(parcel, "dead", f"address refused: {said}", certainly_not_sent=True)
        return Outcome(parcel, "dead", f"mail refused: {said}", certainly_not_sent=True, words_refused=True)
    if codes:
        return Outcome(
            parcel,
            "later",
            f"put off by the relay: {said}",
            certainly_not_sent=True,
            relay_is_gone=SHUTTING_DOWN in codes,
        )
    return Outcome(parcel, "later", f"connection lost while sending: {type(problem).__name__}")


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


def in_wire_groups(parcels: list[Parcel], pace: Pace) -> Iterator[list[Parcel]]:
    """Announcements share a wire mark; everything else has its own, so that a crash repeats one mail at most."""
    for is_bulk, group in groupby(parcels, key=lambda parcel: parcel.kind == NoticeKind.BULK):
        rows, size = list(group), pace.together if is_bulk else 1
        for start in range(0, len(rows), size):
            yield rows[start : start + size]


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
        self.packer = Packer()
        self.carried_on_this_connection = 0
        self.connected_at = 0.0
        self.has_been_heard = False
        self.is_at_its_rate = False

    def drain(self, *, seconds: float | None = None) -> int:
        """Send what is due until nothing is, the time is over or the relay does not answer. Returns how many were sent."""
        ends_at = None if seconds is None else time.monotonic() + seconds
        sent = 0
        take_up_expired_leases(self.pace)
        try:
            while ends_at is None or time.monotonic() < ends_at:
                take_up_trials()
                if not Notice.objects.due_by_the_database_clock().exists() or not self.relay_answers():
                    break
                sent += self.send_batch()
                if self.is_at_its_rate:
                    break  # the beat rings again
        finally:
            self.hang_up()
        return sent

    def relay_answers(self) -> bool:
        """Connect before anything is claimed: a dead relay must not burn the attempts of what waits."""
        self.change_lines()
        try:
            self.mailer.open()
        except (OSError, SMTPException) as problem:
            self.has_been_heard = False
            note_that_the_relay_is_silent(problem)
            return False
        return True

    def change_lines(self) -> None:
        """No line carries more than a hundred mails or lives longer than a minute: a relay may count, and may balance."""
        age = time.monotonic() - self.connected_at
        if self.carried_on_this_connection and (
            self.carried_on_this_connection >= self.pace.messages_per_connection or age > self.pace.line_lives
        ):
            self.hang_up()
        if not self.carried_on_this_connection:
            self.connected_at = time.monotonic()

    def hang_up(self) -> None:
        self.carried_on_this_connection = 0
        try:
            self.mailer.close()
        except (OSError, SMTPException):
            log.info("relay_hung_up_first")

    def send_batch(self) -> int:
        lease = Lease.claim(self.pace)
        self.is_at_its_rate = lease.used_up
        taken: list[Parcel] = []  # by the mail server, and not yet written down
        sent = 0
        try:
            packed, spoilt = self.packer.pack(lease.parcels)
            lease.write_trouble(spoilt)
            for group in in_wire_groups(packed, self.pace):
                settling, taken = taken, []
                lease.settle_and_mark(settling, group)
                trouble = self.carry(lease, group, taken)
                sent += len(taken)
                if trouble:
                    self.write_down(lease, group, taken, trouble)
                if any(outcome.relay_is_gone for outcome in trouble):
                    self.hang_up()
                    break
        except Stopped:
            log.warning("stopped_before_the_wire", token=str(lease.token))
        finally:
            if taken:
                lease.settle_and_mark(taken, [])
            lease.give_back()
        if sent and not self.has_been_heard:
            Pulse.objects.filter(name=RELAY_SILENT).delete()
            self.has_been_heard = True
        return sent

    def write_down(self, lease: Lease, group: list[Parcel], taken: list[Parcel], trouble: list[Outcome]) -> None:
        """What went wrong; and where words were refused, first what was taken before them, because that ends a run."""
        if taken and any(outcome.words_refused for outcome in trouble):
            lease.settle_and_mark(taken, [])
            taken.clear()
        with transaction.atomic():
            lease.write_trouble(trouble)
            count_refusals(group, trouble)

    def carry(self, lease: Lease, group: list[Parcel], taken: list[Parcel]) -> list[Outcome]:
        """Hand over a group that is marked. What is taken goes into ``taken`` as it is taken; the rest comes back."""
        trouble: list[Outcome] = []
        for place, parcel in enumerate(group):
            lease.hold()
            try:
                self.hand_over(parcel)
            except RelayGone:
                return trouble + [turn_did_not_come(one) for one in group[place:]]
            except (OSError, SMTPException, ValueError) as problem:
                self.recover_connection(problem)
                outcome = outcome_of(parcel, problem)
                trouble.append(outcome)
                if outcome.relay_is_gone:
                    return trouble + [turn_did_not_come(one) for one in group[place + 1 :]]
            else:
                taken.append(parcel)
        return trouble

    def hand_over(self, parcel: Parcel) -> None:
        if not isinstance(self.mailer, EmailBackend):
            self.mailer.send_messages([letter_of(parcel)])
            return
        self.change_lines()
        try:
            self.mailer.open()
        except (OSError, SMTPException) as problem:
            note_that_the_relay_is_silent(problem)
            raise RelayGone from problem
        self.carried_on_this_connection += 1
        to = parcel.to if PLAIN_ADDRESS.fullmatch(parcel.to) else self.mailer.prep_address(parcel.to)
        assert self.mailer.connection is not None  # noqa: S101 - open() has just seen to that
        hand_to(self.mailer.connection, self.envelope_sender, to, parcel.content)

    @cached_property
    def envelope_sender(self) -> str:
        return EmailBackend.prep_address(cast(EmailBackend, self.mailer), settings.DEFAULT_FROM_EMAIL)

    def recover_connection(self, problem: Exception) -> None:
        """smtplib resets the conversation after a refusal; after anything else we start a new one."""
        if not isinstance(problem, SMTPRecipientsRefused) or SHUTTING_DOWN in codes_of(problem):
            self.hang_up()


def hand_to(line: SMTP, sender: str, to: str, content: bytes) -> None:
    """One mail over a line that is open: what ``smtplib.sendmail`` does, for addresses that need no parsing any more."""
    line.ehlo_or_helo_if_needed()
    size = f" size={len(content)}" if line.does_esmtp and line.has_extn("size") else ""
    code, said = line.docmd(f"mail FROM:<{sender}>{size}")
    if code != 250:
        _start_over(line, code)
        raise SMTPSenderRefused(code, said, sender)
    code, said = line.docmd(f"rcpt TO:<{to}>")
    if code not in (250, 251):
        _start_over(line, code)
        raise SMTPRecipientsRefused({to: (code, said)})
    code, said = line.data(content)
    if code != 250:
        _start_over(line, code)
        raise SMTPDataError(code, said)


def _start_over(line: SMTP, code: int) -> None:
    """The next mail finds the line ready, or closed. What the server said about this one is what counts."""
    if code == SHUTTING_DOWN:
        line.close()
    else:
        with suppress(SMTPServerDisconnected):
            line.rset()


def letter_of(parcel: Parcel) -> EmailMultiAlternatives:
    return message_of(parcel.letter, kind=parcel.kind, to=parcel.to, message_id=parcel.message_id)


def turn_did_not_come(parcel: Parcel) -> Outcome:
    """Marked together with others, and never begun, because the relay went away: certainly not sent."""
    return Outcome(parcel, "later", "the relay went away before its turn", certainly_not_sent=True, relay_is_gone=True)
