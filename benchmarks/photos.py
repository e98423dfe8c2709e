"""The method on a folder of photos: what the selection gains, and what simple baselines do.

    .venv/bin/python benchmarks/photos.py FOLDER [--preset paper]

Every photo below the folder is explained by the default network with 16 qubits; the same problem is
solved by every other sampler. Prints means over the photos, and writes one row a photo as CSV.
docs/relative.md quotes it for photos that were not used to train the network.
"""

from __future__ import annotations

import csv
import warnings
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from rich.progress import track

import annealcam as ac
from annealcam.errors import AnnealcamWarning, ImageError
from annealcam.evaluation.solver_comparison import compare_with_explanation
from annealcam.models.images import load_image


def row_of(e: ac.Explanation) -> dict[str, Any]:
    """One photo's figures: of the selection, of the annealing, and of each other sampler."""
    provenance, info = e.provenance, e.selection.info
    row = {
        "candidates": provenance["candidates_in_all"],
        "dead": provenance["dead"],
        "left_out_share": provenance["left_out_relevance_share"],
        "k": len(e.selected),
        "carried": e.carried_share,
        "F": info["success_probability"],
        "best_of_shots": info["best_of_shots_probability"],
        "guess": info["guess_probability"],
        "optimal": e.optimal,
        "warned": bool(provenance["warnings"]),
    }
    for other in compare_with_explanation(e):
        for key in ("optimal", "carried", "redundancy"):
            row[f"{other['sampler']}_{key}"] = other[key]
    return row


def main(
    folder: Path,
    preset: Annotated[str | None, typer.Option()] = None,
    output: Annotated[Path, typer.Option()] = Path("photos.csv"),
) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", AnnealcamWarning)  # they are counted
    model, preprocess, _ = ac.load_model()
    rows = []
    for path in track(sorted(p for p in folder.rglob("*") if p.is_file())):
        try:
            photo = load_image(path)
        except ImageError as error:
            print(error)
            continue
        e = ac.explain(model, preprocess(photo), preset=preset)
        assert isinstance(e, ac.Explanation)
        rows.append(row_of(e))
    with output.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(rows)} photos, preset {preset}; mean (least to most); rows in {output}")
    for key in rows[0]:
        values = np.array([row[key] for row in rows if row[key] is not None], dtype=float)
        print(f"{key:22} {values.mean():10.4f}  ({values.min():.4g} to {values.max():.4g})")


if __name__ == "__main__":
    typer.run(main)
