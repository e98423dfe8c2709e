"""Recipes, and the training of a network by one: the epoch of best validation accuracy is kept."""

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
from annealcam._internal.validation import real, whole
from annealcam.errors import ArgumentError, NumericalError
from annealcam.models.paper_network import PaperNetwork

EVALUATION_BATCH = 128
_LARGEST = {"rate": 1.0, "weight_decay": 1.0, "dropout": 0.99, "smoothing": 0.99}


@dataclass(frozen=True)
class Recipe:
    """AdamW on smoothed cross-entropy, with a rate that falls from `rate` to 0 as half a cosine.

    Attributes:
        epochs, batch: number of passes through the photos, and of photos per step.
        rate, weight_decay: those of AdamW.
        dropout: share of the maps' entries that are dropped in training.
        smoothing: share of the label that is spread over all classes.
        mirror: whether half of the photos are replaced by their mirror images.
        shift: largest shift of a batch, in cells (of features) or pixels (of photos).

    Raises:
        ArgumentError: a number is out of range.

    >>> Recipe(epochs=3).batch
    64
    """

    epochs: int = 20
    batch: int = 64
    rate: float = 2e-3
    weight_decay: float = 0.05
    dropout: float = 0.5
    smoothing: float = 0.1
    mirror: bool = True
    shift: int = 1

    def __post_init__(self) -> None:
        whole("epochs", self.epochs, least=1)
        whole("batch", self.batch, least=2)  # BatchNorm needs a variance
        whole("shift", self.shift)
        for name, most in _LARGEST.items():
            value = real(name, getattr(self, name))
            if not 0 <= value <= most or (name == "rate" and value == 0):
                raise ArgumentError(f"{name}={value}: must lie between 0 and {most}")


def usual_recipe(data: str, *, finetune: bool = False, epochs: int = 20) -> Recipe:
    """Return the default recipe of a data set.

    Digits have no mirror images, and a trunk that is trained takes smaller steps.

    >>> usual_recipe("digits").mirror
    False
    """
    if data == "digits":
        return Recipe(epochs=epochs, mirror=False, shift=4)  # 4 of 32 pixels: one of the 8 scanned
    if finetune:
        return Recipe(epochs=epochs, rate=2e-4, shift=16)  # 16 of 224 pixels: one cell of 14
    return Recipe(epochs=epochs)


@runtime_checkable
class Examples(Protocol):
    """Labelled training examples: inputs of the trunk, or of the head."""

    of_trunk: bool  # True: `inputs` are photos, and the trunk is trained; False: its features

    @property
    def labels(self) -> Int[Array, " n"]:
        """Class of each example."""

    def inputs(self, numbers: Int[Array, " b"], mirrored: Bool[Array, " b"]) -> Tensor:
        """Return these examples, the `mirrored` ones as their mirror images."""


@dataclass(frozen=True)
class Epoch:
    """The mean training loss of an epoch, and the accuracy on the validation part after it."""

    number: int
    loss: float
    accuracy: float


OnEpoch: TypeAlias = Callable[[Epoch], None]


def fit(
    network: PaperNetwork,
    train: Examples,
    validation: Examples,
    recipe: Recipe,
    *,
    seed: int,
    on_epoch: OnEpoch | None = None,
) -> list[Epoch]:
    """Fit a network in place, and return the epochs; the network gets the best epoch's weights.

    Among epochs of equal validation accuracy the first one counts. On one machine, with one number
    of threads, equal seeds give equal bits. The caller's random state is not changed.

    Raises:
        NumericalError: the loss is not finite.
    """
    parameters = [p for p in network.parameters() if p.requires_grad]
    steps = recipe.epochs * math.ceil(len(train.labels) / recipe.batch)
    optimiser = torch.optim.AdamW(parameters, lr=recipe.rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    epochs: list[Epoch] = []
    best: dict[str, Tensor] = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for number in range(1, recipe.epochs + 1):
            rng = np.random.default_rng([seed, number])
            loss = _epoch(network, train, recipe, rng, optimiser, schedule)
            epochs.append(Epoch(number, loss, accuracy(network, validation)))
            if epochs[-1].accuracy > max([0.0, *(e.accuracy for e in epochs[:-1])]) or not best:
                best = {name: t.clone() for name, t in network.state_dict().items()}
            if on_epoch:
                on_epoch(epochs[-1])
    network.load_state_dict(best)
    network.eval()
    return epochs


def best_of(epochs: list[Epoch]) -> Epoch:
    """Return the first epoch of the highest validation accuracy."""
    return max(epochs, key=lambda epoch: epoch.accuracy)


def accuracy(network: PaperNetwork, examples: Examples) -> float:
    """Return the share of examples whose largest logit is that of their class."""
    network.eval()
    correct, total = 0, len(examples.labels)
    with torch.inference_mode():
        for first in range(0, total, EVALUATION_BATCH):
            numbers = np.arange(first, min(first + EVALUATION_BATCH, total))
            inputs = examples.inputs(numbers, np.zeros(len(numbers), dtype=bool))
            features = network.trunk(inputs) if examples.of_trunk else inputs
            predicted = network.head(features).argmax(dim=1).numpy()
            correct += int((predicted == examples.labels[numbers]).sum())
    return correct / total


def _epoch(
    network: PaperNetwork,
    train: Examples,
    recipe: Recipe,
    rng: np.random.Generator,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> float:
    """Return the mean loss of one pass through the training examples."""
    network.train()
    losses: list[float] = []
    for numbers in _batches(rng.permutation(len(train.labels)), recipe.batch):
        mirrored = rng.random(len(numbers)) < (0.5 if recipe.mirror else 0.0)
        inputs = _shifted(train.inputs(numbers, mirrored), recipe.shift, rng)
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
        schedule.step()
        losses.append(float(loss.detach()))
    if not np.isfinite(losses).all():
        raise NumericalError(f"rate={recipe.rate}: the loss is not finite; lower the rate")
    return float(np.mean(losses))


def _shifted(inputs: Tensor, most: int, rng: np.random.Generator) -> Tensor:
    """Shift a batch by up to `most` rows and columns; free cells repeat the edge."""
    if most == 0:
        return inputs
    top, left = (int(by) for by in rng.integers(0, 2 * most + 1, 2))
    height, width = inputs.shape[2:]
    padded = nn.functional.pad(inputs, (most,) * 4, mode="replicate")
    return padded[:, :, top : top + height, left : left + width]


def _batches(order: Int[Array, " n"], size: int) -> Iterator[Int[Array, " b"]]:
    """Yield batches of at most `size`; a single example left over joins the last batch."""
    count = max(1, len(order) // size if len(order) % size == 1 else math.ceil(len(order) / size))
    for number in range(count):
        last = len(order) if number == count - 1 else (number + 1) * size
        yield order[number * size : last]
