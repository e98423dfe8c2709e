"""What beta weighs: plain sums, as published, or shares of what the most relevant maps have."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from annealcam._internal.types import Array
from annealcam.errors import ArgumentError

OBJECTIVES = ("relative", "sum")
BETA = {"relative": 2 / 3, "sum": 0.9}  # where none is asked for; docs/choosing.md
TYPICAL = 7  # maps that `relative` weighs for where the energy decides how many are selected


def relative_beta(
    relevance: Float[Array, "..."], J: Float[Array, "..."], *, beta: float, size: int
) -> float:
    """Return the beta of the energy that weighs k maps by shares, so that beta means one at any k.

    (1 - beta) C / C_pool - beta R / R_top   orders selections of k maps as the energy at b does,
    b / (1 - b) = beta / (1 - beta) * (k r_max / R_top) * (k - 1) C_pool / 2

    R is the sum of a selection's relevance and R_top that of the k most relevant maps; C the mean
    redundancy of its pairs and C_pool that of the 2 k most relevant maps, from which a selection
    mostly draws. Where they share nothing at all, C_pool is 1.

    Args:
        relevance: of all candidates, (m,), the most relevant first; all positive.
        J: redundancy of the first 2 k of them, or of as many as there are.
        beta: 2/3 says that one per cent of R_top is worth two per cent of C_pool.
        size: k; all candidates if there are fewer.

    Raises:
        ArgumentError: no candidates, or not in descending order.

    Source: docs/choosing.md.

    >>> J = np.full((4, 4), 0.5) - 0.5 * np.eye(4)
    >>> relative_beta(np.ones(9), J, beta=0.5, size=2)  # 2 to 2 / 0.5 + 1
    0.2
    """
    if not len(relevance) or np.any(np.diff(relevance) > 0):
        raise ArgumentError("relevance: of one candidate or more, the most relevant first")
    k = min(size, len(relevance))
    pairs = len(J) * (len(J) - 1)
    pool = float(J.sum()) / pairs if pairs and J.any() else 1.0
    relevant = beta * k * float(relevance[0] / relevance[:k].sum())
    redundant = (1.0 - beta) * 2.0 / (max(k - 1, 1) * pool)
    return relevant / (relevant + redundant)
