"""The command `annealcam convert`: a problem file in another format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from annealcam.cli import options
from annealcam.cli.console import one_line_errors, print_line
from annealcam.cli.interface.panels import takes_help_all
from annealcam.cli.interface.reporting import print_json
from annealcam.cli.interface.verbosity import takes_reporting_options


@one_line_errors
@takes_help_all
@takes_reporting_options
def convert(
    problem: options.ProblemPath,
    output: Annotated[
        Path,
        typer.Argument(
            help="File to write, with the ending of a format: .npz, .lp, .bqm, .json, .coo, .qubo, "
            ".maxcut, .orlib, .gka, .matrix, .npy or .mtx."
        ),
    ],
    format: options.ProblemFormat = None,
    to: Annotated[
        str | None,
        typer.Option("--to", help="Format to write.", show_default="that of the ending"),
    ] = None,
    maximise: options.Maximise = None,
    beta: options.ProblemBeta = None,
    cardinality: options.ProblemCardinality = None,
    penalty: Annotated[
        bool,
        typer.Option("--penalty", help="Write a cardinality as a penalty where it cannot be held."),
    ] = False,
    drop: Annotated[
        list[str] | None,
        typer.Option("--drop", help="Leave out what the format cannot hold: offset or diagonal."),
    ] = None,
) -> None:
    """Convert a problem file to another format, with the same energies."""
    from annealcam.qubo.files import read_problem, save_problem

    source = read_problem(
        problem, beta=beta, cardinality=cardinality, format=format, maximise=maximise
    )
    save_problem(source, output, format=to, penalty=penalty, drop=drop or ())
    print_json({
        "problem_file": problem, "d": source.problem.d, "kind": source.kind, "output": output,
    })  # fmt: skip
    print_line(f"{problem}: {source.problem.d} variables, {source.kind}", style="bold")
    print_line(f"  see {output}")
