"""Heuristics on whole layers: local search compared with peers, and annealing in parts."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annealcam import SelectionProblem
from annealcam.samplers.baselines import greedy
from annealcam.samplers.exact import solve_exact
from annealcam.samplers.local import local_search, local_search_many
from annealcam.samplers.selection import select
from annealcam.samplers.windows import select_by_windows, window_places, window_problem

from ..choosing.tradeoff import heading, row
from ..problems import relu_problem
from ..timing import seconds

Bits = NDArray[np.int8]
Solver = Callable[[SelectionProblem, int], Bits]
Solved = tuple[SelectionProblem, float]  # with its certified optimum
QUBITS, ROUNDS, TAU = 16, 20, 100.0
PEERS = {
    "greedy": "greedy selection",
    "tabu": "dwave-samplers tabu, 20 shots",
    "sa": "dwave-samplers SA, 100 shots of 1000 sweeps",
    "sqa": "dwave-samplers SQA, 10 shots of 200 sweeps",
    "hot": "the same, at the temperature of a processor",
}


def compare(solver: Solver, solved: list[Solved]) -> tuple[float, float, list[float], list[float]]:
    """Return the share solved, the largest and every relative gap, and the seconds of each."""
    gaps, spent, hits = [], [], 0
    for i, (problem, optimum) in enumerate(solved):
        start = perf_counter()
        n = solver(problem, i)
        spent.append(perf_counter() - start)
        over = float(problem.energy(n)) - optimum
        hits += over <= problem.tie
        gaps.append(max(over, 0.0) / -optimum)
    return hits / len(solved), max(gaps), gaps, spent


def by_name(name: str, **annealing: Any) -> Solver:
    return lambda problem, seed: select(problem, name, seed=seed, **annealing).n


def locally(problem: SelectionProblem, seed: int) -> Bits:
    return local_search(problem, seed=seed)


def as_warm_as_a_processor(problem: SelectionProblem, seed: int) -> Bits:
    """Run SQA at the temperature of a D-Wave processor, without chains and control errors.

    Advantage: B(1) / 2 = 4.3 GHz h, kT = 15 mK = 0.31 GHz h. The model is scaled to |h| up to 4 and
    |J| up to 1; its energies are then in units of B(1) / 2.
    """
    model = problem.to_bqm().change_vartype("SPIN", inplace=False)
    scale = max(max(map(abs, model.linear.values())) / 4, max(map(abs, model.quadratic.values())))
    unit = float(np.abs(problem.linear).max())
    options = {"inverse_temperature": 4.3 / 0.31 / scale * unit, "driver": scale / unit}
    return select(problem, "sqa", seed=seed, options=options).n


def table_of_local_search(certified: dict[tuple[str, float], list[Solved]]) -> None:
    heading(
        "Local search against certified optima (required: 99 % optimal, below 5 ms)",
        "layer", "beta", "problems proved", "optimum found", "largest gap", "median ms", "max ms",
    )  # fmt: skip
    for (layer, beta), solved in certified.items():
        share, worst, _, spent = compare(locally, solved)
        ms = 1000 * np.array(spent)
        row(layer, beta, len(solved), f"{share:.1%}", f"{worst:.1e}", f"{np.median(ms):.1f}",
            f"{ms.max():.1f}")  # fmt: skip


def table_of_many(count: int, d: int = 500, chunk: int = 100) -> None:
    """Time `local_search_many` on random problems, in chunks, since each J takes 2 MB."""
    spent = {1: 0.0, 2: 0.0}
    same = True
    for first in range(0, count, chunk):
        problems = [relu_problem(d, seed=first + i) for i in range(min(chunk, count - first))]
        selections = {}
        for workers in spent:
            start = perf_counter()
            selections[workers] = local_search_many(problems, workers=workers)
            spent[workers] += perf_counter() - start
        same &= all(np.array_equal(a, b) for a, b in zip(*selections.values(), strict=True))
    heading(
        f"{count} random problems of {d} maps (required: below 5 s)", "workers", "s", "the same n"
    )
    for workers, total in spent.items():
        row(workers, f"{total:.2f}", "yes" if same else "NO")


def table_of_peers(solved: list[Solved]) -> None:
    heading(
        f"Heuristics on the last layer of {len(solved)} photos, beta 0.7",
        "method", "optimum found", "mean gap", "median", "time / local search",
    )  # fmt: skip
    ours = 0.0
    for name, label in {"local": "**local_search**", **PEERS}.items():
        solver = {"local": locally, "hot": as_warm_as_a_processor}.get(name) or by_name(name)
        share, _, gaps, spent = compare(solver, solved)
        median = float(np.median(spent))
        ours = ours or median
        row(label, f"{share:.0%}", f"{np.mean(gaps):.1e}", seconds(median), f"{median / ours:.3g}")


def cut(problem: SelectionProblem, seed: int) -> Bits:
    """Anneal only the most relevant maps."""
    top = np.sort(np.argsort(-problem.h, kind="stable")[:QUBITS])
    small = SelectionProblem(problem.h[top], problem.J[np.ix_(top, top)], beta=problem.beta)
    n = np.zeros(problem.d, dtype=np.int8)
    n[top] = select(small, "anneal", tau=TAU, seed=seed).n
    return n


def windows_by(solver: Solver) -> Solver:
    """Return the loop of `select_by_windows` with another solver for the windows."""

    def solve(problem: SelectionProblem, seed: int) -> Bits:
        rng = np.random.default_rng(seed)
        n = greedy(problem)
        for _ in range(ROUNDS):
            places = window_places(problem, n, QUBITS, rng)
            moved = n.copy()
            moved[places] = solver(window_problem(problem, n, places), int(rng.integers(2**31)))
            if problem.energy(moved) <= problem.energy(n):
                n = moved
        return n

    return solve


def guess(problem: SelectionProblem, seed: int) -> Bits:
    """Return the best of as many uniform guesses as the annealer takes shots."""
    shots = np.random.default_rng(seed).integers(0, 2, (problem.d**2, problem.d), dtype=np.int8)
    return shots[np.argmin(problem.energy(shots))]


def exactly(problem: SelectionProblem, _seed: int) -> Bits:
    return solve_exact(problem).n


def table_of_annealing(solved: list[Solved], seeds: int) -> None:
    probabilities: dict[str, list[float]] = {"annealed": [], "guessed": []}

    def annealed(problem: SelectionProblem, seed: int) -> Bits:
        selection = select_by_windows(problem, qubits=QUBITS, rounds=ROUNDS, tau=TAU, seed=seed)
        probabilities["annealed"].append(selection.info["best_of_shots_probability_in_windows"])
        probabilities["guessed"].append(selection.info["guess_probability_in_windows"])
        return selection.n

    heading(
        f"Annealing the last layer of {len(solved)} photos in parts, beta 0.7, {seeds} seeds",
        "method", "mean gap", "95 % of the mean", "optimum found", "median",
    )  # fmt: skip
    methods: dict[str, Solver] = {
        "greedy alone, the start of the windows": by_name("greedy"),
        f"the {QUBITS} most relevant maps, annealed": cut,
        f"{ROUNDS} windows of {QUBITS}, annealed": annealed,
        f"{ROUNDS} windows of {QUBITS}, guessed as often": windows_by(guess),
        f"{ROUNDS} windows of {QUBITS}, solved exactly": windows_by(exactly),
        "local_search, all maps": locally,
    }
    means = {}
    for label, solver in methods.items():
        runs = [compare(_seeded(solver, s), solved) for s in range(seeds)]
        means[label] = np.mean([gaps for _, _, gaps, _ in runs], axis=0)
        median = float(np.median([spent for *_, spent in runs]))
        share = np.mean([solved_share for solved_share, *_ in runs])
        row(label, f"{means[label].mean():.2%}", interval(means[label]), f"{share:.0%}",
            seconds(median))  # fmt: skip
    gain = means[f"{ROUNDS} windows of {QUBITS}, guessed as often"]
    gain = gain - means[f"{ROUNDS} windows of {QUBITS}, annealed"]
    print(
        f"\nGuessed minus annealed: {gain.mean():.3%} {interval(gain)}. Probability that the best "
        f"shot of a window is its optimum: annealed {np.mean(probabilities['annealed']):.3f}, "
        f"guessed {np.mean(probabilities['guessed']):.4f}.",
        flush=True,
    )


def _seeded(solver: Solver, seed: int) -> Solver:
    return lambda problem, i: solver(problem, 1000 * seed + i)


def interval(values: NDArray[np.float64]) -> str:
    """Return the 95 % bootstrap interval of the mean over the photos."""
    drawn = np.random.default_rng(0).choice(values, (2000, len(values))).mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return f"[{low:.2%}, {high:.2%}]"
