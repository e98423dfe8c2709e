"""Further runs of a network after a capture: on other images, and with other maps in the layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

from annealcam._internal.text import short_repr
from annealcam.attribution.activations import Capture
from annealcam.attribution.network.hooks import borrowed, hooked, run
from annealcam.attribution.network.replay import behind

MEMORY = 1e9  # bytes that one run may take, about
HELD = 4  # outputs of its largest module that a network holds at a time
AT_ONCE = 4  # images in a forward pass on a CPU, where larger batches are slower

Scores: TypeAlias = Callable[[Float[Tensor, "m maps *grid"]], Float[Tensor, " m"]]


@dataclass(frozen=True, eq=False, repr=False)
class NetworkRun:
    """A network, and the images from which a layer was captured.

    Attributes:
        model: the network; it is not changed.
        images: the batch that was captured.
        captured: what the layer made of it.

    >>> from annealcam.attribution.activations import capture
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(288, 2))
    >>> images = torch.randn(2, 3, 8, 8)
    >>> again = NetworkRun(net, images, capture(net, images, layer="0"))
    >>> again.scores_of(torch.zeros(5, 3, 8, 8), image=1).shape
    torch.Size([5])
    >>> with again.behind_layer(1) as scores_with:
    ...     scores_with(torch.zeros(5, 8, 6, 6)).shape
    torch.Size([5])
    """

    model: nn.Module
    images: Float[Tensor, "n channels *size"]
    captured: Capture

    def __repr__(self) -> str:
        return short_repr("NetworkRun", images=tuple(self.images.shape), captured=self.captured)

    @property
    def scores(self) -> Float[Tensor, " n"]:
        """The explained score of each image: by default the logit of its target."""
        return (self.captured.score_weights * self.captured.logits).sum(dim=1)

    @cached_property
    def in_memory(self) -> int:
        """Number of images that pass through the network together in less than about 1 GB.

        The largest output of a module is found by one run on one image.
        """
        largest = 1

        def measure(_module: nn.Module, _inputs: Any, output: Any) -> None:
            nonlocal largest
            if isinstance(output, Tensor):
                largest = max(largest, output.numel() * output.element_size())

        hooks = hooked(dict.fromkeys(self.model.modules(), measure))
        with borrowed(self.model), torch.no_grad(), hooks:
            run(self.model, self.images[:1])
        return max(1, int(MEMORY / (HELD * largest)))

    @property
    def at_once(self) -> int:
        """Number of images that `scores_of` should get together."""
        return min(self.in_memory, AT_ONCE) if self.captured.logits.is_cpu else self.in_memory

    def scores_of(
        self, images: Float[Tensor, "m channels *size"], *, image: int
    ) -> Float[Tensor, " m"]:
        """Return the scores that other images have for the target of one image."""
        if images.ndim == 4:
            images = images.contiguous(memory_format=torch.channels_last)  # faster on a CPU
        with borrowed(self.model), torch.no_grad():
            return self._scored(run(self.model, images), image)

    @contextmanager
    def behind_layer(self, image: int) -> Iterator[Scores]:
        """Yield a function from maps of the layer to the scores that one image would have.

        Only what lies behind the layer runs.
        """
        captured = self.captured
        images = self.images[image : image + 1]
        tail = behind(self.model, images, captured.layer, **captured.chosen_run)
        with tail as (own, rest):
            yield lambda maps: self._scored(rest.logits(maps.to(own)), image)

    def gradients(self, weights: Float[Tensor, "n classes"]) -> Float[Tensor, "n maps *grid"]:
        """Return the gradient of sum_j weights_j z_j of each image with respect to its maps."""
        form = self.captured.form
        size = len(weights) if form is None or form.rows == 1 else 1
        each = []
        for images, of_image in zip(
            torch.split(self.images, size), torch.split(weights, size), strict=True
        ):
            tail = behind(self.model, images, self.captured.layer, **self.captured.chosen_run)
            with tail as (maps, rest), torch.enable_grad():
                leaf = maps.requires_grad_()
                (gradient,) = torch.autograd.grad((rest.logits(leaf) * of_image).sum(), leaf)
            each.append(gradient.to(self.captured.gradients))
        return torch.cat(each)

    def _scored(self, logits: Tensor, image: int) -> Float[Tensor, " m"]:
        captured = self.captured
        return (logits.to(captured.logits) * captured.score_weights[image]).sum(dim=1)
