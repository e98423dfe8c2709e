"""The values at the top of the page of an explanation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from annealcam._internal.text import chance, number
from annealcam.annealing.difficulty import Hardness
from annealcam.attribution.record import DOUBTFUL_FIDELITY
from annealcam.explanation import DOUBTFUL_SHARE, Explanation
from annealcam.render.explanation_text import is_evidence
from annealcam.render.html.trust import optimality
from annealcam.render.subject_text import score_name, share_text
from annealcam.sets.flip import FlipSet


@dataclass(frozen=True)
class Tile:
    """A value at the top of the page, its label, and a link to the section with the details."""

    value: str
    label: str
    href: str
    doubt: bool = False


def tiles(
    e: Explanation,
    checked: Mapping[str, Any] | None,
    annealing: Hardness | None,
    flip: FlipSet | None = None,
) -> list[Tile]:
    """Return the tiles of an explanation; a quantity that was not measured has no tile."""
    verdict, _ = optimality(e)
    by = f"sampler {e.selection.sampler}, {e.problem.d} candidates"
    sure = f", {len(e.core) or 'none'} of them sure" if len(e.selected) else ""
    all_tiles = [
        Tile(f"{len(e.selected)} of {e.provenance['channels']}", f"maps selected{sure}", "#maps"),
        *_fidelity_tiles(e),
        *_share_tiles(e),
        *_flip_tiles(flip),
        Tile(verdict, by, "#trust", e.optimal is False),
        *_class_tiles(checked),
    ]
    run = annealing.runs[-1] if annealing is not None else None
    F = run.success_probability if run else e.selection.info.get("success_probability")
    if F is not None:
        guess = f"; one random guess: {number(run.guess)}" if run else ""
        label = f"probability that one shot finds the optimum{guess}"
        all_tiles.append(Tile(f"F = {chance(F)}", label, "#annealing"))
    return all_tiles


def _fidelity_tiles(e: Explanation) -> list[Tile]:
    if e.fidelity is None or not len(e.selected):
        return []
    draws = is_evidence(e) and e.provenance["beta"] == 0
    doubt = draws and e.fidelity < DOUBTFUL_FIDELITY
    maps = "these maps draw" if len(e.selected) > 1 else "this map draws"
    label = f"fidelity: how closely {maps} the evidence of all maps"
    return [Tile(f"{e.fidelity:.2f}", label, "#map", doubt)]


def _share_tiles(e: Explanation) -> list[Tile]:
    if not len(e.selected) or not math.isfinite(e.share):
        return []
    # Few maps draw the evidence of many, so that a small share is no doubt then.
    doubt = not is_evidence(e) and e.carried_share < DOUBTFUL_SHARE
    maps = "these maps contribute" if len(e.selected) > 1 else "this map contributes"
    label = f"share of the {score_name(e)}: what {maps} to it"
    return [Tile(share_text(e.share), label, "#maps", doubt)]


def _flip_tiles(flip: FlipSet | None) -> list[Tile]:
    """Return how many maps decide between the class and the next one."""
    if flip is None or not flip.flipped or not len(flip.channels):
        return []
    k = len(flip.channels)
    label = f"without {'these' if k > 1 else 'it'}: {flip.outcome}"
    return [Tile(f"{k} map{'s' if k > 1 else ''}", label, "#trust")]


def _class_tiles(checked: Mapping[str, Any] | None) -> list[Tile]:
    """Compare the map with that of the second most probable class, and with random selections."""
    figures = checked.get("figures", ()) if checked else ()
    figure = next((row for row in figures if row["figure"] == "next_class"), None)
    if figure is None or figure["annealcam"] is None:
        return []
    assert checked is not None
    label = f"rank correlation with the map for “{checked['classes'][0]['class']}”"
    if figure["random"] is not None:
        label += f"; random selections: {figure['random']:.2f}"
    doubt = figure["verdict"] == "worse"
    return [Tile(f"{figure['annealcam']:.2f}", label, "#trust", doubt)]
