"""Triangle inequalities of spins, for `annealcam.samplers.general`.

Of three spins with any signs u_i, u_j, u_k, two products u_i s_i u_j s_j can be -1, but not all
three, and never exactly one. With X_ij = s_i s_j, for all i < j < k,

    u_i u_j X_ij + u_i u_k X_ik + u_j u_k X_jk >= -1,

which are four inequalities, since u and -u give the same one: u_i = 1. A row of `cuts` holds i, j,
k, u_j and u_k; mu >= 0 are the multipliers of the inequalities.
"""

from __future__ import annotations

import numpy as np

from annealcam._internal.compilation import compiler

compiled = compiler()


@compiled
def violated(X, least, most):  # type: ignore[no-untyped-def]
    """Return up to `most` cuts that X violates by more than `least`, the most violated first."""
    size = len(X)
    cuts, values = np.empty((2 * most, 5), dtype=np.int64), np.empty(2 * most)
    count, worst = 0, -least
    for i in range(size):
        for j in range(i + 1, size):
            for k in range(j + 1, size):
                for signs in range(4):
                    a, b = 1 - 2 * (signs & 1), 1 - (signs & 2)
                    value = 1.0 + a * X[i, j] + b * X[i, k] + a * b * X[j, k]
                    if value >= worst:
                        continue
                    cuts[count, 0], cuts[count, 1], cuts[count, 2] = i, j, k
                    cuts[count, 3], cuts[count, 4] = a, b
                    values[count] = value
                    count += 1
                    if count == 2 * most:  # only the better half stays
                        kept = np.argsort(values)[:most]
                        cuts[:most], values[:most] = cuts[kept], values[kept]
                        count, worst = most, values[most - 1]
    order = np.argsort(values[:count])[:most]
    return cuts[order]


@compiled
def slacks(X, cuts):  # type: ignore[no-untyped-def]
    """Return how far X is above each inequality; negative if it violates it."""
    over = np.empty(len(cuts))
    for t in range(len(cuts)):
        i, j, k, a, b = cuts[t]
        over[t] = 1.0 + a * X[i, j] + b * X[i, k] + a * b * X[j, k]
    return over


@compiled
def without_multiples(M, cuts, mu):  # type: ignore[no-untyped-def]
    """Subtract the matrices of the cuts, times their multipliers, from M in place."""
    for t in range(len(cuts)):
        if mu[t] == 0.0:
            continue
        i, j, k, a, b = cuts[t]
        half = 0.5 * mu[t]
        M[i, j] -= a * half
        M[j, i] -= a * half
        M[i, k] -= b * half
        M[k, i] -= b * half
        M[j, k] -= a * b * half
        M[k, j] -= a * b * half


@compiled
def merged(cuts, p, sign):  # type: ignore[no-untyped-def]
    """Return the cuts once s_p = sign s_0, and which of them remain inequalities of three spins."""
    cuts, kept = cuts.copy(), np.ones(len(cuts), dtype=np.bool_)
    for t in range(len(cuts)):
        spins, u = cuts[t, :3].copy(), np.ones(3, dtype=np.int64)
        u[1:] = cuts[t, 3:]
        for e in range(3):
            if spins[e] == p:
                kept[t] = spins[0] != 0
                spins[e] = 0
                u[e] *= sign
            elif spins[e] > p:
                spins[e] -= 1
        order = np.argsort(spins)
        cuts[t, :3] = spins[order]
        cuts[t, 3] = u[order[0]] * u[order[1]]
        cuts[t, 4] = u[order[0]] * u[order[2]]
    return cuts, kept


@compiled
def keys(cuts, size):  # type: ignore[no-untyped-def]
    """Return a different number for each cut."""
    i, j, k = cuts[:, 0], cuts[:, 1], cuts[:, 2]
    return (((i * size + j) * size + k) * 3 + cuts[:, 3] + 1) * 3 + cuts[:, 4] + 1
