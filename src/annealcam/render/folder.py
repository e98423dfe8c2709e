"""The folder of one explanation: numbers, arrays and pictures, written as a whole."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from PIL import Image

from annealcam._internal.files import written_aside
from annealcam.explanation import FILES, MARKER, PAGE, Explanation
from annealcam.render.picture import save_report


def write_folder(
    explanation: Explanation,
    view: Image.Image,
    folder: Path,
    *,
    comparison: list[dict[str, Any]] | None = None,
    checked: dict[str, Any] | None = None,
    page: str | None = None,
) -> None:
    """Write explanation.json, maps.npz, overlay.png, report.png; what else is given as well.

    Raises:
        OutputError: the folder cannot be written, or holds something else than a result.
    """
    with written_aside(folder, names=FILES, marker=MARKER) as aside:
        explanation.write(aside)
        explanation.overlay(view).save(aside / "overlay.png")
        save_report(explanation, view, aside / "report.png")
        if comparison:
            write_rows(comparison, aside / "comparison.csv")
        if checked:
            text = json.dumps(checked, indent=2, ensure_ascii=False, allow_nan=False)
            (aside / "check.json").write_text(text + "\n", encoding="utf-8")
        if page is not None:
            (aside / PAGE).write_text(page, encoding="utf-8")


def write_rows(rows: list[dict[str, Any]], path: Path) -> None:
    """Write rows of the same names as CSV; None is an empty cell."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
