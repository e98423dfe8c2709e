"""The metrics by name: each a score of one method for every image of a batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from annealcam._internal.types import Array
from annealcam._internal.validation import one_of
from annealcam.errors import ArgumentError
from annealcam.evaluation.methods import MethodMap
from annealcam.metrics.channels import ChannelFaithfulness, channel_faithfulness
from annealcam.metrics.grids import grid_pointing, single_map_grid_pointing
from annealcam.metrics.localisation import best_iou, energy_inside, pointing_game
from annealcam.metrics.pixels import ConfidenceChange, confidence_change, perturbation, resized
from annealcam.metrics.removal import road
from annealcam.metrics.sensitivity import fidelity, rank_correlation

Scores: TypeAlias = Float[Array, " n"]


@dataclass(frozen=True, eq=False)
class MethodBatch:
    """The maps of one method for a batch of images, and those to compare them with.

    `other_results` are for each image's next likely class, and `random_results` for the explained
    class under a random classifier. `evidence` are the evidence maps, the sums of all contribution
    maps. `masks` are the objects in view, None where there is none; `seed` is of the random choices
    of a metric.
    """

    model: nn.Module
    images: Tensor
    layer: str
    targets: Sequence[int]
    results: Sequence[MethodMap]
    other_results: Sequence[MethodMap]
    random_results: Sequence[MethodMap]
    evidence: Float[Array, " n *grid"]
    masks: Sequence[Bool[Array, "height width"] | None]
    seed: int

    @cached_property
    def maps(self) -> Float[Array, " n *grid"]:
        """The maps of the explained class."""
        return np.stack([result.map for result in self.results])

    @cached_property
    def faithfulness(self) -> ChannelFaithfulness | None:
        """The effect of each map's channels on the logit; None for a reference map."""
        channels = [r.channels for r in self.results if r.channels is not None]
        if len(channels) < len(self.results):
            return None
        return channel_faithfulness(
            self.model, self.images, layer=self.layer, selected=channels, targets=self.targets
        )

    @cached_property
    def confidence(self) -> ConfidenceChange:
        """The change of the probability when the image is multiplied by the map."""
        return confidence_change(self.model, self.images, self.maps, targets=self.targets)

    @cached_property
    def large_maps(self) -> Float[Array, "n height width"]:
        """The maps at the resolution of the images."""
        return resized(self.maps, (self.images.shape[2], self.images.shape[3])).numpy()

    def kept(self) -> Scores:
        """Return the share of the logit that the channels keep alone."""
        return self._undefined if self.faithfulness is None else self.faithfulness.kept_share

    def lost(self) -> Scores:
        """Return the share of the logit that is lost without the channels."""
        return self._undefined if self.faithfulness is None else self.faithfulness.lost_share

    def curve(self, mode: str) -> Scores:
        """Return the area under the deletion or insertion curve."""
        return perturbation(self.model, self.images, self.maps, targets=self.targets, mode=mode).auc

    def road(self) -> Scores:
        """Return the combined ROAD score."""
        return road(
            self.model, self.images, self.maps, targets=self.targets, seed=self.seed
        ).combined

    def similarity(self, others: Sequence[MethodMap]) -> Scores:
        """Return the rank correlation with other maps of the same images."""
        return rank_correlation(self.maps, np.stack([result.map for result in others]))

    def fidelity(self) -> Scores:
        """Return the cosine with the positive evidence map."""
        return np.array([fidelity(*pair) for pair in zip(self.maps, self.evidence, strict=True)])

    def located(self, measure: Callable[[Array, Array], float]) -> Scores:
        """Return a measure of each map and its mask; NaN without a mask."""
        return np.array(
            [
                np.nan if mask is None else measure(map_, mask)
                for map_, mask in zip(self.large_maps, self.masks, strict=True)
            ]
        )

    @property
    def _undefined(self) -> Scores:
        return np.full(len(self.results), np.nan)


@dataclass(frozen=True, eq=False)
class MethodGrid:
    """The map of one method for the class of one photo in a grid of side x side photos.

    `gradcam` is the map of Grad-CAM for the same grid and class; `contributions` are the
    contribution maps of all feature maps.
    """

    result: MethodMap
    cell: int
    side: int
    gradcam: Float[Array, "h w"]
    contributions: Float[Tensor, "maps h w"]

    def own_cell(self) -> float:
        """Return the share of the map in the photo's own cell."""
        return grid_pointing(self.result.map, self.cell, side=self.side)

    def at_equal_sharpness(self) -> float:
        """Return the share in the own cell once the map is as sharp as that of Grad-CAM."""
        return grid_pointing(self.result.map, self.cell, side=self.side, sharpness_of=self.gradcam)

    def single_maps(self) -> float:
        """Return the mean share of the contribution maps of the channels; NaN without channels."""
        if self.result.channels is None:
            return math.nan
        index = torch.from_numpy(self.result.channels).to(self.contributions.device)
        maps = self.contributions[index].cpu().numpy()
        return single_map_grid_pointing(maps, self.cell, side=self.side)


