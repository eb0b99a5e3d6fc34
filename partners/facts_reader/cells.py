"""One cell of a file: the value that it means for a field of a model."""

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models

UK = ZoneInfo("Europe/London")
SEPARATOR = ";"
NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")


def value_of(described: Any, cell: str) -> Any:
    """The value that a cell means for a field, or a ValueError that says in plain words what is wrong."""
    if isinstance(described, ArrayField):
        return parts(cell)
    if not cell:
        return nothing(described)
    if described.choices:
        allowed = [str(value) for value, _ in described.flatchoices]
        if cell not in allowed:
            raise ValueError(f"“{cell}” is not known here. Use one of: {', '.join(allowed)}")
        return cell
    value = _plain_value(described, cell)
    try:
        described.run_validators(value)
    except ValidationError as error:
        raise ValueError(f"“{_short(cell)}”: {' '.join(error.messages)}") from None
    return value


def _plain_value(described: Any, cell: str) -> Any:
    for kind, read in KINDS.items():
        if isinstance(described, kind):
            return read(cell)
    return cell


def parts(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(SEPARATOR) if part.strip()]


def nothing(described: Any) -> Any:
    if described.null:
        return None
    if described.has_default() and not described.choices:
        return described.get_default()
    if described.blank:
        return ""
    raise ValueError("this cell must not be empty")


def _moment(cell: str) -> datetime:
    """A day means its first moment in the United Kingdom; a time may follow ("2019-06-19 23:59")."""
    try:
        moment = datetime.strptime(cell, "%Y-%m-%d %H:%M" if " " in cell else "%Y-%m-%d")  # noqa: DTZ007 - the zone follows
    except ValueError:
        raise ValueError(
            f"“{_short(cell)}” is not a day such as 2019-06-19, nor a moment such as 2019-06-19 17:00"
        ) from None
    return moment.replace(tzinfo=UK)


def _day(cell: str) -> date:
    try:
        return datetime.strptime(cell, "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        raise ValueError(f"“{_short(cell)}” is not a day. Write it as year-month-day, such as 2019-07-24") from None


def _decimal(cell: str) -> Decimal:
    if not NUMBER.fullmatch(cell):
        raise ValueError(f"“{_short(cell)}” is not a number. Leave the cell empty when nothing is known")
    return Decimal(cell)


def _whole(cell: str) -> int:
    number = _decimal(cell)
    if number != number.to_integral_value():
        raise ValueError(f"“{_short(cell)}” is not a whole number")
    return int(number)


def _yes_or_no(cell: str) -> bool:
    if cell not in {"yes", "no"}:
        raise ValueError(f"“{_short(cell)}” is neither yes nor no")
    return cell == "yes"


def _short(cell: str) -> str:
    return cell if len(cell) <= 60 else f"{cell[:57]}…"


KINDS: dict[type[models.Field], Callable[[str], Any]] = {
    models.DateTimeField: _moment,  # before DateField, whose child it is
    models.DateField: _day,
    models.DecimalField: _decimal,
    models.IntegerField: _whole,
    models.BooleanField: _yes_or_no,
}
