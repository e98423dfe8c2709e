"""Many runs at once: several problems, each with several lengths of the run."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from annealcam._internal.deprecation import renamed_arguments
from annealcam._internal.types import Array
from annealcam._internal.validation import whole
from annealcam.annealing.hamiltonian import DEFAULT_TAU, Normalisation
from annealcam.annealing.schedules.schedule import Schedule
from annealcam.annealing.simulation.ladder import Converged
from annealcam.annealing.simulation.plan import Plan, plan_of
from annealcam.annealing.simulation.runs import converged, gpu_of, simulator_of
from annealcam.errors import ArgumentError
from annealcam.qubo.problem import SelectionProblem

_TOGETHER = 256  # runs in one batch on a device: more bring nothing


@dataclass(frozen=True, eq=False)
class BatchResult:
    """F of every problem at every tau, with the estimate of its error and the steps it took."""

    tau: Float[Array, " taus"]
    success_probability: Float[Array, "problems taus"]
    error: Float[Array, "problems taus"]
    steps: Int[Array, "problems taus"]
    multiplicity: Int[Array, " problems"]
    normalisation: Normalisation
    schedule: str


@renamed_arguments(convention="normalisation")
def anneal_batch(
    problems: Sequence[SelectionProblem],
    *,
    tau: ArrayLike = DEFAULT_TAU,
    normalisation: str | Normalisation | None = None,
    schedule: str | Schedule = "linear",
    tol: float = 1e-6,
    constraint: str = "subspace",
    precision: str = "complex128",
    device: str = "cpu",
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> BatchResult:
    """Anneal every problem with every tau; see `anneal` for the options.

    A problem's energies are made once and serve all its runs. The runs themselves are compiled
    code outside of Python's lock: `threads` problems run at a time, each on one core.

    Args:
        problems: the selection problems, of any sizes.
        tau: one length of the run, or several.
        normalisation, schedule, tol, constraint, precision, device: as of `anneal`.
        threads: cores to use.
        progress: called with the number of problems done and their number in all.

    Raises:
        ArgumentError: as `anneal`, or there is no problem or no tau.
        ProblemTooLargeError: as `anneal`.

    >>> p = SelectionProblem([1.0], [[0.0]], beta=0.7)
    >>> anneal_batch([p, p], tau=[1.0, 200.0]).success_probability.round(2)
    array([[0.53, 1.  ],
           [0.53, 1.  ]])
    """
    taus = np.atleast_1d(np.asarray(tau, dtype=np.float64)).tolist()
    if not taus or not problems:
        raise ArgumentError("problems, tau: at least one of each")
    plans = [
        [
            plan_of(problem, tau=t, normalisation=normalisation, schedule=schedule, tol=tol,
                    constraint=constraint, precision=precision)
            for t in taus
        ]
        for problem in problems
    ]  # fmt: skip
    threads, place = whole("threads", threads, least=1), gpu_of(device)
    if place is None or plans[0][0].in_subspace:
        table = _on_cores(plans, threads, progress)
    else:
        table = _on_device(plans, place)
    one = plans[0][0]
    return BatchResult(
        tau=np.array(taus),
        success_probability=np.clip(table[..., 0], 0.0, 1.0),
        error=table[..., 1],
        steps=table[..., 2].astype(np.int64),
        multiplicity=table[:, 0, 3].astype(np.int64),
        normalisation=one.normalisation,
        schedule=one.schedule.name,
    )


def _on_cores(
    plans: list[list[Plan]], threads: int, progress: Callable[[int, int], None] | None
) -> Float[Array, "problems taus 4"]:
    """F, its error, steps and multiplicity of every run."""
    done = itertools.count(1)

    def all_taus(own: list[Plan]) -> list[tuple[float, float, int, int]]:
        simulator = simulator_of(own[0])
        rows = [_row(converged(plan, simulator), plan, len(simulator.ground)) for plan in own]
        if progress is not None:
            progress(next(done), len(plans))
        return rows

    if threads == 1:
        return np.array([all_taus(own) for own in plans])
    with ThreadPoolExecutor(threads) as pool:
        return np.array(list(pool.map(all_taus, plans)))


def _row(found: Converged, plan: Plan, multiplicity: int) -> tuple[float, float, int, int]:
    return float(found.success), float(found.error), plan.steps(found.multiple), multiplicity


def _on_device(plans: list[list[Plan]], place: Any) -> Float[Array, "problems taus 4"]:
    """The same, in batches of equal d that fit on the device, like numbers of steps together."""
    from annealcam.annealing.simulation.devices import largest_batch
    from annealcam.annealing.simulation.gpu import converge_together

    taus = len(plans[0])
    flat = [plan for own in plans for plan in own]
    table = np.empty((len(flat), 4))
    order = sorted(range(len(flat)), key=lambda i: (flat[i].problem.d, flat[i].steps(1)))
    for d, group in itertools.groupby(order, key=lambda i: flat[i].problem.d):
        most = min(largest_batch(d, device=place, precision=flat[0].precision), _TOGETHER)
        for some in _batched(list(group), most):
            found, first, multiplicity = converge_together([flat[i] for i in some], device=place)
            table[some, 0] = found.success.cpu()
            table[some, 1] = found.error.cpu()
            table[some, 2] = first * found.multiple
            table[some, 3] = multiplicity.cpu()
    return table.reshape(len(plans), taus, 4)


def _batched(numbers: list[int], most: int) -> list[list[int]]:
    return [numbers[i : i + most] for i in range(0, len(numbers), most)]
