"""The metrics by name: each a score of one method for every image of a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor, nn

from annealcam._internal.types import Array
from annealcam._internal.validation import one_of
from annealcam.errors import ArgumentError
from annealcam.evaluation.methods import MethodMap
from annealcam.metrics.channels import ChannelFaithfulness, channel_faithfulness
from annealcam.metrics.localisation import best_iou, energy_inside, pointing_game
from annealcam.metrics.pixels import ConfidenceChange, confidence_change, perturbation, resized
from annealcam.metrics.removal import road
from annealcam.metrics.sensitivity import class_sensitivity

Scores: TypeAlias = Float[Array, " n"]


@dataclass(frozen=True, eq=False)
class MethodBatch:
    """The maps of one method for a batch of images, and those for each image's next likely class.

    `masks` are the objects in view, None where there is none; `seed` is of the random choices of a
    metric.
    """

    model: nn.Module
    images: Tensor
    layer: str
    targets: Sequence[int]
    results: Sequence[MethodMap]
    other_results: Sequence[MethodMap]
    masks: Sequence[Bool[Array, "height width"] | None]
    seed: int

    @cached_property
    def maps(self) -> Float[Array, "n h w"]:
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
        """Return the share of the layer's effect that the channels keep alone."""
        return self._undefined if self.faithfulness is None else self.faithfulness.kept_share

    def lost(self) -> Scores:
        """Return the share of the layer's effect that is lost without the channels."""
        return self._undefined if self.faithfulness is None else self.faithfulness.lost_share

    def curve(self, mode: str) -> Scores:
        """Return the area under the deletion or insertion curve."""
        return perturbation(self.model, self.images, self.maps, targets=self.targets, mode=mode).auc

    def road(self) -> Scores:
        """Return the combined ROAD score."""
        return road(
            self.model, self.images, self.maps, targets=self.targets, seed=self.seed
        ).combined

    def sensitivity(self) -> Scores:
        """Return the rank correlation with the map of the next likely class."""
        others = np.stack([result.map for result in self.other_results])
        return class_sensitivity(self.maps, others).rank_correlation

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


@dataclass(frozen=True)
class Metric:
    """What is measured, in which unit, and whether higher or lower values are better.

    `better` is None for a metric that cannot rank methods; `score` is None for a metric that is
    defined for all images together only.
    """

    meaning: str
    unit: str
    better: Literal["higher", "lower"] | None
    score: Callable[[MethodBatch], Scores] | None

    def __str__(self) -> str:
        return self.meaning + (f"; {self.better} is better" if self.better else "")


METRICS: Mapping[str, Metric] = {
    "kept": Metric("share of the layer's effect on the logit that the maps keep alone",
                   "share of the effect", "higher", MethodBatch.kept),
    "lost": Metric("share of the layer's effect on the logit that is lost without the maps",
                   "share of the effect", "higher", MethodBatch.lost),
    "insertion": Metric("area under the insertion curve", "mean probability", "higher",
                        lambda batch: batch.curve("insertion")),
    "deletion": Metric("area under the deletion curve", "mean probability", "lower",
                       lambda batch: batch.curve("deletion")),
    "road": Metric("ROAD, (least - most relevant pixels imputed) / 2, 0 for a random map",
                   "change of probability", "higher", MethodBatch.road),
    "sensitivity": Metric("rank correlation with the next class's map", "rank correlation",
                          "lower", MethodBatch.sensitivity),
    "drop": Metric("average drop, which cannot rank methods", "share of the probability", None,
                   lambda batch: batch.confidence.drop),
    "increase": Metric("increase of confidence, which cannot rank methods", "share of the photos",
                       None, lambda batch: batch.confidence.increase),
    "pointing": Metric("share of the map's peaks on the object", "share of the photos", "higher",
                       lambda batch: batch.located(pointing_game)),
    "energy": Metric("share of the map's sum on the object", "share of the map", "higher",
                     lambda batch: batch.located(energy_inside)),
    "iou": Metric("IoU of object and map at the best threshold", "IoU", "higher",
                  lambda batch: batch.located(best_iou)),
    "overlap": Metric("overlap of the maps selected for two predicted classes, mean over pairs of "
                      "classes, to compare at equal numbers of maps", "Bhattacharyya coefficient",
                      "lower", None),
}  # fmt: skip
DEFAULT = ("kept", "insertion", "deletion", "road", "sensitivity")
LOCALISATION = ("pointing", "energy", "iou")  # added where masks are given


def resolve_metrics(metrics: Sequence[str] | None, *, masks: bool) -> list[str]:
    """Return the named metrics, or the defaults; with masks those of localisation as well.

    Raises:
        ArgumentError: a name is unknown, or a metric needs masks.

    >>> resolve_metrics(None, masks=False)
    ['kept', 'insertion', 'deletion', 'road', 'sensitivity']
    """
    if metrics is None:
        return [*DEFAULT, *(LOCALISATION if masks else ())]
    for name in metrics:
        one_of("metrics", name, METRICS)
        if name in LOCALISATION and not masks:
            raise ArgumentError(
                f"metrics={name!r}: needs the place of the object; give masks (--masks PLACE)"
            )
    return list(dict.fromkeys(metrics))
