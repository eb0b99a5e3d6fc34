"""Pictures drawn on the server: plain functions that turn facts into positions. Templates only print what these return."""

from wwcsc.charts.bar_chart import Bar, Bars, bars
from wwcsc.charts.grid import grid_of
from wwcsc.charts.rating import Dot, RatingMeter, rating_meter
from wwcsc.charts.spans import Span, SpanChart, span_chart
from wwcsc.charts.tiles import Tile, TileGroup, TileMap, short_names, tile_map
from wwcsc.charts.told import Words
from wwcsc.charts.wedge_chart import Wedge, WedgeCell, WedgeRow, wedge

__all__ = [
    "Bar",
    "Bars",
    "Dot",
    "RatingMeter",
    "Span",
    "SpanChart",
    "Tile",
    "TileGroup",
    "TileMap",
    "Wedge",
    "WedgeCell",
    "WedgeRow",
    "Words",
    "bars",
    "grid_of",
    "rating_meter",
    "short_names",
    "span_chart",
    "tile_map",
    "wedge",
]
