"""Options that several commands have, each with one name and one help text."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from annealcam.cli.interface.names import BETA, FIDELITY, NORMALISATIONS, PARTS, PRESETS, SETS
from annealcam.errors import ArgumentError
from annealcam.samplers.registry import SAMPLERS

DEFAULT_MODEL = "efficientnet-lite0"


def listed(names: Iterable[str], last: str = "or") -> str:
    """Return names as a list in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b or c'
    """
    *first, end = names
    return f"{', '.join(first)} {last} {end}" if first else end


Photos = Annotated[
    list[str],
    typer.Argument(
        help="Images, folders, patterns, or bundled:cup-and-cat.",
        metavar="PHOTO",
    ),
]
ProblemPath = Annotated[
    Path,
    typer.Argument(
        help="Problem file. Formats: .npz with h and J, a dimod model, COO, qbsolv, maximum cut, "
        "OR-Library, a Q matrix, LP or bqpjson."
    ),
]
ProblemBeta = Annotated[
    float | None,
    typer.Option("--beta", help="Beta for h and J.", show_default="that of the file, or 0.7"),
]
ProblemCardinality = Annotated[
    int | None,
    typer.Option("--cardinality", help="Number of variables that are 1.", show_default="any"),
]
ProblemFormat = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="Format of the file. Formats: npz, bqm, json, coo, qubo, maxcut, orlib (orlib:3 is "
        "the third problem of a file), gka, matrix, npy, mtx, lp, sparse or bqpjson.",
        show_default="recognised by the content",
    ),
]
Maximise = Annotated[
    bool | None,
    typer.Option(
        "--maximise/--minimise",
        help="Take the values of the file as those of a maximisation; energies are their "
        "negatives.",
        show_default="minimise, but for maxcut, orlib and LP files with Maximize",
    ),
]
MODEL_HELP = (
    "Network, by name or file. Names: efficientnet-lite0, efficientnet-lite1, efficientnet-lite2, "
    "paper-16, paper-24, paper-32, digits, FILE of weights (see --architecture), FILE.pt2, "
    "torchvision:NAME[:WEIGHTS], timm:NAME[:WEIGHTS], hf:FOLDER or MODULE:FUNCTION."
)
Model = Annotated[str, typer.Option("--model", help=MODEL_HELP)]
Layer = Annotated[
    str | None,
    typer.Option(help="Name of the layer.", show_default="the last convolutional one"),
]
Target = Annotated[
    str | None, typer.Option(help="Class, by index or name.", show_default="the predicted class")
]
Direction = Annotated[
    str,
    typer.Option(help="up: what raises the target; down: what lowers a number (--link identity)."),
]
Run = Annotated[
    int | None,
    typer.Option(
        help="Run of a layer that runs several times in a forward pass, from 0.",
        show_default="the last one",
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(help=f"{listed(PRESETS)}: the published method, unchanged."),
]
Against = Annotated[
    str | None,
    typer.Option(
        help="Why not another class: next, rest, or names. Classes, by index or name, have commas "
        "between them.",
    ),
]
Importance = Annotated[
    str | None,
    typer.Option(
        help="Importance of a map: alignment, contribution or gradcam.",
        show_default="alignment; contribution for relative and sum",
    ),
]
Objective = Annotated[
    str | None,
    typer.Option(
        help="evidence: maps that draw the evidence together; relative and sum: relevance against "
        "redundancy, as shares or as published.",
        show_default="evidence",
    ),
]
Beta = Annotated[
    float | None,
    typer.Option(
        help="Trade-off, 0 to 1: for evidence, the largest contributions against drawing the "
        "evidence; else relevance against redundancy.",
        show_default=listed(
            f"{value:.3g} for {name}" if value is not None else f"by the head for {name}"
            for name, value in BETA.items()
        ),
    ),
]
Cardinality = Annotated[
    int | None,
    typer.Option(help="Number of selected maps.", show_default="the fewest of that fidelity"),
]
Fidelity = Annotated[
    float | None,
    typer.Option(help="Cosine with the evidence to reach.", show_default=str(FIDELITY)),
]
MaxQubits = Annotated[
    int | None,
    typer.Option(
        help="Maximum number of candidates.",
        show_default="16 for samplers that simulate qubits, else all",
    ),
]
Gradients = Annotated[
    str | None,
    typer.Option(
        help="integrated: contributions add up; plain: the gradient at the photo.",
        show_default="integrated",
    ),
]
SamplerName = Annotated[
    str,
    typer.Option("--sampler", help=f"Sampler, such as anneal or exact. Names: {listed(SAMPLERS)}."),
]
SamplerOptions = Annotated[
    list[str] | None,
    typer.Option("--option", help="NAME=VALUE, an option of the sampler; see docs/samplers.md."),
]
Shots = Annotated[
    int | None,
    typer.Option(help="Number of measurements of the annealed state.", show_default="d^2"),
]
NORMALISATION_HELP = (
    f"Driver normalisation. Names: {listed(NORMALISATIONS)}; per_qubit divides by d."
)
TimeLimit = Annotated[
    float | None, typer.Option("--time-limit", help="Seconds for the search; unlimited if omitted.")
]
Seed = Annotated[int, typer.Option(help="Random seed; equal seeds give equal results.")]
Device = Annotated[str, typer.Option(help="Device of the network: cpu, cuda, ...")]
Data = Annotated[
    str | None,
    typer.Option(
        help=f"Labelled photos, as folder:PATH or a set. Sets: {listed(SETS)}; see docs/data.md."
    ),
]
Part = Annotated[str, typer.Option(help=f"Part of the data. Parts: {listed([*PARTS, 'unseen'])}.")]
Root = Annotated[
    str | None,
    typer.Option(help="Folder of the data sets.", show_default="$ANNEALCAM_DATA, or the cache"),
]
Download = Annotated[bool, typer.Option("--download", help="Download a missing data set.")]
PhotosPerClass = Annotated[
    int | None, typer.Option("--photos-per-class", help="Photos of each class.", show_default="all")
]
Masks = Annotated[
    Path | None,
    typer.Option(
        help="Object masks: a folder of images named like the photos (not 0 on the object), or a "
        "CSV file photo,left,top,right,bottom; see docs/metrics.md."
    ),
]
Output = Annotated[Path, typer.Option("-o", "--output", help="Folder for the results.")]


def sampler_options(pairs: list[str] | None) -> dict[str, Any] | None:
    """Return the options of texts NAME=VALUE; a value is JSON, or else text.

    >>> sampler_options(["shots=20", "anneal_schedule=[[0, 0], [20, 1]]", "solver=mine"])
    {'shots': 20, 'anneal_schedule': [[0, 0], [20, 1]], 'solver': 'mine'}
    """
    options: dict[str, Any] = {}
    for pair in pairs or []:
        name, equals, text = pair.partition("=")
        if not (name and equals):
            raise ArgumentError(f"--option {pair}: must be NAME=VALUE, such as shots=20")
        try:
            options[name] = json.loads(text)
        except (ValueError, RecursionError):
            options[name] = text
    return options or None


def classes_against(text: str | None) -> str | list[str] | None:
    """Return the contrast of a text: a word, or a list of classes separated by commas.

    >>> classes_against("next"), classes_against("tabby, 282")
    ('next', ['tabby', '282'])
    """
    if text is None or "," not in text:
        return text
    return [name.strip() for name in text.split(",")]
