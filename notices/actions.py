"""What can happen to a mail before and after it travels. The travelling itself is in ``notices.delivery``."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import EmptyResultSet, ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, connection, models, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from audit.actions import record
from lifecycle.actions import RecordChanged, move
from notices.choices import PRIORITY, USEFUL_FOR, NoticeKind, NoticeStatus
from notices.letters import LetterRefused, is_about_demonstration, version_of, write
from notices.mailings import READER, Mailing
from notices.models import Attempt, Notice, Pause, Suppression
from notices.tasks import doorbell
from people.models import Person
from people.rules import require


def queue(
    template: str,
    *,
    to: str,
    key: str,
    kind: str = NoticeKind.LETTER,
    person: Person | None = None,
    about: models.Model | None = None,
    held: bool = False,
    kept_from: Iterable[int] = (),
    due_at: datetime | None = None,
    expires_at: datetime | None = None,
    **context: Any,
) -> Notice:
    """Put one mail into the outbox, in the transaction of its cause. A key that is there already gives back its first mail.

    That holds when this first mail was withdrawn, too: causes are looked at again every minute and by whoever presses a
    button twice, and what a person took back must not come back by itself. So the key says which time it is, where a cause
    can come again: the version of a decision or of a due date, the moment of an offer. Then the second time has its own mail.

    ``template`` is a folder such as "calls/emails/receipt". A missing template or an empty value raises LetterRefused.
    ``kept_from`` holds the numbers of staff who must not see it, for instance because they judge the same thing independently.
    """
    existing = Notice.objects.filter(key=key).first()
    if existing is not None:
        return existing
    values = {"person": person, "about": about, **context}
    letter = write(template, values)
    now = timezone.now()
    due_at = due_at or now
    notice = Notice(
        pk=_next_number(),
        key=key,
        kind=kind,
        template=template,
        status=NoticeStatus.HELD if held else NoticeStatus.PENDING,
        priority=PRIORITY[NoticeKind(kind)],
        to=_address(to),
        person_id=getattr(person, "pk", None),
        subject_type=about._meta.label_lower if about is not None else "",
        subject_id=about.pk if about is not None else None,
        kept_from=sorted(set(kept_from)),
        subject=letter.subject,
        body_text=letter.text,
        body_html=letter.html,
        created_at=now,
        first_due_at=due_at,
        due_at=due_at,
        expires_at=expires_at or due_at + USEFUL_FOR[NoticeKind(kind)],
        is_demonstration=is_about_demonstration(values),
    )
    notice.message_id = f"<{notice.pk}.1@{settings.MAIL_DOMAIN}>"
    try:
        with transaction.atomic():
            notice.save(force_insert=True)
    except IntegrityError:
        # Somebody queued the same key a moment ago and has just committed.
        return Notice.objects.get(key=key)
    _ring_after_commit()
    return notice


# One statement for all readers of a cause. Who was told already, in this run or an earlier one, is not told again: the key
# of each reader and cause is unique, whoever runs this, however often, and at the same time.
EXPAND = """
INSERT INTO notices_notice
    (id, key, kind, template, template_version, status, priority, "to", person_id, subject_type, subject_id, kept_from,
     context, subject, body_text, body_html, created_at, first_due_at, due_at, expires_at, attempts, message_id, words_hash,
     error, is_demonstration)
SELECT one.number, one.key, %(kind)s, %(template)s, %(version)s, 'pending', %(priority)s, one.address, one.reader::bigint,
       %(subject_type)s, one.cause::bigint, one.kept_from::bigint[], %(context)s::jsonb, %(subject)s, '', '',
       %(now)s, %(now)s, %(now)s, coalesce(one.useful_until::timestamptz, %(now)s + make_interval(secs => %(useful_for)s)), 0,
       '<' || one.number || '.1@' || %(domain)s || '>', '', '', one.demonstration
  FROM (SELECT nextval(pg_get_serial_sequence('notices_notice', 'id')) AS number, reader.*
          FROM ({readers}) AS reader
         WHERE NOT EXISTS (SELECT FROM notices_notice AS told WHERE told.key = reader.key)
           AND coalesce(reader.useful_until::timestamptz > %(now)s, true)) AS one
    ON CONFLICT (key) DO NOTHING
"""


def queue_for_all(
    mailing: Mailing,
    readers: models.QuerySet,
    *,
    about: models.Model | type[models.Model],
    **context: Any,
) -> int:
    """Put the mailing into the outbox for everybody in ``readers``, in the transaction of its cause. Returns how many were new.

    ``readers`` is a query with a column for each name in READER: what must not happen twice, the number and address of a
    person, the number of the record that it is about, the staff who must not see it, when it stops being of use (or null),
    and whether it is demonstration. ``context`` holds ids and other plain values; the words are written when it is sent. Where ``about`` is one
    record they are tried at once, so that a template with a hole is refused here; else the row goes by the mailing's name.
    """
    subject = mailing.write(about.pk, context).subject if isinstance(about, models.Model) else mailing.name
    try:
        found, values = readers.order_by().values_list(*READER).query.sql_with_params()
    except EmptyResultSet:
        return 0
    named = {f"reader{number}": value for number, value in enumerate(values)}
    sql = EXPAND.replace("{readers}", found.replace("%%", "%%%%") % tuple(f"%({name})s" for name in named))
    with connection.cursor() as cursor:
        cursor.execute(
            sql,
            {
                **named,
                "kind": mailing.kind,
                "template": mailing.template,
                "version": version_of(mailing.template),
                "priority": PRIORITY[mailing.kind],
                "subject_type": about._meta.label_lower,
                "context": json.dumps(context),
                "subject": subject,
                "now": timezone.now(),
                "useful_for": USEFUL_FOR[mailing.kind].total_seconds(),
                "domain": settings.MAIL_DOMAIN,
            },
        )
        new = cursor.rowcount
    if new:
        _ring_after_commit()
    return new


def _address(to: str) -> str:
    try:
        validate_email(to.strip())
    except ValidationError as problem:
        raise LetterRefused("This is not an e-mail address, so nothing was queued") from problem
    return to.strip()


def _next_number() -> int:
    """The number of the next mail, taken first because the Message-ID is made from it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [Notice._meta.db_table])
        return cursor.fetchone()[0]


