"""Many annealing runs at once: several problems, each with several run times."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Event
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from annealcam._internal.deprecation import renamed_arguments, renamed_attribute
from annealcam._internal.plug_points import PlottedResult
from annealcam._internal.progress import ProgressOption, shows_progress
from annealcam._internal.text import repr_with
from annealcam._internal.types import Array
from annealcam._internal.validation import whole
from annealcam.annealing.hamiltonian import DEFAULT_TAU, Normalisation, annealed
from annealcam.annealing.schedules.schedule import Schedule
from annealcam.annealing.simulation.climbing import climb
from annealcam.annealing.simulation.first_steps import first_steps
from annealcam.annealing.simulation.plan import Plan, plan_of, run_times
from annealcam.annealing.simulation.runs import converged, gpu_of, simulator_of, state_vectors
from annealcam.errors import ArgumentError
from annealcam.qubo.convert import ProblemsLike, named_problems

_LARGEST_BATCH = 256  # runs at once on a GPU: more are no faster
# Problems, and states of all of them, in one block on a core: more are no faster.
_LARGEST_BLOCK, _STATES = 64, 1 << 16


@dataclass(frozen=True, eq=False, repr=False)
class BatchResult(PlottedResult):
    """Success probabilities of several problems at several run times.

    `plot` draws F of every problem against tau; for one tau, F of every problem, sorted.

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
@shows_progress
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
    progress: ProgressOption = None,
) -> BatchResult:
    """Anneal every problem with every tau, as `anneal` does.

    The energies of a problem are computed once for all its runs. Problems of equal d run together
    in compiled code that releases Python's lock: with several `threads`, as many blocks of problems
    run at the same time, each on one core.

    Args:
        problems: the selection problems, of any sizes.
        tau: one run time, or several.
        normalisation, schedule, tol, constraint, precision, device: as for `anneal`.
        threads: number of CPU cores.
        scale_energies: as for `anneal`.
        progress: True for a bar, or a function that is called with the number of finished problems
            and the number of all.

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
    taus = run_times("tau", tau)
    if not taus or not scaled:
        raise ArgumentError("problems, tau: give at least one of each")
    options: dict[str, Any] = {
        "normalisation": normalisation,
        "schedule": schedule,
        "tol": tol,
        "constraint": constraint,
        "precision": precision,
    }
    plan = plan_of(scaled[0][0], tau=taus[0], **options)
    plans = [plan.of(problem) for problem, _ in scaled]
    threads, gpu = whole("threads", threads, least=1), gpu_of(device)
    if gpu is None or plan.in_subspace:
        table = _on_cores(plans, taus, threads, progress)
    else:
        table = _on_gpu(plans, taus, gpu)
    return BatchResult(
        tau=np.array(taus),
        success_probability=np.clip(table[..., 0], 0.0, 1.0),
        error=table[..., 1],
        steps=table[..., 2].astype(np.int64),
        multiplicity=table[:, 0, 3].astype(np.int64),
        normalisation=plan.normalisation,
        schedule=plan.schedule.name,
        energy_scale=np.array([unit for _, unit in scaled]),
    )


def _on_cores(
    plans: list[Plan],
    taus: list[float],
    threads: int,
    progress: ProgressOption,
) -> Float[Array, "problems taus 4"]:
    """Return F, its error, steps and multiplicity of every run."""
    table, finished = np.empty((len(plans), len(taus), 4)), itertools.count(1)
    stop = Event()

    def fill(block: list[int]) -> None:
        table[block] = _rows([plans[i] for i in block], taus, stop)
        if callable(progress):
            for _ in block:
                progress(next(finished), len(plans))

    blocks = _blocks(plans, threads)
    if threads == 1:
        for block in blocks:
            fill(block)
        return table
    with ThreadPoolExecutor(threads) as pool:
        try:
            for done in [pool.submit(fill, block) for block in blocks]:
                done.result()
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return table


def _blocks(plans: list[Plan], threads: int) -> list[list[int]]:
    """Return the numbers of the problems in blocks of equal d, each for one compiled call."""
    sizes: dict[tuple[int, bool], list[int]] = {}
    for i, plan in enumerate(plans):
        sizes.setdefault((plan.problem.d, plan.in_subspace), []).append(i)
    blocks = []
    for (d, in_subspace), group in sizes.items():
        largest = 1 if in_subspace else max(1, min(_LARGEST_BLOCK, _STATES >> d))
        length = min(largest, -(-len(group) // threads))
        blocks += [group[i : i + length] for i in range(0, len(group), length)]
    return blocks


def _rows(plans: list[Plan], taus: list[float], stop: Event) -> Float[Array, "problems taus 4"]:
    """Return F, its error, steps and multiplicity of problems of equal d."""
    vectors = state_vectors(plans)
    if vectors is None:
        return np.array([_rows_of_one(plan, taus) for plan in plans])
    plan, lengths = plans[0], np.array(taus)
    fields = vectors.fields
    first, forced = first_steps(fields, vectors.d, plan.schedule, lengths, plan.scale, plan.tol)
    options = plan.agreements(first, forced), plan.rounding(fields, lengths)
    ladders = climb(vectors, plan, lengths, first, *options, stop=stop)
    multiplicity = np.repeat([[len(places)] for places in vectors.ground], len(taus), axis=1)
    return np.dstack([ladders.table[..., :2], ladders.steps, multiplicity])


def _rows_of_one(plan: Plan, taus: list[float]) -> list[tuple[float, float, int, int]]:
    simulator = simulator_of(plan)
    rows = []
    for tau in taus:
        run = replace(plan, tau=tau)
        ladder = converged(run, simulator)
        steps, multiplicity = run.steps(ladder.multiple), len(simulator.ground)
        rows.append((float(ladder.success), float(ladder.error), steps, multiplicity))
    return rows


def _on_gpu(plans: list[Plan], taus: list[float], gpu: Any) -> Float[Array, "problems taus 4"]:
    """Return the same from batches of runs of equal d and similar numbers of steps."""
    from annealcam.annealing.simulation.devices import largest_batch
    from annealcam.annealing.simulation.gpu import converge_together

    flat = [replace(plan, tau=tau) for plan in plans for tau in taus]
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
    return table.reshape(len(plans), len(taus), 4)
