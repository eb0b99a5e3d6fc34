"""Pictures drawn on the server: plain functions that turn facts into positions. Templates only print what these return."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import combinations, groupby, pairwise
from math import cos, radians
from operator import attrgetter
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.optimize import linear_sum_assignment

from wwcsc.wording import plain_number

MIDDLE_OF_ENGLAND = 52.9
SMOOTHNESS, LEAST, ROOM = 1.2, 0.6, 1.22


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

    @property
    def frame_width(self) -> int:
        """The picture with room for the outline of its outermost tiles."""
        return self.width + 4

    @property
    def frame_height(self) -> int:
        return self.height + 4


def tile_map(
    areas: Iterable[Any], *, title: str, legend: Sequence[tuple[str, str]] = (), size: int = 44, gap: int = 4
) -> TileMap:
    """Every area gets a square of its own near its true place. Names sort the tiles, so tabbing follows the alphabet.

    Areas that all know their column and row keep them, so that a square never wanders; else places are computed.
    """
    known = sorted(areas, key=lambda area: str(_told(area, "name")))
    grid = _squares_told(known) or grid_of(
        tuple((float(_told(area, "longitude")), float(_told(area, "latitude"))) for area in known)
    )
    step = size + gap
    shorts = short_names([str(_told(area, "name")) for area in known])
    tiles = tuple(
        Tile(
            name=str(_told(area, "name")),
            short=str(_told(area, "short")) or short,
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
        for area, short, (column, row) in zip(known, shorts, grid, strict=True)
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


def short_names(names: Sequence[str]) -> list[str]:
    """Three capitals for each name, no two alike: its initials, else its first letters, else the first that are free."""
    used: set[str] = set()
    return [_free_short_name(name, used) for name in names]


def _free_short_name(name: str, used: set[str]) -> str:
    words = re.sub(r"[^A-Z ]", "", name.upper().replace("-", " ")).split() or ["X"]
    words = [word for word in words if word not in {"AND", "OF", "THE", "UPON"}] or words
    initials = "".join(word[0] for word in words)[:3]
    letters = "".join(words)
    wanted = [initials] if len(initials) == 3 else []
    wanted += [words[0][0] + words[1][:2]] if len(words) > 1 else []
    wanted += [letters[:3], *(letters[0] + "".join(pair) for pair in combinations(letters[1:], 2))]
    short = next((one for one in wanted if one not in used), letters[:3])
    used.add(short)
    return short


def _squares_told(areas: Sequence[Any]) -> tuple[tuple[int, int], ...]:
    told = tuple((_told(area, "column", -1), _told(area, "row", -1)) for area in areas)
    return told if all(column >= 0 and row >= 0 for column, row in told) and len(set(told)) == len(told) else ()


@lru_cache(maxsize=8)
def grid_of(coordinates: tuple[tuple[float, float], ...]) -> tuple[tuple[int, int], ...]:
    """(column, row) for each (longitude, latitude): no two share a square, and the sum of squared moves is least.

    Crowded places (London has 33 of 153) are first given the room that their number needs, by letting density flow
    until it is even; without that the assignment would mix the capital with the counties around it.
    """
    if not coordinates:
        return ()
    flat = np.array([(lon * cos(radians(MIDDLE_OF_ENGLAND)), -lat) for lon, lat in coordinates])
    points = _evened(flat)
    low, high = np.floor(points.min(axis=0)).astype(int) - 2, np.ceil(points.max(axis=0)).astype(int) + 2
    while np.prod(high - low + 1) < len(points):  # places on one spot need more squares than their extent has
        low, high = low - 1, high + 1
    squares = np.array([(x, y) for y in range(low[1], high[1] + 1) for x in range(low[0], high[0] + 1)])
    distance = ((points[:, None, :] - squares[None, :, :]) ** 2).sum(axis=2)
    _, chosen = linear_sum_assignment(distance)
    placed = squares[chosen] - squares[chosen].min(axis=0)
    return tuple((int(x), int(y)) for x, y in placed)


def _evened(points: np.ndarray, *, cells: int = 160, moments: int = 60) -> np.ndarray:
    """Move points as density does while it diffuses to evenness (Gastner and Newman 2004), then scale to one each square."""
    extent = np.ptp(points, axis=0).max() or 1.0
    now = (points - points.min(axis=0)) / extent * cells * 0.5 + cells * 0.25
    crowd, _, _ = np.histogram2d(now[:, 0], now[:, 1], bins=cells, range=[[0, cells], [0, cells]])
    crowd = gaussian_filter(crowd, SMOOTHNESS) + LEAST * len(points) / (cells * 0.5) ** 2
    widths = np.geomspace(0.5, cells * 0.35, moments)
    for narrow, wide in pairwise(widths):
        density = gaussian_filter(crowd, narrow, mode="reflect")
        flow = -np.stack(np.gradient(density)) / density
        step = (wide**2 - narrow**2) / 2
        now = now + step * np.stack(
            [map_coordinates(part, now.T - 0.5, order=1, mode="nearest") for part in flow], axis=1
        )
    room = max(
        float(np.median(np.sort(((now[:, None] - now[None]) ** 2).sum(axis=2), axis=1)[:, min(4, len(now) - 1)]))
        ** 0.5,
        1e-9,
    )
    return (now - now.min(axis=0)) / room * ROOM


# --- the two answers of a rating ---------------------------------------------------------------------------------------------

EFFECTS: dict[object, str] = {
    -1: "Negative effect",
    0: "No effect",
    "mixed": "Mixed effects",
    1: "Tends to positive effect",
    2: "Consistently positive effect",
}
STRENGTHS: dict[object, str] = {0: "Very low", 1: "Low", 2: "Moderate", 3: "High"}
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
