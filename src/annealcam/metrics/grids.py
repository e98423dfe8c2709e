"""Grid pointing: does the map of a class lie on the photo of that class in a grid of photos?"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from annealcam._internal.types import Array
from annealcam._internal.validation import finite_array, real, whole
from annealcam.errors import ArgumentError

LARGEST_LOG = 60.0  # of a power: e^60 separates any two numbers that are not equal


def grid_pointing(
    map_: Float[Array, "*grid"],
    cell: int,
    *,
    side: int = 2,
    sharpness_of: Float[Array, "..."] | None = None,
) -> float:
    """Return the share of the positive map that lies in one cell of a grid of photos.

    sum of ReLU(map) in the cell / sum of ReLU(map), in [0, 1], higher is better; 1 / side^2 for a
    uniform map, which is the level of chance

    The image is a grid of side x side photos of different classes, and the map explains the class
    of one of them. Positions that straddle an edge of a cell count by the share of their area. A
    map without positive values gives NaN.

    A sharp map scores better than a blurred one that is centred on the same place. `sharpness_of`
    makes methods comparable: the positive map is first raised to the power that gives it the
    `effective_positions` of that map.

    Args:
        map_: the map of the whole grid, at any resolution of at least side x side.
        cell: the photo's place in the grid, numbered row by row from 0.
        side: photos in a row, and in a column.
        sharpness_of: a reference map of the same shape, usually Grad-CAM's for the same grid and
            class; None compares the map as it is.

    Raises:
        ArgumentError: there is no such cell, the map has not two axes, it has fewer positions than
            the grid has cells in a row or a column, the reference map has another shape, or a map
            is not finite.

    Source: Boehle, Fritz and Schiele 2021, "Convolutional dynamic alignment networks for
    interpretable classifications", section 5 (localisation metric).

    >>> map_ = np.array([[3.0, 1.0], [0.0, 0.0]])
    >>> grid_pointing(map_, 0)
    0.75
    >>> round(grid_pointing(map_, 0, sharpness_of=np.array([[1.0, 1.0], [0.0, -1.0]])), 6)
    0.5
    """
    cell, map_ = whole("cell", cell), finite_array("map_", map_)
    shares = cell_shares(_as_sharp_as(map_, sharpness_of), side=side)
    if cell >= shares.size:
        raise ArgumentError(
            f"cell={cell}: a grid of {side} x {side} has cells 0 to {shares.size - 1}"
        )
    return float(shares.flat[cell])


def single_map_grid_pointing(
    contributions: Float[Array, " k *grid"], cell: int, *, side: int = 2
) -> float:
    """Return the mean grid pointing of single maps: of each selected map's own contribution map.

    mean over a of grid_pointing(g_a, cell), in [0, 1], higher is better; 1 / side^2 by chance

    A sum of maps can lie in the right cell although most of its terms do not. This score shows
    whether each of them does. Maps without a positive contribution anywhere are left out; the
    result is NaN if no map remains.

    Args:
        contributions: the contribution maps of the selected maps, gradient times map.
        cell, side: as in `grid_pointing`.

    Raises:
        ArgumentError: as `grid_pointing`.

    >>> g = np.array([[[2.0, 0.0], [0.0, 0.0]], [[1.0, 3.0], [0.0, -5.0]]])
    >>> single_map_grid_pointing(g, 0)
    0.625
    """
    if contributions.ndim != 3:
        raise ArgumentError(
            f"contributions: must be maps (k, h, w), not the shape {contributions.shape}"
        )
    shares = np.array([grid_pointing(map_, cell, side=side) for map_ in contributions])
    shares = shares[~np.isnan(shares)]
    return float(shares.mean()) if len(shares) else math.nan


def cell_shares(map_: Float[Array, "*grid"], *, side: int = 2) -> Float[Array, "side side"]:
    """Return the share of the positive map in each cell of a grid; NaN if nothing is positive.

    Each position of the map is a square of the image. The part of it that lies in a cell counts
    there, so that cells need not end where positions end.

    Raises:
        ArgumentError: the map has not two axes, has fewer positions in a row or a column than the
            grid has cells, or is not finite.

    >>> cell_shares(np.ones((3, 3))).tolist()
    [[0.25, 0.25], [0.25, 0.25]]
    """
    side, map_ = whole("side", side, least=1), finite_array("map_", map_)
    if map_.ndim != 2:
        raise ArgumentError(f"map_: must be one map (h, w), not the shape {map_.shape}")
    if min(map_.shape) < side:
        raise ArgumentError(
            f"The map has {map_.shape[0]} x {map_.shape[1]} positions, too few for a grid of "
            f"{side} x {side} photos: explain an earlier layer, or lower side."
        )
    positive = np.maximum(map_, 0.0)
    if not positive.any():
        return np.full((side, side), np.nan)
    positive /= positive.max()  # the sum of very large values would overflow
    rows, columns = (_overlaps(length, side) for length in map_.shape)
    return rows @ positive @ columns.T / positive.sum()


def effective_positions(map_: Float[Array, "..."]) -> float:
    """Return the effective number of positions of the positive map.

    exp(-sum p ln p) with p = ReLU(map) / sum of ReLU(map): the number of positions if these have
    equal values, and less if the map is concentrated; NaN for a map without positive values

    Raises:
        ArgumentError: the map is not finite.

    >>> effective_positions(np.array([[2.0, 2.0], [0.0, -1.0]]))
    2.0
    """
    map_ = finite_array("map_", map_)
    positive = map_[map_ > 0]
    return _positions(_log_values(positive), 1.0) if positive.size else math.nan


def sharpened(map_: Float[Array, "*grid"], positions: float) -> Float[Array, "*grid"]:
    """Return the positive map raised to the power that gives it so many effective positions.

    ReLU(map)^p / max, p >= 0 with effective_positions(ReLU(map)^p) = positions

    The number of effective positions falls with p, since its logarithm has the derivative
    -p Var(ln map) in p, the variance under the normalised map. It runs from the number of positive
    positions (p = 0) to the number of maxima (p to infinity); beyond these ends the map of the end
    is returned. A map without positive values is returned as zeros.

    Raises:
        ArgumentError: `positions` is not above 0, or the map is not finite.

    >>> flatter = sharpened(np.array([[1.0, 16.0]]), effective_positions(np.array([[1.0, 4.0]])))
    >>> flatter.round(6).tolist()
    [[0.25, 1.0]]
    """
    positions, map_ = real("positions", positions), finite_array("map_", map_)
    if not positions > 0:
        raise ArgumentError(f"positions={positions}: must be above 0")
    result = np.zeros(map_.shape)
    where = map_ > 0
    if where.any():
        logs = _log_values(map_[where])
        result[where] = _powers(logs, _power(logs, positions))
    return result


def _as_sharp_as(
    map_: Float[Array, "*grid"], reference: Float[Array, "..."] | None
) -> Float[Array, "*grid"]:
    """Return the map at the sharpness of a reference map, or as it is without one."""
    if reference is None:
        return map_
    reference = finite_array("sharpness_of", reference)
    if reference.shape != map_.shape:
        raise ArgumentError(
            f"sharpness_of has shape {reference.shape} and the map {map_.shape}: give a map of the "
            "same layer."
        )
    positions = effective_positions(reference)
    return np.full(map_.shape, 0.0) if math.isnan(positions) else sharpened(map_, positions)


def _overlaps(length: int, side: int) -> Float[Array, "side length"]:
    """Return the share of each position's extent, [i, i + 1], that lies in each cell of a row."""
    start = np.arange(length)
    edges = np.arange(side + 1) * length / side
    low = np.maximum(start, edges[:-1, None])
    high = np.minimum(start + 1, edges[1:, None])
    return np.maximum(high - low, 0.0)


