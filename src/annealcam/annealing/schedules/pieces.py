"""Piecewise cubic curves: fitted to functions, interpolating tables, composed with each other.

A curve is an array c of shape (pieces, 4): on piece i it is sum_j c[i, j] (u - breaks[i])^j.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Bool, Float

from annealcam._internal.types import Array
from annealcam.errors import ArgumentError

Function: TypeAlias = Callable[[Any], Any]

FIT = 1e-11  # error of a fit, relative to the largest value of the function
MAX_PIECES = 4096
_INSTANT = 1e-14  # a jump or kink that is misfitted for so short a time changes no state
_NODES = np.array([0.0, 0.25, 0.75, 1.0])  # include both ends, so that neighbouring pieces meet
_TESTS = (np.arange(64) + 0.5) / 64
_TO_CUBIC = np.linalg.inv(np.vander(_NODES, increasing=True)).T
_POWERS = np.arange(4)


def linear_pieces(u: Float[Array, " n"], values: Float[Array, " n"]) -> Float[Array, "n-1 4"]:
    """Return the straight lines between the points of a table."""
    lines = np.zeros((u.size - 1, 4))
    lines[:, 0], lines[:, 1] = values[:-1], np.diff(values) / np.diff(u)
    return lines


def smooth_pieces(u: Float[Array, " n"], values: Float[Array, " n"]) -> Float[Array, "n-1 4"]:
    """Return the cubics through a table that meet without a kink and never overshoot (PCHIP)."""
    from scipy.interpolate import PchipInterpolator

    return np.ascontiguousarray(PchipInterpolator(u, values).c[::-1].T)


def roughness(
    interpolate: Callable[[Any, Any], Any], u: Float[Array, " n"], values: Float[Array, " n"]
) -> float:
    """Return the largest error of every second point between the others, relative to the values.

    >>> u = np.linspace(0, 1, 101)
    >>> roughness(linear_pieces, u, u**2) < 2e-4 < 0.1 < roughness(linear_pieces, u, np.sin(99 * u))
    True
    """
    last = u.size - 1 - (u.size - 1) % 2
    kept, left = np.arange(0, last + 1, 2), np.arange(1, last, 2)
    cubics = interpolate(u[kept], values[kept])
    x = (u[left] - u[left - 1])[:, None]
    apart = np.abs((cubics * x**_POWERS).sum(axis=1) - values[left]).max(initial=0.0)
    return float(apart / (np.abs(values).max() or 1.0))


def fitted(
    functions: dict[str, Function],
) -> tuple[Float[Array, " n"], list[Float[Array, "n-1 4"]]]:
    """Return common breaks, and the cubics of each function; pieces are halved until all fit.

    Raises:
        ArgumentError: a function is not finite, or too rough for 4096 pieces.
    """
    mesh = np.linspace(0.0, 1.0, 257)
    sizes = [np.abs(sampled(name, f, mesh)).max() or 1.0 for name, f in functions.items()]
    left, width = np.array([0.0]), np.array([1.0])
    done: list[tuple[Array, ...]] = []
    while left.size:
        if left.size + sum(part[0].size for part in done) > MAX_PIECES:
            raise ArgumentError(
                f"{' or '.join(functions)}: too rough for {MAX_PIECES} cubic pieces; "
                "give a table of its values"
            )
        candidates = [
            _interpolated(name, f, left, width, size)
            for (name, f), size in zip(functions.items(), sizes, strict=True)
        ]
        fits = np.all([fit for _, fit in candidates], axis=0)
        done.append((left[fits], *(cubics[fits] for cubics, _ in candidates)))
        left, width = left[~fits], width[~fits] / 2
        left, width = np.concatenate([left, left + width]), np.concatenate([width, width])
    starts, *curves = (np.concatenate(parts) for parts in zip(*done, strict=True))
    order = np.argsort(starts)
    return np.append(starts[order], 1.0), [curve[order] for curve in curves]


def _interpolated(
    name: str, f: Function, left: Float[Array, " n"], width: Float[Array, " n"], size: float
) -> tuple[Float[Array, "n 4"], Bool[Array, " n"]]:
    """Return a cubic through four points of each interval, and whether it is accurate enough."""
    start, length = left[:, None], width[:, None]
    values = sampled(name, f, start + length * _NODES)
    cubics = values @ _TO_CUBIC
    approximation = cubics @ (_TESTS ** _POWERS[:, None])
    misfit = np.abs(approximation - sampled(name, f, start + length * _TESTS)).max(axis=1) / size
    fits, instant = misfit <= FIT, (misfit * width <= _INSTANT) & (width <= 1e-8)
    jumps = instant & ~fits  # become straight lines, which do not overshoot
    cubics[jumps] = (values[jumps][:, [0, 3]] @ [[1.0, -1.0], [0.0, 1.0]]) @ np.eye(2, 4)
    return cubics / length**_POWERS, fits | instant


def sampled(name: str, f: Function, u: Float[Array, "..."]) -> Float[Array, "..."]:
    """Return f(u); a function of scalars only is called for each number.

    Raises:
        ArgumentError: the function does not return one finite number for each u.
    """
    with np.errstate(all="ignore"):
        try:
            values = f(u)
        except (TypeError, ValueError):
            values = np.reshape([f(x) for x in u.ravel().tolist()], u.shape)
    try:
        array = np.broadcast_to(np.asarray(values, dtype=np.float64), u.shape)
    except (TypeError, ValueError):
        raise ArgumentError(f"{name}: must return one number for each u") from None
    if not np.isfinite(array).all():
        at = u.ravel()[np.argmin(np.isfinite(array))]
        raise ArgumentError(f"{name}: is not finite at u={at:g}")
    return array


def composed(
    breaks: Float[Array, " n"],
    curves: Sequence[Float[Array, "n-1 4"]],
    u: Float[Array, " points"],
    s: Float[Array, " points"],
) -> tuple[Float[Array, " m"], list[Float[Array, "m-1 4"]]]:
    """Return breaks and pieces of curves(s(u)), for the piecewise linear s through (u, s)."""
    times = [u]  # of the points themselves, and of every break that s(u) passes between them
    for u0, u1, s0, s1 in zip(u, u[1:], s, s[1:], strict=False):
        passed = breaks[(breaks > min(s0, s1)) & (breaks < max(s0, s1))]
        times.append(u0 + (passed - s0) / (s1 - s0 or 1.0) * (u1 - u0))
    ends = np.unique(np.concatenate(times))
    ends = np.append(ends[:-1][np.diff(ends) > 10 * _INSTANT], 1.0)
    middle = (ends[:-1] + ends[1:]) / 2
    slope = (np.diff(s) / np.diff(u))[np.searchsorted(u, middle) - 1]
    last = breaks.size - 2
    piece = np.clip(np.searchsorted(breaks, np.interp(middle, u, s), side="right") - 1, 0, last)
    offset = np.interp(ends[:-1], u, s) - breaks[piece]
    powers = slope[:, None] ** _POWERS
    return ends, [_shifted(curve[piece], offset) * powers for curve in curves]


def derivative(c: Float[Array, "n 4"]) -> Float[Array, "n 4"]:
    """Return the derivative of each cubic."""
    return c[:, [1, 2, 3, 0]] * np.array([1.0, 2.0, 3.0, 0.0])


def _shifted(c: Float[Array, "n 4"], by: Float[Array, " n"]) -> Float[Array, "n 4"]:
    """Return c(x + by): the coefficients about the point `by`."""
    c0, c1, c2, c3 = c.T
    return np.stack(
        [
            c0 + by * (c1 + by * (c2 + by * c3)),
            c1 + by * (2 * c2 + by * 3 * c3),
            c2 + by * 3 * c3,
            c3,
        ],
        axis=1,
    )
