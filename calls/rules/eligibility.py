"""Whether an organisation may apply, looked up in dated facts on the day that the call names, and said in words."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.db.models import Q
from django.utils.timezone import localdate

from calls.models import Call
from partners.choices import Grade, OrganisationKind
from partners.models import Organisation


@dataclass(frozen=True)
class Condition:
    """One condition of a call. ``met`` is None where our records do not say; staff look at those by hand."""

    asks: str
    met: bool | None
    because: str

    @property
    def verdict(self) -> str:
        return {True: "yes", False: "no", None: "unknown"}[self.met]

    @property
    def verdict_label(self) -> str:
        return {True: "Yes", False: "No", None: "Not known to us"}[self.met]


@dataclass(frozen=True)
class Eligibility:
    conditions: tuple[Condition, ...]

    @property
    def may_apply(self) -> bool:
        """No hard condition is missed. What is not known does not stop anybody from starting."""
        return all(condition.met is not False for condition in self.conditions)

    @property
    def is_certain(self) -> bool:
        return all(condition.met is not None for condition in self.conditions)


def day_of_eligibility(call: Call) -> date:
    return call.eligible_on or localdate()


def eligibility_of(call: Call, organisation: Organisation) -> Eligibility:
    day = day_of_eligibility(call)
    conditions = [_exists(organisation, day)]
    if call.eligible_kinds:
        conditions.insert(0, _is_of_a_kind(organisation, call.eligible_kinds))
    if call.eligible_grades:
        conditions.append(_has_a_grade(organisation, call.eligible_grades, day))
    return Eligibility(tuple(conditions))


def said(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def listed(words: Iterable[str], last: str = "or") -> str:
    *most, final = words
    return f"{', '.join(most)} {last} {final}" if most else final


def _is_of_a_kind(organisation: Organisation, kinds: list[str]) -> Condition:
    wanted = listed(OrganisationKind(kind).label.lower() for kind in kinds)
    return Condition(
        asks=f"The organisation is a {wanted}.",
        met=organisation.kind in kinds,
        because=f"{organisation.name} is recorded as: {organisation.get_kind_display().lower()}.",
    )


def _exists(organisation: Organisation, day: date) -> Condition:
    because = f"{organisation.name} exists in our records on that day."
    if not organisation.existed_on(day):
        began = organisation.exists_from is not None and day < organisation.exists_from
        limit = organisation.exists_from if began else organisation.exists_until
        because = f"{organisation.name} {'began on' if began else 'ended before'} {said(limit)}." if limit else because
    return Condition(asks=f"The organisation exists on {said(day)}.", met=organisation.existed_on(day), because=because)


def _has_a_grade(organisation: Organisation, grades: list[str], day: date) -> Condition:
    """A trust is graded through the authorities that it serves. Other bodies have no grade, so staff look at them."""
    as_of = min(day, localdate())
    asks = f"On {said(day)} Ofsted's last overall grade was {listed(Grade(grade).label for grade in grades)}."
    if day > as_of:
        asks += f" (Looked up today, {said(as_of)}; a later inspection may change it.)"
    authorities = _authorities_of(organisation, as_of)
    if not authorities:
        return Condition(
            asks, None, f"Ofsted does not grade {organisation.name}. We will ask which authorities you work with."
        )
    found = {authority: authority.grade_on(as_of) for authority in authorities}
    because = "; ".join(
        f"{authority.name}: {Grade(grade).label if grade else 'no grade in our records'}"
        for authority, grade in found.items()
    )
    if any(grade and grade not in grades for grade in found.values()):
        return Condition(asks, False, f"{because}.")
    return Condition(asks, True if all(found.values()) else None, f"{because}.")


def _authorities_of(organisation: Organisation, day: date) -> list[Organisation]:
    if organisation.is_authority:
        return [organisation]
    served = organisation.services_provided.filter(
        Q(starts_on__isnull=True) | Q(starts_on__lte=day), Q(ends_on__isnull=True) | Q(ends_on__gt=day)
    ).select_related("authority")
    return [service.authority for service in served]
