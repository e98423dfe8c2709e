"""How hard the annealed problems are, and how often the annealing succeeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from annealcam.study.analysis.fits import ExponentialFit, fit_exponential
from annealcam.study.analysis.results import Setting, schema
from annealcam.study.analysis.rows import QUARTILES, Rows, free, known_mean, quartiles
from annealcam.study.analysis.units import share_interval, unit_interval, unit_name, units_of

Row = dict[str, Any]
_SETTING = ("model", "layer")
_DRIVER = (*_SETTING, "normalisation")
_RUN = (*_DRIVER, "tau")
_RUNS = ("normalisation", "tau", "images", "units", "unit")  # over all networks and layers
SCHEMAS = {
    "gaps": schema(
        *_DRIVER, "image", "class", "d", "gap", "gap_s", "final_gap", "interior",
        "landau_zener_applies",
    ),
    "gap_summary": schema(
        *_DRIVER, "images", *QUARTILES, "interior_share", "landau_zener_share", "fit_a", "fit_b",
        "fit_b_low", "fit_b_high", "units", "unit", "interior_low", "interior_high",
        "landau_zener_low", "landau_zener_high", "deep_share", "deep_low", "deep_high",
    ),
    "gap_by_d": schema(*_DRIVER, "d", "images", *QUARTILES, "hardest_image"),
    "success_by_d": schema(*_RUN, "d", "images", *QUARTILES, "guess"),
    "success_fit": schema(*_RUN, "a", "b", "b_low", "b_high", "images", "clusters"),
    "success_by_maps": schema(*_RUN, "maps", "images", "d", *QUARTILES, "guess", d=pa.float64()),
    "success_by_class": schema(*_RUN, "class", "images", "d", *QUARTILES, d=pa.float64()),
    "landau_zener": schema(*_RUN, "image", "class", "d", "success_probability", "landau_zener"),
    "best_of_shots": schema(
        *_RUN, "d", "images", "shots", "best_of_shots", "guess_best", "optimal_share",
    ),
    "shots_minus_guesses": schema(*_RUNS, "difference", "low", "high"),
    "landau_zener_error": schema(*_RUNS, "log_factor", "low", "high"),
}  # fmt: skip
WELL_BELOW = 0.9  # of the gap at s = 1
ALL = "all"  # the model and layer of a fit to all settings together


def annealing_rows(
    rows: Rows, resamples: int, seed: int, of_classes: frozenset[Setting] = frozenset()
) -> dict[str, Iterable[Row]]:
    """Return the rows of every table of `SCHEMAS`.

    `of_classes` are the networks and layers whose intervals are over classes.
    """
    gapped, annealed = _with_gap(rows), free(rows).where_known("success_probability")
    return {
        "gaps": _gaps(gapped),
        "gap_summary": _gap_summary(gapped, resamples, seed, of_classes),
        "gap_by_d": _gap_by_d(gapped),
        "success_by_d": _success_by_d(annealed),
        "success_fit": _success_fit(annealed, resamples, seed),
        "success_by_maps": _success_by_maps(annealed),
        "success_by_class": _success_by_class(annealed),
        "landau_zener": _landau_zener(annealed),
        "best_of_shots": _best_of_shots(annealed),
        "shots_minus_guesses": _shots_minus_guesses(annealed, of_classes),
        "landau_zener_error": _landau_zener_error(annealed, of_classes),
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


def _gap_summary(
    rows: Rows, resamples: int, seed: int, of_classes: frozenset[Setting]
) -> Iterator[Row]:
    """Yield the gaps of each network, layer and driver, with the fit gap ~ a exp(-b d).

    `deep_share` is the share of problems whose gap is well below that at s = 1.
    """
    for key, some in rows.groups(*_DRIVER):
        fit = _fit(some, "gap", resamples, seed)
        deep = np.where(
            np.isnan(some["final_gap"]), np.nan, some["gap"] < WELL_BELOW * some["final_gap"]
        )
        shares = {"interior": some["gap_interior"], "landau_zener": some["landau_zener_applies"],
                  "deep": deep}  # fmt: skip
        intervals = [
            _ends(name, share_interval(values, some, of_classes)) for name, values in shares.items()
        ]
        yield _named(_DRIVER, key) | quartiles(some["gap"]) | {
            "images": len(some), **_units(some, of_classes),
            **{f"{name}_share": known_mean(values) for name, values in shares.items()},
            **{name: end for ends in intervals for name, end in ends.items()},
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


def _success_by_maps(rows: Rows) -> Iterator[Row]:
    """Yield F of each network with N_f, the number of feature maps of its layer."""
    for (*key, maps), some in rows.where_known("channels").groups(*_RUN, "channels"):
        counts = {"maps": int(maps), "images": len(some), "d": known_mean(some["d"])}
        guess = {"guess": known_mean(some["guess"])}
        yield _named(_RUN, key) | quartiles(some["success_probability"]) | counts | guess


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


def _shots_minus_guesses(rows: Rows, of_classes: frozenset[Setting]) -> Iterator[Row]:
    """Yield how much more often the best shot is the optimum than the best of as many guesses."""
    for key, some in rows.where_known("best_of_shots").groups("normalisation", "tau"):
        values = some["best_of_shots"] - some["guess_best"]
        low, high = unit_interval(values, some, of_classes)
        yield _named(_RUNS[:2], key) | _units(some, of_classes) | {
            "images": len(some), "difference": known_mean(values), "low": low, "high": high,
        }  # fmt: skip


def _landau_zener_error(rows: Rows, of_classes: frozenset[Setting]) -> Iterator[Row]:
    """Yield the mean |log(F / prediction)| of the problems to which the formula applies."""
    some = rows.where(rows["landau_zener_applies"] == 1).where_known("landau_zener")
    some = some.where((some["success_probability"] > 0) & (some["landau_zener"] > 0))
    for key, of_run in some.groups("normalisation", "tau"):
        values = np.abs(np.log(of_run["success_probability"] / of_run["landau_zener"]))
        low, high = unit_interval(values, of_run, of_classes)
        yield _named(_RUNS[:2], key) | _units(of_run, of_classes) | {
            "images": len(of_run), "log_factor": known_mean(values), "low": low, "high": high,
        }  # fmt: skip


def _units(rows: Rows, of_classes: frozenset[Setting]) -> Row:
    """Return the number and the name of what the intervals of these rows are over."""
    units = units_of(rows, of_classes)
    return {"units": len(np.unique(units)), "unit": unit_name(rows, of_classes)}


def _ends(name: str, interval: tuple[float, float]) -> Row:
    return {f"{name}_low": interval[0], f"{name}_high": interval[1]}


def _fit(rows: Rows, name: str, resamples: int, seed: int) -> ExponentialFit:
    clusters = rows.numbered("model", "target")
    return fit_exponential(rows["d"], rows[name], clusters, resamples=resamples, seed=seed)


def _named(names: tuple[str, ...], values: Sequence[Any]) -> Row:
    return dict(zip(names, values, strict=True))


def _truth(value: float) -> bool | None:
    return None if np.isnan(value) else bool(value)
