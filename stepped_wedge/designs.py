"""Designs: which cluster is under which condition in which period.

A design is an I x T matrix x of clusters by periods: 0 control, 1 intervention, a fraction for
partial exposure, nan for a cell that is not observed. Parallel, crossover, staircase, incomplete
and transition (wash-in) layouts are the same matrix (Hussey & Hughes 2007; Hemming, Lilford &
Girling 2015; Grantham et al. 2024 for staircases).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from stepped_wedge.refusals import CaseRefused, refuse_unless

# checked where they come in: one of the words below
type TimeModel = str

SAMPLING = ("cross-sectional", "closed-cohort", "open-cohort")
MOST_PERIODS, MOST_CELLS = 1_000, 1_000_000
TIME_MODELS = ("categorical", "linear", "none")


@dataclass(frozen=True, eq=False)
class Design:
    """An I x T layout.

    x: float array, clusters by periods; 0 to 1, nan where the cell is not observed.
    sequence: for every cluster the number of its sequence, counted from 0; found from the rows when absent.
    starts: for every cluster the index of its first period since the switch, transition included; T when it
        never switches. Found from the rows when absent.
    crossover: says that the intervention may be withdrawn; otherwise every row must be non-decreasing.
    Raises CaseRefused with the path of the offending part.
    """

    x: np.ndarray
    sequence: np.ndarray | None = None
    starts: np.ndarray | None = None
    crossover: bool = False
    clusters: tuple[str, ...] = field(default=())
    periods: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        x = np.array(self.x, dtype=float)
        _refuse_bad_shape(x)
        seen = x == x  # nan is the only number that differs from itself
        complete = bool(seen.all())
        values = x if complete else x[seen]
        _refuse_bad_values(x, values, seen, complete)
        if not self.crossover:
            _refuse_withdrawal(x, complete)
        x.setflags(write=False)
        object.__setattr__(self, "x", x)
        object.__setattr__(self, "is_complete", complete)
        _refuse_bad_labels(self.clusters, x.shape[0], "design.clusters")
        _refuse_bad_labels(self.periods, x.shape[1], "design.periods")

    is_complete: bool = field(init=False, default=True)

    @property
    def cluster_count(self) -> int:
        return self.x.shape[0]

    @property
    def period_count(self) -> int:
        return self.x.shape[1]

    @cached_property
    def observed(self) -> np.ndarray:
        """I x T booleans: is the cell observed?"""
        return ~np.isnan(self.x)

    @cached_property
    def filled(self) -> np.ndarray:
        """x with zeros where nothing is observed (those cells carry no weight anywhere)."""
        return self.x if self.is_complete else np.where(self.observed, self.x, 0.0)

    @cached_property
    def cluster_names(self) -> tuple[str, ...]:
        return self.clusters or tuple(f"cluster {i + 1}" for i in range(self.cluster_count))

    @cached_property
    def period_names(self) -> tuple[str, ...]:
        return self.periods or tuple(f"period {j + 1}" for j in range(self.period_count))

    @cached_property
    def sequences(self) -> np.ndarray:
        """For every cluster the number of its sequence, counted from 0 in the order of the rows."""
        if self.sequence is not None:
            return np.asarray(self.sequence)
        rows: dict[bytes, int] = {}
        return np.array([rows.setdefault(row.tobytes(), len(rows)) for row in self.x])

    @cached_property
    def first_of_each_sequence(self) -> np.ndarray:
        return np.unique(self.sequences, return_index=True)[1]

    @cached_property
    def clusters_per_sequence(self) -> tuple[int, ...]:
        return tuple(int(count) for count in np.bincount(self.sequences))

    @cached_property
    def switch(self) -> np.ndarray:
        """For every cluster the index of its first period after the switch; T when it never switches.

        A cell not observed between the last control and the first intervention cell is transition,
        so it counts as time since the switch.
        """
        if self.starts is not None:
            return np.asarray(self.starts)
        return np.array([_first_exposed(row) for row in self.x])

    @cached_property
    def exposure(self) -> np.ndarray:
        """I x T whole numbers: periods since the cluster's own switch, 1 in the first; 0 before it."""
        since = np.arange(self.period_count)[None, :] - self.switch[:, None] + 1
        return np.clip(since, 0, None)

    @cached_property
    def varies_within_a_period(self) -> bool:
        """Does some period hold clusters under different conditions? Without it nothing is identified."""
        if self.is_complete:
            return bool((self.x.max(0) > self.x.min(0)).any())
        high = np.where(self.observed, self.x, -np.inf).max(0)
        low = np.where(self.observed, self.x, np.inf).min(0)
        return bool((high > low).any())

    @cached_property
    def contrast(self) -> np.ndarray:
        """T x T: X'X - (column sums)(column sums)'/I. All a complete design with equal sizes says about precision."""
        total = self.x.sum(0)
        return self.x.T @ self.x - total[:, None] * (total / self.cluster_count)

    def rows_of_sequences(self) -> np.ndarray:
        """S x T: one row of x for each sequence."""
        return self.x[self.first_of_each_sequence]

    def warnings(self) -> tuple[str, ...]:
        """What a reader should know before relying on this layout (section 1.3 of the methods note)."""
        told = []
        if self.cluster_count < 4:
            told.append(
                f"{self.cluster_count} clusters: a randomisation test cannot reach p = 0.05 (3 clusters give 1/6 at best)"
            )
        if self.cluster_count > 1 and max(self.clusters_per_sequence) == 1:
            told.append("one cluster in each sequence: nothing is replicated within a sequence")
        tail = self._periods_that_only_follow_up()
        if tail:
            told.append(
                f"the last {tail} periods are all intervention: they inform the effect only through correlation"
            )
        return tuple(told)

    def _periods_that_only_follow_up(self) -> int:
        everyone_exposed = np.where(self.observed, self.x, 1.0).min(0) == 1.0
        run = 0
        for exposed in everyone_exposed[::-1]:
            if not exposed:
                break
            run += 1
        return run if run > 1 else 0


