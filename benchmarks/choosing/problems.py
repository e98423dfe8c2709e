"""Formulations of the selection, and solvers for exactly k of some hundred maps.

Every formulation is a pair (linear, quadratic) with E(n) = linear n + sum_{p<q} quadratic n_p n_q.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Bits = NDArray[np.int8]
REDUNDANCIES = ("cosine", "min", "jaccard", "bhattacharyya", "product")


def redundancy(name: str, maps: Array, weights: Array) -> Array:
    """Redundancy of all pairs: |cosine| of maps f, or overlap of contributions c = w f >= 0.

    min: sum min(c_a, c_b);  jaccard: the same over sum max(c_a, c_b);  bhattacharyya: of c as
    distributions over pixels;  product: <c_a, c_b>.
    """
    parts = np.maximum(weights[:, None] * maps, 0.0)
    mass = parts.sum(axis=1)
    if name == "cosine":
        unit = maps / np.linalg.norm(maps, axis=1, keepdims=True)
        matrix = np.abs(unit @ unit.T)
    elif name == "product":
        matrix = parts @ parts.T
    elif name == "bhattacharyya":
        roots = np.sqrt(parts / np.where(mass > 0, mass, 1.0)[:, None])
        matrix = roots @ roots.T
    else:
        matrix = sum(np.minimum.outer(pixel, pixel) for pixel in parts.T)
        if name == "jaccard":
            matrix = matrix / (mass[:, None] + mass[None] - matrix)
    matrix = (matrix + matrix.T) / 2
    np.fill_diagonal(matrix, 0.0)
    return matrix


def top(relevance: Array, k: int) -> Bits:
    """The k most relevant maps; among equals the first."""
    n = np.zeros(len(relevance), dtype=np.int8)
    n[np.argsort(-relevance, kind="stable")[:k]] = 1
    return n


def mean_pair(J: Array, n: Bits) -> float:
    """Mean redundancy of the pairs of a selection; 0 below two maps."""
    k = int(n.sum())
    return float(n @ J @ n) / (k * (k - 1)) if k > 1 else 0.0


def formulate(
    objective: str, relevance: Array, J: Array, k: int, beta: float
) -> tuple[Array, Array]:
    """The coefficients of an objective.

    sum:       (1 - beta) sum_{p<q} J - beta sum h,               h = r / max r (the paper's)
    averaged:  (1 - beta) 2/(k - 1) sum_{p<q} J - beta sum h:     k times the mean pair
    relative:  k times ((1 - beta) C / C_pool - beta R / R_top), C the mean pair's redundancy, R the
               sum of the relevance, `top` the k most relevant maps and `pool` the 2 k most relevant
    """
    if objective == "sum":
        return -beta * relevance / relevance.max(), (1 - beta) * J
    J = J * 2 / max(k - 1, 1)
    if objective == "averaged":
        return -beta * relevance / relevance.max(), (1 - beta) * J
    best = top(relevance, k)
    pool = top(relevance, min(2 * k, len(relevance)))
    unit = mean_pair(J, pool) * max(k - 1, 1) / 2 or 1.0  # the pool may share no pixel at all
    return -beta * relevance * k / (relevance @ best), (1 - beta) * J / unit


def diverse(relevance: Array, J: Array, k: int, beta: float, size: int) -> NDArray[np.int64]:
    """Candidates chosen one by one: relevance against mean redundancy to those chosen so far.

    score = beta r / r_top - (1 - beta) * 2 * mean_{chosen} J / C_pool: what the `relative` energy
    of k maps would gain by one that is as redundant with all of them. Sorted by channel.
    """
    linear, quadratic = formulate("relative", relevance, J, k, beta)
    chosen = [int(np.argmax(relevance))]
    shared = quadratic[chosen[0]].copy()
    while len(chosen) < min(size, len(relevance)):
        score = linear + shared * max(k - 1, 1) / len(chosen)
        score[chosen] = np.inf
        chosen.append(int(np.argmin(score)))
        shared += quadratic[chosen[-1]]
    return np.sort(np.array(chosen))


def greedy(linear: Array, quadratic: Array, k: int) -> Bits:
    n, field = np.zeros(len(linear), dtype=np.int8), linear.copy()
    for _ in range(k):
        best = int(np.argmin(np.where(n == 0, field, np.inf)))
        n[best] = 1
        field += quadratic[best]
    return n


def solve(linear: Array, quadratic: Array, k: int, *starts: Bits, kicks: int = 6) -> Bits:
    """The best selection of k maps that swap descent finds from greedy, top k and other starts."""
    first = np.stack([greedy(linear, quadratic, k), top(-linear, k), *starts])
    return _swaps(linear, np.ascontiguousarray(quadratic), first, kicks, np.random.default_rng(0))


@numba.njit(cache=True)
def _swaps(linear, quadratic, starts, kicks, rng):  # type: ignore[no-untyped-def]
    best, lowest = starts[0].copy(), np.inf
    for attempt in range(len(starts) + kicks):
        if attempt < len(starts):
            n = starts[attempt].copy()
        else:
            n = best.copy()
            inside = rng.permutation(np.flatnonzero(n == 1))
            outside = rng.permutation(np.flatnonzero(n == 0))
            moved = min(2 + rng.integers(0, 3), len(inside), len(outside))
            n[inside[:moved]], n[outside[:moved]] = 0, 1
        energy = _descend(linear, quadratic, n)
        if energy < lowest - 1e-13:
            best, lowest = n.copy(), energy
    return best


@numba.njit(cache=True)
def _descend(linear, quadratic, n):  # type: ignore[no-untyped-def]
    """Take the best swap while one lowers the energy."""
    field = linear.copy()
    for p in np.flatnonzero(n == 1):
        field += quadratic[p]
    while True:
        lowest, leaves, enters = -1e-12, -1, -1
        for p in np.flatnonzero(n == 1):
            for q in range(len(n)):
                change = field[q] - field[p] - quadratic[p, q]
                if n[q] == 0 and change < lowest:
                    lowest, leaves, enters = change, p, q
        if leaves < 0:
            return 0.5 * (n * (field + linear)).sum()
        n[leaves], n[enters] = 0, 1
        field += quadratic[enters] - quadratic[leaves]


def prove(
    linear: Array, quadratic: Array, n: Bits, nodes: int = 3_000_000
) -> tuple[Bits, float, bool]:
    """The optimum by branch and bound, a bound below it, and whether it was proved.

    Redundancies are not negative, so k - j more maps cost at least the sum of the k - j lowest
    marginal costs, without what they cost each other. n is a good selection to start from. Where
    the nodes run out, the bound is the one of the root.
    """
    order = np.argsort(linear, kind="stable")
    k = int(n.sum())
    selection, proved = _branch(
        linear[order], np.ascontiguousarray(quadratic[np.ix_(order, order)]), n[order], nodes
    )
    best = np.zeros_like(n)
    best[order] = selection
    energy = float(linear @ best + 0.5 * best @ quadratic @ best)
    return best, energy if proved else float(np.sort(linear)[:k].sum()), bool(proved)


@numba.njit(cache=True)
def _branch(linear, quadratic, start, nodes):  # type: ignore[no-untyped-def]
    """Depth first; at each depth `at` is the next map to try, `path` the maps taken."""
    d, k = len(linear), int(start.sum())
    best, lowest = start.copy(), 0.5 * (start * (linear * 2)).sum()
    for p in np.flatnonzero(start == 1):
        lowest += 0.5 * (quadratic[p] * start).sum()
    field, energy = np.zeros((k + 1, d)), np.zeros(k + 1)
    at, path, depth = np.zeros(k + 1, np.int64), np.zeros(k, np.int64), 0
    field[0] = linear
    for _ in range(nodes):
        i, more = at[depth], k - depth
        rest = _sum_of_smallest(field[depth], i, more) if i <= d - more else np.inf
        if energy[depth] + rest >= lowest - 1e-12:
            depth -= 1
            if depth < 0:
                return best, True
            continue
        at[depth], path[depth] = i + 1, i
        if more == 1:
            if energy[depth] + field[depth, i] < lowest - 1e-12:
                lowest = energy[depth] + field[depth, i]
                best[:] = 0
                best[path] = 1
            continue
        energy[depth + 1] = energy[depth] + field[depth, i]
        field[depth + 1] = field[depth] + quadratic[i]
        at[depth + 1] = i + 1
        depth += 1
    return best, False


@numba.njit(cache=True)
def _sum_of_smallest(values, first, many):  # type: ignore[no-untyped-def]
    small = np.full(many, np.inf)
    for i in range(first, len(values)):
        j = many - 1
        if values[i] < small[j]:
            while j > 0 and small[j - 1] > values[i]:
                small[j] = small[j - 1]
                j -= 1
            small[j] = values[i]
    return small.sum()
