"""The photos of a command's arguments."""

from __future__ import annotations

import os
from collections.abc import Sequence

from annealcam.cli.console import print_warning
from annealcam.models.photo_files import FoundPhotos, find_photos

_SHOWN = 3  # names of files that are no images


def photos_of(places: Sequence[str]) -> FoundPhotos:
    """Return the photos of files, folders and patterns; print a line about files that are none.

    Raises:
        ArgumentError: a folder has no image, or nothing matches a pattern.
    """
    found = find_photos(places)
    for place in places:
        if others := [file for file in found.others if file.startswith(os.path.join(place, ""))]:
            names = ", ".join(os.path.relpath(file, place) for file in others[:_SHOWN])
            more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
            print_warning(f"{place}: skipped, since they are no images: {names}{more}")
    return found
