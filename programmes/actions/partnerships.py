"""What can happen to a partnership and its agreement. Announced, signed, started and visible are four separate facts."""

from collections.abc import Iterable
from datetime import date, datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.timezone import localdate

from audit.actions import record
from lifecycle.actions import RecordChanged, can_move, move
from notices.actions import withdraw_all_about
from partners.choices import AgreementKind, AgreementStatus
from partners.models import Agreement, Organisation
from people.models import Person
from people.rules import require
from programmes.actions.obligations import owe, waive_what_is_outstanding
from programmes.choices import ObligationKind, ObligationStatus, PartnershipStatus
from programmes.models import Obligation, Partnership, Programme, Strand, Wave
from programmes.notices import tell_leads_agreement_is_ready, tell_staff_agreement_was_signed

DAYS_TO_SIGN = 28
DAYS_TO_SHARE = 56


@transaction.atomic
def propose(
    organisation: Organisation,
    programme: Programme,
    *,
    strand: Strand | None = None,
    wave: Wave | None = None,
    practice_name: str,
    practice: str = "",
    group: str = "",
    areas: Iterable[Organisation] = (),
    kept_from: Iterable[int] = (),
    by: Person,
    is_demonstration: bool = False,
) -> Partnership:
    """Begin a partnership from an accepted offer: invisible to the public, with an agreement to draft and what is owed first.

    The caller has asked whether the person may accept the offer; this action is never reached from a page on its own.
    ``kept_from`` holds the numbers of staff who declared a conflict of interest: they see nothing of it before it is announced.
    """
    same = Partnership.objects.filter(
        organisation=organisation, programme=programme, strand=strand, wave=wave, practice_name=practice_name
    )
    if same.exists():
        raise ValidationError(
            "There is already a partnership in this programme with the same practice. Nothing was changed."
        )
    agreement = Agreement.objects.create(
        organisation=organisation,
        kind=AgreementKind.MEMORANDUM,
        title=f"{programme.known_as}: {practice_name or organisation.name}"[:200],
        is_demonstration=is_demonstration,
    )
    partnership = Partnership.objects.create(
        organisation=organisation,
        programme=programme,
        strand=strand,
        wave=wave,
        practice_name=practice_name,
        practice=practice,
        group=group,
        agreement=agreement,
        kept_from=sorted(set(kept_from)),
        is_demonstration=is_demonstration,
    )
    partnership.areas.set(areas)
    owe(partnership, ObligationKind.AGREEMENT, title="Sign the agreement", in_days=DAYS_TO_SIGN)
    owe(partnership, ObligationKind.DATA_SHARING, title="Sign the data sharing agreement", in_days=DAYS_TO_SHARE)
    record("began a partnership", partnership, by=by, programme=programme.pk)
    return partnership


@transaction.atomic
def agree_in_principle(partnership: Partnership, *, by: Person) -> None:
    require(by, "programmes.manage_partnership", partnership)
    move(partnership, PartnershipStatus.AGREED, by=by)


@transaction.atomic
def issue_agreement(partnership: Partnership, *, terms: str, by: Person) -> None:
    """Send the agreement to the partner's leads for signature."""
    require(by, "programmes.manage_partnership", partnership)
    if not terms.strip():
        raise ValidationError("Write the terms before you send the agreement. Nothing was sent.")
    agreement = _agreement_of(partnership)
    move(partnership, PartnershipStatus.ISSUED, by=by)
    move(agreement, AgreementStatus.ISSUED, by=by, terms=terms, issued_at=timezone.now())
    tell_leads_agreement_is_ready(partnership)


@transaction.atomic
def correct_agreement(partnership: Partnership, *, terms: str, by: Person) -> None:
    """Send other terms in place of those that nobody has signed yet. The leads are told again."""
    require(by, "programmes.manage_partnership", partnership)
    agreement = _agreement_of(partnership)
    if agreement.status != AgreementStatus.ISSUED:
        raise ValidationError("Only an agreement that waits for a signature can be corrected. Nothing was changed.")
    if not terms.strip():
        raise ValidationError("Write the terms before you send the agreement. Nothing was sent.")
    if terms.strip() == agreement.terms.strip():
        raise ValidationError("These are the terms that the partner has already. Nothing was sent.")
    move(agreement, AgreementStatus.DRAFTED, by=by, why="to correct the terms")
    move(agreement, AgreementStatus.ISSUED, by=by, terms=terms, issued_at=timezone.now())
    tell_leads_agreement_is_ready(partnership)


@transaction.atomic
def sign_agreement(partnership: Partnership, *, office: str, read: datetime | None, by: Person) -> None:
    """The partner's lead signs on the page, naming the office that the signature stands for.

    ``read`` is when the terms that were read had been sent. Others, sent since, are not signed unread: RecordChanged.
    """
    require(by, "programmes.sign_agreement", partnership)
    if can_move(partnership, PartnershipStatus.SIGNED) and _agreement_of(partnership).issued_at != read:
        raise RecordChanged(partnership)
    _sign(partnership, office=office, on=localdate(), elsewhere=False, by=by, only_if=Q(issued_at=read))


@transaction.atomic
def record_signature(partnership: Partnership, *, office: str, on: date, by: Person) -> None:
    """Staff record a signature that was given on paper or in another system."""
    require(by, "programmes.manage_partnership", partnership)
    if on > localdate():
        raise ValidationError("The day of signature cannot lie in the future. Nothing was recorded.")
    _sign(partnership, office=office, on=on, elsewhere=True, by=by)


