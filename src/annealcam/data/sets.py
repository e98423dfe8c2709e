"""Labelled sets of photos by name."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from annealcam._internal.extras import require_extra
from annealcam._internal.validation import one_of, whole
from annealcam.data.folders import load_folder
from annealcam.data.labelled import LabelledSet, set_of_pixels
from annealcam.data.splits import PARTS, divide
from annealcam.data.torchvision_sets import SETS, load_imagenette, load_torchvision
from annealcam.errors import ArgumentError, suggest
from annealcam.models.images import load_photo

FOLDER = "folder:"
CROPPED = ("astronaut", "chelsea", "coffee", "rocket")
CROPS = 30  # of each photo
NAMES = ("digits", "crops", "imagenette", *SETS)


def load_set(
    name: str,
    *,
    part: str = "test",
    root: str | os.PathLike[str] | None = None,
    download: bool = False,
    seed: int = 0,
) -> LabelledSet:
    """Return one part of a labelled set of photos.

    Args:
        name: `digits` (bundled with scikit-learn), `crops` (of the bundled photos), `imagenette`,
            `stl10`, `cifar10`, `caltech101`, `oxford-pet`, or `folder:PATH` (one folder per class).
        part: `train`, `validation`, `test`, `all`, or `unseen` if the set has it. A set without
            these parts is divided by `seed` and the names of the photos.
        root: folder of the sets; None takes the environment's ANNEALCAM_DATA, or else
            ~/.cache/annealcam/data.
        download: whether a set that is not in `root` is downloaded into it.
        seed: seed of the division.

    Raises:
        ArgumentError: set or part is unknown, or the set is missing, incomplete or too small.
        MissingExtraError: scikit-learn is not installed, whose digits `digits` are (extra `study`).

    >>> digits = load_set("digits", part="train")
    >>> len(digits), digits.classes[3], digits.of_class(3).shape
    (1079, '3', (109,))
    """
    seed = whole("seed", seed)
    if not isinstance(name, str):
        raise ArgumentError(f"data={name!r}: must be a name; one of {_names()}")
    if name.startswith(FOLDER) and name != FOLDER:
        return load_folder(name.removeprefix(FOLDER), name=name, part=part, seed=seed)
    if name == "digits":
        return load_digits(part=part, seed=seed)
    if name == "crops":
        return load_crops(part=part, seed=seed)
    if name == "imagenette":
        return load_imagenette(data_root(root), part=part, download=download, seed=seed)
    if name in SETS:
        return load_torchvision(name, data_root(root), part=part, download=download, seed=seed)
    raise ArgumentError(f"data={name!r}: unknown{suggest(name, NAMES)}; one of {_names()}")


def load_digits(*, part: str = "test", seed: int = 0) -> LabelledSet:
    """Return a part of scikit-learn's digits: 1797 photos of 8 x 8 pixels, without any download.

    Of each digit 60 % are train, 20 % validation and 20 % test. A pixel of v sixteenths has the
    level round(255 v / 16).

    Raises:
        ArgumentError: the part is unknown.
        MissingExtraError: scikit-learn is not installed (extra `study`).

    >>> len(load_digits(part="all"))
    1797
    """
    one_of("part", part, PARTS)
    require_extra("sklearn", extra="study", needed_by="data='digits'")
    from sklearn.datasets import load_digits as bundled

    data = bundled()
    names = [f"digit-{i:04d}" for i in range(len(data.target))]
    pixels = np.round(data.images * (255 / 16)).astype(np.uint8)
    whole = set_of_pixels("digits", "all", "0123456789", names, data.target, pixels)
    return whole if part == "all" else divide(whole, part, seed=seed)


def load_crops(*, part: str = "all", seed: int = 0) -> LabelledSet:
    """Return a part of 120 square crops of the four bundled photos, 30 of each.

    The sides fall from the whole height of the photo to half of it, the places spread over the
    photo, and every second crop is mirrored. The class is the name of the photo. Crops of one photo
    overlap, so that a study of them shows how the method works, not what it does for other photos.

    Raises:
        ArgumentError: the part is unknown.

    >>> crops = load_crops()
    >>> len(crops), crops.classes[1], crops.images[1], crops.open(1).size
    (120, 'chelsea', 'astronaut-01', (503, 503))
    """
    one_of("part", part, PARTS)
    names = [f"{photo}-{i:02}" for photo in CROPPED for i in range(CROPS)]
    labels = np.repeat(np.arange(len(CROPPED)), CROPS)
    every = LabelledSet("crops", "all", CROPPED, tuple(names), labels, _open_crop)
    return every if part == "all" else divide(every, part, seed=seed)


def _open_crop(i: int) -> Image.Image:
    """Return a crop; the golden ratio and the root of two spread the places without a pattern."""
    photo, number = load_photo(f"skimage:{CROPPED[i // CROPS]}"), i % CROPS
    side = round(min(photo.size) * (1.0 - number / (2 * CROPS)))
    left = int((number * 0.6180339887) % 1.0 * (photo.width - side))
    top = int((number * 0.4142135624) % 1.0 * (photo.height - side))
    crop = photo.crop((left, top, left + side, top + side))
    return ImageOps.mirror(crop) if number % 2 else crop


def data_root(root: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of the sets: `root`, or else ANNEALCAM_DATA, or else the user's cache.

    >>> str(data_root("sets"))
    'sets'
    """
    folder = root or os.environ.get("ANNEALCAM_DATA") or Path("~/.cache/annealcam/data")
    return Path(folder).expanduser()


def _names() -> str:
    return f"{', '.join(NAMES)}, {FOLDER}PATH"
