"""The page of one explanation: one self-contained HTML file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from PIL import Image

from annealcam._internal.pictures.scenes import PhotoView, Scene, View, VolumeView
from annealcam._internal.text import chance, number
from annealcam.annealing.difficulty import Hardness
from annealcam.atlas.atlas import Atlas
from annealcam.attribution.cam import BESIDE
from annealcam.attribution.record import DOUBTFUL_FIDELITY
from annealcam.explanation import CORE, CORE_OF_EVIDENCE, DOUBTFUL_SHARE, Explanation
from annealcam.qubo.problem import abs_cosine
from annealcam.render.explanation_hardness import explanation_hardness
from annealcam.render.explanation_text import (
    completeness_sentence,
    core_sentence,
    cut_sentence,
    fidelity_sentence,
    importance_name,
    inclusion_of,
    is_evidence,
    price_sentence,
    selection_summary,
    stand_in,
)
from annealcam.render.html.annealing import annealing_panel
from annealcam.render.html.graph import HEIGHT, WIDTH, selection_graph
from annealcam.render.html.maps import (
    STRENGTH,
    above_uri,
    colour_key,
    heat_uri,
    page_scene,
    photo_uri,
    signed_key,
    signed_uri,
)
from annealcam.render.html.page import page, picture_uri, write_page
from annealcam.render.html.trust import (
    comparison_table,
    curve_chart,
    figures_table,
    optimality,
)
from annealcam.render.subject_text import (
    contrast,
    effects,
    evidence_key,
    introduction,
    is_function,
    is_number,
    is_predicted,
    link_sentence,
    outcome,
    score_name,
    shares_of_logit,
    subject,
)
from annealcam.render.views import view_of_explanation
from annealcam.samplers.hardware.machine import Machine
from annealcam.samplers.hardware.report import HardwareReport, hardware_report
from annealcam.samplers.hardware.sentences import figure_rows, verdict
from annealcam.sets.flip import FlipSet

MOST_ANNEALED = 16  # qubits in an annealing panel
MOST_CARDS = 24
CROPS, CROP_SIDE = 4, 120
MOSAIC = 1080  # pixels of the width of all slices


def explanation_html(
    e: Explanation,
    *,
    photo: Image.Image | None = None,
    checked: Mapping[str, Any] | None = None,
    comparison: Sequence[Mapping[str, Any]] | None = None,
    annealing: Hardness | None = None,
    atlas: Atlas | None = None,
    flip: FlipSet | None = None,
    hardware: HardwareReport | Machine | str | PathLike[str] | None = None,
) -> str:
    """Return the page of an explanation as HTML: one file, offline, readable without scripts.

    Args:
        e: the explanation.
        photo: the part of the photo that the network sees. Default, and for volumes and signals:
            the explanation's own view.
        checked: faithfulness and class sensitivity, as `annealcam.evaluation.check_explanation`
            returns them.
        comparison: rows of `annealcam.evaluation.compare_with_explanation`.
        annealing: the annealing of the explanation's problem.
        atlas: what the layer's maps usually respond to. An atlas of another network or layer is
            not shown, and the page contains a warning.
        flip: the fewest maps without which the prediction changes, as `annealcam.flip_set` returns
            them.
        hardware: what a real annealer would do with the explanation's problem, or the annealer, as
            `hardware_report` takes it.
    """
    view = view_of_explanation(e, photo)
    fitting = atlas if atlas is not None and atlas.fits(e) else None
    return page(
        "explanation.html.j2",
        e=e,
        provenance=dict(e.provenance),
        name="the function of the outputs" if is_function(e) else e.class_name,
        **_sentences(e),
        has_evidence=e.evidence is not None,
        is_evidence=is_evidence(e),
        signed_key=signed_key(),
        record=e.as_json(),
        core_threshold=CORE_OF_EVIDENCE if is_evidence(e) else CORE,
        flip=flip,
        view=view,
        **_pictures(e, view),
        key=colour_key(),
        strength=STRENGTH,
        tiles=tiles(e, checked, annealing, flip),
        summary=selection_summary(e),
        cards=cards(e, view, fitting),
        most_cards=MOST_CARDS,
        graph=selection_graph(e) if e.problem.d else None,
        graph_size=(WIDTH, HEIGHT),
        annealing=annealing_panel(annealing) if annealing is not None else None,
        why_no_annealing=_why_not_annealed(e),
        hardware=_hardware(e, hardware),
        optimality=optimality(e),
        checked=checked,
        curve=curve_chart(checked["curve"], len(e.selected)) if checked else None,
        figures=figures_table(checked["figures"]) if checked and checked.get("figures") else None,
        samplers=comparison_table(comparison) if comparison else None,
        atlas=fitting,
        atlas_fits=(atlas is None) == (fitting is None),
        data=_data(e),
        number=number,
        chance=chance,
    )


def write_explanation(
    e: Explanation,
    path: Path,
    *,
    photo: Image.Image | None = None,
    checked: Mapping[str, Any] | None = None,
    comparison: Sequence[Mapping[str, Any]] | None = None,
    annealing: bool = True,
    atlas: Atlas | None = None,
    flip: FlipSet | None = None,
    hardware: HardwareReport | Machine | str | PathLike[str] | None = None,
) -> None:
    """Write the page of an explanation; the arguments are those of `Explanation.to_html`.

    Raises:
        OutputError: the file cannot be written.
    """
    hardness = explanation_hardness(e) if annealing else None
    html = explanation_html(
        e, photo=photo, checked=checked, comparison=comparison, annealing=hardness, atlas=atlas,
        flip=flip, hardware=hardware,
    )  # fmt: skip
    write_page(html, path)


def _hardware(
    e: Explanation, hardware: HardwareReport | Machine | str | PathLike[str] | None
) -> tuple[list[list[str]], tuple[str, ...]] | None:
    """Return the figures and the sentences about an annealer, or None without one."""
    if hardware is None:
        return None
    if not isinstance(hardware, HardwareReport):
        hardware = hardware_report(e.problem, hardware=hardware, seed=e.provenance["seed"])
    return figure_rows(hardware), verdict(hardware)


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
        _share_tile(e, checked),
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
    label = "fidelity: how closely these maps draw the evidence of all maps"
    return [Tile(f"{e.fidelity:.2f}", label, "#map", doubt)]


def _share_tile(e: Explanation, checked: Mapping[str, Any] | None) -> Tile:
    rows = checked["channels"] if checked else []
    share = rows[0]["kept_share"] if rows else None
    small = 0.0 if is_evidence(e) else DOUBTFUL_SHARE  # few maps draw the evidence of many
    if share is not None:
        whole = "output" if is_number(e) else "logit"
        label = f"of the layer’s effect on the {whole} is kept by these maps alone"
        return Tile(f"{share:.0%}", label, "#trust", share < small)
    share, label = e.carried_share, "of the positive contributions are carried by these maps"
    return Tile(f"{share:.0%}", label, "#maps", share < small)


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


@dataclass(frozen=True)
class Card:
    """One selected map.

    Attributes:
        heat: the map as a picture; `photo` is the input below it where it differs between maps.
        share: share of the logit; None where it is not positive, or where a lead is explained.
        inclusion: probability to be part of a nearly best selection.
        core: whether the map is sure.
        stand_in: the map that takes its place at the least price, and the price.
        bar: absolute contribution divided by the largest one.
        like: the selected map of largest cosine with this one.
        usually: what the map responds to, from an atlas.
        crops: pictures of the regions of largest activation, from an atlas.
    """

    channel: int
    heat: str
    photo: str
    importance: float
    alpha: float
    contribution: float
    share: float | None
    bar: float
    cosine: float
    like: int | None
    inclusion: float
    core: bool
    stand_in: tuple[int, str] | None
    usually: str = ""
    crops: tuple[str, ...] = ()


def cards(e: Explanation, view: View, atlas: Atlas | None) -> list[Card]:
    """Return a card for each selected map, most important first, at most `MOST_CARDS`."""
    flat = e.selected_maps.reshape(len(e.selected), e.map.size).astype(np.float64)
    cosines, core = abs_cosine(flat), set(e.core.tolist())
    positive = shares_of_logit(e)
    largest = float(np.abs(e.contribution[e.selected]).max(initial=0.0)) or 1.0
    all_cards = []
    for i, channel in enumerate(map(int, e.selected[:MOST_CARDS])):
        usually, crops = _usual(channel, atlas)
        scene = page_scene(view, e.selected_maps[i], small=True)
        contribution = float(e.contribution[channel])
        all_cards.append(
            Card(
                channel=channel,
                heat=heat_uri(scene, e.selected_maps[i]),
                photo=photo_uri(scene.picture) if isinstance(view, VolumeView) else "",
                importance=float(e.importance[channel]),
                alpha=float(e.alpha[channel]),
                contribution=contribution,
                share=float(e.logit_shares[i]) if positive else None,
                bar=abs(contribution) / largest,
                cosine=float(e.largest_cosines[i]),
                like=int(e.selected[np.argmax(cosines[i])]) if len(cosines) > 1 else None,
                inclusion=inclusion_of(e, channel),
                core=channel in core,
                stand_in=stand_in(e, channel),
                usually=usually,
                crops=crops,
            )
        )
    return all_cards


def _usual(channel: int, atlas: Atlas | None) -> tuple[str, tuple[str, ...]]:
    if atlas is None:
        return "", ()
    crops = atlas.crops(channel)[:CROPS]
    return atlas.portrait(channel).responds_to(), tuple(map(_crop_uri, crops))


def _crop_uri(picture: Image.Image) -> str:
    small = picture.convert("RGB")
    small.thumbnail((CROP_SIDE, CROP_SIDE))
    return picture_uri(small, quality=80)


def _pictures(e: Explanation, view: View) -> dict[str, Any]:
    """Return the pictures of the page: inputs, maps, and what lies above the maps."""
    scene, small = page_scene(view, e.map), page_scene(view, e.map, small=True)
    plain = isinstance(view, PhotoView)
    picture = view.picture if isinstance(view, PhotoView) else scene.picture
    return {
        "photo": photo_uri(picture),
        "above": above_uri(scene),
        "aspect": f"{picture.width / picture.height:.4f}",
        "panels": _panels(e, scene),
        "small": None if plain else {
            "photo": photo_uri(small.picture), "above": above_uri(small),
            "aspect": f"{small.aspect:.4f}", "heat": heat_uri(small, e.map),
        },
        "mosaic": _mosaic(e, view),
    }  # fmt: skip


def _mosaic(e: Explanation, view: View) -> dict[str, str] | None:
    """Return all slices of a volume with the explanation; None for other inputs."""
    if not isinstance(view, VolumeView):
        return None
    scene = view.mosaic(MOSAIC)
    return {
        "photo": picture_uri(scene.picture), "above": above_uri(scene),
        "aspect": f"{scene.aspect:.4f}", "heat": heat_uri(scene, e.map),
        "caption": view.mosaic_caption,
    }  # fmt: skip


def _sentences(e: Explanation) -> dict[str, Any]:
    """Return the texts of the page that depend on the explanation alone."""
    return {
        "subject": subject(e),
        "contrast": contrast(e),
        "introduction": introduction(e),
        "versus": _versus(e),
        "is_number": is_number(e),
        "outcome": outcome(e),
        "effects": effects(e),
        "evidence_key": _named_key(e),
        "link_sentence": link_sentence(e),
        "score_name": score_name(e),
        "importance_name": importance_name(e),
        "weight_name": _weight_name(e),
        "fidelity_sentence": fidelity_sentence(e),
        "completeness_sentence": completeness_sentence(e),
        "core_sentence": core_sentence(e),
        "cut_sentence": cut_sentence(e),
        "price_sentence": price_sentence(e),
    }


def _versus(e: Explanation) -> str:
    """Return the word between the target and what it is contrasted with."""
    if is_number(e):
        return "less"
    return "to" if is_predicted(e) else "against"


def _named_key(e: Explanation) -> tuple[str, str]:
    """Return the words at the ends of the signed key, with the name of what is explained."""
    negative, positive = evidence_key(e)
    if is_function(e):
        return negative, positive
    return negative, f"{positive if is_number(e) else 'for'} {e.class_name}"


def _weight_name(e: Explanation) -> str:
    if not is_evidence(e):
        return "relevance"
    return "contribution" if e.provenance["beta"] == 1 else "alignment"


def _panels(e: Explanation, scene: Scene) -> list[dict[str, str]]:
    """Return the maps in the order of all pages: annealcam, the evidence, then other methods."""
    k, channels = len(e.selected), len(e.alpha)
    panels = [
        _panel("annealcam", "annealcam", f"{k} of {channels} maps" if k else "no map was selected",
               heat_uri(scene, e.map))
    ]  # fmt: skip
    if e.evidence is not None:
        about = f"all {channels} maps, with signs"
        panels.append(_panel("Evidence", "ink", about, signed_uri(scene, e.evidence), "grey"))
    return panels + [
        _panel(cam.label, cam.css_name, f"all {channels} maps",
               heat_uri(scene, e.baselines[cam.name]))
        for cam in BESIDE
        if cam.name in e.baselines
    ]  # fmt: skip


def _panel(name: str, kind: str, about: str, heat: str, style: str = "") -> dict[str, str]:
    return {"name": name, "kind": kind, "about": about, "heat": heat, "style": style}


def _why_not_annealed(e: Explanation) -> str:
    d = e.problem.d
    if d == 0:
        return "There is nothing to anneal: no map is a candidate."
    if d > MOST_ANNEALED:
        return (
            f"The problem has {d} candidates. Pages simulate the annealing of at most "
            f"{MOST_ANNEALED} qubits; set max_qubits to that number or fewer to see it."
        )
    return (
        "The annealing was not simulated for this page, or the result lacks a value that is "
        "needed to simulate it."
    )


def _data(e: Explanation) -> Markup:
    """Return the numbers as JSON in which no text can end the surrounding script element."""
    text = json.dumps(e.as_json(), indent=1, allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)
