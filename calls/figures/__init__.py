"""The numbers of assessment, each computed once: standings of applications, places, load on assessors and on partners."""

from calls.figures.board import Place, Row, board, grades_for, own_blinding, places_on_board, rows_at
from calls.figures.places import (
    Conflicts,
    Mailing,
    Places,
    Progress,
    candidates,
    closes_of_business,
    conflicts_in,
    load_on_assessors,
    next_reserve,
    places_needed,
    places_of,
    post_of,
    progress_of,
)
from calls.figures.standings import FAR_APART, NOTHING_YET, Standing, standing_of, standings, store_totals

__all__ = [
    "FAR_APART",
    "NOTHING_YET",
    "Conflicts",
    "Mailing",
    "Place",
    "Places",
    "Progress",
    "Row",
    "Standing",
    "board",
    "candidates",
    "closes_of_business",
    "conflicts_in",
    "grades_for",
    "load_on_assessors",
    "next_reserve",
    "own_blinding",
    "places_needed",
    "places_of",
    "places_on_board",
    "post_of",
    "progress_of",
    "rows_at",
    "standing_of",
    "standings",
    "store_totals",
]
