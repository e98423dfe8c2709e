"""Annealing a large problem by windows: a few maps at a time, with the others held fixed."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Int

from annealcam._internal.deprecation import renamed_arguments
from annealcam._internal.types import Array
from annealcam._internal.validation import whole
from annealcam.annealing.hamiltonian import DEFAULT_TAU, to_scale
from annealcam.qubo.convert import ProblemLike, as_problem
from annealcam.qubo.problem import SelectionProblem
from annealcam.qubo.solution import Selection
from annealcam.samplers.annealing import select_by_annealing
from annealcam.samplers.baselines import greedy
from annealcam.samplers.shots import best_of

NEAR = 3  # maps that may enter are drawn from the cheapest NEAR times as many


@renamed_arguments(convention="normalisation")
def select_by_windows(
    problem: ProblemLike,
    *,
    qubits: int = 16,
    rounds: int = 20,
    tau: float = DEFAULT_TAU,
    normalisation: str = "per_qubit",
    schedule: str = "linear",
    shots: int | None = None,
    scale_energies: bool | None = None,
    seed: int = 0,
) -> Selection:
    """Anneal windows of a problem in turn, starting from greedy selection.

    A window consists of selected maps and as many other maps, drawn from those that would cost
    least. For the maps w of a window, with the rest r held fixed,

        E(n_w) = const + (linear_w + Q_wr n_r) n_w + n_w Q_ww n_w / 2

    is a problem of `qubits` maps, which is annealed exactly and measured `shots` times. The best
    shot is kept if its energy is not higher.

    `info` holds the number of windows, the energy at the `start`, and the mean over the windows of
    the probability that the best shot is optimal, and that the best of as many random guesses is.

    Args:
        problem: the selection problem, of any number of maps.
        qubits: maps in a window, up to 24.
        rounds: number of windows.
        tau, normalisation, schedule, shots, scale_energies: of each annealing, as for
            `select_by_annealing`.
        seed: of the windows and of the shots.

    Raises:
        ArgumentError: an argument is out of range.
        ProblemTooLargeError: `qubits` is above 24.

    Source: large-neighbourhood search, Shaw 1998.

    >>> p = SelectionProblem([1.0, 0.9, 0.8], [[0, 1, 0], [1, 0, 0], [0, 0, 0]], beta=0.5)
    >>> select_by_windows(p, qubits=2, rounds=4).n
    array([1, 0, 1], dtype=int8)
    """
    given, problem = problem, as_problem(problem)
    scale_energies = to_scale(given, scale_energies, problem)
    whole("qubits", qubits, least=2)
    rng = np.random.default_rng(whole("seed", seed))
    n = greedy(problem)
    energies, best_of_shots, guesses = [float(problem.energy(n))], [], []
    for _ in range(whole("rounds", rounds, least=1) if problem.d else 0):
        places = window_places(problem, n, qubits, rng)
        selection = select_by_annealing(
            window_problem(problem, n, places), tau=tau, normalisation=normalisation,
            schedule=schedule, shots=shots, scale_energies=scale_energies,
            seed=int(rng.integers(2**31)),
        )  # fmt: skip
        moved = n.copy()
        moved[places] = selection.n
        energy = float(problem.energy(moved))
        if energy <= energies[-1]:
            n = moved
        energies.append(min(energy, energies[-1]))
        best_of_shots.append(selection.info["best_of_shots_probability"])
        guesses.append(selection.info["guess_probability"])
    info: dict[str, Any] = {"windows": len(guesses), "qubits": qubits, "start": energies[0]}
    if guesses:
        info |= {
            "best_of_shots_probability_in_windows": float(np.mean(best_of_shots)),
            "guess_probability_in_windows": float(np.mean(guesses)),
        }
    return best_of(problem, n[None], "windows", info)


def window_problem(
    problem: SelectionProblem, n: Int[Array, " d"], places: Int[Array, " q"]
) -> SelectionProblem:
    """Return the problem of some maps with the other maps fixed to their values in n.

    Its energies differ from those of the whole problem by a constant.

    >>> p = SelectionProblem([1.0, 0.9], [[0.0, 0.5], [0.5, 0.0]], beta=0.5)
    >>> round(window_problem(p, np.array([1, 0]), np.array([1])).energy([1]), 12)
    -0.2
    """
    rest = n.copy()
    rest[places] = 0
    linear = problem.linear[places] + problem.quadratic[places] @ rest
    quadratic = problem.quadratic[np.ix_(places, places)]
    k = problem.cardinality
    return SelectionProblem(
        -2.0 * linear, 2.0 * quadratic, beta=0.5,
        cardinality=None if k is None else int(n[places].sum()) or None,
        diagonal=None if problem.diagonal is None else problem.diagonal[places],
    )  # fmt: skip


def window_places(
    problem: SelectionProblem, n: Int[Array, " d"], qubits: int, rng: np.random.Generator
) -> Int[Array, " q"]:
    """Draw a window: random selected maps, and random other maps among those that cost least.

    >>> p = SelectionProblem([1.0, 0.9], [[0.0, 0.5], [0.5, 0.0]])
    >>> window_places(p, np.array([1, 0]), 2, np.random.default_rng(0)).tolist()
    [0, 1]
    """
    inside, outside = np.flatnonzero(n == 1), np.flatnonzero(n == 0)
    leaving = min(len(inside), max(qubits // 2, qubits - len(outside)))
    entering = min(qubits - leaving, len(outside))
    field = problem.linear + problem.quadratic @ n
    near = outside[np.argsort(field[outside], kind="stable")[: NEAR * entering]]
    return np.sort(
        np.concatenate([
            rng.choice(inside, leaving, replace=False), rng.choice(near, entering, replace=False)
        ])
    ).astype(np.int64)  # fmt: skip
