"""Dates as exactly as they are known."""

from calendar import monthrange
from datetime import date

from programmes.choices import Precision

MONTHS_IN = {Precision.MONTH: 1, Precision.SEASON: 3, Precision.YEAR: 12}
SEASONS = 2 * ("winter",) + 3 * ("spring",) + 3 * ("summer",) + 3 * ("autumn",) + ("winter",)


def last_day_of(day: date, precision: str) -> date:
    """The last day of the month, season or year that a date stands for: nothing is late before that is over."""
    if precision not in MONTHS_IN:
        return day
    months = day.month - 1 + MONTHS_IN[Precision(precision)] - 1
    year, month = day.year + months // 12, months % 12 + 1
    return date(year, month, monthrange(year, month)[1])


def said(day: date | None, precision: str) -> str:
    """A date as exactly as it is known: 12 June 2019, June 2019, summer 2019, 2019."""
    if day is None:
        return ""
    return {
        Precision.MONTH: f"{day:%B %Y}",
        Precision.SEASON: f"{SEASONS[day.month - 1]} {day.year}",
        Precision.YEAR: f"{day.year}",
    }.get(Precision(precision), f"{day.day} {day:%B %Y}")
