"""The page of one explanation: one self-contained HTML file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from markupsafe import Markup
from PIL import Image

from annealcam._internal.pictures.scenes import PhotoView, Scene, View, VolumeView
from annealcam._internal.text import chance, number, percentage
from annealcam.annealing.difficulty import Hardness
from annealcam.atlas.atlas import Atlas
from annealcam.attribution.cam import BESIDE
from annealcam.explanation import CORE, CORE_OF_EVIDENCE, Explanation
from annealcam.render.explanation_hardness import explanation_hardness
from annealcam.render.explanation_text import (
    completeness_sentence,
    core_sentence,
    cut_sentence,
    fidelity_sentence,
    importance_name,
    is_evidence,
    price_sentence,
    selection_summary,
    share_definition,
)
from annealcam.render.html.annealing import annealing_panel
from annealcam.render.html.cards import MOST_CARDS, cards
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
from annealcam.render.html.tiles import tiles
from annealcam.render.html.trust import (
    comparison_table,
    curve_chart,
    figures_table,
    optimality,
    sum_sentence,
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
    share_text,
    subject,
)
from annealcam.render.views import view_of_explanation
from annealcam.samplers.hardware.machine import Machine
from annealcam.samplers.hardware.report import HardwareReport, hardware_report
from annealcam.samplers.hardware.sentences import figure_rows, verdict
from annealcam.sets.flip import FlipSet

MOST_ANNEALED = 16  # qubits in an annealing panel
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
        sum_sentence=sum_sentence(e, checked),
        curve=curve_chart(checked["curve"], len(e.selected)) if checked else None,
        figures=figures_table(checked["figures"]) if checked and checked.get("figures") else None,
        samplers=comparison_table(comparison) if comparison else None,
        atlas=fitting,
        atlas_fits=(atlas is None) == (fitting is None),
        data=_data(e),
        number=number,
        chance=chance,
        share_text=share_text,
        percentage=percentage,
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
        "share_definition": share_definition(e),
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
