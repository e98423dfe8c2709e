"""Annealing a large problem by windows: a few maps at a time, the others held as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Int

from annealcam._internal.deprecation import renamed_arguments
from annealcam._internal.types import Array
from annealcam._internal.validation import whole
from annealcam.annealing.hamiltonian import DEFAULT_TAU
from annealcam.qubo.problem import SelectionProblem
from annealcam.qubo.solution import Selection
from annealcam.samplers.annealing import select_by_annealing
from annealcam.samplers.baselines import greedy
from annealcam.samplers.shots import best_of

NEAR = 3  # maps that might enter are drawn from this many times those that there is room for


@renamed_arguments(convention="normalisation")
def select_by_windows(
    problem: SelectionProblem,
    *,
    qubits: int = 16,
    rounds: int = 20,
    tau: float = DEFAULT_TAU,
    normalisation: str = "per_qubit",
    schedule: str = "linear",
    shots: int | None = None,
    seed: int = 0,
) -> Selection:
    """Anneal windows of a problem in turn, from greedy selection on, and keep what is as good.

    A window holds selected maps and as many of the others, drawn from those that would cost least.
    For its maps w, the rest held, E(n_w) = const + (linear_w + Q_wr n_r) n_w + n_w Q_ww n_w / 2:
    a problem of `qubits` maps, annealed exactly and measured `shots` times.

    `info` tells the energy before and after, the mean chance that a window's best shot is optimal
    in it, and that of guessing as often.

    Args:
        problem: the selection problem, of any number of maps.
        qubits: maps in a window, up to 24.
        rounds: windows.
        tau, normalisation, schedule, shots: of each annealing; see `select_by_annealing`.
        seed: draws windows and shots.

    Raises:
        ArgumentError: an argument is out of range.
        ProblemTooLargeError: qubits is above 24.

    Source: large-neighbourhood search, Shaw 1998.

    >>> p = SelectionProblem([1.0, 0.9, 0.8], [[0, 1, 0], [1, 0, 0], [0, 0, 0]], beta=0.5)
    >>> select_by_windows(p, qubits=2, rounds=4).n
    array([1, 0, 1], dtype=int8)
    """
    whole("qubits", qubits, least=2)
    rng = np.random.default_rng(seed)
    n = greedy(problem)
    energies, chances, guesses = [float(problem.energy(n))], [], []
    for _ in range(whole("rounds", rounds, least=1) if problem.d else 0):
        places = window_places(problem, n, qubits, rng)
        found = select_by_annealing(
            window_problem(problem, n, places), tau=tau, normalisation=normalisation,
            schedule=schedule, shots=shots, seed=int(rng.integers(2**31)),
        )  # fmt: skip
        moved = n.copy()
        moved[places] = found.n
        energy = float(problem.energy(moved))
        if energy <= energies[-1]:
            n = moved
        energies.append(min(energy, energies[-1]))
        chances.append(found.info["best_of_shots_probability"])
        guesses.append(found.info["guess_probability"])
    info: dict[str, Any] = {"windows": len(chances), "qubits": qubits, "start": energies[0]}
    if chances:
        info |= {
            "best_of_shots_probability_in_windows": float(np.mean(chances)),
            "guess_probability_in_windows": float(np.mean(guesses)),
        }
    return best_of(problem, n[None], "windows", info)


def window_problem(
    problem: SelectionProblem, n: Int[Array, " d"], places: Int[Array, " q"]
) -> SelectionProblem:
    """Return the problem of some maps while the others stay as they are in n.

    Its energies differ from the whole problem's by a constant.

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
    )  # fmt: skip


def window_places(
    problem: SelectionProblem, n: Int[Array, " d"], qubits: int, rng: np.random.Generator
) -> Int[Array, " q"]:
    """Return a window: selected maps at random, others at random from those that cost least.

    >>> p = SelectionProblem([1.0, 0.9], [[0.0, 0.5], [0.5, 0.0]])
    >>> window_places(p, np.array([1, 0]), 2, np.random.default_rng(0)).tolist()
    [0, 1]
    """
    inside, outside = np.flatnonzero(n == 1), np.flatnonzero(n == 0)
    some = min(len(inside), max(qubits // 2, qubits - len(outside)))
    room = min(qubits - some, len(outside))
    field = problem.linear + problem.quadratic @ n
    near = outside[np.argsort(field[outside], kind="stable")[: NEAR * room]]
    return np.sort(
        np.concatenate([
            rng.choice(inside, some, replace=False), rng.choice(near, room, replace=False)
        ])
    ).astype(np.int64)  # fmt: skip
