"""Accessible SVG as a string, without any plotting library.

Only presentation attributes and classes are used (a strict content security policy forbids style attributes), every
picture has a title and a description that a screen reader reads, and the same numbers as a table. Colour is never the
only sign: cells carry letters or numbers, lines carry names and different dashes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from math import ceil, floor, isfinite, log10
from typing import Any

INK, PALE, GRID = "#1b1b1b", "#ffffff", "#c9c9c9"
# dark on light and light on dark all exceed a contrast of 4.5 to 1
CONTROL, INTERVENTION, TRANSITION, UNSEEN = "#f3f2f1", "#1d4f91", "#b9cde5", "#ffffff"
LINES = ("#1d4f91", "#b4371f", "#2f6b2f", "#6a3d9a", "#7a4b00", "#333333")
_FRAME: dict[str, Any] = {"stroke": INK, "stroke_width": 0.75}
_RULE: dict[str, Any] = {"stroke": INK, "stroke_width": 1}
DASHES = ("", "7 4", "2 3", "10 3 2 3", "4 2", "1 2")


@dataclass(frozen=True)
class Picture:
    """svg: the drawing. text: what it says in words. header and rows: the same data as a table."""

    svg: str
    title: str
    text: str
    header: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]

    def table(self) -> str:
        """The data as an HTML table."""
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in self.header)
        body = "".join("<tr>" + "".join(_cell(k, value) for k, value in enumerate(row)) + "</tr>" for row in self.rows)
        return (
            f"<table><caption>{escape(self.title)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )

    def figure(self) -> str:
        """Drawing, words and table together."""
        return (
            f'<figure class="sw-figure">{self.svg}<figcaption>{escape(self.text)}</figcaption>'
            f"<details><summary>Show as table</summary>{self.table()}</details></figure>"
        )


def _cell(column: int, value: object) -> str:
    tag = 'th scope="row"' if column == 0 else "td"
    return f"<{tag}>{escape(said(value))}</{tag.split()[0]}>"


def said(value: object, digits: int = 4) -> str:
    """A value as people read it."""
    if value is None:
        return "not observed"
    if isinstance(value, float):
        if not isfinite(value):
            return "not observed" if value != value else "infinite"
        return f"{value:.{digits}g}"
    return str(value)


class Canvas:
    """Collects marks and closes them into one picture."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._marks: list[str] = []

    def add(self, tag: str, content: str | None = None, **attributes: Any) -> None:
        """One mark; `class_` and `font_size` become class and font-size."""
        said_ = "".join(
            f' {name.rstrip("_").replace("_", "-")}="{escape(_plain(value), quote=True)}"'
            for name, value in attributes.items()
            if value not in (None, "")
        )
        self._marks.append(f"<{tag}{said_}/>" if content is None else f"<{tag}{said_}>{escape(content)}</{tag}>")

    def rect(self, x: float, y: float, width: float, height: float, fill: str, **more: Any) -> None:
        self.add("rect", x=x, y=y, width=width, height=height, fill=fill, **(_FRAME | more))

    def line(self, x1: float, y1: float, x2: float, y2: float, **more: Any) -> None:
        self.add("line", x1=x1, y1=y1, x2=x2, y2=y2, **(_RULE | more))

    def text(self, x: float, y: float, words: str, **more: Any) -> None:
        self.add("text", words, x=x, y=y, **{"fill": INK, "font_size": 13, "font_family": "sans-serif", **more})

    def path(self, points: Sequence[tuple[float, float]], color: str, dash: str = "") -> None:
        where = " ".join(f"{_plain(x)},{_plain(y)}" for x, y in points)
        self.add("polyline", points=where, fill="none", stroke=color, stroke_width=2.25, stroke_dasharray=dash)

    def close(
        self, kind: str, title: str, text: str, header: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> Picture:
        """The finished picture. Ids come from the content, so two pictures on a page do not collide."""
        body = "".join(self._marks)
        mark = "sw-" + sha256((kind + title + body).encode()).hexdigest()[:10]
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_plain(self.width)} {_plain(self.height)}" '
            f'class="sw-picture sw-{kind}" role="img" aria-labelledby="{mark}-title {mark}-text">'
            f'<title id="{mark}-title">{escape(title)}</title><desc id="{mark}-text">{escape(text)}</desc>{body}</svg>'
        )
        return Picture(svg, title, text, tuple(header), tuple(tuple(row) for row in rows))


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(value)


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers that cover the range."""
    if not high > low:
        high = low + 1
    raw = (high - low) / wanted
    size = 10 ** floor(log10(raw))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= raw - 1e-12)
    first = floor(low / step + 1e-9)
    last = ceil(high / step - 1e-9)
    return [round(step * k, 12) for k in range(first, last + 1)]


class Axes:
    """A frame with round numbers on both axes; turns values into places on the canvas."""

    def __init__(
        self, canvas: Canvas, x: tuple[float, float], y: tuple[float, float], names: tuple[str, str], right: float = 20
    ) -> None:
        self._canvas = canvas
        self._x_ticks, self._y_ticks = ticks(*x), ticks(*y)
        self._left, self._top, self._bottom = 62.0, 16.0, canvas.height - 50
        self._right = canvas.width - right
        self._draw(names)

    def at(self, x: float, y: float) -> tuple[float, float]:
        x0, x1, y0, y1 = self._x_ticks[0], self._x_ticks[-1], self._y_ticks[0], self._y_ticks[-1]
        across = self._left + (x - x0) / (x1 - x0) * (self._right - self._left)
        return across, self._bottom - (y - y0) / (y1 - y0) * (self._bottom - self._top)

    def _draw(self, names: tuple[str, str]) -> None:
        canvas = self._canvas
        for value in self._x_ticks:
            place, _ = self.at(value, self._y_ticks[0])
            canvas.line(place, self._top, place, self._bottom, stroke=GRID, stroke_width=0.75)
            canvas.text(place, self._bottom + 17, said(value), text_anchor="middle", font_size=12)
        for value in self._y_ticks:
            _, place = self.at(self._x_ticks[0], value)
            canvas.line(self._left, place, self._right, place, stroke=GRID, stroke_width=0.75)
            canvas.text(self._left - 7, place + 4, said(value), text_anchor="end", font_size=12)
        canvas.line(self._left, self._bottom, self._right, self._bottom)
        canvas.line(self._left, self._top, self._left, self._bottom)
        canvas.text((self._left + self._right) / 2, canvas.height - 12, names[0], text_anchor="middle")
        middle = (self._top + self._bottom) / 2
        canvas.text(15, middle, names[1], text_anchor="middle", transform=f"rotate(-90 15 {_plain(middle)})")


def shade(share: float) -> tuple[str, str]:
    """(fill, ink) from white to dark blue; black or white ink, whichever stands out more (never under 4.5 to 1)."""
    share = min(1.0, max(0.0, share))
    parts = [round(255 + (dark - 255) * share) for dark in (29, 79, 145)]
    linear = [p / 255 / 12.92 if p / 255 <= 0.03928 else ((p / 255 + 0.055) / 1.055) ** 2.4 for p in parts]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#" + "".join(f"{p:02x}" for p in parts), PALE if luminance < 0.179 else "#000000"


def grid(
    kind: str,
    title: str,
    text: str,
    rows: Sequence[str],
    columns: Sequence[str],
    values: Sequence[Sequence[float]],
    names: tuple[str, str],
    low: float,
    high: float,
    digits: int = 3,
) -> Picture:
    """A shaded table of numbers with its numbers in it."""
    left = 24 + 7.5 * max(len(name) for name in rows)
    wide, tall = max(74.0, 14 + 6.8 * max(len(name) for name in columns)), 30.0
    canvas = Canvas(left + wide * len(columns) + 12, 58 + tall * len(rows) + 10)
    canvas.text(left + wide * len(columns) / 2, 18, names[1], text_anchor="middle")
    for k, name in enumerate(columns):
        canvas.text(left + wide * (k + 0.5), 42, name, text_anchor="middle", font_size=12)
    for i, name in enumerate(rows):
        y = 52 + tall * i
        canvas.text(left - 8, y + 20, name, text_anchor="end")
        for k, value in enumerate(values[i]):
            known = isfinite(value)
            fill, ink = shade((value - low) / (high - low) if known and high > low else 0.0)
            canvas.rect(left + wide * k, y, wide, tall, fill if known else UNSEEN, stroke=GRID)
            canvas.text(
                left + wide * (k + 0.5),
                y + 20,
                said(value, digits) if known or value == float("inf") else "–",
                text_anchor="middle",
                fill=ink if known else INK,
                font_size=12,
            )
    table = [(name, *map(float, values[i])) for i, name in enumerate(rows)]
    return canvas.close(kind, title, text, (names[0], *columns), table)
