"""The time of one evolution against the number of qubits, ours and of peers, with a figure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MultipleLocator

import annealcam as ac
from children import TAU, large_run
from peers import PerStepReference, qutip_sesolve
from problems import relu_problem
from timing import Timing, alone, seconds

FIGURE = Path(__file__).parent / "annealing_time.png"
NORMALISATION = "per_qubit"
DOUBLE, SINGLE = "annealcam, complex128, tol 1e-6", "annealcam, complex64, tol 1e-3"
QUTIP, PER_STEP = "qutip.sesolve, defaults", "per-step method (with eigsh), extrapolated"
# The colours of Okabe and Ito, which are safe for colour-blind readers.
STYLES = {
    DOUBLE: ("#0072B2", "o"),
    SINGLE: ("#56B4E9", "s"),
    QUTIP: ("#D55E00", "^"),
    PER_STEP: ("#000000", "D"),
}


@dataclass(frozen=True)
class Point:
    """The time of one evolution of d qubits over tau = 50."""

    series: str
    d: int
    timing: Timing

    def as_json(self) -> dict[str, Any]:
        run = {"series": self.series, "d": self.d, "normalisation": NORMALISATION}
        return run | {"s": self.timing.median, "least_s": self.timing.minimum}


def measure_curve(*, quick: bool) -> list[Point]:
    """Measure and print the points of all series."""
    print(f"\ntime of one evolution, tau = {TAU:g}, normalisation {NORMALISATION}")
    points = []
    for series, measured in (
        (DOUBLE, _ours("complex128", 1e-6, 12 if quick else 24)),
        (SINGLE, _ours("complex64", 1e-3, 12 if quick else 26)),
        (QUTIP, _qutip(10 if quick else 14)),
        (PER_STEP, _per_step(8 if quick else 14)),
    ):
        of_series = [Point(series, d, timing) for d, timing in measured]
        points += of_series
        minima = ", ".join(f"{p.d}: {seconds(p.timing.minimum)}" for p in of_series)
        print(f"{series} (minima)\n    {minima}", flush=True)
    return points


def _ours(precision: str, tol: float, largest: int) -> Iterator[tuple[int, Timing]]:
    options = {"tau": TAU, "normalisation": NORMALISATION, "precision": precision, "tol": tol}
    for d in range(4, largest + 1, 1 if precision == "complex128" and largest < 20 else 2):
        p = relu_problem(d)
        if d < 20:
            yield d, alone(lambda p=p: ac.anneal(p, **options), 5)
        else:
            yield d, large_run(d, precision, NORMALISATION).timing


def _qutip(largest: int) -> Iterator[tuple[int, Timing]]:
    for d in range(4, largest + 1, 2):
        yield d, alone(qutip_sesolve(relu_problem(d), TAU, 1.0 / d), 3)


def _per_step(largest: int) -> Iterator[tuple[int, Timing]]:
    for d in range(4, largest + 1, 2):
        peer = PerStepReference(relu_problem(d), TAU, 1.0 / d, 8 if d == 14 else 16)
        total = peer.total(peer.seconds())
        yield d, Timing(total, total, 1)


def fit(points: list[Point]) -> dict[str, float]:
    """Fit a * d * 2^d to the minima of our complex128 times for d >= 10."""
    ours = [p for p in points if p.series == DOUBLE and p.d >= 10]
    work = np.array([p.d * 2.0**p.d for p in ours])
    least = np.array([p.timing.minimum for p in ours])
    ratio = np.log(least / work)
    exponent = float(np.polyfit(np.log(work), np.log(least), 1)[0]) if len(ours) > 1 else 1.0
    a = float(np.exp(ratio.mean()))
    fitted = {"a_ns": 1e9 * a, "exponent": exponent, "spread": float(np.exp(np.ptp(ratio)))}
    print(
        f"complex128, d >= 10: {fitted['a_ns']:.3g} ns * d 2^d, largest over least "
        f"{fitted['spread']:.2f}; time ~ (d 2^d)^{exponent:.3f}"
    )
    return fitted


def draw(points: list[Point], a_ns: float) -> None:
    """Save the figure: minima, on a logarithmic axis, with the fit of d 2^d."""
    figure, axes = plt.subplots(figsize=(7.0, 4.6), layout="constrained")
    for series, (colour, marker) in STYLES.items():
        of_series = [p for p in points if p.series == series]
        d, least = [p.d for p in of_series], [p.timing.minimum for p in of_series]
        axes.plot(d, least, color=colour, marker=marker, markersize=5, label=series)
    d = np.linspace(10, max(p.d for p in points), 100)
    label = f"{a_ns:.3g} ns × $d\\,2^d$"
    axes.plot(d, 1e-9 * a_ns * d * 2**d, color="0.5", linestyle="--", label=label, zorder=0)
    axes.set(yscale="log", xlabel="number of qubits $d$", ylabel="time of one evolution (s)")
    axes.set_title(f"One annealing run, τ = {TAU:g}, normalisation {NORMALISATION}, one thread")
    axes.xaxis.set_major_locator(MultipleLocator(2))
    axes.grid(color="0.9")
    axes.legend(frameon=False)
    figure.savefig(FIGURE, dpi=150)
    plt.close(figure)
