"""Compiled algebra of blocks of long vectors (rows), and of the small matrices between them.

Blocks are cut into chunks of columns that stay in cache, and taken three rows at a time. Sums may
be reordered by the compiler, once and for all: equal bits every time on one machine.
"""

import numpy as np
from numba import njit

_CHUNK = 512
_SUMS = {"contract", "nsz", "reassoc"}
_DEPENDENT = 1e-13  # directions that carry less than this of the unit vectors' squared norm


def _summing(function):
    """Compile as `compiled` does, free to sum in vectors."""
    try:
        return njit(cache=True, nogil=True, fastmath=_SUMS)(function)
    except RuntimeError:
        return njit(nogil=True, fastmath=_SUMS)(function)


@_summing
def gram(X, Y):
    """Return all scalar products <X_i, Y_j>."""
    p, q = X.shape[0], Y.shape[0]
    out = np.zeros((p + 2, q + 2))
    for low in range(0, X.shape[1], _CHUNK):
        for i in range(0, p, 3):
            for j in range(0, q, 3):
                _products(X, Y, i, j, low, min(low + _CHUNK, X.shape[1]), out)
    return out[:p, :q].copy()


@_summing
def _products(X, Y, i, j, low, high, out):
    """Add the part of 3 x 3 scalar products; rows past the end count into spare places."""
    p, q = X.shape[0] - 1, Y.shape[0] - 1
    x0, x1, x2 = X[i, low:high], X[min(i + 1, p), low:high], X[min(i + 2, p), low:high]
    y0, y1, y2 = Y[j, low:high], Y[min(j + 1, q), low:high], Y[min(j + 2, q), low:high]
    s00 = s01 = s02 = s10 = s11 = s12 = s20 = s21 = s22 = 0.0
    for n in range(x0.size):
        a, b, c = x0[n], x1[n], x2[n]
        u, v, w = y0[n], y1[n], y2[n]
        s00 += a * u
        s01 += a * v
        s02 += a * w
        s10 += b * u
        s11 += b * v
        s12 += b * w
        s20 += c * u
        s21 += c * v
        s22 += c * w
    out[i, j] += s00
    out[i, j + 1] += s01
    out[i, j + 2] += s02
    out[i + 1, j] += s10
    out[i + 1, j + 1] += s11
    out[i + 1, j + 2] += s12
    out[i + 2, j] += s20
    out[i + 2, j + 1] += s21
    out[i + 2, j + 2] += s22


