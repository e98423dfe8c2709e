"""The optimum of a problem by the semidefinite bound, where that is better than another bound."""

from __future__ import annotations

from jaxtyping import Int

from annealcam._internal.deadline import NEVER, Deadline, TimeIsUpError
from annealcam._internal.types import Array
from annealcam.qubo.problem import SelectionProblem
from annealcam.qubo.solution import ExactSolution
from annealcam.qubo.ties import energy_below
from annealcam.samplers.general.tree import SemidefiniteTree

MOST_MAPS = 500  # for which the bound of the root takes seconds
CLOSER = 0.5  # gap of the semidefinite bound over that of another one, below which it is used


def semidefinite_proof(
    problem: SelectionProblem,
    n: Int[Array, " d"],
    bound: float,
    deadline: Deadline = NEVER,
) -> ExactSolution | None:
    """Return the optimum by the semidefinite bound with triangle inequalities, or None.

    It is None if the problem has more than MOST_MAPS maps, or if the semidefinite bound alone does
    not leave less than half of the gap of `bound`. If time runs out, or after Ctrl-C, the solution
    holds the best selection found and the better one of both bounds. `multiplicity` counts the
    optima that were met, which need not be all of them.

    Args:
        problem: the selection problem.
        n: a selection to begin with, of the problem's cardinality; best the optimum.
        bound: a lower bound on all energies.
        deadline: of the search.

    Raises:
        TimeIsUpError: the deadline has passed before there is a bound.

    >>> import numpy as np
    >>> p = SelectionProblem([1.0, -1.0, 1.0], 4 * (np.eye(3) - 1), beta=0.5)
    >>> x = semidefinite_proof(p, np.zeros(3, dtype=np.int8), -20.0)
    >>> x.n, x.energy, x.proved, x.method
    (array([1, 1, 1], dtype=int8), -6.5, True, 'semidefinite')
    """
    if not 0 < problem.d <= MOST_MAPS:
        return None
    tree = SemidefiniteTree(problem, n, deadline)
    energy = float(problem.energy(n))
    if energy - tree.root > CLOSER * (energy - bound):
        return None
    done = interrupted = False
    try:
        done = tree.search(deadline)
    except (KeyboardInterrupt, TimeIsUpError) as stop:
        interrupted = isinstance(stop, KeyboardInterrupt)
    best = tree.best
    energy = float(problem.energy(best))
    return ExactSolution(
        n=best,
        energy=energy,
        lower_bound=min(
            energy, energy_below(problem, best) if done else max(bound, tree.lower_bound)
        ),
        proved=done,
        multiplicity=tree.ties,
        method="semidefinite",
        nodes=tree.nodes,
        interrupted=interrupted,
    )
