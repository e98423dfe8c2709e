"""The reduced model: a small matrix pencil instead of 2^d states.

In an orthonormal basis of m states, `model` is a stack of five m x m matrices: H_D, H_P, H_D^2,
H_D H_P + H_P H_D and H_P^2. The levels of a H_D + b H_P are approximated by the eigenvalues e of
the first two. The last three give |H y|^2 of a Ritz vector y, and so the squared residual
|H y - e y|^2 = |H y|^2 - e^2, since e = <y|H|y>. The error of e is at most the squared residual
divided by the distance to the next level that is not approximated by the same cluster.
"""

import numpy as np

from annealcam.annealing.kernels.compilation import compiled

_CLUSTER = 0.1  # levels closer than this share of the typical splitting form a cluster


@compiled
def solve(model, a, b):
    """Return all Ritz values and vectors (columns) of a H_D + b H_P."""
    return np.linalg.eigh(a * model[0] + b * model[1])


@compiled
def square(model, a, b, state):
    """Return |(a H_D + b H_P) state|^2."""
    image = a * a * model[2] + a * b * model[3] + b * b * model[4]
    return np.dot(state, np.dot(image, state))


@compiled
def distance(values, j, apart):
    """Return the distance from level j to the first level that is more than `apart` above it."""
    for k in range(j + 1, values.size):
        if values[k] > values[j] + apart:
            return values[k] - values[j]
    return max(values[-1] - values[j], apart, 1e-300)


@compiled
def errors(model, a, b, values, vectors, count, splitting):
    """Return r^2 / distance of the lowest levels, or NaN if r^2 is negative beyond rounding.

    `splitting` contains the typical distances of levels of H_D and H_P, and their norm.
    """
    estimates = np.empty(count)
    apart = _CLUSTER * (abs(a) * splitting[0] + abs(b) * splitting[1])
    rounding = 1e-11 * ((abs(a) + abs(b)) * splitting[2]) ** 2
    for j in range(count):
        state = np.ascontiguousarray(vectors[:, j])
        squared = square(model, a, b, state) - values[j] * values[j]
        estimates[j] = max(squared, 0.0) / distance(values, j, apart)
        if squared < -rounding:
            estimates[j] = np.nan
    return estimates


@compiled
def scan(model, A, B, count, splitting):
    """Return the lowest `count` levels at each point (A, B), and estimates of their errors."""
    levels, doubts = np.empty((A.size, count)), np.empty((A.size, count))
    for i in range(A.size):
        values, vectors = solve(model, A[i], B[i])
        levels[i] = values[:count]
        doubts[i] = errors(model, A[i], B[i], values, vectors, count, splitting)
    return levels, doubts


@compiled
def residual_for(model, a, b, count, splitting, tol):
    """Return the residual at which all of the lowest levels have an error of at most tol."""
    values = solve(model, a, b)[0]
    apart = _CLUSTER * (abs(a) * splitting[0] + abs(b) * splitting[1])
    least = np.inf
    for j in range(count):
        least = min(least, distance(values, j, apart))
    return np.sqrt(tol * least)
