"""The heuristics of dwave-samplers for selection problems: a row of 0 and 1 for each shot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.deprecation import renamed_arguments
from annealcam._internal.types import Array
from annealcam._internal.validation import real, whole
from annealcam.annealing.schedules.names import schedule_of
from annealcam.errors import ArgumentError
from annealcam.qubo.convert import ProblemLike, as_problem

if TYPE_CHECKING:
    import dimod


@runtime_checkable
class Course(Protocol):
    """A(u) of the driver and B(u) of the problem for u in [0, 1]; every `Schedule` is one."""

    @property
    def name(self) -> str:
        """Return the name for the record."""

    def A(self, u: Any, /) -> Any:
        """Return the strength of the driver."""

    def B(self, u: Any, /) -> Any:
        """Return the strength of the problem."""


class DWaveLike:
    """A smooth schedule close to the published one of D-Wave's Advantage processors.

    A(u) = (1 - u)^3 falls early, and B(u) = u / 10 + 9 u^2 / 10 rises late.

    >>> DWaveLike().A(np.array([0.0, 0.5, 1.0])).tolist()
    [1.0, 0.125, 0.0]
    """

    name = "d-wave-like"

    def A(self, u: Float[Array, " n"], /) -> Float[Array, " n"]:
        """Return the strength of the driver, 1 at the start."""
        return (1 - u) ** 3

    def B(self, u: Float[Array, " n"], /) -> Float[Array, " n"]:
        """Return the strength of the problem, 1 at the end."""
        return 0.1 * u + 0.9 * u**2


DWAVE_LIKE = DWaveLike()


@renamed_arguments(reads="shots")
def simulated_annealing(
    problem: ProblemLike, *, shots: int = 100, sweeps: int = 1000, seed: int = 0
) -> Int[Array, "shots d"]:
    """Sample by simulated annealing, at dwave-samplers' own temperatures.

    Raises:
        ArgumentError: `shots` or `sweeps` is below 1.

    >>> from annealcam.qubo import SelectionProblem
    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]], beta=0.5)
    >>> simulated_annealing(p, shots=2).tolist()
    [[1, 0], [1, 0]]
    """
    problem = as_problem(problem)
    from dwave.samplers import SimulatedAnnealingSampler

    shots, sweeps = whole("shots", shots, least=1), whole("sweeps", sweeps, least=1)
    samples = SimulatedAnnealingSampler().sample(
        problem.to_bqm(), num_reads=shots, num_sweeps=sweeps, seed=_seeds(seed, 1)[0]
    )
    return _rows(samples, problem.d)


@renamed_arguments(reads="shots")
def tabu(
    problem: ProblemLike, *, shots: int = 20, restarts: int = 2, seed: int = 0
) -> Int[Array, "shots d"]:
    """Sample by tabu search; it ends after `restarts`, not after a time, so equal seeds agree.

    Raises:
        ArgumentError: `shots` is below 1, or `restarts` below 0.

    >>> from annealcam.qubo import SelectionProblem
    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]], beta=0.5)
    >>> tabu(p, shots=1).tolist()
    [[1, 0]]
    """
    problem = as_problem(problem)
    from dwave.samplers import TabuSampler

    shots, restarts = whole("shots", shots, least=1), whole("restarts", restarts)
    samples = TabuSampler().sample(
        problem.to_bqm(), num_reads=shots, num_restarts=restarts, timeout=600_000,
        seed=_seeds(seed, 1)[0],
    )  # fmt: skip
    return _rows(samples, problem.d)


@renamed_arguments(reads="shots")
def path_integral(
    problem: ProblemLike,
    *,
    shots: int = 10,
    sweeps: int = 200,
    inverse_temperature: float = 200.0,
    driver: float = 0.05,
    schedule: Course | str = DWAVE_LIKE,
    seed: int = 0,
) -> Int[Array, "shots d"]:
    """Sample by simulated quantum annealing: path-integral Monte Carlo of a transverse-field model.

    At the fraction u of a run, the paths sample the thermal state exp(-H) of

        H = inverse_temperature [ driver A(u) / A(0) H_D + B(u) / B(1) E / E_0 ],

    with H_D = -sum_p sigma_x^p and E_0 the largest |linear term| of the problem. This is not a
    simulation in real time: it shares with an annealer the thermal state and the tunnelling of
    single paths. The time grows with d^2, sweeps, shots, and inverse_temperature times driver. A
    cardinality is imposed by the penalty of `SelectionProblem.to_bqm`.

    Args:
        problem: the selection problem.
        shots: independent runs, each with a seed of its own; more shots begin with the same ones.
        sweeps: updates of each variable's path in a run.
        inverse_temperature: E_0 / kT at the end of the run.
        driver: strength of the driver at the start, in units of E_0.
        schedule: A and B: a `Schedule` or its name, or an object with both functions.
        seed: equal seeds give equal bits.

    Raises:
        ArgumentError: a number is not positive, or the schedule does not start with the driver and
            end with the problem.

    Source: King et al. 2021, doi 10.1038/s41467-021-20901-5, by dwave-samplers.

    >>> from annealcam.qubo import SelectionProblem
    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]], beta=0.5)
    >>> path_integral(p, shots=2).tolist()
    [[1, 0], [1, 0]]
    """
    problem = as_problem(problem)
    from dwave.samplers import PathIntegralAnnealingSampler

    u = np.linspace(0.0, 1.0, whole("sweeps", sweeps, least=2))
    unit = float(np.abs(problem.linear).max(initial=0.0)) or 1.0
    beta = _positive("inverse_temperature", inverse_temperature)
    problem_strength, driver_strength = _strengths(
        schedule if isinstance(schedule, Course) else schedule_of(schedule), u
    )
    options = {
        "beta_schedule_type": "custom",
        "Hp_field": beta / unit * problem_strength,
        "Hd_field": beta * _positive("driver", driver) * driver_strength,
    }
    sampler, model = PathIntegralAnnealingSampler(), problem.to_bqm()
    runs = [
        _rows(sampler.sample(model, num_reads=1, seed=run_seed, **options), problem.d)
        for run_seed in _seeds(seed, whole("shots", shots, least=1))
    ]
    return np.concatenate(runs)


def _strengths(course: Course, u: Float[Array, " n"]) -> tuple[Float[Array, " n"], ...]:
    """Return B(u) / B(1) and A(u) / A(0)."""
    A, B = (np.asarray(f(u), dtype=np.float64) for f in (course.A, course.B))
    if not (A[0] > 0 and B[-1] > 0 and (A >= 0).all() and (B >= 0).all()):
        raise ArgumentError(
            "schedule: A must start above 0, B must end above 0, and neither may be negative"
        )
    return B / B[-1], A / A[0]


def _positive(name: str, value: Any) -> float:
    number = real(name, value)
    if not 0 < number < np.inf:
        raise ArgumentError(f"{name}={value}: must be finite and above 0")
    return number


def _seeds(seed: int, count: int) -> list[int]:
    """Return independent seeds of 31 bits, the most the samplers accept."""
    return (np.random.SeedSequence(whole("seed", seed)).generate_state(count) >> 1).tolist()


def _rows(samples: dimod.SampleSet, d: int) -> Int[Array, "shots d"]:
    places = [samples.variables.index(v) for v in range(d)]
    rows: Int[Array, "shots d"] = samples.record.sample[:, places].astype(np.int8)
    return rows