@dataclass(frozen=True)
class Metric:
    """What is measured, in which unit, and whether higher or lower values are better.

    `better` is None for a metric that cannot rank methods. `score` gives a value for each image of
    a batch, `grid_score` one for each photo of a grid; both are None for a metric that is defined
    for all images together only. `of_pixels` metrics need maps with rows and columns.
    """

    meaning: str
    unit: str
    better: Literal["higher", "lower"] | None
    score: Callable[[MethodBatch], Scores] | None = None
    grid_score: Callable[[MethodGrid], float] | None = None
    of_pixels: bool = False

    def unit_of(self, link: str) -> str:
        """Return the unit for the link of a network: `identity` has outputs for probabilities.

        >>> METRICS["road"].unit_of("softmax"), METRICS["road"].unit_of("identity")
        ('change of probability', 'change of output')
        """
        return self.unit.replace("probability", "output") if link == "identity" else self.unit

    def __str__(self) -> str:
        return self.meaning + (f"; {self.better} is better" if self.better else "")


# The metrics of `evaluate`, by name.
METRICS: Mapping[str, Metric] = {
    "kept": Metric("share of the logit that the maps keep alone",
                   "share of the logit", "higher", MethodBatch.kept),
    "lost": Metric("share of the logit that is lost without the maps",
                   "share of the logit", "higher", MethodBatch.lost),
    "insertion": Metric("area under the insertion curve", "mean probability", "higher",
                        lambda batch: batch.curve("insertion"), of_pixels=True),
    "deletion": Metric("area under the deletion curve", "mean probability", "lower",
                       lambda batch: batch.curve("deletion"), of_pixels=True),
    "road": Metric("ROAD, (least - most relevant pixels imputed) / 2, 0 for a random map",
                   "change of probability", "higher", MethodBatch.road, of_pixels=True),
    "sensitivity": Metric("rank correlation with the next class's map", "rank correlation",
                          "lower", lambda batch: batch.similarity(batch.other_results)),
    "random_classifier": Metric("rank correlation with the map under a random classifier",
                                "rank correlation", "lower",
                                lambda batch: batch.similarity(batch.random_results)),
    "fidelity": Metric("cosine of the map with the positive evidence map", "cosine", "higher",
                       MethodBatch.fidelity),
    "drop": Metric("average drop, which cannot rank methods", "share of the probability", None,
                   lambda batch: batch.confidence.drop, of_pixels=True),
    "increase": Metric("increase of confidence, which cannot rank methods", "share of the photos",
                       None, lambda batch: batch.confidence.increase, of_pixels=True),
    "pointing": Metric("share of the map's peaks on the object", "share of the photos", "higher",
                       lambda batch: batch.located(pointing_game), of_pixels=True),
    "energy": Metric("share of the map's sum on the object", "share of the map", "higher",
                     lambda batch: batch.located(energy_inside), of_pixels=True),
    "iou": Metric("IoU of object and map at the best threshold", "IoU", "higher",
                  lambda batch: batch.located(best_iou), of_pixels=True),
    "overlap": Metric("overlap of the maps selected for two predicted classes, mean over pairs of "
                      "classes, to compare at equal numbers of maps", "Bhattacharyya coefficient",
                      "lower"),
    "grid_pointing": Metric("share of the map in its own photo of a grid of photos",
                            "share of the map", "higher", grid_score=MethodGrid.own_cell),
    "grid_pointing_equal": Metric("the same, with the map at the sharpness of Grad-CAM's",
                                  "share of the map", "higher",
                                  grid_score=MethodGrid.at_equal_sharpness),
    "grid_pointing_single": Metric("the same for single maps: mean over the contribution maps of "
                                   "the method's channels", "share of the map", "higher",
                                   grid_score=MethodGrid.single_maps),
}  # fmt: skip
DEFAULT = ("kept", "insertion", "deletion", "road", "sensitivity")
LOCALISATION = ("pointing", "energy", "iou")  # added where masks are given
OF_CLASSES = ("sensitivity", "overlap")
ON_GRIDS = tuple(name for name, metric in METRICS.items() if metric.grid_score)


def resolve_metrics(metrics: Sequence[str] | None, *, masks: bool) -> list[str]:
    """Return the named metrics, or the defaults; with masks those of localisation as well.

    Names may be written with hyphens.

    Raises:
        ArgumentError: a name is unknown, or a metric needs masks.

    >>> resolve_metrics(None, masks=False)
    ['kept', 'insertion', 'deletion', 'road', 'sensitivity']
    >>> resolve_metrics(["grid-pointing"], masks=False)
    ['grid_pointing']
    """
    if metrics is None:
        return [*DEFAULT, *(LOCALISATION if masks else ())]
    names = [name.replace("-", "_") if isinstance(name, str) else name for name in metrics]
    for name in names:
        one_of("metrics", name, METRICS)
        if name in LOCALISATION and not masks:
            raise ArgumentError(
                f"metrics={name!r}: needs the place of the object; give masks (--masks PLACE)"
            )
    return list(dict.fromkeys(names))
