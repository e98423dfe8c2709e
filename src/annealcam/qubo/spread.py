"""The spread of a problem's energies: their standard deviation over all selections."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from annealcam._internal.types import Array
from annealcam.qubo.problem import SelectionProblem


def energy_spread(problem: SelectionProblem) -> float:
    """Return the standard deviation of E(n) over all selections, of k maps if k is set.

    In closed form: with spins s_p = 1 - 2 n_p, the energy is a constant plus products of spins,
    whose means over all selections vanish, so that the variance is the sum of their squared
    coefficients.

    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]])
    >>> bool(np.isclose(energy_spread(p), p.energies().std()))
    True
    """
    size = max(float(np.abs(x).max(initial=0.0)) for x in (problem.linear, problem.quadratic))
    if size == 0:
        return 0.0
    linear, quadratic = problem.linear / size, problem.quadratic / size  # squares do not overflow
    if problem.cardinality is not None:
        return size * spread_at_cardinality(linear, quadratic, problem.cardinality)
    field = (linear + 0.5 * quadratic.sum(axis=1)) / 2.0
    return size * float(np.sqrt(field @ field + (quadratic**2).sum() / 32.0))


def spread_at_cardinality(
    linear: Float[Array, " d"], quadratic: Float[Array, "d d"], k: int
) -> float:
    """Return the standard deviation of the energies of all selections of k maps.

    With q_2, q_3, q_4 the probabilities that two, three, four given maps are all selected, and
    F_p = sum_q Q_pq, the expectation of products of n over random selections gives

        <L>  = k/d sum l,                    <P> = q_2 W,   W = sum_{p<q} Q_pq,
        <L^2> = k/d sum l^2 + q_2 (S^2 - sum l^2),          S = sum l,
        <LP> = q_2 sum_p l_p F_p + q_3 (S W - sum_p l_p F_p),
        <P^2> = q_2 T + q_3 (sum_p F_p^2 - 2 T) + q_4 (W^2 - sum_p F_p^2 + T),   T = sum_{p<q} Q^2.
    """
    d = len(linear)
    if k >= d:
        return 0.0
    q = np.cumprod([(k - i) / (d - i) if d > i else 0.0 for i in range(4)])
    field, W, S = quadratic.sum(axis=1), quadratic.sum() / 2.0, linear.sum()
    T, l2, lF, F2 = (quadratic**2).sum() / 2.0, linear @ linear, linear @ field, field @ field
    mean = q[0] * S + q[1] * W
    square = (
        q[0] * l2 + q[1] * (S**2 - l2)
        + 2.0 * (q[1] * lF + q[2] * (S * W - lF))
        + q[1] * T + q[2] * (F2 - 2.0 * T) + q[3] * (W**2 - F2 + T)
    )  # fmt: skip
    variance = square - mean**2
    return float(np.sqrt(variance)) if variance > 1e-14 * abs(square) else 0.0


def mean_at_cardinality(problem: SelectionProblem) -> float:
    """Return the mean energy of all selections of the problem's cardinality k.

    <E> = k/d sum_p l_p + k (k - 1) / (d (d - 1)) sum_{p<q} Q_pq

    >>> p = SelectionProblem([1.0, 0.5, 0.2], np.ones((3, 3)) - np.eye(3), cardinality=2)
    >>> pairs = [[1, 1, 0], [1, 0, 1], [0, 1, 1]]
    >>> bool(np.isclose(mean_at_cardinality(p), p.energy(pairs).mean()))
    True
    """
    k, d = problem.cardinality or 0, max(problem.d, 1)
    pairs = k * (k - 1) / max(d * (d - 1), 1) * problem.quadratic.sum() / 2.0
    return float(k / d * problem.linear.sum() + pairs)
