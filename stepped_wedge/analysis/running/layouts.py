"""Under which condition each cell is analysed: as recorded, or as the sequence of its cluster planned."""

from __future__ import annotations

import numpy as np

from stepped_wedge.analysis.returns import Returns
from stepped_wedge.cases import read_design
from stepped_wedge.keys import Keys
from stepped_wedge.refusals import CaseRefused, refuse_unless


def treated(top: Keys, returns: Returns) -> Returns:
    """As recorded in the data (as implemented), or as randomised by the sequence of the design."""
    way = top.word("treatment", "as-recorded")
    refuse_unless(way in ("as-recorded", "as-randomised"), "treatment", "must be as-recorded or as-randomised")
    if way == "as-recorded":
        return returns
    rows = rows_of_plan(top, returns)
    if returns.sequences is None:
        raise CaseRefused("treatment", "as-randomised needs the column sequence in the data")
    return returns.treated_as(rows[np.array(returns.sequences)])


def rows_of_plan(top: Keys, returns: Returns) -> np.ndarray:
    """S x T: the planned layout of each sequence, from the design of the specification or from the data."""
    if top.has("design"):
        design = read_design(top.part("design"))
        rows = design.rows_of_sequences()
        refuse_unless(
            rows.shape[1] == returns.design.period_count,
            "design.periods",
            f"the design has {rows.shape[1]} periods, the data {returns.design.period_count}",
        )
        refuse_unless(
            returns.sequences is None or max(returns.sequences) < len(rows),
            "design",
            "the data hold more sequences than the design",
        )
        return rows
    return rows_from_data(returns)


def rows_from_data(returns: Returns) -> np.ndarray:
    sequences = returns.sequences
    x = returns.design.x
    if sequences is None:
        refuse_unless(
            returns.design.is_complete, "design", "with lost cells the planned design is needed for randomisation"
        )
        return returns.design.rows_of_sequences()
    rows = np.full((max(sequences) + 1, x.shape[1]), np.nan)
    for i, s in enumerate(sequences):
        known = ~np.isnan(x[i])
        clash = known & ~np.isnan(rows[s]) & (rows[s] != x[i])
        refuse_unless(
            not clash.any(),
            "design",
            "clusters of one sequence were treated differently: give the planned design and treatment as-randomised",
        )
        rows[s, known] = x[i, known]
    return rows


def observed_sequences(returns: Returns, rows: np.ndarray) -> np.ndarray:
    if returns.sequences is not None:
        return np.array(returns.sequences)
    found = []
    for row in returns.design.x:
        known = ~np.isnan(row)
        fits = [s for s, planned in enumerate(rows) if np.array_equal(planned[known], row[known])]
        refuse_unless(
            len(fits) == 1, "data.sequence", "is needed: the treatment alone does not tell which sequence a cluster had"
        )
        found.append(fits[0])
    return np.array(found)


def planned_layout(top: Keys, returns: Returns) -> np.ndarray:
    """I x T: the condition of each cell, of lost cells too where the file or the plan tells it; nan where neither does."""
    recorded = (
        returns.design.x if returns.lost_x is None else np.where(returns.observed, returns.design.x, returns.lost_x)
    )
    if not np.isnan(recorded).any():
        return recorded
    try:
        rows = rows_of_plan(top, returns)
        planned = rows[observed_sequences(returns, rows)]
    except CaseRefused:
        return recorded
    return np.where(np.isnan(recorded), planned, recorded)
