"""What constraints do to the allocations that can be drawn."""

from __future__ import annotations

import numpy as np

from stepped_wedge.balance import Report
from stepped_wedge.pictures.drawing import INTERVENTION, Axes, Canvas, Picture, grid


def balance(
    scores: np.ndarray, cutoff: float | None = None, bars: int = 30, title: str = "Balance of the allocations"
) -> Picture:
    """How many allocations have which score; those at or below the cutoff are filled."""
    counts, edges = np.histogram(scores, bins=bars)
    canvas = Canvas(680, 360)
    axes = Axes(
        canvas,
        (float(edges[0]), float(edges[-1])),
        (0.0, float(counts.max())),
        ("Score (0 is balanced)", "Allocations"),
    )
    rows = []
    for count, low, high in zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        kept = cutoff is None or low <= cutoff
        left, top = axes.at(low, count)
        right, bottom = axes.at(high, 0)
        canvas.rect(
            left,
            top,
            right - left,
            bottom - top,
            INTERVENTION if kept else "#ffffff",
            stroke_dasharray="" if kept else "3 2",
        )
        rows.append((f"{low:.4g} to {high:.4g}", count, "yes" if kept else "no"))
    kept_count = len(scores) if cutoff is None else int((scores <= cutoff + 1e-10).sum())
    text = f"{len(scores)} allocations with scores from {scores.min():.4g} to {scores.max():.4g}; {kept_count} of them can be drawn."
    return canvas.close("balance", title, text, ("Score", "Allocations", "Can be drawn"), rows)


def pair_probabilities(report: Report, title: str = "Clusters in the same sequence") -> Picture:
    """Probability that two clusters share a sequence, for every pair."""
    table = report.together.copy()
    np.fill_diagonal(table, np.nan)
    known = table[np.isfinite(table)]
    text = (
        f"Probability that two clusters share a sequence: from {known.min():.3g} to {known.max():.3g} over the pairs."
    )
    return grid(
        "pairs",
        title,
        text,
        report.clusters,
        report.clusters,
        table.tolist(),
        ("Cluster", "Cluster"),
        0.0,
        max(float(known.max()), 1e-9),
    )


def positions(report: Report, title: str = "Clusters by sequence") -> Picture:
    """Probability of each cluster in each sequence."""
    place = report.place
    text = f"Probability of each cluster in each sequence: from {place.min():.3g} to {place.max():.3g}."
    names = [f"sequence {s + 1}" for s in range(place.shape[1])]
    return grid(
        "positions",
        title,
        text,
        report.clusters,
        names,
        place.tolist(),
        ("Cluster", "Sequence"),
        0.0,
        max(float(place.max()), 1e-9),
    )
