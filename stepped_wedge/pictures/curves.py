"""Power curves and surfaces, and the weights of exposure times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from stepped_wedge.curves import Sensitivity
from stepped_wedge.pictures.drawing import DASHES, INK, INTERVENTION, LINES, Axes, Canvas, Picture, grid
from stepped_wedge.refusals import refuse_unless

STRUCTURE_NAMES = {
    "exchangeable": "the same over time",
    "nested-exchangeable": "nested in periods",
    "discrete-time-decay": "decaying over time",
}


def power_curves(
    values: Sequence[float],
    curves: Mapping[str, Sequence[float]],
    over: str,
    target: float | None = 0.8,
    title: str = "Power",
) -> Picture:
    """Power over `values`, one line for each named curve, and the target as a thin line."""
    refuse_unless(len(values) > 1 and len(curves), "values", "a curve needs at least two points")
    canvas = Canvas(720, 400)
    axes = Axes(canvas, (float(min(values)), float(max(values))), (0.0, 1.0), (over, "Power"), right=190)
    if target is not None:
        canvas.path([axes.at(float(min(values)), target), axes.at(float(max(values)), target)], INK, "1 4")
    for k, (name, powers) in enumerate(curves.items()):
        color, dash = LINES[k % len(LINES)], DASHES[k % len(DASHES)]
        canvas.path([axes.at(float(x), float(y)) for x, y in zip(values, powers, strict=True)], color, dash)
        canvas.line(540, 30 + 22 * k, 570, 30 + 22 * k, stroke=color, stroke_width=2.25, stroke_dasharray=dash)
        canvas.text(576, 34 + 22 * k, name, font_size=12)
    told = "; ".join(_reach(name, values, powers, over, target) for name, powers in curves.items())
    rows = [(float(x), *(float(powers[k]) for powers in curves.values())) for k, x in enumerate(values)]
    return canvas.close("curve", title, f"Power over {over}. {told}.", (over, *curves), rows)


def _reach(name: str, values: Sequence[float], powers: Sequence[float], over: str, target: float | None) -> str:
    last = f"{name}: from {powers[0]:.2f} to {powers[-1]:.2f}"
    if target is None:
        return last
    reached = [x for x, y in zip(values, powers, strict=True) if y >= target]
    return f"{last}, {target:.0%} " + (f"first at {over} {min(reached):.4g}" if reached else "is not reached")


def power_surface(found: Sensitivity, structure: str | None = None, title: str = "Power over ICC and CAC") -> Picture:
    """Power as a shaded table of ICC by CAC for one structure (the one of the worst corner when none is named)."""
    worst = found.worst
    name = str(structure or worst["structure"])
    refuse_unless(name in found.structures, "structure", f"must be one of {', '.join(found.structures)}")
    values = found.power[found.structures.index(name)]
    text = (
        f"Correlation {STRUCTURE_NAMES.get(name, name)}: power from {values.min():.2f} to {values.max():.2f}. The worst corner of "
        f"all structures is {worst['structure']} with ICC {worst['icc']:.4g} and CAC {worst['cac']:.4g}: power {worst['power']:.2f}."
    )
    return grid(
        "surface",
        title,
        text,
        [f"ICC {v:.4g}" for v in found.iccs],
        [f"{v:.4g}" for v in found.cacs],
        values.tolist(),
        ("ICC", "Cluster autocorrelation (CAC)"),
        0.0,
        1.0,
    )


def exposure_weights(weights: Mapping[int, float], title: str = "What a single-effect model reports") -> Picture:
    """Bars of the weight that one effect puts on each time since the switch."""
    canvas = Canvas(620, 340)
    low, high = 1.2 * min(0.0, *weights.values()), max(0.0, *weights.values())
    axes = Axes(canvas, (0.0, max(weights) + 1.0), (low, high), ("Periods since the switch", "Weight"))
    _, zero = axes.at(0, 0)
    for s, weight in weights.items():
        left, top = axes.at(s - 0.32, weight)
        right, _ = axes.at(s + 0.32, weight)
        canvas.rect(
            left,
            min(top, zero),
            right - left,
            max(abs(zero - top), 0.5),
            INTERVENTION if weight >= 0 else "#ffffff",
            stroke_dasharray="" if weight >= 0 else "4 2",
        )
        canvas.text(
            (left + right) / 2,
            top - 6 if weight >= 0 else top + 16,
            f"{weight:.2f}",
            text_anchor="middle",
            font_size=12,
        )
    negative = [str(s) for s, weight in weights.items() if weight < 0]
    growing = sum(weight * s for s, weight in weights.items()) / max(weights)
    text = (
        "Weight of each time since the switch: "
        + ", ".join(f"{s}: {w:.2f}" for s, w in weights.items())
        + ". "
        + (f"Times {', '.join(negative)} count against the intervention. " if negative else "No weight is negative. ")
        + f"An effect that grows evenly to 1 is reported as {growing:.2f}; its mean is {np.mean(list(weights)) / max(weights):.2f}."
    )
    return canvas.close(
        "weights", title, text, ("Periods since the switch", "Weight"), [(s, float(w)) for s, w in weights.items()]
    )
