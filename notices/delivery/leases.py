"""Rows in one sender's hands, and the statements by which they are taken, marked and settled.

Written in SQL by hand, because each mail passes here: a claim costs four statements for a whole batch, and a wire mark one,
which commits what became of the mails before it as well.
"""

import json
import random
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import Any, Self
from weakref import WeakSet

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from notices.choices import NoticeKind, NoticeStatus
from notices.delivery import rates
from notices.letters import Letter
from notices.mailings import Parcel, not_needed_any_more
from notices.models import Attempt, Notice, Suppression

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Pace:
    """How long things may take. The defaults are for real life; the fault tests have less time."""

    batch: int = 100
    together: int = 25  # how many announcements share one wire mark: the most that a crash can repeat
    lease: timedelta = timedelta(seconds=60)
    first_wait: float = 30  # seconds; doubled at each attempt, and then drawn at random below that
    longest_wait: float = 3600
    letter_waits: timedelta = timedelta(minutes=15)  # a decision that was perhaps sent: time for a person to look
    messages_per_connection: int = 100
    line_lives: float = 60  # seconds


class Stopped(Exception):
    """These rows are not ours to send any more: the lease has ended, a mail was withdrawn or its template is paused."""


@dataclass(frozen=True, slots=True)
class Outcome:
    parcel: Parcel
    what: str  # sent, dead, later
    detail: str
    certainly_not_sent: bool = False
    relay_is_gone: bool = False
    words_refused: bool = False  # for good, and not because of the address


# Beside the mail of a template that is paused only the one that is tried may go. Mail about signing in is never held up: it
# is useful for minutes, who waits for it can do nothing else, and else one mailbox that refuses all could lock everybody out.
FREE_TO_GO = """(kind = 'security' OR NOT EXISTS (
    SELECT FROM notices_pause AS pause
     WHERE pause.template = notices_notice.template AND pause.ended_at IS NULL
       AND pause.trial_id IS DISTINCT FROM notices_notice.id))"""

DUE = f"""
SELECT id, key, kind, template, "to", person_id, subject_id, context::text, subject, body_text, body_html,
       message_id, attempts + 1, expires_at, wire_at IS NOT NULL, expires_at <= clock_timestamp()
  FROM notices_notice
 WHERE status = 'pending' AND due_at <= clock_timestamp() AND {FREE_TO_GO} AND (%s OR kind = 'security')
 ORDER BY priority, due_at, id
 LIMIT %s
   FOR UPDATE SKIP LOCKED
"""  # noqa: S608 - its own words

TAKE = """
UPDATE notices_notice
   SET status = 'leased', lease_token = %s, lease_until = clock_timestamp() + make_interval(secs => %s), attempts = attempts + 1
 WHERE id = ANY(%s::bigint[])
"""

# Planned once for each connection: planning it costs as much as doing it.
# The mails that were sent since the last mark are settled, and the next ones marked, in one commit. The next are marked
# only if every one of them is still ours: either all leave, or none does. What was taken ends the run of refusals of its template.
SETTLE_AND_MARK = f"""
(uuid, bigint[], bigint[], text[], text[], text[]) AS
WITH settled AS (
    UPDATE notices_notice
       SET status = 'sent', sent_at = clock_timestamp(), error = '', lease_token = NULL, lease_until = NULL,
           body_text = CASE kind WHEN 'security' THEN '' ELSE body_text END,
           body_html = CASE kind WHEN 'security' THEN '' ELSE body_html END,
           context = CASE kind WHEN 'security' THEN '{{}}' ELSE context END
     WHERE id = ANY($2) AND status = 'leased' AND lease_token = $1
    RETURNING id, template
), noted AS (
    INSERT INTO notices_attempt (notice_id, at, what, detail)
    SELECT id, clock_timestamp(), 'accepted', 'the mail server took it' FROM settled
), runs AS (
    SELECT id FROM notices_refusalrun WHERE template IN (SELECT template FROM settled) ORDER BY template FOR UPDATE
), over AS (
    DELETE FROM notices_refusalrun WHERE id IN (SELECT id FROM runs)
), ours AS (
    SELECT id FROM notices_notice
     WHERE id = ANY($3) AND status = 'leased' AND lease_token = $1
       AND lease_until > clock_timestamp() AND {FREE_TO_GO}
       FOR UPDATE
), words AS (
    SELECT * FROM unnest($3, $4, $5, $6)
        AS w (id, hash, version, subject)
), marked AS (
    UPDATE notices_notice AS notice
       SET wire_at = clock_timestamp(), words_hash = words.hash,
           template_version = coalesce(nullif(words.version, ''), notice.template_version), subject = words.subject
      FROM ours JOIN words USING (id)
     WHERE notice.id = ours.id AND (SELECT count(*) FROM ours) = cardinality($3)
    RETURNING notice.id
)
SELECT (SELECT count(*) FROM settled), (SELECT count(*) FROM marked)
"""  # noqa: S608 - its own words


