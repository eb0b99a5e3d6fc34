"""Returns: rows of individuals or of cells, summed into an I x T table that every analysis starts from."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from stepped_wedge.designs import Design
from stepped_wedge.refusals import CaseRefused, refuse_unless


@dataclass(frozen=True, eq=False)
class Persons:
    """People seen more than once, for closed and open cohorts: one row a person and period."""

    cluster: np.ndarray
    period: np.ndarray
    person: np.ndarray
    y: np.ndarray


@dataclass(frozen=True, eq=False)
class Returns:
    """Cells of a trial, I x T. nan and 0 where nothing was returned.

    n: people (or person-time of counts). mean: their mean, share of events, or rate. within: sum of squares about the
    cell mean. x: treatment status, nan where not observed. left_out: why rows and cells were not used. lost_x: the
    status of cells that returned nothing, where the file tells it, else nan.
    """

    design: Design
    n: np.ndarray
    mean: np.ndarray
    within: np.ndarray
    kind: str
    rows: int
    left_out: tuple[tuple[str, int], ...] = ()
    persons: Persons | None = None
    sequences: tuple[int, ...] | None = None
    lost_x: np.ndarray | None = None

    @property
    def observed(self) -> np.ndarray:
        return self.design.observed

    @property
    def people(self) -> float:
        """Observations behind the cells; a cell of counts is one observation."""
        return float(self.observed.sum()) if self.kind == "rates" else float(self.n[self.observed].sum())

    @property
    def events(self) -> np.ndarray:
        """Events a cell (binary outcomes and counts)."""
        return np.where(self.observed, np.nan_to_num(self.mean) * self.n, 0.0)

    def treated_as(self, x: np.ndarray) -> Returns:
        """The same returns under another treatment status; cells that it leaves null are not used.

        When a lost cell's status is given, time since the switch is counted with it.
        """
        seen = self.observed & ~np.isnan(x)
        layout = replace(self.design, x=x, sequence=None, starts=None, crossover=True)
        design = replace(layout, x=np.where(seen, x, np.nan), starts=layout.switch)
        return replace(self, design=design, lost_x=np.where(seen, np.nan, x))

    def counts(self) -> dict[str, object]:
        return {
            "rows": self.rows,
            "cells": int(self.observed.sum()),
            "cells_in_the_table": int(self.observed.size),
            "clusters": self.design.cluster_count,
            "periods": self.design.period_count,
            "left_out": [{"why": why, "count": count} for why, count in self.left_out],
        }


@dataclass
class _Cell:
    treat: set[float] = field(default_factory=set)
    values: list[float] = field(default_factory=list)
    people: list[str] = field(default_factory=list)


def _order(labels: Iterable[str]) -> list[str]:
    """Numbers in the order of numbers, words in the order of words."""
    known = list(dict.fromkeys(labels))
    try:
        return sorted(known, key=float)
    except ValueError:
        return sorted(known)


def _number(row: Mapping[str, str], name: str, line: int) -> float | None:
    text = (row.get(name) or "").strip()
    if text in ("", "NA", "na", "null", "."):
        return None
    try:
        value = float(text)
    except ValueError as problem:
        raise CaseRefused(f"data line {line}, {name}", f"{text!r} is not a number") from problem
    refuse_unless(math.isfinite(value), f"data line {line}, {name}", "must be a finite number")
    return value


def _treat(row: Mapping[str, str], line: int) -> float | None:
    value = _number(row, "treat", line)
    refuse_unless(value is None or 0 <= value <= 1, f"data line {line}, treat", "must lie between 0 and 1")
    return value


def _refuse_unnamed(row: Mapping[str, str], line: int) -> None:
    for name in ("cluster", "period"):
        refuse_unless(row[name], f"data line {line}, {name}", "is empty")


def read_returns(rows: Sequence[Mapping[str, str]]) -> Returns:
    """Returns from decoded CSV rows: individuals (column y) or cells (n and events, person_time and events, or n, mean, sd)."""
    refuse_unless(len(rows), "data", "holds no rows")
    rows = [{key: value.strip() for key, value in row.items()} for row in rows]
    names = set(rows[0])
    for needed in ("cluster", "period", "treat"):
        refuse_unless(needed in names, f"data.{needed}", "is a column that every file needs")
    if "y" in names:
        return _read_individuals(rows, "person_id" in names)
    for columns, kind in (
        (("person_time", "events"), "rates"),
        (("n", "events"), "shares"),
        (("n", "mean", "sd"), "means"),
    ):
        if set(columns) <= names:
            return _read_cells(rows, kind)
    raise CaseRefused("data", "needs a column y, or n and events, or person_time and events, or n, mean and sd")


def _read_individuals(rows: Sequence[Mapping[str, str]], has_persons: bool) -> Returns:
    cells: dict[tuple[str, str], _Cell] = defaultdict(_Cell)
    dropped: Counter[str] = Counter()
    sequences: dict[str, set[str]] = defaultdict(set)
    told: dict[tuple[str, str], float] = {}
    exposures: dict[tuple[str, str], float] = {}
    for line, row in enumerate(rows, start=2):
        y, treat = _number(row, "y", line), _treat(row, line)
        _refuse_unnamed(row, line)
        if y is None or treat is None:
            dropped["no outcome" if y is None else "no treatment status (transition or not observed)"] += 1
            if treat is not None:
                told[(row["cluster"], row["period"])] = treat
            continue
        cell = cells[(row["cluster"], row["period"])]
        cell.treat.add(treat)
        cell.values.append(y)
        cell.people.append(row.get("person_id") or "")
        since = _number(row, "exposure", line)
        if since is not None:
            exposures.setdefault((row["cluster"], row["period"]), since)
        if row.get("sequence"):
            sequences[row["cluster"]].add(row["sequence"])
    refuse_unless(cells, "data", "no row has both an outcome and a treatment status")
    clusters, periods = (_order(key[spot] for key in cells) for spot in (0, 1))
    table = _Table(clusters, periods)
    table.tell(told)
    people: list[tuple[int, int, str, float]] = []
    for (cluster, period), cell in cells.items():
        i, j = table.spot(cluster, period)
        table.put(i, j, cell.treat, len(cell.values), float(np.mean(cell.values)))
        table.within[i, j] = float(((np.array(cell.values) - table.mean[i, j]) ** 2).sum())
        if has_persons:
            people += [(i, j, who, y) for who, y in zip(cell.people, cell.values, strict=True)]
    found = table.returns("individuals", len(rows), dropped, _sequence_of(clusters, sequences), _persons(people))
    _refuse_other_exposure(found.design, exposures)
    return found


def _refuse_other_exposure(design: Design, told: Mapping[tuple[str, str], float]) -> None:
    """Time since the switch follows from the treatment; where a file says it too, both must agree."""
    for i, cluster in enumerate(design.cluster_names):
        for j, period in enumerate(design.period_names):
            said = told.get((cluster, period))
            refuse_unless(
                said is None or said == design.exposure[i, j],
                "data.exposure",
                f"cluster {cluster}, period {period} says {said or 0:g}, its switch makes it {design.exposure[i, j]}",
            )


def _persons(people: list[tuple[int, int, str, float]]) -> Persons | None:
    if not people:
        return None
    names = {name: spot for spot, name in enumerate(dict.fromkeys(p[2] for p in people))}
    person = np.array([names[p[2]] for p in people])
    cluster = np.array([p[0] for p in people])
    period = np.array([p[1] for p in people])
    home = np.full(len(names), -1)
    home[person] = cluster
    refuse_unless((home[person] == cluster).all(), "data.person_id", "a person appears in two clusters")
    refuse_unless(
        len(set(zip(person.tolist(), period.tolist(), strict=True))) == len(person),
        "data.person_id",
        "a person has two rows in one period",
    )
    return Persons(cluster, period, person, np.array([p[3] for p in people]))


def _sequence_of(clusters: Sequence[str], known: Mapping[str, set[str]]) -> tuple[int, ...] | None:
    if not known:
        return None
    for name, values in known.items():
        refuse_unless(len(values) == 1, "data.sequence", f"cluster {name} is in more than one sequence")
    labels = _order(next(iter(known[name])) for name in clusters if known.get(name))
    refuse_unless(all(known.get(name) for name in clusters), "data.sequence", "is missing for some cluster")
    if all(label.isdecimal() and int(label) >= 1 for label in labels):
        return tuple(int(next(iter(known[name]))) - 1 for name in clusters)
    return tuple(labels.index(next(iter(known[name]))) for name in clusters)


def _read_cells(rows: Sequence[Mapping[str, str]], kind: str) -> Returns:
    dropped: Counter[str] = Counter()
    table = _Table(_order(row["cluster"] for row in rows), _order(row["period"] for row in rows))
    sequences: dict[str, set[str]] = defaultdict(set)
    done = set()
    for line, row in enumerate(rows, start=2):
        _refuse_unnamed(row, line)
        spot = (row["cluster"], row["period"])
        refuse_unless(spot not in done, f"data line {line}", f"a second row for cluster {spot[0]}, period {spot[1]}")
        done.add(spot)
        if row.get("sequence"):
            sequences[row["cluster"]].add(row["sequence"])
        treat = _treat(row, line)
        found = _cell_of(row, kind, line)
        if treat is None or found is None:
            dropped["no return" if found is None else "no treatment status (transition or not observed)"] += 1
            if treat is not None:
                table.tell({spot: treat})
            continue
        i, j = table.spot(*spot)
        table.put(i, j, {treat}, found[0], found[1])
        table.within[i, j] = found[2]
    return table.returns(kind, len(rows), dropped, _sequence_of(table.clusters, sequences), None)


def _cell_of(row: Mapping[str, str], kind: str, line: int) -> tuple[float, float, float] | None:
    """(n, mean, sum of squares within) of one row; None where it holds no return."""
    where = f"data line {line}"
    n = _number(row, "person_time" if kind == "rates" else "n", line)
    refuse_unless(n is None or n >= 0, where, "numbers must not be negative")
    if kind == "means":
        mean, sd = _number(row, "mean", line), _number(row, "sd", line)
        if not n or mean is None:
            return None
        refuse_unless(sd is not None or n == 1, where, "has no sd")
        refuse_unless(sd is None or sd >= 0, where, "a standard deviation is not negative")
        refuse_unless(n == int(n), where, f"{n:g} is no number of people")
        return n, mean, (n - 1) * (sd or 0.0) ** 2
    events = _number(row, "events", line)
    if events is not None:
        refuse_unless(events >= 0, where, "numbers must not be negative")
        refuse_unless(events == int(events), where, f"{events:g} is no number of events")
        refuse_unless(n or not events, where, f"{events:g} events among nobody")
    if not n or events is None:
        return None
    if kind == "rates":
        return n, events / n, 0.0
    refuse_unless(n == int(n), where, f"{n:g} is no number of people")
    refuse_unless(events <= n, where, f"{events:g} events among {n:g} people")
    share = events / n
    return n, share, n * share * (1 - share)


class _Table:
    """The I x T arrays while they are being filled."""

    def __init__(self, clusters: list[str], periods: list[str]) -> None:
        self.clusters, self.periods = clusters, periods
        shape = (len(clusters), len(periods))
        self._rows = {name: i for i, name in enumerate(clusters)}
        self._columns = {name: j for j, name in enumerate(periods)}
        self.x, self.mean = np.full(shape, np.nan), np.full(shape, np.nan)
        self.n, self.within = np.zeros(shape), np.zeros(shape)
        self.lost_x = np.full(shape, np.nan)

    def tell(self, statuses: Mapping[tuple[str, str], float]) -> None:
        """The condition of cells of this table that returned nothing."""
        for (cluster, period), treat in statuses.items():
            if cluster in self._rows and period in self._columns:
                self.lost_x[self.spot(cluster, period)] = treat

    def spot(self, cluster: str, period: str) -> tuple[int, int]:
        return self._rows[cluster], self._columns[period]

    def put(self, i: int, j: int, treat: set[float], n: float, mean: float) -> None:
        refuse_unless(
            len(treat) == 1,
            "data.treat",
            f"cluster {self.clusters[i]}, period {self.periods[j]} holds both treated and untreated rows",
        )
        self.x[i, j], self.n[i, j], self.mean[i, j] = next(iter(treat)), n, mean

    def returns(
        self, kind: str, rows: int, dropped: Counter[str], sequences: tuple[int, ...] | None, persons: Persons | None
    ) -> Returns:
        rows_kept, columns_kept = ~np.isnan(self.x).all(1), ~np.isnan(self.x).all(0)
        empty = int((~rows_kept).sum()), int((~columns_kept).sum())
        for count, what in zip(empty, ("clusters", "periods"), strict=True):
            if count:
                dropped[f"{what} without any usable cell"] += count
        keep = np.ix_(rows_kept, columns_kept)
        lost_x = np.where(np.isnan(self.x), self.lost_x, np.nan)[keep]
        # time since the switch counts lost cells as what they were, not as transition
        whole = Design(np.where(np.isnan(self.x[keep]), lost_x, self.x[keep]), crossover=True)
        design = Design(
            self.x[keep],
            starts=whole.switch,
            crossover=True,
            clusters=tuple(c for c, kept in zip(self.clusters, rows_kept, strict=True) if kept),
            periods=tuple(p for p, kept in zip(self.periods, columns_kept, strict=True) if kept),
        )
        if sequences is not None:
            sequences = tuple(s for s, kept in zip(sequences, rows_kept, strict=True) if kept)
        return Returns(
            design,
            self.n[keep],
            self.mean[keep],
            self.within[keep],
            kind,
            rows,
            tuple(dropped.items()),
            persons,
            sequences,
            lost_x,
        )


def returns_of(
    design: Design, mean: np.ndarray, n: np.ndarray | float, within: np.ndarray | float = 0.0, kind: str = "means"
) -> Returns:
    """Returns from arrays (simulations and callers that hold no file). mean nan: no return."""
    seen = design.observed & ~np.isnan(mean)
    wide = lambda value: np.where(seen, np.broadcast_to(np.asarray(value, dtype=float), seen.shape), 0.0)  # noqa: E731
    x = np.where(seen, design.x, np.nan)
    return Returns(replace(design, x=x), wide(n), np.where(seen, mean, np.nan), wide(within), kind, int(seen.sum()))
