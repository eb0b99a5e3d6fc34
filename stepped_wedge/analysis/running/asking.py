"""What a specification asks for, read with paths; unknown keys are refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stepped_wedge.analysis.gee import CORRECTIONS
from stepped_wedge.crews import ALONE, Crew
from stepped_wedge.keys import Keys
from stepped_wedge.refusals import refuse_unless

SPEC = {
    "outcome",
    "method",
    "model",
    "estimation",
    "df",
    "corrections",
    "permutation",
    "alpha",
    "treatment",
    "design",
    "title",
    "estimand",
    "also",
    "component_intervals",
    "missing_returns",
}

STRUCTURE_ALIASES = {"hussey-hughes": "exchangeable", "nested": "nested-exchangeable", "decay": "discrete-time-decay"}


@dataclass(frozen=True, eq=False)
class Asked:
    """What the specification says about one run. df and structure None: the method's own default."""

    top: Keys
    family: str
    link: str
    structure: str | None
    effect: str
    estimand: str | Sequence[float]
    points: int
    moments: str
    alpha: float
    reml: bool
    df: str | None
    correction: str
    is_main: bool
    intervals: bool
    crew: Crew = ALONE


def switch(top: Keys, name: str) -> bool:
    """A key that is true unless the specification says false."""
    said = top.get(name, True)
    refuse_unless(isinstance(said, bool), name, "must be true or false")
    return bool(said)


def read_asked(top: Keys, main: bool, crew: Crew = ALONE) -> Asked:
    named = top.get("outcome")
    told = Keys({"family": named}, "outcome") if isinstance(named, str) else top.part("outcome", needed=False)
    family = str(told.word("family", "gaussian"))
    link = str(told.word("link", {"binomial": "logit", "poisson": "log"}.get(family, "identity")))
    told.refuse_unknown()
    said = top.get("model")
    model = Keys({"correlation": said}, "model") if isinstance(said, str) else top.part("model", needed=False)
    structure, effect = (
        STRUCTURE_ALIASES.get(said := model.word("correlation"), said),
        str(model.word("effect", "single")),
    )
    estimand = _estimand(model, top)
    points, moments = _points(model), str(model.word("moments", "adjusted"))
    refuse_unless(moments in ("adjusted", "unadjusted"), "model.moments", "must be adjusted or unadjusted")
    model.refuse_unknown()
    alpha = top.number("alpha", 0.05) or 0.0
    refuse_unless(0 < alpha < 1, "alpha", "must lie between 0 and 1")
    estimation = str(top.word("estimation", "REML")).upper()
    refuse_unless(estimation in ("REML", "ML"), "estimation", "must be REML or ML")
    df, correction = top.word("df"), _corrections(top)[0]
    return Asked(
        top,
        family,
        link,
        structure if main else None,
        effect,
        estimand,
        points,
        moments,
        alpha,
        estimation == "REML",
        df if main else None,
        correction if main or correction != "LZ" else "KC",
        main,
        switch(top, "component_intervals"),
        crew,
    )


def _points(model: Keys) -> int:
    given = model.number("points", 1)
    refuse_unless(given == int(given) and given >= 1, "model.points", "must be a whole number of at least 1")
    return int(given)


def _estimand(model: Keys, top: Keys) -> str | Sequence[float]:
    given = model.get("estimand", top.get("estimand", "average"))
    refuse_unless(isinstance(given, str | list), "model.estimand", "must be a name or a list of weights")
    return given


def _corrections(top: Keys) -> list[str]:
    given = top.get("corrections", ["KC"])
    wanted = [given] if isinstance(given, str) else given
    refuse_unless(
        isinstance(wanted, list) and wanted and all(each in CORRECTIONS for each in wanted),
        "corrections",
        f"must be from {', '.join(CORRECTIONS)}",
    )
    return wanted


_ALIASES = {"cell-means": "two-way", "ols": "two-way", "permutation": "randomisation", "mixed": "lmm"}


def method_of(top: Keys) -> str:
    said = str(top.word("method", "default"))
    return _ALIASES.get(said, said)