NAME = f"settle_and_mark_{sha256(SETTLE_AND_MARK.encode()).hexdigest()[:8]}"
_prepared: WeakSet[Any] = WeakSet()


@contextmanager
def prepared() -> Iterator[Any]:
    """A cursor on a connection that knows the statement.

    Behind a pooler, which hands out a connection for each transaction, it is asked each time, in the same transaction.
    """
    is_pooled = bool(connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS"))
    with transaction.atomic() if is_pooled else nullcontext(), connection.cursor() as cursor:
        if is_pooled or connection.connection not in _prepared:
            cursor.execute("SELECT EXISTS (SELECT FROM pg_prepared_statements WHERE name = %s)", [NAME])
            if not cursor.fetchone()[0]:
                cursor.execute(f"PREPARE {NAME} {SETTLE_AND_MARK}")
            _prepared.add(connection.connection)
        yield cursor


def parcel_of(row: Sequence[Any]) -> Parcel:
    pk, key, kind, template, to, person_id, subject_id, context, *words, message_id, attempts, expires_at, was, _ = row
    return Parcel(
        pk=pk,
        key=key,
        kind=kind,
        template=template,
        to=to,
        person_id=person_id,
        subject_id=subject_id,
        context=json.loads(context),
        letter=Letter(*words),
        message_id=message_id,
        attempts=attempts,
        expires_at=expires_at,
        was_on_the_wire=was,
    )


@dataclass
class Lease:
    """Some rows that are ours to send until a moment, and the token that proves it."""

    token: uuid.UUID
    pace: Pace
    parcels: list[Parcel]
    renewed_at: float
    settled: set[int] = field(default_factory=set)  # on the wire, or ended: nothing to give back
    used_up: bool = False  # nothing more may leave at this rate just now

    @classmethod
    def claim(cls, pace: Pace) -> Self:
        """Take the most urgent due rows that nobody else is taking, and commit."""
        token, limited = uuid.uuid4(), rates.is_limited()
        with transaction.atomic(), connection.cursor() as cursor:
            left = rates.left_for_now() if limited else pace.batch
            cursor.execute(DUE, [left > 0, min(left, pace.batch) or pace.batch])
            parcels = set_aside_what_must_not_go(cursor.fetchall())
            if parcels and limited:
                rates.take(len(parcels))
            if parcels:
                cursor.execute(TAKE, [token, pace.lease.total_seconds(), [parcel.pk for parcel in parcels]])
            again = [parcel for parcel in parcels if parcel.was_on_the_wire]
            note_all(again, "sent again", "it was perhaps sent before; the Message-ID is the same")
        return cls(
            token=token,
            pace=pace,
            parcels=parcels,
            renewed_at=time.monotonic(),
            used_up=limited and len(parcels) >= left and len(parcels) < pace.batch,
        )

    def ours(self) -> QuerySet[Notice]:
        return Notice.objects.filter(lease_token=self.token, status=NoticeStatus.LEASED)

    def settle_and_mark(self, sent: Sequence[Parcel], following: Sequence[Parcel]) -> None:
        """Commit that some were taken, and that the first byte of the following is about to leave.

        Raises Stopped unless every one of the following is still ours; then none of them is marked.
        """
        with prepared() as cursor:
            cursor.execute(
                f"EXECUTE {NAME} (%s, %s, %s, %s, %s, %s)",
                [
                    self.token,
                    [parcel.pk for parcel in sent],
                    [parcel.pk for parcel in following],
                    [parcel.words_hash for parcel in following],
                    [parcel.template_version for parcel in following],
                    [parcel.letter.subject for parcel in following],
                ],
            )
            settled, marked = cursor.fetchone()
        if settled != len(sent):
            # Another sender took the rest over; what it does with them is its own business.
            log.warning("outcome_came_late", token=str(self.token), missing=len(sent) - settled)
        if marked != len(following):
            raise Stopped
        self.settled.update(parcel.pk for parcel in following)

    def hold(self) -> None:
        """Before each mail: a third of the lease is over, so ask for more. Raises Stopped when it is too late for that."""
        if time.monotonic() - self.renewed_at <= self.pace.lease.total_seconds() / 3:
            return
        if not self.ours().filter(lease_until__gt=Now()).update(lease_until=Now() + self.pace.lease):
            raise Stopped
        self.renewed_at = time.monotonic()

    @transaction.atomic
    def write_trouble(self, outcomes: Sequence[Outcome]) -> None:
        written = 0
        for outcome in outcomes:
            written += self._write_dead(outcome) if outcome.what == "dead" else self._write_later(outcome)
            self.settled.add(outcome.parcel.pk)
        if written != len(outcomes):
            log.warning("outcome_came_late", token=str(self.token), missing=len(outcomes) - written)

    def _write_dead(self, outcome: Outcome) -> int:
        changes: dict[str, Any] = {"status": NoticeStatus.DEAD, "error": outcome.detail[:500], "wire_at": None}
        if outcome.parcel.kind == NoticeKind.SECURITY:
            changes |= {"body_text": "", "body_html": "", "context": {}}
        return self._write(outcome, "could not be sent", **changes)

    def _write_later(self, outcome: Outcome) -> int:
        wait = waiting_time(outcome.parcel, self.pace, perhaps_sent=not outcome.certainly_not_sent)
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
        written = self.ours().filter(pk=outcome.parcel.pk).update(lease_token=None, lease_until=None, **changes)
        if written:
            note_all([outcome.parcel], what, outcome.detail)
        return written

    def give_back(self) -> None:
        """What was claimed and never reached the wire waits on, as if nobody had touched it."""
        left = [parcel.pk for parcel in self.parcels if parcel.pk not in self.settled]
        if left:
            free = {"status": NoticeStatus.PENDING, "lease_token": None, "lease_until": None}
            self.ours().filter(pk__in=left).update(**free, attempts=F("attempts") - 1)
            if rates.is_limited():
                rates.take(-len(left))


def waiting_time(parcel: Parcel, pace: Pace, *, perhaps_sent: bool) -> timedelta:
    if perhaps_sent and parcel.kind == NoticeKind.LETTER:
        return pace.letter_waits
    ceiling = min(pace.longest_wait, pace.first_wait * 2 ** min(parcel.attempts - 1, 12))
    return timedelta(seconds=random.uniform(ceiling / 10, ceiling))  # noqa: S311 - spreads the load, guards nothing


def set_aside_what_must_not_go(rows: Sequence[Sequence[Any]]) -> list[Parcel]:
    """Mails that have become useless and addresses that must not be written to leave the queue here."""
    late = [parcel_of(row) for row in rows if row[-1]]
    if late:
        _set_aside_the_late(late)
    parcels = [parcel_of(row) for row in rows if not row[-1]]
    suppressions = suppressions_of(parcels)
    silent = [parcel for parcel in parcels if is_suppressed(parcel, suppressions)]
    if silent:
        Notice.objects.filter(pk__in=[parcel.pk for parcel in silent]).update(status=NoticeStatus.SUPPRESSED)
        note_all(silent, "not written to", "this address does not accept mail from us")
    aside = {parcel.pk for parcel in silent}
    return _without_what_nobody_needs([parcel for parcel in parcels if parcel.pk not in aside])


def _set_aside_the_late(late: list[Parcel]) -> None:
    numbers = [parcel.pk for parcel in late]
    Notice.objects.filter(pk__in=numbers).update(
        status=NoticeStatus.DEAD, error="It could not be sent in time and is no use any more."
    )
    Notice.objects.filter(pk__in=numbers, kind=NoticeKind.SECURITY).update(
        body_text="", body_html="", context={}, handled_at=Now()
    )
    for parcel in late:
        note_all([parcel], "too late", f"useful until {parcel.expires_at:%Y-%m-%d %H:%M} UTC")


def _without_what_nobody_needs(parcels: list[Parcel]) -> list[Parcel]:
    by_template: dict[str, list[Parcel]] = {}
    for parcel in parcels:
        if parcel.is_written_when_sent:
            by_template.setdefault(parcel.template, []).append(parcel)
    aside: set[int] = set()
    for group in by_template.values():
        aside |= _set_aside_the_needless(group)
    return [parcel for parcel in parcels if parcel.pk not in aside]


def _set_aside_the_needless(group: list[Parcel]) -> set[int]:
    try:
        with transaction.atomic():
            reasons = not_needed_any_more(group)
    except (OperationalError, InterfaceError):
        raise
    except Exception as problem:
        # One mailing that cannot be asked about must not stop the mail of everybody else.
        log.exception("mailing_not_checked", problem=type(problem).__name__)
        _cannot_be_checked(group, problem)
        return {parcel.pk for parcel in group}
    by_reason: dict[str, list[Parcel]] = {}
    for parcel in group:
        if parcel.pk in reasons:
            by_reason.setdefault(reasons[parcel.pk], []).append(parcel)
    for reason, needless in by_reason.items():
        Notice.objects.filter(pk__in=[parcel.pk for parcel in needless]).update(
            status=NoticeStatus.CANCELLED, error=reason[:500]
        )
        note_all(needless, "not needed any more", reason)
    return set(reasons)


def _cannot_be_checked(parcels: list[Parcel], problem: Exception) -> None:
    said = f"whether it is still needed could not be told: {type(problem).__name__}"
    Notice.objects.filter(pk__in=[parcel.pk for parcel in parcels]).update(status=NoticeStatus.DEAD, error=said)
    note_all(parcels, "could not be sent", said)


def suppressions_of(parcels: Sequence[Parcel]) -> dict[str, bool]:
    hashes = {Suppression.hash_of(parcel.to) for parcel in parcels}
    if not hashes:
        return {}
    return dict(Suppression.objects.holding().filter(address_hash__in=hashes).values_list("address_hash", "only_bulk"))


def is_suppressed(parcel: Parcel, suppressions: dict[str, bool]) -> bool:
    """A person who asks for a sign-in code gets it, whatever bounced before."""
    only_bulk = suppressions.get(Suppression.hash_of(parcel.to)) if suppressions else None
    if only_bulk is None or parcel.kind == NoticeKind.SECURITY:
        return False
    return parcel.kind == NoticeKind.BULK or not only_bulk


@transaction.atomic
def take_up_expired_leases(pace: Pace | None = None) -> int:
    """Rows of a sender that died go back into the queue: at once, or after a look where a letter was perhaps sent."""
    pace = pace or Pace()
    left = Notice.objects.with_expired_lease_by_the_database_clock().select_for_update(skip_locked=True)
    expired = list(left.only("pk", "kind", "wire_at"))
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


def note_all(rows: Sequence[Notice | Parcel], what: str, detail: str) -> None:
    if rows:
        Attempt.objects.bulk_create(Attempt(notice_id=row.pk, what=what, detail=detail[:500]) for row in rows)
