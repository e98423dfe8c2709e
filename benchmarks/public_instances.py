"""Public QUBO instances with published optima: annealcam beside tabu search, SCIP and HiGHS.

    export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
    .venv/bin/pip install -e ".[scip]" && .venv/bin/python -m benchmarks.public_instances FOLDER

FOLDER holds the files of Beasley (`bqp*.qubo` in qbsolv's format, as maximisations), of Glover,
Kochenberger and Alidaee (`gka*.qubo`) and of Biq Mac (`g05_*`, maximum cuts), by the names below.
Prints Markdown; seconds of processor time, so that other work on the machine hardly matters.
Compilation is excluded.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Annotated, Any

import dwave.samplers
import numpy as np
import pyscipopt
import scipy
import typer
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

import annealcam as ac
from annealcam.qubo import read_problem
from annealcam.samplers.general.scip import solve_by_scip
from annealcam.samplers.heuristics import tabu
from annealcam.samplers.local import local_search

from .choosing.tradeoff import heading, row
from .large.mixed_integer import Proof
from .timing import use_one_thread

PUBLISHED = {
    "gka1b": -133, "gka2b": -121, "gka6a": -3980, "gka7a": -4541, "bqp50_1": -2098,
    "bqp50_2": -3702, "bqp50_3": -4626, "g05_60.0": -536, "g05_80.0": -929, "g05_100.4": -1440,
    "bqp100_1": -7970, "bqp100_2": -11036, "bqp100_3": -12723, "bqp250_1": -45607,
    "bqp250_2": -44810, "bqp500_1": -116586,
}  # fmt: skip


def instance(folder: Path, name: str) -> ac.SelectionProblem:
    """Return an instance as a minimisation."""
    path = folder / name if (folder / name).exists() else folder / f"{name}.qubo"
    problem = read_problem(path).problem
    if name.startswith("bqp"):  # the files hold what is to be maximised
        return ac.SelectionProblem(2 * problem.linear, -2 * problem.quadratic, beta=0.5)
    return problem


def timed(solve: Callable[[], Any]) -> tuple[Any, float]:
    began = process_time()
    return solve(), process_time() - began


def hits(
    sample: Callable[[int], Any], problem: ac.SelectionProblem, optimum: float, seeds: int
) -> str:
    """Return how many seeds find the optimum, and the mean time of each."""
    found, spent = timed(lambda: [float(problem.energy(sample(seed))) for seed in range(seeds)])
    return f"{sum(e <= optimum for e in found)} of {seeds}, {spent / seeds:.3f}"


def by_tabu(problem: ac.SelectionProblem, seed: int) -> Any:
    rows = tabu(problem, shots=1, restarts=10, seed=seed)
    return rows[np.argmin(problem.energy(rows))]


def by_highs(problem: ac.SelectionProblem, limit: float) -> Proof:
    """Solve the linear program with a variable for each product, by HiGHS without a start."""
    p, q = np.nonzero(np.triu(problem.quadratic, 1))
    value, count, d = problem.quadratic[p, q], len(p), problem.d
    at, one = np.arange(count), np.ones(count)
    below, above = value < 0, value > 0  # z <= n_p, z <= n_q, z >= n_p + n_q - 1
    z = sparse.csr_array((one, (at, at)), shape=(count, count))
    n = [sparse.csr_array((one, (at, v)), shape=(count, d)) for v in (p, q)]
    rows = [sparse.hstack([-part, z])[below] for part in n]
    constraints = [LinearConstraint(part, -np.inf, 0) for part in rows if part.shape[0]]
    if above.any():
        constraints.append(LinearConstraint(sparse.hstack([n[0] + n[1], -z])[above], -np.inf, 1))
    result, spent = timed(
        lambda: milp(
            np.concatenate([problem.linear, value]), constraints=constraints, bounds=Bounds(0, 1),
            integrality=np.concatenate([np.ones(d), np.zeros(count)]),
            options={"time_limit": limit, "mip_rel_gap": 0.0},
        )
    )  # fmt: skip
    energy = np.inf if result.x is None else float(problem.energy(np.round(result.x[:d])))
    bound = -np.inf if result.mip_dual_bound is None else float(result.mip_dual_bound)
    return Proof(energy, bound, bound > energy - 1, spent)


def proof(solution: Any, spent: float, optimum: float) -> str:
    """Return the seconds of a proof, or the gap that is left."""
    if solution.proved:
        wrong = "" if solution.energy == optimum else f" WRONG {solution.energy:g}"
        return f"{spent:.2f}{wrong}"
    bound = min(1.0, (optimum - solution.lower_bound) / -optimum)
    apart = "" if solution.energy <= optimum else f", energy {solution.energy:g}"
    return f"none in {spent:.0f} (bound {bound:.1%} below{apart})"


def main(
    folder: Annotated[Path, typer.Argument(envvar="ANNEALCAM_INSTANCES", help="of the files")],
    seeds: Annotated[int, typer.Option(help="of the heuristics")] = 20,
    limit: Annotated[float, typer.Option(help="seconds of each proof, by the clock")] = 60.0,
    peers: Annotated[float, typer.Option(help="the same for SCIP and HiGHS")] = 60.0,
    only: Annotated[str, typer.Option(help="part of the names")] = "",
) -> None:
    use_one_thread()
    print(
        f"annealcam {ac.__version__}, dwave-samplers {dwave.samplers.__version__}, "
        f"SCIP {pyscipopt.Model().version()} (pyscipopt {pyscipopt.__version__}), "
        f"HiGHS of scipy {scipy.__version__}; limits {limit:g} and {peers:g} s"
    )
    small = instance(folder, "gka6a")
    for solve in (ac.solve_exact, local_search):  # compiles
        solve(small)
    ac.solve_exact(instance(folder, "g05_60.0"))
    heading(
        "Public instances: seconds of processor time",
        "instance", "d", "published", "`local`: optimum found, s", "dwave tabu, s",
        "`solve_exact`: proof", "method, nodes", "SCIP from our start", "HiGHS",
    )  # fmt: skip
    for name, optimum in PUBLISHED.items():
        if only not in name:
            continue
        problem = instance(folder, name)
        ours, spent = timed(lambda p=problem: ac.solve_exact(p, time_limit=limit))
        scip, spent_scip = timed(lambda p=problem: solve_by_scip(p, time_limit=peers))
        highs = by_highs(problem, peers)
        row(
            name, problem.d, optimum,
            hits(lambda s, p=problem: local_search(p, seed=s), problem, optimum, seeds),
            hits(lambda s, p=problem: by_tabu(p, s), problem, optimum, seeds),
            proof(ours, spent, optimum), f"{ours.method}, {ours.nodes}",
            proof(scip, spent_scip, optimum), proof(highs, highs.seconds, optimum),
        )  # fmt: skip


if __name__ == "__main__":
    typer.run(main)
