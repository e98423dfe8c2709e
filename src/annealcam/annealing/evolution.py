"""The exact evolution of an annealing run: the Schroedinger equation on the state vector."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Complex, Float, Int

from annealcam._checks import real, whole
from annealcam._types import Array
from annealcam.annealing import _kernels, splitting
from annealcam.annealing.hamiltonian import Convention, convention_of, diagonal
from annealcam.annealing.schedule import Schedule, schedule_of
from annealcam.errors import ArgumentError, ProblemTooLargeError
from annealcam.selection.energies import bits, weights
from annealcam.selection.problem import SelectionProblem

MAX_QUBITS = 20
MAX_STEPS = 10_000_000
_REFINE = 1.5  # each run of the ladder has half as many steps again
_SAFETY = 3.0
_FEW_QUBITS = 4


@dataclass(frozen=True, eq=False)
class AnnealResult:
    """The end of an annealing run.

    `success_probability` (F) is the probability of the whole ground manifold of the problem at
    s = 1, `multiplicity` its size. `error` estimates the total variation distance of
    `probabilities` from the exact ones, and with it the error of F. State number b selects
    candidate p where bit p of b is set. Time and energy are in the problem's units, hbar = 1.
    """

    state: Complex[Array, " states"]
    success_probability: float
    multiplicity: int
    ground_energy: float
    error: float
    steps: int
    tau: float
    convention: Convention
    driver_scale: float
    schedule: str

    @property
    def d(self) -> int:
        """Number of qubits."""
        return int(self.state.size).bit_length() - 1

    @property
    def probabilities(self) -> Float[Array, " states"]:
        """Probability to measure each of the 2^d states; they sum to one."""
        p = self.state.real**2 + self.state.imag**2
        return p / p.sum()

    def sample(self, shots: int, seed: int = 0) -> Int[Array, "shots d"]:
        """Return the selections measured in so many independent shots.

        Raises:
            ArgumentError: shots is below 1, or seed below 0.
        """
        shots = whole("shots", shots, least=1)
        draws = np.random.default_rng(whole("seed", seed)).random(shots)
        cumulated = np.cumsum(self.probabilities)
        states = np.searchsorted(cumulated, draws * cumulated[-1], side="right")
        return bits(states, self.d)


def anneal(
    problem: SelectionProblem,
    *,
    tau: float = 50.0,
    convention: str | Convention = "paper",
    schedule: str | Schedule = "linear",
    tol: float = 1e-6,
) -> AnnealResult:
    """Anneal a problem of d <= 20 maps from the driver's ground state, without any noise.

    i dpsi/dt = H(t / tau) psi,   H(s) = A(s) H_D + B(s) H_QUBO,   psi(0) = 2^(-d/2) (1, ..., 1)

    The number of steps grows until two runs agree to `tol` in all probabilities. A cardinality
    enters as the problem's penalty. Nothing of size 4^d is ever made.

    Args:
        problem: the selection problem.
        tau: length of the run, in units of 1 / energy.
        convention: `paper` (driver -(1/d) sum sigma_x) or `text` (-sum sigma_x).
        schedule: `linear`, A = 1 - s and B = s.
        tol: bound on the estimated error of the probabilities and so of F, at least 1e-10.

    Raises:
        ArgumentError: tau or tol is out of range, or a name is unknown.
        ProblemTooLargeError: d is above 20.

    Source: arXiv 2604.25649, eq. 5; the numerical scheme is described in docs/method.md.

    >>> p = SelectionProblem([1.0], [[0.0]], beta=0.7)
    >>> round(anneal(p, tau=200.0).success_probability, 3)
    1.0
    """
    convention, schedule = convention_of(convention), schedule_of(schedule)
    tau = check_tau(tau)
    _check(problem, tol)
    energies = diagonal(problem)
    scale = convention.driver_scale(problem.d)
    turns = energies / (2 * math.pi)
    steps = _first_steps(problem, tau, scale)
    coarse = _run(turns, *splitting.stages(schedule, tau, steps, scale))
    # With few states two runs may agree by chance where they cross: then two agreements are asked.
    before = math.inf if problem.d <= _FEW_QUBITS else 0.0
    while True:
        _refuse_endless(tau, steps)
        steps = math.ceil(_REFINE * steps)
        fine = _run(turns, *splitting.stages(schedule, tau, steps, scale))
        difference = 0.5 * float(np.abs(_density(fine) - _density(coarse)).sum())
        now = _SAFETY * difference / (_REFINE**splitting.ORDER - 1)
        error = max(now, before / _REFINE**splitting.ORDER)
        if error <= tol:
            break
        coarse, before = fine, now if problem.d <= _FEW_QUBITS else 0.0
    ground = energies <= energies.min() + problem.tie
    density = _density(fine)
    return AnnealResult(
        state=_out_of_gauge(fine, problem.d),
        success_probability=float(density[ground].sum() / density.sum()),
        multiplicity=int(ground.sum()),
        ground_energy=float(energies.min()),
        error=error,
        steps=steps,
        tau=tau,
        convention=convention,
        driver_scale=scale,
        schedule=schedule.name,
    )


def check_tau(tau: Any) -> float:
    """Return tau as a float; raise ArgumentError unless it is above 0 and finite."""
    number = real("tau", tau)
    if not (number > 0 and math.isfinite(number)):
        raise ArgumentError(f"tau={tau}: must be above 0 and finite; the paper takes 10 to 100")
    return number


def _check(problem: SelectionProblem, tol: float) -> None:
    if not 1e-10 <= tol < 1:
        raise ArgumentError(f"tol={tol}: must be at least 1e-10 and below 1")
    if problem.d > MAX_QUBITS:
        raise ProblemTooLargeError(
            f"d={problem.d}: the state vector is simulated up to {MAX_QUBITS} qubits; "
            "keep fewer candidates (max_qubits), or take another sampler (sa, tabu, sqa)"
        )


def _first_steps(problem: SelectionProblem, tau: float, driver_scale: float) -> int:
    """Steps short enough to be past the resonances of large steps (docs/method.md)."""
    field = np.abs(problem.linear).max(initial=0.0)
    field += np.abs(problem.quadratic).sum(axis=1).max(initial=0.0)
    field += 4 * problem.penalty  # between neighbouring numbers of selected maps near k
    turn = 1.25 if problem.d <= _FEW_QUBITS else 5.0  # radians a step; few qubits cost nothing
    longest = min(1.75, 1.2 / driver_scale, turn / max(field, 1e-300))
    steps = tau / longest
    _refuse_endless(tau, steps)
    return max(4, math.ceil(steps))


def _refuse_endless(tau: float, steps: float) -> None:
    if steps > MAX_STEPS:
        raise ArgumentError(
            f"tau={tau:g}: would take over {MAX_STEPS:.0e} steps; "
            "give a smaller tau, or scale the problem's energies down"
        )


def _run(
    turns: Float[Array, " states"], angles: Float[Array, " k"], phases: Float[Array, " m"]
) -> Float[Array, "2 states"]:
    """The state after all stages, in the real gauge, as its real and imaginary parts."""
    d = int(turns.size).bit_length() - 1
    start = np.array([[1.0, 0.0, -1.0, 0.0], [0.0, -1.0, 0.0, 1.0]]) * 2.0 ** (-d / 2)  # (-i)^|n|
    state = np.ascontiguousarray(start[:, weights(d) % 4])
    _kernels.propagate(state[0], state[1], turns, angles, phases)
    return state


def _density(state: Float[Array, "2 states"]) -> Float[Array, " states"]:
    return state[0] ** 2 + state[1] ** 2


def _out_of_gauge(state: Float[Array, "2 states"], d: int) -> Complex[Array, " states"]:
    psi = (state[0] + 1j * state[1]) * np.array([1, 1j, -1, -1j])[weights(d) % 4]
    psi.setflags(write=False)
    return psi
