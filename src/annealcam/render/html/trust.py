"""Does the explanation deserve trust? What is proved, measured and compared, as a page says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from annealcam.explanation import Explanation
from annealcam.qubo.problem import MAX_ENUMERATED
from annealcam.render.html.svg import Chart, across, upward


def optimality(e: Explanation) -> tuple[str, str]:
    """Return in a few words, and in a few sentences, whether the selection is the best one."""
    info, p = e.selection.info, e.problem
    if p.d == 0:
        return "Nothing to select", "There is no candidate: no map is alive and important."
    kept = "" if p.cardinality is None else f" of exactly {p.cardinality} maps"
    by = f"Found by {e.selection.sampler}"
    by += f", as the best of {e.selection.reads} reads. " if e.selection.reads > 1 else ". "
    if e.optimal is None:
        bound = ""
        if "lower_bound" in info:
            bound = (
                f" No selection can have an energy below {info['lower_bound']:.6g}; this one has "
                f"{e.energy:.6g}."
            )
        return "Optimum unknown", f"{by}Whether it is the best selection{kept} is not known.{bound}"
    if not e.optimal:
        return "Not optimal", (
            f"{by}It is proved not to be the best selection{kept}: its energy is {e.energy:.6g}, "
            f"the lowest is {info['optimum']:.6g}."
        )
    many = info.get("multiplicity")
    alone = {None: "", 1: " It is the only one of this energy."}.get(
        many, f" {many} selections share this energy."
    )
    return "Proved optimal", (
        f"{by}No selection{kept} of the {p.d} candidates has a lower energy than its "
        f"{e.energy:.6g}: {_how(e)}.{alone}"
    )


def _how(e: Explanation) -> str:
    if "nodes" in e.selection.info:
        return f"proved by branch and bound ({e.selection.info['nodes']} nodes)"
    if e.problem.d <= MAX_ENUMERATED:
        return "all of them were enumerated"
    return "proved by its certificate"


def blind(row: Mapping[str, Any]) -> bool:
    """Return whether a check's row of a class says that the map does not know the class.

    >>> blind({"verdict": "this map tells the classes apart (rank correlation 0.10)"})
    False
    """
    return "does not" in row["verdict"]


def curve_chart(curve: Sequence[Mapping[str, Any]], k: int) -> Markup | None:
    """Return the share of the layer's say against the number of maps kept, along beta."""
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
        "maps kept, logarithmic",
        "share of the layer's say",
    )
    at = min(range(len(known)), key=lambda i: abs(maps[i] - k))
    marks = [
        chart.level(1.0, "axis"),
        chart.line(maps, top, "dashed"),
        chart.line(maps, kept, "strong"),
        chart.dot(maps[at], kept[at], "warn", f"{maps[at]:g} maps keep {kept[at]:.1%}"),
    ]
    return chart.drawn(*marks, told="Share of the layer's say that the selected maps keep alone.")


def samplers(comparison: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a comparison of samplers.

    >>> samplers([{"sampler": "exact", "k": 2, "optimal": True, "redundancy": None}])
    (['sampler', 'k', 'optimal', 'redundancy'], [['exact', '2', 'yes', '–']])
    """
    return list(comparison[0]), [[_cell(value) for value in row.values()] for row in comparison]


def _cell(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "–", True: "yes", False: "no"}[value]
    return f"{value:.4f}" if isinstance(value, float) else str(value)
