"""The wedge itself: the layout, planned and actual; what each cell is worth; what came back."""

from __future__ import annotations

import numpy as np

from stepped_wedge.analysis.returns import Returns
from stepped_wedge.designs import Design
from stepped_wedge.pictures.drawing import (
    CONTROL,
    DASHES,
    INK,
    INTERVENTION,
    LINES,
    PALE,
    TRANSITION,
    UNSEEN,
    Axes,
    Canvas,
    Picture,
    grid,
)

_FILL = {
    "control": CONTROL,
    "intervention": INTERVENTION,
    "transition": TRANSITION,
    "partial": TRANSITION,
    "not observed": UNSEEN,
}


def state_of(design: Design, i: int, j: int) -> str:
    """control, intervention, partial (with its share), transition or not observed."""
    value = design.x[i, j]
    if np.isnan(value):
        later = design.x[i, j:]
        follows = bool((later[~np.isnan(later)] > 0).any())
        return "transition" if design.exposure[i, j] > 0 and follows else "not observed"
    if value == 0:
        return "control"
    return "intervention" if value == 1 else "partial"


def _letter(state: str, value: float) -> str:
    return {"control": "C", "intervention": "I", "transition": "T", "not observed": "–"}.get(state, f"{value:.2g}")


def diagram(design: Design, actual: Design | None = None, title: str = "Stepped-wedge design") -> Picture:
    """The classic picture: clusters by periods, in the order of switching. With `actual`, cells that went otherwise carry a heavy frame."""
    names, periods = design.cluster_names, design.period_names
    left = 30 + 7.5 * max(len(name) for name in names)
    wide, tall = max(56.0, 8.0 * max(len(p) for p in periods)), 30.0
    legend = "C control, I intervention, T transition, – not observed" + (
        ", broken frame: not as planned" if actual else ""
    )
    canvas = Canvas(max(left + wide * len(periods) + 14, 24 + 6.4 * len(legend)), 40 + tall * len(names) + 34)
    for j, period in enumerate(periods):
        canvas.text(left + wide * (j + 0.5), 26, period, text_anchor="middle", font_size=12)
    rows, changed = [], 0
    for place, i in enumerate(np.argsort(design.switch, kind="stable").tolist()):
        name, y = names[i], 36 + tall * place
        canvas.text(left - 8, y + 20, name, text_anchor="end")
        row: list[object] = [name]
        for j in range(len(periods)):
            planned = state_of(design, i, j)
            state = planned if actual is None else state_of(actual, i, j)
            value = (design if actual is None else actual).x[i, j]
            differs = state != planned
            changed += differs
            canvas.rect(left + wide * j, y, wide, tall, _FILL[state], class_=f"sw-{state.replace(' ', '-')}")
            ink = PALE if state == "intervention" else INK
            canvas.text(left + wide * (j + 0.5), y + 20, _letter(state, value), text_anchor="middle", fill=ink)
            if differs:
                canvas.rect(
                    left + wide * j + 2.5,
                    y + 2.5,
                    wide - 5,
                    tall - 5,
                    "none",
                    stroke="#b4371f",
                    stroke_width=3,
                    stroke_dasharray="5 3",
                    class_="sw-differs",
                )
            row.append(
                f"{state} (planned {planned})" if differs else (state if state != "partial" else f"partial {value:.2g}")
            )
        rows.append(row)
    canvas.text(12, canvas.height - 10, legend, font_size=12)
    return canvas.close("diagram", title, _words(design, changed if actual else None), ("Cluster", *periods), rows)


def _words(design: Design, changed: int | None) -> str:
    clusters, periods = design.x.shape
    steps = [name for _, name in sorted(zip(design.switch, design.cluster_names, strict=True))]
    words = (
        f"{clusters} clusters in {len(design.clusters_per_sequence)} sequences over {periods} periods. "
        f"Order of switching: {', '.join(steps)}."
    )
    if changed is None:
        return words
    return words + (" Every cell went as planned." if not changed else f" Cells that did not go as planned: {changed}.")


def cell_information(design: Design, content: np.ndarray, title: str = "What each cell is worth") -> Picture:
    """Variance without the cell over variance with it: 1 says nothing, more says more."""
    known = content[np.isfinite(content)]
    best = np.unravel_index(int(np.nanargmax(np.where(np.isinf(content), 1e300, content))), content.shape)
    text = (
        f"Information content of every cell. The cell that would be missed most is {design.cluster_names[best[0]]}, "
        f"{design.period_names[best[1]]}: without it the variance is {content[best]:.3g} times as large."
    )
    return grid(
        "information",
        title,
        text,
        design.cluster_names,
        design.period_names,
        content.tolist(),
        ("Cluster", "Period"),
        1.0,
        float(known.max()) if known.size else 2.0,
    )


def outcomes(returns: Returns, title: str = "Outcomes by cluster and period") -> Picture:
    """Cell means over periods, one line a cluster; filled marks are intervention, hollow ones control."""
    design, mean = returns.design, returns.mean
    clusters, periods = mean.shape
    canvas = Canvas(760, 400)
    low, high = float(np.nanmin(mean)), float(np.nanmax(mean))
    axes = Axes(canvas, (1, periods), (low, high), ("Period", "Mean"), right=170)
    for i in range(clusters):
        color, dash = LINES[i % len(LINES)], DASHES[i % len(DASHES)]
        seen = [j for j in range(periods) if returns.observed[i, j]]
        spots = [axes.at(j + 1, float(mean[i, j])) for j in seen]
        canvas.path(spots, color, dash)
        for j, (x, y) in zip(seen, spots, strict=True):
            treated = design.x[i, j] > 0
            canvas.add("circle", cx=x, cy=y, r=4.5, fill=color if treated else PALE, stroke=color, stroke_width=2)
        if i < 16:
            y = 28 + 20 * i
            canvas.line(606, y, 634, y, stroke=color, stroke_width=2.25, stroke_dasharray=dash)
            canvas.text(640, y + 4, design.cluster_names[i], font_size=12)
    text = (
        f"Means of {clusters} clusters over {periods} periods, from {low:.4g} to {high:.4g}. "
        "Filled marks are periods under intervention, hollow marks control."
    )
    rows = [
        (
            design.cluster_names[i],
            design.period_names[j],
            "intervention" if design.x[i, j] > 0 else "control",
            float(returns.n[i, j]),
            float(mean[i, j]),
        )
        for i, j in np.argwhere(returns.observed)
    ]
    return canvas.close("outcomes", title, text, ("Cluster", "Period", "Condition", "n", "Mean"), rows)
