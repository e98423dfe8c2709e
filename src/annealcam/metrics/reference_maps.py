"""Maps that do not depend on the network: every explanation should score better than these."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from annealcam._internal.types import Array


def random_map(size: tuple[int, int], *, seed: int) -> Float[Array, "h w"]:
    """Return a map of uniform random numbers in [0, 1).

    >>> random_map((7, 7), seed=0).shape
    (7, 7)
    """
    return np.random.default_rng(seed).random(size)


def centred_gaussian(size: tuple[int, int], *, width: float = 0.25) -> Float[Array, "h w"]:
    """Return a Gaussian in the centre of the image, where photos mostly show their object.

    exp(-((y - y0)^2 / h^2 + (x - x0)^2 / w^2) / (2 width^2)), (y0, x0) the centre

    >>> centred_gaussian((3, 3)).argmax()
    np.int64(4)
    """
    y, x = (np.arange(n) - (n - 1) / 2 for n in size)
    distance = (y[:, None] / size[0]) ** 2 + (x[None] / size[1]) ** 2
    return np.exp(-distance / (2 * width**2))
