"""Small selection problems whose optima are found by trying all selections."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from annealcam._internal.types import Array
from annealcam.qubo.problem import SelectionProblem
from annealcam.qubo.ties import lowest_selections

UNIT = 1 / 64  # coefficients of signed problems are multiples of it: all sums are exact


def relu_problem(d: int, seed: int = 0, **options: Any) -> SelectionProblem:
    """Return a problem as networks make it: maps after a ReLU, 7 x 7, and uniform relevance.

    >>> relu_problem(4, cardinality=2)
    SelectionProblem(d=4, beta=0.7, cardinality=2)
    """
    rng = np.random.default_rng([d, seed])
    maps = np.maximum(rng.normal(size=(d, 49)), 0.0)
    return SelectionProblem.from_maps(maps, rng.uniform(0.02, 1.0, d), **options)


def signed_problem(d: int, seed: int = 0, *, cardinality: int | None = None) -> SelectionProblem:
    """Return a problem with h and J of both signs, multiples of 1/64, so that sums are exact.

    >>> signed_problem(3).h
    array([-0.40625,  0.28125,  0.375  ])
    """
    rng = np.random.default_rng([seed, d])
    J = np.triu(rng.integers(-64, 65, (d, d)), 1) * UNIT
    h = rng.integers(-64, 65, d) * UNIT
    return SelectionProblem(h, J + J.T, beta=0.5, cardinality=cardinality)


def tied_problem(pairs: int, *, cardinality: int | None = None) -> SelectionProblem:
    """Return a problem of pairs of equal maps, of which at most one each is worth its cost.

    Without a cardinality, one map of each pair is optimal: 2^pairs selections.

    >>> tied_problem(1).energies()
    array([ 0. , -0.5, -0.5,  1. ])
    """
    J = np.kron(np.eye(pairs), 4.0 * (1 - np.eye(2)))
    return SelectionProblem(np.ones(2 * pairs), J, beta=0.5, cardinality=cardinality)


def permuted(problem: SelectionProblem, order: Int[Array, " d"]) -> SelectionProblem:
    """Return the problem whose map p is map order[p] of the given one.

    >>> permuted(SelectionProblem([1.0, 0.5], np.zeros((2, 2))), np.array([1, 0])).h
    array([0.5, 1. ])
    """
    return SelectionProblem(
        problem.h[order], problem.J[np.ix_(order, order)], beta=problem.beta,
        cardinality=problem.cardinality,
    )  # fmt: skip


def all_selections(problem: SelectionProblem) -> Int[Array, "selections d"]:
    """Return every selection of the problem's cardinality.

    >>> all_selections(SelectionProblem([1.0, 0.5], np.zeros((2, 2)), cardinality=1)).tolist()
    [[0, 1], [1, 0]]
    """
    rows = np.array(list(itertools.product((0, 1), repeat=problem.d)), dtype=np.int8)
    rows = rows.reshape(2**problem.d, problem.d)
    return rows[problem.feasible(rows)]


def optima(problem: SelectionProblem) -> Int[Array, "optima d"]:
    """Return all selections of lowest energy, by trying every one.

    >>> optima(tied_problem(1)).tolist()
    [[0, 1], [1, 0]]
    """
    rows = all_selections(problem)
    best: Bool[Array, " selections"] = lowest_selections(problem, rows)[1]
    return rows[best]
