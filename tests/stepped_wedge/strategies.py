"""Random designs and covariances for property tests."""

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from stepped_wedge import designs
from stepped_wedge.correlations import Components
from stepped_wedge.precision import CellModel
from stepped_wedge.refusals import CaseRefused


@st.composite
def layouts(draw, complete=False):
    """Identified designs: wedges with unequal sequences, follow-up, lost cells and partial exposure."""
    counts = draw(st.lists(st.integers(1, 3), min_size=2, max_size=5))
    design = designs.stepped_wedge(counts, len(counts) + draw(st.integers(1, 3)))
    if complete:
        return design
    if draw(st.booleans()):
        design = designs.with_partial_exposure(design, [draw(st.sampled_from([0.25, 0.5, 0.75]))])
    if draw(st.booleans()):
        seed = draw(st.integers(0, 2**32 - 1))
        lost = np.random.default_rng(seed).random(design.x.shape) < 0.15
        try:
            design = designs.without_cells(design, lost)
            designs.refuse_unless_identified(design)
        except CaseRefused:
            assume(False)
    return design


@st.composite
def components(draw, random_effect=True):
    tau2 = draw(st.sampled_from([0.0, 0.01, 0.05, 0.3]))
    r = draw(st.sampled_from([1.0, 0.9, 0.4, 0.0]))
    eta2 = draw(st.sampled_from([0.0, 0.02])) if random_effect else 0.0
    return Components(
        tau2=tau2,
        gamma2=draw(st.sampled_from([0.0, 0.02])),
        psi2=draw(st.sampled_from([0.0, 0.5])),
        eta2=eta2,
        # a decaying cluster effect cannot keep a strong negative covariance with a lasting intervention effect
        cov=draw(st.sampled_from([0.0, 0.4, -0.4])) * (tau2 * eta2) ** 0.5 * (r == 1),
        r=r,
        r_person=draw(st.sampled_from([1.0, 0.7])),
        churn=draw(st.sampled_from([0.0, 0.3])),
    )


@st.composite
def models(draw, design):
    """A covariance with equal sizes, sizes by cluster, sizes by cell, or a marginal scale."""
    parts = draw(components())
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["equal", "by cluster", "by cell", "scaled"]))
    if kind == "by cluster":
        size = np.repeat(generator.integers(5, 90, (design.cluster_count, 1)), design.period_count, 1).astype(float)
        return CellModel(parts, size, 1 / size)
    if kind == "by cell":
        size = generator.integers(5, 90, design.x.shape).astype(float)
        return CellModel(parts, size, 1 / size)
    scale = generator.uniform(0.5, 2, design.x.shape) if kind == "scaled" else None
    return CellModel(parts, 20.0, 1 / 20.0, scale)
