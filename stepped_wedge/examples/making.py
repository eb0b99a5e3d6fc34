"""Makes the demonstration trial and every figure of the how-to page: `python -m stepped_wedge.examples.making`.

A test runs the same functions and compares, so the page cannot drift from the code. The returns are simulated:
nothing in them is about real children.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from stepped_wedge import draws
from stepped_wedge.allocations import all_allocations
from stepped_wedge.analysis.returns import Returns, read_returns
from stepped_wedge.analysis.running import analyse, with_record
from stepped_wedge.cases import answer_case, read_case
from stepped_wedge.correlations import Components, from_ratios
from stepped_wedge.curves import power_curve, sensitivity
from stepped_wedge.designs import Design, stepped_wedge
from stepped_wedge.exposure import exposure_power, random_exposure_power, single_effect_weights
from stepped_wedge.misfit import true_size
from stepped_wedge.outcomes import Effect, Outcome
from stepped_wedge.pictures import balance as balance_picture
from stepped_wedge.pictures import (
    cell_information,
    diagram,
    exposure_weights,
    lost_returns,
    outcomes,
    pair_probabilities,
    positions,
    power_curves,
    power_surface,
)
from stepped_wedge.power import Plan, cell_model, power
from stepped_wedge.precision import CellModel, information_content
from stepped_wedge.references import Inference
from stepped_wedge.simulation import simulated_returns
from stepped_wedge.solving import sequences_for, steps_of_the_same_clusters
from stepped_wedge.spreads import power_over_allocations, power_today

HERE = Path(__file__).parent
PAGES = HERE.parents[1] / "docs" / "how-to"
FIVE = stepped_wedge([1] * 5)
LOTTERY = "4 11 23 31 40 52"


def read(name: str) -> Any:
    return json.loads((HERE / name).read_text(encoding="utf-8"))


def table(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def committed() -> dict[str, Any]:
    return draws.commit(draws.draft(read("allocation.json"), table("covariates.csv")), secret())


def secret() -> str:
    return (HERE / "example-secret.txt").read_text(encoding="ascii").strip()


def public_record() -> dict[str, Any]:
    published = committed()
    return draws.reveal(published, draws.draw(published, secret(), LOTTERY), secret())


def allocated() -> tuple[Design, dict[str, int]]:
    """The demonstration design in the order of the draw, clusters named."""
    order: dict[str, int] = public_record()["allocation"]
    names = sorted(order)
    steps = np.array([order[name] - 1 for name in names])
    return Design(FIVE.x[steps], sequence=steps, clusters=tuple(names), periods=HALF_YEARS), order


HALF_YEARS = ("2026 H1", "2026 H2", "2027 H1", "2027 H2", "2028 H1", "2028 H2")


def sizes() -> np.ndarray:
    """Children a half-year: half of each authority's yearly referrals, in the order of names."""
    rows = {row["cluster"]: float(row["referrals"]) / 2 for row in table("covariates.csv")}
    return np.array([[rows[name]] * 6 for name in sorted(rows)])


def demonstration_returns() -> str:
    """CSV of one simulated trial: risk falls by 1.5 points, the second authority to switch is half a year late."""
    design, _ = allocated()
    parts = from_ratios(icc=0.005, cac=0.9, total=0.0564)
    actual = late(design)
    plan = Plan(
        actual,
        Outcome("binomial", "identity"),
        parts,
        Effect(-0.015, tuple(0.06 + 0.001 * j for j in range(6))),
        np.floor(sizes()),
    )
    returns = simulated_returns(plan, np.random.default_rng(20260606))
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["cluster", "sequence", "period", "treat", "n", "events"])
    for i, name in enumerate(design.cluster_names):
        for j, period in enumerate(HALF_YEARS):
            events = f"{returns.events[i, j]:.0f}" if (i, j) != LOST else ""
            rows.writerow(
                [name, int(design.sequences[i]) + 1, period, f"{actual.x[i, j]:g}", f"{returns.n[i, j]:.0f}", events]
            )
    return out.getvalue()


