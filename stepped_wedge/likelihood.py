"""Maximum-likelihood precision of a mixed logistic model: the expected information, exactly, at any size.

The model of Zhou et al. 2020 with the logit link: logit p_ij = time + effects + b_i, b_i normal with variance tau2,
binomial counts given b_i. Their expected information is a sum over every possible table of counts, (m+1)^T of them. On
the logit scale the total S of a cluster is sufficient for b_i, so the information about the linear predictors and tau2 is
    complete information - E[ Var( (m_j p_j(b), score of tau2) | S ) ],
one sum over S. The conditional means are quadratures over b. The law of S is a number of ways C(s), the same at every b,
times what is left when b is summed out of the posterior.
"""

from __future__ import annotations

from math import ceil, log2, sqrt

import numpy as np
from scipy.fft import next_fast_len
from scipy.special import expit, gammaln

from stepped_wedge.designs import Design, TimeModel, refuse_unless_identified, time_columns
from stepped_wedge.refusals import refuse_unless

MOST_PEOPLE = 200_000
REACH = 9.0  # standard deviations of b on either side
BLOCK = 2_000_000
TAILS, TAIL_OF_FEW = 10.0, 40.0  # standard deviations, and counts, on either side that hold all but 1e-17 of S
TOLERANCE, ROUNDING = 1e-12, 1e-16  # of a sum over totals, and what each person adds to it
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
    score -= weight @ score
    complete = np.append(weight @ (people * p * (1 - p)), 1 / (2 * tau2 * tau2))
    whole = (score * weight[:, None]).T @ score
    kernel = np.log(weight) - np.logaddexp(0.0, predictor + b[:, None]) @ people
    return np.diag(complete) - (whole - _explained(people, predictor, b, kernel, score, whole))


def _explained(
    people: np.ndarray, predictor: np.ndarray, b: np.ndarray, kernel: np.ndarray, score: np.ndarray, whole: np.ndarray
) -> np.ndarray:
    """E[ E(score | S) E(score | S)' ]: over every total, or over every second, fourth, ... where that is the same sum.

    The law of S is smooth where totals are large, so sums over the odd and the even multiples of a step agree to rounding
    and so do both with the sum over all. The step is halved until they do and the probabilities add up to 1.
    """
    mean, spread = _moments_of_total(people, predictor, b)
    reach = TAILS * spread + TAIL_OF_FEW
    first, last = max(0, int((mean - reach).min())), min(int(people.sum()), ceil((mean + reach).max()))
    log_ways = _log_ways(people, predictor, first, last)
    # logarithms of ways grow with the people, and so does their rounding
    tolerance = TOLERANCE + ROUNDING * float(people.sum())
    error = tolerance * np.sqrt(np.outer(whole.diagonal(), whole.diagonal()))

    def over(totals: np.ndarray) -> tuple[float, np.ndarray]:
        chance, found = 0.0, np.zeros_like(whole)
        rows = max(1, BLOCK // len(b))
        for start in range(0, len(totals), rows):
            each = totals[start : start + rows]
            posterior = kernel + each[:, None] * b
            high = posterior.max(1, keepdims=True)
            posterior -= high
            np.exp(posterior, out=posterior)
            mass = posterior.sum(1, keepdims=True)
            law = np.exp(log_ways[each - first, None] + high) * mass
            means = posterior @ score / mass
            chance += float(law.sum())
            found += (means * law).T @ means
        return chance, found

    step = 2 ** int(log2(max(1.0, float(spread.max()))))
    chance, found = over(np.arange(first, last + 1, step))
    while step > 1:
        more, other = over(np.arange(first + step // 2, last + 1, step))
        agree = abs(chance - more) * step < tolerance and (np.abs(found - other) * step < error).all()
        chance, found, step = chance + more, found + other, step // 2
        if agree and abs(chance * step - 1) < 100 * tolerance:
            break
    return found / chance


def _moments_of_total(people: np.ndarray, predictor: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of S at every b."""
    p = expit(predictor + b[:, None])
    return p @ people, np.sqrt((p * (1 - p)) @ people)


def _nodes(people: np.ndarray, predictor: np.ndarray, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Equally spaced values of b and their normal weights, close enough for the narrowest conditional law of b."""
    b: np.ndarray = np.linspace(-REACH, REACH, 201) * spread
    p = expit(predictor + b[:, None])
    narrowest = 1 / sqrt(1 / spread**2 + float(((p * (1 - p)) @ people).max()))
    half = ceil(REACH * spread / (narrowest / 1.5))
    b = np.arange(-half, half + 1) * (REACH * spread / half)
    weight = np.exp(-0.5 * (b / spread) ** 2)
    return b, weight / weight.sum()


def _log_ways(people: np.ndarray, predictor: np.ndarray, first: int, last: int) -> np.ndarray:
    """log C(s) for s = first ... last: the coefficient of z^s in the product of (1 + exp(predictor_j) z)^people_j.

    P(S = s | b) = C(s) exp(s b - sum people_j log(1 + exp(predictor_j + b))), so C follows from the law at any b, with
    all its digits where that law is large. The law at each of a row of values of b is a convolution of binomials.
    """
    tilts = _tilts(people, predictor, first, last)
    mean, spread = _moments_of_total(people, predictor, tilts)
    length = next_fast_len(2 * ceil(TAILS * spread.max() + TAIL_OF_FEW), real=True)
    cells, times = np.unique(np.column_stack([people, predictor])[people > 0], axis=0, return_counts=True)
    begin = np.zeros(len(tilts), dtype=int)
    transform = np.ones((len(tilts), length // 2 + 1), dtype=complex)
    for (n, level), count in zip(cells, times, strict=True):
        at = level + tilts
        start = np.rint(n * expit(at)).astype(int) - length // 2
        k = start[:, None] + np.arange(length)
        inside = (k >= 0) & (k <= n)
        ways = gammaln(n + 1) - gammaln(np.arange(n + 1) + 1) - gammaln(n - np.arange(n + 1) + 1)
        k = np.clip(k, 0, int(n))
        law = np.where(inside, np.exp(ways[k] + k * at[:, None] - n * np.logaddexp(0.0, at)[:, None]), 0.0)
        transform *= np.fft.rfft(law, axis=1) ** count
        begin += count * start
    laws = np.fft.irfft(transform, length, axis=1)
    totals = np.arange(first, last + 1)
    # each total from the value of b that expects it
    nearest = np.clip(np.searchsorted((mean[1:] + mean[:-1]) / 2, totals), 0, len(tilts) - 1)
    found = np.log(np.maximum(laws[nearest, (totals - begin[nearest]) % length], LEAST))
    return found - totals * tilts[nearest] + (np.logaddexp(0.0, predictor + tilts[:, None]) @ people)[nearest]


def _tilts(people: np.ndarray, predictor: np.ndarray, first: int, last: int) -> np.ndarray:
    """Increasing values of b, two standard deviations of S apart, whose means of S go from first to last."""
    half, total = 0.5, float(people.sum())
    low, high = max(first, half), min(last, total - half)
    b = _tilt_of(people, predictor, low)
    found = [b]
    while (expit(predictor + b) @ people) < high:
        p = expit(predictor + b)
        b += 2 / sqrt(max(float((p * (1 - p)) @ people), 1.0))
        found.append(b)
    return np.array(found)


def _tilt_of(people: np.ndarray, predictor: np.ndarray, total: float) -> float:
    """The b at which S has this mean, by halving."""
    low, high = -60.0 - float(predictor.max()), 60.0 - float(predictor.min())
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if float(expit(predictor + middle) @ people) < total else (low, middle)
    return low
