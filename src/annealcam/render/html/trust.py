"""Evidence about an explanation: the proof, the faithfulness curve, the comparison of samplers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from annealcam.explanation import Explanation
from annealcam.qubo.problem import MAX_ENUMERATED
from annealcam.render.html.svg import Chart, across, upward


def optimality(e: Explanation) -> tuple[str, str]:
    """Return a verdict and a few sentences on whether the selection is optimal."""
    info, p = e.selection.info, e.problem
    if p.d == 0:
        return "Nothing to select", "No map is a candidate: none is alive and important."
    size = "" if p.cardinality is None else f" of exactly {p.cardinality} maps"
    by = f"The sampler {e.selection.sampler} returned this selection"
    by += f" as the best of {e.selection.shots} shots. " if e.selection.shots > 1 else ". "
    if e.optimal is None:
        bound = ""
        if "lower_bound" in info:
            bound = (
                f" No selection can have an energy below {info['lower_bound']:.6g}; this one has "
                f"{e.energy:.6g}."
            )
        return "Optimum unknown", (
            f"{by}It is not known whether a better selection{size} exists.{bound}"
        )
    if not e.optimal:
        return "Not optimal", (
            f"{by}A better selection{size} exists: the energy of this one is {e.energy:.6g}, "
            f"the lowest is {info['optimum']:.6g}."
        )
    count = info.get("multiplicity")
    ties = {None: "", 1: " It is the only selection of this energy."}.get(
        count, f" {count} selections have this energy."
    )
    return "Proved optimal", (
        f"{by}No selection{size} of the {p.d} candidates has an energy below {e.energy:.6g}: "
        f"{_proof(e)}.{ties}"
    )


def _proof(e: Explanation) -> str:
    if "nodes" in e.selection.info:
        return f"proved by branch and bound ({e.selection.info['nodes']} nodes)"
    if e.problem.d <= MAX_ENUMERATED:
        return "proved by enumerating all of them"
    return "proved by the sampler's certificate"


def figures_table(
    figures: Sequence[Mapping[str, Any]],
) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of the figures of a check, beside those of other selections.

    >>> row = {"meaning": "share kept", "better": "higher",
    ...        "cells": ["kept", "0.50", "0.30", "0.25 [0.00, 0.50]", "no verdict"]}
    >>> figures_table([row])[1]
    [['share kept', 'higher', '0.50', '0.30', '0.25 [0.00, 0.50]', 'no verdict']]
    """
    header = ["figure", "better if", "annealcam", "Grad-CAM", "random selections", "verdict"]
    return header, [[row["meaning"], row["better"], *row["cells"][1:]] for row in figures]


def curve_chart(curve: Sequence[Mapping[str, Any]], k: int) -> Markup | None:
    """Return the kept share of the layer's effect on the logit against the number of maps."""
    known = [row for row in curve if row["kept_share"] is not None]
    if len(known) < 2:
        return None
    known = sorted(known, key=lambda row: (row["maps"], row["kept_share"]))
    maps = [float(max(row["maps"], 1)) for row in known]
    kept = [float(row["kept_share"]) for row in known]
    top = [float(row["kept_share_top"] or 0.0) for row in known]
    chart = Chart(
        across(1.0, max(2.0, *maps), log=True),
        upward(min(0.0, *kept, *top), max(1.0, *kept, *top) * 1.03),
        "number of maps kept (logarithmic)",
        "share of the layer's effect",
    )
    nearest = min(range(len(known)), key=lambda i: abs(maps[i] - k))
    marks = [
        chart.level(1.0, "axis"),
        chart.line(maps, top, "dashed"),
        chart.line(maps, kept, "strong"),
        chart.dot(
            maps[nearest], kept[nearest], "warn", f"{maps[nearest]:g} maps keep {kept[nearest]:.1%}"
        ),
    ]
    label = "Share of the layer's effect that the selected maps keep alone."
    return chart.drawn(*marks, label=label)


def comparison_table(
    comparison: Sequence[Mapping[str, Any]],
) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a comparison of samplers.

    >>> comparison_table([{"sampler": "exact", "k": 2, "optimal": True, "redundancy": None}])
    (['sampler', 'k', 'optimal', 'redundancy'], [['exact', '2', 'yes', '–']])
    """
    return list(comparison[0]), [[_cell(value) for value in row.values()] for row in comparison]


def _cell(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "–", True: "yes", False: "no"}[value]
    return f"{value:.4f}" if isinstance(value, float) else str(value)
