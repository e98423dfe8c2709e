"""The paper's figures on Imagenette: three training seeds, maps before and after BatchNorm.

    .venv/bin/python benchmarks/reproduction.py --root DATA [--heads FOLDER] [-o RUN] [--workers 2]

Trains those of the nine heads that are not in FOLDER (16, 24, 32 maps; seeds 0, 1, 2; the trunk's
features are cached), runs one study of all of them at the layers `block` (the paper's, signed) and
`block.1` (after the ReLU), and prints the tables of docs/reproduction.md: means over the seeds,
with the least and the largest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.progress import Progress

from annealcam.models.checkpoints import read_header
from annealcam.study import Study, analyse, run_study, study_of
from annealcam.study.run import read_manifest, read_table
from annealcam.training.trained import train

SIZES, SEEDS, LAYERS = (16, 24, 32), (0, 1, 2), ("block", "block.1")
TAUS, NORMALISATIONS = (10, 50, 100), ("per_qubit", "unit")
PUBLISHED_F = {  # read off the paper's figure: F by d, for each tau
    10: {4: 0.19, 5: 0.12, 7: 0.043, 8: 0.021, 9: 0.0135, 11: 0.0042, 12: 0.0023, 13: 0.0012,
         14: 0.0007},
    50: {4: 0.55, 5: 0.66, 7: 0.39, 8: 0.46, 9: 0.40, 11: 0.26, 12: 0.21, 13: 0.14, 14: 0.078},
    100: {4: 0.64, 5: 0.85, 7: 0.54, 8: 0.66, 9: 0.66, 11: 0.55, 13: 0.31},
}  # fmt: skip
Row = dict[str, Any]


def head(folder: Path, maps: int, seed: int, root: Path) -> Path:
    file = folder / f"paper-{maps}-seed{seed}.safetensors"
    if not file.exists():
        print(f"training {file.name}")
        train("imagenette", trunk="efficientnet-lite0", maps=maps, seed=seed, root=root).save(file)
    return file


def over_seeds(
    rows: Iterable[Row], maps: int, value: Callable[[list[Row]], float], layer: str | None = None
) -> str:
    """The mean over seeds of a value of each seed's rows, with the least and the largest."""
    shown = [r for r in rows if layer is None or r["layer"] == layer]
    values = [value([r for r in shown if r["model"] == f"paper-{maps}-seed{s}"]) for s in SEEDS]
    low, middle, high = (f"{v:.3g}" for v in (min(values), sum(values) / len(values), max(values)))
    return f"{middle} ({low}-{high})"


