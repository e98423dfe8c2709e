"""The part of a photo that a network saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Box = tuple[float, float, float, float]


def geometry_record(preprocess: Any, photo: Any) -> dict[str, Any]:
    """Return `{"geometry": {"photo": [width, height], "box": [left, top, right, bottom]}}`.

    The box is the part of the photo that a network sees, in pixels. The record is empty where it is
    not known: for arrays, and for a preprocessing without a method `box`.
    """
    box, size = getattr(preprocess, "box", None), getattr(photo, "size", None)
    if not callable(box) or not isinstance(size, tuple):
        return {}
    return {"geometry": {"photo": list(size), "box": [float(end) for end in box(*size)]}}


def part_of_photo(
    size: tuple[int, int],
    preprocess: Any,
    recorded: Mapping[str, Any] | None,
    view: Sequence[int] | None,
) -> tuple[Box | None, str]:
    """Return the part of a picture that a map belongs to, and what is doubtful about it.

    Args:
        size: width and height of the picture.
        preprocess: what made the network's input of it; None where it is not given.
        recorded: the geometry of the photo that was explained; None if unknown.
        view: the shape (height, width, ...) of the network's view; None if unknown.

    Returns:
        The box (left, top, right, bottom), or None for the whole picture, and a sentence, empty
        where nothing is doubtful.
    """
    if preprocess is not None:
        if callable(getattr(preprocess, "box", None)):
            return _box(preprocess.box(*size)), ""
        return None, (
            f"a preprocessing of type {type(preprocess).__name__} has no method `box`, so that the "
            "part of the photo that it keeps is not known; the map is stretched over all of it"
        )
    if recorded is not None:
        left, top, right, bottom = box = _box(recorded["box"])
        width, height = recorded["photo"]
        if size == (width, height):
            return box, ""
        if _same_aspect(size, (right - left, bottom - top)):
            return None, ""
        if _same_aspect(size, (width, height)):
            x, y = size[0] / width, size[1] / height
            return (x * left, y * top, x * right, y * bottom), ""
    if view is None or _same_aspect(size, (view[1], view[0])):
        return None, ""
    return None, (
        f"a photo of {size[0]} x {size[1]} pixels does not have the shape of what the network saw; "
        "the map is stretched over all of it. Pass preprocess= as well, or preprocess.view(photo)"
    )


def _box(ends: Sequence[float]) -> Box:
    left, top, right, bottom = map(float, ends)
    return left, top, right, bottom


def _same_aspect(size: tuple[float, float], other: tuple[float, float]) -> bool:
    """Return whether one picture may be a scaled copy of the other, its sides rounded."""
    rounding = 0.5 * max(sum(size), sum(other))
    return abs(size[0] * other[1] - size[1] * other[0]) <= rounding
