"""All selections that are as good as the optimum, or nearly: what they share is what is sure."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from annealcam._internal.types import Array
from annealcam._internal.validation import real
from annealcam.errors import ArgumentError, ProblemTooLargeError
from annealcam.qubo.energies import bits, weights
from annealcam.qubo.problem import MAX_ENUMERATED, SelectionProblem


@dataclass(frozen=True, eq=False)
class NearOptimal:
    """All selections within epsilon of the optimum, of lowest energy first.

    State number b selects map p where bit p of b is set; equal energies are in state order. The
    optimum is the first of them, `epsilon` a distance in units of the energy.
    """

    d: int
    epsilon: float
    states: Int[Array, " many"]
    energies: Float[Array, " many"]

    @property
    def selections(self) -> Int[Array, "many d"]:
        """Every selection as 0 and 1; as many bytes as there are selections times d."""
        return bits(self.states, self.d)

    @property
    def share(self) -> Float[Array, " d"]:
        """The share of the selections that hold each map."""
        return np.array([float((self.states >> p & 1).mean()) for p in range(self.d)])

    @property
    def backbone(self) -> Bool[Array, " d"]:
        """The maps that all of them hold: no nearly optimal selection does without."""
        return bits(int(np.bitwise_and.reduce(self.states)), self.d).astype(bool)

    @property
    def unused(self) -> Bool[Array, " d"]:
        """The maps that none of them holds."""
        return bits(int(np.bitwise_or.reduce(self.states)), self.d) == 0

    @property
    def jaccard(self) -> Float[Array, " many"]:
        """The Jaccard index of each with the optimum, in [0, 1]; 1 where both are empty."""
        both = np.bitwise_count(self.states & self.states[0]).astype(float)
        either = np.bitwise_count(self.states | self.states[0]).astype(float)
        return np.where(either == 0, 1.0, both / np.maximum(either, 1.0))


def near_optimal(problem: SelectionProblem, epsilon: float = 0.01) -> NearOptimal:
    """Return all selections whose energy is within epsilon of the optimum, for d <= 24.

    {n : E(n) <= E_0 + epsilon |E_0|}, among the selections of k maps where k is asked for

    With epsilon = 0 the optima alone (to `problem.tie`), as many as `solve_exact` counts. What is
    in the backbone does not depend on which of them a sampler happens to return.

    Args:
        problem: the selection problem.
        epsilon: distance from the optimum as a share of |E_0|, 0 or more.

    Raises:
        ProblemTooLargeError: d is above 24.
        ArgumentError: epsilon is negative or not finite.

    >>> p = SelectionProblem([1.0, 0.5, 0.5], [[0, 0, 0], [0, 0, 2], [0, 2, 0]], beta=0.5)
    >>> near = near_optimal(p, 0.0)
    >>> near.states, near.backbone, near.unused
    (array([3, 5]), array([ True, False, False]), array([False, False, False]))
    """
    if problem.d > MAX_ENUMERATED:
        raise ProblemTooLargeError(
            f"d={problem.d}: all selections are enumerated up to {MAX_ENUMERATED} maps; "
            f"keep fewer candidates (max_qubits={MAX_ENUMERATED} or less)"
        )
    if not 0 <= real("epsilon", epsilon) < math.inf:
        raise ArgumentError(f"epsilon={epsilon}: a share of the optimum, 0 or more, such as 0.01")
    energies = problem.energies()
    if problem.cardinality is not None:
        energies[weights(problem.d) != problem.cardinality] = np.inf
    lowest = float(energies.min())
    reach = epsilon * abs(lowest)
    states = np.flatnonzero(energies <= lowest + reach + problem.tie)
    found = energies[states]
    order = np.argsort(found, kind="stable")
    return NearOptimal(problem.d, reach, states[order], found[order])
