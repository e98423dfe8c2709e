"""Compiled imputation of removed pixels from the pixels that are left.

Derivation. Write x for the image, w_pq for the weight of a neighbour q of pixel p (1/6 for the four
beside it, 1/12 for the four at its corners, only inside the image) and W_p = sum_q w_pq. Rong et
al. (2022, section 4.2) ask that every removed pixel is the weighted mean of its neighbours:

    W_p x_p - sum_q w_pq x_q = 0    for all removed p, with x_q fixed where q is left

With K the matrix of w between removed pixels and b_p the sum of w_pq x_q over pixels that are left,
this is the linear system (diag(W) - K) x = b. Since w is symmetric and W_p >= sum of row p of K,
with > beside a pixel that is left, the matrix is symmetric and positive definite, and conjugate
gradients converge. Their step and direction, with residual r, preconditioner M and z = M r, are

    p = z + (r z / r' z') p',    a = r z / (p, (diag(W) - K) p),    x += a p,    r -= a (W - K) p

M is one multigrid V(1, 1) cycle, so that a hole of any size takes a few steps:

- A Jacobi sweep u <- (f + K u) / W smooths. Its factor for the wave (s, t) is the mean of the
  neighbours, (cos s + cos t) / 3 + cos s cos t / 3. Where one of s, t is at least pi / 2, its
  absolute value is at most 1/3, so no damping is needed.
- A coarse cell is removed only if all its pixels are. The coarse correction then falls short
  rather than overshoots, and M stays positive. Its equation is the same stencil on the coarse grid.
- The prolongation P is bilinear (3/4 and 1/4 along each axis) and the restriction its transpose,
  and one sweep comes before and one after, so M is symmetric. Doubling the spacing multiplies the
  stencil's value for a smooth function by four, and P^T sums four residuals: no factor is needed.

Every level keeps its rows one after the other in flat arrays, with a border of zeros (one before,
two behind, since odd sides are halved upwards). `free` is 1 where a value is sought, `weight` is W
and `scale` is free / W.
"""

from __future__ import annotations

import numpy as np

from annealcam._internal.compilation import compiler
from annealcam._internal.types import Array

compiled = compiler("fast")
_SMALLEST = 4  # sides of the coarsest level
_COARSEST_SWEEPS = 24
_MOST_STEPS = 200  # limit of the conjugate gradients, which usually take about 6


@compiled
def _sides(height: int, width: int) -> Array:
    """Return (height, width, start) of every level, and a last row with the total length."""
    levels = np.zeros((32, 3), np.int64)
    count, start = 0, 0
    while True:
        levels[count] = height, width, start
        start += (height + 3) * (width + 3)
        count += 1
        if min(height, width) <= _SMALLEST:
            break
        height, width = (height + 1) // 2, (width + 1) // 2
    levels[count] = 0, 0, start
    return levels[: count + 1]


@compiled
def _level(flat: Array, levels: Array, k: int) -> Array:
    height, width, start = levels[k]
    return flat[start : start + (height + 3) * (width + 3)].reshape(height + 3, width + 3)


@compiled
def _weigh(free: Array, weight: Array, scale: Array, height: int, width: int) -> None:
    """Set W, which is 2/3 at an edge and 5/12 at a corner of the image, and free / W."""
    for i in range(height):
        above, below = min(i, 1), min(height - 1 - i, 1)
        for j in range(width):
            left, right = min(j, 1), min(width - 1 - j, 1)
            # [1 2 1] x [1 2 1] without its centre, over 12
            total = ((above + 2.0 + below) * (left + 2.0 + right) - 4.0) / 12.0
            weight[i + 1, j + 1] = total
            scale[i + 1, j + 1] = free[i + 1, j + 1] / total if total > 0 else 0.0