LOST = (2, 5)


def late(design: Design) -> Design:
    """The roll-out as it happened: the cluster of sequence 2 switched one period late."""
    x = design.x.copy()
    row = int(np.flatnonzero(design.sequences == 1)[0])
    x[row, 2] = 0.0
    return Design(x, clusters=design.clusters, periods=design.periods)


def _returns() -> Returns:
    return read_returns(list(csv.DictReader(io.StringIO(demonstration_returns()))))


def lines(header: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, ["---"] * len(header), *rows])


def detectable() -> str:
    """What the three real trials can detect."""
    known, rows = read("trials.json"), []
    risk = known["base_risk_assumed"]
    for trial in known["trials"]:
        row = [trial["name"], f"{trial['children_a_cell']:,}"]
        for assumed in known["assumptions"]:
            parts = from_ratios(icc=assumed["icc"], cac=assumed["cac"], total=risk * (1 - risk))
            plan = Plan(FIVE, Outcome(), parts, Effect(0.01), float(trial["children_a_cell"]))
            t = plan.but(inference=Inference(reference="t-central-shift", df_rule="two-way-residual"))
            row.append(f"{100 * power(plan).mdes80:.2f} / {100 * power(t).mdes80:.2f}")
        rows.append(row)
    heads = [f"ICC {a['icc']}, CAC {a['cac']}" for a in known["assumptions"]]
    return lines(["Trial", "Children a cell", *heads], rows)


def false_alarms() -> str:
    """How often a model with an authority effect only rejects a true null at 5%."""
    cacs = (0.98, 0.95, 0.9, 0.8, 0.5)
    rows = []
    for size in (50, 500, 1700, 5000):
        shares = [
            true_size(
                FIVE,
                CellModel(Components(0.01 * cac, residual=0.99), size, 0.99 / size),
                CellModel(from_ratios(icc=0.01, cac=cac, total=1.0), size, 0.99 / size),
            )
            for cac in cacs
        ]
        rows.append([f"{size:,}", *(f"{share:.1%}" for share in shares)])
    return lines(["Children a cell", *(f"CAC {cac}" for cac in cacs)], rows)


def plan() -> Plan:
    return read_case(read("power.json")).plan


def weights() -> str:
    found = single_effect_weights(plan())
    prices = {name: exposure_power(plan(), name).price for name in ("average", "last")}
    head = lines(["Half-years since the switch", *map(str, found)], [["Weight", *(f"{w:.2f}" for w in found.values())]])
    return head + (
        f"\n\nEstimating the average over exposure times instead costs {prices['average']:.2f} times the standard error, "
        f"the effect in the last period {prices['last']:.2f} times."
    )


def scatter() -> str:
    """The mean of effects that are random by exposure time, at three amounts of scatter."""
    rows = []
    for points in (0.5, 1.0, 2.0):
        found = random_exposure_power(plan(), (points / 100) ** 2)
        first, last = found.weights[0], found.weights[-1]
        row = [f"{points:g}", f"{found.price:.2f}", f"{first:.2f} to {last:.2f}", f"{found.single_effect_size:.0%}"]
        rows.append(row)
    head = [
        "Scatter of effects, percentage points",
        "Standard error, times that of one effect",
        "Weights, first to last half-year",
        "False alarms of a single-effect test",
    ]
    return lines(head, rows)


def in_steps() -> str:
    """Sixteen authorities in fewer or more steps, and how many steps of two authorities reach the target."""
    sixteen = plan().but(design=stepped_wedge([2] * 8), size=200.0, effect=Effect(0.02, plan().effect.control))
    rows = [
        [str(each.sequences), str(each.periods), f"{each.answer.power:.3f}"]
        for each in steps_of_the_same_clusters(sixteen)
        if 16 % each.sequences == 0
    ]
    reached, _ = sequences_for(sixteen, 0.9)
    told = "no number of steps" if reached is None else f"{reached.sequences} steps ({reached.clusters} authorities)"
    return lines(["Steps", "Half-years", "Power"], rows) + f"\n\nWith two authorities a step, 90% power needs {told}."


