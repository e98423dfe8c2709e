"""The input of an explanation as a view over which its maps are drawn."""

from __future__ import annotations

from PIL import Image

from annealcam._internal.pictures.scenes import PhotoView, View, view_of_result
from annealcam.explanation import Explanation


def view_of_explanation(e: Explanation, photo: Image.Image | None = None) -> View:
    """Return the view of an explanation: the photo, if maps can lie over it, or what it stored.

    Args:
        e: the explanation.
        photo: the part of the photo that the network sees.
    """
    if photo is not None and e.map.ndim == 2:
        return PhotoView(photo)
    return view_of_result(e.view, e.map.shape, e.provenance.get("view"))
