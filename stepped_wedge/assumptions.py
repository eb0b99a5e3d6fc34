"""The correlation part of a case: variances, ratios or three correlations, checked against the structure they claim."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stepped_wedge.correlations import (
    Components,
    from_correlations,
    from_ratios,
)
from stepped_wedge.designs import Design
from stepped_wedge.keys import Keys, refuse_disagreement
from stepped_wedge.outcomes import (
    Effect,
    Outcome,
    count_variance,
    from_link,
    proportion_variance,
)
from stepped_wedge.refusals import CaseRefused, refuse_unless

STRUCTURES = (
    "exchangeable",
    "nested-exchangeable",
    "nested",
    "discrete-time-decay",
    "decay",
    "proportional-decay",
    "block-exchangeable",
    "three-correlation",
    "open-cohort-churn",
    "as-parameters",
)
EXTENSIONS = ("person", "person-decay", "random-intervention")


def read_components(
    keys: Keys, told: Keys, outcome: Outcome, effect: Effect, design: Design, size: object, sampling: str
) -> Components:
    """Variance components from variances, from ratios or from three correlations; what is given twice must agree."""
    structure = str(keys.word("structure", "as-parameters"))
    base, *extensions = structure.split("+")
    refuse_unless(base in STRUCTURES, keys.at("structure"), f"must begin with one of {', '.join(STRUCTURES)}")
    for name in extensions:
        refuse_unless(name in EXTENSIONS, keys.at("structure"), f"+{name} is not one of +{', +'.join(EXTENSIONS)}")
    unit = _Unit(*_unit_variance(told, outcome, effect, design, keys))
    shape = _shape(keys, base, extensions)
    refuse_unless(
        outcome.variance_rule != "cell_specific" or not told.has("residual_variance", "total_variance"),
        "outcome.variance_rule",
        "cell_specific takes the variance from the proportions, not from a stated variance",
    )
    by_correlations = keys.has("alpha1", "alpha2") or (keys.has("alpha0") and "decay" not in base)
    found = (
        _by_correlations(keys, base, unit, shape, design, size, sampling)
        if by_correlations
        else _by_variances_and_ratios(keys, base, unit, shape, outcome)
    )
    if by_correlations:
        _refuse_other_statements(keys, found)
    keys.word("scale")
    keys.refuse_unknown()
    _refuse_against_structure(keys, base, extensions, found)
    own_in_every_cell = outcome.variance_rule == "cell_specific" and not keys.has("icc", "alpha0")
    if own_in_every_cell or (outcome.is_on_link_scale and not outcome.is_marginal):
        return replace(found, residual=None)  # every cell has its own, all of it residual
    return found


@dataclass(frozen=True)
class _Unit:
    """Residual or total variance of one person, as far as the outcome says.

    On a link scale the residual is what ratios are shares of: pi^2/3 (latent) or 1/[p(1-p)]; None where none is given.
    """

    residual: float | None
    total: float | None
    is_own: bool  # does the family fix it (a proportion, a count)?


def _unit_variance(
    told: Keys, outcome: Outcome, effect: Effect, design: Design, keys: Keys
) -> tuple[float | None, float | None, bool]:
    residual, total = told.number("residual_variance"), told.number("total_variance")
    if residual is not None:
        refuse_unless(residual >= 0, told.at("residual_variance"), "a variance must be at least 0")
    if total is not None:
        refuse_unless(total > 0, told.at("total_variance"), "a variance must be above 0")
    _refuse_a_variance_that_is_not_free(told, outcome)
    if outcome.is_marginal:
        return None, 1.0, True
    if outcome.is_on_link_scale:
        return _link_unit(keys, outcome, effect), None, True
    if outcome.family == "gaussian" or residual is not None or total is not None:
        refuse_unless(
            residual is not None or total is not None,
            told.at("residual_variance"),
            "give residual_variance or total_variance",
        )
        return residual, total, False
    if outcome.family == "poisson":
        own = count_variance(effect)
    else:
        own = float(np.mean(np.asarray(proportion_variance(design, outcome, effect))))
    # a proportion's p(1-p) is its total variance when clustering is a ratio of it, its residual when it is added
    by_ratio = keys.has("icc", "alpha0") and not keys.has("tau2")
    return (None, own, True) if by_ratio else (own, None, True)


def _refuse_a_variance_that_is_not_free(told: Keys, outcome: Outcome) -> None:
    if not (outcome.is_marginal or outcome.is_on_link_scale):
        return
    why = "follows from the mean in a marginal model" if outcome.is_marginal else "is not defined on a link scale"
    for name in ("residual_variance", "total_variance"):
        refuse_unless(not told.has(name), told.at(name), why)


def _link_unit(keys: Keys, outcome: Outcome, effect: Effect) -> float | None:
    """What an ICC or an IAC on a link scale is a share of, beside the variances of clusters and persons."""
    ratios = [name for name in ("icc", "iac", "alpha0", "alpha1", "alpha2") if keys.has(name)]
    if not ratios:
        return None
    refuse_unless(
        outcome.link == "logit", keys.at(ratios[0]), "has no meaning with a log link: give tau2, gamma2 and psi2"
    )
    scale = keys.word("scale")
    refuse_unless(
        scale in ("latent", "proportion", "logit"),
        keys.at("scale"),
        "an ICC needs a scale here: latent or proportion with a logit link",
    )
    if scale != "proportion":
        return float(np.pi**2 / 3)
    if effect.control is None:
        raise CaseRefused("effect.mu0", "the proportion under control is needed for an ICC on the proportion scale")
    prevalence = from_link(float(np.mean(np.asarray(effect.control, dtype=float))), outcome.link)
    return 1 / (prevalence * (1 - prevalence))


def _shape(keys: Keys, base: str, extensions: list[str]) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "r": keys.number("r", 1.0),
        "r_person": keys.number("r_ind"),
        "churn": keys.number("churn", 0.0),
    }
    shape["eta2"], shape["cov"] = keys.number("eta2", 0.0), keys.number("cov_te", 0.0)
    if base in ("discrete-time-decay", "decay", "proportional-decay"):
        refuse_unless(keys.has("r"), keys.at("r"), "decay needs r, the correlation of neighbouring periods")
    if base == "proportional-decay":
        refuse_disagreement(keys.at("r_ind"), shape["r_person"], shape["r"])
        shape["r_person"] = shape["r"]
    if "person-decay" in extensions:
        refuse_unless(keys.has("r_ind"), keys.at("r_ind"), "person decay needs r_ind")
    if base == "open-cohort-churn":
        refuse_unless(keys.has("churn"), keys.at("churn"), "an open cohort needs churn, the share of people replaced")
    if "random-intervention" in extensions:
        refuse_unless(keys.has("eta2"), keys.at("eta2"), "a random intervention effect needs its variance eta2")
    return {name: 1.0 if value is None else value for name, value in shape.items()}


def _by_correlations(
    keys: Keys, base: str, unit: _Unit, shape: dict[str, Any], design: Design, size: object, sampling: str
) -> Components:
    alpha0 = keys.needed("alpha0")
    alpha1 = keys.number("alpha1")
    if alpha1 is None:
        refuse_unless(base == "exchangeable", keys.at("alpha1"), "the between-period correlation is needed")
        alpha1 = alpha0
    alpha2 = keys.number("alpha2")
    if alpha2 is None:
        refuse_unless(sampling == "cross-sectional", keys.at("alpha2"), "a cohort needs the same-person correlation")
        alpha2 = alpha1
    if sampling == "cross-sectional":
        refuse_disagreement(keys.at("alpha2"), alpha2, alpha1)
    left = 1 - alpha0 - alpha2 + alpha1
    total = unit.total
    if total is None:
        total = (unit.residual or 0.0) / left if left > 0 else 1.0
    elif unit.residual is not None and left > 0:
        refuse_disagreement("outcome.residual_variance", unit.residual, total * left)
    each = (
        size
        if isinstance(size, float)
        else (float(np.nanmax(np.asarray(size, dtype=float))) if size is not None else None)
    )
    for name, key in (("r", "r"), ("r_person", "r_ind")):
        refuse_unless(shape[name] == 1, keys.at(key), "three correlations do not decay")
    found = from_correlations(
        alpha0=alpha0, alpha1=alpha1, alpha2=alpha2, total=total, periods=design.period_count, size=each
    )
    return replace(found, eta2=shape["eta2"], cov=shape["cov"], churn=shape["churn"])


def _refuse_other_statements(keys: Keys, found: Components) -> None:
    for name in ("tau2", "gamma2", "psi2", "icc", "cac", "iac"):
        refuse_disagreement(keys.at(name), keys.number(name), getattr(found, name))


def _by_variances_and_ratios(keys: Keys, base: str, unit: _Unit, shape: dict[str, Any], outcome: Outcome) -> Components:
    ratios = {name: keys.number(name) for name in ("icc", "cac", "iac")}
    if keys.has("alpha0"):  # under decay the within-period correlation is the ICC
        refuse_disagreement(keys.at("alpha0"), ratios["icc"], keys.needed("alpha0"))
        ratios["icc"] = keys.needed("alpha0")
    for name, value in ratios.items():
        refuse_unless(value is None or 0 <= value <= 1, keys.at(name), f"must be between 0 and 1, not {value}")
    variances = {name: keys.number(name) for name in ("tau2", "gamma2", "psi2")}
    if outcome.is_marginal:
        refuse_unless(
            not shape["eta2"] and not shape["cov"],
            keys.at("eta2"),
            "a marginal model has no random intervention effect",
        )
        refuse_unless(
            all(value is None for value in variances.values()),
            keys.path,
            "a marginal model takes correlations (alpha0, alpha1, alpha2 or icc, cac, iac), not variances",
        )
    if variances["tau2"] is None and ratios["icc"] is not None:
        found = _from_icc(keys, ratios, unit, shape)
    else:
        found = _from_variances(variances, ratios, unit, shape, outcome)
    by_working_variance = outcome.is_on_link_scale and not outcome.is_marginal
    undivided = ratios["iac"] is None and variances["psi2"] is None and not by_working_variance
    if base == "proportional-decay" and undivided and found.residual:
        # one process for the whole of a person's outcome: all that is not the cluster is the person, and decays
        found = Components(**{**_as_dict(found), "psi2": found.residual, "residual": 0.0})
    _refuse_ratios_that_disagree(keys, ratios, variances, found, base)
    return found


def _from_icc(keys: Keys, ratios: dict[str, float | None], unit: _Unit, shape: dict[str, Any]) -> Components:
    icc = ratios["icc"] or 0.0
    cac = 1.0 if ratios["cac"] is None else ratios["cac"]
    iac = ratios["iac"] or 0.0
    psi2 = keys.number("psi2")
    if psi2 is not None and ratios["iac"] is None:
        residual = unit.residual if unit.residual is not None else (unit.total or 0.0) * (1 - icc) - psi2
        refuse_unless(residual >= 0, keys.at("psi2"), "is larger than the total variance leaves")
        refuse_unless(icc < 1, keys.at("icc"), "must be below 1")
        clustered = icc / (1 - icc) * (psi2 + residual)
        return Components(tau2=cac * clustered, gamma2=(1 - cac) * clustered, psi2=psi2, residual=residual, **shape)
    total, residual_given = unit.total, unit.residual
    if total is not None and residual_given is not None:
        refuse_disagreement("outcome.residual_variance", residual_given, total * (1 - icc) * (1 - iac))
        residual_given = None
    return from_ratios(icc=icc, cac=cac, iac=iac, total=total, residual=residual_given, **shape)


def _from_variances(
    variances: dict[str, float | None],
    ratios: dict[str, float | None],
    unit: _Unit,
    shape: dict[str, Any],
    outcome: Outcome,
) -> Components:
    tau2, gamma2, psi2 = variances["tau2"] or 0.0, variances["gamma2"], variances["psi2"]
    if gamma2 is None:
        cac = ratios["cac"]
        refuse_unless(cac is None or cac > 0, "correlation.cac", "must be above 0 when only tau2 is given")
        gamma2 = 0.0 if cac is None else tau2 * (1 - cac) / cac
    residual, iac = unit.residual, ratios["iac"]
    if unit.total is not None and residual is None:
        within = unit.total - tau2 - gamma2
        refuse_unless(within >= 0, "outcome.total_variance", "is smaller than the variances of clusters and periods")
        psi2 = (iac or 0.0) * within if psi2 is None else psi2
        residual = within - psi2
        refuse_unless(residual >= 0, "outcome.total_variance", "is smaller than the sum of the other variances")
    if psi2 is None and iac:
        refuse_unless(
            iac < 1 and residual is not None, "correlation.iac", "an IAC needs a residual variance, and to be below 1"
        )
        psi2 = float(residual or 0.0) * iac / (1 - iac)
    found = Components(tau2=tau2, gamma2=gamma2, psi2=psi2 or 0.0, residual=residual, **shape)
    if unit.total is not None and unit.residual is not None and not outcome.is_marginal:
        refuse_disagreement("outcome.total_variance", unit.total, found.total)
    return found


def _as_dict(parts: Components) -> dict[str, Any]:
    names = ("tau2", "gamma2", "psi2", "residual", "eta2", "cov", "r", "r_person", "churn")
    return {name: getattr(parts, name) for name in names}


def _refuse_ratios_that_disagree(
    keys: Keys, ratios: dict[str, float | None], variances: dict[str, float | None], found: Components, base: str
) -> None:
    for name, value in variances.items():
        if not (name == "psi2" and base == "proportional-decay"):
            refuse_disagreement(keys.at(name), value, getattr(found, name))
    on_a_scale = found.residual is not None
    for name in ("icc", "cac", "iac"):
        if name == "cac" or on_a_scale:
            refuse_disagreement(keys.at(name), ratios[name], getattr(found, name))


def _refuse_against_structure(keys: Keys, base: str, extensions: list[str], found: Components) -> None:
    """A structure that says one thing and parameters that say another is an error, not a choice of ours."""
    if base == "as-parameters":
        return
    cohort = {"proportional-decay", "block-exchangeable", "three-correlation", "open-cohort-churn"}
    if base == "exchangeable":
        refuse_unless(
            abs(found.gamma2) < 1e-12,
            keys.at("gamma2" if keys.has("gamma2") else "cac"),
            "an exchangeable structure has no cluster-period variance (CAC is 1): use nested-exchangeable",
        )
    if base in ("nested-exchangeable", "nested"):
        refuse_unless(keys.has("gamma2", "cac", "alpha1"), keys.at("cac"), "a nested structure needs cac or gamma2")
    if "decay" not in base:
        refuse_unless(found.r == 1, keys.at("r"), f"{base} does not decay: use discrete-time-decay")
    if base not in cohort and not {"person", "person-decay"} & set(extensions):
        refuse_unless(
            abs(found.psi2) < 1e-12,
            keys.at("psi2" if keys.has("psi2") else "iac"),
            f"{base} has no person effect: add +person to the structure",
        )
    if {"person", "person-decay"} & set(extensions):
        refuse_unless(keys.has("psi2", "iac", "alpha2"), keys.at("psi2"), "a person effect needs psi2 or iac")
    if "random-intervention" not in extensions:
        refuse_unless(
            not found.eta2 and not found.cov,
            keys.at("eta2"),
            f"{base} has no random intervention effect: add +random-intervention to the structure",
        )
