"""The commands `annealcam solve` and `annealcam compare-samplers`: optima, proofs, and rivals."""

from __future__ import annotations

import json
import math
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from annealcam.cli import console as terminal
from annealcam.cli.console import SamplerOptions, Seed, one_line_errors, say
from annealcam.samplers.registry import SAMPLERS

if TYPE_CHECKING:
    from annealcam.qubo.files import ProblemFile

Limit = Annotated[
    float | None, typer.Option("--time-limit", help="Seconds for a proof; none if left out.")
]


@one_line_errors
def solve(
    problem: Annotated[
        Path, typer.Argument(help="A dimod model (.bqm or JSON), COO text, or .npz with h and J.")
    ],
    sampler: Annotated[
        str,
        typer.Option(help=f"{', '.join(SAMPLERS)}: docs/samplers.md."),
    ] = "exact",
    option: SamplerOptions = None,
    beta: Annotated[float | None, typer.Option(help="For h and J: in place of the file's.")] = None,
    cardinality: Annotated[
        int | None, typer.Option(help="Exactly so many variables are 1.")
    ] = None,
    time_limit: Limit = None,
    seed: Seed = 0,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A JSON file of what was found.")
    ] = None,
) -> None:
    """Solve a problem from a file: energy, lower bound, proof and time."""
    from annealcam.qubo.files import read_problem

    source = read_problem(problem, beta=beta, cardinality=cardinality)
    start = perf_counter()
    options = terminal.named_values(option)
    told = _solved(source, sampler, time_limit, seed, options)
    told["seconds"] = perf_counter() - start
    if output is not None:
        from annealcam._internal.files import file_written_aside

        with file_written_aside(output) as aside:
            aside.write_text(json.dumps(told, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    say(f"{problem}: {source.problem.d} variables, {source.kind}", style="bold")
    ones = " ".join(map(str, told["ones"]))
    say(f"  energy       {told['energy']:.12g}, {len(told['ones'])} ones: {ones or 'none'}")
    if told["lower_bound"] is not None:
        say(f"  lower bound  {told['lower_bound']:.12g}, by {told['method']}")
    proofs = {True: "proved optimal", False: "proved not optimal", None: "optimum unknown"}
    again = f", {told['ties']} selections alike" if told["ties"] and told["ties"] > 1 else ""
    say(f"  proof        {proofs[told['optimal']]}{again}")
    say(f"  time         {told['seconds']:.3g} s, sampler {told['sampler']}")
    for name, value in told.get("info", {}).items():
        if name not in ("optimum", "multiplicity"):
            say(f"  {name}: {terminal.cell(value)}")


def _solved(
    source: ProblemFile,
    sampler: str,
    time_limit: float | None,
    seed: int,
    options: dict[str, Any] | None,
) -> dict[str, Any]:
    """What a sampler finds, as plain values; energies are those of the file's own model."""
    from annealcam._internal.validation import options_of
    from annealcam.samplers.exact import solve_exact
    from annealcam.samplers.selection import select

    problem, offset = source.problem, source.offset
    told: dict[str, Any] = {"d": problem.d, "sampler": sampler, "seed": seed}
    if sampler == "exact":
        limited = {"time_limit": time_limit, **(options or {})}
        found = solve_exact(problem, **options_of(sampler, solve_exact, limited))
        told |= {
            "optimal": found.proved or None, "lower_bound": found.lower_bound + offset,
            "method": found.method, "nodes": found.nodes, "ties": found.multiplicity,
        }  # fmt: skip
        n, energy = found.n, found.energy
    else:
        chosen = select(problem, sampler, seed=seed, options=options)
        told |= {"sampler": chosen.sampler, "optimal": chosen.optimal, "lower_bound": None,
                 "method": None, "ties": chosen.info.get("multiplicity"),
                 "info": dict(chosen.info)}  # fmt: skip
        n, energy = chosen.n, chosen.energy
    ones = [source.labels[i] for i in n.nonzero()[0]]
    plain = [label if isinstance(label, int | str) else repr(label) for label in ones]
    return told | {"energy": energy + offset, "ones": plain}


@one_line_errors
def compare_samplers(
    photo: Annotated[str, typer.Argument(help="An image file, or skimage:chelsea and such.")],
    model: Annotated[str, typer.Option(help="As for explain.")] = "efficientnet-lite0",
    layer: Annotated[str | None, typer.Option(help="As for explain.")] = None,
    preset: Annotated[str | None, typer.Option(help="paper: as published.")] = None,
    cardinality: Annotated[int | None, typer.Option(help="Select exactly so many maps.")] = None,
    max_qubits: Annotated[
        int, typer.Option(help="Most candidates kept; by default every map that may be selected.")
    ] = 100_000,
    samplers: Annotated[
        str | None, typer.Option(help="Names with commas between, as for solve.")
    ] = None,
    time_limit: Limit = 60.0,
    seed: Seed = 0,
) -> None:
    """Solve a photo's problem by every sampler: gap to the certified optimum, and time."""
    from annealcam.cli.photos import Job
    from annealcam.evaluation.solver_comparison import DEFAULT
    from annealcam.evaluation.solver_comparison import compare_samplers as run
    from annealcam.settings import resolve

    settings = resolve(preset, cardinality=cardinality, max_qubits=max_qubits, sampler="greedy")
    job = Job.prepare(model, layer=layer, target=None, settings=settings, device="cpu")
    e = job.explained(photo)[0]
    names = DEFAULT if samplers is None else samplers.split(",")
    with terminal.progress("comparing", len(names) + 1) as tell:
        best, rows = run(e.problem, names, time_limit=time_limit, seed=seed, progress=tell)
    say(f"{photo}: {e.problem.d} candidates, layer {e.provenance['layer']}", style="bold")
    proof = "proved" if best.proved else f"not proved in {time_limit:g} s"
    say(f"  optimum {best.energy:.10g}, bound {best.lower_bound:.10g}: {proof} ({best.method})")
    cells = [[_cell(name, value) for name, value in row.items()] for row in rows]
    terminal.print_table(list(rows[0]), cells, marked=0)
    say("* the certificate. gap: above the lower bound, as a share of it; shared: Jaccard index")
    say("  with the certificate's selection; windows: 20 windows of 16 maps, annealed exactly.")


def _cell(name: str, value: Any) -> str:
    if name == "gap":
        return f"{value:.2%}" if math.isfinite(value) else "-"
    return f"{value:.3g}" if name == "seconds" else terminal.cell(value)
