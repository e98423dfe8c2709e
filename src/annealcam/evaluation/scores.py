"""The metrics by name: each a score for every image of a batch, of one method."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from annealcam._types import Array
from annealcam.evaluation.methods import Answer
from annealcam.metrics.channels import ChannelFaithfulness, channel_faithfulness
from annealcam.metrics.pixels import ConfidenceChange, confidence_change, perturbation
from annealcam.metrics.sensitivity import class_sensitivity

Scores: TypeAlias = Float[Array, " n"]


@dataclass(frozen=True, eq=False)
class Asked:
    """One method's answers for a batch of images, and for their next likely class as well."""

    model: nn.Module
    images: Tensor
    layer: str
    targets: Sequence[int]
    answers: Sequence[Answer]
    other_answers: Sequence[Answer]

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

    def curve(self, mode: str) -> Scores:
        """Area under the deletion or insertion curve."""
        found = perturbation(self.model, self.images, self.maps, targets=self.targets, mode=mode)
        return found.auc

    @property
    def nothing(self) -> Scores:
        """No score for any image."""
        return np.full(len(self.answers), np.nan)


def _kept(asked: Asked) -> Scores:
    return asked.nothing if asked.channels is None else asked.channels.kept_share


def _lost(asked: Asked) -> Scores:
    return asked.nothing if asked.channels is None else asked.channels.lost_share


def _sensitivity(asked: Asked) -> Scores:
    others = np.stack([answer.map for answer in asked.other_answers])
    return class_sensitivity(asked.maps, others).rank_correlation


METRICS: Mapping[str, tuple[str, Callable[[Asked], Scores]]] = {
    "kept": ("share of the layer's say that the maps keep alone; higher is better", _kept),
    "lost": ("share that is lost without them; higher is better", _lost),
    "insertion": ("area under the insertion curve; higher is better",
                  lambda asked: asked.curve("insertion")),
    "deletion": ("area under the deletion curve; lower is better",
                 lambda asked: asked.curve("deletion")),
    "sensitivity": ("rank correlation with the next class's map; lower is better", _sensitivity),
    "drop": ("average drop; cannot rank methods", lambda asked: asked.confidence.drop),
    "increase": ("increase of confidence; cannot rank methods",
                 lambda asked: asked.confidence.increase),
}  # fmt: skip
DEFAULT = ("kept", "insertion", "deletion", "sensitivity")
