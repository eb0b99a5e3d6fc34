"""`report`: one trial from design to result, as JSON or as a page, with the items of the CONSORT extension it can fill.

Items in our words after Hemming et al. 2018 (BMJ 363:k1614).
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np

from stepped_wedge.analysis.returns import Returns
from stepped_wedge.analysis.running import analyse, with_record
from stepped_wedge.balance import candidates
from stepped_wedge.cases import Case, answer_case, read_case
from stepped_wedge.crews import ALONE, Crew
from stepped_wedge.curves import power_curve
from stepped_wedge.designs import Design
from stepped_wedge.draws import draft, verify
from stepped_wedge.exposure import single_effect_weights
from stepped_wedge.pictures import (
    Picture,
    cell_information,
    diagram,
    exposure_weights,
    lost_returns,
    outcomes,
    pair_probabilities,
    positions,
    power_curves,
)
from stepped_wedge.power import cell_model
from stepped_wedge.precision import information_content
from stepped_wedge.refusals import CaseRefused, refuse_unless

KEYS = {"title", "case", "record", "analysis"}


def report(spec: Mapping[str, Any], returns: Returns | None = None, crew: Crew = ALONE) -> dict[str, Any]:
    """items: CONSORT item to sentence. pictures: name to SVG, sentence and table. answers: the numbers behind them.

    spec: {"title", "case": a power case, "record": a committed or public record, "analysis": an analysis
    specification}; each part may be left out, `analysis` needs returns.
    """
    refuse_unless(isinstance(spec, Mapping), "spec", "must be a JSON object")
    for key in spec:
        refuse_unless(key in KEYS, str(key), f"is not a key of a report; known: {', '.join(sorted(KEYS))}")
    refuse_unless(spec.keys() & (KEYS - {"title"}), "spec", "needs at least one of case, record and analysis")
    found: dict[str, Any] = {
        "title": str(spec.get("title", "Stepped-wedge trial")),
        "items": {},
        "pictures": {},
        "answers": {},
    }
    if spec.get("case") is not None:
        _plan(found, spec["case"], crew)
    if spec.get("record") is not None:
        _allocation(found, spec["record"], crew)
    if spec.get("analysis") is not None:
        if returns is None:
            raise CaseRefused("analysis", "needs a file of returns (--data)")
        plan = spec["analysis"]
        if spec.get("record") is not None and isinstance(plan, Mapping):
            plan = with_record(plan, spec["record"])
        _result(found, plan, returns, crew)
    return found


def page(found: Mapping[str, Any]) -> str:
    """The report as one HTML page that needs nothing else."""
    items = "".join(f"<tr><th scope='row'>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in found["items"].items())
    figures = "".join(each["figure"] for each in found["pictures"].values())
    style = (
        "body{font:1rem/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse}"
        "th,td{border:1px solid #999;padding:.3rem .6rem;text-align:left;vertical-align:top}svg{max-width:100%;height:auto}"
    )
    title = escape(found["title"])
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{style}</style></head>'
        f"<body><main><h1>{title}</h1><h2>What the report must say</h2><table><thead><tr><th scope='col'>Item</th>"
        f"<th scope='col'>In this trial</th></tr></thead><tbody>{items}</tbody></table><h2>Pictures</h2>{figures}</main></body></html>"
    )


def _show(found: dict[str, Any], name: str, picture: Picture) -> None:
    rows = [[None if isinstance(v, float) and not np.isfinite(v) else v for v in row] for row in picture.rows]
    found["pictures"][name] = {
        "svg": picture.svg,
        "text": picture.text,
        "header": list(picture.header),
        "rows": rows,
        "figure": picture.figure(),
    }


def _plan(found: dict[str, Any], given: Any, crew: Crew) -> None:
    case, answer = read_case(given), answer_case(given, crew)
    found["answers"]["power"] = answer
    found["items"]["3a design"] = _design_words(case.plan.design, case.sampling)
    found["items"]["7a sample size"] = _size_words(case, answer)
    _show(found, "design", diagram(case.plan.design))
    plan = (
        case.plan
        if case.plan.size is not None
        else (case.plan.but(size=float(answer["n"])) if answer.get("n") else None)
    )
    if plan is None:
        return
    _show(found, "exposure weights", exposure_weights(single_effect_weights(plan)))
    _show(
        found,
        "cell information",
        cell_information(plan.design, information_content(plan.design, cell_model(plan), plan.time_model)),
    )
    if isinstance(plan.size, float):
        sizes = np.unique(np.maximum(1, np.round(np.linspace(0.1, 2, 25) * plan.size)))
        _show(
            found,
            "power",
            power_curves(
                sizes.tolist(),
                {"as planned": power_curve(plan, "size", sizes.tolist()).tolist()},
                "size of a cluster-period",
            ),
        )


def _design_words(design: Design, sampling: str) -> str:
    people = {
        "cross-sectional": "different people",
        "closed-cohort": "the same people",
        "open-cohort": "partly the same people",
    }
    counts = design.clusters_per_sequence
    each = f"{', '.join(map(str, counts))} clusters"
    if len(set(counts)) == 1:
        each = "one cluster each" if counts[0] == 1 else f"{counts[0]} clusters each"
    lost = int((~design.observed).sum())
    return (
        f"{design.cluster_count} clusters in {len(counts)} sequences ({each}) over {design.period_count} periods, {people[sampling]} "
        f"in each period" + (f"; {lost} cells are not observed by design." if lost else ".")
    )


def _size_words(case: Case, answer: Mapping[str, Any]) -> str:
    test, effect = case.plan.inference, case.plan.effect
    scales = answer["scales"]
    parts = [f"{name.upper()} {scales[name]:.4g}" for name in ("icc", "cac", "iac") if scales.get(name) is not None]
    reference = test.reference + (f" with {answer['df']:g} degrees of freedom" if answer.get("df") else "")
    head = f"Effect {effect.theta:.4g}, {', '.join(parts)}, level {test.alpha:g}, {reference} reference"
    if "n" in answer:
        reached = (
            "no size reaches the target" if answer["n"] is None else f"{answer['n']} people a cluster-period reach it"
        )
        return (
            f"{head}; target power {test.target_power:.0%}: {reached} (limiting power {answer['limiting_power']:.3f})."
        )
    size = case.plan.size
    each = f"{size:g}" if isinstance(size, float) else "differing numbers of"
    return f"{head}, {each} people a cluster-period: power {answer['power']:.3f}, detectable with 80% power {answer['mdes80']:.4g}."


def _allocation(found: dict[str, Any], record: Any, crew: Crew) -> None:
    refuse_unless(isinstance(record, Mapping) and "spec" in record, "record", "must be a committed or public record")
    checked = draft(record["spec"])
    spec = checked.spec
    kind = "Simple randomisation" if checked.is_simple else "Restricted randomisation"
    rules = [f"strata by {spec['strata']}"] if spec.get("strata") else []
    rules += [f"balance on {', '.join(c.name for c in checked.covariates)}"] if checked.covariates else []
    rules += [str(rule) for rule in checked.space.constraints]
    able = checked.candidates(crew) if not checked.is_simple else _all(checked.space)
    count = able.report.kept if able is not None else checked.space.size_without_constraints
    found["items"]["8b kind of randomisation"] = (
        f"{kind}" + (f": {'; '.join(rules)}" if rules else "") + f". {count} allocations could be drawn."
    )
    found["items"]["8a how the order was made"] = (
        f"{record.get('algorithm')}; committed beforehand as {record.get('commitment')}."
        + (" The secret has been revealed." if record.get("secret") else " The secret is still sealed.")
    )
    if able is not None:
        found["answers"]["allocation"] = able.report.as_json()
        _show(found, "positions", positions(able.report))
        _show(found, "pairs", pair_probabilities(able.report))
    if record.get("secret"):
        checked_record = verify(record, crew)
        found["answers"]["verification"] = checked_record.as_json()
        found["items"]["10a allocation"] = "Anybody can recompute the draw from the public record: " + (
            "every check holds." if checked_record.holds else "SOME CHECKS DO NOT HOLD."
        )


def _all(space: Any) -> Any:
    small = space.size_without_constraints <= 400_000
    return candidates(space) if small else None


def _result(found: dict[str, Any], spec: Any, returns: Returns, crew: Crew) -> None:
    answer = analyse(spec, returns, crew)
    found["answers"]["analysis"] = answer
    used = answer["used"]
    left = "; ".join(f"{row['count']} left out: {row['why']}" for row in used["left_out"]) or "none left out"
    found["items"]["13a flow"] = f"{used['rows']} rows, {used['cells']} of {used['cells_in_the_table']} cells; {left}."
    found["items"]["16 numbers analysed"] = (
        f"{used['clusters']} clusters, {used['periods']} periods, {used['cells']} cells."
    )
    _show(found, "outcomes", outcomes(returns))
    lost = answer.get("missing_returns", {})
    if "words" in lost:
        found["items"]["13b losses"] = lost["words"]
        _show(found, "lost returns", lost_returns(lost))
    if "estimate" not in answer:
        found["items"]["17a result"] = answer["advice"]
        return
    low, high = answer["interval"]
    words = f"{answer['method']}: {answer['estimate']:.4g} (95% interval {low} to {high})"
    if low is not None and high is not None:
        level = answer.get("level", 0.95)
        words = f"{answer['method']}: {answer['estimate']:.4g} ({level:.0%} interval {low:.4g} to {high:.4g}, p = {answer['p']:.3g})"
    shuffled = answer.get("randomisation", {})
    if shuffled.get("p") is not None:
        words += f"; randomisation p = {shuffled['p']:.3g} over {shuffled['allocations']} allocations"
    for name in ("icc", "cac"):
        source = answer if answer.get(name) is not None else answer.get("beside", {}).get("lmm", {})
        if source.get(name) is not None:
            words += f"; {name.upper()} {source[name]:.3g}" + _span(source.get("component_intervals", {}), name)
    found["items"]["17a result"] = words + "."
    found["items"]["12a analysis"] = (
        ", ".join(f"{k} {v}" for k, v in answer.get("model", {}).items()) + f". {answer['advice']}."
    )


def _span(intervals: Mapping[str, Any], name: str) -> str:
    if name not in intervals:
        return ""
    low, high = intervals[name]
    return f" ({intervals['level']:.0%} interval {low:.3g} to {'no bound' if high is None else f'{high:.3g}'})"
