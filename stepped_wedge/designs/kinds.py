"""Kinds of layouts, and layouts made from others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from stepped_wedge.designs.layout import MOST_CELLS, MOST_PERIODS, Design
from stepped_wedge.refusals import CaseRefused, refuse_unless


def from_matrix(x: Any, **details: Any) -> Design:
    """A design from rows of numbers, None for a cell that is not observed."""
    try:
        table = np.array([[np.nan if cell is None else cell for cell in row] for row in x], dtype=float)
    except (TypeError, ValueError) as problem:
        raise CaseRefused("design.x", "must be rows of equal length holding numbers or null") from problem
    return Design(table, **details)


def stepped_wedge(clusters_per_sequence: Sequence[int], periods: int | None = None) -> Design:
    """The classic wedge: sequence k, counted from 1, is in control for its first k periods.

    Clusters are listed sequence by sequence. Without `periods` there is one baseline period and one step a
    sequence (T = S + 1); more periods add follow-up, fewer leave the last sequences without a switch.
    """
    _refuse_bad_counts(clusters_per_sequence)
    steps = len(clusters_per_sequence)
    length = steps + 1 if periods is None else periods
    if isinstance(length, int) and (length > MOST_PERIODS or sum(clusters_per_sequence) * length > MOST_CELLS):
        raise CaseRefused(
            "design", f"more than {MOST_PERIODS:,} periods or {MOST_CELLS:,} cells are beyond this library"
        )
    refuse_unless(
        isinstance(length, int) and not isinstance(length, bool) and length >= 2,
        "design.periods",
        "must be a whole number of at least 2",
    )
    rows = (np.arange(length)[None, :] > np.arange(steps)[:, None]).astype(float)
    sequence = np.repeat(np.arange(steps), clusters_per_sequence)
    return Design(rows[sequence], sequence=sequence)


def _refuse_bad_counts(counts: Sequence[int]) -> None:
    path = "design.clusters_per_sequence"
    refuse_unless(
        isinstance(counts, list | tuple | np.ndarray) and len(counts), path, "must list at least one sequence"
    )
    for count in counts:
        whole = isinstance(count, int | np.integer) and not isinstance(count, bool)
        refuse_unless(whole and count >= 1, path, "every sequence needs a whole number of clusters, at least 1")


def parallel(control: int, intervention: int, periods: int = 1, baseline: int = 0) -> Design:
    """A parallel trial: `control` clusters never switch, `intervention` clusters switch after `baseline` periods."""
    late = (np.arange(periods + baseline) >= baseline).astype(float)
    rows = np.vstack([np.zeros((control, len(late))), np.tile(late, (intervention, 1))])
    return Design(rows, sequence=np.repeat([0, 1], [control, intervention]))


def crossover(first_control: int, first_intervention: int, periods_each: int = 1) -> Design:
    """A two-treatment crossover: half of the clusters go from control to intervention, half the other way."""
    half = np.repeat([0.0, 1.0], periods_each)
    rows = np.vstack([np.tile(half, (first_control, 1)), np.tile(half[::-1], (first_intervention, 1))])
    return Design(rows, sequence=np.repeat([0, 1], [first_control, first_intervention]), crossover=True)


def staircase(clusters_per_sequence: Sequence[int], before: int = 1, after: int = 1) -> Design:
    """Each sequence is observed `before` periods before its switch and `after` periods after it, and not otherwise."""
    _refuse_bad_counts(clusters_per_sequence)
    steps = len(clusters_per_sequence)
    rows = np.full((steps, steps + before + after - 1), np.nan)
    for step in range(steps):
        rows[step, step : step + before] = 0.0
        rows[step, step + before : step + before + after] = 1.0
    sequence = np.repeat(np.arange(steps), clusters_per_sequence)
    return Design(rows[sequence], sequence=sequence, starts=sequence + before)


def with_transition(design: Design, periods: int = 1) -> Design:
    """The first `periods` periods after each switch are not observed: training, wash-in."""
    x = np.where((design.exposure >= 1) & (design.exposure <= periods), np.nan, design.x)
    return replace(design, x=x, sequence=design.sequences, starts=design.switch)


def with_partial_exposure(design: Design, fractions: Sequence[float]) -> Design:
    """The first exposed periods carry only these fractions of the effect, in order."""
    x = design.x.copy()
    for since, fraction in enumerate(fractions, start=1):
        x[(design.exposure == since) & design.observed] = fraction
    return replace(design, x=x, sequence=design.sequences, starts=design.switch)


def observed_around_the_switch(design: Design, before: int, after: int) -> Design:
    """An incomplete design that keeps only `before` periods before and `after` periods after each switch."""
    distance = np.arange(design.period_count)[None, :] - design.switch[:, None]
    keep = (distance >= -before) & (distance < after)
    return replace(design, x=np.where(keep, design.x, np.nan), sequence=design.sequences, starts=design.switch)


def without_cells(design: Design, lost: np.ndarray) -> Design:
    """The same design with some cells lost (I x T booleans). Clusters and periods left empty are refused."""
    return replace(design, x=np.where(lost, np.nan, design.x), sequence=design.sequences, starts=design.switch)


def without_clusters(design: Design, lost: Sequence[int]) -> Design:
    """The same design after some clusters have dropped out altogether."""
    keep = np.setdiff1d(np.arange(design.cluster_count), lost)
    names = tuple(design.clusters[i] for i in keep) if design.clusters else ()
    return replace(
        design, x=design.x[keep], sequence=design.sequences[keep], starts=design.switch[keep], clusters=names
    )


def switched_late(design: Design, late: Sequence[int], periods: int = 1) -> Design:
    """The layout when some clusters (by index) keep their first condition for so many periods more."""
    refuse_unless(not design.crossover, "design.crossover", "late switches are for layouts with one switch")
    refuse_unless(1 <= periods < design.period_count, "late", f"must be from 1 to {design.period_count - 1} periods")
    x = design.x.copy()
    for i in late:
        x[i, periods:] = design.x[i, :-periods]
        x[i, :periods] = design.x[i, 0]
    return Design(x, clusters=design.clusters, periods=design.periods)


def reordered(design: Design, allocation: Sequence[int] | np.ndarray) -> Design:
    """Cluster i takes the row of sequence allocation[i]; names stay with their clusters."""
    chosen = np.asarray(allocation)
    first = design.first_of_each_sequence
    return replace(design, x=design.x[first[chosen]], sequence=chosen, starts=design.switch[first[chosen]])
