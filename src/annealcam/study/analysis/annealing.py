"""How hard the annealed problems are, and how often the annealing succeeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from annealcam.study.analysis.fits import ExponentialFit, fit_exponential
from annealcam.study.analysis.results import schema
from annealcam.study.analysis.rows import QUARTILES, Rows, free, known_mean, quartiles

Row = dict[str, Any]
_SETTING = ("model", "layer")
_DRIVER = (*_SETTING, "normalisation")
_RUN = (*_DRIVER, "tau")
SCHEMAS = {
    "gaps": schema(
        *_DRIVER, "image", "class", "d", "gap", "gap_s", "final_gap", "interior",
        "landau_zener_applies",
    ),
    "gap_summary": schema(
        *_DRIVER, "images", *QUARTILES, "interior_share", "landau_zener_share", "fit_a", "fit_b",
        "fit_b_low", "fit_b_high",
    ),
    "gap_by_d": schema(*_DRIVER, "d", "images", *QUARTILES, "hardest_image"),
    "success_by_d": schema(*_RUN, "d", "images", *QUARTILES, "guess"),
    "success_fit": schema(*_RUN, "a", "b", "b_low", "b_high", "images", "clusters"),
    "success_by_class": schema(*_RUN, "class", "images", "d", *QUARTILES, d=pa.float64()),
    "landau_zener": schema(*_RUN, "image", "class", "d", "success_probability", "landau_zener"),
    "best_of_shots": schema(
        *_RUN, "d", "images", "shots", "best_of_shots", "guess_best", "optimal_share",
    ),
}  # fmt: skip
ALL = "all"  # the model and layer of a fit to all settings together


def annealing_rows(rows: Rows, resamples: int, seed: int) -> dict[str, Iterable[Row]]:
    """Return the rows of every table of `SCHEMAS`."""
    gapped, annealed = _with_gap(rows), free(rows).where_known("success_probability")
    return {
        "gaps": _gaps(gapped),
        "gap_summary": _gap_summary(gapped, resamples, seed),
        "gap_by_d": _gap_by_d(gapped),
        "success_by_d": _success_by_d(annealed),
        "success_fit": _success_fit(annealed, resamples, seed),
        "success_by_class": _success_by_class(annealed),
        "landau_zener": _landau_zener(annealed),
        "best_of_shots": _best_of_shots(annealed),
    }


def _with_gap(rows: Rows) -> Rows:
    """The annealer's rows with a gap: one a problem and driver, as no gap depends on tau."""
    known = free(rows).where_known("gap")
    keys = zip(*(known[name] for name in (*_DRIVER, "target", "image", "d")), strict=True)
    first = {key: i for i, key in reversed(list(enumerate(keys)))}
    return known.where(np.array(sorted(first.values()), dtype=np.int64))


def _gaps(rows: Rows) -> Iterator[Row]:
    """Yield the gap of every image; its class is the one explained."""
    for i in range(len(rows)):
        row = {name: rows[name][i] for name in (*_DRIVER, "image", "gap", "gap_s", "final_gap")}
        yield row | {
            "class": rows["target"][i],
            "d": int(rows["d"][i]),
            "interior": _truth(rows["gap_interior"][i]),
            "landau_zener_applies": _truth(rows["landau_zener_applies"][i]),
        }


def _gap_summary(rows: Rows, resamples: int, seed: int) -> Iterator[Row]:
    """Yield the gaps of each network, layer and driver, with the fit gap ~ a exp(-b d)."""
    for key, some in rows.groups(*_DRIVER):
        fit = _fit(some, "gap", resamples, seed)
        yield _named(_DRIVER, key) | quartiles(some["gap"]) | {
            "images": len(some),
            "interior_share": known_mean(some["gap_interior"]),
            "landau_zener_share": known_mean(some["landau_zener_applies"]),
            "fit_a": fit.a, "fit_b": fit.b, "fit_b_low": fit.b_low, "fit_b_high": fit.b_high,
        }  # fmt: skip


def _gap_by_d(rows: Rows) -> Iterator[Row]:
    """Yield the gaps at each number of candidates, with the image of the smallest."""
    for (*key, d), some in rows.groups(*_DRIVER, "d"):
        hardest = some["image"][np.argmin(some["gap"])]
        counts = {"d": int(d), "images": len(some), "hardest_image": hardest}
        yield _named(_DRIVER, key) | quartiles(some["gap"]) | counts


def _success_by_d(rows: Rows) -> Iterator[Row]:
    """Yield F at each number of candidates, with the probability of one uniform guess."""
    for (*key, d), some in rows.groups(*_RUN, "d"):
        counts = {"d": int(d), "images": len(some), "guess": known_mean(some["guess"])}
        yield _named(_RUN, key) | quartiles(some["success_probability"]) | counts


def _success_fit(rows: Rows, resamples: int, seed: int) -> Iterator[Row]:
    """Yield the fit F ~ a exp(-b d) of each network and layer, and of several together.

    A cluster is a class of a network: its images share the network's weights, and so h and d.
    """
    for key, some in rows.groups(*_RUN):
        yield _named(_RUN, key) | vars(_fit(some, "success_probability", resamples, seed))
    if len(list(rows.groups(*_SETTING))) > 1:
        for key, some in rows.groups("normalisation", "tau"):
            fit = vars(_fit(some, "success_probability", resamples, seed))
            yield _named(_RUN, (ALL, ALL, *key)) | fit


def _success_by_class(rows: Rows) -> Iterator[Row]:
    """Yield F for each class explained."""
    for (*key, name), some in rows.groups(*_RUN, "target"):
        counts = {"class": name, "images": len(some), "d": known_mean(some["d"])}
        yield _named(_RUN, key) | quartiles(some["success_probability"]) | counts


def _landau_zener(rows: Rows) -> Iterator[Row]:
    """Yield F and the formula's prediction for the images to which the formula applies."""
    some = rows.where(rows["landau_zener_applies"] == 1).where_known("landau_zener")
    for i in range(len(some)):
        names = (*_RUN, "image", "success_probability", "landau_zener")
        row = {name: some[name][i] for name in names}
        yield row | {"class": some["target"][i], "d": int(some["d"][i])}


def _best_of_shots(rows: Rows) -> Iterator[Row]:
    """Yield the success probability of the best shot, with that of as many guesses."""
    for (*key, d, shots), some in rows.where_known("shots").groups(*_RUN, "d", "shots"):
        yield _named(_RUN, key) | {
            "d": int(d),
            "shots": int(shots),
            "images": len(some),
            "best_of_shots": known_mean(some["best_of_shots"]),
            "guess_best": known_mean(some["guess_best"]),
            "optimal_share": known_mean(some["optimal"]),
        }


def _fit(rows: Rows, name: str, resamples: int, seed: int) -> ExponentialFit:
    clusters = rows.numbered("model", "target")
    return fit_exponential(rows["d"], rows[name], clusters, resamples=resamples, seed=seed)


def _named(names: tuple[str, ...], values: Sequence[Any]) -> Row:
    return dict(zip(names, values, strict=True))


def _truth(value: float) -> bool | None:
    return None if np.isnan(value) else bool(value)
