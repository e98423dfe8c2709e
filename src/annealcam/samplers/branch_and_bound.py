"""The certified optimum of hundreds of maps: branch and bound, from a good selection."""

from __future__ import annotations

from time import monotonic

import numpy as np
from jaxtyping import Int

from annealcam._internal.types import Array
from annealcam.qubo.problem import SelectionProblem
from annealcam.qubo.solution import ExactSolution
from annealcam.samplers.local_search import local_search
from annealcam.samplers.trees import Left, Tree, shift_of

SLICE = 2000  # nodes between two looks at the clock, and at Ctrl-C


def branch_and_bound(
    problem: SelectionProblem,
    *,
    start: Int[Array, " d"] | None = None,
    time_limit: float | None = None,
    seed: int = 0,
) -> ExactSolution:
    """Return the optimum of a problem, proved, or the best that time allowed, with its bound.

    Depth first, from a selection of `local_search`. Where J + I is a Gram matrix (maps that are
    not negative), with n_p^2 = n_p

        E(n) = (1 - beta)/2 n (J + I) n - sum_p (beta h_p + (1 - beta)/2) n_p

    is convex: a node is bounded by its minimum over [0, 1] (`convex`), and maps whose other value
    would lift the bound above the best energy are fixed. Else (maps of both signs) each map of a
    selection of m is charged half of its m - 1 lowest couplings (`combinatorial`: Gilmore and
    Lawler). Where no coupling is negative, a map that costs never returns.

    Ctrl-C ends the search as a time limit does: the result says that nothing is proved.

    Args:
        problem: the selection problem, of any number of maps.
        start: a selection to begin with, of the asked cardinality; better ones make a smaller tree.
        time_limit: seconds; None takes as long as it needs.
        seed: of the local search.

    Source: docs/large.md.

    >>> branch_and_bound(SelectionProblem([1.0, 0.9], [[0.0, 1.0], [1.0, 0.0]], beta=0.5)).n
    array([1, 0], dtype=int8)
    """
    deadline = np.inf if time_limit is None else monotonic() + time_limit
    n = local_search(problem, start=start, seed=seed)
    convex = is_gram(problem)
    tree = Tree(Left.of(problem), n, float(problem.energy(n)), convex=convex)
    done = problem.d == 0
    try:
        if not done and not (done := tree.visit(1)):
            tree = tree.smaller()  # most maps are decided at the root
        while not done and monotonic() <= deadline:
            done = tree.visit(SLICE)
    except KeyboardInterrupt:
        done = False
    n = min(n, tree.left.whole(tree.best[0]), key=problem.energy)
    energy = float(problem.energy(n))
    return ExactSolution(
        n=n,
        energy=energy,
        lower_bound=energy if done else min(energy, tree.lower_bound),
        proved=done,
        multiplicity=max(int(tree.counts[2]), 1),
        method="convex" if convex else "combinatorial",
        nodes=int(tree.counts[1]),
    )


def is_gram(problem: SelectionProblem) -> bool:
    """Return whether J + I is positive semidefinite, but for rounding, as of non-negative maps.

    >>> is_gram(SelectionProblem([1.0, 1.0], [[0.0, 0.5], [0.5, 0.0]]))
    True
    >>> is_gram(SelectionProblem([1.0, 1.0], [[0.0, 2.0], [2.0, 0.0]]))
    False
    """
    try:
        np.linalg.cholesky(problem.quadratic + shift_of(problem) * np.eye(problem.d))
    except np.linalg.LinAlgError:
        return False
    return True
