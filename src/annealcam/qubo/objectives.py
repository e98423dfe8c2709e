"""The objectives of a selection, their defaults, and the beta of relative shares."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from annealcam._internal.types import Array
from annealcam.errors import ArgumentError

# The names of the objectives.
OBJECTIVES = ("evidence", "relative", "sum")
BETA = {"evidence": None, "relative": 2 / 3, "sum": 0.9}  # defaults; docs/relative.md
FIDELITY = 0.95  # cosine with the evidence that a selection reaches unless its size is given
TYPICAL = 7  # k of `relative` where the energy decides it, and the most that a fidelity takes


def relative_beta(
    relevance: Float[Array, "..."], J: Float[Array, "..."], *, beta: float, size: int
) -> float:
    """Return the beta b of the energy that weighs selections of k maps by relative shares.

    The energy with b orders selections of k maps in the same way as
    (1 - beta) C / C_pool - beta R / R_top,   if
    b / (1 - b) = beta / (1 - beta) * (k r_max / R_top) * (k - 1) C_pool / 2

    R is the relevance of a selection and R_top that of the k most relevant maps. C is the mean
    redundancy of the pairs of a selection and C_pool that of the 2 k most relevant maps, from which
    most selections come; if these share nothing, C_pool is 1. So beta has the same meaning for
    every k.

    Args:
        relevance: of all candidates, all positive, in descending order, (m,).
        J: redundancy of the first 2 k of them, or of all if there are fewer.
        beta: trade-off; 2/3 weighs one per cent of R_top like two per cent of C_pool.
        size: k; the number of candidates if there are fewer.

    Raises:
        ArgumentError: there are no candidates, or they are not in descending order.

    Source: docs/relative.md.

    >>> J = np.full((4, 4), 0.5) - 0.5 * np.eye(4)
    >>> relative_beta(np.ones(9), J, beta=0.5, size=2)  # 2 to 2 / 0.5 + 1
    0.2
    """
    if not len(relevance) or np.any(np.diff(relevance) > 0):
        raise ArgumentError("relevance: must be of one or more candidates, in descending order")
    k = min(size, len(relevance))
    pairs = len(J) * (len(J) - 1)
    pool = float(J.sum()) / pairs if pairs and J.any() else 1.0
    relevant = beta * k * float(relevance[0] / relevance[:k].sum())
    redundant = (1.0 - beta) * 2.0 / (max(k - 1, 1) * pool)
    return relevant / (relevant + redundant)
