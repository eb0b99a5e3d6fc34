"""Balance of allocations over covariates, what a cutoff keeps, and the report on what the constraints leave.

Covariate-constrained randomisation: Moulton 2004; Raab & Butcher 2001; Li et al. 2016, 2017. The over-constraint report
follows an idea of Bailey & Rowley 1987.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from stepped_wedge.allocations import ENUMERATE_UP_TO, Space, enumerate_space, sample_space
from stepped_wedge.crews import ALONE, Crew, slices
from stepped_wedge.refusals import CaseRefused, refuse_unless

TIE = 1e-10
SCORES = ("trend", "between", "both", "l2", "l1")


@dataclass(frozen=True, eq=False)
class Covariate:
    """A baseline covariate: numbers or categories, one for each cluster, and its weight in the score."""

    name: str
    values: tuple[object, ...]
    weight: float = 1.0
    is_category: bool = False

    def columns(self) -> np.ndarray:
        """I x L: centred and divided by the n-1 standard deviation; a category as L-1 standardised indicators."""
        if self.is_category:
            labels = sorted({str(v) for v in self.values})
            refuse_unless(len(labels) > 1, f"covariates.{self.name}", "has the same value in every cluster")
            raw = np.array([[float(str(v) == label) for label in labels[1:]] for v in self.values])
        else:
            try:
                raw = np.array(self.values, dtype=float)[:, None]
            except (TypeError, ValueError) as problem:
                raise CaseRefused(f"covariates.{self.name}", "must be numbers, or be declared a category") from problem
            refuse_unless(np.isfinite(raw).all(), f"covariates.{self.name}", "has a missing value")
        spread = raw.std(0, ddof=1)
        refuse_unless((spread > 0).all(), f"covariates.{self.name}", "has the same value in every cluster")
        return (raw - raw.mean(0)) / spread


def default_score(slots: Sequence[int]) -> str:
    """Trend with fewer than three clusters in some sequence, where between-sequence scores hardly vary; else both."""
    return "trend" if min(slots) < 3 else "both"


def score_allocations(
    allocations: np.ndarray,
    covariates: Sequence[Covariate],
    slots: Sequence[int],
    score: str,
    exposure: Sequence[float] | None = None,
    chunk: int = 65_536,
    crew: Crew = ALONE,
) -> np.ndarray:
    """Balance score of every allocation; smaller is better. A weight multiplies its term (it is not squared).

    trend: sum of weight x corr(covariate, intervention periods)^2. between: sum of weight x share of the covariate's
    variance between sequences. l2, l1: weighted squared or absolute difference of the means of two arms.
    exposure: intervention periods of each sequence; by default S, S-1, ... 1.
    """
    refuse_unless(score in SCORES, "score", f"must be one of {', '.join(SCORES)}")
    refuse_unless(len(covariates), "covariates", "a balance score needs at least one covariate")
    columns = [covariate.columns() for covariate in covariates]
    z = np.hstack(columns)
    weights = np.concatenate([np.full(c.shape[1], v.weight) for c, v in zip(columns, covariates, strict=True)])
    refuse_unless((weights >= 0).all(), "covariates", "weights must be at least 0")
    counts = np.array(slots, dtype=float)
    if score in ("l1", "l2"):
        refuse_unless(
            len(slots) == 2,
            "score",
            f"{score} compares two arms; with {len(slots)} sequences use trend, between or both",
        )
    if score == "between":
        refuse_unless(
            max(slots) > 1, "score", "between is the same for every allocation with one cluster a sequence: use trend"
        )
    length = np.array(exposure if exposure is not None else range(len(slots), 0, -1), dtype=float)
    work = partial(_score_part, z, weights, counts, score, length)
    parts = [allocations[part] for part in slices(len(allocations), chunk)]
    return np.concatenate(crew.each("allocations scored", work, parts))


def _score_part(
    z: np.ndarray, weights: np.ndarray, counts: np.ndarray, score: str, length: np.ndarray, part: np.ndarray
) -> np.ndarray:
    clusters = part.shape[1]
    total = np.zeros(len(part))
    if score in ("trend", "both"):
        mean = (counts * length).sum() / clusters
        spread = np.sqrt((counts * (length - mean) ** 2).sum() / (clusters - 1))
        refuse_unless(spread > 0, "score", "every sequence has the same exposure: there is no trend to balance")
        correlation = ((length - mean) / spread)[part] @ z / (clusters - 1)
        total += correlation**2 @ weights
    if score in ("between", "both"):
        for s, n in enumerate(counts):
            total += ((part == s) @ z) ** 2 @ weights / n / (clusters - 1)
    if score in ("l1", "l2"):
        first = (part == 0) @ z
        difference = first / counts[0] + first / counts[1]  # columns of z sum to zero
        total += (np.abs(difference) if score == "l1" else difference**2) @ weights
    return total


def keep_best(scores: np.ndarray, *, share: float | None = None, count: int | None = None) -> np.ndarray:
    """Booleans: allocations at or below the cutoff score, ties kept (a tie is never cut by rounding noise)."""
    if share is None and count is None:
        return np.ones(len(scores), dtype=bool)
    refuse_unless(share is None or count is None, "cutoff", "give a share or a count, not both")
    if share is not None:
        refuse_unless(0 < share <= 1, "cutoff.share", "must be above 0 and at most 1")
        count = max(1, int(np.floor(share * len(scores) + 1e-9)))
    refuse_unless(count is not None and 1 <= count <= len(scores), "cutoff.count", f"must be from 1 to {len(scores)}")
    place = int(count or 1) - 1
    cutoff = np.partition(scores, place)[place]
    return scores <= cutoff + TIE


def positions(allocations: np.ndarray, sequences: int, chunk: int = 65_536) -> tuple[np.ndarray, np.ndarray]:
    """(I x S probability of each cluster in each sequence, I x I probability of each pair in the same sequence)."""
    clusters = allocations.shape[1]
    place, together = np.zeros((clusters, sequences)), np.zeros((clusters, clusters))
    for start in range(0, len(allocations), chunk):
        part = allocations[start : start + chunk]
        for s in range(sequences):
            here = (part == s).astype(np.float32)
            place[:, s] += here.sum(0, dtype=np.float64)
            together += here.T @ here
    return place / len(allocations), together / len(allocations)


@dataclass(frozen=True, eq=False)
class Report:
    """What the constraints leave, before the draw. place: I x S; together and together_before: I x I.

    space: allocations that meet the constraints. without_constraints: those that slots and strata alone allow.
    """

    clusters: tuple[str, ...]
    kept: int
    space: int
    is_sampled: bool
    place: np.ndarray
    together: np.ndarray
    together_before: np.ndarray
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    without_constraints: int

    @property
    def smallest_p(self) -> float:
        return 1 / self.kept

    def as_json(self) -> dict[str, object]:
        pairs = []
        for i in range(len(self.clusters)):
            pairs += [
                {
                    "clusters": [self.clusters[i], self.clusters[j]],
                    "same_sequence": float(self.together[i, j]),
                    "unconstrained": float(self.together_before[i, j]),
                }
                for j in range(i)
            ]
        return {
            "kept": self.kept,
            "space": self.space,
            "space_is_sampled": self.is_sampled,
            "without_constraints": self.without_constraints,
            "smallest_p": self.smallest_p,
            "positions": {name: [float(p) for p in row] for name, row in zip(self.clusters, self.place, strict=True)},
            "pairs": pairs,
            "errors": list(self.errors),
            "warnings": list(self.warnings),
        }


def report_on(space: Space, everything: np.ndarray, kept: np.ndarray, is_sampled: bool = False) -> Report:
    """The over-constraint report with its stop rules.

    Error: fewer than 100 allocations left, or fewer than 20% of all where there are at most 600. Warnings: a pair
    always or never together that was free before; a cluster with a probability of 0 or above one half of a sequence.
    """
    sequences = len(space.slots)
    place, together = positions(kept, sequences)
    _, before = (place, together) if len(kept) == len(everything) else positions(everything, sequences)
    if space.constraints and not is_sampled:
        before = _pairs_without_constraints(space)
    return Report(
        space.clusters,
        len(kept),
        len(everything),
        is_sampled,
        place,
        together,
        before,
        tuple(_stop_rules(space, len(kept), len(everything))),
        tuple(_cautions(space, place, together, before)),
        space.size_without_constraints,
    )


def _pairs_without_constraints(space: Space) -> np.ndarray:
    """Probability that two clusters share a sequence when only slots and strata bind, in closed form."""
    clusters = len(space.clusters)
    table = np.zeros((clusters, clusters))
    for members, slots in space.groups:
        n = np.array(slots, dtype=float)
        for others, theirs in space.groups:
            m = np.array(theirs, dtype=float)
            same = others is members or np.array_equal(others, members)
            size = len(members)
            chance = (n * (n - 1)).sum() / max(size * (size - 1), 1) if same else (n * m).sum() / (size * len(others))
            table[np.ix_(members, others)] = chance
    np.fill_diagonal(table, 1.0)
    return table


def _stop_rules(space: Space, kept: int, everything: int) -> Iterable[str]:
    total = space.size_without_constraints
    if total <= 600:
        if kept < 0.2 * total:
            yield f"only {kept} of {total} allocations are left, fewer than 20%: loosen the constraints"
    elif kept < 100:
        yield f"only {kept} allocations are left, fewer than 100: loosen the constraints"


def _cautions(space: Space, place: np.ndarray, together: np.ndarray, before: np.ndarray) -> Iterable[str]:
    names = space.clusters
    for i in range(len(names)):
        for j in range(i):
            if TIE < before[i, j] < 1 - TIE and not TIE < together[i, j] < 1 - TIE:
                yield f"{names[j]} and {names[i]} are {'always' if together[i, j] > 0.5 else 'never'} in the same sequence"
    for i, s in np.argwhere(place == 0):
        yield f"{names[i]} can never be in sequence {s + 1}"
    if len(space.slots) > 2:
        for i, s in np.argwhere(place > 0.5):
            yield f"{names[i]} is in sequence {s + 1} with probability {place[i, s]:.2f}"


@dataclass(frozen=True, eq=False)
class Candidates:
    """The allocations that can be drawn, in canonical order, with their scores and the report on them."""

    allocations: np.ndarray
    scores: np.ndarray | None
    report: Report
    score: str | None


def candidates(
    space: Space,
    covariates: Sequence[Covariate] = (),
    *,
    score: str | None = None,
    share: float | None = None,
    count: int | None = None,
    exposure: Sequence[float] | None = None,
    sample: int | None = None,
    generator: np.random.Generator | None = None,
    crew: Crew = ALONE,
) -> Candidates:
    """All allocations that may be drawn: enumerated up to a million, sampled above (which needs a generator)."""
    total = space.size_without_constraints
    is_sampled = total > ENUMERATE_UP_TO or (sample is not None and sample < total)
    if is_sampled:
        if generator is None:
            raise CaseRefused("sample", f"{total} allocations are too many to list: a seeded sample of them is needed")
        everything = sample_space(space, sample or 100_000, generator)
    else:
        everything = enumerate_space(space)
    if not covariates:
        refuse_unless(share is None and count is None, "cutoff", "a cutoff needs covariates to score")
        return Candidates(everything, None, report_on(space, everything, everything, is_sampled), None)
    score = score or default_score(space.slots)
    scores = score_allocations(everything, covariates, space.slots, score, exposure, crew=crew)
    kept = keep_best(scores, share=share, count=count)
    return Candidates(everything[kept], scores[kept], report_on(space, everything, everything[kept], is_sampled), score)
