"""The minimum gaps of the annealed problems."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from annealcam.study.analysis.fits import fit_exponential
from annealcam.study.analysis.rows import QUARTILES, Rows, free, known_mean, quartiles

_SETTING = ("model", "layer", "normalisation")
GAPS = (
    *_SETTING, "image", "class", "d", "gap", "gap_s", "final_gap", "interior",
    "landau_zener_applies",
)  # fmt: skip
SUMMARY = (
    *_SETTING, "images", *QUARTILES, "interior_share", "landau_zener_share",
    "fit_a", "fit_b", "fit_b_low", "fit_b_high",
)  # fmt: skip
BY_D = (*_SETTING, "d", "images", *QUARTILES, "hardest_image")


def with_gap(rows: Rows) -> Rows:
    """Return the annealer's rows that have a gap: one an image, since it depends on no tau."""
    own = free(rows).where_known("gap")
    keys = zip(*(own[name] for name in (*_SETTING, "target", "image")), strict=True)
    first = {key: i for i, key in reversed(list(enumerate(keys)))}
    return own.where(np.array(sorted(first.values()), dtype=np.int64))


def of_images(rows: Rows) -> Iterator[dict[str, Any]]:
    """Yield the gap of every image; its class is the one explained."""
    for i in range(len(rows)):
        row = {name: rows[name][i] for name in (*_SETTING, "image", "gap", "gap_s", "final_gap")}
        yield row | {
            "class": rows["target"][i],
            "d": int(rows["d"][i]),
            "interior": _truth(rows["gap_interior"][i]),
            "landau_zener_applies": _truth(rows["landau_zener_applies"][i]),
        }


def summaries(rows: Rows, resamples: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yield the gaps of each network, layer and normalisation, with gap ~ a exp(-b d)."""
    for key, own in rows.groups(*_SETTING):
        fit = fit_exponential(
            own["d"], own["gap"], own.numbered("model", "target"), resamples=resamples, seed=seed
        )
        about = dict(zip(_SETTING, key, strict=True)) | quartiles(own["gap"])
        yield about | {
            "images": len(own),
            "interior_share": known_mean(own["gap_interior"]),
            "landau_zener_share": known_mean(own["landau_zener_applies"]),
            "fit_a": fit.a, "fit_b": fit.b, "fit_b_low": fit.b_low, "fit_b_high": fit.b_high,
        }  # fmt: skip


def by_d(rows: Rows) -> Iterator[dict[str, Any]]:
    """Yield the gaps at each number of candidates, with the image of the smallest."""
    for (*key, d), own in rows.groups(*_SETTING, "d"):
        about = dict(zip(_SETTING, key, strict=True)) | quartiles(own["gap"])
        hardest = own["image"][np.argmin(own["gap"])]
        yield about | {"d": int(d), "images": len(own), "hardest_image": hardest}


def _truth(value: float) -> bool | None:
    return None if np.isnan(value) else bool(value)
