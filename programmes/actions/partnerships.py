"""How a partnership begins, and what it owes from its first day."""

from collections.abc import Iterable
from datetime import datetime, time, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from audit.actions import record
from partners.choices import AgreementKind
from partners.models import Agreement, Organisation
from people.models import Person
from programmes.choices import ObligationKind
from programmes.models import Obligation, Partnership, Programme, Strand, Wave

DAYS_TO_SIGN = 28
CLOSE_OF_BUSINESS = time(17)


@transaction.atomic
def propose(
    organisation: Organisation,
    programme: Programme,
    *,
    strand: Strand | None = None,
    wave: Wave | None = None,
    practice_name: str,
    practice: str,
    group: str,
    areas: Iterable[Organisation] = (),
    by: Person,
    is_demonstration: bool = False,
) -> Partnership:
    """A partnership from an accepted offer: visible to nobody but the two parties until it is announced.

    The caller has asked whether the person may accept: a partner's lead has no other way to begin a partnership.
    """
    same = Partnership.objects.filter(
        organisation=organisation, programme=programme, strand=strand, wave=wave, practice_name=practice_name
    )
    if same.exists():
        raise ValidationError("There is already a partnership in this programme with the same practice. Nothing was changed.")
    agreement = Agreement.objects.create(
        organisation=organisation,
        kind=AgreementKind.MEMORANDUM,
        title=f"Memorandum of understanding: {programme.known_as}",
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
        is_demonstration=is_demonstration,
    )
    partnership.areas.set(areas)
    due_at = _close_of_business_in(DAYS_TO_SIGN)
    for kind in (ObligationKind.AGREEMENT, ObligationKind.DATA_SHARING):
        Obligation.objects.create(
            partnership=partnership, kind=kind, title=kind.label, due_at=due_at, is_demonstration=is_demonstration
        )
    record("proposed", partnership, by=by, programme=programme.pk, organisation=organisation.pk)
    return partnership


def _close_of_business_in(days: int) -> datetime:
    day = timezone.localdate() + timedelta(days=days)
    return timezone.make_aware(datetime.combine(day, CLOSE_OF_BUSINESS))
