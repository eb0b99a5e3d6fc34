"""Pictures of the portal, each with its table twin. Always there, like the tags of ``portal``."""

from collections.abc import Iterable, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString

from wwcsc import charts

register = template.Library()


@register.simple_tag
def rating_meter(
    effect: object = None,
    strength: object = None,
    *,
    effect_label: str = "",
    strength_label: str = "",
    small: bool = False,
) -> SafeString:
    """Effect (-1 to 2, or "mixed") and strength of the evidence (0 to 3): two answers, never one."""
    return _meter(str(effect), str(strength), str(effect_label), str(strength_label), bool(small))


@lru_cache(maxsize=1_000)
def _meter(effect: str, strength: str, effect_label: str, strength_label: str, small: bool) -> SafeString:
    """The levels of a scale are few, and a level looks the same to everybody."""
    meter = charts.rating_meter(effect, strength, effect_label, strength_label)
    return render_to_string("components/rating_meter.html", {"meter": meter, "small": small})


@register.inclusion_tag("components/charts/tile_map.html")
def tile_map(areas: Iterable[Any], *, title: str, legend: Sequence[tuple[str, str]] = (), twin: bool = True) -> dict:
    """A tile for each authority. An area has name, short, longitude, latitude and perhaps url, tone, said, group."""
    return {"map": charts.tile_map(areas, title=title, legend=legend), "twin": twin}


@register.inclusion_tag("components/charts/bars.html")
def bars(rows: Iterable[tuple], *, title: str, unit: str = "") -> dict:
    return {"chart": charts.bars(rows, title=title, unit=unit)}


@register.inclusion_tag("components/charts/wedge.html")
def wedge(rows: Iterable[Any], *, title: str, periods: Sequence[str]) -> dict:
    """A stepped wedge. A row has label, starts (first period on the intervention, or None), and perhaps started."""
    return {"chart": charts.wedge(rows, periods=periods, title=title)}


@register.inclusion_tag("components/charts/span_chart.html")
def span_chart(spans: Iterable[Any], *, title: str, today: date | None = None) -> dict:
    """Planned and actual stretches of time on one scale. A span has label, starts_on, ends_on and perhaps tone."""
    return {"chart": charts.span_chart(spans, title=title, today=today or timezone.localdate())}