def _refuse_bad_shape(x: np.ndarray) -> None:
    if x.ndim != 2 or not x.size:
        raise CaseRefused("design.x", "the design must be a table of clusters by periods with at least one cell")
    if x.shape[1] > MOST_PERIODS or x.size > MOST_CELLS:
        raise CaseRefused(
            "design.x", f"more than {MOST_PERIODS:,} periods or {MOST_CELLS:,} cells are beyond this library"
        )
    if x.shape[0] < 2:
        raise CaseRefused("design.x", "a trial needs at least two clusters, this design has one")
    if x.shape[1] < 1:
        raise CaseRefused("design.x", "a trial needs at least one period")


def _refuse_bad_values(x: np.ndarray, values: np.ndarray, seen: np.ndarray, complete: bool) -> None:
    if not values.size:
        raise CaseRefused("design.x", "no cell is observed")
    if values.min() < 0 or values.max() > 1:
        raise CaseRefused("design.x", "every cell must be null or between 0 (control) and 1 (full intervention)")
    if not complete:
        if not seen.any(0).all():
            empty = int(np.flatnonzero(~seen.any(0))[0]) + 1
            raise CaseRefused("design.x", f"period {empty} has no observed cell: leave the period out")
        if not seen.any(1).all():
            empty = int(np.flatnonzero(~seen.any(1))[0]) + 1
            raise CaseRefused("design.x", f"cluster {empty} has no observed cell: leave the cluster out")


def _refuse_withdrawal(x: np.ndarray, complete: bool) -> None:
    if complete:
        if (x[:, 1:] >= x[:, :-1]).all():
            return
        falls = x[:, 1:] < x[:, :-1]
    else:
        running = np.fmax.accumulate(x, axis=1)
        falls = x < running
        if not falls.any():
            return
    row = int(np.flatnonzero(falls.any(1))[0]) + 1
    raise CaseRefused(
        "design.x",
        f"cluster {row} goes back from intervention towards control: declare the layout a crossover if that is meant",
    )


def _refuse_bad_labels(labels: tuple[str, ...], count: int, path: str) -> None:
    if not labels:
        return
    refuse_unless(len(labels) == count, path, f"{len(labels)} names for {count} rows or columns")
    refuse_unless(len(set(labels)) == count, path, "two of the names are the same")


def _first_exposed(row: np.ndarray) -> int:
    exposed = np.flatnonzero(row > 0)
    if not exposed.size:
        return len(row)
    control = np.flatnonzero(row[: exposed[0]] == 0)
    return int(control[-1]) + 1 if control.size else int(exposed[0])


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


def time_columns(design: Design, model: TimeModel = "categorical") -> np.ndarray:
    """T x p columns of the time model: one indicator a period, a straight line, or a mean only."""
    refuse_unless(model in TIME_MODELS, "effect.time_model", f"must be one of {', '.join(TIME_MODELS)}")
    length = design.period_count
    if model == "categorical":
        return np.eye(length)
    constant = np.ones((length, 1))
    if model == "none":
        return constant
    return np.hstack([constant, (np.arange(length) - (length - 1) / 2)[:, None]]) if length > 1 else constant


def exposure_columns(design: Design) -> np.ndarray:
    """I x T x L indicators of time since switch, scaled by partial exposure; L is the longest observed exposure."""
    longest = int(np.where(design.observed & (design.filled > 0), design.exposure, 0).max())
    refuse_unless(longest, "design.x", "no cell is under intervention")
    levels = np.arange(1, longest + 1)
    columns = (design.exposure[:, :, None] == levels) * design.filled[:, :, None]
    return columns[:, :, columns.any((0, 1))]


def exposure_levels(design: Design) -> np.ndarray:
    """The times since switch that `exposure_columns` stands for (a transition period has none)."""
    return np.unique(design.exposure[design.observed & (design.filled > 0)])


def refuse_unless_identified(
    design: Design, time_model: TimeModel = "categorical", effects: np.ndarray | None = None
) -> None:
    """Refuse a design whose effect the time trend explains entirely.

    The rank of [time | effects] over the observed cells must exceed the rank of time by the number of effects.
    """
    if effects is None and time_model == "categorical":
        refuse_unless(
            design.varies_within_a_period,
            "design.x",
            "the effect is not identified: no period has clusters under both conditions, so it cannot be told from time",
        )
        return
    columns = design.filled[:, :, None] if effects is None else effects
    seen = design.observed
    time = np.broadcast_to(time_columns(design, time_model), (*seen.shape, time_columns(design, time_model).shape[1]))
    nuisance, wanted = time[seen], columns[seen]
    gained = np.linalg.matrix_rank(np.hstack([nuisance, wanted])) - np.linalg.matrix_rank(nuisance)
    refuse_unless(
        gained == wanted.shape[1],
        "design.x",
        f"only {gained} of {wanted.shape[1]} effects are identified beside the {time_model} time model",
    )