def planned() -> str:
    answer, asked = answer_case(read("power.json")), answer_case(read("size.json"))
    rows = [
        ["Power", f"{answer['power']:.3f}"],
        ["Degrees of freedom", f"{answer['df']}"],
        ["Detectable with 80% power", f"{100 * answer['mdes80']:.2f} percentage points"],
        ["Power with the normal reference", f"{answer['power_normal_reference']:.3f}"],
        ["Children a cell for 80% power", f"{asked['n']:,}" if asked["n"] else "no number is enough"],
        ["Power with endless children", f"{asked['limiting_power']:.3f}"],
    ]
    return lines(["Figure", "Value"], rows)


def orders() -> str:
    spread = power_over_allocations(plan().but(size=sizes()), all_allocations((1,) * 5)).summary
    cells = [f"{spread[name]:.3f}" for name in ("min", "p10", "mean", "max")]
    return lines(["Orders", "Lowest power", "10th percentile", "Mean", "Highest"], [[f"{spread['count']:.0f}", *cells]])


def restricted() -> str:
    found = draws.draft(read("allocation.json"), table("covariates.csv")).candidates().report
    rows = [[name, *(f"{p:.2f}" for p in row)] for name, row in zip(found.clusters, found.place, strict=True)]
    return (
        f"{found.kept} of {found.space} orders are kept; the smallest possible randomisation p is {found.smallest_p:.4f}. "
        f"Errors: {len(found.errors)}. Warnings: {'; '.join(found.warnings) or 'none'}.\n\n"
        + lines(["Probability of each step", *(f"step {s + 1}" for s in range(5))], rows)
    )


def drawn() -> str:
    order = allocated()[1]
    holds = draws.verify(public_record()).holds
    names = sorted(order, key=order.__getitem__)
    return (
        lines([f"step {order[name]}" for name in names], [names])
        + f"\n\nVerified from the public record: {'yes' if holds else 'no'}."
    )


def today() -> str:
    design, _ = allocated()
    size = sizes()
    returned = np.where(np.arange(6)[None, :] < 4, size, 0.0)
    returned[LOST[0], 3] = 0.0
    base = plan().but(design=design, size=size)
    found = power_today(base, late(design), returned)
    rows = [
        ["As planned", f"{found.planned:.3f}"],
        ["As rolled out, if every return comes", f"{found.if_all_return:.3f}"],
        ["With the returns of the first four half-years", "not yet" if found.today is None else f"{found.today:.3f}"],
    ]
    chase = ", ".join(f"{cluster} {period} ({gain:.3f})" for cluster, period, gain in found.missing[:3])
    return lines(["Power", "Value"], rows) + f"\n\nThe returns that would help most on their own: {chase}."


def result() -> str:
    answer = analyse(with_record(read("analysis.json"), public_record()), _returns())
    shuffled, mixed = answer["randomisation"], answer["beside"]["lmm"]

    def span(pair: list[float]) -> str:
        return f"{100 * pair[0]:.2f} to {100 * pair[1]:.2f}"

    rows = [
        [
            "Two-way, t on " + f"{answer['df']:.0f}",
            f"{100 * answer['estimate']:.2f}",
            span(answer["interval"]),
            f"{answer['p']:.4f}",
        ],
        [
            f"Randomisation, {shuffled['allocations']} orders",
            f"{100 * shuffled['estimate']:.2f}",
            span(shuffled["interval"]),
            f"{shuffled['p']:.4f}",
        ],
        [
            "Nested mixed model, Kenward-Roger",
            f"{100 * mixed['estimate']:.2f}",
            span(mixed["interval"]),
            f"{mixed['p']:.4f}",
        ],
    ]
    used = answer["used"]
    return lines(["Analysis (percentage points)", "Effect", "95% interval", "p"], rows) + (
        f"\n\n{used['cells']} of {used['cells_in_the_table']} cells used. "
        f"ICC {mixed['icc']:.4f} ({_ends(mixed, 'icc', 4)}), CAC {mixed['cac']:.2f} ({_ends(mixed, 'cac', 2)})."
    )


