"""A network fitted epoch by epoch; the epoch with the best validation accuracy is kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

from annealcam._internal.types import Array
from annealcam.errors import NumericalError
from annealcam.models.paper_network import PaperNetwork
from annealcam.training.recipe import Recipe

_EVALUATED_AT_ONCE = 128


@runtime_checkable
class Examples(Protocol):
    """What a network learns from: labelled inputs of the trunk, or of the head."""

    of_trunk: bool  # whether `inputs` are photos (the trunk trains too) or the trunk's features

    @property
    def labels(self) -> Int[Array, " n"]:
        """The class of each example."""

    def inputs(self, numbers: Int[Array, " b"], mirrored: Bool[Array, " b"]) -> Tensor:
        """Return these examples, the marked ones as their mirror images."""


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to: the mean training loss, and the accuracy on the validation part."""

    number: int
    loss: float
    accuracy: float


Tell: TypeAlias = Callable[[Epoch], None]


def fit(
    network: PaperNetwork,
    train: Examples,
    validation: Examples,
    recipe: Recipe,
    *,
    seed: int,
    tell: Tell | None = None,
) -> list[Epoch]:
    """Fit a network in place and return its epochs; it ends with the weights of the best one.

    Of epochs with equal validation accuracy the first is kept. On one machine, with one number of
    threads, equal seeds give equal bits; the caller's random state is left alone.

    Raises:
        NumericalError: the loss is no longer finite.
    """
    learning = [p for p in network.parameters() if p.requires_grad]
    steps = recipe.epochs * math.ceil(len(train.labels) / recipe.batch)
    optimiser = torch.optim.AdamW(learning, lr=recipe.rate, weight_decay=recipe.weight_decay)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    epochs: list[Epoch] = []
    best: dict[str, Tensor] = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for number in range(1, recipe.epochs + 1):
            rng = np.random.default_rng([seed, number])
            loss = _epoch(network, train, recipe, rng, optimiser, falling)
            epochs.append(Epoch(number, loss, accuracy(network, validation)))
            if epochs[-1].accuracy > max([0.0, *(e.accuracy for e in epochs[:-1])]) or not best:
                best = {name: t.clone() for name, t in network.state_dict().items()}
            if tell:
                tell(epochs[-1])
    network.load_state_dict(best)
    network.eval()
    return epochs


def best_of(epochs: list[Epoch]) -> Epoch:
    """Return the first epoch of the highest validation accuracy."""
    return max(epochs, key=lambda epoch: epoch.accuracy)


def accuracy(network: PaperNetwork, examples: Examples) -> float:
    """Return the share of examples whose highest logit is that of their class."""
    network.eval()
    right, total = 0, len(examples.labels)
    with torch.inference_mode():
        for first in range(0, total, _EVALUATED_AT_ONCE):
            numbers = np.arange(first, min(first + _EVALUATED_AT_ONCE, total))
            inputs = examples.inputs(numbers, np.zeros(len(numbers), dtype=bool))
            features = network.trunk(inputs) if examples.of_trunk else inputs
            predicted = network.head(features).argmax(dim=1).numpy()
            right += int((predicted == examples.labels[numbers]).sum())
    return right / total


def _epoch(
    network: PaperNetwork,
    train: Examples,
    recipe: Recipe,
    rng: np.random.Generator,
    optimiser: torch.optim.Optimizer,
    falling: torch.optim.lr_scheduler.LRScheduler,
) -> float:
    """Return the mean loss of one pass through the training examples."""
    network.train()
    losses: list[float] = []
    for numbers in _batches(rng.permutation(len(train.labels)), recipe.batch):
        mirrored = rng.random(len(numbers)) < (0.5 if recipe.mirror else 0.0)
        inputs = _moved(train.inputs(numbers, mirrored), recipe.shift, rng)
        maps = network.block(network.trunk(inputs) if train.of_trunk else inputs)
        maps = nn.functional.dropout(maps, recipe.dropout)
        loss = nn.functional.cross_entropy(
            network.classifier(maps.flatten(1)),
            torch.from_numpy(train.labels[numbers]),
            label_smoothing=recipe.smoothing,
        )
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        falling.step()
        losses.append(float(loss.detach()))
    if not np.isfinite(losses).all():
        raise NumericalError(f"rate={recipe.rate}: the loss is no longer finite; lower the rate")
    return float(np.mean(losses))


def _moved(inputs: Tensor, most: int, rng: np.random.Generator) -> Tensor:
    """Move a batch by up to `most` rows and columns; the edge is repeated where it came from."""
    if most == 0:
        return inputs
    top, left = (int(by) for by in rng.integers(0, 2 * most + 1, 2))
    height, width = inputs.shape[2:]
    padded = nn.functional.pad(inputs, (most,) * 4, mode="replicate")
    return padded[:, :, top : top + height, left : left + width]


def _batches(order: Int[Array, " n"], size: int) -> Iterator[Int[Array, " b"]]:
    """Parts of at most `size`; one left over at the end joins the part before it."""
    count = max(1, len(order) // size if len(order) % size == 1 else math.ceil(len(order) / size))
    for number in range(count):
        last = len(order) if number == count - 1 else (number + 1) * size
        yield order[number * size : last]
