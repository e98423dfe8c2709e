"""Logits of one image under masks of a layer's maps, and what each map does to them alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from annealcam._internal.map_axes import over_grid
from annealcam._internal.text import short_repr
from annealcam._internal.types import Array
from annealcam.attribution.activations import refuse_non_finite
from annealcam.attribution.forward_pass import run_forward
from annealcam.attribution.network.inputs import as_batch
from annealcam.attribution.network.replay import Rest, behind
from annealcam.metrics.masked import CHUNK

ADDS_UP = 1e-5  # largest error of a sum of effects, as a share of their absolute sum
CHECKS = 8  # random halves of the maps whose effects are added up

Result = TypeVar("Result")


class MaskedRuns:
    """Runs of what lies behind a layer, for one image, with some maps of the layer set to zero.

    Attributes:
        layer: the module's name.
        maps: number of maps of the layer.
        channels: the maps that masks are over, ascending: the live ones, and as many dead ones
            as `dead` counts. All others are zero everywhere, so that no mask changes them.
        target: the class.
        class_names: of the logits; None where they have none.
        runs: number of masks that the network has run under.
    """

    def __init__(
        self,
        maps: Float[Tensor, "1 maps *grid"],
        rest: Rest,
        *,
        layer: str,
        target: int,
        class_names: Sequence[str] | None,
        dead: int = 0,
    ) -> None:
        live = maps[0].flatten(1).ne(0).any(dim=1).cpu().numpy()
        live[np.flatnonzero(~live)[:dead]] = True
        self._maps, self._rest = maps, rest
        self.layer, self.maps, self.channels = layer, maps.shape[1], np.flatnonzero(live)
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
        chunks = torch.split(torch.from_numpy(of_layer).to(self._maps.device), CHUNK)
        parts = [
            self._rest.logits(torch.where(over_grid(chunk, self._maps), self._maps, 0))
            .double()
            .cpu()
            for chunk in chunks
        ]
        logits = torch.cat(parts)
        refuse_non_finite("logits under a mask", logits)
        return logits.numpy()

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


def for_each_image(
    find: Callable[[MaskedRuns], Result],
    model: nn.Module,
    image: Any,
    *,
    layer: str | nn.Module | None,
    target: Any,
    class_names: Sequence[str] | None,
    dead: int = 0,
) -> list[Result]:
    """Return what `find` makes of the masked runs of each image.

    The model is borrowed meanwhile. Arguments and errors are those of `annealcam.explain`; `dead`
    is the number of dead maps among the channels.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> options = {"layer": "1", "target": None, "class_names": None}
    >>> for_each_image(lambda runs: runs.maps, net, torch.randn(2, 3, 8, 8), **options)
    [8, 8]
    """
    images = as_batch(image)
    done = run_forward(model, images, layer=layer, target=target, class_names=class_names)
    results = []
    for i, c in enumerate(done.captured.targets.tolist()):
        tail = behind(model, images[i : i + 1], done.captured.layer, **done.captured.chosen_run)
        with tail as (maps, rest):
            runs = MaskedRuns(
                maps, rest, layer=done.captured.layer, target=c, class_names=class_names, dead=dead
            )
            results.append(find(runs))
    return results


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
    >>> options = {"layer": "1", "target": None, "class_names": None}
    >>> for_each_image(measure_effects, net, torch.randn(3, 8, 8), **options)[0].add_up
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