def _log_values(positive: Float[Array, " m"]) -> Float[Array, " m"]:
    """Return the logarithms of positive values, with a maximum of exactly 0."""
    logs = np.log(positive)
    return logs - logs.max()


def _powers(logs: Float[Array, " m"], power: float) -> Float[Array, " m"]:
    """Return exp(power * logs); an infinite power leaves the maxima only."""
    return (logs == 0).astype(np.float64) if math.isinf(power) else np.exp(power * logs)


def _positions(logs: Float[Array, " m"], power: float) -> float:
    """Return the effective positions of values with these logarithms raised to a power."""
    share = _powers(logs, power)
    share /= share.sum()
    share = share[share > 0]
    return float(np.exp(-(share * np.log(share)).sum()))


def _power(logs: Float[Array, " m"], positions: float) -> float:
    """Return the power p that gives so many effective positions, by Brent's method in ln p."""
    from scipy.optimize import brentq

    def excess(log_power: float) -> float:
        return _positions(logs, math.exp(log_power)) - positions

    if excess(-LARGEST_LOG) <= 0:
        return 0.0
    if excess(LARGEST_LOG) >= 0:
        return math.inf
    return math.exp(brentq(excess, -LARGEST_LOG, LARGEST_LOG, xtol=1e-14, rtol=1e-14))
