"""Maximum-likelihood precision of a mixed logistic model: the expected information, exactly, at any size.

The model of Zhou et al. 2020 with the logit link: logit p_ij = time + effects + b_i, b_i normal with variance tau2,
binomial counts given b_i. Their expected information is a sum over every possible table of counts, (m+1)^T of them. On
the logit scale the total S of a cluster is sufficient for b_i, so the information about the linear predictors and tau2 is
    complete information - E[ Var( (m_j p_j(b), score of tau2) | S ) ],
one sum over S. The conditional means are quadratures over b, the law of S an inverse Fourier transform.
"""

from __future__ import annotations

from math import ceil, sqrt

import numpy as np
from scipy.special import expit

from stepped_wedge.designs import Design, TimeModel, refuse_unless_identified, time_columns
from stepped_wedge.refusals import refuse_unless

MOST_PEOPLE = 200_000
REACH = 9.0  # standard deviations of b on either side
BLOCK = 2_000_000
LEAST = 1e-300  # stands for zero where a logarithm is taken


def likelihood_variance(
    design: Design,
    sizes: np.ndarray,
    predictor: np.ndarray,
    tau2: float,
    time_model: TimeModel = "categorical",
    effects: np.ndarray | None = None,
) -> np.ndarray:
    """L x L variance of the effects (x itself when absent), time and tau2 estimated beside them.

    sizes, predictor: I x T people and linear predictors without b. Refuses sizes that are not whole numbers.
    """
    refuse_unless_identified(design, time_model, effects)
    columns = design.filled[:, :, None] if effects is None else effects
    people = np.where(design.observed, sizes, 0.0)
    refuse_unless((people == np.floor(people)).all(), "size", "conditional-ml counts people: whole numbers are needed")
    refuse_unless(
        people.sum(1).max() <= MOST_PEOPLE,
        "size",
        f"conditional-ml is offered up to {MOST_PEOPLE:,} people a cluster: beyond it the conditional model agrees",
    )
    z = time_columns(design, time_model)
    count = z.shape[1] + columns.shape[2]
    total = np.zeros((count + 1, count + 1))
    known: dict[bytes, np.ndarray] = {}
    for i in range(design.cluster_count):
        key = people[i].tobytes() + predictor[i].tobytes()
        if key not in known:
            known[key] = _cluster_information(people[i], predictor[i], tau2)
        slopes = np.zeros((design.period_count + 1, count + 1))
        slopes[:-1, : z.shape[1]], slopes[:-1, z.shape[1] : count], slopes[-1, -1] = z, columns[i], 1.0
        total += slopes.T @ known[key] @ slopes
    if tau2 == 0:
        total = total[:-1, :-1]
    return np.linalg.inv(total)[z.shape[1] : count, z.shape[1] : count]


def _cluster_information(people: np.ndarray, predictor: np.ndarray, tau2: float) -> np.ndarray:
    """(T + 1) x (T + 1): about the linear predictor of each cell, and tau2 (zero where tau2 is)."""
    length = len(people)
    found = np.zeros((length + 1, length + 1))
    if tau2 == 0:
        p = expit(predictor)
        found[range(length), range(length)] = people * p * (1 - p)
        return found
    b, weight = _nodes(people, predictor, sqrt(tau2))
    p = expit(predictor + b[:, None])
    score = np.column_stack([-people * p, (b * b - tau2) / (2 * tau2 * tau2)])  # what b adds to the scores
    complete = np.append(weight @ (people * p * (1 - p)), 1 / (2 * tau2 * tau2))
    chance = _law_of_total(people, p, weight)
    kernel = np.log(weight) - np.logaddexp(0.0, predictor + b[:, None]) @ people
    explained = np.zeros_like(found)
    rows = max(1, BLOCK // len(b))
    possible = np.flatnonzero(chance > 1e-17 * chance.max())
    for start in range(0, len(possible), rows):
        totals = possible[start : start + rows]
        posterior = kernel + totals[:, None] * b
        posterior -= posterior.max(1, keepdims=True)
        np.exp(posterior, out=posterior)
        means = posterior @ score / posterior.sum(1, keepdims=True)
        explained += (means * chance[totals, None]).T @ means
    return np.diag(complete) - ((score * weight[:, None]).T @ score - explained)


def _nodes(people: np.ndarray, predictor: np.ndarray, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Equally spaced values of b and their normal weights, close enough for the narrowest conditional law of b."""
    b: np.ndarray = np.linspace(-REACH, REACH, 201) * spread
    p = expit(predictor + b[:, None])
    narrowest = 1 / sqrt(1 / spread**2 + float(((p * (1 - p)) @ people).max()))
    half = ceil(REACH * spread / (narrowest / 1.5))
    b = np.arange(-half, half + 1) * (REACH * spread / half)
    weight = np.exp(-0.5 * (b / spread) ** 2)
    return b, weight / weight.sum()


def _law_of_total(people: np.ndarray, p: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """P(S = s) for s = 0 ... the number of people: the transform of the mixture over b, inverted once.

    Beyond the angle where the transform of every node is lost in rounding it is not worked out.
    """
    count = int(people.sum()) + 1
    low, high = 0.0, np.pi
    for _ in range(40):
        middle = (low + high) / 2
        turned = np.maximum(1 - 2 * p * (1 - p) * (1 - np.cos(middle)), LEAST)
        size = 0.5 * np.log(turned) @ people + np.log(weight)
        low, high = (middle, high) if size.max() > np.log(1e-19) else (low, middle)
    needed = min(count // 2 + 1, int(high * count / (2 * np.pi)) + 2)
    transform = np.zeros(count // 2 + 1, dtype=complex)
    rows = max(1, BLOCK // (8 * p.size))
    for start in range(0, needed, rows):
        angle = 2 * np.pi * np.arange(start, min(start + rows, needed)) / count
        one = 1 + p * (np.exp(-1j * angle)[:, None, None] - 1)
        transform[start : start + len(angle)] = np.exp(np.log(np.where(one == 0, LEAST, one)) @ people) @ weight
    return np.maximum(np.fft.irfft(transform, count), 0.0)