def _sign(
    partnership: Partnership, *, office: str, on: date, elsewhere: bool, by: Person, only_if: Q | None = None
) -> None:
    if not office.strip():
        raise ValidationError(
            "Name the office that signs, such as Director of Children’s Services. Nothing was recorded."
        )
    now = timezone.now()
    move(partnership, PartnershipStatus.SIGNED, by=by)
    move(
        _agreement_of(partnership),
        AgreementStatus.SIGNED,
        by=by,
        only_if=only_if,
        signed_on=on,
        signed_by_role=office.strip(),
        signed_elsewhere=elsewhere,
        recorded_at=now,
        recorded_by=by,
    )
    owed = partnership.obligations.filter(kind=ObligationKind.AGREEMENT, status=ObligationStatus.OWED).first()
    if owed is not None:
        move(owed, ObligationStatus.RECEIVED, by=by, received_at=now)
        move(owed, ObligationStatus.ACCEPTED, by=by, settled_at=now, settled_by=by)
    tell_staff_agreement_was_signed(partnership)


def _agreement_of(partnership: Partnership) -> Agreement:
    if partnership.agreement is None:
        partnership.agreement = Agreement.objects.create(
            organisation=partnership.organisation,
            kind=AgreementKind.MEMORANDUM,
            title=str(partnership)[:200],
            is_demonstration=partnership.is_demonstration,
        )
        partnership.save(update_fields=["agreement"])
    return partnership.agreement


@transaction.atomic
def start(partnership: Partnership, *, on: date, ends_on: date | None = None, by: Person) -> None:
    require(by, "programmes.manage_partnership", partnership)
    if ends_on is not None and ends_on < on:
        raise ValidationError("The last day lies before the first. Nothing was changed.")
    move(partnership, PartnershipStatus.ACTIVE, by=by, starts_on=on, ends_on=ends_on)


@transaction.atomic
def pause(partnership: Partnership, *, why: str, by: Person) -> None:
    require(by, "programmes.manage_partnership", partnership)
    move(partnership, PartnershipStatus.PAUSED, by=by, why=why)


@transaction.atomic
def resume(partnership: Partnership, *, by: Person) -> None:
    require(by, "programmes.manage_partnership", partnership)
    move(partnership, PartnershipStatus.ACTIVE, by=by)


@transaction.atomic
def complete(partnership: Partnership, *, on: date, by: Person) -> None:
    """The work is done. What is still owed stays owed."""
    require(by, "programmes.manage_partnership", partnership)
    if partnership.starts_on is not None and on < partnership.starts_on:
        raise ValidationError(
            f"The partnership began on {partnership.starts_on:%d/%m/%Y}: its last day cannot lie before that. Nothing was changed."
        )
    move(partnership, PartnershipStatus.COMPLETED, by=by, ends_on=on)


@transaction.atomic
def leave(partnership: Partnership, *, reason: str, on: date, withdrew: bool, by: Person) -> None:
    """The partner withdrew, or the centre ended it. The reason is public once the partnership is; history stays."""
    require(by, "programmes.manage_partnership", partnership)
    if not reason.strip():
        raise ValidationError("Give a reason that can be published. Nothing was changed.")
    to = PartnershipStatus.WITHDRAWN if withdrew else PartnershipStatus.ENDED
    move(partnership, to, by=by, left_reason=reason.strip(), left_on=on)
    if partnership.agreement is not None and partnership.agreement.status != AgreementStatus.ENDED:
        move(partnership.agreement, AgreementStatus.ENDED, by=by)
    withdraw_all_about(partnership, by=by, why="The partnership ended")
    waive_what_is_outstanding(partnership, reason="The partnership ended.", by=by)


@transaction.atomic
def announce(partnerships: Iterable[Partnership], *, at: datetime, by: Person) -> list[Partnership]:
    """Make partnerships public from a moment, which may lie ahead. Says nothing about whether they were signed.

    The moment may move until it has come. What has been public cannot be made unseen.
    """
    announced = []
    for partnership in partnerships:
        require(by, "programmes.announce_partnership", partnership)
        if partnership.public_from is not None and partnership.public_from <= timezone.now():
            raise ValidationError(
                f"The partnership with {partnership.organisation} is public already. Nothing was changed."
            )
        changed = Partnership.objects.filter(pk=partnership.pk, public_from=partnership.public_from)
        if partnership.public_from is None:
            changed = Partnership.objects.filter(pk=partnership.pk, public_from__isnull=True)
        if not changed.update(public_from=at):
            raise RecordChanged(partnership)
        was, partnership.public_from = partnership.public_from, at
        record("set the moment of announcement", partnership, by=by, was=was, now=at)
        announced.append(partnership)
    return announced


@transaction.atomic
def hold_announcement(partnership: Partnership, *, by: Person) -> None:
    """Take back a moment of announcement that has not come yet. What has been public cannot be made unseen."""
    require(by, "programmes.announce_partnership", partnership)
    if not Partnership.objects.filter(pk=partnership.pk, public_from__gt=timezone.now()).update(public_from=None):
        raise RecordChanged(partnership)
    record("held the announcement", partnership, by=by, was=partnership.public_from)
    partnership.public_from = None


def outstanding_first(partnership: Partnership) -> list[Obligation]:
    """What the partnership owes, with what is still to do at the top."""
    return sorted(partnership.obligations.all(), key=lambda owed: (not owed.is_outstanding, owed.due_at))
