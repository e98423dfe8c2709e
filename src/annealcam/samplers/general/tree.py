"""Branch and bound by the semidefinite bound, for couplings of both signs."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from itertools import count

import numpy as np
from jaxtyping import Int

from annealcam._internal.deadline import NEVER, Deadline
from annealcam._internal.types import Array
from annealcam.qubo.problem import SelectionProblem
from annealcam.qubo.ties import exact_unit, lowest_selections
from annealcam.samplers.general.multipliers import best_multipliers
from annealcam.samplers.general.relaxation import Multipliers, Relaxation, fixed
from annealcam.samplers.general.spin_model import SpinModel

ENUMERATED = 10  # undecided maps of a node whose selections are all compared
MOST_TIES = 100  # optima that are counted
SURE = 1e-3  # of the unit of the energies: what a bound must be above the next lower energy
STEEP = 1e3  # gap of the root over the least one for which alpha is chosen


@dataclass(order=True)
class Node:
    """An open node: the bound of its parent, and the multipliers from which its own starts."""

    bound: float
    number: int
    model: SpinModel = field(compare=False)
    start: Multipliers = field(compare=False)


class SemidefiniteTree:
    """A best-first search by the bound of `Relaxation`, which can be continued.

    A node is closed if its bound is above every energy that would be lower than the best one: where
    all energies are multiples of a unit, as of whole numbers, the best energy less nearly that
    unit. Ties are then not looked for. Otherwise only nodes above the best energy are closed.
    Spins whose other sign has a bound above the limit are decided (`Relaxation.decisions`), and the
    tree branches on the spin that X leaves most undecided.

    Attributes:
        nodes: number of nodes that were bounded.
        root: bound of the root without triangle inequalities.
    """

    def __init__(
        self, problem: SelectionProblem, n: Int[Array, " d"], deadline: Deadline = NEVER
    ) -> None:
        self._problem = problem
        self._lowest, self._found = float(problem.energy(n)), [np.array(n)]
        unit = exact_unit(problem)
        whole = unit > 1e-9 * problem.scale
        self._below = (1 - SURE) * unit if whole else -problem.tie
        self.nodes, self._numbers = 0, count()
        model = SpinModel.of(problem.linear, problem.quadratic, problem.cardinality)
        if model.symmetric and model.size > 1:
            model = model.fixed(1, 1)  # the other half of the selections has the same energies
        start = _start(model, deadline)
        self.root = model.constant + float(start.y.sum())
        self._gap = max(self._limit - self.root, SURE * unit, 1e-9 * problem.scale)
        self._open = [Node(-np.inf, 0, model, start)]

    @property
    def best(self) -> Int[Array, " d"]:
        """The best selection so far."""
        selections = np.array(self._found)
        return selections[lowest_selections(self._problem, selections)[0]]

    @property
    def ties(self) -> int:
        """Number of the best selections that were met."""
        return int(lowest_selections(self._problem, np.array(self._found))[1].sum())

    @property
    def lower_bound(self) -> float:
        """A bound on all energies: the lowest one of the open nodes."""
        least = min((node.bound for node in self._open), default=np.inf)
        return min(max(least, self.root - self._problem.tie), self._lowest)

    def search(self, deadline: Deadline = NEVER) -> bool:
        """Search until the optimum is proved or time is up; return which.

        Raises:
            TimeIsUpError: the deadline has passed.
        """
        while self._open:
            deadline.check()
            node = self._open[0]  # it remains open if it is not finished
            children = self._visit(node, deadline)
            heapq.heappop(self._open)
            for child in children:
                heapq.heappush(self._open, child)
        return True

    @property
    def _limit(self) -> float:
        return self._lowest - self._below

    def _visit(self, node: Node, deadline: Deadline) -> list[Node]:
        """Bound a node; return the nodes into which it is divided, none if it is closed."""
        model = node.model
        if node.bound > self._limit or _is_void(model):
            return []
        if model.size - 1 <= ENUMERATED:
            self._compare(model.selections())
            return []
        relaxation = Relaxation(model, node.start)
        gap = max(min(self._limit - node.bound, self._gap), self._gap / STEEP)
        bound = max(relaxation.raise_bound(self._limit, gap, deadline), node.bound)
        self.nodes += 1
        if bound > self._limit:
            return []
        decided, start = relaxation.decisions(self._limit), relaxation.feasible()
        if decided.any():
            child = self._child(bound, model, start, decided)
            if np.count_nonzero(decided) > model.size // 4 or child.model.size <= ENUMERATED + 1:
                return [child]
            model, start = child.model, child.start
        undecided = np.flatnonzero(decided[1:] == 0)
        p = 1 + int(np.argmin(np.abs(relaxation.X[0, 1:][undecided])))
        return [Node(bound, next(self._numbers), *fixed(model, start, p, s)) for s in (1, -1)]

    def _child(
        self, bound: float, model: SpinModel, start: Multipliers, decided: Int[Array, " size"]
    ) -> Node:
        for p in np.flatnonzero(decided)[::-1]:
            model, start = fixed(model, start, int(p), int(decided[p]))
        return Node(bound, next(self._numbers), model, start)

    def _compare(self, selections: Int[Array, "selections d"]) -> None:
        """Keep the selections that are lower than the best ones, or tie with them."""
        if not len(selections):
            return
        energies = self._problem.energy(selections)
        lowest = min(float(energies.min()), self._lowest)
        near = selections[energies <= lowest + self._problem.tie]
        both = np.unique(np.concatenate([np.array(self._found), near]), axis=0)
        energies = self._problem.energy(both)
        both = both[energies <= lowest + self._problem.tie]
        order = np.argsort(self._problem.energy(both), kind="stable")
        self._found = list(both[order][:MOST_TIES])
        self._lowest = float(self._problem.energy(self.best))


def _start(model: SpinModel, deadline: Deadline) -> Multipliers:
    """Return the multipliers of the bound without triangle inequalities."""
    C, a, t = model.C, model.balance, 0.0
    if a is not None:
        t = -float(np.abs(C).sum(axis=1).max(initial=0.0)) * 2.0
        C = C - t * np.outer(a, a) / (a @ a)
        C[np.diag_indices_from(C)] = 0.0
    y = best_multipliers(C, deadline)
    if a is not None:
        y = y - t * a * a / (a @ a)
    return Multipliers(y, t)


def _is_void(model: SpinModel) -> bool:
    """Return whether the undecided spins cannot reach the cardinality."""
    a = model.balance
    return a is not None and bool(abs(a[0]) > np.abs(a[1:]).sum())
