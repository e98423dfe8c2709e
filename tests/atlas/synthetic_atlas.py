"""A tiny atlas for tests."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from annealcam.atlas import store
from annealcam.atlas.atlas import Atlas, open_atlas

SIDE = 160


def write_synthetic_atlas(
    folder: Path | str,
    *,
    model: str = "small",
    layer: str = "3",
    channels: int = 12,
    classes: tuple[str, ...] = ("church", "garbage truck", "tench"),
    photos: int = 6,
    top: int = 4,
    seed: int = 0,
) -> Atlas:
    """An atlas of `photos` plain photos a class; channel c responds to class c mod classes.

    The last channel is dead: no regions, profile and selected zero. Channel c is selected for
    half of its own class's photos if c is even, for all of them if it is odd.
    """
    rng = np.random.default_rng(seed)
    names = [
        (f"{name}/{i}.jpg", label) for label, name in enumerate(classes) for i in range(photos)
    ]
    thumbnails = {image: _webp(rng.integers(0, 256, 3), label) for image, label in names}
    profiles = np.zeros((channels, len(classes)), dtype=np.float32)
    selected = np.zeros((channels, len(classes)), dtype=np.int64)
    regions = [[] for _ in range(channels)]
    for c in range(channels - 1):
        label = c % len(classes)
        profiles[c] = 0.1
        profiles[c, label] = 1.0 + c
        selected[c, label] = photos if c % 2 else photos // 2
        other = names[(label + 1) * photos % len(names)]  # the last region is of another class
        shown = [*[n for n in names if n[1] == label][: top - 1], other]
        for rank, (image, region_label) in enumerate(shown):
            left, high = rng.integers(0, 5, 2) / 7
            box = (left, high, left + 2 / 7, high + 2 / 7)
            regions[c].append(
                {"image": image, "label": region_label, "peak": float(9 - rank), "mean": 1.0,
                 "box": box}
            )  # fmt: skip
    used = {region["image"] for rows in regions for region in rows}
    manifest = {
        "model": model, "layer": layer, "data": "synthetic", "classes": list(classes),
        "counts": [photos] * len(classes), "channels": channels,
        "settings": {"annealcam": "0", "part": "test", "photos": photos * len(classes),
                     "importance": "contribution", "objective": "relative", "beta": 2 / 3,
                     "sampler": "exact", "max_qubits": 16, "seed": seed, "top": top,
                     "explained": "predicted", "skipped": [], "warnings": []},
    }  # fmt: skip
    used_thumbnails = {image: webp for image, webp in thumbnails.items() if image in used}
    store.write(Path(folder), manifest, store.Table(profiles, selected, regions), used_thumbnails)
    return open_atlas(folder)


def _webp(colour: np.ndarray, label: int) -> bytes:
    pixels = np.broadcast_to(colour.astype(np.uint8), (SIDE, SIDE, 3)).copy()
    pixels[::8] = 255 - 80 * (label % 3)
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "WEBP", quality=75)
    return written.getvalue()
