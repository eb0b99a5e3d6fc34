"""What the likelihood of a mixed model needs of the data: cell means, and sums over people within each cluster.

Fixed effects depend on the cell only, so a fit costs the same for a hundred children and for a million. People who
are seen more than once enter by how many times they were seen, through T x T sums for each cluster.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stepped_wedge.analysis.effects import EffectTerms, effect_terms
from stepped_wedge.analysis.returns import Persons, Returns
from stepped_wedge.refusals import CaseRefused, refuse_unless


@dataclass(frozen=True, eq=False)
class People:
    """Sums over people, by the number of times K that they were seen. Outcomes are centred at their cell's mean.

    times, count, squares: K (times seen, people, sum of squared totals). pairs: K x I x T x T, sum of o o' with o the
    periods in which a person was seen. cross: K x I x T, sum of o times the person's total.
    """

    times: np.ndarray
    count: np.ndarray
    squares: np.ndarray
    pairs: np.ndarray
    cross: np.ndarray


@dataclass(frozen=True, eq=False)
class Problem:
    """Data of a fit: clusters by periods by ..., zeros in cells without a return."""

    f: np.ndarray  # I x T x p
    y: np.ndarray  # I x T
    n: np.ndarray
    seen: np.ndarray
    x: np.ndarray
    within: float
    names: tuple[str, ...]
    reml: bool
    people: People | None = None

    @property
    def observations(self) -> float:
        return float(self.n.sum())

    @property
    def freedom(self) -> float:
        return self.observations - (self.f.shape[2] if self.reml else 0)

    @property
    def rows(self) -> np.ndarray:
        """The fixed effects with clusters and periods in one axis."""
        return self.f.reshape(-1, self.f.shape[2])


def fixed_effects(returns: Returns, effect: str) -> tuple[np.ndarray, EffectTerms]:
    """I x T x p indicators of the periods and columns of the effect, zero where nothing was returned."""
    design, seen = returns.design, returns.observed
    terms = effect_terms(design, effect)
    clusters, periods = design.x.shape
    f = np.concatenate([np.broadcast_to(np.eye(periods), (clusters, periods, periods)), terms.columns], axis=2)
    f = np.where(seen[:, :, None], f, 0.0)
    rank = np.linalg.matrix_rank(f[seen])
    refuse_unless(rank == f.shape[2], "data", "the effect is not identified: it cannot be told from the periods")
    return f, terms


def problem_of(
    returns: Returns, effect: str, names: tuple[str, ...], reml: bool, with_people: bool
) -> tuple[Problem, EffectTerms]:
    """The sums of these returns, or a refusal where they cannot carry the model."""
    f, terms = fixed_effects(returns, effect)
    seen = returns.observed
    observations = float(returns.n[seen].sum())
    refuse_unless(observations > f.shape[2], "data", "fewer observations than fixed effects")
    refuse_unless(
        observations > seen.sum() or "gamma2" not in names,
        "data",
        "one observation a cell: the cluster-period variance cannot be told from the residual",
    )
    people = None
    if with_people:
        if returns.persons is None:
            raise CaseRefused("data.person_id", "is needed for a cohort model")
        people = _people(returns.persons, returns)
        names = (*names, "psi2")
    problem = Problem(
        f,
        np.where(seen, returns.mean, 0.0),
        np.where(seen, returns.n, 0.0),
        seen,
        returns.design.filled,
        float(returns.within[seen].sum()),
        names,
        reml,
        people,
    )
    return problem, terms


def _people(persons: Persons, returns: Returns) -> People:
    clusters, periods = returns.design.x.shape
    # returns may be looked at under another treatment status, which can leave cells out
    kept = returns.observed[persons.cluster, persons.period]
    person, period, cluster = persons.person[kept], persons.period[kept], persons.cluster[kept]
    heads = int(persons.person.max()) + 1
    once = np.zeros((heads, periods))
    once[person, period] = 1.0
    whole = np.bincount(person, weights=persons.y[kept] - returns.mean[cluster, period], minlength=heads)
    home = np.zeros(heads, dtype=int)
    home[person] = cluster
    many = once.sum(1).astype(int)
    times = np.unique(many[many > 0])
    refuse_unless(
        times.max() > 1, "data.person_id", "nobody is seen twice: the person effect cannot be told from the residual"
    )
    pairs = np.zeros((len(times), clusters, periods, periods))
    cross = np.zeros((len(times), clusters, periods))
    for k, count in enumerate(times):
        for i in range(clusters):
            chosen = (many == count) & (home == i)
            pairs[k, i] = once[chosen].T @ once[chosen]
            cross[k, i] = once[chosen].T @ whole[chosen]
    return People(
        times.astype(float),
        np.array([float((many == c).sum()) for c in times]),
        np.array([float((whole[many == c] ** 2).sum()) for c in times]),
        pairs,
        cross,
    )
