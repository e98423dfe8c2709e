"""Baselines: greedy selection, the most relevant maps, and random maps."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from annealcam._internal.types import Array
from annealcam._internal.validation import whole
from annealcam.qubo.convert import ProblemLike, as_problem
from annealcam.qubo.problem import MAX_ENUMERATED, SelectionProblem
from annealcam.samplers.exact import solve_exact


def topk_relevance(problem: ProblemLike) -> Int[Array, " d"]:
    """Select the k most relevant maps regardless of redundancy; among equals the first.

    >>> topk_relevance(SelectionProblem([0.2, 1.0, 0.5], np.zeros((3, 3)), cardinality=2))
    array([0, 1, 1], dtype=int8)
    """
    problem = as_problem(problem)
    order = np.argsort(-problem.h, kind="stable")
    return _vector(problem.d, order[: _size(problem)])


def random_k(problem: ProblemLike, *, seed: int) -> Int[Array, " d"]:
    """Select k maps at random, every k-subset equally likely.

    >>> int(random_k(SelectionProblem(np.ones(9), np.zeros((9, 9)), cardinality=4), seed=0).sum())
    4
    """
    problem = as_problem(problem)
    rng = np.random.default_rng(whole("seed", seed))
    return _vector(problem.d, rng.choice(problem.d, size=_size(problem), replace=False))


def greedy(problem: ProblemLike) -> Int[Array, " d"]:
    """Add the map that lowers the energy most, while one does (or until k are selected).

    >>> greedy(SelectionProblem([1.0, 0.9], [[0.0, 1.0], [1.0, 0.0]], beta=0.5))
    array([1, 0], dtype=int8)
    """
    problem = as_problem(problem)
    return _grow(problem, np.zeros(problem.d, dtype=np.int8))


def repaired(problem: SelectionProblem, n: Int[Array, " d"]) -> Int[Array, " d"]:
    """Return a selection of the problem's cardinality: n without its worst maps, or with more.

    Maps are dropped, or added, one by one, such that the energy is lowest after each step.

    >>> p = SelectionProblem([1.0, 0.5, 0.2], np.zeros((3, 3)), cardinality=2)
    >>> repaired(p, np.array([1, 1, 1], dtype=np.int8))
    array([1, 1, 0], dtype=int8)
    """
    n = n.copy()
    while problem.cardinality is not None and n.sum() > problem.cardinality:
        field = problem.linear + problem.quadratic @ n
        n[np.argmax(np.where(n == 1, field, -np.inf))] = 0
    return _grow(problem, n)


def _grow(problem: SelectionProblem, n: Int[Array, " d"]) -> Int[Array, " d"]:
    field = problem.linear + problem.quadratic @ n  # change of energy when a map is added
    k = problem.cardinality
    while n.sum() < (problem.d if k is None else k):
        best = int(np.argmin(np.where(n == 0, field, np.inf)))
        if k is None and field[best] >= 0:
            break
        n[best] = 1
        field = field + problem.quadratic[best]
    return n


def _size(problem: SelectionProblem) -> int:
    """Return k: the cardinality, else the size of the optimum, or above 24 maps of greedy's."""
    if problem.cardinality is not None:
        return problem.cardinality
    if problem.d <= MAX_ENUMERATED:
        return int(solve_exact(problem).n.sum())
    return int(greedy(problem).sum())


def _vector(d: int, maps: Int[Array, " k"]) -> Int[Array, " d"]:
    n = np.zeros(d, dtype=np.int8)
    n[maps] = 1
    return n
