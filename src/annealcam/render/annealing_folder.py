"""The folder of one annealed problem: numbers, arrays and figures."""

from __future__ import annotations

import json
import math
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from annealcam._version import __version__
from annealcam.annealing.diagnosis import diagnosis
from annealcam.annealing.hardness import Hardness
from annealcam.render.annealing import figures
from annealcam.render.sheets import save

MARKER = "result.json"
ARRAYS = "arrays.npz"
FIGURES = tuple(
    f"{name}.{form}" for name in ("spectrum", "success", "distribution") for form in ("png", "svg")
)
FILES = (MARKER, ARRAYS, *FIGURES)


def write_files(h: Hardness, folder: Path, *, problem_file: str = "") -> None:
    """Write result.json, arrays.npz, and the figures as PNG and SVG into an empty folder."""
    told = {"problem_file": problem_file, **as_json(h)}
    text = json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / MARKER).write_text(text + "\n", encoding="utf-8")
    np.savez(folder / ARRAYS, **_arrays(h))
    for name, figure in figures(h).items():
        save(figure, folder, name)


def as_json(h: Hardness) -> dict[str, Any]:
    """Return all numbers as plain values; a time that is infinite is None."""
    p = h.problem
    return {
        "problem": {
            "kind": h.source.kind,
            "d": p.d,
            "states": h.states,
            "labels": [_plain(label) for label in h.source.labels],
            "beta": p.beta,
            "cardinality": p.cardinality,
            "constraint": h.constraint or None,
            "offset": h.source.offset,
            "ground_energy": h.ground_energy,
            "ground_multiplicity": h.multiplicity,
        },
        "normalisation": {
            "name": h.normalisation.name,
            "driver_scale": h.driver_scale,
            "schedule": h.schedule.name,
            "energy_unit": h.energy_unit,
            "tau_unit": h.tau_unit,
        },
        "runs": [_finite(asdict(run)) for run in h.runs],
        "gap": _gap(h),
        "no_gap": h.no_gap or None,
        "diagnosis": diagnosis(h),
        "tol": h.tol,
        "seed": h.seed,
        "versions": {
            "annealcam": __version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }


def _gap(h: Hardness) -> dict[str, Any] | None:
    g = h.gap
    if g is None:
        return None
    names = (
        "gap", "error", "s", "final_gap", "ratio", "interior", "multiplicity",
        "hamming_distance", "adiabatic_time", "adiabatic_s", "slope", "landau_zener_applies",
        "certificate", "proved", "snapshots",
    )  # fmt: skip
    return _finite({name: _plain(getattr(g, name)) for name in names})


def _arrays(h: Hardness) -> dict[str, Any]:
    shown = h.distribution
    arrays = {
        "h": h.problem.h,
        "J": h.problem.J,
        "tau": np.array([run.tau for run in h.runs]),
        "success_probability": np.array([run.success_probability for run in h.runs]),
        "distribution_tau": np.array(shown.tau),
        "distribution_n": shown.n,
        "distribution_probability": shown.probability,
        "distribution_energy": shown.energy,
        "distribution_rest": np.array(shown.rest),
    }
    if h.curve is not None:
        arrays |= {"spectrum_s": h.curve.s, "spectrum_energies": h.curve.energies}
    return arrays


def _finite(numbers: dict[str, Any]) -> dict[str, Any]:
    """JSON has no infinity and no NaN."""
    bad = {k for k, v in numbers.items() if isinstance(v, float) and not math.isfinite(v)}
    return {k: None if k in bad else v for k, v in numbers.items()}


def _plain(value: Any) -> Any:
    """A label or a number as JSON has them; whatever else by its text."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
