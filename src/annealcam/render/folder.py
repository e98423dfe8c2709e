"""Result folders: the files of an explanation and of an annealed problem."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from annealcam._internal.environment import environment
from annealcam._internal.storage.files import written_aside
from annealcam.annealing.difficulty import Hardness
from annealcam.annealing.sentences import diagnosis
from annealcam.explanation import FILES, MARKER, PAGE, Explanation
from annealcam.render.figures.annealing import annealing_figures
from annealcam.render.figures.picture import STRENGTH, save_report
from annealcam.render.figures.sheets import figure_files, save
from annealcam.render.latex import write_latex
from annealcam.render.views import view_of_explanation
from annealcam.samplers.hardware.report import HardwareReport
from annealcam.samplers.hardware.sentences import verdict

SIDE = 448  # pixels of the longer side of overlay.png
ANNEALING_MARKER, ARRAYS = "result.json", "arrays.npz"
FIGURES = figure_files("spectrum", "success", "distribution")
HARDWARE_FILE = "hardware.json"
ANNEALING_FILES = (ANNEALING_MARKER, ARRAYS, *FIGURES)


def write_folder(
    explanation: Explanation,
    photo: Image.Image | None,
    folder: Path,
    *,
    comparison: list[dict[str, Any]] | None = None,
    checked: dict[str, Any] | None = None,
    page: str | None = None,
) -> None:
    """Write explanation.json, maps.npz, overlay.png and report.png, as a whole or not at all.

    Args:
        explanation: the result.
        photo: the part of the photo that the network sees; None takes the explanation's view.
        folder: where the files go.
        comparison: rows for comparison.csv.
        checked: values for check.json.
        page: HTML for explanation.html.

    Raises:
        OutputError: the folder cannot be written, or contains files that are not a result's.
    """
    with written_aside(folder, names=FILES, marker=MARKER) as aside:
        explanation.write(aside)
        scene = view_of_explanation(explanation, photo).scene(explanation.map, side=SIDE)
        scene.overlay(explanation.map, strength=STRENGTH).save(aside / "overlay.png")
        save_report(explanation, photo, aside / "report.png")
        if comparison:
            write_rows(comparison, aside / "comparison.csv")
        if checked:
            _write_json(checked, aside / "check.json")
        if page is not None:
            (aside / PAGE).write_text(page, encoding="utf-8", errors="backslashreplace")


def write_rows(rows: list[dict[str, Any]], path: Path) -> None:
    """Write rows that have the same keys as CSV; None is an empty cell."""
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_table(rows: list[dict[str, Any]], folder: Path, stem: str) -> None:
    """Write rows that have the same keys as STEM.csv and, for papers, as STEM.tex."""
    write_rows(rows, folder / f"{stem}.csv")
    write_latex(rows, folder / f"{stem}.tex")


def write_annealing(h: Hardness, folder: Path, *, problem_file: str = "") -> None:
    """Write result.json, arrays.npz, and the figures as PNG, SVG and PDF into an empty folder."""
    _write_json({"problem_file": problem_file, **annealing_json(h)}, folder / ANNEALING_MARKER)
    np.savez(folder / ARRAYS, **_arrays(h))
    for name, figure in annealing_figures(h).items():
        save(figure, folder, name)


def write_hardware(report: HardwareReport, folder: Path, *, problem_file: str = "") -> None:
    """Write what a real annealer would do as hardware.json."""
    record = {
        "problem_file": problem_file,
        **report.to_dict(),
        "verdict": list(verdict(report)),
        **environment(),
    }
    _write_json(record, folder / HARDWARE_FILE)


def annealing_json(h: Hardness) -> dict[str, Any]:
    """Return all numbers as plain JSON values; an infinite time is None."""
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
            "maximised": h.source.maximised,
            "ground_energy": h.ground_energy,
            "ground_multiplicity": h.multiplicity,
        },
        "normalisation": {
            "name": h.normalisation.name,
            "driver_scale": h.driver_scale,
            "energy_scale": h.energy_scale,
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
        **environment(),
    }


def _write_json(values: dict[str, Any], path: Path) -> None:
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


def _gap(h: Hardness) -> dict[str, Any] | None:
    if h.gap is None:
        return None
    names = (
        "gap", "error", "s", "final_gap", "ratio", "interior", "multiplicity",
        "hamming_distance", "adiabatic_time", "adiabatic_s", "slope", "landau_zener_applies",
        "certificate", "proved", "snapshots",
    )  # fmt: skip
    return _finite({name: _plain(getattr(h.gap, name)) for name in names})


def _arrays(h: Hardness) -> dict[str, Any]:
    final = h.distribution
    arrays = {
        "h": h.problem.h,
        "J": h.problem.J,
        "tau": np.array([run.tau for run in h.runs]),
        "success_probability": np.array([run.success_probability for run in h.runs]),
        "distribution_tau": np.array(final.tau),
        "distribution_n": final.n,
        "distribution_probability": final.probability,
        "distribution_energy": final.energy,
        "distribution_rest": np.array(final.rest),
    }
    if h.curve is not None:
        arrays |= {"spectrum_s": h.curve.s, "spectrum_energies": h.curve.energies}
    return arrays


def _finite(numbers: dict[str, Any]) -> dict[str, Any]:
    """Replace infinity and NaN by None: JSON has neither."""
    return {
        k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in numbers.items()
    }


def _plain(value: Any) -> Any:
    """Return a label or a number as a JSON value; anything else becomes its text."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
