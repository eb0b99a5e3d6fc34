"""Ready for the wire before anything is marked: what many get is written once, and what cannot be written stays behind."""

import json
from dataclasses import dataclass

import structlog
from django.db import InterfaceError, OperationalError

from notices.delivery.leases import Outcome
from notices.delivery.messages import Skeleton, bytes_of, skeleton_of
from notices.letters import Letter, version_of
from notices.mailings import Parcel, mailing_of
from notices.models import Wording

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Written:
    """Words, and the part of their message that all readers share."""

    letter: Letter
    skeleton: Skeleton
    hash: str = ""
    version: str = ""


class Packer:
    def __init__(self) -> None:
        self.kept: set[str] = set()  # wordings that are in the database already

    def pack(self, parcels: list[Parcel]) -> tuple[list[Parcel], list[Outcome]]:
        """What can be sent, with its bytes; and an outcome for each row that cannot be written."""
        packed: list[Parcel] = []
        spoilt: list[Outcome] = []
        shared: dict[tuple[str, int | None, str], Written | Outcome] = {}
        for parcel in parcels:
            written: Written | Outcome
            if parcel.is_written_when_sent:
                cause = (parcel.template, parcel.subject_id, json.dumps(parcel.context, sort_keys=True))
                if cause not in shared:
                    shared[cause] = self.write(parcel)
                written = shared[cause]
            else:
                written = self.wrap(parcel, parcel.letter)
            problem = written if isinstance(written, Outcome) else self.fill(parcel, written)
            if problem is None:
                packed.append(parcel)
            else:
                spoilt.append(Outcome(parcel, "dead", problem.detail, certainly_not_sent=True))
        return packed, spoilt

    def write(self, parcel: Parcel) -> Written | Outcome:
        """The words of a mailing as its records are now, and kept, so that staff can see later what was sent."""
        try:
            letter = mailing_of(parcel.template).write(parcel.subject_id, parcel.context)
        except (OperationalError, InterfaceError):
            raise
        except Exception as problem:
            return spoilt_by(parcel, problem)
        written = self.wrap(parcel, letter, hash=letter.hash, version=version_of(parcel.template))
        if isinstance(written, Written):
            self.keep(written, parcel.template)
        return written

    def keep(self, written: Written, template: str) -> None:
        if written.hash in self.kept:
            return
        words = Wording(
            hash=written.hash,
            template=template,
            template_version=written.version,
            subject=written.letter.subject,
            body_text=written.letter.text,
            body_html=written.letter.html,
        )
        Wording.objects.bulk_create([words], ignore_conflicts=True)
        self.kept.add(written.hash)

    def wrap(self, parcel: Parcel, letter: Letter, *, hash: str = "", version: str = "") -> Written | Outcome:
        try:
            return Written(letter, skeleton_of(letter), hash=hash, version=version)
        except ValueError as problem:
            return spoilt_by(parcel, problem)

    def fill(self, parcel: Parcel, written: Written) -> Outcome | None:
        parcel.letter, parcel.words_hash, parcel.template_version = written.letter, written.hash, written.version
        try:
            parcel.content = bytes_of(
                written.letter, written.skeleton, kind=parcel.kind, to=parcel.to, message_id=parcel.message_id
            )
        except Exception as problem:
            return spoilt_by(parcel, problem)
        return None


def spoilt_by(parcel: Parcel, problem: Exception) -> Outcome:
    log.warning("mail_cannot_be_written", notice=parcel.pk, problem=type(problem).__name__)
    return Outcome(
        parcel, "dead", f"could not be written: {type(problem).__name__}: {problem}", certainly_not_sent=True
    )
