"""Search for sets of maps by running the network, where the effects of maps do not add up."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
from jaxtyping import Bool, Float, Int

from annealcam._internal.types import Array
from annealcam.sets.masked_runs import MapEffects, MaskedRuns
from annealcam.sets.sorting import Found

BUDGET = 4000  # masked runs of a search, beyond those of single maps
RIVALS = 4  # competitors that a ranking is followed for
PAIRS = 256  # pairs of members that are tried without
BASES = 4  # sets without a pair to which each other map is added
POOL = 64  # other maps that are added


def rows_to_masks(sets: Int[Array, "n k"], m: int) -> Bool[Array, "n m"]:
    """Return sets of rows as masks.

    >>> rows_to_masks(np.array([[0, 2]]), 3)
    array([[ True, False,  True]])
    """
    masks = np.zeros((len(sets), m), dtype=bool)
    np.put_along_axis(masks, sets, True, axis=1)
    return masks


def all_subsets(m: int, k: int) -> Int[Array, "n k"]:
    """Return all sets of k of m rows, in lexicographic order.

    >>> all_subsets(3, 2).tolist()
    [[0, 1], [0, 2], [1, 2]]
    """
    return np.array(list(combinations(range(m), k)), dtype=np.int64).reshape(-1, k)


def fewest_by_search(
    runs: MaskedRuns,
    effects: MapEffects,
    competitors: Int[Array, " rivals"],
    *,
    budget: int = BUDGET,
) -> Found:
    """Return a small set of maps without which a competitor is above the target.

    Maps are ranked by what the removal of each alone does to the lead of each competitor, and by
    what each alone adds to it. Beginnings of these rankings are removed; of the shortest that
    flips, members are dropped one by one, or two are replaced by one other map, as long as the
    target stays below. Smaller sets are enumerated if there are few enough.

    The rows are places in `runs.channels`. No competitor may be above the target with all maps.
    """
    return _FlipSearch(runs, effects, competitors, budget).run()


class _FlipSearch:
    def __init__(
        self,
        runs: MaskedRuns,
        effects: MapEffects,
        competitors: Int[Array, " rivals"],
        budget: int,
    ) -> None:
        self.runs, self.competitors, self.left = runs, competitors, budget
        self.m = len(runs.channels)
        self.lead = self._leads(effects.every[None])[0]
        self.by_alone = -self._leads(effects.alone)
        self.by_removal = self._leads(runs.removed(np.eye(self.m, dtype=bool))) - self.lead

    def _leads(self, logits: Float[Array, "n classes"]) -> Float[Array, "n rivals"]:
        """Return z_competitor - z_target."""
        return logits[:, self.competitors] - logits[:, [self.runs.target]]

    def removed(self, masks: Bool[Array, "n m"]) -> Float[Array, " n"]:
        """Return the largest lead of a competitor where the maps of each mask are removed."""
        self.left -= len(masks)
        return self._leads(self.runs.removed(masks)).max(axis=1)

    def run(self) -> Found:
        singles = (self.lead + self.by_removal).max(axis=1)
        if self.m and singles.max() > 0:
            return Found(np.array([singles.argmax()]), True)
        rows = self._shortest_beginning()
        if rows is not None:
            rows = self._shortened(rows)
        return self._enumerated(rows)

    def _shortest_beginning(self) -> Int[Array, " k"] | None:
        """Return the shortest beginning of a ranking without which a competitor is ahead."""
        orders = np.concatenate([self._orders(self.by_removal), self._orders(self.by_alone)])
        sizes = np.unique(np.geomspace(2, max(self.m, 2), 24).astype(int))
        sizes = sizes[sizes <= self.m]
        flips = np.array([self._beginnings(order, sizes) > 0 for order in orders])
        if not flips.any():
            return None
        first = np.where(flips.any(axis=1), flips.argmax(axis=1), len(sizes))
        order, place = orders[first.argmin()], first.min()
        between = np.arange(sizes[place - 1] + 1 if place else 2, sizes[place] + 1)
        shortest = between[(self._beginnings(order, between) > 0).argmax()]
        return order[:shortest]

    def _orders(self, gains: Float[Array, "m rivals"]) -> Int[Array, "orders m"]:
        """Return the rankings for the competitors that seem nearest."""
        ranked = np.argsort(-gains, axis=0, kind="stable")
        sums = self.lead + np.cumsum(np.take_along_axis(gains, ranked, axis=0), axis=0)
        ahead = sums > 0
        size = np.where(ahead.any(axis=0), ahead.argmax(axis=0), self.m)
        return ranked[:, np.lexsort((-sums.max(axis=0, initial=-np.inf), size))[:RIVALS]].T

    def _beginnings(self, order: Int[Array, " m"], sizes: Int[Array, " n"]) -> Float[Array, " n"]:
        rank = np.argsort(order)
        return self.removed(rank[None, :] < sizes[:, None])

    def _shortened(self, rows: Int[Array, " k"]) -> Int[Array, " k"]:
        """Drop members, or replace two by one, until neither succeeds or the budget is spent."""
        while len(rows) > 2 and self.left >= len(rows):
            without = np.array([np.delete(rows, i) for i in range(len(rows))])
            leads = self.removed(rows_to_masks(without, self.m))
            if leads.max() > 0:
                rows = without[leads.argmax()]
                continue
            shorter = self._two_for_one(rows[np.argsort(-leads, kind="stable")])
            if shorter is None:
                break
            rows = shorter
        return rows

    def _two_for_one(self, rows: Int[Array, " k"]) -> Int[Array, " k"] | None:
        """Return a set with two members replaced by one other map; the least useful come first."""
        pairs = [p for p in all_subsets(len(rows), 2) if p[1] * (p[1] - 1) < 2 * PAIRS]
        bases = np.array([np.delete(rows, pair) for pair in pairs])
        if self.left < len(bases) + BASES * POOL:
            return None
        leads = self.removed(rows_to_masks(bases, self.m))
        usual = self.by_removal.max(axis=1) + self.by_alone.max(axis=1)
        others = np.setdiff1d(np.argsort(-usual, kind="stable")[: POOL + len(rows)], rows)
        others = others[np.argsort(-usual[others], kind="stable")][:POOL]
        for base in bases[np.argsort(-leads, kind="stable")[:BASES]]:
            sets = np.column_stack([np.tile(base, (len(others), 1)), others])
            if not len(sets):
                return None
            gained = self.removed(rows_to_masks(sets, self.m))
            if gained.max() > 0:
                return sets[gained.argmax()]
        return None

    def _enumerated(self, rows: Int[Array, " k"] | None) -> Found:
        """Run all smaller sets, if the budget allows it."""
        sizes = range(2, self.m + 1 if rows is None else len(rows))
        if sum(comb(self.m, k) for k in sizes) > self.left:
            return Found(rows, False)
        for k in sizes:
            sets = all_subsets(self.m, k)
            leads = self.removed(rows_to_masks(sets, self.m))
            if leads.max() > 0:
                return Found(sets[leads.argmax()], True)
        return Found(rows, True)


def best_by_search(runs: MaskedRuns, effects: MapEffects, k: int, *, budget: int = BUDGET) -> Found:
    """Return k maps that keep the score of the target high by themselves: mostly its log p.

    All sets are run if there are few enough. Else the best map is added k times, and members are
    exchanged for better ones, among the maps that keep it best alone, until the budget is spent.
    """
    return _SufficientSearch(runs, effects, k, budget).run()


class _SufficientSearch:
    def __init__(self, runs: MaskedRuns, effects: MapEffects, k: int, budget: int) -> None:
        self.runs, self.k, self.left = runs, k, budget
        self.m = len(runs.channels)
        alone = runs.score(effects.none + effects.alone)
        self.ranked = np.argsort(-alone, kind="stable")

    def kept(self, sets: Int[Array, "n k"]) -> Float[Array, " n"]:
        """Return the score of the target where only the maps of each set are kept."""
        self.left -= len(sets)
        return self.runs.score(self.runs.kept(rows_to_masks(sets, self.m)))

    def run(self) -> Found:
        if comb(self.m, self.k) <= self.left:
            sets = all_subsets(self.m, self.k)
            return Found(sets[self.kept(sets).argmax()], True)
        removal = self.runs.score(self.runs.removed(np.eye(self.m, dtype=bool)))
        by_removal = np.argsort(removal, kind="stable")
        pool = self.ranked[: max(2 * self.k, self.left // (3 * self.k))]
        starts = np.array([self._greedy(pool), self.ranked[: self.k], by_removal[: self.k]])
        values = self.kept(starts)
        return Found(self._exchanged(starts[values.argmax()], values.max(), pool), False)

    def _greedy(self, pool: Int[Array, " n"]) -> Int[Array, " k"]:
        """Add the map that raises log p most; the beginning of the ranking once the budget ends."""
        rows = pool[:1]
        while len(rows) < self.k:
            others = np.setdiff1d(pool, rows)
            if self.left < len(others):
                return np.concatenate([rows, np.setdiff1d(pool, rows)[: self.k - len(rows)]])
            sets = np.column_stack([np.tile(rows, (len(others), 1)), others])
            rows = sets[self.kept(sets).argmax()]
        return rows

    def _exchanged(
        self, rows: Int[Array, " k"], value: float, pool: Int[Array, " n"]
    ) -> Int[Array, " k"]:
        since = 0  # exchanges that have failed in a row
        while since < self.k:
            others = np.setdiff1d(pool, rows)
            if self.left < len(others):
                break
            sets = np.column_stack([np.tile(rows[1:], (len(others), 1)), others])
            values = self.kept(sets)
            since += 1
            if values.max() > value:
                value, since = values.max(), 1
                rows = sets[values.argmax()]
            else:
                rows = np.roll(rows, -1)
        return rows
