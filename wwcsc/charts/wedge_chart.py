"""The stepped wedge: clusters cross over to the new practice one after another."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from wwcsc.charts.told import Words, told


@dataclass(frozen=True)
class WedgeCell:
    x: float
    tone: str


@dataclass(frozen=True)
class WedgeRow:
    label: str
    y: float
    text_y: float
    cells: tuple[WedgeCell, ...]
    planned: str
    actual: str


@dataclass(frozen=True)
class Wedge:
    title: str
    sentence: str
    rows: tuple[WedgeRow, ...]
    heads: tuple[Words, ...]
    width: int
    height: int
    cell_width: int
    cell_height: int
    has_late: bool


def wedge(rows: Iterable[Any], *, periods: Sequence[str], title: str) -> Wedge:
    """Rows of clusters over periods. ``starts`` is the planned first period (from 0), ``started`` the actual one if known."""
    known = list(rows)
    names = 9 * max((len(str(told(row, "label"))) for row in known), default=0) + 14
    width, height, gap, top = max(26, min(64, 640 // max(1, len(periods)))), 24, 4, 26
    drawn = tuple(
        WedgeRow(
            label=str(told(row, "label")),
            y=top + number * (height + gap),
            text_y=top + number * (height + gap) + height / 2 + 5,
            cells=tuple(
                WedgeCell(x=names + period * (width + gap), tone=_wedge_tone(row, period))
                for period in range(len(periods))
            ),
            planned=_period_name(told(row, "starts", None), periods),
            actual=_period_name(told(row, "started", None), periods),
        )
        for number, row in enumerate(known)
    )
    return Wedge(
        title=title,
        sentence=f"{len(known)} clusters over {len(periods)} periods; each starts the new practice at its own step.",
        rows=drawn,
        heads=tuple(
            Words(x=names + number * (width + gap) + width / 2, y=16, text=str(period))
            for number, period in enumerate(periods)
        ),
        width=names + len(periods) * (width + gap),
        height=top + len(known) * (height + gap),
        cell_width=width,
        cell_height=height,
        has_late=any(cell.tone == "late" for row in drawn for cell in row.cells),
    )


def _wedge_tone(row: Any, period: int) -> str:
    starts, started = told(row, "starts", None), told(row, "started", None)
    if starts is None:
        return "before"
    if started is not None and starts <= period < started:
        return "late"
    first = starts if started is None else started
    if period == first:
        return "step"
    return "after" if period > first else "before"


def _period_name(period: int | None, periods: Sequence[str]) -> str:
    return "Not known" if period is None else str(periods[period])
