"""The engine: the precision of intervention effects by generalised least squares on cell means.

V_i = tau2 R(r) + gamma2 I + diag(noise) + psi2 R(r_person)/sqrt(m m') + eta2 x x' + cov (x 1' + 1 x'), with
A_i its inverse over the observed cells and zero elsewhere. With time profiled out,
    information = sum x'A x - (sum Z'A x)' (sum Z'A Z)^-1 (sum Z'A x),  Var = 1 / information.
No individual-level matrix and no (IT x IT) matrix is ever built. The shortest way is chosen by the shape of the
case: one T x T inverse when all clusters share a covariance; low-rank algebra when nothing decays; one
eigendecomposition when sizes differ by cluster; sweeps over the periods when they differ by cell; batches otherwise.
`dense.py` holds the slow reference that tests compare with.
"""

from stepped_wedge.precision.information import Sums, information, sums
from stepped_wedge.precision.models import (
    NOT_POSITIVE,
    CellModel,
    covariance_blocks,
    inverse,
    precision_blocks,
)
from stepped_wedge.precision.worth import cell_weights, information_content

__all__ = [
    "NOT_POSITIVE",
    "CellModel",
    "Sums",
    "cell_weights",
    "covariance_blocks",
    "information",
    "information_content",
    "inverse",
    "precision_blocks",
    "sums",
]
