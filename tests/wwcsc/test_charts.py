from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wwcsc import charts

PLACES = st.tuples(st.floats(-6, 2, allow_nan=False), st.floats(50, 55.5, allow_nan=False))
LONDON = [(-0.12 + 0.02 * column, 51.45 + 0.015 * row) for column in range(5) for row in range(6)]
ELSEWHERE = [
    (-5.0, 50.3),
    (-3.0, 54.7),
    (-1.6, 55.0),
    (1.2, 52.6),
    (0.7, 51.2),
    (-2.2, 53.5),
    (-1.9, 52.5),
    (-2.6, 51.4),
]


def area(name, longitude, latitude, **more):
    return {"name": name, "longitude": longitude, "latitude": latitude, **more}


@settings(max_examples=25, deadline=None)
@given(st.lists(PLACES, min_size=0, max_size=40))
def test_no_two_places_share_a_square(places):
    squares = charts.grid_of(tuple(places))

    assert len(set(squares)) == len(places)
    assert all(column >= 0 and row >= 0 for column, row in squares)


def test_a_crowded_city_stays_together_and_nobody_else_sits_inside_it():
    squares = charts.grid_of(tuple(LONDON + ELSEWHERE))
    city, others = squares[: len(LONDON)], squares[len(LONDON) :]
    left, right = min(x for x, _ in city), max(x for x, _ in city)
    top, bottom = min(y for _, y in city), max(y for _, y in city)

    assert not [(x, y) for x, y in others if left < x < right and top < y < bottom]


def test_north_is_above_and_east_is_to_the_right():
    north, south, east, west = charts.grid_of(((-1.5, 55.0), (-1.5, 50.5), (1.5, 52.7), (-5.0, 52.7)))

    assert north[1] < south[1]
    assert west[0] < east[0]


def test_the_same_places_always_give_the_same_map():
    charts.grid_of.cache_clear()
    first = charts.grid_of(tuple(LONDON))
    charts.grid_of.cache_clear()

    assert charts.grid_of(tuple(LONDON)) == first


def test_tiles_follow_the_alphabet_and_the_list_follows_the_regions():
    drawn = charts.tile_map(
        [
            area("York", -1.1, 54.0, group="Yorkshire"),
            area("Bath", -2.4, 51.4, group="South West"),
            area("Leeds", -1.5, 53.8, group="Yorkshire"),
        ],
        title="Three",
    )

    assert [tile.name for tile in drawn.tiles] == ["Bath", "Leeds", "York"]
    assert [(group.name, len(group.tiles)) for group in drawn.groups] == [("South West", 1), ("Yorkshire", 2)]


def test_a_map_of_nothing_is_empty_and_does_not_break():
    assert charts.tile_map([], title="None").tiles == ()


def test_short_names_are_three_capitals_and_never_alike():
    names = [
        "Bath and North East Somerset",
        "Barnet",
        "Barnsley",
        "Barking and Dagenham",
        "County Durham",
        "St. Helens",
        "Bury",
        "York",
    ]
    shorts = charts.short_names(names)

    assert len(set(shorts)) == len(names)
    assert all(len(short) == 3 and short.isupper() for short in shorts)


@pytest.mark.parametrize(
    ("effect", "strength", "said"),
    [
        (2, 1, ("Consistently positive effect", "Low")),
        ("mixed", "3", ("Mixed effects", "High")),
        (-1, 0, ("Negative effect", "Very low")),
        (None, None, ("Not rated", "Not rated")),
    ],
)
def test_a_rating_is_said_in_words_on_both_axes(effect, strength, said):
    meter = charts.rating_meter(effect, strength)

    assert (meter.effect_label, meter.strength_label) == said


def test_very_low_strength_still_fills_its_first_step():
    assert [dot.tone for dot in charts.rating_meter(2, 0).strength_dots] == ["strength", "empty", "empty", "empty"]


def test_no_rating_fills_nothing():
    meter = charts.rating_meter(None, None)

    assert {dot.tone for dot in (*meter.effect_dots, *meter.strength_dots)} == {"empty"}


def test_bars_are_shares_of_the_largest_and_an_unknown_number_is_said():
    drawn = charts.bars([("A", 10), ("B", 5, "late"), ("C", None)], title="T").bars

    assert [(bar.width, bar.said) for bar in drawn] == [(100.0, "10"), (50.0, "5"), (0.0, "not known")]


def test_a_wedge_shows_the_step_the_time_after_it_and_a_late_start():
    rows = [{"label": "A", "starts": 1}, {"label": "B", "starts": 1, "started": 3}, {"label": "C", "starts": None}]
    drawn = charts.wedge(rows, periods=["p1", "p2", "p3", "p4"], title="T")

    assert [cell.tone for cell in drawn.rows[0].cells] == ["before", "step", "after", "after"]
    assert [cell.tone for cell in drawn.rows[1].cells] == ["before", "late", "late", "step"]
    assert [cell.tone for cell in drawn.rows[2].cells] == ["before"] * 4
    assert (drawn.rows[1].planned, drawn.rows[1].actual) == ("p2", "p4")
    assert drawn.has_late


def test_stretches_of_time_without_both_days_are_left_out():
    spans = [
        {"label": "Known", "starts_on": date(2025, 1, 1), "ends_on": date(2025, 12, 31)},
        {"label": "Open", "starts_on": date(2025, 1, 1), "ends_on": None},
    ]
    drawn = charts.span_chart(spans, title="T", today=date(2025, 7, 1))

    assert [span.label for span in drawn.spans] == ["Known"]
    assert drawn.spans[0].x < drawn.today_x < drawn.spans[0].x + drawn.spans[0].width
