"""The checks of a study: grid pointing by pair of classes, and a random classifier.

Part c of a network and layer explains photos of class c: beside a photo of each other class, and
alone, with the network's classifier and with one of random weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate, pad

from annealcam._internal.environment import one_thread
from annealcam._internal.types import Array
from annealcam.attribution.layer_maps import collect_layer_maps
from annealcam.attribution.network.hooks import borrowed, find_layer, run
from annealcam.errors import ArgumentError, ImageError, ModelError
from annealcam.metrics.grids import cell_shares
from annealcam.metrics.randomised import classifier_layer, random_weights
from annealcam.metrics.sensitivity import rank_correlation
from annealcam.study.config import Study
from annealcam.study.run.networks import NetworkCard
from annealcam.study.run.shards import Setting
from annealcam.study.run.store import CHECKS, content_of, write_part
from annealcam.study.run.worker import evidence_maps, integrated, network_layer, photos
from annealcam.study.table.columns import CHECKS_SCHEMA

if TYPE_CHECKING:
    from annealcam.attribution.activations import Capture
    from annealcam.models.network_layer import NetworkLayer

Row = dict[str, Any]
Maps = dict[tuple[str, int | None], Float[Array, "h w"]]  # by selector and prescribed k


@dataclass(frozen=True)
class Check:
    """The checks of one class at a network's layer; `images` are those of each class, by name."""

    number: int
    setting: Setting
    label: int
    images: Mapping[str, tuple[str, ...]]

    @property
    def file(self) -> str:
        """The file name of its part."""
        return f"part-{self.number:05}.parquet"


def checks_of(study: Study, settings: Sequence[Setting], table: pa.Table) -> list[Check]:
    """Return the checks of a study: a class each, with the first photos of its table.

    The photos of a class number `evidence.grids` at most; a study without grids has no checks.
    """
    if not (study.evidence.enabled and study.evidence.grids):
        return []
    checks: list[Check] = []
    names = ("model", "layer", "class", "image")
    used = dict.fromkeys(zip(*(table[name].to_pylist() for name in names), strict=True))
    for setting in settings:
        images: dict[str, list[str]] = {}
        for model, layer, label, image in used:
            if (model, layer) == (setting.model, setting.layer):
                images.setdefault(label, []).append(image)
        few = {label: tuple(some[: study.evidence.grids]) for label, some in images.items()}
        classes = photos(study.data).classes
        for number, label in enumerate(classes):
            if label in few:
                checks.append(Check(len(checks), setting, number, few))
    return checks


@one_thread()
def run_check(study: Study, check: Check, card: NetworkCard, folder: str) -> int:
    """Run the checks of a class and write their part; return the number of photos explained.

    Equal checks give equal bytes, whatever ran before or elsewhere.

    Raises:
        AnnealcamError: the network or a photo failed.
    """
    layer = network_layer(study, check.setting, card)
    rows = [*_single_rows(study, check, card, layer), *_pair_rows(study, check, card, layer)]
    about = {"model": check.setting.model, "layer": check.setting.layer,
             "class": photos(study.data).classes[check.label]}  # fmt: skip
    part = pa.Table.from_pylist([about | row for row in rows], schema=CHECKS_SCHEMA)
    write_part(content_of(part), Path(folder) / CHECKS / check.file)
    return len({row["image"] for row in rows})


def side_by_side(left: Float[Tensor, "c h w"], right: Float[Tensor, "c h w"]) -> Tensor:
    """Return two images side by side as one image, (1, c, h, 2 w).

    >>> side_by_side(torch.zeros(3, 2, 2), torch.ones(3, 2, 2))[0, 0].tolist()
    [[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]]
    """
    return torch.cat([left, right], dim=2)[None]


