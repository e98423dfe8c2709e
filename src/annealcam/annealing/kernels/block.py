"""Blocks of long vectors (rows), and one step of the Rayleigh-Ritz method on them.

For rows S with images H = S h of a symmetric matrix h, let G = S S^T and M = H S^T. The best
approximations of eigenvectors in the span of the rows are C S, where the rows of C solve the small
problem M c = e G c, normalised by c^T G c = 1. With G = V diag(w) V^T, the columns of
T = V diag(w)^(-1/2) are an orthonormal basis in which that problem is an ordinary one,
(T^T M T) x = e x and c = T x; directions of tiny w are rounding and are left out (`independent`).
Since H is transformed like S, the images of C S are C H, and G and M of the new rows are C G C^T
and C M C^T: neither needs a product with the matrix h. The residuals are C H - e C S.

Blocks are processed in chunks of columns that fit into the cache, and three rows at a time.
"""

import numpy as np

from annealcam.annealing.kernels.compilation import summing

_CHUNK = 512
_DEPENDENT = 1e-13  # relative weight below which a direction counts as linearly dependent


@summing
def gram(X, Y):
    """Return all scalar products <X_i, Y_j>."""
    p, q = X.shape[0], Y.shape[0]
    out = np.zeros((p + 2, q + 2))
    for low in range(0, X.shape[1], _CHUNK):
        for i in range(0, p, 3):
            for j in range(0, q, 3):
                _products(X, Y, i, j, low, min(low + _CHUNK, X.shape[1]), out)
    return out[:p, :q].copy()


@summing
def _products(X, Y, i, j, low, high, out):
    """Add a chunk's part of 3 x 3 scalar products; rows past the end go to spare entries."""
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


@summing
def _padded(C):
    """Return C, padded with zeros to multiples of three rows and columns."""
    out = np.zeros(((C.shape[0] + 2) // 3 * 3, (C.shape[1] + 2) // 3 * 3))
    out[: C.shape[0], : C.shape[1]] = C
    return out


@summing
def _mix_chunk(C, X, low, high, out):
    """Compute out = C X on a chunk of columns, for a padded C; `out` has as many rows as C."""
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


@summing
def _mix_tile(C, x0, x1, x2, o0, o1, o2):
    c00, c01, c02 = C[0]
    c10, c11, c12 = C[1]
    c20, c21, c22 = C[2]
    for n in range(x0.size):
        a, b, c = x0[n], x1[n], x2[n]
        o0[n] += c00 * a + c01 * b + c02 * c
        o1[n] += c10 * a + c11 * b + c12 * c
        o2[n] += c20 * a + c21 * b + c22 * c


@summing
def mix(C, X, out):
    """Compute the linear combinations of rows out = C X; `out` may not be X."""
    padded = _padded(C)
    part = np.empty((padded.shape[0], _CHUNK))
    for low in range(0, X.shape[1], _CHUNK):
        high = min(low + _CHUNK, X.shape[1])
        _mix_chunk(padded, X, low, high, part)
        out[:, low:high] = part[: C.shape[0], : high - low]


@summing
def subtract(C, X, out):
    """Subtract linear combinations of rows: out -= C X."""
    padded = _padded(C)
    part = np.empty((padded.shape[0], _CHUNK))
    for low in range(0, X.shape[1], _CHUNK):
        high = min(low + _CHUNK, X.shape[1])
        _mix_chunk(padded, X, low, high, part)
        for k in range(C.shape[0]):
            for n in range(high - low):
                out[k, low + n] -= part[k, n]


@summing
def independent(G, least):
    """Return T with T^T G T = 1, over the directions that are linearly independent.

    Rows are scaled to length one first; rows of a squared length below `least` are left out.
    """
    scale = np.zeros(G.shape[0])
    for i in range(G.shape[0]):
        if G[i, i] > least:
            scale[i] = 1.0 / np.sqrt(G[i, i])
    weights, directions = np.linalg.eigh(G * scale * scale.reshape(-1, 1))
    first = 0
    while first < weights.size and weights[first] <= _DEPENDENT * weights[-1]:
        first += 1
    basis = np.ascontiguousarray(directions[:, first:]) / np.sqrt(weights[first:])
    return basis * scale.reshape(-1, 1)


@summing
def improve(S, H, G, M, block, fresh):
    """Make one Rayleigh-Ritz step over the rows of S, with their images H.

    The rows are `block` states, then the previous steps if there are any, then `fresh` new
    directions. G and M are <S_i, S_j> and <S_i, H_j> of all rows but the new ones. Afterwards the
    first rows are the lowest Ritz vectors, followed by the steps that led to them and by the
    `block` residuals. Returns G and M of states and steps, the Ritz values, and the norms of the
    residuals.
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


@summing
def _replace(C, source, S, H, block, values):
    """Write the combinations C of the source rows over the first rows, then the residuals."""
    rows, size, combined = C.shape[1], S.shape[1], C.shape[0]
    padded, norms = _padded(C), np.zeros(block)
    s, h = np.empty((padded.shape[0], _CHUNK)), np.empty((padded.shape[0], _CHUNK))
    for low in range(0, size, _CHUNK):
        high = min(low + _CHUNK, size)
        _mix_chunk(padded, source, low, high, s)
        _mix_chunk(padded, H[:rows], low, high, h)
        for k in range(combined):
            S[k, low:high] = s[k, : high - low]
            H[k, low:high] = h[k, : high - low]
        for k in range(block):
            residual, total = S[combined + k, low:high], 0.0
            state, image, value = s[k], h[k], values[k]
            for n in range(high - low):
                residual[n] = image[n] - value * state[n]
                total += residual[n] * residual[n]
            norms[k] += total
    return np.sqrt(norms)
