"""Allocations of clusters to sequences: the whole space, samples of it, and constraints.

An allocation is a row of sequence numbers, one for each cluster, counted from 0. Spaces come in canonical
(lexicographic) order, so that an index into one means the same to everybody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import factorial, prod

import numpy as np

from stepped_wedge.refusals import CaseRefused, refuse_unless

ENUMERATE_UP_TO = 1_000_000


@dataclass(frozen=True)
class Constraint:
    """One readiness or separation rule. Steps are counted from 1, as people say them.

    kind: apart | together | at-most | not-before | not-after | in-step | not-in-step.
    """

    kind: str
    clusters: tuple[str, ...]
    number: int = 1

    def __str__(self) -> str:
        names = " and ".join(self.clusters)
        return {
            "apart": f"{names} not in the same step",
            "together": f"{names} in the same step",
            "at-most": f"at most {self.number} of {', '.join(self.clusters)} in a step",
            "not-before": f"{names} not before step {self.number}",
            "not-after": f"{names} not after step {self.number}",
            "in-step": f"{names} in step {self.number}",
            "not-in-step": f"{names} not in step {self.number}",
        }[self.kind]


_SENTENCES = (
    (r"(.+) and (.+) not in the same step", "apart"),
    (r"(.+) and (.+) in the same step", "together"),
    (r"at most (\d+|one|two|three) of (.+) (?:in a|per|in each) step", "at-most"),
    (r"(.+) not before step (\d+)", "not-before"),
    (r"(.+) not after step (\d+)", "not-after"),
    (r"(.+) not in step (\d+)", "not-in-step"),
    (r"(.+) in step (\d+)", "in-step"),
)
_NUMBERS = {"one": 1, "two": 2, "three": 3}


def read_constraint(sentence: str) -> Constraint:
    """A constraint from a sentence such as "Walsall not before step 3" or "at most one of A, B, C in a step"."""
    said = sentence.strip().rstrip(".")
    for pattern, kind in _SENTENCES:
        matched = re.fullmatch(pattern, said, flags=re.IGNORECASE)
        if not matched:
            continue
        first, second = (part.strip() for part in matched.groups())
        if kind in ("apart", "together"):
            return Constraint(kind, (first, second))
        if kind == "at-most":
            number = _NUMBERS.get(first.lower()) or int(first)
            names = tuple(name.strip() for name in re.split(r",| and ", second) if name.strip())
            return Constraint(kind, names, number)
        return Constraint(kind, (first,), int(second))
    raise CaseRefused("constraints", f"this sentence is not understood: {sentence!r}; see the README for the forms")


@dataclass(frozen=True)
class Space:
    """What may be drawn: slots of each sequence, strata, and constraints.

    clusters: ids. slots: clusters wanted in each sequence. strata: a label for each cluster, or empty.
    strata_slots: for each stratum the slots it takes in each sequence; worked out when it is left out and exact.
    """

    clusters: tuple[str, ...]
    slots: tuple[int, ...]
    strata: tuple[str, ...] = ()
    strata_slots: tuple[tuple[str, tuple[int, ...]], ...] = ()
    constraints: tuple[Constraint, ...] = ()

    def __post_init__(self) -> None:
        refuse_unless(len(set(self.clusters)) == len(self.clusters), "clusters", "two clusters have the same id")
        refuse_unless(
            all(n >= 1 for n in self.slots), "clusters_per_sequence", "every sequence needs at least 1 cluster"
        )
        refuse_unless(
            sum(self.slots) == len(self.clusters),
            "clusters_per_sequence",
            f"the sequences hold {sum(self.slots)} clusters, {len(self.clusters)} are named",
        )
        refuse_unless(len(self.slots) <= 120, "clusters_per_sequence", "at most 120 sequences")
        for rule in self.constraints:
            unknown = [name for name in rule.clusters if name not in self.clusters]
            refuse_unless(not unknown, "constraints", f"{', '.join(unknown)} is not one of the clusters: {rule}")
            placed = rule.kind in ("not-before", "not-after", "in-step", "not-in-step")
            refuse_unless(
                not placed or 1 <= rule.number <= len(self.slots), "constraints", f"there is no such step: {rule}"
            )
        if self.strata:
            refuse_unless(len(self.strata) == len(self.clusters), "strata", "every cluster needs a stratum")
            object.__setattr__(self, "strata_slots", tuple(self._spread_of_strata().items()))

    def _spread_of_strata(self) -> dict[str, tuple[int, ...]]:
        given = dict(self.strata_slots)
        spread = {}
        for label in sorted(set(self.strata)):
            members = self.strata.count(label)
            if label in given:
                wanted = tuple(given[label])
                refuse_unless(
                    sum(wanted) == members and len(wanted) == len(self.slots),
                    "strata_slots",
                    f"stratum {label} has {members} clusters and {sum(wanted)} slots",
                )
            else:
                shares = [members * n / len(self.clusters) for n in self.slots]
                refuse_unless(
                    all(share == int(share) for share in shares),
                    "strata",
                    f"stratum {label} ({members} clusters) cannot be spread evenly over the sequences: give strata_slots",
                )
                wanted = tuple(int(share) for share in shares)
            spread[label] = wanted
        totals = tuple(map(sum, zip(*spread.values(), strict=True)))
        refuse_unless(
            totals == tuple(self.slots), "strata_slots", "the strata do not add up to the slots of the sequences"
        )
        return spread

    @property
    def groups(self) -> list[tuple[np.ndarray, tuple[int, ...]]]:
        """(indices of clusters, slots in each sequence) for each stratum; one group without strata."""
        if not self.strata:
            return [(np.arange(len(self.clusters)), self.slots)]
        labels = np.array(self.strata)
        return [(np.flatnonzero(labels == label), slots) for label, slots in self.strata_slots]

    @property
    def size_without_constraints(self) -> int:
        return prod(factorial(len(members)) // prod(factorial(n) for n in slots) for members, slots in self.groups)

    def allowed(self) -> np.ndarray:
        """I x S booleans: may the cluster take the sequence, as far as rules about single clusters say?"""
        table = np.ones((len(self.clusters), len(self.slots)), dtype=bool)
        steps = np.arange(1, len(self.slots) + 1)
        for rule in self.constraints:
            row = self.clusters.index(rule.clusters[0])
            if rule.kind == "not-before":
                table[row] &= steps >= rule.number
            elif rule.kind == "not-after":
                table[row] &= steps <= rule.number
            elif rule.kind == "in-step":
                table[row] &= steps == rule.number
            elif rule.kind == "not-in-step":
                table[row] &= steps != rule.number
        return table

    def keeps(self, allocations: np.ndarray) -> np.ndarray:
        """Booleans: which rows meet every constraint?"""
        allowed = self.allowed()
        kept = np.ones(len(allocations), dtype=bool)
        if not allowed.all():
            for i in np.flatnonzero(~allowed.all(1)):
                kept &= allowed[i][allocations[:, i]]
        for rule in self.constraints:
            columns = allocations[:, [self.clusters.index(name) for name in rule.clusters]]
            if rule.kind in ("apart", "together"):
                same = (columns == columns[:, :1]).all(1)
                kept &= same if rule.kind == "together" else ~same
            elif rule.kind == "at-most":
                for s in range(len(self.slots)):
                    kept &= (columns == s).sum(1) <= rule.number
        return kept


def all_allocations(slots: Sequence[int], allowed: np.ndarray | None = None) -> np.ndarray:
    """N x I: every allocation of sum(slots) clusters to the sequences, in lexicographic order.

    allowed: I x S booleans that rule out positions while the space is built.
    """
    counts = np.array(slots, dtype=np.int8)
    clusters, sequences = int(counts.sum()), len(counts)
    found = np.zeros((1, 0), dtype=np.int8)
    left = counts[None, :]
    for i in range(clusters):
        free = left > 0 if allowed is None else (left > 0) & allowed[i]
        parent, chosen = np.nonzero(free)
        refuse_unless(len(parent), "constraints", "no allocation meets every constraint")
        grown = np.empty((len(parent), i + 1), dtype=np.int8)
        grown[:, :i] = found[parent]
        grown[:, i] = chosen
        left = left[parent]
        left[np.arange(len(parent)), chosen] -= 1
        found = grown
        refuse_unless(
            len(found) <= 4 * ENUMERATE_UP_TO, "clusters_per_sequence", "too many allocations to list: sample them"
        )
    assert found.shape[1] == clusters and sequences  # noqa: S101, PT018
    return found


def enumerate_space(space: Space) -> np.ndarray:
    """Every allocation of the space that meets its constraints, in canonical order."""
    allowed = space.allowed()
    combined: np.ndarray | None = None
    order: list[int] = []
    for members, slots in space.groups:
        part = all_allocations(slots, allowed[members])
        order.extend(members.tolist())
        if combined is None:
            combined = part
        else:
            combined = np.hstack([np.repeat(combined, len(part), axis=0), np.tile(part, (len(combined), 1))])
    assert combined is not None  # noqa: S101
    if order != sorted(order):
        combined = combined[:, np.argsort(order)]
        combined = combined[np.lexsort(combined.T[::-1])]
    kept = combined if not space.constraints else combined[space.keeps(combined)]
    refuse_unless(len(kept), "constraints", "no allocation meets every constraint")
    return kept


def sample_space(space: Space, draws: int, generator: np.random.Generator, chunk: int = 200_000) -> np.ndarray:
    """About `draws` distinct allocations, uniform over the space, in canonical order; fewer where many coincide.

    Only raw bits of the generator are used, sorted within rows, so that the same seed gives the same sample on
    every machine and version of numpy.
    """
    found: list[np.ndarray] = []
    wanted, tried = draws, 0
    while wanted > 0 and tried < 50 * draws:
        size = min(chunk, wanted if not tried else max(wanted, 1000))
        rows = _shuffled(space, size, generator)
        tried += size
        if space.constraints:
            rows = rows[space.keeps(rows)]
        found.append(rows[:wanted])
        wanted -= len(found[-1])
    rows = np.vstack(found)
    refuse_unless(len(rows), "constraints", f"none of {tried} random allocations meets every constraint")
    return _distinct(rows, len(space.slots))


def _shuffled(space: Space, size: int, generator: np.random.Generator) -> np.ndarray:
    rows = np.empty((size, len(space.clusters)), dtype=np.int8)
    for members, slots in space.groups:
        template = np.repeat(np.arange(len(slots), dtype=np.uint64), slots)
        raw = generator.bit_generator.random_raw(size * len(members)).reshape(size, len(members))
        # the low byte carries the sequence, the 56 bits above it the random key: one sort does both
        keys = (raw & ~np.uint64(0xFF)) | template
        keys.sort(axis=1)
        rows[:, members] = (keys & np.uint64(0xFF)).astype(np.int8)
    return rows


def _distinct(rows: np.ndarray, sequences: int) -> np.ndarray:
    if sequences ** rows.shape[1] < 2**62:
        code = rows.astype(np.int64) @ (sequences ** np.arange(rows.shape[1] - 1, -1, -1, dtype=np.int64))
        return rows[np.unique(code, return_index=True)[1]]
    return np.unique(rows, axis=0)


def named(allocation: Sequence[int], clusters: Sequence[str]) -> Mapping[str, int]:
    """{cluster id: sequence counted from 1}."""
    return {name: int(s) + 1 for name, s in zip(clusters, allocation, strict=True)}
