"""Maps that do not depend on the network: every explanation should score better than these."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from annealcam._internal.types import Array


def random_map(size: tuple[int, ...], *, seed: int) -> Float[Array, "*grid"]:
    """Return a map of uniform random numbers in [0, 1).

    >>> random_map((7, 7), seed=0).shape
    (7, 7)
    """
    return np.random.default_rng(seed).random(size)


def centred_gaussian(size: tuple[int, ...], *, width: float = 0.25) -> Float[Array, "*grid"]:
    """Return a Gaussian in the centre of the grid, where photos mostly show their object.

    exp(-((y - y0)^2 / h^2 + (x - x0)^2 / w^2) / (2 width^2)), (y0, x0) the centre; likewise on a
    grid with another number of axes

    >>> centred_gaussian((3, 3)).argmax()
    np.int64(4)
    """
    axes = [((np.arange(n) - (n - 1) / 2) / n) ** 2 for n in size]
    distance = sum(np.meshgrid(*axes, indexing="ij"))
    return np.exp(-distance / (2 * width**2))
