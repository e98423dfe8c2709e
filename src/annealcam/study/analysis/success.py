"""How often annealing succeeds: against d, by class, beside Landau-Zener and beside guessing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from annealcam.study.analysis.fits import fit_exponential
from annealcam.study.analysis.rows import QUARTILES, Rows, free, known_mean, quartiles

_SETTING = ("model", "layer")
_RUN = ("normalisation", "tau")
_ALL = (*_SETTING, *_RUN)
BY_D = (*_ALL, "d", "images", *QUARTILES, "guess")
FIT = (*_ALL, "a", "b", "b_low", "b_high", "images", "clusters")
BY_CLASS = (*_ALL, "class", "images", "d", *QUARTILES)
LANDAU_ZENER = (*_ALL, "image", "class", "d", "success_probability", "landau_zener")
BEST = (
    *_ALL, "d", "images", "shots", "best_of_shots", "guess_best", "optimal_share",
)  # fmt: skip


def annealed(rows: Rows) -> Rows:
    """Return the annealer's rows that have a success probability F."""
    return free(rows).where_known("success_probability")


def by_d(rows: Rows) -> Iterator[dict[str, Any]]:
    """Yield F at each number of candidates, beside the chance of one uniform guess."""
    for (*key, d), own in rows.groups(*_ALL, "d"):
        yield (
            _about(_ALL, key)
            | quartiles(own["success_probability"])
            | {"d": int(d), "images": len(own), "guess": known_mean(own["guess"])}
        )


def fits(rows: Rows, resamples: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yield F ~ a exp(-b d) for each network and layer; where there are several, for all as well.

    A cluster is a class of a network: its images share the network's weights, so h and d.
    """
    for key, own in rows.groups(*_ALL):
        yield _about(_ALL, key) | _fit(own, resamples, seed)
    if len(list(rows.groups(*_SETTING))) > 1:
        for key, own in rows.groups(*_RUN):
            yield _about(_ALL, ("all", "all", *key)) | _fit(own, resamples, seed)


def by_class(rows: Rows) -> Iterator[dict[str, Any]]:
    """Yield F for each class explained."""
    for (*key, name), own in rows.groups(*_ALL, "target"):
        yield (
            _about(_ALL, key)
            | quartiles(own["success_probability"])
            | {"class": name, "images": len(own), "d": known_mean(own["d"])}
        )


def landau_zener(rows: Rows) -> Iterator[dict[str, Any]]:
    """Yield F beside the formula, for the images that it applies to."""
    own = rows.where(rows["landau_zener_applies"] == 1).where_known("landau_zener")
    for i in range(len(own)):
        names = (*_ALL, "image", "success_probability", "landau_zener")
        row = {name: own[name][i] for name in names}
        yield row | {"class": own["target"][i], "d": int(own["d"][i])}


def best_of_shots(rows: Rows) -> Iterator[dict[str, Any]]:
    """Yield the chance of the best of all shots, beside that of as many guesses."""
    own = rows.where_known("shots")
    for (*key, d, shots), some in own.groups(*_ALL, "d", "shots"):
        chances = {name: known_mean(some[name]) for name in ("best_of_shots", "guess_best")}
        about = _about(_ALL, key) | {"d": int(d), "shots": int(shots), "images": len(some)}
        yield about | chances | {"optimal_share": known_mean(some["optimal"])}


def _fit(rows: Rows, resamples: int, seed: int) -> dict[str, Any]:
    clusters, y = rows.numbered("model", "target"), rows["success_probability"]
    return vars(fit_exponential(rows["d"], y, clusters, resamples=resamples, seed=seed))


def _about(names: tuple[str, ...], key: tuple[Any, ...] | list[Any]) -> dict[str, Any]:
    return dict(zip(names, key, strict=True))