def _ring_after_commit() -> None:
    """Once for each transaction, however many mails it queues."""
    if not any(ring == doorbell.ring for _, ring, *_ in connection.run_on_commit):
        transaction.on_commit(doorbell.ring)


@transaction.atomic
def release(notice: Notice, *, by: Person) -> None:
    """Let a held letter go."""
    require(by, "notices.release_notice", notice)
    now = timezone.now()
    move(notice, NoticeStatus.PENDING, by=by, first_due_at=now, due_at=now, expires_at=now + _useful_for(notice))
    _note(notice, "released")
    _ring_after_commit()


@transaction.atomic
def release_all(notices: Iterable[Notice], *, by: Person) -> int:
    """Let many held letters go, or none of them. Returns how many."""
    released = [release(notice, by=by) for notice in notices]
    return len(released)


@transaction.atomic
def withdraw(notice: Notice, *, by: Person | None, why: str = "") -> None:
    """Take back a mail that has not reached the wire. Raises RecordChanged when it is too late."""
    if by is not None:
        require(by, "notices.withdraw_notice", notice)
    move(notice, NoticeStatus.CANCELLED, by=by, only_if=Q(wire_at__isnull=True), lease_token=None, lease_until=None)
    _note(notice, "withdrawn", why)


@transaction.atomic
def withdraw_all_about(subject: models.Model, *, by: Person | None, why: str = "") -> int:
    """Take back whatever has not reached the wire about a record, because its cause is gone. Returns how many.

    Also what a sender has in hand: it finds the row gone when it marks the wire, and leaves the mail.
    """
    waiting = Notice.objects.about(subject).unsent().filter(wire_at__isnull=True)
    count = 0
    for notice in waiting.select_for_update():
        move(notice, NoticeStatus.CANCELLED, by=by, lease_token=None, lease_until=None)
        _note(notice, "withdrawn", why)
        count += 1
    return count


@transaction.atomic
def resend(notice: Notice, *, by: Person) -> None:
    """Try a mail again that could not be sent: the same mail, under the same Message-ID."""
    require(by, "notices.resend_notice", notice)
    now = timezone.now()
    move(
        notice, NoticeStatus.PENDING, by=by, due_at=now, expires_at=now + _useful_for(notice), error="", handled_at=None
    )
    _note(notice, "sent again by a person")
    _ring_after_commit()


@transaction.atomic
def resend_all(notices: Iterable[Notice], *, by: Person) -> int:
    """Try many mails again that could not be sent, or none of them. Returns how many."""
    return len([resend(notice, by=by) for notice in notices])


@transaction.atomic
def resume(pause: Pause, *, by: Person) -> None:
    """Try a paused template again: one mail goes first, and the rest once the mail server has taken it."""
    require(by, "notices.resume_template", pause)
    if not Pause.objects.current().filter(pk=pause.pk, tried_at=None).update(tried_at=Now(), tried_by=by):
        raise RecordChanged(pause)
    record("tries a paused template", pause, by=by, template=pause.template)
    _ring_after_commit()


@transaction.atomic
def mark_handled(notice: Notice, *, by: Person) -> None:
    """A person has dealt with a mail that could not be sent, by telephone for instance."""
    require(by, "notices.resend_notice", notice)
    dead = Notice.objects.needing_a_person().filter(pk=notice.pk)
    now = timezone.now()
    if not dead.update(handled_at=now):
        raise RecordChanged(notice)
    notice.handled_at = now
    record("marked as handled", notice, by=by)
    _note(notice, "handled by a person")


@transaction.atomic
def stop_writing_to(address: str, *, reason: str, by: Person | None, only_bulk: bool = False) -> Suppression:
    """Never write to this address again; with ``only_bulk`` letters and reminders still go."""
    if by is not None:
        require(by, "notices.suppress_address")
    suppression, is_new = Suppression.objects.select_for_update().get_or_create(
        address_hash=Suppression.hash_of(address), defaults={"reason": reason, "only_bulk": only_bulk}
    )
    has_ended = suppression.until is not None and suppression.until <= timezone.now()
    if not is_new and (has_ended or (suppression.only_bulk and not only_bulk)):
        # One that has run out begins anew; one that left letters through closes.
        suppression.reason, suppression.only_bulk = reason, only_bulk
        suppression.since, suppression.until = timezone.now(), None
        suppression.save(update_fields=("reason", "only_bulk", "since", "until"))
    record("stopped writing to an address", suppression, by=by, only_bulk=only_bulk)
    return suppression


@transaction.atomic
def write_again_to(address: str, *, by: Person) -> None:
    require(by, "notices.suppress_address")
    for suppression in Suppression.objects.filter(address_hash=Suppression.hash_of(address)):
        record("writes again to an address", suppression, by=by)
        suppression.delete()


def _useful_for(notice: Notice) -> timedelta:
    return USEFUL_FOR[NoticeKind(notice.kind)]


def _note(notice: Notice, what: str, detail: str = "") -> None:
    Attempt.objects.create(notice=notice, what=what, detail=detail[:500])
