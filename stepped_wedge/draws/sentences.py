"""Constraints in the words people use: kinds of clusters and dates, put into clusters and steps before anything is frozen.

The record holds what the sentence came to, so nobody has to read it again to verify a draw.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping, Sequence
from datetime import date

from stepped_wedge.allocations import Constraint, read_constraint
from stepped_wedge.refusals import CaseRefused, refuse_unless

_COUNTS = {"one": 1, "two": 2, "three": 3}
_KIND = r"at most (\d+|one|two|three) (?:with (\S+) = )?(\S+(?: \S+)*?)(?: (?:authority|authorities|clusters?|teams?|schools?))? (?:in a|per|in each) step"
_DATE = r"(.+) not (before|after) (?!step\b)(.+)"
_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_name) if name}


def understood(sentence: str, rows: Mapping[str, Mapping[str, str]], dates: Sequence[str]) -> Constraint:
    """A constraint on named clusters and numbered steps.

    rows: the covariates of each cluster. dates: the date of each step, ISO, where sentences speak of dates.
    """
    said = sentence.strip().rstrip(".")
    if (matched := re.fullmatch(_DATE, said, flags=re.IGNORECASE)) is not None:
        return _by_date(matched[1].strip(), matched[2].lower(), matched[3].strip(), dates)
    kind = re.fullmatch(_KIND, said, flags=re.IGNORECASE)
    if kind is not None and not kind[3].lower().startswith("of "):
        number = _COUNTS.get(kind[1].lower()) or int(kind[1])
        return Constraint("at-most", _of_kind(said, kind[2], kind[3].strip(), rows), number)
    return read_constraint(sentence)


def _of_kind(said: str, column: str | None, value: str, rows: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    """The clusters whose covariate has the value; without the name of a column exactly one must know the value."""
    columns = {name for row in rows.values() for name in row}
    refuse_unless(column is None or column in columns, "constraints", f"{column} is not a column: {said}")
    knowing = [
        name
        for name in sorted(columns if column is None else {column})
        if any(row.get(name, "").strip().lower() == value.lower() for row in rows.values())
    ]
    refuse_unless(knowing, "constraints", f"no cluster is {value} in the covariate file: {said}")
    refuse_unless(
        len(knowing) == 1,
        "constraints",
        f"{value} stands in {' and '.join(knowing)}: say at most one with {knowing[0]} = {value} in a step",
    )
    return tuple(name for name in sorted(rows) if rows[name].get(knowing[0], "").strip().lower() == value.lower())


def _by_date(cluster: str, side: str, when: str, dates: Sequence[str]) -> Constraint:
    refuse_unless(dates, "step_dates", f"{cluster} not {side} {when}: give step_dates, the date of each step")
    starts = [_exact(each) for each in dates]
    refuse_unless(starts == sorted(set(starts)), "step_dates", "must be dates in order, one for each step")
    first, last = _span(when)
    if side == "before":
        allowed = [step for step, start in enumerate(starts, start=1) if start >= first]
        refuse_unless(allowed, "constraints", f"no step begins on or after {first}: {cluster} not before {when}")
        return Constraint("not-before", (cluster,), allowed[0])
    allowed = [step for step, start in enumerate(starts, start=1) if start <= last]
    refuse_unless(allowed, "constraints", f"no step begins on or before {last}: {cluster} not after {when}")
    return Constraint("not-after", (cluster,), allowed[-1])


def _exact(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as problem:
        raise CaseRefused("step_dates", f"{text} is not a date like 2027-04-01") from problem


def _span(when: str) -> tuple[date, date]:
    """First and last day that the words can mean: a day, or a month with its year."""
    matched = re.fullmatch(r"(?:(\d{1,2}) )?([A-Za-z]+) (\d{4})", when)
    if matched is not None and matched[2].lower() in _MONTHS:
        month, year = _MONTHS[matched[2].lower()], int(matched[3])
        length = calendar.monthrange(year, month)[1]
        refuse_unless(matched[1] is None or 1 <= int(matched[1]) <= length, "constraints", f"{when} is not a day")
        days = (1, length) if matched[1] is None else (int(matched[1]), int(matched[1]))
        return date(year, month, days[0]), date(year, month, days[1])
    try:
        day = date.fromisoformat(when)
    except ValueError as problem:
        raise CaseRefused(
            "constraints", f"{when} is not a date: say April 2027, 1 April 2027 or 2027-04-01"
        ) from problem
    return day, day
