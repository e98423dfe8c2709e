"""The rows of one image, of every selector that a study compares."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from annealcam.attribution.layer_maps import LayerMaps
from annealcam.study.config import Study
from annealcam.study.run.shards import Log
from annealcam.study.table.annealed import annealed_rows
from annealcam.study.table.selectors import plain_rows


def rows_of(study: Study, seen: LayerMaps, about: dict[str, Any], log: Log) -> list[dict[str, Any]]:
    """Return an image's rows, each beginning with `about`.

    Random numbers depend on the study's seed and the image's name alone, not on its neighbours.
    """
    about = about | {
        "channels": len(seen.maps),
        "dead": seen.dead,
        "candidates_in_all": seen.candidates_in_all,
        "d": len(seen.candidates),
    }
    own = np.random.SeedSequence([study.seed, zlib.crc32(about["image"].encode())])
    drawing, shooting = own.spawn(2)
    options = study.baselines
    with log.timing("problem"):
        rng = np.random.default_rng(drawing)
        found = list(plain_rows(seen, sizes=options.sizes, draws=options.random_draws, rng=rng))
    with log.timing("annealing"):
        found += annealed_rows(seen, study.annealing, seed=shooting)
    return [about | row for row in found]
