"""The lowest states of H = a H_D + b H_P: locally optimal block conjugate gradients (LOBPCG)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from annealcam._internal.types import Array
from annealcam.annealing.kernels import block as kernels
from annealcam.annealing.levels.drivers import Driver
from annealcam.annealing.simulation.memory import aligned

_MOST_ITERATIONS, _PATIENCE = 200, 12
_LOCKED = 0.3  # residuals below this share of the tolerance give no further directions


@dataclass(frozen=True)
class LowestStates:
    """Ritz values in ascending order, orthonormal states as rows, and norms of their residuals."""

    values: Float[Array, " block"]
    states: Float[Array, "block n"]
    residuals: Float[Array, " block"]
    iterations: int


def lowest_states(
    driver: Driver,
    a: float,
    b: float,
    start: Float[Array, "block n"],
    *,
    wanted: int,
    tol: float,
    work: Float[Array, "rows n"] | None = None,
) -> LowestStates:
    """Improve `start` until the residuals |H y - E y| of the first `wanted` rows are below tol.

    It also ends when rounding prevents progress; `residuals` are those reached. `work` is memory
    for six blocks, in which the returned states lie.

    Source: Knyazev 2001, SIAM J. Sci. Comput. 23, 517.
    """
    block, size = start.shape
    memory = aligned((6 * block, size)) if work is None else work
    S, H = memory[: 3 * block], memory[3 * block : 6 * block]
    S[:block] = start
    driver.apply(S[:block], H[:block], a, b)
    G, M = kernels.gram(S[:block], S[:block]), kernels.gram(H[:block], S[:block])
    G, M, values, norms = kernels.improve(S, H, G, M, block, 0)
    best, stale = np.inf, 0
    for iteration in range(_MOST_ITERATIONS):
        worst = norms[:wanted].max()
        best, stale = (worst, 0) if worst < 0.7 * best else (best, stale + 1)
        if worst <= tol or stale > _PATIENCE:
            break
        if iteration in (0, 2):
            divide = driver.preconditioner(a, b, S[0])
        # The residual of a row that has converged is only rounding, which is no useful direction.
        active = np.flatnonzero(norms > _LOCKED * tol)
        old, fresh = len(G), slice(len(G), len(G) + active.size)
        if active.size < block:
            S[fresh] = S[old + active]
        divide(S[fresh], values[active])
        driver.apply(S[fresh], H[fresh], a, b)
        G, M, values, norms = kernels.improve(S, H, G, M, block, active.size)
    return LowestStates(values, S[:block], norms, iteration)
