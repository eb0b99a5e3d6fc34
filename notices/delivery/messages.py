"""From words to the bytes on the wire.

Python's own way from a message to bytes costs more than a millisecond, most of what a mail costs at all. Here the part that
does not depend on the reader is made once for each wording, and what differs is put in front of it. Whatever is out of
the ordinary, such as an address that is not plain ASCII, still goes the long way; a test reads both with ``email`` and compares.
"""

import binascii
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import Header
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache, lru_cache
from hashlib import sha256

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.signing import Signer
from django.urls import reverse

from notices.choices import NoticeKind
from notices.letters import Letter

UNSUBSCRIBE_SALT = "notices.unsubscribe"
PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
NOT_IN_A_LINE = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
LONGEST_PLAIN_SUBJECT = 60


def unsubscribe_path(address: str) -> str:
    return _way_out().replace("TOKEN", signer().sign_object(address.lower()))


@cache
def _way_out() -> str:
    return reverse("notices:unsubscribe", args=["TOKEN"])


@cache
def signer() -> Signer:
    return Signer(salt=UNSUBSCRIBE_SALT)


def headers_for(kind: str, to: str, message_id: str) -> dict[str, str]:
    headers = {"Message-ID": message_id, "Auto-Submitted": "auto-generated"}
    if kind == NoticeKind.BULK:
        headers["List-Unsubscribe"] = f"<{settings.PORTAL_ADDRESS}{unsubscribe_path(to)}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


def message_of(letter: Letter, *, kind: str, to: str, message_id: str) -> EmailMultiAlternatives:
    """The message as Django makes it: slow, right, and the measure of the quick way."""
    message = EmailMultiAlternatives(
        letter.subject,
        letter.text,
        None,
        [to],
        reply_to=[settings.CONTACT_EMAIL],
        headers=headers_for(kind, to, message_id),
    )
    if letter.html:
        message.attach_alternative(letter.html, "text/html")
    return message


@dataclass(frozen=True)
class Skeleton:
    """Everything of a message that its readers share: the last headers and the bodies."""

    rest: bytes

    def filled(self, *, kind: str, to: str, message_id: str) -> bytes:
        headers = {"To": to, "Date": now_as_header(), **headers_for(kind, to, message_id)}
        return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("ascii") + self.rest


def skeleton_of(letter: Letter) -> Skeleton:
    """Raises ValueError where a header would break into two."""
    text = part("plain", letter.text)
    if letter.html:
        html = part("html", letter.html)
        # "=_" cannot occur in what is quoted-printable, so neither can the line between the parts.
        line = b"=_" + sha256(text + html).hexdigest()[:32].encode()
        kind = b'Content-Type: multipart/alternative; boundary="' + line + b'"\r\n\r\n'
        body = b"".join((kind, b"--", line, b"\r\n", text, b"\r\n--", line, b"\r\n", html, b"\r\n--", line, b"--\r\n"))
    else:
        body = text
    return Skeleton(
        b"".join(
            (subject_header(letter.subject), sender_headers(settings.DEFAULT_FROM_EMAIL, settings.CONTACT_EMAIL), body)
        )
    )


def part(subtype: str, text: str) -> bytes:
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    quoted = binascii.b2a_qp(lines.encode("utf-8"), istext=True).replace(b"\n", b"\r\n")
    head = f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
    return head.encode("ascii") + quoted


def subject_header(subject: str) -> bytes:
    if NOT_IN_A_LINE.search(subject):
        raise ValueError("A subject is one line")
    if subject.isascii() and len(subject) <= LONGEST_PLAIN_SUBJECT and "=?" not in subject:
        return f"Subject: {subject}\r\n".encode("ascii")
    encoded = Header(subject, "utf-8", header_name="Subject", maxlinelen=75).encode(linesep="\r\n")
    return f"Subject: {encoded}\r\n".encode("ascii")


@cache
def sender_headers(sender: str, answers_to: str) -> bytes:
    message = EmailMultiAlternatives("", "", sender, [], reply_to=[answers_to]).message(policy=SMTP)
    folded = "".join(SMTP.fold(name, message[name]) for name in ("From", "Reply-To"))
    return folded.encode("ascii") + b"MIME-Version: 1.0\r\n"


def now_as_header() -> str:
    return _as_header(int(time.time()))


@lru_cache(maxsize=2)
def _as_header(second: int) -> str:
    return format_datetime(datetime.fromtimestamp(second, UTC))


def bytes_of(letter: Letter, skeleton: Skeleton, *, kind: str, to: str, message_id: str) -> bytes:
    if PLAIN_ADDRESS.fullmatch(to):
        return skeleton.filled(kind=kind, to=to, message_id=message_id)
    return message_of(letter, kind=kind, to=to, message_id=message_id).message(policy=SMTP).as_bytes()
