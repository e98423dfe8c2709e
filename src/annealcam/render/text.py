"""Sentences and table rows about an annealed problem."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Int

from annealcam._internal.text import chance, number
from annealcam._internal.types import Array
from annealcam.annealing.difficulty import Hardness
from annealcam.annealing.sentences import best_chance


def ones_of(h: Hardness, n: Int[Array, " d"]) -> list[str]:
    """Return the labels of the variables that are 1 in a state."""
    return labels_of_ones(h.source.labels, n)


def labels_of_ones(labels: Sequence[object], n: Int[Array, " d"]) -> list[str]:
    """Return the labels of the ones as texts.

    >>> import numpy as np
    >>> labels_of_ones(["a", "b", 7], np.array([1, 0, 1]))
    ['a', '7']
    """
    return [str(label) for label, bit in zip(labels, n, strict=True) if bit]


def driver_setting(h: Hardness) -> str:
    """Return the driver normalisation and the schedule."""
    return (
        f"driver normalisation {h.normalisation.name} (c = {number(h.driver_scale)}), "
        f"schedule {h.schedule.name}"
    )


def annealing_setting(h: Hardness) -> list[str]:
    """Return lines about the problem, the driver and the lowest energy."""
    p, constraint = h.problem, ""
    if p.cardinality is not None:
        constraint = f", exactly {p.cardinality} of them 1 (constraint: {h.constraint})"
    beta = f", beta {p.beta:g}" if "h and J" in h.source.kind else ""
    driver = "exchange in the subspace" if h.constraint == "subspace" else "-c sum sigma_x"
    return [
        f"{p.d} variables{constraint}, {h.source.kind}{beta}",
        f"driver normalisation {h.normalisation.name}: {driver}, c = {number(h.driver_scale)}; "
        f"schedule {h.schedule.name}; gaps in {h.energy_unit}, tau in {h.tau_unit}",
        *_scaled(h),
        _optimum(h),
    ]


def _scaled(h: Hardness) -> list[str]:
    """Return a line about the scaling of the energies, if there is any."""
    if h.energy_scale == 1.0:
        return []
    return [
        f"energies divided by {h.energy_scale:.6g} for the annealing, the power of two nearest to "
        "their standard deviation; c is in that unit"
    ]


def _optimum(h: Hardness) -> str:
    text = f"lowest energy {h.ground_energy:.6g}"
    if h.source.offset:
        text += f" ({h.ground_energy + h.source.offset:.6g} with the model's offset)"
    text += f", {h.multiplicity} of {h.states} states"
    best = h.distribution.n[h.distribution.optimal]
    if len(best):
        text += f"; variables equal to 1: {', '.join(ones_of(h, best[0])) or 'none'}"
    return text


def annealing_runs(h: Hardness) -> tuple[list[str], list[list[str]]]:
    """Return the header and a row for every annealing time."""
    shots = h.runs[0].shots
    header = [
        "tau", "F", "error", "one guess", f"best of {shots}", f"{shots} guesses", "TTS99",
        f"hits in {shots}", "95 % interval", "steps",
    ]  # fmt: skip
    rows = [
        [
            f"{run.tau:g}", f"{run.success_probability:.6f}", f"{run.error:.1e}",
            chance(run.guess), best_chance(run), chance(run.guess_best), number(run.tts99),
            str(run.hits), f"{run.interval[0]:.3f} - {run.interval[1]:.3f}", str(run.steps),
        ]
        for run in h.runs
    ]  # fmt: skip
    return header, rows


def annealing_gap(h: Hardness) -> list[list[str]]:
    """Return names and values of what is known about the minimum gap."""
    g = h.gap
    if g is None or g.multiplicity == h.states:
        return []
    unit = h.energy_unit
    bound = f"{number(g.certificate)} {unit} anywhere in the anneal"
    return [
        ["minimum gap", f"{g.gap:.8g} {unit}, error {g.error:.1e}"],
        ["at s", f"{g.s:.6g} ({'inside the anneal' if g.interior else 'at its start or end'})"],
        ["gap at s = 1", f"{g.final_gap:.8g} {unit}; ratio of the minimum to it: {g.ratio:.4g}"],
        ["Landau-Zener", "applies" if g.landau_zener_applies else "does not apply"],
        [
            "adiabatic time",
            f"{number(g.adiabatic_time)} ({h.tau_unit}), set at s = {g.adiabatic_s:.4g}",
        ],
        ["Hamming distance", f"{g.hamming_distance} of {h.problem.d} variables"],
        ["no gap below", bound + (" (certified as requested)" if g.proved else "")],
    ]
