"""Logits of one image under masks of a layer's maps, and what each map does to them alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from annealcam._internal.links import noun_of
from annealcam._internal.map_axes import over_grid
from annealcam._internal.text import short_repr
from annealcam._internal.types import Array
from annealcam.attribution.activations import refuse_non_finite
from annealcam.attribution.forward_pass import run_forward
from annealcam.attribution.network.inputs import batches, target_of
from annealcam.attribution.network.layer_output import Reshape
from annealcam.attribution.network.model_output import Output
from annealcam.attribution.network.replay import Rest, behind
from annealcam.errors import TargetError
from annealcam.metrics.masked import CHUNK

ADDS_UP = 1e-5  # largest error of a sum of effects, as a share of their absolute sum
CHECKS = 8  # random halves of the maps whose effects are added up

Result = TypeVar("Result")


class MaskedRuns:
    """Runs of what lies behind a layer, for one image, with some maps of the layer set to zero.

    The logits z of the runs are those of all classes. Of an independent label c (link `sigmoid`),
    they are (0, z_c): the softmax of these is its probability and that of its absence.

    Attributes:
        layer: the module's name.
        maps: number of maps of the layer.
        channels: the maps that masks are over, ascending: the live ones, and as many dead ones
            as `dead` counts. All others are zero everywhere, so that no mask changes them.
        output: the class, label or output that is explained; `target` is its place in the logits of
            the runs.
        is_label: whether these are the two logits of an independent label.
        link: what makes probabilities of the network's outputs.
        noun: what these are called: class, label or output.
        direction: `down` if the least value of an output is sought.
        class_names: of the outputs; None where they have none.
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
        direction: str = "up",
        contrasted: bool | None = None,
    ) -> None:
        """Prepare the runs.

        Args:
            contrasted: None: labels, and the sides of one output, are read by themselves. False:
                only labels are; both sides stay. True: all outputs stay.
        """
        live = maps[0].flatten(1).ne(0).any(dim=1).cpu().numpy()
        live[np.flatnonzero(~live)[:dead]] = True
        self._maps, self._rest = maps, rest
        self.layer, self.maps, self.channels = layer, maps.shape[1], np.flatnonzero(live)
        self.output, self.class_names = target, class_names
        self.link, self.direction, self.runs = rest.output.link, direction, 0
        self.noun = noun_of(self.link, two_sided=rest.output.two_sided)
        alone = contrasted is None or (self.noun == "label" and not contrasted)
        self.is_label = self.link == "sigmoid" and alone
        self.target = 1 if self.is_label else target

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
        if self.is_label:
            own = logits[:, self.output]
            logits = torch.stack([torch.zeros_like(own), own], dim=1)
        return logits.numpy()

    def removed(self, masks: Bool[Array, "n m"]) -> Float[Array, "n classes"]:
        """Return the logits where the maps of each mask are set to zero.

        Raises:
            NumericalError: logits hold NaN or infinity.
        """
        return self.kept(~masks)

    def score(self, logits: Float[Array, "n classes"]) -> Float[Array, " n"]:
        """Return log p of the target; for numbers the value, with minus for the direction down."""
        if self.link == "identity":
            value = logits[:, self.target]
            return -value if self.direction == "down" else value
        from scipy.special import log_softmax  # costly to import

        return np.asarray(log_softmax(logits, axis=1)[:, self.target])

    def output_of(self, place: int) -> int:
        """Return the output at a place in the logits of the runs: for a label, always itself."""
        return self.output if self.is_label else place

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
    class_names: Any,
    dead: int = 0,
    link: str | None = None,
    output: Output | None = None,
    run: int | None = None,
    reshape_transform: Reshape | None = None,
    direction: str = "up",
    contrasted: bool | None = None,
) -> Any:
    """Return what `find` makes of the masked runs of an image, or a list of it for a batch.

    The model is borrowed meanwhile. Arguments and errors are those of `annealcam.explain`; `dead`
    is the number of dead maps among the channels, and `contrasted` is for `MaskedRuns`.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> options = {"layer": "1", "target": None, "class_names": None}
    >>> for_each_image(lambda runs: runs.maps, net, torch.randn(2, 3, 8, 8), **options)
    [8, 8]
    """
    pairs, single = batches(model, image, link=link, output=output)
    results = []
    for number, (network, images) in enumerate(pairs):
        done = run_forward(
            network, images, layer=layer, target=target_of(target, number, len(pairs)),
            direction=direction, integrated=False, run=run, reshape_transform=reshape_transform,
            class_names=class_names,
        )  # fmt: skip
        _refuse_functions(done.record)
        captured = done.captured
        for i, c in enumerate(captured.targets.tolist()):
            tail = behind(network, images[i : i + 1], captured.layer, **captured.chosen_run)
            with tail as (maps, rest):
                runs = MaskedRuns(
                    maps, rest, layer=captured.layer, target=c, class_names=done.class_names,
                    dead=dead, direction=direction, contrasted=contrasted,
                )  # fmt: skip
                results.append(find(runs))
    return results[0] if single else results


def _refuse_functions(record: Mapping[str, Any]) -> None:
    if record["target_is_a_function"]:
        raise TargetError("target: a function of the logits; sets of maps are found for a class")


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
    >>> for_each_image(measure_effects, net, torch.randn(3, 8, 8), **options).add_up
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
