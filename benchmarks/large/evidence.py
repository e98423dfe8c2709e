"""The evidence problem over all maps of a layer: certificates, local search, SCIP and HiGHS.

    export ANNEALCAM_DATA=FOLDER OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
    .venv/bin/pip install -e ".[scip]" && .venv/bin/python -m benchmarks.large.evidence

All maps of positive alignment of EfficientNet-Lite0's last layer, predicted class, Imagenette's
photos that it was not trained on; `all` adds the live maps of negative alignment. The gap is
(energy - lower bound) / |energy|, where the energy is residual - 1; the gap of the residual is the
same difference as a share of the residual. Prints Markdown; some minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Annotated

import numpy as np
import torch
import typer
from numpy.typing import NDArray

import annealcam as ac
from annealcam.annealing.success import wilson_interval
from annealcam.attribution.activations import capture
from annealcam.data.sets import load_set
from annealcam.qubo.evidence import EvidenceProblem
from annealcam.qubo.solution import ExactSolution
from annealcam.samplers.exact.search_tree import Tree
from annealcam.samplers.exact.subproblem import Subproblem
from annealcam.samplers.local import local_search

from ..choosing.tradeoff import heading, row
from ..timing import use_one_thread
from .mixed_integer import Proof, solve_by_highs, solve_by_scip

Array = NDArray[np.float64]
Photo = tuple[Array, Array]  # contribution maps (maps, positions), evidence that is drawn
SIZES = (3, 5, 10, 20)
KICKS = (0, 25, 50, 100, 200, 400)
BATCH = 25
LIMIT = 2.0  # seconds
CLOSE = 0.01  # the gap to reach


def photos_of_the_set(photos: int) -> list[Photo]:
    """Return the contribution maps (gradient x map, exact behind a linear head) of photos."""
    unseen = load_set("imagenette", part="unseen")
    model, preprocess, _ = ac.load_model()
    drawn = np.sort(np.random.default_rng(1).permutation(len(unseen))[:photos])
    found = []
    for batch in np.split(drawn, range(BATCH, len(drawn), BATCH)):
        images = torch.stack([preprocess(unseen.open(int(i))) for i in batch])
        captured = capture(model, images, layer="bn2")
        g = (captured.gradients * captured.activations).flatten(2).double().numpy()
        found += [(one, np.maximum(one.sum(axis=0), 0.0)) for one in g]
    return found


def problem_of(photo: Photo, k: int, *, signed: bool = False) -> EvidenceProblem:
    """Return the problem over the maps of positive alignment, or over all that are not zero."""
    g, G = photo
    kept = np.abs(g).max(axis=1) > 0 if signed else g @ G > 0
    return EvidenceProblem.from_maps(g[kept], G, cardinality=k)


def root_bound(problem: ac.SelectionProblem) -> float:
    """Return the bound of the root node of `branch_and_bound`."""
    n = local_search(problem)
    tree = Tree(Subproblem.of(problem), n, float(problem.energy(n)))
    tree.visit(1)
    return float(min(tree.bound[0], problem.energy(n)))


def gaps(whole: EvidenceProblem, energy: float, bound: float) -> tuple[float, float]:
    """Return the gap as a share of the energy, and of the residual."""
    return (energy - bound) / -energy, (energy - bound) / whole.energy_unit / whole.residual_of(
        energy
    )


def percent(values: list[float]) -> str:
    return f"{np.median(values):.2%}, {np.quantile(values, 0.9):.2%}, {max(values):.2%}"


def table_of_proofs(photos: list[Photo]) -> dict[int, list[float]]:
    """Print how many optima are certified, how soon; return the energies for each k."""
    heading(
        f"Certificates of `solve_exact(problem, time_limit={LIMIT:g})`, {len(photos)} photos",
        "maps", "k", "number of maps", "root: gap of the energy (median, 90 %, largest)",
        "root: gap of the residual", f"gap below {CLOSE:.0%} within {LIMIT:g} s", "proved",
        "largest gap", "median, 90 %, longest", "nodes: median, most",
    )  # fmt: skip
    optima = {}
    for signed, k in [(False, k) for k in SIZES] + [(True, 5), (True, 10)]:
        solved, spent, roots = [], [], []
        for photo in photos:
            whole = problem_of(photo, k, signed=signed)
            start = perf_counter()
            found = ac.solve_exact(whole.problem, time_limit=LIMIT)
            spent.append(perf_counter() - start)
            roots.append(gaps(whole, found.energy, root_bound(whole.problem)))
            solved.append(found)
        _print_proofs("all" if signed else "aligned", k, solved, np.array(spent), roots)
        if not signed:
            optima[k] = [found.energy for found in solved]
    return optima


def _print_proofs(
    label: str, k: int, solved: list[ExactSolution], spent: Array, roots: list[tuple[float, float]]
) -> None:
    left = [(x.energy - x.lower_bound) / -x.energy for x in solved]
    close = sum(gap < CLOSE for gap in left)
    low, high = wilson_interval(close, len(left))
    sizes, nodes = [len(x.n) for x in solved], [x.nodes for x in solved]
    ms = 1000 * np.quantile(spent, [0.5, 0.9, 1.0])
    energy, residual = zip(*roots, strict=True)
    row(
        label, k, f"{min(sizes)} to {max(sizes)}", percent(list(energy)), percent(list(residual)),
        f"{close / len(left):.0%} [{low:.0%}, {high:.0%}]", f"{sum(x.proved for x in solved)}",
        f"{max(left):.2%}", "{:.0f}, {:.0f}, {:.0f} ms".format(*ms),
        f"{np.median(nodes):.0f}, {max(nodes)}",
    )  # fmt: skip


def table_of_local_search(photos: list[Photo], optima: dict[int, list[float]], seeds: int) -> None:
    heading(
        f"Local search against the optima above, {seeds} seeds",
        "k", "kicks", "optimum found", "within 0.1 %", "largest gap", "median ms", "90 % ms",
    )  # fmt: skip
    for k in (5, 10):
        problems = [problem_of(photo, k).problem for photo in photos]
        for kicks in KICKS:
            over, spent = [], []
            for seed in range(seeds):
                for p, optimum in zip(problems, optima[k], strict=True):
                    start = perf_counter()
                    n = local_search(p, kicks=kicks, seed=seed)
                    spent.append(1000 * (perf_counter() - start))
                    over.append(max(float(p.energy(n)) - optimum, 0.0) / -optimum)
            gap = np.array(over)
            row(k, kicks, f"{(gap < 1e-9).mean():.1%}", f"{(gap < 1e-3).mean():.1%}",
                f"{gap.max():.2%}", f"{np.median(spent):.1f}",
                f"{np.quantile(spent, 0.9):.1f}")  # fmt: skip


def table_of_peers(photos: list[Photo]) -> None:
    """Print the gap that each solver leaves after the same seconds, problem by problem in turn."""
    heading(
        f"Gap after {LIMIT:g} s, {len(photos)} photos, one thread",
        "k", "solver", "gap: median, 90 %, largest", f"below {CLOSE:.0%}", "proved",
        "above the best", "median seconds", "median of seconds / ours",
    )  # fmt: skip
    for k in (5, 10):
        found: dict[str, list[tuple[Proof, float]]] = {}
        for photo in photos:
            whole = problem_of(photo, k)
            for name, proof in _proofs(whole).items():
                found.setdefault(name, []).append((proof, 0.0))
            best = min(rows[-1][0].energy for rows in found.values())
            for rows in found.values():
                rows[-1] = (rows[-1][0], (rows[-1][0].energy - best) / -best)
        ours = np.array([p.seconds for p, _ in found["`solve_exact`"]])
        for name, rows in found.items():
            spent = np.array([p.seconds for p, _ in rows])
            left = [(p.energy - p.lower_bound) / -p.energy for p, _ in rows]
            left = [gap if np.isfinite(gap) else np.inf for gap in left]
            row(
                k, name, percent(left), f"{np.mean(np.array(left) < CLOSE):.0%}",
                sum(p.proved for p, _ in rows), f"{np.median([over for _, over in rows]):.2%}",
                f"{np.median(spent):.3g}", f"{np.median(spent / ours):.3g}",
            )  # fmt: skip


def _proofs(whole: EvidenceProblem) -> dict[str, Proof]:
    problem = whole.problem
    assert problem.diagonal is not None
    factor = np.sqrt(whole.energy_unit) * whole.scale / np.linalg.norm(whole.evidence)

    def ours() -> Proof:
        start = perf_counter()
        x = ac.solve_exact(problem, time_limit=LIMIT)
        return Proof(x.energy, x.lower_bound, x.proved, perf_counter() - start)

    maps, diagonal = factor * whole.maps, np.asarray(problem.diagonal)
    solvers: dict[str, Callable[[], Proof]] = {
        "`solve_exact`": ours,
        "SCIP (pyscipopt)": lambda: solve_by_scip(problem, maps, diagonal, time_limit=LIMIT),
        "HiGHS (scipy), tangents": lambda: solve_by_highs(
            problem, maps, diagonal, time_limit=LIMIT
        ),
    }
    return {name: solve() for name, solve in solvers.items()}


def main(
    photos: Annotated[int, typer.Option(help="of the certificates and of local search")] = 100,
    peers: Annotated[int, typer.Option(help="photos for SCIP and HiGHS")] = 20,
    seeds: Annotated[int, typer.Option(help="of local search")] = 3,
) -> None:
    use_one_thread()
    torch.set_num_threads(1)
    found = photos_of_the_set(photos)
    ac.solve_exact(problem_of(found[0], 5).problem)  # compiles
    optima = table_of_proofs(found)
    table_of_local_search(found, optima, seeds)
    table_of_peers(found[:peers])


if __name__ == "__main__":
    typer.run(main)
