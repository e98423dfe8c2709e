"""The commands `annealcam solve` and `annealcam compare-samplers`: optima, proofs, samplers."""

from __future__ import annotations

import json
import math
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from annealcam._internal.text import storable
from annealcam.cli import options
from annealcam.cli.console import (
    cell,
    elapsed_time,
    one_line_errors,
    print_error,
    print_line,
    print_table,
)
from annealcam.cli.interface.panels import takes_help_all
from annealcam.cli.interface.reporting import print_json
from annealcam.cli.interface.verbosity import takes_reporting_options
from annealcam.cli.networks.options import takes_network_options
from annealcam.cli.signals import INTERRUPTED
from annealcam.errors import ArgumentError
from annealcam.samplers.registry import SAMPLERS, sampler_named

if TYPE_CHECKING:
    from annealcam.cli.photos.each import Report
    from annealcam.qubo.files import ProblemFile


@one_line_errors
@takes_help_all
@takes_reporting_options
def solve(
    problem: options.ProblemPath,
    sampler: options.SamplerName = "exact",
    option: options.SamplerOptions = None,
    beta: options.ProblemBeta = None,
    cardinality: options.ProblemCardinality = None,
    format: options.ProblemFormat = None,
    maximise: options.Maximise = None,
    time_limit: options.TimeLimit = None,
    seed: options.Seed = 0,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="JSON file for the result.")
    ] = None,
) -> None:
    """Solve a problem from a file: energy, lower bound, proof and time."""
    from annealcam._internal.deadline import working_seconds
    from annealcam.qubo.files import read_problem

    source = read_problem(
        problem, beta=beta, cardinality=cardinality, format=format, maximise=maximise
    )
    start, own = working_seconds(), options.sampler_options(option)
    with elapsed_time(f"{sampler}, {source.problem.d} variables"):
        result = _solved(source, sampler, time_limit, seed, own)
    result["seconds"] = working_seconds() - start
    interrupted = result.pop("interrupted", False)
    if output is not None:
        from annealcam._internal.environment import environment
        from annealcam._internal.storage.files import file_written_aside

        record = {**result, "environment": environment()}
        with file_written_aside(output) as aside:
            aside.write_text(json.dumps(record, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    print_json({"problem_file": storable(str(problem)), **result})
    _print_result(result, source, problem)
    if interrupted:
        print_error("interrupted; this is the best selection found until then, and its bound")
        raise typer.Exit(INTERRUPTED)


def _print_result(result: dict[str, Any], source: ProblemFile, problem: Path) -> None:
    print_line(f"{problem}: {source.problem.d} variables, {source.kind}", style="bold")
    ones = " ".join(map(str, result["ones"]))
    print_line(
        f"  energy       {result['energy']:.12g}, {len(result['ones'])} ones: {ones or 'none'}"
    )
    if source.maximised:
        print_line(f"  value        {0.0 - result['energy']:.12g}, which the file maximises")
    if result["lower_bound"] is not None:
        print_line(f"  lower bound  {result['lower_bound']:.12g}, by {result['method']}")
    proofs = {True: "proved optimal", False: "proved not optimal", None: "optimum unknown"}
    ties = f", {result['ties']} selections of this energy" if (result["ties"] or 0) > 1 else ""
    print_line(f"  proof        {proofs[result['optimal']]}{ties}")
    print_line(f"  time         {result['seconds']:.3g} s, sampler {result['sampler']}")
    for name, value in result.get("info", {}).items():
        if name not in ("optimum", "multiplicity"):
            print_line(f"  {name}: {cell(value)}")


def _solved(
    source: ProblemFile,
    sampler: str,
    time_limit: float | None,
    seed: int,
    sampler_options: dict[str, Any] | None,
) -> dict[str, Any]:
    """Return a sampler's result as plain values; energies are those of the model in the file."""
    from annealcam._internal.validation import options_of
    from annealcam.annealing.hamiltonian import to_scale
    from annealcam.samplers.exact import solve_exact
    from annealcam.samplers.selection import select

    problem, offset = source.problem, source.offset
    result: dict[str, Any] = {
        "d": problem.d, "kind": source.kind, "maximised": source.maximised, "sampler": sampler,
        "seed": seed,
    }  # fmt: skip
    sampler_options = _limited(sampler, time_limit) | (sampler_options or {})
    if sampler == "exact":
        solution = solve_exact(problem, **options_of(sampler, solve_exact, sampler_options))
        result |= {
            "optimal": solution.proved or None, "lower_bound": solution.lower_bound + offset,
            "method": solution.method, "nodes": solution.nodes, "ties": solution.multiplicity,
            "interrupted": solution.interrupted,
        }  # fmt: skip
        n, energy = solution.n, solution.energy
    else:
        if sampler in SAMPLERS and SAMPLERS[sampler].anneals:
            given = problem if "h and J" in source.kind else source
            scaled = {"scale_energies": to_scale(given, None, problem)}
            sampler_options = scaled | sampler_options
        selection = select(problem, sampler, seed=seed, options=sampler_options)
        result |= {"sampler": selection.sampler, "optimal": selection.optimal, "lower_bound": None,
                 "method": None, "ties": selection.info.get("multiplicity"),
                 "info": dict(selection.info)}  # fmt: skip
        n, energy = selection.n, selection.energy
    labels = [source.labels[i] for i in n.nonzero()[0]]
    ones = [label if isinstance(label, int | str) else repr(label) for label in labels]
    return result | {"energy": energy + offset, "ones": ones}


def _limited(sampler: str, time_limit: float | None) -> dict[str, Any]:
    """Return a time limit as an option of a sampler."""
    if time_limit is None:
        return {}
    function = sampler_named(sampler).load()
    if "time_limit" not in signature(function).parameters:
        raise ArgumentError(
            f"--time-limit {time_limit:g}: the sampler {sampler} has no time limit; choose exact "
            "or local, or set its numbers of shots and sweeps by --option"
        )
    return {"time_limit": time_limit}


@one_line_errors
@takes_network_options
@takes_reporting_options
def compare_samplers(
    photos: options.Photos,
    model: options.Model = options.DEFAULT_MODEL,
    layer: options.Layer = None,
    preset: options.Preset = None,
    cardinality: options.Cardinality = None,
    max_qubits: options.MaxQubits = 100_000,
    samplers: Annotated[
        str | None,
        typer.Option(
            help=f"Names separated by commas: {options.listed(SAMPLERS)}.",
            show_default="those that suit large problems",
        ),
    ] = None,
    time_limit: options.TimeLimit = 60.0,
    seed: options.Seed = 0,
    network_options: Any = None,
) -> None:
    """Solve the problems of photos by several samplers: gap to the certified optimum, and time."""
    from annealcam.cli.photo_explainer import PhotoExplainer
    from annealcam.cli.photos.each import each_photo, is_brief
    from annealcam.cli.photos.found import photos_of
    from annealcam.evaluation.solver_comparison import DEFAULT, compare_samplers as run
    from annealcam.settings import resolve

    settings = resolve(preset, cardinality=cardinality, max_qubits=max_qubits, sampler="greedy")
    found = photos_of(photos).files
    explainer = PhotoExplainer.prepare(
        model, layer=layer, target=None, settings=settings, device="cpu",
        network_options=network_options,
    )  # fmt: skip
    names = DEFAULT if samplers is None else samplers.split(",")

    def compare(photo: str, report: Report) -> dict[str, Any]:
        e = explainer.explain(photo)[0]
        best, rows = run(e.problem, names, time_limit=time_limit, seed=seed, progress=report)
        proof = "proved" if best.proved else f"not proved in {time_limit:g} s"
        title = f"{photo}: {e.problem.d} candidates, layer {e.provenance['layer']}"
        optimum = f"optimum {best.energy:.10g}, bound {best.lower_bound:.10g}: {proof}"
        if is_brief(found):
            print_line(f"{title}; {optimum}")
        else:
            print_line(title, style="bold")
            print_line(f"  {optimum} ({best.method})")
            _print_samplers(rows)
        return {"photo": storable(photo), "layer": e.provenance["layer"],
                "candidates": e.problem.d, "rows": rows}  # fmt: skip

    counts, records = each_photo(found, compare, description="comparing")
    if is_brief(found) and records:
        _print_samplers(mean_rows([record["rows"] for record in records]))
    counts.print("compared")
    counts.end()


def _print_samplers(rows: list[dict[str, Any]]) -> None:
    cells = [[_cell(name, value) for name, value in row.items()] for row in rows]
    print_table(list(rows[0]), cells, marked=0)
    has_windows = any(row["sampler"] == "windows" for row in rows)
    windows = "; windows: 20 windows of 16 maps, annealed exactly" if has_windows else ""
    print_line("* the certificate. gap: distance above the lower bound, as a share of it; shared:")
    print_line(f"  Jaccard index with *{windows}.")


def mean_rows(tables: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return the means over photos of each sampler's row.

    `optimal` is the number of photos for which the selection is proved optimal.

    >>> row = {"sampler": "sa", "gap": 0.0, "optimal": True, "shared": 1.0, "seconds": 2.0}
    >>> mean_rows([[row], [{**row, "gap": 0.5, "optimal": None}]])
    [{'sampler': 'sa', 'gap': 0.25, 'optimal': '1 of 2', 'shared': 1.0, 'seconds': 2.0}]
    """
    count = len(tables)
    means = []
    for rows in zip(*tables, strict=True):
        optimal = sum(row["optimal"] is True for row in rows)
        gap, shared, seconds = (
            sum(row[name] for row in rows) / count for name in ("gap", "shared", "seconds")
        )
        means.append({
            "sampler": rows[0]["sampler"], "gap": gap, "optimal": f"{optimal} of {count}",
            "shared": shared, "seconds": seconds,
        })  # fmt: skip
    return means


def _cell(name: str, value: Any) -> str:
    if name == "gap":
        return f"{value:.2%}" if math.isfinite(value) else "-"
    return f"{value:.3g}" if name == "seconds" else cell(value)