def shrunk_side_by_side(left: Float[Tensor, "c h w"], right: Float[Tensor, "c h w"]) -> Tensor:
    """Return two images side by side in an image of their size, at half their size.

    Zeros, which are the mean colour, fill the rows above and below; pixels are averaged by area.

    >>> shrunk_side_by_side(torch.full((3, 4, 4), 2.0), torch.ones(3, 4, 4))[0, 0, 1].tolist()
    [2.0, 2.0, 1.0, 1.0]
    """
    h, w = left.shape[1:]
    sizes = [(h // 2, w // 2), (h // 2, w - w // 2)]
    halves = [
        interpolate(image[None], size=size, mode="area")
        for image, size in zip((left, right), sizes, strict=True)
    ]
    above = (h - h // 2) // 2
    return pad(torch.cat(halves, dim=3), (0, 0, above, h - h // 2 - above))


def _image(study: Study, layer: NetworkLayer, name: str) -> Float[Tensor, "c h w"]:
    images = photos(study.data)
    return layer.inputs([images.open(images.images.index(name))])[0]


def _pair_rows(study: Study, check: Check, card: NetworkCard, layer: NetworkLayer) -> Iterator[Row]:
    """Yield the share of each selector's map in the photo's own half, beside every other class.

    The class that comes first is on the left. A network whose head takes images of one size only
    gets both photos at half their size.
    """
    classes = photos(study.data).classes
    own = check.images[classes[check.label]]
    for other, label in enumerate(classes):
        if other == check.label or label not in check.images:
            continue
        side = int(other < check.label)
        for pair in zip(own, check.images[label], strict=False):
            with suppress(ImageError):  # read before; a photo that has vanished has no row
                two = [_image(study, layer, name) for name in (pair if side == 0 else pair[::-1])]
                captured = _captured(study, layer, two, card.targets[check.label])
                for (selector, k), map_ in _maps(study, captured, pair[0]).items():
                    share = float(cell_shares(map_).sum(axis=0)[side])
                    yield {
                        "image": pair[0], "other": label, "other_image": pair[1],
                        "selector": selector, "cardinality": k,
                        "pointing": None if np.isnan(share) else share,
                    }  # fmt: skip


def _captured(study: Study, layer: NetworkLayer, two: Sequence[Tensor], target: int) -> Capture:
    image = side_by_side(*two)
    try:
        with borrowed(layer.model), torch.no_grad():
            run(layer.model, image)
    except ModelError:
        image = shrunk_side_by_side(*two)
    return layer.capture(image, [target], integrated=integrated(study))


def _single_rows(
    study: Study, check: Check, card: NetworkCard, layer: NetworkLayer
) -> Iterator[Row]:
    """Yield the rank correlation of each selector's map with that under a random classifier."""
    for name in check.images[photos(study.data).classes[check.label]]:
        image = _image(study, layer, name)[None]
        target = [card.targets[check.label]]
        maps = _maps(study, layer.capture(image, target, integrated=integrated(study)), name)
        try:
            head = find_layer(layer.model, classifier_layer(layer.model, image))
        except ArgumentError:
            return  # the network has no classifier that could be replaced
        with random_weights(head, seed=[study.seed, photos(study.data).images.index(name)]):
            captured = layer.capture(image, target, integrated=integrated(study))
            drawn = _maps(study, captured, name)
        for (selector, k), map_ in maps.items():
            if (selector, k) in drawn:
                pair = (map_[None].astype(np.float64), drawn[selector, k][None].astype(np.float64))
                rho = float(rank_correlation(*pair)[0])
                yield {
                    "image": name, "selector": selector, "cardinality": k,
                    "rank_correlation": None if np.isnan(rho) else rho,
                }  # fmt: skip


def _maps(study: Study, captured: Capture, name: str) -> Maps:
    """Return the map of each selector for a captured image: the sum of the contributions, >= 0."""
    problem = study.problem.settings()
    own = captured if problem.integrated else captured.plain()
    maps: Maps = {}
    (found,) = collect_layer_maps(
        own, importance=problem.importance, fewer=True, **problem.weighing
    )
    if len(found.candidates):
        maps["exact", None] = found.drawn(found.candidates[found.optimum.n.astype(bool)])
    whole = np.maximum((found.maps * found.alpha[:, None, None]).sum(axis=0), 0.0)
    maps["gradcam", None] = whole
    rng = np.random.default_rng([study.seed, photos(study.data).images.index(name)])
    (problems,) = evidence_maps(study, captured)
    for at in problems:  # of equal k, the problem of most candidates is last
        k = at.problem.cardinality or 0
        pool = at.of_positive(at.contribution)
        chosen = {
            "evidence_exact": at.candidates[at.optimum.n.astype(bool)],
            "topk_alignment": at.top(at.importance, k),
            "topk_contribution": at.top(at.contribution, k),
            "random": rng.choice(pool, size=min(k, len(pool)), replace=False),
        }
        maps |= {(selector, k): at.drawn(channels) for selector, channels in chosen.items()}
    return maps
