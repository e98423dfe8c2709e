"""An ensemble of problems as a machine may realise them: with errors of h and J."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.text import short_repr
from annealcam._internal.types import Array
from annealcam._internal.validation import whole
from annealcam.annealing.evolution import anneal
from annealcam.annealing.schedules.schedule import Schedule
from annealcam.annealing.success import best_of_shots, wilson_interval
from annealcam.qubo.energies import bits, weights
from annealcam.qubo.problem import SelectionProblem
from annealcam.qubo.ties import as_good, ground_states
from annealcam.samplers.baselines import repaired
from annealcam.samplers.exact import solve_exact
from annealcam.samplers.hardware.scaling import Program, problem_of
from annealcam.samplers.local import local_search

MOST_ENUMERATED = 18  # maps for which all energies of each member are computed
MOST_ANNEALED = 14
_TOL = 1e-5  # of F, far below the spread of the ensemble


@dataclass(frozen=True, eq=False, repr=False)
class Ensemble:
    """What became of the optimum in an ensemble of perturbed problems.

    Attributes:
        errors: standard deviations of h of a qubit and J of a coupler, in the machine's units.
        survived: for each member, whether its optimum is an optimum of the true problem.
        loss: for each member, the energy in the true problem of its optimum, minus the true
            optimum. A selection that violates the cardinality is repaired first.
        proved: whether all optima are proved. Otherwise they are the best selections that were
            found, and `survival` is an upper bound: a member does not survive where a selection
            was found that is better there than the true optimum.
    """

    errors: tuple[float, float]
    survived: tuple[bool, ...]
    loss: tuple[float, ...]
    proved: bool

    def __repr__(self) -> str:
        return short_repr(
            "Ensemble", members=self.members, survival=self.survival, mean_loss=self.mean_loss,
            proved=self.proved,
        )  # fmt: skip

    @property
    def members(self) -> int:
        """Number of perturbed problems."""
        return len(self.survived)

    @property
    def survival(self) -> float:
        """Share of the members whose optimum is an optimum of the true problem."""
        return sum(self.survived) / self.members

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of `survival`."""
        return wilson_interval(sum(self.survived), self.members)

    @property
    def mean_loss(self) -> float:
        """Mean of `loss`, in the problem's units of energy."""
        return float(np.mean(self.loss))


def perturbed(
    program: Program, errors: tuple[float, float], members: int, *, seed: int
) -> list[SelectionProblem]:
    """Return problems with the energies of the program with errors, in the machine's units.

    Each qubit's bias has an independent Gaussian error of standard deviation errors[0], and each
    coupler that carries a coupling one of errors[1]. A chain that stays whole feels the sums, so
    that with n qubits and m couplers

        h_p -> h_p + sqrt(n_p) errors[0] N(0, 1),   J_pq -> J_pq + sqrt(m_pq) errors[1] N(0, 1)

    Source: D-Wave, "Errors and Error Correction", ICE: Gaussian deviations of h and J.
    """
    rng = np.random.default_rng(whole("seed", seed))
    d = len(program.h)
    problems = []
    for _ in range(whole("members", members, least=1)):
        h = program.h + np.sqrt(program.chain_lengths) * errors[0] * rng.standard_normal(d)
        noise = np.triu(rng.standard_normal((d, d)), 1)
        J = program.J + np.sqrt(program.couplers) * errors[1] * (noise + noise.T)
        problems.append(problem_of(h, J))
    return problems