@_summing
def _padded(C):
    """C with rows and columns of zeros to multiples of three."""
    out = np.zeros(((C.shape[0] + 2) // 3 * 3, (C.shape[1] + 2) // 3 * 3))
    out[: C.shape[0], : C.shape[1]] = C
    return out


@_summing
def _mix_chunk(C, X, low, high, out):
    """out = C X on some columns; C is padded, and so has `out` rows to spare."""
    last = X.shape[0] - 1
    for k in range(0, C.shape[0], 3):
        o0, o1, o2 = out[k, : high - low], out[k + 1, : high - low], out[k + 2, : high - low]
        o0[:] = 0.0
        o1[:] = 0.0
        o2[:] = 0.0
        for i in range(0, C.shape[1], 3):
            if not C[k : k + 3, i : i + 3].any():
                continue
            _mix_tile(C[k : k + 3, i : i + 3], X[i, low:high], X[min(i + 1, last), low:high],
                      X[min(i + 2, last), low:high], o0, o1, o2)  # fmt: skip


@_summing
def _mix_tile(C, x0, x1, x2, o0, o1, o2):
    c00, c01, c02 = C[0]
    c10, c11, c12 = C[1]
    c20, c21, c22 = C[2]
    for n in range(x0.size):
        a, b, c = x0[n], x1[n], x2[n]
        o0[n] += c00 * a + c01 * b + c02 * c
        o1[n] += c10 * a + c11 * b + c12 * c
        o2[n] += c20 * a + c21 * b + c22 * c


@_summing
def mix(C, X, out):
    """out = C X, row combinations; `out` may not be X."""
    padded = _padded(C)
    part = np.empty((padded.shape[0], _CHUNK))
    for low in range(0, X.shape[1], _CHUNK):
        high = min(low + _CHUNK, X.shape[1])
        _mix_chunk(padded, X, low, high, part)
        out[:, low:high] = part[: C.shape[0], : high - low]


@_summing
def subtract(C, X, out):
    """out -= C X, row combinations."""
    padded = _padded(C)
    part = np.empty((padded.shape[0], _CHUNK))
    for low in range(0, X.shape[1], _CHUNK):
        high = min(low + _CHUNK, X.shape[1])
        _mix_chunk(padded, X, low, high, part)
        for k in range(C.shape[0]):
            for n in range(high - low):
                out[k, low + n] -= part[k, n]


@_summing
def independent(G, least):
    """Return T with T^T G T = 1 over the directions that do not vanish.

    Rows are scaled to length one first, and those of a squared length below `least` left out.
    """
    scale = np.zeros(G.shape[0])
    for i in range(G.shape[0]):
        if G[i, i] > least:
            scale[i] = 1.0 / np.sqrt(G[i, i])
    weights, directions = np.linalg.eigh(G * scale * scale.reshape(-1, 1))
    first = 0
    while first < weights.size and weights[first] <= _DEPENDENT * weights[-1]:
        first += 1
    kept = np.ascontiguousarray(directions[:, first:]) / np.sqrt(weights[first:])
    return kept * scale.reshape(-1, 1)


@_summing
def improve(S, H, G, M, block, fresh):
    """One Rayleigh-Ritz step over the rows of S, with H their images.

    The rows are `block` states, the last steps if there are any, and `fresh` new directions. G and
    M are <S_i, S_j> and <S_i, H_j> of all but the new ones. Afterwards the first rows are the
    lowest Ritz vectors, the next the steps that led to them, then come the `block` residuals.
    Returns G and M of states and steps, the Ritz values, and the residuals' norms.
    """
    old, rows = G.shape[0], G.shape[0] + fresh
    full_g, full_m = np.empty((rows, rows)), np.empty((rows, rows))
    full_g[:old, :old], full_m[:old, :old] = G, M
    full_g[old:] = gram(S[old:rows], S[:rows])
    full_m[old:] = gram(H[old:rows], S[:rows])
    full_g[:old, old:], full_m[:old, old:] = full_g[old:, :old].T, full_m[old:, :old].T
    T = independent(full_g, 0.0)
    values, small = np.linalg.eigh(np.dot(np.ascontiguousarray(T.T), np.dot(full_m, T)))
    C = np.zeros((2 * block if fresh else block, rows))
    C[:block] = np.dot(T, np.ascontiguousarray(small[:, :block])).T
    if fresh:
        C[block:, block:] = C[:block, block:]
    norms = _replace(C, S[:rows], S, H, block, values)
    C_t = np.ascontiguousarray(C.T)
    G, M = np.dot(C, np.dot(full_g, C_t)), np.dot(C, np.dot(full_m, C_t))
    return G, M, values[:block].copy(), norms


@_summing
def _replace(C, used, S, H, block, values):
    """Write the combinations C of the used rows over the first ones, then the residuals."""
    rows, size, kept = C.shape[1], S.shape[1], C.shape[0]
    padded, norms = _padded(C), np.zeros(block)
    s, h = np.empty((padded.shape[0], _CHUNK)), np.empty((padded.shape[0], _CHUNK))
    for low in range(0, size, _CHUNK):
        high = min(low + _CHUNK, size)
        _mix_chunk(padded, used, low, high, s)
        _mix_chunk(padded, H[:rows], low, high, h)
        for k in range(kept):
            S[k, low:high] = s[k, : high - low]
            H[k, low:high] = h[k, : high - low]
        for k in range(block):
            residual, total = S[kept + k, low:high], 0.0
            state, image, value = s[k], h[k], values[k]
            for n in range(high - low):
                residual[n] = image[n] - value * state[n]
                total += residual[n] * residual[n]
            norms[k] += total
    return np.sqrt(norms)
