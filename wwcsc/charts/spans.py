"""Stretches of time on one scale of years."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from wwcsc.charts.told import Words, told


@dataclass(frozen=True)
class Span:
    label: str
    x: float
    y: float
    width: float
    text_y: float
    tone: str
    starts_on: date
    ends_on: date


@dataclass(frozen=True)
class SpanChart:
    title: str
    sentence: str
    spans: tuple[Span, ...]
    ticks: tuple[Words, ...]
    today_x: float | None
    width: int
    height: int


def span_chart(spans: Iterable[Any], *, title: str, today: date | None = None) -> SpanChart:
    """Bars over a scale of years. Only spans with both days known are drawn."""
    known = [span for span in spans if told(span, "starts_on", None) and told(span, "ends_on", None)]
    names = 9 * max((len(str(told(span, "label"))) for span in known), default=0) + 14
    room = 560
    first = min((told(span, "starts_on").year for span in known), default=2026)
    last = max((told(span, "ends_on").year for span in known), default=first) + 1
    scale = room / max(1, (date(last, 1, 1) - date(first, 1, 1)).days)

    def across(day: date) -> float:
        return round(names + (day - date(first, 1, 1)).days * scale, 1)

    drawn = tuple(
        Span(
            label=str(told(span, "label")),
            x=across(told(span, "starts_on")),
            y=28 + number * 28,
            width=max(4.0, round(across(told(span, "ends_on")) - across(told(span, "starts_on")), 1)),
            text_y=28 + number * 28 + 14,
            tone=str(told(span, "tone", "plain")) or "plain",
            starts_on=told(span, "starts_on"),
            ends_on=told(span, "ends_on"),
        )
        for number, span in enumerate(known)
    )
    return SpanChart(
        title=title,
        sentence=f"{title}: {len(drawn)} stretches of time from {first} to {last - 1}.",
        spans=drawn,
        ticks=tuple(Words(x=across(date(year, 1, 1)), y=14, text=str(year)) for year in range(first, last)),
        today_x=across(today) if today and first <= today.year < last else None,
        width=names + room + 24,
        height=28 + len(drawn) * 28,
    )
