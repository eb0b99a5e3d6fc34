"""One layout: its cells, sequences, switches and exposure, checked when it is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from stepped_wedge.refusals import CaseRefused, refuse_unless

SAMPLING = ("cross-sectional", "closed-cohort", "open-cohort")
MOST_PERIODS, MOST_CELLS = 1_000, 1_000_000


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
        told += [
            f"sequences {s + 1} and {s + 2} are never seen under different conditions in one period"
            for s in self._sequences_not_told_apart()
        ]
        tail = self._periods_that_only_follow_up()
        if tail:
            told.append(
                f"the last {tail} periods are all intervention: they inform the effect only through correlation"
            )
        return tuple(told)

    def _sequences_not_told_apart(self) -> list[int]:
        """Neighbouring sequences whose every period of difference is a transition or was not observed."""
        if self.is_complete:
            return []
        rows, starts = self.rows_of_sequences(), self.switch[self.first_of_each_sequence]
        pairs = zip(range(len(rows) - 1), rows[:-1], rows[1:], starts[:-1], starts[1:], strict=True)
        return [s for s, one, two, a, b in pairs if a != b and not (np.abs(one - two) > 0).any()]

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
