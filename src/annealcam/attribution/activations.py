"""Activations and gradients of one layer; the model is not changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, fields, replace
from operator import index
from typing import Any, NamedTuple, TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from annealcam._internal.text import short_repr
from annealcam.attribution.contrast import Against, score_weights
from annealcam.attribution.importance import importance_of
from annealcam.attribution.network.hooks import Hook, borrowed, find_layer, hooked, run
from annealcam.attribution.network.replay import Recording, Rest, as_maps, never_ran, recording
from annealcam.errors import (
    ArgumentError,
    LayerError,
    ModelError,
    NumericalError,
    TargetError,
)

Reshape: TypeAlias = Callable[[Tensor], Tensor]
STEPS = 8  # gradients along the path of integrated gradients, at its midpoints
COMPLETE = 1e-3  # relative error up to which the contributions of one gradient count as complete


@dataclass(frozen=True, eq=False, repr=False)
class Capture:
    """Activations and gradients of one layer, from one forward and one backward pass.

    Attributes:
        layer: the name of the module.
        activations: f, float32 (float64 if the network is), on the network's device.
        gradients: `gradients[i]` is the gradient of the score of image i; no graph is attached.
            The score is `(score_weights[i] * logits[i]).sum()`: the logit of `targets[i]`, less
            what it is contrasted with.
        logits: of all classes.
        targets: the explained class of each image.
        score_weights: weight of each logit in the score of each image.
        dtype: of the network.
        path_gradients: gradients whose product with f adds up to the layer's effect on the score:
            the mean over the path from zero to f if the contributions are integrated, else
            `gradients`.
        steps: number of gradients that are averaged in `path_gradients`.
        completeness: sum of all contributions over the layer's effect on the score, which is the
            score less that with all maps zero; None unless the contributions are integrated.
    """

    layer: str
    activations: Float[Tensor, "n maps h w"]
    gradients: Float[Tensor, "n maps h w"]
    logits: Float[Tensor, "n classes"]
    targets: Int[Tensor, " n"]
    score_weights: Float[Tensor, "n classes"]
    dtype: torch.dtype
    path_gradients: Float[Tensor, "n maps h w"]
    steps: int = 1
    completeness: Float[Tensor, " n"] | None = None

    def __repr__(self) -> str:
        return short_repr(
            "Capture", layer=self.layer, activations=tuple(self.activations.shape),
            classes=self.logits.shape[1], dtype=self.dtype, steps=self.steps,
        )  # fmt: skip

    @property
    def contribution_maps(self) -> Float[Tensor, "n maps h w"]:
        """The contribution map of every feature map, g_a = path gradient times f_a, in logits."""
        return self.path_gradients * self.activations

    def plain(self) -> Capture:
        """Return the capture with contributions of the plain gradient, which need not add up."""
        return replace(self, path_gradients=self.gradients, steps=1, completeness=None)

    def of_image(self, i: int) -> Capture:
        """Return the capture of one image of the batch, with n = 1."""
        batched = (f.name for f in fields(self) if isinstance(getattr(self, f.name), Tensor))
        return replace(self, **{name: getattr(self, name)[i : i + 1] for name in batched})

    def importance(self, name: str) -> Float[Tensor, "n maps"]:
        """Return the importance of that name of every map, one of `IMPORTANCES`.

        Raises:
            ArgumentError: no importance has that name.
        """
        gradients = self.gradients if name == "gradcam" else self.path_gradients
        return importance_of(self.activations, gradients, name)


def capture(
    model: nn.Module,
    images: Float[Tensor, "n channels height width"],
    *,
    layer: str,
    targets: int | Sequence[int] | None = None,
    against: Against = None,
    integrated: bool = False,
    reshape: Reshape | None = None,
) -> Capture:
    """Return the activations f of `layer` and the gradients ds/df for a batch of images.

    The model runs in evaluation mode and is then restored: mode, hooks, `.grad`, `requires_grad`,
    random state; also after an error. It works inside `torch.no_grad()` and
    `torch.inference_mode()`, with frozen parameters, in bfloat16, on any device, and on compiled
    models (which run uncompiled here). A layer that runs several times counts at its last run.

    With `integrated`, the contributions of the maps add up to the layer's effect on the score: what
    lies behind the layer runs once more with all maps zero, and only if the gradient times f falls
    short of s(f) - s(0) by over 0.1 % for some image, 8 more times forward and backward, for
    layer-integrated gradients,

        path gradient = mean over t of ds/df at t f,   t = 1/16, 3/16, ..., 15/16

    Args:
        model: an image classifier that returns logits (n, classes), or an object with `.logits`.
        images: already normalised; moved to the model's device and dtype.
        layer: the name of a module, as in `model.named_modules()`.
        targets: a class for all images, or one for each; None takes the predicted classes.
        against: what the target is contrasted with, as in `annealcam.explain`; None: nothing.
        integrated: whether contributions should add up, by integrated gradients where needed.
        reshape: makes maps (n, maps, h, w) of an output that is none, a transformer's tokens; it
            only rearranges, and is applied to the output and to its gradient alike.

    Raises:
        LayerError: no such layer, it never ran, it has no spatial maps, or no gradient reaches it.
        TargetError: a target is not a class of the model, or is contrasted with itself.
        ModelError: the model fails on the images, or returns no logits (n, classes).
        NumericalError: maps, gradients or logits hold NaN or infinity.

    Source: Sundararajan et al. 2017 and Dhamdhere et al. 2018 (integrated gradients).

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
    >>> _ = net(torch.zeros(1, 3, 8, 8))  # a lazy layer learns its size
    >>> c = capture(net, torch.ones(2, 3, 8, 8), layer="1", integrated=True)
    >>> c.gradients.shape, c.steps, c.completeness
    (torch.Size([2, 4, 6, 6]), 1, tensor([1.0000, 1.0000]))
    """
    if images.ndim != 4 or len(images) == 0:
        raise ArgumentError(
            f"images: of shape {tuple(images.shape)}; a batch (n, 3, height, width), n >= 1"
        )
    with borrowed(model):
        taken: list[Tensor] = []
        module = find_layer(model, layer)
        tape = Recording(module)
        with (
            hooked({module: _cut_into(taken, layer, any_shape=reshape is not None)}),
            recording(model, tape) if integrated else nullcontext(),
        ):
            logits = run(model, images)
        chosen = targets_of(logits, targets)
        weights = score_weights(logits.detach(), chosen, against)
        gradients = _gradients(logits, weights, taken, layer)
        output = taken[-1].detach()
        path = _Path(gradients)
        if integrated:
            path = _path(Rest(model, images, tape), output, gradients, logits.detach(), weights)
    arrays = [output, gradients, path.gradients]
    if reshape is not None:
        arrays = [as_maps(reshape(values).detach(), layer) for values in arrays]
    wide = torch.promote_types(output.dtype, torch.float32)
    activations, gradients, path_gradients = (values.to(wide) for values in arrays)
    result = Capture(
        layer=layer,
        activations=activations,
        gradients=gradients,
        logits=logits.detach().to(wide),
        targets=chosen,
        score_weights=weights.to(wide),
        dtype=output.dtype,
        path_gradients=gradients if path.steps == 1 else path_gradients,
        steps=path.steps,
        completeness=path.completeness,
    )
    _refuse_non_finite(result)
    return result


class _Path(NamedTuple):
    """Mean gradients along a path, their number, and how complete the contributions are."""

    gradients: Tensor
    steps: int = 1
    completeness: Tensor | None = None


def _path(rest: Rest, maps: Tensor, gradients: Tensor, logits: Tensor, weights: Tensor) -> _Path:
    """Return the gradient itself where its contributions are complete, else integrated gradients.

    They are complete behind a linear head, and where the rest of the network is homogeneous, as
    ReLUs and pooling without a bias are: its gradient does not change along the path. In half
    precision the effect is known only as well as the two scores are rounded.
    """
    with torch.no_grad():
        none = rest.logits(torch.zeros_like(maps))
    effect = ((logits - none) * weights).double().sum(dim=1)
    contributions = (gradients * maps).flatten(1).double()
    rounding = torch.finfo(logits.dtype).eps * ((logits.abs() + none.abs()) * weights.abs()).sum(1)
    tolerance = COMPLETE * effect.abs() + 1e-5 * contributions.abs().sum(dim=1) + rounding.double()
    if ((contributions.sum(dim=1) - effect).abs() <= tolerance).all():
        return _Path(gradients, 1, _ratio(contributions.sum(dim=1), effect))
    total = torch.zeros_like(gradients, dtype=torch.promote_types(gradients.dtype, torch.float32))
    for step in range(STEPS):
        leaf = ((step + 0.5) / STEPS * maps).requires_grad_()
        (gradient,) = torch.autograd.grad((rest.logits(leaf) * weights).sum(), leaf)
        total += gradient / STEPS
    contributions = (total * maps).flatten(1).double()
    return _Path(total, STEPS, _ratio(contributions.sum(dim=1), effect))


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    """Return part / whole; 1 where both are zero, and infinite where only the whole is."""
    return (part / whole).where((part != 0) | (whole != 0), 1.0).float()


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


def _gradients(logits: Tensor, weights: Tensor, taken: list[Tensor], layer: str) -> Tensor:
    if not taken:
        raise never_ran(layer)
    score = (logits * weights).sum()
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
    if c.path_gradients is not c.gradients:
        refuse_non_finite(f"integrated gradients of layer {c.layer!r}", c.path_gradients)


def refuse_non_finite(name: str, values: Float[Tensor, "n ..."]) -> None:
    """Raise NumericalError if any value is NaN or infinite, with the number of the image."""
    broken = ~values.isfinite()
    if broken.any():
        first = int(broken.flatten(1).any(dim=1).nonzero()[0])
        raise NumericalError(
            f"{name}: NaN or infinity for image {first}; "
            "check the input's normalisation, or run the model in float32"
        )
