"""Many annealing runs at once: several problems, each with several run times."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from annealcam._internal.deprecation import renamed_arguments, renamed_attribute
from annealcam._internal.text import repr_with
from annealcam._internal.types import Array
from annealcam._internal.validation import whole
from annealcam.annealing.hamiltonian import DEFAULT_TAU, Normalisation, annealed
from annealcam.annealing.schedules.schedule import Schedule
from annealcam.annealing.simulation.plan import Plan, check_tau, plan_of
from annealcam.annealing.simulation.runs import converged, gpu_of, simulator_of
from annealcam.errors import ArgumentError
from annealcam.qubo.convert import ProblemsLike, named_problems

_LARGEST_BATCH = 256  # runs at once on a GPU: more are no faster


@dataclass(frozen=True, eq=False, repr=False)
class BatchResult:
    """Success probabilities of several problems at several run times.

    Attributes:
        tau: the run times, (taus,).
        success_probability: F, (problems, taus).
        error: estimate of the error of F, (problems, taus).
        steps: number of time steps of the finest run, (problems, taus).
        multiplicity: number of ground states of each problem, (problems,).
        normalisation: driver normalisation, with the units of time and energy.
        schedule: name of the schedule.
        energy_scale: the energy that is 1 in the runs of each problem, (problems,).
    """

    tau: Float[Array, " taus"]
    success_probability: Float[Array, "problems taus"]
    error: Float[Array, "problems taus"]
    steps: Int[Array, "problems taus"]
    multiplicity: Int[Array, " problems"]
    normalisation: Normalisation
    schedule: str
    energy_scale: Float[Array, " problems"]

    convention = renamed_attribute("convention", "normalisation")

    __repr__ = repr_with("tau", "success_probability", "error")


@renamed_arguments(convention="normalisation")
def anneal_batch(
    problems: ProblemsLike,
    *,
    tau: ArrayLike = DEFAULT_TAU,
    normalisation: str | Normalisation | None = None,
    schedule: str | Schedule = "linear",
    tol: float = 1e-6,
    constraint: str = "subspace",
    precision: str = "complex128",
    device: str = "cpu",
    threads: int = 1,
    scale_energies: bool | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> BatchResult:
    """Anneal every problem with every tau, as `anneal` does.

    The energies of a problem are computed once for all its runs. The runs are compiled code that
    releases Python's lock: `threads` problems run at the same time, each on one core.

    Args:
        problems: the selection problems, of any sizes.
        tau: one run time, or several.
        normalisation, schedule, tol, constraint, precision, device: as for `anneal`.
        threads: number of CPU cores.
        scale_energies: as for `anneal`.
        progress: called with the number of finished problems and the number of all.

    Raises:
        ArgumentError: as for `anneal`, or there is no problem or no tau.
        ProblemTooLargeError: as for `anneal`.

    >>> from annealcam.qubo import SelectionProblem
    >>> p = SelectionProblem([1.0], [[0.0]], beta=0.7)
    >>> anneal_batch([p, p], tau=[1.0, 200.0]).success_probability.round(2)
    array([[0.53, 1.  ],
           [0.53, 1.  ]])
    """
    values = named_problems(problems)
    scaled = [annealed(value, scale_energies, name) for name, value in values]
    taus = [check_tau(t) for t in np.atleast_1d(np.asarray(tau)).tolist()]
    if not taus or not scaled:
        raise ArgumentError("problems, tau: give at least one of each")
    options: dict[str, Any] = {
        "normalisation": normalisation,
        "schedule": schedule,
        "tol": tol,
        "constraint": constraint,
        "precision": precision,
    }
    plans = [[plan_of(problem, tau=t, **options) for t in taus] for problem, _ in scaled]
    threads, gpu = whole("threads", threads, least=1), gpu_of(device)
    if gpu is None or plans[0][0].in_subspace:
        table = _on_cores(plans, threads, progress)
    else:
        table = _on_gpu(plans, gpu)
    return BatchResult(
        tau=np.array(taus),
        success_probability=np.clip(table[..., 0], 0.0, 1.0),
        error=table[..., 1],
        steps=table[..., 2].astype(np.int64),
        multiplicity=table[:, 0, 3].astype(np.int64),
        normalisation=plans[0][0].normalisation,
        schedule=plans[0][0].schedule.name,
        energy_scale=np.array([unit for _, unit in scaled]),
    )


def _on_cores(
    plans: list[list[Plan]], threads: int, progress: Callable[[int, int], None] | None
) -> Float[Array, "problems taus 4"]:
    """Return F, its error, steps and multiplicity of every run."""
    finished = itertools.count(1)

    def rows(plans_of_a_problem: list[Plan]) -> list[tuple[float, float, int, int]]:
        simulator = simulator_of(plans_of_a_problem[0])
        table = []
        for plan in plans_of_a_problem:
            ladder = converged(plan, simulator)
            steps, multiplicity = plan.steps(ladder.multiple), len(simulator.ground)
            table.append((float(ladder.success), float(ladder.error), steps, multiplicity))
        if progress is not None:
            progress(next(finished), len(plans))
        return table

    if threads == 1:
        return np.array([rows(some) for some in plans])
    with ThreadPoolExecutor(threads) as pool:
        return np.array(list(pool.map(rows, plans)))


def _on_gpu(plans: list[list[Plan]], gpu: Any) -> Float[Array, "problems taus 4"]:
    """Return the same from batches of runs of equal d and similar numbers of steps."""
    from annealcam.annealing.simulation.devices import largest_batch
    from annealcam.annealing.simulation.gpu import converge_together

    flat = [plan for some in plans for plan in some]
    table = np.empty((len(flat), 4))
    order = sorted(range(len(flat)), key=lambda i: (flat[i].problem.d, flat[i].steps(1)))
    for d, group in itertools.groupby(order, key=lambda i: flat[i].problem.d):
        runs = list(group)
        size = min(largest_batch(d, device=gpu, precision=flat[0].precision), _LARGEST_BATCH)
        for batch in (runs[i : i + size] for i in range(0, len(runs), size)):
            ladder, first, multiplicity = converge_together([flat[i] for i in batch], device=gpu)
            table[batch, 0] = ladder.success.cpu()
            table[batch, 1] = ladder.error.cpu()
            table[batch, 2] = first * ladder.multiple
            table[batch, 3] = multiplicity.cpu()
    return table.reshape(len(plans), len(plans[0]), 4)
