"""How often the figures of `annealcam explain --check` separate a method from random selections.

    .venv/bin/python benchmarks/check.py FOLDER [--every 6]

Every sixth photo below the folder is explained by the default network: by the default with as many
maps as its fidelity takes, and with 5 maps; and by 5 maps of the objective `relative`. For each
figure the table has its mean, the mean for Grad-CAM and for random selections, and the share of
photos, with its 95 % interval (Wilson), for which each lies beyond all 20 random selections, on the
better side. A random selection is compared with the other 19: it does so in 1 of 20 by chance.
docs/metrics.md quotes it.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from rich.progress import track
from scipy.stats import binomtest

import annealcam as ac
from annealcam.errors import AnnealcamWarning
from annealcam.evaluation.calibration import Figure
from annealcam.evaluation.class_sensitivity import ClassCheck
from annealcam.evaluation.faithfulness import channel_figures
from annealcam.models.images import load_photo
from annealcam.models.photo_files import photos_in
from annealcam.settings import resolve

CHOICES: dict[str, dict[str, Any]] = {
    "default": {},
    "default, 5 maps": {"cardinality": 5},
    "relative, 5 maps": {"objective": "relative", "cardinality": 5},
}


def figures_of(network: Any, photo: str, choice: dict[str, Any]) -> tuple[int, list[Figure]]:
    """Return the number of maps and the figures of one photo."""
    image, settings = network.preprocess(load_photo(photo)), resolve(**choice)
    e = ac.explain(network.model, image, **choice)
    assert isinstance(e, ac.Explanation)
    classes = ClassCheck(network.model, image, e, settings, network.classes)
    _, figures = channel_figures(network.model, image, e, classes)
    return len(e.selected), [*figures, *classes.figures()]


def row_of(figure: Figure) -> dict[str, Any]:
    """Return values and separation of one figure of one photo."""
    better_random = [
        Figure("", "", figure.better, value, 0.0, np.delete(figure.random, i)).verdict == "better"
        for i, value in enumerate(figure.random)
    ]
    enough = len(figure.random) >= 20
    return {
        "figure": figure.name,
        "annealcam": figure.annealcam,
        "gradcam": figure.gradcam,
        "random": float(figure.random.mean()) if enough else np.nan,
        "annealcam_better": figure.verdict == "better",
        "annealcam_worse": figure.verdict == "worse",
        "gradcam_better": figure.verdict_on(figure.gradcam) == "better",
        "random_better": float(np.mean(better_random)) if enough else np.nan,
    }


def interval(flags: list[bool]) -> str:
    """Return a share with its 95 % interval."""
    result = binomtest(sum(flags), len(flags)).proportion_ci(method="wilson")
    return f"{np.mean(flags):.2f} [{result.low:.2f}, {result.high:.2f}]"


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print means and shares of photos for one choice."""
    for name in dict.fromkeys(row["figure"] for row in rows):
        own = [row for row in rows if row["figure"] == name]
        means = " ".join(
            f"{key} {np.nanmean([row[key] for row in own]):.3f}"
            for key in ("annealcam", "gradcam", "random")
        )
        shares = "; ".join(
            f"{key} {interval([row[key] for row in own])}"
            for key in ("annealcam_better", "annealcam_worse", "gradcam_better")
        )
        random = np.nanmean([row["random_better"] for row in own])
        print(f"{name:18} {len(own)} photos  {means}  {shares}; random_better {random:.3f}")


def main(
    folder: Path,
    every: Annotated[int, typer.Option()] = 6,
    output: Annotated[Path, typer.Option()] = Path("check.json"),
) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", AnnealcamWarning)
    network = ac.load_model()
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in CHOICES}
    sizes: dict[str, list[int]] = {name: [] for name in CHOICES}
    for photo in track(photos_in(folder)[::every]):
        for name, choice in CHOICES.items():
            size, figures = figures_of(network, photo, choice)
            sizes[name].append(size)
            rows[name] += [row_of(figure) for figure in figures]
        output.write_text(json.dumps(rows, indent=1))
    for name, own in rows.items():
        print(f"\n{name}: {np.mean(sizes[name]):.2f} maps")
        print_table(own)


if __name__ == "__main__":
    typer.run(main)
