"""Chances: what many shots, and what mere guessing, can do."""

from __future__ import annotations

import math

from annealcam._checks import whole
from annealcam.errors import ArgumentError
from annealcam.selection.problem import SelectionProblem


def best_of_shots(p: float, shots: int) -> float:
    """Return the chance that at least one of so many independent shots succeeds.

    P = 1 - (1 - p)^shots

    Raises:
        ArgumentError: p is not a probability, or shots is below 1.

    >>> best_of_shots(0.5, 2)
    0.75
    """
    if not 0 <= p <= 1:
        raise ArgumentError(f"p={p}: a probability lies between 0 and 1")
    shots = whole("shots", shots, least=1)
    return 1.0 if p == 1 else -math.expm1(shots * math.log1p(-p))


def guess_probability(problem: SelectionProblem, multiplicity: int, shots: int) -> float:
    """Return the chance that uniform guessing with as many shots finds the optimum.

    P = 1 - (1 - g / M)^shots; g = ground multiplicity, M = 2^d selections, or binom(d, k).

    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.0], [0.0, 0.0]])
    >>> round(guess_probability(p, 1, 1), 12)
    0.25
    """
    k = problem.cardinality
    selections = 2**problem.d if k is None else math.comb(problem.d, k)
    return best_of_shots(multiplicity / selections, shots)
