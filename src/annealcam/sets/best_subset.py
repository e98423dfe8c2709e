"""The k rows of a matrix that keep a class best: local search, upper bound and proof.

The rows are what each map adds to the logits of all classes. The mathematics is that of
`kernels/subsets.py`; nothing here runs a network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.text import short_repr
from annealcam._internal.types import Array

STEPS = 300  # of the relaxation, which mostly takes under 50
WORK = 2e7  # exponentials after which a proof is given up, about 0.2 s
ROUNDING = 1e-11  # of a log-probability in float64


@dataclass(frozen=True, eq=False, repr=False)
class BestSubset:
    """A set of rows, its log-probability of the class, and an upper bound on that of any set.

    `bound` is that of the relaxation; where the search tree has been completed (`proved`), no set
    is above `log_probability`.
    """

    rows: Int[Array, " k"]
    log_probability: float
    bound: float
    proved: bool

    def __repr__(self) -> str:
        return short_repr(
            "BestSubset", k=len(self.rows), log_probability=self.log_probability, bound=self.bound,
            proved=self.proved,
        )  # fmt: skip


def best_subset(
    effects: Float[Array, "maps classes"],
    none: Float[Array, " classes"],
    target: int,
    k: int,
    *,
    work: float = WORK,
) -> BestSubset:
    """Return the k maps whose sum keeps the log-probability of a class highest.

    max over |S| = k of log softmax(none + sum_{a in S} effects_a)[target]

    Args:
        effects: what each map adds to the logits; at least k maps.
        none: the logits without any map.
        target: the class.
        k: number of maps, at least 1.
        work: number of exponentials after which a proof is given up.

    >>> best = best_subset(np.diag([3.0, 2.0, 1.0])[:, :2], np.zeros(2), 0, 2)
    >>> best.rows, round(best.log_probability, 4), best.proved
    (array([0, 2]), -0.0486, True)
    """
    relative, start = effects - effects[:, [target]], none - none[target]
    members, value = _local_search(_Sums(relative), start, k)
    tangent = relax(relative, start, members)
    bound = max(tangent.bound, value)
    if bound - value <= ROUNDING:
        return BestSubset(np.sort(members), value, bound, True)
    members, value, proved = _search_tree(relative, start, members, value, tangent, work)
    return BestSubset(np.sort(members), value, max(bound, value), proved)


class _Sums:
    """log p of a class after one more map, for all maps at once.

    exp(logits + effects) is a product of exponentials, so that the sums over the classes are one
    product of a matrix and a vector, without an exponential for each entry.
    """

    def __init__(self, effects: Float[Array, "maps classes"]) -> None:
        self.effects = effects
        self._most = effects.max(axis=1)
        self._powers = np.exp(effects - self._most[:, None])

    def log_probabilities(self, logits: Float[Array, " classes"]) -> Float[Array, " maps"]:
        """Return -log sum_j exp(logits_j + effects_aj) of every map; all relative to the class."""
        top = logits.max()
        sums = self._powers @ np.exp(logits - top)
        lost = sums < 1e-200  # factors that are far apart: their product has underflowed
        sums[lost] = 1.0
        values = -(np.log(sums) + self._most + top)
        values[lost] = [_log_probability(logits + row) for row in self.effects[lost]]
        return values


def _log_probability(logits: Float[Array, " classes"]) -> float:
    """Return log p of the class that the logits are relative to."""
    top = logits.max()
    return float(-top - np.log(np.exp(logits - top).sum()))


def _local_search(
    sums: _Sums, none: Float[Array, " classes"], k: int
) -> tuple[Int[Array, " k"], float]:
    """Add the best map k times, then exchange members for better ones while that is possible."""
    members: list[int] = []
    logits = none
    for _ in range(k):
        values = sums.log_probabilities(logits)
        values[members] = -np.inf
        members.append(int(values.argmax()))
        logits = logits + sums.effects[members[-1]]
    value, since = _log_probability(logits), 0
    while since < k:  # exchanges that have failed in a row
        without = none + sums.effects[members[1:]].sum(axis=0)
        values = sums.log_probabilities(without)
        values[members] = -np.inf
        best = int(values.argmax())
        since += 1
        if values[best] > value + ROUNDING:
            members[0], value, since = best, float(values[best]), 1
        members.append(members.pop(0))
    return np.array(members), value


@dataclass(frozen=True, eq=False, repr=False)
class Tangent:
    """An upper bound that is linear in the selection: log p_c(n) <= base + gradient . n.

    `bound` is its largest value over {0 <= n <= 1, sum n = k}, and `n` the point that it touches.
    """

    n: Float[Array, " maps"]
    gradient: Float[Array, " maps"]
    base: float
    bound: float

    def __repr__(self) -> str:
        return short_repr("Tangent", maps=len(self.n), bound=self.bound)


def relax(
    effects: Float[Array, "maps classes"],
    none: Float[Array, " classes"],
    members: Int[Array, " k"],
    *,
    steps: int = STEPS,
) -> Tangent:
    """Return the lowest linear upper bound found while log p is maximised over fractions of maps.

    Every iterate bounds log p of all sets (Frank and Wolfe 1956). A step moves from the k worst
    maps of the iterate to the k best of all (Garber and Meshi 2016, which converges linearly).

    Args:
        effects: what each map adds to the logits, relative to the class.
        none: the logits without any map, relative to the class.
        members: the set where the iteration starts.
        steps: largest number of steps.

    >>> relax(np.array([[0.0, -1.0], [0.0, -2.0]]), np.zeros(2), np.array([0]))
    Tangent(maps=2, bound=-0.1269)
    """
    k, n = len(members), np.zeros(len(effects))
    n[members] = 1.0
    best = None
    for _ in range(steps):
        held = np.flatnonzero(n)
        logits = none + n[held] @ effects[held]
        value = _log_probability(logits)
        gradient = -(effects @ np.exp(logits + value))
        towards = np.argpartition(-gradient, k - 1)[:k]
        base = value - float(gradient[held] @ n[held])
        bound = base + float(gradient[towards].sum()) + ROUNDING
        if best is None or bound < best.bound:
            best = Tangent(n.copy(), gradient, base, bound)
        if bound - value <= 2 * ROUNDING:
            break
        n = _moved(n, effects, logits, gradient, towards)
    assert best is not None
    return best


def _moved(
    n: Float[Array, " maps"],
    effects: Float[Array, "maps classes"],
    logits: Float[Array, " classes"],
    gradient: Float[Array, " maps"],
    towards: Int[Array, " k"],
) -> Float[Array, " maps"]:
    """Return the point after one step, to the maximum of log p along it or to the boundary."""
    held = np.flatnonzero(n)
    ranked = np.where(n[held] >= 1.0, -np.inf, gradient[held])  # whole maps are all taken off
    away = held[np.argpartition(ranked, len(towards) - 1)[: len(towards)]]
    step = np.zeros(len(n))
    step[towards] += 1.0
    step[away] -= 1.0
    changed = np.flatnonzero(step)
    if not changed.size:
        return n
    room = np.where(step > 0, 1.0 - n, n)[changed].min()
    length = _line_maximum(logits, step[changed] @ effects[changed], room)
    moved = n + length * step
    moved[moved < 1e-12] = 0.0
    moved[moved > 1.0 - 1e-12] = 1.0
    return moved


def _line_maximum(
    logits: Float[Array, " classes"], direction: Float[Array, " classes"], longest: float
) -> float:
    """Return the t in [0, longest] of the largest log p at logits + t direction, by bisection."""

    def slope(t: float) -> float:
        there = logits + t * direction
        return float(-np.exp(there + _log_probability(there)) @ direction)

    if slope(longest) >= 0:
        return longest
    low, high = 0.0, longest
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return low


def _search_tree(
    effects: Float[Array, "maps classes"],
    none: Float[Array, " classes"],
    members: Int[Array, " k"],
    value: float,
    tangent: Tangent,
    work: float,
) -> tuple[Int[Array, " k"], float, bool]:
    """Visit every set that the tangent does not exclude; return the best one, and whether all were.

    Of equal sets the first one found is kept.
    """
    from annealcam.sets.kernels.subsets import visit  # numba takes 0.3 s to import

    order = np.argsort(-tangent.gradient, kind="stable")
    prefix = np.concatenate([[0.0], np.cumsum(tangent.gradient[order])])
    places = np.argsort(order)[members]
    limit = int(work / len(none))
    best, proved = visit(effects[order], none, prefix, tangent.base, places, value, ROUNDING, limit)
    return order[places], float(best), bool(proved)
