"""Pictures drawn on the server: plain functions that turn facts into positions. Templates only print what these return."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import groupby
from math import cos, radians
from operator import attrgetter
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from wwcsc.wording import plain_number

MIDDLE_OF_ENGLAND = 52.9


def _told(thing: Any, name: str, default: Any = "") -> Any:
    """Facts arrive as records or as dictionaries; a chart does not mind which."""
    value = thing.get(name, default) if isinstance(thing, dict) else getattr(thing, name, default)
    return default if value is None else value


# --- the map: one tile for each authority -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Tile:
    name: str
    short: str
    url: str
    tone: str
    said: str
    group: str
    column: int
    row: int
    x: float
    y: float
    text_x: float
    text_y: float


@dataclass(frozen=True)
class TileGroup:
    name: str
    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class TileMap:
    title: str
    tiles: tuple[Tile, ...]
    groups: tuple[TileGroup, ...]
    legend: tuple[tuple[str, str], ...]
    size: int
    width: int
    height: int


def tile_map(
    areas: Iterable[Any], *, title: str, legend: Sequence[tuple[str, str]] = (), size: int = 44, gap: int = 4
) -> TileMap:
    """Every area gets a square of its own near its true place. Names sort the tiles, so tabbing follows the alphabet."""
    known = sorted(areas, key=lambda area: str(_told(area, "name")))
    grid = grid_of(tuple((float(_told(area, "longitude")), float(_told(area, "latitude"))) for area in known))
    step = size + gap
    tiles = tuple(
        Tile(
            name=str(_told(area, "name")),
            short=str(_told(area, "short")) or str(_told(area, "name"))[:3],
            url=str(_told(area, "url")),
            tone=str(_told(area, "tone", "none")) or "none",
            said=str(_told(area, "said")),
            group=str(_told(area, "group")) or "England",
            column=column,
            row=row,
            x=column * step,
            y=row * step,
            text_x=column * step + size / 2,
            text_y=row * step + size / 2 + 4,
        )
        for area, (column, row) in zip(known, grid, strict=True)
    )
    in_groups = groupby(sorted(tiles, key=attrgetter("group", "name")), key=attrgetter("group"))
    return TileMap(
        title=title,
        tiles=tiles,
        groups=tuple(TileGroup(name, tuple(members)) for name, members in in_groups),
        legend=tuple(legend),
        size=size,
        width=(max((tile.column for tile in tiles), default=0) + 1) * step - gap,
        height=(max((tile.row for tile in tiles), default=0) + 1) * step - gap,
    )


@lru_cache(maxsize=8)
def grid_of(coordinates: tuple[tuple[float, float], ...]) -> tuple[tuple[int, int], ...]:
    """(column, row) for each (longitude, latitude): no two share a square, and the sum of squared moves is least.

    Crowded places (London has 33 of 153) are first spread apart until neighbours are about a square from each other;
    without that the assignment would tear the capital into a ring around itself.
    """
    if not coordinates:
        return ()
    points = _spread(np.array([(lon * cos(radians(MIDDLE_OF_ENGLAND)), -lat) for lon, lat in coordinates]))
    low = np.floor(points.min(axis=0)).astype(int) - 1
    high = np.ceil(points.max(axis=0)).astype(int) + 1
    squares = np.array([(x, y) for y in range(low[1], high[1] + 1) for x in range(low[0], high[0] + 1)])
    distance = ((points[:, None, :] - squares[None, :, :]) ** 2).sum(axis=2)
    _, chosen = linear_sum_assignment(distance)
    placed = squares[chosen] - squares[chosen].min(axis=0)
    return tuple((int(x), int(y)) for x, y in placed)


def _spread(points: np.ndarray, *, rounds: int = 220, pull: float = 0.012) -> np.ndarray:
    """Push points apart to about one unit while each is held by a thread to where it belongs."""
    extent = np.ptp(points, axis=0).max() or 1.0
    home = (points - points.min(axis=0)) / extent * (1.28 * len(points) ** 0.5)
    now = home + np.linspace(0, 1e-3, len(points))[:, None]  # two places on one spot still part
    for _ in range(rounds):
        away = now[:, None, :] - now[None, :, :]
        distance = np.sqrt((away**2).sum(axis=2)) + 1e-9
        push = np.clip(1.05 - distance, 0, None) / distance * 0.28
        np.fill_diagonal(push, 0)
        now = now + (away * push[:, :, None]).sum(axis=1) + (home - now) * pull
    return now


# --- the two answers of a rating ---------------------------------------------------------------------------------------------

EFFECTS = {
    -1: "Negative effect",
    0: "No effect",
    "mixed": "Mixed effects",
    1: "Tends to positive effect",
    2: "Consistently positive effect",
}
STRENGTHS = {0: "Very low", 1: "Low", 2: "Moderate", 3: "High"}
EFFECT_PLACES: dict[object, int] = {-1: 0, 0: 1, 1: 2, 2: 3}


@dataclass(frozen=True)
class Dot:
    x: int
    tone: str
    y: int = 2
    height: int = 12


@dataclass(frozen=True)
class RatingMeter:
    effect_label: str
    strength_label: str
    effect_dots: tuple[Dot, ...]
    strength_dots: tuple[Dot, ...]


def rating_meter(effect: object, strength: object, effect_label: str = "", strength_label: str = "") -> RatingMeter:
    effect, strength = _level(effect), _level(strength)
    return RatingMeter(
        effect_label=effect_label or EFFECTS.get(effect, "Not rated"),
        strength_label=strength_label or STRENGTHS.get(strength, "Not rated"),
        effect_dots=tuple(Dot(x=place * 25, tone=_effect_tone(effect, place)) for place in range(4)),
        strength_dots=tuple(_strength_step(strength, place) for place in range(4)),
    )


def _level(value: object) -> Any:
    try:
        return int(str(value))
    except ValueError:
        return value


def _effect_tone(effect: Any, place: int) -> str:
    if effect == "mixed":
        return "mixed" if place in {0, 1, 2} else "empty"
    if EFFECT_PLACES.get(effect) != place:
        return "empty"
    return ("negative", "none", "good", "best")[place]


def _strength_step(strength: Any, place: int) -> Dot:
    height = 5 + 3 * place
    filled = isinstance(strength, int) and place <= strength
    return Dot(x=place * 25, tone="strength" if filled else "empty", y=15 - height, height=height)


# --- bars -----------------------------------------------------------------------------------------------------------------------


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


# --- the stepped wedge ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Words:
    x: float
    y: float
    text: str


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
    names = 9 * max((len(str(_told(row, "label"))) for row in known), default=0) + 14
    width, height, gap, top = max(26, min(64, 640 // max(1, len(periods)))), 24, 4, 26
    drawn = tuple(
        WedgeRow(
            label=str(_told(row, "label")),
            y=top + number * (height + gap),
            text_y=top + number * (height + gap) + height / 2 + 5,
            cells=tuple(
                WedgeCell(x=names + period * (width + gap), tone=_wedge_tone(row, period))
                for period in range(len(periods))
            ),
            planned=_period_name(_told(row, "starts", None), periods),
            actual=_period_name(_told(row, "started", None), periods),
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
    starts, started = _told(row, "starts", None), _told(row, "started", None)
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


# --- stretches of time --------------------------------------------------------------------------------------------------------------


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
    known = [span for span in spans if _told(span, "starts_on", None) and _told(span, "ends_on", None)]
    names = 9 * max((len(str(_told(span, "label"))) for span in known), default=0) + 14
    room = 560
    first = min((_told(span, "starts_on").year for span in known), default=2026)
    last = max((_told(span, "ends_on").year for span in known), default=first) + 1
    scale = room / max(1, (date(last, 1, 1) - date(first, 1, 1)).days)

    def across(day: date) -> float:
        return round(names + (day - date(first, 1, 1)).days * scale, 1)

    drawn = tuple(
        Span(
            label=str(_told(span, "label")),
            x=across(_told(span, "starts_on")),
            y=28 + number * 28,
            width=max(4.0, round(across(_told(span, "ends_on")) - across(_told(span, "starts_on")), 1)),
            text_y=28 + number * 28 + 14,
            tone=str(_told(span, "tone", "plain")) or "plain",
            starts_on=_told(span, "starts_on"),
            ends_on=_told(span, "ends_on"),
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
