"""What is to be seen first: how few maps, how much they carry, how sure, how hard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from annealcam._internal.text import chance, number
from annealcam.annealing.hardness import Hardness
from annealcam.explanation import Explanation
from annealcam.render.html.trust import blind, optimality


@dataclass(frozen=True)
class Tile:
    """A value to be read at a glance, what it is, and where on the page there is more of it."""

    value: str
    label: str
    href: str
    doubt: bool = False


def tiles(
    e: Explanation, checked: Mapping[str, Any] | None, annealing: Hardness | None
) -> list[Tile]:
    """Return the tiles of an explanation; what was not measured has none."""
    word, _ = optimality(e)
    by = f"by {e.selection.sampler}, of {e.problem.d} candidates"
    found = [
        Tile(f"{len(e.selected)} of {e.provenance['channels']}", "maps selected", "#maps"),
        _carried(e, checked),
        Tile(word, by, "#trust", e.optimal is False),
        *_class(checked),
    ]
    run = annealing.runs[-1] if annealing is not None else None
    F = run.success_probability if run else e.selection.info.get("success_probability")
    if F is not None:
        guess = f"; one guess: {number(run.guess)}" if run else ""
        found.append(Tile(f"F = {chance(F)}", f"a shot finds the optimum{guess}", "#annealing"))
    return found


def _carried(e: Explanation, checked: Mapping[str, Any] | None) -> Tile:
    rows = checked["channels"] if checked else []
    kept = rows[0]["kept_share"] if rows else None
    if kept is None:
        label = "of the positive contributions are carried by them"
        return Tile(f"{e.carried_share:.0%}", label, "#maps", e.carried_share < 0.1)
    return Tile(f"{kept:.0%}", "of the layer’s say is kept by them alone", "#trust", kept < 0.1)


def _class(checked: Mapping[str, Any] | None) -> list[Tile]:
    """How like the map is to that of the next likely class."""
    row = checked["classes"][0] if checked and checked["classes"] else None
    if row is None or row["rank_correlation"] is None:
        return []
    told = "does not tell it from" if blind(row) else "tells it from"
    label = f"rank correlation: the map {told} “{row['class']}”"
    return [Tile(f"{row['rank_correlation']:.2f}", label, "#trust", blind(row))]
