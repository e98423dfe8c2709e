"""Simulated measurements: every shot has its own random number."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.types import Array
from annealcam._internal.validation import whole


def draw(
    probabilities: Float[Array, " states"], shots: int, seed: int = 0, *, first: int = 0
) -> Int[Array, " shots"]:
    """Return the indices of the states measured by shots number first, first + 1, ...

    Shot i depends only on the seed and on i: it does not change with the number of shots or with
    their order. A state of probability zero is never drawn. The probabilities are normalised here.

    Raises:
        ArgumentError: shots is below 1, or seed or first below 0.

    >>> draw(np.array([0.0, 1.0]), 3).tolist()
    [1, 1, 1]
    >>> many = draw(np.full(8, 0.125), 100, seed=5)
    >>> bool(draw(np.full(8, 0.125), 1, seed=5, first=37)[0] == many[37])
    True
    """
    cumulated = np.cumsum(probabilities)
    uniform = _uniform(
        whole("shots", shots, least=1), whole("seed", seed), first=whole("first", first)
    )
    # u < 1 keeps u * total below the total in floating point too, so the index is a state's.
    return np.searchsorted(cumulated, uniform * cumulated[-1], side="right")


def _uniform(shots: int, seed: int, *, first: int) -> Float[Array, " shots"]:
    """Return a uniform number in [0, 1) for each shot.

    Philox is a counter-based generator: block i of four words is a function of the key and of i.
    The key is made from the seed, i is the number of the shot, and its first word is used.
    """
    key = np.random.SeedSequence(seed).generate_state(2, np.uint64)
    blocks = np.random.Philox(key=key, counter=first).random_raw(4 * shots)
    return (blocks[::4] >> np.uint64(11)) * 2.0**-53
