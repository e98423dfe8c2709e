"""The command `annealcam anneal`: the annealing of a problem from a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from annealcam._internal.text import storable
from annealcam.cli import options
from annealcam.cli.console import one_line_errors, print_line, print_table, progress_bar
from annealcam.cli.interface.panels import takes_help_all
from annealcam.cli.interface.reporting import print_json
from annealcam.cli.interface.verbosity import takes_reporting_options
from annealcam.errors import ArgumentError

if TYPE_CHECKING:
    from annealcam.annealing.difficulty import Hardness
    from annealcam.qubo.files import ProblemFile

TAUS = "10,30,50,70,100"


@one_line_errors
@takes_help_all
@takes_reporting_options
def anneal(
    problem: options.ProblemPath,
    tau: Annotated[
        str | None,
        typer.Option(
            help="Annealing times separated by commas, in 1 / energy or in the time unit of the "
            "schedule.",
            show_default=f"{TAUS}; with --hardware 5, 20 and up to 10 variables 100 ns",
        ),
    ] = None,
    normalisation: Annotated[
        str | None,
        typer.Option(
            "--normalisation",
            "--convention",
            help=options.NORMALISATION_HELP,
            show_default="per_qubit, or that of the schedule",
        ),
    ] = None,
    schedule: Annotated[
        str,
        typer.Option(
            help="linear, quadratic or FILE.csv, with an optional +pause:AT:LENGTH or "
            "+reverse:TURN:BITS[:HOLD]."
        ),
    ] = "linear",
    beta: options.ProblemBeta = None,
    cardinality: options.ProblemCardinality = None,
    format: options.ProblemFormat = None,
    maximise: options.Maximise = None,
    constraint: Annotated[
        str, typer.Option(help="How the cardinality is imposed: subspace or penalty.")
    ] = "subspace",
    tol: Annotated[float, typer.Option(help="Bound on the numerical error of F.")] = 1e-6,
    shots: options.Shots = None,
    seed: options.Seed = 0,
    certify: Annotated[
        float | None,
        typer.Option(help="Prove that no gap is lower than this share below the minimum gap."),
    ] = None,
    hardware: Annotated[
        str | None,
        typer.Option(
            help="Report what a real annealer would do, by its published figures, instead: "
            "advantage, advantage2 or a JSON file of figures."
        ),
    ] = None,
    scale_energies: Annotated[
        bool | None,
        typer.Option(
            help="Whether to divide the energies by their standard deviation, as a power of two.",
            show_default="if it is above 10 or below 1/10, except for h and J",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder for the results.",
            show_default="annealing-results, or hardware-results with --hardware",
        ),
    ] = None,
) -> None:
    """Anneal a problem from a file: success probability, minimum gap, and what they mean."""
    from annealcam._internal.storage.files import written_aside
    from annealcam.annealing.difficulty import hardness
    from annealcam.qubo.files import read_problem
    from annealcam.render.folder import (
        ANNEALING_FILES,
        ANNEALING_MARKER,
        annealing_json,
        write_annealing,
    )

    taus = _numbers("tau", TAUS if tau is None else tau)
    source = read_problem(
        problem, beta=beta, cardinality=cardinality, format=format, maximise=maximise
    )
    if hardware is not None:
        for name, value in (("--normalisation", normalisation), ("--certify", certify)):
            if value is not None:
                raise ArgumentError(f"{name} {value}: has no meaning with --hardware; omit it")
        anneals = None if tau is None else tuple(taus)
        table = None if schedule == "linear" else schedule
        folder = output or Path("hardware-results")
        _report_hardware(source, problem, hardware, anneals, table, shots, seed, folder)
        return
    output = output or Path("annealing-results")
    with written_aside(output, names=ANNEALING_FILES, marker=ANNEALING_MARKER) as aside:
        with progress_bar("annealing", len(taus) + 2) as update:
            result = hardness(
                source, taus, normalisation=normalisation, schedule=schedule, constraint=constraint,
                tol=tol, shots=shots, seed=seed, certify=certify,
                scale_energies=scale_energies, progress=update,
            )  # fmt: skip
        write_annealing(result, aside, problem_file=str(problem))
    print_json({"problem_file": storable(str(problem)), **annealing_json(result)})
    _print_result(result, problem, output)


def _report_hardware(
    source: ProblemFile,
    problem: Path,
    hardware: str,
    tau: tuple[float, ...] | None,
    schedule: str | None,
    shots: int | None,
    seed: int,
    output: Path,
) -> None:
    """Print what a real annealer would do, and write it as hardware.json."""
    from annealcam._internal.storage.files import written_aside
    from annealcam.render.folder import HARDWARE_FILE, write_hardware
    from annealcam.samplers.hardware.report import STEPS, hardware_report
    from annealcam.samplers.hardware.sentences import figure_rows, verdict

    given = {} if shots is None else {"shots": shots}
    with written_aside(output, names=(HARDWARE_FILE,), marker=HARDWARE_FILE) as aside:
        with progress_bar("hardware", STEPS) as update:
            report = hardware_report(
                source.problem, hardware=hardware, schedule=schedule, tau=tau, seed=seed,
                progress=update, **given,
            )  # fmt: skip
        write_hardware(report, aside, problem_file=str(problem))
    print_json({"problem_file": storable(str(problem)), **report.to_dict()})
    print_line(f"{problem}: {source.problem.d} variables, {source.kind}", style="bold")
    for name, value in figure_rows(report):
        print_line(f"  {name:24}{value}")
    for sentence in verdict(report):
        print_line(f"  {sentence}")
    print_line(f"  see {output}")


def _numbers(name: str, text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ArgumentError(
            f"{name}={text!r}: must be numbers separated by commas, such as 10,50,100"
        ) from None


def _print_result(result: Hardness, problem: Path, output: Path) -> None:
    from annealcam.annealing.sentences import diagnosis
    from annealcam.render.text import annealing_gap, annealing_runs, annealing_setting

    first, *lines = annealing_setting(result)
    print_line(f"{problem}: {first}", style="bold")
    for line in lines:
        print_line(f"  {line}")
    print_table(*annealing_runs(result))
    for name, value in annealing_gap(result):
        print_line(f"  {name:18}{value}")
    for sentence in diagnosis(result):
        print_line(f"  {sentence}")
    print_line(f"  see {output}")