def survival(
    problem: SelectionProblem,
    members: Sequence[SelectionProblem],
    errors: tuple[float, float],
    *,
    time_limit: float,
) -> Ensemble:
    """Return what became of the optimum in an ensemble.

    The optima are exact: by enumeration, or above 24 maps by the search tree. After the first one
    that is not proved in time, all others are those of `local_search`.

    Args:
        problem: the true problem.
        members: the perturbed problems.
        errors: with which they were made.
        time_limit: seconds for all proofs together, of which a fifth for one of them.
    """
    proofs = _Proofs(time_limit)
    best = proofs.optimum(problem)
    survived: list[bool] = []
    loss: list[float] = []
    for member in members:
        n = proofs.optimum(member)
        if as_good(member, best, n):
            n = best  # nothing better than the true optimum was found
        feasible = bool(problem.feasible(n))
        kept = n if feasible else repaired(problem, n)
        excess = float(problem.energy(kept) - problem.energy(best))
        survived.append(feasible and bool(as_good(problem, n, best)))
        loss.append(max(excess, 0.0))
    return Ensemble(errors, tuple(survived), tuple(loss), proofs.proved)


class _Proofs:
    """Proved optima as long as time is left, then the best that local search finds."""

    def __init__(self, time_limit: float) -> None:
        self.proved, self._share, self._deadline = True, time_limit / 5, monotonic() + time_limit

    def optimum(self, problem: SelectionProblem) -> Int[Array, " d"]:
        if problem.d <= MOST_ENUMERATED and problem.cardinality is None:
            return bits(int(problem.energies().argmin()), problem.d)
        left = min(self._share, self._deadline - monotonic())
        if self.proved and left > 0:
            solution = solve_exact(problem, time_limit=left)
            if solution.interrupted:
                raise KeyboardInterrupt
            self.proved = solution.proved
            return solution.n
        self.proved = False
        return local_search(problem)


def optimal_states(problem: SelectionProblem) -> Int[Array, " optima"]:
    """Return the numbers of the states that are optima, for problems that can be enumerated.

    >>> optimal_states(SelectionProblem([1.0, 0.5], np.zeros((2, 2)), beta=0.5))
    array([3])
    """
    energies = problem.energies()
    if problem.cardinality is not None:
        energies[weights(problem.d) != problem.cardinality] = np.inf
    return ground_states(problem, energies).places


def gibbs(
    energies: Float[Array, " states"], states: Int[Array, " some"], inverse_temperature: float
) -> float:
    """Return the probability of some states in thermal equilibrium.

    P = sum_{some} exp(-b E) / sum_{all} exp(-b E)

    >>> round(gibbs(np.array([0.0, 1.0]), np.array([0]), 2.0), 6)  # 1 / (1 + exp(-2))
    0.880797
    """
    weight = np.exp(-inverse_temperature * (energies - energies.min()))
    return float(weight[states].sum() / weight.sum())


def thermal_chances(
    members: Sequence[SelectionProblem], states: Int[Array, " optima"], inverse_temperature: float
) -> tuple[float, ...]:
    """Return the probability of the true optima in equilibrium, for each perturbed problem."""
    return tuple(gibbs(member.energies(), states, inverse_temperature) for member in members)


def coherent_chances(
    members: Sequence[SelectionProblem],
    states: Int[Array, " optima"],
    schedule: Schedule,
    tau: float,
) -> tuple[float, ...]:
    """Return the probability to measure a true optimum after a noiseless anneal of each member.

    Each map is one qubit here; tau is in ns.
    """
    runs = (
        anneal(member, tau=tau, schedule=schedule, tol=_TOL, scale_energies=False)
        for member in members
    )
    return tuple(min(float(run.probabilities[states].sum()), 1.0) for run in runs)


def mean_best_of(chances: Sequence[float], shots: int) -> float:
    """Return the probability that some of the shots finds the optimum, averaged over members.

    The shots of one programming share its errors: mean over members of 1 - (1 - P)^shots.

    >>> mean_best_of([0.5, 0.0], 2)
    0.375
    """
    return float(np.mean([best_of_shots(p, shots) for p in chances]))


def largest_surviving(
    sizes: Sequence[int], measure: Callable[[int], Ensemble | None]
) -> tuple[int, float] | None:
    """Return the largest of the sizes at which the optimum provably survives in half of them."""
    for size in sorted(sizes, reverse=True):
        ensemble = measure(size)
        if ensemble is not None and ensemble.proved and ensemble.survival >= 0.5:
            return size, ensemble.survival
    return None
