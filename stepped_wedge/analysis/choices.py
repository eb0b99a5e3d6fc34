"""Which analysis stands at which number of clusters: defaults, support and refusals (section 5.4 of the methods note)."""

from __future__ import annotations

from dataclasses import dataclass

from stepped_wedge.refusals import CaseRefused

METHODS = ("two-way", "randomisation", "lmm", "glmm", "gee", "cohort-lmm")


@dataclass(frozen=True)
class Advice:
    """primary and support: names of methods. why: one sentence."""

    primary: str
    support: tuple[str, ...]
    why: str


def advise(clusters: int) -> Advice:
    """The default analysis for a number of clusters."""
    if clusters <= 3:
        return Advice(
            "describe",
            (),
            f"with {clusters} clusters no test can reach 5%: describe, and plan an interrupted series or a comparison",
        )
    if clusters <= 7:
        return Advice(
            "two-way",
            ("randomisation", "lmm"),
            "with 4 to 7 clusters cell means with cluster and period effects keep their size; p and interval by randomisation",
        )
    if clusters <= 15:
        return Advice(
            "lmm", ("randomisation", "gee"), "a nested model with Kenward-Roger, the randomisation p beside it"
        )
    return Advice("lmm", ("gee",), "a nested model with Kenward-Roger; a corrected GEE on t(I-2) agrees at this number")


def refuse_unless_it_stands(
    method: str, clusters: int, structure: str | None, correction: str | None, df: str | None
) -> None:
    """Refuse a method that does not keep its size at this number of clusters, and name one that does."""
    if clusters <= 3:
        raise CaseRefused(
            "method",
            f"{clusters} clusters: no test of a wedge this small can reach 5% (randomisation gives 1/6 at best with 3); "
            "use method describe",
        )
    if method == "gee" and clusters <= 7:
        raise CaseRefused(
            "method", f"a GEE sandwich does not stand with {clusters} clusters; use two-way with randomisation"
        )
    if method in ("lmm", "glmm", "cohort-lmm") and structure == "exchangeable" and clusters <= 7:
        raise CaseRefused(
            "model.correlation",
            "a model with a cluster effect only rejects a true null up to 35% of the time with few large clusters; "
            "use two-way, or lmm with nested-exchangeable",
        )
    if method == "gee" and clusters <= 40 and correction == "LZ":
        raise CaseRefused(
            "corrections", f"the uncorrected sandwich is too small with {clusters} clusters; use KC, MD, FG or MBN"
        )
    if clusters <= 40 and df == "normal":
        raise CaseRefused(
            "df",
            f"the normal reference is too narrow with {clusters} clusters; use t: kenward-roger or clusters-minus-2",
        )
