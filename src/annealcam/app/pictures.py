"""The pictures of an answer, as data URIs: the page never serves a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float
from PIL import Image

from annealcam._internal.heatmaps import overlay
from annealcam._internal.types import Array
from annealcam.app.engine import OpenedPhoto
from annealcam.attribution.cam import BESIDE
from annealcam.explanation import Explanation
from annealcam.render.figures.picture import STRENGTH
from annealcam.render.html.page import picture_uri

SMALL = 176  # pixels of a feature map
QUALITY = 82


@dataclass(frozen=True)
class Panel:
    """A picture with its title; `kind` names the method's colour."""

    title: str
    note: str
    kind: str
    uri: str
    alt: str


def panels(seen: OpenedPhoto, e: Explanation) -> list[Panel]:
    """Return the photo, the explanation, Grad-CAM and Grad-CAM++, in this order."""
    return [photo(seen), explanation(seen, e), *baselines(seen, e)]


def photo(seen: OpenedPhoto) -> Panel:
    """Return the photo as the network sees it."""
    uri = _kept(seen, "photo", lambda: picture_uri(seen.view, quality=QUALITY))
    return Panel("Photo", "the network's view", "photo", uri, "The photo")


def explanation(seen: OpenedPhoto, e: Explanation, title: str = "annealcam") -> Panel:
    """Return the map of the selected feature maps over the photo."""
    uri = _laid_over(e.map, seen.view)
    alt = f"Where the {len(e.selected)} selected maps support {name_of(e)}"
    return Panel(title, f"{len(e.selected)} maps", "annealcam", uri, alt)


def baselines(seen: OpenedPhoto, e: Explanation) -> list[Panel]:
    """Return Grad-CAM and Grad-CAM++ over the photo; they do not depend on the selection."""
    found = []
    for cam in BESIDE:
        uri = _kept(seen, cam.name, partial(_laid_over, e.baselines[cam.name], seen.view))
        alt = f"Where {cam.label} sees support for {name_of(e)}"
        found.append(Panel(cam.label, f"all {len(e.alpha)} maps", cam.css_name, uri, alt))
    return found


def feature_map(seen: OpenedPhoto, e: Explanation, channel: int) -> str:
    """Return one selected feature map over the photo, small."""

    def draw() -> str:
        (place,) = np.flatnonzero(e.selected == channel)
        return _laid_over(e.selected_maps[place], seen.view.resize((SMALL, _height(seen.view))))

    return _kept(seen, f"map {channel}", draw)


def name_of(e: Explanation) -> str:
    """Return the explained class's name."""
    return e.provenance["target_name"] or f"class {e.target}"


def _height(view: Image.Image) -> int:
    return round(SMALL * view.height / view.width)


def _laid_over(raw: Float[Array, "h w"], view: Image.Image) -> str:
    laid = overlay(raw.clip(min=0), view, strength=STRENGTH)
    return picture_uri(laid, quality=QUALITY)


def _kept(seen: OpenedPhoto, name: str, draw: Callable[[], str]) -> str:
    if name not in seen.drawn:
        seen.drawn[name] = draw()
    return seen.drawn[name]
