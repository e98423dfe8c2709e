"""Reported errors of annealing runs against the true ones.

    .venv/bin/python -m benchmarks.truth [--runs 5000] [--first 0] [--store FILE.npz]

Every run is random or adversarial (`cases`) and is computed again by Taylor series (`taylor`), with
two lengths of the steps, whose difference, with the drift of the norm, is the error of the
reference. Counted are the runs whose error of F, or of the distribution, is above the reported one
by more than that.
"""

from __future__ import annotations

import time
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

import annealcam as ac
from annealcam.errors import AnnealcamWarning, ArgumentError, NumericalError
from benchmarks.truth.cases import Case, case
from benchmarks.truth.taylor import REACH, final_density

SHORTER = 1.7  # ratio of the two lengths of steps
ROUNDING = 1e-15  # least error of the reference


@dataclass(frozen=True)
class Verdict:
    """The errors of one run, reported and true, and that of the reference."""

    case: Case
    success: float
    reported: float
    true: float
    reported_distance: float
    true_distance: float
    reference: float
    stages: int

    @property
    def late(self) -> list[str]:
        """Names of the errors that are above the reported ones."""
        both = {
            "F": (self.true, self.reported),
            "distribution": (self.true_distance, self.reported_distance),
        }
        return [name for name, (true, said) in both.items() if true > said + self.reference]


def reference(case: Case) -> tuple[np.ndarray, float]:
    """Return the exact probabilities of a case and their error."""
    schedule, tau = case.schedule, case.options["tau"]
    density, drift = final_density(case.system, schedule, tau)
    other, other_drift = final_density(case.system, schedule, tau, reach=REACH / SHORTER)
    apart = 0.5 * float(np.abs(density - other).sum())
    return 0.5 * (density + other), apart + drift + other_drift + ROUNDING


def verdict(case: Case, exact: np.ndarray, error: float) -> Verdict | None:
    """Anneal a case and return its errors; None if the engine refuses it."""
    try:
        run = ac.anneal(case.problem, **case.options)
    except (ArgumentError, NumericalError):
        return None
    success = float(exact[case.system.ground].sum())
    return Verdict(
        case=case,
        success=success,
        reported=run.error,
        true=abs(run.success_probability - success),
        reported_distance=run.distribution_error,
        true_distance=0.5 * float(np.abs(run.probabilities - exact).sum()),
        reference=error,
        stages=run.stages,
    )


def report(verdicts: list[Verdict], refused: list[Case]) -> None:
    """Print counts, the runs whose errors are above the reported ones, and the ratios."""
    late = [v for v in verdicts if v.late]
    print(f"{len(verdicts)} runs, {len(late)} late; {len(refused)} refused (rounding, many steps)")
    print(f"largest error of the reference {max(v.reference for v in verdicts):.1e}")
    for v in sorted(late, key=lambda v: -v.true / v.reported):
        print(
            f"  {'+'.join(v.late)}: true {v.true:.2e} reported {v.reported:.2e}, distribution "
            f"{v.true_distance:.2e} reported {v.reported_distance:.2e} | {v.case}"
        )
    for c in refused:
        print(f"  refused | {c}")
    for precision in ("complex128", "complex64"):
        some = [v for v in verdicts if v.case.options["precision"] == precision]
        ratios = np.array([v.true / v.reported for v in some])
        print(
            f"{precision}: {len(some)} runs, true / reported: median {np.median(ratios):.1e}, "
            f"95 % {np.quantile(ratios, 0.95):.2f}, largest {ratios.max():.2f}; "
            f"mean stages {np.mean([v.stages for v in some]):.0f}"
        )
    print("kinds of late runs:", dict(Counter(v.case.kind for v in late)))


def main(
    runs: Annotated[int, typer.Option(help="number of runs")] = 5000,
    first: Annotated[int, typer.Option(help="number of the first run")] = 0,
    store: Annotated[Path | None, typer.Option(help="keep the references in this file")] = None,
) -> None:
    warnings.simplefilter("ignore", AnnealcamWarning)  # of weak problems
    start, verdicts, refused = time.process_time(), [], []
    kept = dict(np.load(store)) if store is not None and store.exists() else {}
    for number in range(first, first + runs):
        one = case(number)
        if f"p{number}" not in kept:
            kept[f"p{number}"], error = reference(one)
            kept[f"e{number}"] = np.array(error)
        found = verdict(one, kept[f"p{number}"], float(kept[f"e{number}"]))
        if found is None:
            refused.append(one)
        else:
            verdicts.append(found)
        if store is not None and number % 500 == 499:
            np.savez(store, **kept)
    report(verdicts, refused)
    print(f"{time.process_time() - start:.0f} s of processor time")
    if store is not None:
        np.savez(store, **kept)


if __name__ == "__main__":
    typer.run(main)
