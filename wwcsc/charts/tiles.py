"""The map: one tile for each authority."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby
from operator import attrgetter
from typing import Any

from wwcsc.charts.grid import grid_of
from wwcsc.charts.told import told


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
    known = sorted(areas, key=lambda area: str(told(area, "name")))
    grid = _squares_told(known) or grid_of(
        tuple((float(told(area, "longitude")), float(told(area, "latitude"))) for area in known)
    )
    step = size + gap
    shorts = short_names([str(told(area, "name")) for area in known])
    tiles = tuple(
        Tile(
            name=str(told(area, "name")),
            short=str(told(area, "short")) or short,
            url=str(told(area, "url")),
            tone=str(told(area, "tone", "none")) or "none",
            said=str(told(area, "said")),
            group=str(told(area, "group")) or "England",
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


def _squares_told(areas: Sequence[Any]) -> tuple[tuple[int, int], ...]:
    squares = tuple((told(area, "column", -1), told(area, "row", -1)) for area in areas)
    all_told = all(column >= 0 and row >= 0 for column, row in squares)
    return squares if all_told and len(set(squares)) == len(squares) else ()


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