def table(header: list[str], rows: Iterable[list[str]]) -> None:
    print("\n| " + " | ".join(header) + " |\n|" + " --- |" * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |")


def mean(name: str) -> Callable[[list[Row]], float]:
    return lambda rows: float(np.mean([r[name] for r in rows if r[name] is not None]))


def print_networks(heads: list[Path]) -> None:
    accuracy = {file.stem: read_header(str(file))["about"]["accuracy"]["test"] for file in heads}
    print("\nAccuracy on the test part:", json.dumps(accuracy))


def print_overlaps(rows: list[Row]) -> None:
    longest = [
        r
        for r in rows
        if r["tau"] in (None, TAUS[-1]) and r["normalisation"] in (None, "per_qubit")
    ]
    for layer in LAYERS:
        print(f"\n### Layer {layer}")
        names = dict.fromkeys(r["selector"] for r in longest)
        by_selector = {s: [r for r in longest if r["selector"] == s] for s in names}
        for name in ("off_diagonal", "k", "zero_share", "redundancy", "split_half"):
            table(
                [name, *(f"N_f = {n}" for n in SIZES)],
                (
                    [s, *(over_seeds(some, n, mean(name), layer) for n in SIZES)]
                    for s, some in by_selector.items()
                ),
            )  # fmt: skip


def print_candidates(rows: list[Row]) -> None:
    free = [r for r in rows if r["selector"] == "exact" and r["cardinality"] is None]
    for layer in LAYERS:
        for n in SIZES:
            d = [
                r["d"] for r in free if r["layer"] == layer and r["model"].startswith(f"paper-{n}-")
            ]
            print(f"d, layer {layer}, N_f = {n}: {min(d)} to {max(d)}")


def print_cells(overlap: list[Row], by_k: list[Row]) -> None:
    """Count where classes overlap less with top-k by alpha than with the optimum of equal size."""
    for rows, keys in ((overlap, ("model", "layer")), (by_k, ("model", "layer", "k"))):
        name = "off_diagonal" if rows is overlap else "overlap"
        cells: dict[tuple[Any, ...], dict[str, float]] = {}
        for r in rows:
            if r["selector"] in ("exact", "topk_alpha") and r[name] is not None:
                cells.setdefault(tuple(r[key] for key in keys), {})[r["selector"]] = r[name]
        less = sum(cell["topk_alpha"] < cell["exact"] for cell in cells.values())
        print(f"\ntop-k by alpha overlaps less in {less} of {len(cells)} cells {keys}")


def print_by_k(by_k: list[Row]) -> None:
    for layer in LAYERS:
        for k in (2, 4):
            some = [r for r in by_k if r["k"] == k and r["layer"] == layer]
            table(
                [f"overlap at k = {k}, {layer}", *(f"N_f = {n}" for n in SIZES)],
                (
                    [s, *(over_seeds([r for r in some if r["selector"] == s], n, mean("overlap"))
                          for n in SIZES)]
                    for s in dict.fromkeys(r["selector"] for r in some)
                ),
            )  # fmt: skip


def print_success(rows: list[Row]) -> None:
    """Print medians over all images of a size d, of all seeds and networks."""
    for tau in TAUS:
        some = [r for r in rows if r["selector"] == "anneal" and r["tau"] == tau]
        columns = [(c, layer) for c in NORMALISATIONS for layer in LAYERS]
        lines = []
        for d in sorted({r["d"] for r in some}):
            line = [str(d), f"{PUBLISHED_F[tau][d]:.4g}" if d in PUBLISHED_F[tau] else "-"]
            for column in columns:
                F = [
                    r["success_probability"] for r in some
                    if r["d"] == d and (r["normalisation"], r["layer"]) == column
                ]  # fmt: skip
                low, middle, high = np.quantile(F, [0.25, 0.5, 0.75])
                line.append(f"{middle:.2g} ({low:.2g}-{high:.2g})")
            images = len({(r["model"], r["image"]) for r in some if r["d"] == d})
            lines.append([*line, f"{2.0**-d:.2g}", str(images)])
        named = [", ".join(column) for column in columns]
        table([f"d (tau = {tau})", "published", *named, "one guess", "problems"], lines)


def print_gaps(rows: list[Row]) -> None:
    for layer in LAYERS:
        for normalisation in NORMALISATIONS:
            some = [
                r for r in rows
                if r["selector"] == "anneal" and r["layer"] == layer and r["tau"] == TAUS[0]
                and r["normalisation"] == normalisation and r["gap"] is not None
            ]  # fmt: skip
            quantiles = {"least": 0.0, "median": 0.5, "most": 1.0}
            table(
                [f"gap, {layer}, {normalisation}", *(f"N_f = {n}" for n in SIZES)],
                [
                    *(
                        [name, *(over_seeds(some, n, lambda rs, q=q: float(np.quantile(
                            [r["gap"] for r in rs], q))) for n in SIZES)]
                        for name, q in quantiles.items()
                    ),
                    ["under 0.9 of the final gap", *(over_seeds(some, n, lambda rs: float(np.mean(
                        [r["gap"] < 0.9 * r["final_gap"] for r in rs]))) for n in SIZES)],
                    ["Landau-Zener applies", *(over_seeds(some, n, mean("landau_zener_applies"))
                                               for n in SIZES)],
                ],
            )  # fmt: skip


def print_shots(rows: list[Row]) -> None:
    some = [
        r for r in rows
        if r["selector"] == "anneal" and r["layer"] == "block" and r["normalisation"] == "per_qubit"
    ]  # fmt: skip
    table(
        ["best of d^2 shots, `per_qubit`", *(f"N_f = {n}" for n in SIZES)],
        [
            *(
                [f"tau = {tau}", *(over_seeds([r for r in some if r["tau"] == tau], n,
                                              mean("best_of_shots")) for n in SIZES)]
                for tau in TAUS
            ),
            ["guessing", *(over_seeds(some, n, mean("guess_best")) for n in SIZES)],
        ],
    )  # fmt: skip


def main(
    root: Annotated[Path, typer.Option()],
    heads: Annotated[Path, typer.Option()] = Path("reproduction-heads"),
    output: Annotated[Path, typer.Option("-o", "--output")] = Path("reproduction"),
    workers: Annotated[int, typer.Option()] = 2,
) -> None:
    heads.mkdir(exist_ok=True)
    files = [head(heads, maps, seed, root) for maps in SIZES for seed in SEEDS]
    study = study_of(
        {
            "data": {"name": "imagenette", "root": str(root)},
            "network": {"models": [str(f.resolve()) for f in files], "layers": list(LAYERS)},
            "annealing": {"tau": list(TAUS), "normalisations": list(NORMALISATIONS)},
            "baselines": {"sizes": [1, 2, 3, 4, 5, 6, 7, 8]},
        }
    )
    if not (output / "manifest.json").exists() or not read_manifest(output)["finished"]:
        _run(study, output, workers)
    rows = read_table(output).to_pylist()
    options = study.statistics
    results = analyse(
        read_table(output), bootstrap=options.bootstrap, permutations=options.permutations,
        seed=study.seed,
    )  # fmt: skip
    overlap, by_k = (results[name].to_pylist() for name in ("overlap", "overlap_by_k"))
    print_networks(files)
    print_candidates(rows)
    print_overlaps(overlap)
    print_cells(overlap, by_k)
    print_by_k(by_k)
    print_success(rows)
    print_gaps(rows)
    print_shots(rows)


def _run(study: Study, output: Path, workers: int) -> None:
    with Progress() as bars:
        task = bars.add_task("study")

        def report(what: str, done: int, total: int) -> None:
            bars.update(task, description=what, completed=done, total=total)

        run_study(study, output, workers=workers, progress=report)


if __name__ == "__main__":
    typer.run(main)
