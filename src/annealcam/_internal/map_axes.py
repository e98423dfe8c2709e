"""Axes of feature maps (n, maps, *grid), numpy's or torch's, with a grid of 1, 2 or 3 axes."""

from __future__ import annotations

from typing import Any

from annealcam.errors import ArgumentError

LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}  # interpolation, as torch names it


def grid_axes(maps: Any, *, first: int = 2) -> tuple[int, ...]:
    """Return the numbers of the grid's axes, which are all from `first` on.

    >>> import numpy as np
    >>> grid_axes(np.ones((1, 8, 7, 7))), grid_axes(np.ones((8, 20)), first=1)
    ((2, 3), (1,))
    """
    return tuple(range(first, maps.ndim))


def over_grid(weights: Any, maps: Any) -> Any:
    """Return weights with as many axes as the maps, so that each one multiplies a whole map.

    >>> import numpy as np
    >>> over_grid(np.ones((2, 8)), np.ones((2, 8, 4, 7, 7))).shape
    (2, 8, 1, 1, 1)
    """
    return weights.reshape(*weights.shape, *[1] * (maps.ndim - weights.ndim))


def refuse_other_axes(maps: Any, *, layer: str, needed_by: str) -> None:
    """Raise ArgumentError unless maps have rows and columns, (n, maps, h, w).

    >>> import numpy as np
    >>> refuse_other_axes(np.ones((1, 8, 7, 7)), layer="conv", needed_by="an atlas")
    """
    if maps.ndim != 4:
        raise ArgumentError(
            f"layer={layer!r}: its maps have the shape {tuple(maps.shape[2:])}, and {needed_by} "
            "needs maps with rows and columns (h, w); choose another layer"
        )
