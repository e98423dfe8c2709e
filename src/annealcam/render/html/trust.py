"""Evidence about an explanation: the proof, the faithfulness curve, the comparison of samplers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from annealcam._internal.text import percentage
from annealcam.explanation import Explanation
from annealcam.qubo.problem import MAX_ENUMERATED
from annealcam.render.html.svg import Chart, across, tag, upward
from annealcam.render.subject_text import share_text

SAME_SHARE = 0.005  # difference of shares that are written as the same number, nearly
STRIP = 240.0  # pixels of the width of a figure of a check beside random selections


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


def sum_sentence(e: Explanation, checked: Mapping[str, Any] | None) -> str:
    """Return why the shares kept alone and lost without the maps differ from their share.

    It is empty where they are equal, as behind a linear head, and for a lead over other classes,
    whose share is not measured.
    """
    rows = checked["channels"][:1] if checked else []
    if not rows or e.provenance.get("against") is not None or not math.isfinite(e.share):
        return ""
    measured = [rows[0][name] for name in ("kept_share", "lost_share")]
    if all(value is None or abs(value - e.share) < SAME_SHARE for value in measured):
        return ""
    return (
        f"The effects of the maps do not add up behind this layer, so that neither equals their "
        f"share by contribution, {share_text(e.share)}."
    )


def figures_table(
    figures: Sequence[Mapping[str, Any]],
) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of the figures of a check, beside those of other selections.

    >>> row = {"meaning": "share kept", "better": "higher", "annealcam": None,
    ...        "cells": ["kept", "0.50", "0.30", "0.25 [0.00, 0.50]", "no verdict"]}
    >>> figures_table([row])[1]
    [['share kept', '', '0.50', '0.30', '0.25 [0.00, 0.50]', 'no verdict']]
    """
    header = ["figure", "worse ← random selections → better", "annealcam", "Grad-CAM",
              "random selections", "verdict"]  # fmt: skip
    return header, [[row["meaning"], scale_strip(row) or "", *row["cells"][1:]] for row in figures]


def scale_strip(row: Mapping[str, Any]) -> Markup | None:
    """Return a figure of a check on the scale of the random selections, better to the right.

    The band holds all random selections, of which the least is at its one end and the largest at
    its other end. A mark outside the band is unusual; distances from it are compressed.
    """
    if row["annealcam"] is None or not row["draws"]:
        return None
    values = [("gradcam", "Grad-CAM", row["gradcam"]), ("annealcam", "annealcam", row["annealcam"])]
    marks = [
        tag("rect", x=_place(0.0), y=5, width=_place(1.0) - _place(0.0), height=12, class_="band"),
        tag("line", x1=_at(row, row["random"]), x2=_at(row, row["random"]), y1=5, y2=17,
            class_="middle"),
    ]  # fmt: skip
    marks += [
        tag("circle", tag("title", name), cx=_at(row, value), cy=11, r=5, class_=kind)
        for kind, name, value in values
        if value is not None
    ]
    text = f"annealcam {row['cells'][1]}, Grad-CAM {row['cells'][2]}, random {row['cells'][3]}"
    return tag("svg", *marks, viewBox=f"0 0 {STRIP:g} 22", width=STRIP, height=22, role="img",
               aria_label=text, class_="strip-chart")  # fmt: skip


def _at(row: Mapping[str, Any], value: float) -> float:
    """Return the position of a value in a strip."""
    low, high = row["random_low"], row["random_high"]
    x = (value - low) / ((high - low) or 1.0)
    return _place(x if row["better"] == "higher" else 1.0 - x)


def _place(x: float) -> float:
    """Return the position of 0 to 1 within the band, and beyond it of any distance in the rest.

    >>> _place(0.0), _place(1.0), _place(1e9) <= STRIP
    (80.0, 160.0, True)
    """
    outside = max(-x, x - 1.0, 0.0)
    end = min(max(x, 0.0), 1.0) + math.copysign(0.9 * outside / (0.5 + outside), x)
    return STRIP * (1.0 + end) / 3.0


def curve_chart(curve: Sequence[Mapping[str, Any]], k: int) -> Markup | None:
    """Return the kept share of the logit against the number of maps."""
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
        "share of the logit",
    )
    nearest = min(range(len(known)), key=lambda i: abs(maps[i] - k))
    marks = [
        chart.level(1.0, "axis"),
        chart.line(maps, top, "dashed"),
        chart.line(maps, kept, "strong"),
        chart.dot(
            maps[nearest],
            kept[nearest],
            "warn",
            f"{maps[nearest]:g} maps keep {percentage(kept[nearest])}",
        ),
    ]
    label = "Share of the logit that the selected maps keep alone."
    return chart.drawn(*marks, label=label)


def comparison_table(
    comparison: Sequence[Mapping[str, Any]],
) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a comparison of samplers.

    >>> comparison_table([{"sampler": "exact", "k": 2, "optimal": True, "redundancy": None}])
    (['sampler', 'k', 'optimal', 'redundancy'], [['exact', '2', 'yes', '–']])
    """
    return list(comparison[0]), [
        [_cell(name, value) for name, value in row.items()] for row in comparison
    ]


def _cell(name: str, value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "–", True: "yes", False: "no"}[value]
    if name == "share":
        return share_text(value)
    return f"{value:.4f}" if isinstance(value, float) else str(value)
