"""What is printed of an annealed problem: lines and tables of text."""

from __future__ import annotations

from annealcam._internal.text import chance, number
from annealcam.annealing.diagnosis import best_chance
from annealcam.annealing.hardness import Hardness


def setting(h: Hardness) -> list[str]:
    """Return what was annealed, and how."""
    p, kept = h.problem, ""
    if p.cardinality is not None:
        kept = f", exactly {p.cardinality} of them 1 (kept by {h.constraint})"
    beta = f", beta {p.beta:g}" if "h and J" in h.source.kind else ""
    driver = "exchange in the subspace" if h.constraint == "subspace" else "-c sum sigma_x"
    return [
        f"{p.d} variables{kept}, {h.source.kind}{beta}",
        f"driver {h.normalisation.name}: {driver}, c = {number(h.driver_scale)}; schedule "
        f"{h.schedule.name}; gaps in {h.energy_unit}, tau in {h.tau_unit}",
        _optimum(h),
    ]


def _optimum(h: Hardness) -> str:
    text = f"lowest energy {h.ground_energy:.6g}"
    if h.source.offset:
        text += f" ({h.ground_energy + h.source.offset:.6g} with the model's offset)"
    text += f", {h.multiplicity} of {h.states} states"
    best = h.distribution.n[h.distribution.optimal]
    if len(best):
        chosen = [str(v) for v, one in zip(h.source.labels, best[0], strict=True) if one]
        text += f": {', '.join(chosen) or 'none'} {'is' if len(chosen) == 1 else 'are'} 1"
    return text


def runs(h: Hardness) -> tuple[list[str], list[list[str]]]:
    """Return the header and a row for every tau."""
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


def gap(h: Hardness) -> list[list[str]]:
    """Return names and values of all that is known of the minimum gap."""
    g = h.gap
    if g is None or g.multiplicity == h.states:
        return []
    unit = h.energy_unit
    bound = f"{number(g.certificate)} {unit}, anywhere in the run"
    return [
        ["minimum gap", f"{g.gap:.8g} {unit}, error {g.error:.1e}"],
        ["at s", f"{g.s:.6g} ({'inside the run' if g.interior else 'at an end of the run'})"],
        ["gap at s = 1", f"{g.final_gap:.8g} {unit}; the minimum is {g.ratio:.4g} of it"],
        ["Landau-Zener", "applies" if g.landau_zener_applies else "does not apply"],
        [
            "adiabatic time",
            f"{number(g.adiabatic_time)} ({h.tau_unit}), from s = {g.adiabatic_s:.4g}",
        ],
        ["Hamming distance", f"{g.hamming_distance} of {h.problem.d} variables"],
        ["no gap below", bound + (", as was to be proved" if g.proved else "")],
    ]
