"""Bars: one number for each row."""

from collections.abc import Iterable
from dataclasses import dataclass

from wwcsc.wording import plain_number


@dataclass(frozen=True)
class Bar:
    label: str
    said: str
    width: float
    tone: str
    url: str


@dataclass(frozen=True)
class Bars:
    title: str
    unit: str
    bars: tuple[Bar, ...]


def bars(rows: Iterable[tuple], *, title: str, unit: str = "") -> Bars:
    """(label, number) or (label, number, tone) or (label, number, tone, address). Unknown numbers draw no bar and say so."""
    told = [(*row, "", "")[:4] for row in rows]
    largest = max((float(number) for _, number, _, _ in told if number is not None), default=0) or 1
    return Bars(
        title=title,
        unit=unit,
        bars=tuple(
            Bar(
                label=str(label),
                said=plain_number(number),
                width=round(max(0.0, float(number or 0)) / largest * 100, 1),
                tone=tone or "plain",
                url=url,
            )
            for label, number, tone, url in told
        ),
    )
