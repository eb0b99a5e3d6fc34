"""Outcomes: what one cell mean is worth, for gaussian, binomial and poisson outcomes on each link.

Identity links use a variance on the outcome's own scale; three rules for a proportion are in use and are named.
Conditional logit and log models are generalised least squares on the link scale (Xia et al. 2021). Marginal models
scale the correlation matrix of the cell means by the root variance over the derivative of the inverse link
(Li, Turner & Preisser 2018).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from stepped_wedge.designs import Design, exposure_columns
from stepped_wedge.refusals import CaseRefused, refuse_unless

# checked where they come in: one of the words of LINKS
type Family = str
type Link = str

LINKS = {"gaussian": ("identity",), "binomial": ("identity", "logit", "log"), "poisson": ("log", "identity")}
VARIANCE_RULES = ("mean_of_both_arms", "average_of_variances", "cell_specific")
MODELS = ("conditional", "conditional-ml", "marginal")


@dataclass(frozen=True)
class Outcome:
    """Family, link and the scale of the residual variance.

    variance_rule: for binomial on the identity link. model: conditional (random effects on the link scale, by least
    squares), conditional-ml (the same by maximum likelihood; binomial, logit) or marginal (correlations of the outcome
    itself). overdispersion multiplies the residual variance.
    """

    family: Family = "gaussian"
    link: Link = "identity"
    variance_rule: str | None = None
    model: str = "conditional"
    overdispersion: float = 1.0

    def __post_init__(self) -> None:
        refuse_unless(self.family in LINKS, "outcome.family", f"must be one of {', '.join(LINKS)}")
        links = LINKS[self.family]
        if self.link not in links:
            raise CaseRefused("outcome.link", f"a {self.family} outcome takes {' or '.join(links)}, not {self.link}")
        if self.model not in MODELS:
            raise CaseRefused("outcome.model", f"must be one of {', '.join(MODELS)}")
        if self.is_by_likelihood and (self.family, self.link) != ("binomial", "logit"):
            raise CaseRefused("outcome.model", "conditional-ml is for a binomial outcome with the logit link")
        if self.variance_rule is not None and self.variance_rule not in VARIANCE_RULES:
            raise CaseRefused("outcome.variance_rule", f"must be one of {', '.join(VARIANCE_RULES)}")
        if not self.overdispersion > 0:
            raise CaseRefused("outcome.overdispersion", "must be above 0")

    @property
    def is_on_link_scale(self) -> bool:
        """Is the effect a log odds ratio or a log ratio?"""
        return self.link != "identity"

    @property
    def is_marginal(self) -> bool:
        """Do correlations of the outcome itself decide? With a gaussian outcome both models are the same one."""
        return self.model == "marginal" and self.family != "gaussian"

    @property
    def is_by_likelihood(self) -> bool:
        """Is the precision that of maximum likelihood and not of least squares on the link scale?"""
        return self.model == "conditional-ml"


@dataclass(frozen=True)
class Effect:
    """The effect to detect, on the scale of the link, and the outcome without it.

    theta: on an identity link mu1 - mu0, otherwise a log odds ratio or a log ratio; with effects by exposure time
    what the estimand makes of them.
    control: the control condition on the link scale: a number, or one value a period.
    by_exposure: one effect for each observed time since the switch; they decide the level of a cell.
    """

    theta: float
    control: float | tuple[float, ...] | None = None
    by_exposure: tuple[float, ...] | None = None


def linear_predictor(design: Design, effect: Effect, theta: float | None = None) -> np.ndarray:
    """I x T values of the linear predictor at the planned effect (or at `theta`)."""
    if effect.control is None:
        raise CaseRefused("effect.mu0", "the level of the outcome under control is needed for this outcome")
    control = np.broadcast_to(np.asarray(effect.control, dtype=float), (design.period_count,))
    if effect.by_exposure is not None and theta is None:
        return control[None, :] + exposure_columns(design) @ np.array(effect.by_exposure)
    return control[None, :] + (effect.theta if theta is None else theta) * design.filled


def proportion_variance(design: Design, outcome: Outcome, effect: Effect) -> float | np.ndarray:
    """Variance of one person's binary outcome on the identity link, by the named rule."""
    rule = outcome.variance_rule or "mean_of_both_arms"
    if rule == "cell_specific":
        p = linear_predictor(design, effect)
        _refuse_improper_proportions(p)
        return p * (1 - p)
    if effect.control is None:
        raise CaseRefused("effect.mu0", "the proportion under control is needed for a binomial outcome")
    p0 = float(np.mean(effect.control))
    p1 = p0 + effect.theta
    _refuse_improper_proportions(np.array([p0, p1]))
    if rule == "mean_of_both_arms":
        middle = (p0 + p1) / 2
        return middle * (1 - middle)
    return (p0 * (1 - p0) + p1 * (1 - p1)) / 2


def count_variance(effect: Effect) -> float:
    """Variance of a count per unit of person-time on the identity link: SD is the mean of the two root rates."""
    if effect.control is None:
        raise CaseRefused("effect.mu0", "the rate under control is needed for a poisson outcome")
    rate0 = float(np.mean(effect.control))
    rate1 = rate0 + effect.theta
    refuse_unless(rate0 > 0 and rate1 > 0, "effect", "rates must be above 0 under both conditions")
    return ((np.sqrt(rate0) + np.sqrt(rate1)) / 2) ** 2


def working_variance(design: Design, outcome: Outcome, effect: Effect, theta: float | None = None) -> np.ndarray:
    """I x T variance of one person's working response on the link scale: 1/[p(1-p)], (1-p)/p or 1/rate."""
    eta = linear_predictor(design, effect, theta)
    if outcome.link == "logit":
        p = expit(eta)
        return 1 / (p * (1 - p))
    level = np.exp(eta)
    if outcome.family == "poisson":
        return 1 / level
    _refuse_improper_proportions(level)
    return (1 - level) / level


def marginal_scale(design: Design, outcome: Outcome, effect: Effect, theta: float | None = None) -> np.ndarray:
    """I x T: root of the variance function over the derivative of the inverse link."""
    eta = linear_predictor(design, effect, theta)
    if outcome.link == "logit":
        p = expit(eta)
        return 1 / np.sqrt(p * (1 - p))
    level = np.exp(eta) if outcome.link == "log" else eta
    if outcome.family == "binomial":
        _refuse_improper_proportions(level)
        spread = np.sqrt(level * (1 - level))
    else:
        refuse_unless(level.min() > 0, "effect", "rates must be above 0 in every cell")
        spread = np.sqrt(level)
    return spread / level if outcome.link == "log" else spread


def to_link(value: float, link: Link, path: str) -> float:
    """A mean, proportion or rate on the scale of the link."""
    if link == "identity":
        return float(value)
    if link == "logit":
        refuse_unless(0 < value < 1, path, f"a proportion must lie strictly between 0 and 1, not {value}")
        return float(logit(value))
    refuse_unless(value > 0, path, f"must be above 0 on the log scale, not {value}")
    return float(np.log(value))


def from_link(value: float, link: Link) -> float:
    """The inverse of `to_link`."""
    return float(expit(value)) if link == "logit" else float(np.exp(value)) if link == "log" else float(value)


def _refuse_improper_proportions(p: np.ndarray) -> None:
    if p.min() <= 0 or p.max() >= 1:
        raise CaseRefused(
            "effect", f"a proportion leaves the range from 0 to 1 (it runs from {p.min():.4g} to {p.max():.4g})"
        )