def _ends(answer: dict[str, Any], name: str, digits: int) -> str:
    low, high = answer["component_intervals"][name]
    return f"95% interval {low:.{digits}f} to {high:.{digits}f}"


def _missing() -> dict[str, Any]:
    found: dict[str, Any] = analyse(with_record(read("analysis.json"), public_record()), _returns())["missing_returns"]
    return found


def lost() -> str:
    found = _missing()
    rows = [
        [
            row["lost_cells"],
            f"{100 * row['estimate']:.2f}",
            f"{100 * row['interval'][0]:.2f} to {100 * row['interval'][1]:.2f}",
            f"{row['randomisation_p']:.2f}",
        ]
        for row in found["if_lost_cells_were"]
    ]
    head = ["The lost cell (percentage points)", "Effect", "95% interval", "Randomisation p"]
    return lines(head, rows) + f"\n\n{found['words']}"


FIGURES = {
    "detectable": detectable,
    "false alarms": false_alarms,
    "planned": planned,
    "weights": weights,
    "scatter": scatter,
    "steps": in_steps,
    "orders": orders,
    "restricted": restricted,
    "drawn": drawn,
    "today": today,
    "result": result,
    "lost": lost,
}


def drawings() -> dict[str, str]:
    """File name to SVG of every drawing on the page."""
    design, _ = allocated()
    base = plan()
    sizes_shown = [float(m) for m in range(200, 6001, 200)]
    lines_shown = {
        f"CAC {cac}": power_curve(
            base.but(components=from_ratios(icc=0.005, cac=cac, total=0.05)), "size", sizes_shown
        ).tolist()
        for cac in (1.0, 0.9, 0.8)
    }
    grid = sensitivity(base, [0.001, 0.0025, 0.005, 0.01, 0.02], [1.0, 0.95, 0.9, 0.8, 0.6])
    able = draws.draft(read("allocation.json"), table("covariates.csv"))
    kept = able.candidates()
    assert kept.scores is not None  # noqa: S101
    made = {
        "design": diagram(design, late(design), "The demonstration trial, planned and actual"),
        "curve": power_curves(sizes_shown, lines_shown, "children a cell"),
        "surface": power_surface(grid),
        "weights": exposure_weights(single_effect_weights(base)),
        "information": cell_information(design, information_content(design, cell_model(base))),
        "balance": balance_picture(kept.scores, bars=15),
        "positions": positions(kept.report),
        "pairs": pair_probabilities(kept.report),
        "outcomes": outcomes(_returns()),
        "lost": lost_returns(_missing()),
    }
    return {f"stepped-wedge-{name}.svg": picture.svg + "\n" for name, picture in made.items()}


def filled(page: str) -> str:
    """The page with the text between each pair of figure marks made anew."""
    for name, make in FIGURES.items():
        start, end = f"<!-- figure: {name} -->", "<!-- end -->"
        before, rest = page.split(start)
        page = f"{before}{start}\n{make()}\n{rest[rest.index(end) :]}"
    return page


def main() -> None:
    """Write the demonstration returns, the public record, the page and its drawings."""
    (HERE / "demonstration_returns.csv").write_text(demonstration_returns(), encoding="utf-8")
    (HERE / "public_record.json").write_text(json.dumps(public_record(), indent=1) + "\n", encoding="utf-8")
    (HERE / "report.json").write_text(
        json.dumps(
            {
                "title": "Family Valued, demonstration",
                "case": read("power.json"),
                "record": public_record(),
                "analysis": read("analysis.json"),
            },
            indent=1,
        )
        + "\n",
        encoding="utf-8",
    )
    page = PAGES / "stepped-wedge.md"
    page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
    for name, svg in drawings().items():
        (PAGES / name).write_text(svg, encoding="utf-8")
    sys.stdout.write("made\n")


if __name__ == "__main__":
    main()
