"""Activations and gradients of one layer; the model is not changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import index
from typing import Any, TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from annealcam._internal.text import short_repr
from annealcam.attribution.hooks import Hook, borrowed, find_layer, hooked, run
from annealcam.errors import (
    ArgumentError,
    LayerError,
    ModelError,
    NumericalError,
    TargetError,
)

Reshape: TypeAlias = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False, repr=False)
class Capture:
    """Activations and gradients of one layer, from one forward and one backward pass.

    Attributes:
        layer: the name of the module.
        activations: f, float32 (float64 if the network is), on the network's device.
        gradients: `gradients[i]` is the gradient of `logits[i, targets[i]]`; no graph is attached.
        logits: of all classes.
        targets: the explained class of each image.
        dtype: of the network.
    """

    layer: str
    activations: Float[Tensor, "n maps h w"]
    gradients: Float[Tensor, "n maps h w"]
    logits: Float[Tensor, "n classes"]
    targets: Int[Tensor, " n"]
    dtype: torch.dtype

    def __repr__(self) -> str:
        return short_repr(
            "Capture", layer=self.layer, activations=tuple(self.activations.shape),
            classes=self.logits.shape[1], dtype=self.dtype,
        )  # fmt: skip


def capture(
    model: nn.Module,
    images: Float[Tensor, "n channels height width"],
    *,
    layer: str,
    targets: int | Sequence[int] | None = None,
    reshape: Reshape | None = None,
) -> Capture:
    """Return the activations f of `layer` and the gradients dz_c/df for a batch of images.

    The model runs in evaluation mode and is then restored: mode, hooks, `.grad`, `requires_grad`,
    random state; also after an error. It works inside `torch.no_grad()` and
    `torch.inference_mode()`, with frozen parameters, in bfloat16, on any device, and on compiled
    models (which run uncompiled here). A layer that runs several times counts at its last run.

    Args:
        model: an image classifier that returns logits (n, classes), or an object with `.logits`.
        images: already normalised; moved to the model's device and dtype.
        layer: the name of a module, as in `model.named_modules()`.
        targets: a class for all images, or one for each; None takes the predicted classes.
        reshape: makes maps (n, maps, h, w) of an output that is none, a transformer's tokens; it
            only rearranges, and is applied to the output and to its gradient alike.

    Raises:
        LayerError: no such layer, it never ran, it has no spatial maps, or no gradient reaches it.
        TargetError: a target is not a class of the model.
        ModelError: the model fails on the images, or returns no logits (n, classes).
        NumericalError: maps, gradients or logits hold NaN or infinity.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
    >>> _ = net(torch.zeros(1, 3, 8, 8))  # a lazy layer learns its size
    >>> capture(net, torch.ones(2, 3, 8, 8), layer="1").gradients.shape
    torch.Size([2, 4, 6, 6])
    """
    if images.ndim != 4 or len(images) == 0:
        raise ArgumentError(
            f"images: of shape {tuple(images.shape)}; a batch (n, 3, height, width), n >= 1"
        )
    with borrowed(model):
        taken: list[Tensor] = []
        module = find_layer(model, layer)
        with hooked({module: _cut_into(taken, layer, any_shape=reshape is not None)}):
            logits = run(model, images)
        chosen = targets_of(logits, targets)
        gradients = _gradients(logits, chosen, taken, layer)
        activations = taken[-1].detach()
    if reshape is not None:
        activations, gradients = (
            as_maps(reshape(values).detach(), layer) for values in (activations, gradients)
        )
    wide = torch.promote_types(activations.dtype, torch.float32)
    result = Capture(
        layer=layer,
        activations=activations.to(wide),
        gradients=gradients.to(wide),
        logits=logits.detach().to(wide),
        targets=chosen,
        dtype=activations.dtype,
    )
    _refuse_non_finite(result)
    return result


def as_maps(output: Any, layer: str) -> Tensor:
    """Return a layer's output, if it is maps (n, maps, h, w) larger than 1 x 1.

    Raises:
        LayerError: it is something else.
    """
    if not isinstance(output, Tensor) or output.ndim != 4:
        kind = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise LayerError(
            f"layer={layer!r}: gives {kind}, not maps (n, maps, h, w); "
            "choose a convolutional layer (`annealcam layers` lists them)"
        )
    if output.shape[2:].numel() < 2:
        raise LayerError(
            f"layer={layer!r}: its maps are single numbers (1 x 1), without places; "
            "choose a layer before the pooling (`annealcam layers` lists them)"
        )
    return output


def never_ran(layer: str) -> LayerError:
    """Return the error of a layer that takes no part in the forward pass."""
    return LayerError(f"layer={layer!r}: never ran in the forward pass; choose another layer")


def _cut_into(taken: list[Tensor], layer: str, *, any_shape: bool) -> Hook:
    """Return a hook that starts the graph at the layer: nothing before it needs a gradient.

    It passes on a clone, which may be overwritten (in-place ReLU) while the stored output stays.
    """

    def hook(_module: nn.Module, _inputs: Any, output: Any) -> Tensor:
        if not (any_shape and isinstance(output, Tensor)):
            as_maps(output, layer)
        torch.set_grad_enabled(True)  # also where the model itself froze its trunk by no_grad
        leaf = output.detach().clone().requires_grad_()
        taken.append(leaf)
        return leaf.clone()

    return hook


def _gradients(logits: Tensor, targets: Tensor, taken: list[Tensor], layer: str) -> Tensor:
    if not taken:
        raise never_ran(layer)
    score = logits.gather(1, targets[:, None]).sum()
    grad = None
    if score.requires_grad:
        try:
            (grad,) = torch.autograd.grad(score, taken[-1], allow_unused=True)
        except RuntimeError as error:
            first = str(error).splitlines()[0]
            raise ModelError(
                f"model: the backward pass to layer {layer!r} fails: {first}"
            ) from error
    if grad is None:
        raise LayerError(
            f"layer={layer!r}: no gradient of the logits reaches it; choose another layer"
        )
    return grad.detach()


def targets_of(
    logits: Float[Tensor, "n classes"], targets: int | Sequence[int] | None
) -> Int[Tensor, " n"]:
    """Return the class to explain for each image: its target, or the predicted class.

    Raises:
        TargetError: a target is not a class of the model, or there are too few or too many.
    """
    n, classes = logits.shape
    if targets is None:
        return logits.detach().argmax(dim=1)
    each = [index(t) for t in targets] if isinstance(targets, Sequence) else [index(targets)] * n
    if len(each) != n:
        raise TargetError(f"target: {len(each)} classes for {n} images; give one, or one for each")
    for target in each:
        if not 0 <= target < classes:
            raise TargetError(f"target={target}: the model has classes 0 to {classes - 1}")
    return torch.tensor(each, device=logits.device)


def _refuse_non_finite(c: Capture) -> None:
    refuse_non_finite("logits", c.logits)
    refuse_non_finite(f"maps of layer {c.layer!r}", c.activations)
    refuse_non_finite(f"gradients of layer {c.layer!r}", c.gradients)


def refuse_non_finite(name: str, values: Float[Tensor, "n ..."]) -> None:
    """Raise NumericalError if any value is NaN or infinite, with the number of the image."""
    broken = ~values.isfinite()
    if broken.any():
        first = int(broken.flatten(1).any(dim=1).nonzero()[0])
        raise NumericalError(
            f"{name}: NaN or infinity for image {first}; "
            "check the input's normalisation, or run the model in float32"
        )
