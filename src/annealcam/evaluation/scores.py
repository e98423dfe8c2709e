"""The metrics by name: each a score for every image of a batch, of one method."""

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
from annealcam.evaluation.methods import Answer
from annealcam.metrics.channels import ChannelFaithfulness, channel_faithfulness
from annealcam.metrics.localisation import best_iou, energy_inside, pointing_game
from annealcam.metrics.pixels import ConfidenceChange, confidence_change, perturbation, resized
from annealcam.metrics.removal import road
from annealcam.metrics.sensitivity import class_sensitivity

Scores: TypeAlias = Float[Array, " n"]


@dataclass(frozen=True, eq=False)
class Asked:
    """One method's answers for a batch of images, and for their next likely class as well.

    `masks` are the objects as the network sees them, None where there is none; `seed` is that of
    what a metric draws.
    """

    model: nn.Module
    images: Tensor
    layer: str
    targets: Sequence[int]
    answers: Sequence[Answer]
    other_answers: Sequence[Answer]
    masks: Sequence[Bool[Array, "height width"] | None]
    seed: int

    @cached_property
    def maps(self) -> Float[Array, "n h w"]:
        """The maps of the explained class."""
        return np.stack([answer.map for answer in self.answers])

    @cached_property
    def channels(self) -> ChannelFaithfulness | None:
        """What the maps behind the answers do; None for a method that is not made of maps."""
        chosen = [a.channels for a in self.answers if a.channels is not None]
        if len(chosen) < len(self.answers):
            return None
        return channel_faithfulness(
            self.model, self.images, layer=self.layer, selected=chosen, targets=self.targets
        )

    @cached_property
    def confidence(self) -> ConfidenceChange:
        """How the probability changes when the image is dimmed by the map."""
        return confidence_change(self.model, self.images, self.maps, targets=self.targets)

    @cached_property
    def large(self) -> Float[Array, "n height width"]:
        """The maps at the images' resolution."""
        return resized(self.maps, (self.images.shape[2], self.images.shape[3])).numpy()

    def curve(self, mode: str) -> Scores:
        """Area under the deletion or insertion curve."""
        found = perturbation(self.model, self.images, self.maps, targets=self.targets, mode=mode)
        return found.auc

    def located(self, measure: Callable[[Array, Array], float]) -> Scores:
        """What a measure says of each map and its mask; NaN without one."""
        return np.array(
            [
                np.nan if mask is None else measure(map_, mask)
                for map_, mask in zip(self.large, self.masks, strict=True)
            ]
        )

    @property
    def nothing(self) -> Scores:
        """No score for any image."""
        return np.full(len(self.answers), np.nan)


@dataclass(frozen=True)
class Metric:
    """What is measured, in which unit, and whether higher or lower is better.

    `better` is None where it cannot rank methods; `score` is None where one image has no score,
    but only all of them together.
    """

    meaning: str
    unit: str
    better: Literal["higher", "lower"] | None
    score: Callable[[Asked], Scores] | None

    def __str__(self) -> str:
        return self.meaning + (f"; {self.better} is better" if self.better else "")


def _kept(asked: Asked) -> Scores:
    return asked.nothing if asked.channels is None else asked.channels.kept_share


def _lost(asked: Asked) -> Scores:
    return asked.nothing if asked.channels is None else asked.channels.lost_share


def _road(asked: Asked) -> Scores:
    found = road(asked.model, asked.images, asked.maps, targets=asked.targets, seed=asked.seed)
    return found.combined


def _sensitivity(asked: Asked) -> Scores:
    others = np.stack([answer.map for answer in asked.other_answers])
    return class_sensitivity(asked.maps, others).rank_correlation


METRICS: Mapping[str, Metric] = {
    "kept": Metric("share of the layer's say that the maps keep alone", "share of the logit",
                   "higher", _kept),
    "lost": Metric("share that is lost without them", "share of the logit", "higher", _lost),
    "insertion": Metric("area under the insertion curve", "mean probability", "higher",
                        lambda asked: asked.curve("insertion")),
    "deletion": Metric("area under the deletion curve", "mean probability", "lower",
                       lambda asked: asked.curve("deletion")),
    "road": Metric("ROAD, (least - most relevant pixels imputed) / 2, 0 for a random map",
                   "change of probability", "higher", _road),
    "sensitivity": Metric("rank correlation with the next class's map", "rank correlation",
                          "lower", _sensitivity),
    "drop": Metric("average drop, which cannot rank methods", "share of the probability", None,
                   lambda asked: asked.confidence.drop),
    "increase": Metric("increase of confidence, which cannot rank methods", "share of the photos",
                       None, lambda asked: asked.confidence.increase),
    "pointing": Metric("share of the map's peaks on the object", "share of the photos", "higher",
                       lambda asked: asked.located(pointing_game)),
    "energy": Metric("share of the map's sum on the object", "share of the map", "higher",
                     lambda asked: asked.located(energy_inside)),
    "iou": Metric("IoU of object and map at the best threshold", "IoU", "higher",
                  lambda asked: asked.located(best_iou)),
    "overlap": Metric("how far predicted classes share maps, mean over pairs of them, to compare "
                      "at equal numbers of maps", "Bhattacharyya coefficient", "lower", None),
}  # fmt: skip
DEFAULT = ("kept", "insertion", "deletion", "road", "sensitivity")
LOCALISATION = ("pointing", "energy", "iou")  # added where masks are given


def metrics_asked(metrics: Sequence[str] | None, *, masks: bool) -> list[str]:
    """Return the metrics to take: those named, or the defaults, with localisation given masks.

    Raises:
        ArgumentError: a name is unknown, none is given, or a metric needs masks.

    >>> metrics_asked(None, masks=False)
    ['kept', 'insertion', 'deletion', 'road', 'sensitivity']
    """
    if metrics is None:
        return [*DEFAULT, *(LOCALISATION if masks else ())]
    for name in metrics:
        one_of("metrics", name, METRICS)
        if name in LOCALISATION and not masks:
            raise ArgumentError(
                f"metrics={name!r}: needs to know where the object is; give masks (--masks PLACE)"
            )
    return list(dict.fromkeys(metrics))