@compiled
def _coarsen(fine: Array, coarse: Array, height: int, width: int) -> None:
    for i in range((height + 1) // 2):
        for j in range((width + 1) // 2):
            value = fine[2 * i + 1, 2 * j + 1]
            if 2 * i + 1 < height:
                value = min(value, fine[2 * i + 2, 2 * j + 1])
                if 2 * j + 1 < width:
                    value = min(value, fine[2 * i + 2, 2 * j + 2])
            if 2 * j + 1 < width:
                value = min(value, fine[2 * i + 1, 2 * j + 2])
            coarse[i + 1, j + 1] = value


@compiled
def _sweep(u: Array, f: Array, scale: Array, out: Array) -> None:
    """out = scale (f + K u): one Jacobi step."""
    for i in range(u.shape[0] - 2):
        a, b, c, g, s, o = u[i], u[i + 1], u[i + 2], f[i + 1], scale[i + 1], out[i + 1]
        for j in range(u.shape[1] - 2):
            side = a[j + 1] + c[j + 1] + b[j] + b[j + 2]
            corner = a[j] + a[j + 2] + c[j] + c[j + 2]
            o[j + 1] = s[j + 1] * (
                g[j + 1] + side * np.float32(1 / 6) + corner * np.float32(1 / 12)
            )


@compiled
def _defect(u: Array, f: Array, free: Array, weight: Array, out: Array) -> None:
    """out = free (f + K u - weight u)."""
    for i in range(u.shape[0] - 2):
        a, b, c, g, o = u[i], u[i + 1], u[i + 2], f[i + 1], out[i + 1]
        m, d = free[i + 1], weight[i + 1]
        for j in range(u.shape[1] - 2):
            side = a[j + 1] + c[j + 1] + b[j] + b[j + 2]
            corner = a[j] + a[j + 2] + c[j] + c[j + 2]
            around = side * np.float32(1 / 6) + corner * np.float32(1 / 12)
            o[j + 1] = m[j + 1] * (g[j + 1] + around - d[j + 1] * b[j + 1])


@compiled
def _beside(i: int, coarse: int) -> int:
    """Return the second nearest coarse cell of a fine one; at an edge, the nearest again."""
    return min(max(i // 2 - 1 + 2 * (i % 2), 0), coarse - 1)


@compiled
def _restrict(fine: Array, coarse: Array, height: int, width: int) -> None:
    """Apply the transpose of `_prolong`."""
    across, down = (width + 1) // 2, (height + 1) // 2
    coarse[:] = 0.0
    row = np.zeros(across, np.float32)
    for i in range(height):
        r = fine[i + 1]
        for j in range(across):
            near, far = r[2 * j + 1] + r[2 * j + 2], r[2 * j] + r[2 * j + 3]
            row[j] = np.float32(0.75) * near + np.float32(0.25) * far
        row[0] += np.float32(0.25) * r[1]
        row[across - 1] += np.float32(0.25) * r[width] if width % 2 == 0 else np.float32(0.0)
        near_row, far_row = coarse[i // 2 + 1], coarse[_beside(i, down) + 1]
        for j in range(across):
            near_row[j + 1] += np.float32(0.75) * row[j]
            far_row[j + 1] += np.float32(0.25) * row[j]


@compiled
def _prolong(coarse: Array, fine: Array, free: Array, height: int, width: int) -> None:
    """Add the bilinear interpolation of the coarse correction where pixels are free."""
    across, down = (width + 1) // 2, (height + 1) // 2
    row = np.zeros(across + 2, np.float32)
    for i in range(height):
        near_row, far_row = coarse[i // 2 + 1], coarse[_beside(i, down) + 1]
        for j in range(across):
            row[j + 1] = np.float32(0.75) * near_row[j + 1] + np.float32(0.25) * far_row[j + 1]
        row[0], row[across + 1] = row[1], row[across]
        u, m = fine[i + 1], free[i + 1]
        for j in range(across):
            near = np.float32(0.75) * row[j + 1]
            u[2 * j + 1] += m[2 * j + 1] * (near + np.float32(0.25) * row[j])
            u[2 * j + 2] += m[2 * j + 2] * (near + np.float32(0.25) * row[j + 2])


@compiled
def _cycle(f: Array, u: Array, v: Array, grids: Array, levels: Array) -> None:
    """Set `v` of level 0 to M f: one V(1, 1) cycle from zero for (weight - K) v = f."""
    count = len(levels) - 1
    free, weight, scale = grids[0], grids[1], grids[2]
    for k in range(count - 1):
        fk, uk, vk = _level(f, levels, k), _level(u, levels, k), _level(v, levels, k)
        uk[:] = _level(scale, levels, k) * fk  # a sweep from zero
        _defect(uk, fk, _level(free, levels, k), _level(weight, levels, k), vk)
        _restrict(vk, _level(f, levels, k + 1), levels[k, 0], levels[k, 1])
    last = count - 1
    fk, uk, vk = _level(f, levels, last), _level(u, levels, last), _level(v, levels, last)
    sk = _level(scale, levels, last)
    vk[:] = 0.0
    for _ in range(_COARSEST_SWEEPS // 2):
        _sweep(vk, fk, sk, uk)
        _sweep(uk, fk, sk, vk)
    for k in range(count - 2, -1, -1):
        uk, mk = _level(u, levels, k), _level(free, levels, k)
        _prolong(_level(v, levels, k + 1), uk, mk, levels[k, 0], levels[k, 1])
        _sweep(uk, _level(f, levels, k), _level(scale, levels, k), _level(v, levels, k))


@compiled
def _grids(removed: Array, levels: Array) -> Array:
    """Return free, weight and scale of every level."""
    grids = np.zeros((3, levels[-1, 2]), np.float32)
    height, width = removed.shape
    finest = _level(grids[0], levels, 0)
    for i in range(height):
        for j in range(width):
            finest[i + 1, j + 1] = np.float32(removed[i, j])
    for k in range(len(levels) - 1):
        height, width = levels[k, 0], levels[k, 1]
        free = _level(grids[0], levels, k)
        _weigh(free, _level(grids[1], levels, k), _level(grids[2], levels, k), height, width)
        if k + 2 < len(levels):
            _coarsen(free, _level(grids[0], levels, k + 1), height, width)
    return grids


@compiled
def _dot(a: Array, b: Array) -> float:
    total = 0.0
    for i in range(len(a)):
        part = np.float32(0.0)
        for j in range(a.shape[1]):
            part += a[i, j] * b[i, j]
        total += float(part)
    return total


@compiled
def fill(planes: Array, removed: Array, tolerance: float) -> int:
    """Fill the removed pixels of planes (colours, h, w) in place and return the largest step count.

    The iteration ends when the next correction is below the tolerance everywhere.
    """
    most, (height, width) = 0, removed.shape
    levels = _sides(height, width)
    grids = _grids(removed, levels)
    free, weight = _level(grids[0], levels, 0), _level(grids[1], levels, 0)
    scratch = np.zeros((3, levels[-1, 2]), np.float32)
    f, u, v = scratch[0], scratch[1], scratch[2]
    r, z = _level(f, levels, 0), _level(v, levels, 0)
    for plane in planes:
        x, p, q, none = np.zeros_like(r), np.zeros_like(r), np.zeros_like(r), np.zeros_like(r)
        x[1 : height + 1, 1 : width + 1] = plane
        _defect(x, none, free, weight, r)
        before = 1.0
        for step in range(_MOST_STEPS):
            _cycle(f, u, v, grids, levels)
            most = max(most, step + 1)
            if np.abs(z).max() <= tolerance:
                break
            now = _dot(r, z)
            if now <= 0.0:  # only rounding errors are left
                break
            p[:] = z + np.float32(now / before if step else 0.0) * p
            before = now
            _defect(p, none, free, weight, q)
            pace = np.float32(-now / _dot(p, q))
            x += pace * p
            r += pace * q
        plane[:] = (x + z)[1 : height + 1, 1 : width + 1]
    return most
