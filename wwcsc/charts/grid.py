"""A square for each place: near where it truly is, and no two on one."""

from functools import lru_cache
from itertools import pairwise
from math import cos, radians

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.optimize import linear_sum_assignment

MIDDLE_OF_ENGLAND = 52.9
SMOOTHNESS, LEAST, ROOM = 1.2, 0.6, 1.22


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
