"""What lost returns could change: the estimate and its interval over how far the lost cells lay from what is expected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepped_wedge.pictures.drawing import DASHES, INK, LINES, Axes, Canvas, Picture
from stepped_wedge.refusals import refuse_unless


def lost_returns(found: Mapping[str, Any], title: str = "If the lost returns were other than expected") -> Picture:
    """found: the part `missing_returns` of an answer of `analyse`."""
    refuse_unless("if_lost_cells_were" in found, "missing_returns", "holds no sensitivity analysis")
    rows = found["if_lost_cells_were"]
    steps = [row for row in rows if row["sds"] is not None]
    ends = [end for row in rows for end in row["interval"]]
    canvas = Canvas(720, 360)
    axes = Axes(
        canvas,
        (min(row["sds"] for row in steps), max(row["sds"] for row in steps)),
        (min(0.0, *ends), max(0.0, *ends)),
        ("Standard deviations of a cell, all to the same effect", "Estimate"),
        right=170,
    )
    low, high = steps[0]["sds"], steps[-1]["sds"]
    canvas.path([axes.at(low, 0.0), axes.at(high, 0.0)], INK, "1 4")
    lines = {
        "estimate": [row["estimate"] for row in steps],
        "lower end": [row["interval"][0] for row in steps],
        "upper end": [row["interval"][1] for row in steps],
    }
    for k, (name, values) in enumerate(lines.items()):
        canvas.path([axes.at(row["sds"], v) for row, v in zip(steps, values, strict=True)], LINES[k], DASHES[k])
        canvas.line(566, 30 + 22 * k, 596, 30 + 22 * k, stroke=LINES[k], stroke_width=2.25, stroke_dasharray=DASHES[k])
        canvas.text(602, 34 + 22 * k, name, font_size=12)
    table = [
        (row["lost_cells"], row["estimate"], *row["interval"], row["p"], row.get("randomisation_p", "not run"))
        for row in rows
    ]
    header = ("Lost cells", "Estimate", "Lower end", "Upper end", "p", "Randomisation p")
    return canvas.close("lost", title, found["words"], header, table)
