"""The command `annealcam anneal`: a problem from a file, and how hard it is for the annealer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from annealcam.cli import console as terminal
from annealcam.cli.console import Seed, one_line_errors, say
from annealcam.errors import ArgumentError

if TYPE_CHECKING:
    from annealcam.annealing.hardness import Hardness


@one_line_errors
def anneal(
    problem: Annotated[
        Path,
        typer.Argument(help="A dimod model (.bqm or JSON), COO text, or .npz with h and J."),
    ],
    tau: Annotated[
        str, typer.Option(help="Annealing times, in 1 / energy or the schedule's own unit.")
    ] = "10,30,50,70,100",
    normalisation: Annotated[
        str | None,
        typer.Option(
            "--normalisation",
            "--convention",
            help="Driver: per_qubit (1/d), unit (1) or dwave (1, GHz and ns). "
            "[default: per_qubit, or the schedule's]",
        ),
    ] = None,
    schedule: Annotated[
        str,
        typer.Option(
            help="linear, quadratic or FILE.csv; then +pause:AT:LENGTH or "
            "+reverse:TURN:BITS[:HOLD] if wanted."
        ),
    ] = "linear",
    beta: Annotated[
        float | None, typer.Option(help="For h and J: in place of the file's (0.7 if it has none).")
    ] = None,
    cardinality: Annotated[
        int | None, typer.Option(help="Exactly so many variables are 1.")
    ] = None,
    constraint: Annotated[
        str, typer.Option(help="How a cardinality is kept: subspace or penalty.")
    ] = "subspace",
    tol: Annotated[float, typer.Option(help="Bound on the estimated error of F.")] = 1e-6,
    shots: Annotated[
        int | None, typer.Option(help="Measurements of each final state (d^2 if left out).")
    ] = None,
    seed: Seed = 0,
    certify: Annotated[
        float | None,
        typer.Option(help="Prove that no gap is lower than this share below the minimum, as 0.1."),
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the results.")] = Path(
        "annealing-results"
    ),
) -> None:
    """Anneal a problem from a file: success probability, minimum gap, and what they mean."""
    from annealcam._internal.files import written_aside
    from annealcam.annealing.hardness import hardness
    from annealcam.qubo.files import read_problem
    from annealcam.render.folder import ANNEALING_FILES, ANNEALING_MARKER, write_annealing

    taus = _numbers("tau", tau)
    source = read_problem(problem, beta=beta, cardinality=cardinality)
    with written_aside(output, names=ANNEALING_FILES, marker=ANNEALING_MARKER) as aside:
        with terminal.progress("annealing", len(taus) + 2) as tell:
            found = hardness(
                source, taus, normalisation=normalisation, schedule=schedule, constraint=constraint,
                tol=tol, shots=shots, seed=seed,
                certify=certify, progress=tell,
            )  # fmt: skip
        write_annealing(found, aside, problem_file=str(problem))
    _print_hardness(found, problem, output)


def _numbers(name: str, text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ArgumentError(f"{name}={text!r}: numbers with commas between, as 10,50,100") from None


def _print_hardness(found: Hardness, problem: Path, output: Path) -> None:
    from annealcam.annealing.diagnosis import diagnosis
    from annealcam.render.text import annealing_gap, annealing_runs, annealing_setting

    first, *more = annealing_setting(found)
    say(f"{problem}: {first}", style="bold")
    for line in more:
        say(f"  {line}")
    terminal.print_table(*annealing_runs(found), marked=-1)
    for name, value in annealing_gap(found):
        say(f"  {name:18}{value}")
    for sentence in diagnosis(found):
        say(f"  {sentence}")
    say(f"  see {output}")
