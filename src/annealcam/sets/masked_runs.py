"""Logits of one image under masks of a layer's maps, and what each map does to them alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from annealcam._internal.text import short_repr
from annealcam._internal.types import Array
from annealcam.attribution.forward_pass import as_batch, run_forward
from annealcam.metrics.masked import MaskedLayer, inspect_layer, logits_under

ADDS_UP = 1e-5  # largest error of a sum of effects, as a share of their absolute sum
CHECKS = 8  # random halves of the maps whose effects are added up


class MaskedRuns:
    """Runs of a network on one image with some maps of a layer set to zero.

    Attributes:
        layer: the module's name.
        maps: number of maps of the layer.
        channels: the maps that masks are over, ascending: the live ones, and a few dead ones if
            that is asked for. All others are zero everywhere, so that no mask changes them.
        target: the class.
        class_names: of the logits; None where they have none.
        runs: number of masks that the network has run under.
    """

    def __init__(
        self,
        model: nn.Module,
        image: Float[Tensor, "1 colours height width"],
        masked: MaskedLayer,
        *,
        layer: str,
        channels: Int[Array, " m"],
        target: int,
        class_names: Sequence[str] | None,
    ) -> None:
        self._model, self._image, self._masked = model, image, masked
        self.layer, self.maps, self.channels = layer, masked.maps, channels
        self.target, self.class_names = target, class_names
        self.runs = 0

    def __repr__(self) -> str:
        return short_repr("MaskedRuns", layer=self.layer, maps=self.maps, runs=self.runs)

    def kept(self, masks: Bool[Array, "n m"]) -> Float[Array, "n classes"]:
        """Return the logits where only the maps of each mask are kept.

        Raises:
            NumericalError: logits hold NaN or infinity.
        """
        of_layer = np.zeros((len(masks), self.maps), dtype=bool)
        of_layer[:, self.channels] = masks
        self.runs += len(masks)
        return logits_under(self._model, self._image, self._masked, of_layer[None])[0].numpy()

    def removed(self, masks: Bool[Array, "n m"]) -> Float[Array, "n classes"]:
        """Return the logits where the maps of each mask are set to zero.

        Raises:
            NumericalError: logits hold NaN or infinity.
        """
        return self.kept(~masks)

    def class_name(self, index: int | None) -> str | None:
        """Return the name of a class; None if the classes have no names."""
        if index is None or self.class_names is None:
            return None
        return str(self.class_names[index])


def each_image(
    model: nn.Module,
    image: Tensor,
    *,
    layer: str | nn.Module | None,
    target: Any,
    class_names: Sequence[str] | None,
    dead: int = 0,
) -> Iterator[MaskedRuns]:
    """Yield the masked runs of each image of a batch; arguments and errors are those of `explain`.

    `dead` is the number of dead maps among the channels.
    """
    images = as_batch(image)
    captured = run_forward(model, images, layer=layer, target=target, class_names=class_names)
    maps = captured.captured.activations
    masked = inspect_layer(model, images[:1], captured.captured.layer)
    for i in range(len(images)):
        live = maps[i].flatten(1).ne(0).any(dim=1).cpu().numpy()
        live[np.flatnonzero(~live)[:dead]] = True
        yield MaskedRuns(
            model, images[i : i + 1], masked, layer=captured.captured.layer,
            channels=np.flatnonzero(live), target=int(captured.captured.targets[i]),
            class_names=class_names,
        )  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class MapEffects:
    """What each map adds to the logits of all classes, by itself.

    With z(S) the logits where only the maps S are kept, `alone` is z({a}) - z({}) of every map a.
    If all that follows the layer is linear in the maps (pooling, flattening, one linear layer),
    the logits of every set are sums:

        z(S) = z({}) + sum_{a in S} alone_a

    Attributes:
        every: z of all maps.
        none: z({}).
        alone: the effects.
        error: the largest deviation of these sums from the network, over all maps together and
            over random halves of them.
    """

    every: Float[Array, " classes"]
    none: Float[Array, " classes"]
    alone: Float[Array, "m classes"]
    error: float

    def __repr__(self) -> str:
        return short_repr("MapEffects", maps=len(self.alone), error=self.error, add_up=self.add_up)

    @property
    def add_up(self) -> bool:
        """Whether the effects add up, to 1e-5 of their absolute sum: the head is linear."""
        whole = np.abs(self.alone).sum(axis=0).max(initial=0.0) + np.abs(self.every).max()
        return self.error <= ADDS_UP * float(whole)

    @property
    def tolerance(self) -> float:
        """By how much a logit of any set may differ from its sum: four times the largest error."""
        return 4 * self.error


def measure_effects(runs: MaskedRuns) -> MapEffects:
    """Run the network on each map alone, and test whether the effects add up.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> (runs,) = each_image(
    ...     net, torch.randn(3, 8, 8), layer="1", target=None, class_names=None)
    >>> measure_effects(runs).add_up
    True
    """
    m = len(runs.channels)
    halves = np.random.default_rng(0).random((CHECKS, m)) < 0.5
    sets = np.concatenate([np.ones((1, m), dtype=bool), halves])
    logits = runs.kept(np.concatenate([sets, np.eye(m, dtype=bool), np.zeros((1, m), dtype=bool)]))
    of_sets, none = logits[: len(sets)], logits[-1]
    alone = logits[len(sets) : -1] - none
    error = np.abs(none + sets.astype(np.float64) @ alone - of_sets).max()
    return MapEffects(of_sets[0], none, alone, float(error))
