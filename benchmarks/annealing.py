"""The annealing engine against its peers and its goals: evolution, gap, a study, large problems.

    .venv/bin/python benchmarks/annealing.py [--quick]      (`make bench` runs it with the rest)

One process and one thread; our code and the peer run in turn after a warm-up. Goals are judged by
medians. Both driver normalisations are shown: with `per_qubit` (1/d) the driver is weak and states
change slowly; `unit` (1) costs QuTiP several times as much. Rows of many problems give the time of
one of them.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the package of the independent integrator

import annealcam as ac
from annealcam.annealing.batch import anneal_batch
from annealcam.annealing.schedules.schedule import LINEAR
from benchmarks.truth.taylor import final_density, system_of
from children import TAU, compile_times, large_run
from curve import draw, fit, measure_curve
from peers import (
    QUTIP_METHODS,
    TOLERANCES,
    PerStepReference,
    gap_by_eigsh,
    qutip_sesolve,
)
from problems import relu_problem, study
from roofline import measure_roofline
from timing import Goal, Row, Timing, alone, print_heading, print_row, side_by_side, use_one_thread

OUT = Path(__file__).parent / "annealing.json"
NORMALISATIONS = ("per_qubit", "unit")
EVOLUTION = (8, 10, 12, 14)  # numbers of qubits of single runs
GOALS = {
    "unit": {8: Goal(59, 100), 10: Goal(136, 200), 12: Goal(198, 250), 14: Goal(258, 300)},
    "per_qubit": {8: Goal(23, 60), 10: Goal(51, 100), 12: Goal(68, 130), 14: Goal(109, 150)},
}
STUDY_TAUS = [10.0, 30.0, 50.0, 70.0, 100.0]


def driver_scale(normalisation: str, d: int) -> float:
    return 1.0 / d if normalisation == "per_qubit" else 1.0


def evolution_rows(normalisation: str, *, quick: bool) -> list[Row]:
    """From (h, J) to F at tau = 50 and tol 1e-6 against QuTiP's best method.

    Two rows for each d: the peer is as accurate as our result, and only as accurate as `tol`.
    """
    rows = []
    for d in (8, 10) if quick else EVOLUTION:
        problems = [relu_problem(d, seed) for seed in range(3 if d < 14 and not quick else 2)]
        scale = driver_scale(normalisation, d)
        truth = [taylor_success(p, TAU, scale) for p in problems]
        results = [ac.anneal(p, tau=TAU, normalisation=normalisation) for p in problems]
        off = max(abs(r.success_probability - F) for r, F in zip(results, truth, strict=True))
        for bound, what in ((off, "equal true error"), (1e-6, "F right to 1e-6")):
            peer = fastest_method(problems, scale, truth, bound)
            rows.append(_against_qutip(problems, normalisation, results, off, peer, what))
    return rows


@dataclass(frozen=True)
class Peer:
    """A method of QuTiP, the loosest tolerances that give an error, and that error."""

    method: str
    rtol: float
    error: float
    solvers: list[Any]


def fastest_method(problems: list[Any], scale: float, truth: list[float], bound: float) -> Peer:
    """Return the method that is fastest among those whose errors of F are at most `bound`.

    For each method, tolerances are tightened until its errors on all problems are small enough.
    """
    found: list[tuple[float, Peer]] = []
    for method in QUTIP_METHODS:
        for rtol in TOLERANCES:
            options = {"method": method, "rtol": rtol, "atol": rtol / 100, "nsteps": 10**7}
            solvers = [qutip_sesolve(p, TAU, scale, **options) for p in problems]
            start = time.process_time()
            errors = [abs(solve() - F) for solve, F in zip(solvers, truth, strict=True)]
            spent = time.process_time() - start
            if found and spent > 2 * found[0][0]:
                break  # tighter tolerances are slower still
            if max(errors) <= bound:
                found.append((spent, Peer(method, rtol, max(errors), solvers)))
                found.sort(key=lambda pair: pair[0])
                break
    return found[0][1]


def taylor_success(problem: Any, tau: float, scale: float) -> float:
    """Return F of the linear schedule by Taylor series, right to about 1e-13."""
    system = system_of(problem, scale)
    density, _ = final_density(system, LINEAR, tau)
    return float(density[system.ground].sum())


def _against_qutip(
    problems: list[Any],
    normalisation: str,
    results: list[ac.AnnealResult],
    off: float,
    peer: Peer,
    what: str,
) -> Row:
    d, many = problems[0].d, len(problems)

    def ours() -> list[ac.AnnealResult]:
        return [ac.anneal(p, tau=TAU, normalisation=normalisation) for p in problems]

    def theirs() -> list[float]:
        return [solve() for solve in peer.solvers]

    mine, others = side_by_side(ours, theirs, runs=5 if d > 10 else 9)
    stages = sum(r.stages for r in results) / many
    return Row(
        what=f"anneal d={d}, {normalisation}, {what}",
        ours=mine.divided(many),
        peer=f"qutip.sesolve, {peer.method}, rtol {peer.rtol:.0e}, error of F {peer.error:.0e}",
        theirs=others.divided(many),
        goal=GOALS[normalisation][d] if what.startswith("equal") else None,
        note=f"error of F {off:.0e} (estimated {max(r.error for r in results):.0e}), "
        f"{stages:.0f} stages; {many} problems",
    )


def reference_row(normalisation: str, *, quick: bool) -> Row:
    """F and the minimum gap against the per-step method, extrapolated from sampled steps."""
    d, sample = (10, 8) if quick else (14, 16)
    p = relu_problem(d)
    peer = PerStepReference(p, TAU, driver_scale(normalisation, d), sample)
    measured = peer.seconds()

    def ours() -> tuple[ac.AnnealResult, ac.MinimumGap]:
        run = ac.anneal(p, tau=TAU, normalisation=normalisation)
        return run, ac.minimum_gap(p, normalisation=normalisation, tol=1e-6)

    run, gap = ours()
    check = abs(gap_by_eigsh(p, gap.s, driver_scale(normalisation, d)) / gap.gap - 1)
    total = peer.total(measured)
    share = measured.mean(axis=0) * 1e3
    return Row(
        what=f"F and minimum gap d={d}, {normalisation}",
        ours=alone(ours, 3 if quick else 9),
        peer=f"per-step method, extrapolated from {sample} of {peer.steps} steps, "
        f"expm_multiply {share[0]:.3g} ms + eigsh {share[1]:.3g} ms a step",
        theirs=Timing(total, total, 1),
        goal=None if quick else Goal(100_000, 400_000),
        note=f"error of F estimated {run.error:.0e}; gap {gap.gap:.6g} at s = {gap.s:.6f}, "
        f"off by {check:.0e} from eigsh there",
    )


def study_rows(normalisation: str, *, quick: bool) -> list[Row]:
    """Many small problems: 200 x 5 evolutions in a batch, and 200 minimum gaps."""
    problems = study(20, largest=8) if quick else study()
    many, runs = len(problems), 3 if quick else 5
    options = {"normalisation": normalisation}

    def gaps() -> list[ac.MinimumGap]:
        return [ac.minimum_gap(p, tol=1e-6, **options) for p in problems]

    def evolutions() -> Any:
        return anneal_batch(problems, tau=STUDY_TAUS, **options)

    worst = float(np.max(evolutions().error))
    worst_gap = max(g.error / g.gap for g in gaps() if g.gap > 0)
    sizes = f"d = 4..{max(p.d for p in problems)}"
    return [
        Row(
            what=f"{many * len(STUDY_TAUS)} runs, {sizes}, {normalisation}",
            ours=alone(evolutions, runs),
            goal=None if quick else Goal(4.0, 1.0, "s"),
            note=f"{many} problems x tau 10..100; largest estimated error of F {worst:.0e}",
        ),
        Row(
            what=f"{many} minimum gaps, {sizes}, {normalisation}",
            ours=alone(gaps, runs),
            goal=None if quick else Goal(5.0, 1.0, "s"),
            note=f"largest estimated relative error {worst_gap:.0e}",
        ),
    ]


def large_rows(normalisation: str) -> list[Row]:
    """20, 24 and 26 qubits, each in its own process to measure its peak memory."""
    c128, c64 = ("complex128", normalisation), ("complex64", normalisation)
    return [
        _time_row(20, *c128, Goal(1.5, 0.6, "s")),
        _time_row(24, *c128, Goal(25.0, 12.0, "s")),
        _memory_row(24, *c128, Goal(0.6, unit="GB")),
        _time_row(26, *c64, Goal(None, 10.0, "s")),
        _memory_row(26, *c64, Goal(1.0, unit="GB")),
    ]


def _time_row(d: int, precision: str, normalisation: str, goal: Goal) -> Row:
    run = large_run(d, precision, normalisation)
    note = f"F = {run.success_probability:.3e}, estimated error {run.error:.0e}"
    return Row(f"anneal d={d}, {precision}, {normalisation}", run.timing, goal=goal, note=note)


def _memory_row(d: int, precision: str, normalisation: str, goal: Goal) -> Row:
    run = large_run(d, precision, normalisation)
    note = f"peak {run.peak_gb:.2f} GB; {run.before_gb:.2f} GB before the run: interpreter, kernels"
    name = f"memory, d={d}, {precision}, {normalisation}"
    return Row(name, run.timing, goal=goal, note=note, memory_gb=run.peak_gb)


def measure(*, quick: bool = False) -> dict[str, Any]:
    """Measure and print everything, and return it for JSON."""
    use_one_thread()
    compiled = compile_times()
    for state, spent in compiled.items():
        times = ", ".join(f"{name} {value:.2f} s" for name, value in spent.items())
        print(f"extra time of first calls, {state} kernel cache: {times}")
    print_heading("annealing")
    rows: list[Row] = []
    for normalisation in NORMALISATIONS:
        for part in (evolution_rows, lambda c, quick: [reference_row(c, quick=quick)], study_rows):
            rows += _printed(part(normalisation, quick=quick))
        rows += [] if quick else _printed(large_rows(normalisation))
    points = measure_curve(quick=quick)
    fitted = fit(points)
    draw(points, fitted["a_ns"])
    return {
        "compile_s": compiled,
        "rows": [row.as_json() for row in rows],
        "curve": [point.as_json() for point in points],
        "fit": fitted,
        "roofline": measure_roofline(quick=quick),
    }


def _printed(rows: list[Row]) -> list[Row]:
    for row in rows:
        print_row(row)
    return rows


def main(quick: Annotated[bool, typer.Option(help="small problems, a minute")] = False) -> None:
    OUT.write_text(json.dumps(measure(quick=quick), indent=2) + "\n")
    print(f"\nwritten to {OUT}")


if __name__ == "__main__":
    typer.run(main)
