"""What `annealcam demo` prints: few maps draw the evidence, and the strongest ones do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from annealcam._internal.storage.files import make_folder
from annealcam.attribution.activations import capture
from annealcam.attribution.layer_maps import LayerMaps, collect_layer_maps
from annealcam.attribution.targets import resolve_target
from annealcam.cli.console import elapsed_time, print_line
from annealcam.cli.interface.reporting import print_json
from annealcam.cli.photo_explainer import PhotoExplainer
from annealcam.explanation import Explanation
from annealcam.render.records import record_of
from annealcam.settings import resolve

PHOTO = "bundled:cup-and-cat"
CUP, CAT = "espresso", "Egyptian cat"
FOLDERS = "espresso", "egyptian-cat"


def run_demo(model: str, output: Path, *, seed: int) -> None:
    """Explain the cup of the photo, and the cat against the cup; print ten lines at most.

    The findings are printed before the pages are written, whose figures take longer.

    Raises:
        OutputError: the folder cannot be written.
    """
    cup = PhotoExplainer.prepare(
        model, layer=None, target=CUP, settings=resolve(seed=seed), device="cpu"
    )
    cat = replace(cup, target=resolve_target(CAT, cup.network.classes), against=cup.target)
    make_folder(output)
    first, second = (output / name for name in FOLDERS)
    e, photo, _ = cup.explain(PHOTO)
    contrast, _, _ = cat.explain(PHOTO)
    flip = cup.flip(photo, e)
    assert flip is not None
    for line in demo_lines(e, contrast, layer_maps_of(cup, photo, e), flip.sentence):
        print_line(line)
    with elapsed_time("writing the pages"):
        cup.explain_into(PHOTO, first, compare=True, html=True)
        cat.explain_into(PHOTO, second, html=True)
    results = (e, first), (contrast, second)
    print_json([record_of(x.as_json(), folder).as_json(folder) for x, folder in results])
    print_line("")
    print_line(f"Open {first / 'explanation.html'}")
    print_line(f"and  {second / 'explanation.html'} in a browser.")


def layer_maps_of(explainer: PhotoExplainer, photo: Tensor, e: Explanation) -> LayerMaps:
    """Return all maps of the layer for the demo's photo, to compare other selections."""
    captured = capture(
        explainer.network.model, photo[None], layer=e.provenance["layer"], targets=e.target,
        integrated=True,
    )  # fmt: skip
    settings = explainer.settings
    return next(
        iter(collect_layer_maps(captured, importance=settings.importance, **settings.weighing))
    )


def demo_lines(e: Explanation, contrast: Explanation, maps: LayerMaps, flip: str) -> list[str]:
    """Return the findings of the demo as sentences, the most important one first."""
    k, channels = len(e.selected), len(maps.maps)
    strongest = maps.fidelity(maps.top(maps.contribution, k))
    aligned = maps.fidelity(maps.top(maps.alignment, k))
    chances = torch.softmax(torch.tensor(e.logits), dim=0)
    cup, cat = (float(chances[result.target]) for result in (e, contrast))
    m = len(contrast.selected)
    return [
        f'{k} of {channels} feature maps draw the evidence for "{CUP}": fidelity {e.fidelity:.2f} '
        "(1 is the picture that all maps draw together).",
        f"The {k} maps of largest contribution reach {strongest:.2f}, and the {k} of largest "
        f"alignment {aligned:.2f}.",
        flip,
        f'Why "{CAT}" and not "{CUP}": {m} map{"s" if m > 1 else ""}, on the cat (fidelity '
        f"{contrast.fidelity:.2f}).",
        f"Photo: a cup and a cat ({CUP} {cup:.2f}, {CAT} {cat:.2f}). "
        f"Network: {e.provenance['model']}, layer {e.provenance['layer']}.",
    ]
