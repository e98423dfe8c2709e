"""Activations and gradients of one layer; the model is not changed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from annealcam._internal.text import short_repr
from annealcam._internal.validation import one_of, whole
from annealcam.attribution.contrast import Against, Targets, scores, too_few_targets
from annealcam.attribution.importance import importance_of
from annealcam.attribution.network.hooks import Hook, borrowed, find_layer, hooked, predict, watched
from annealcam.attribution.network.kinds import is_on_axis_1
from annealcam.attribution.network.layer_output import LayerOutput, Reshape
from annealcam.attribution.network.replay import (
    FoldedRows,
    LayerRuns,
    Recording,
    Rest,
    noted,
    recording,
)
from annealcam.errors import ArgumentError, LayerError, ModelError, NumericalError

DIRECTIONS = ("up", "down")
STEPS = 8  # gradients along the path of integrated gradients, at its midpoints
COMPLETE = 1e-3  # relative error up to which the contributions of one gradient count as complete


class UnreachedLayer(LayerError):
    """No gradient of the score reaches the layer."""


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
        link: what makes probabilities of the logits: `softmax`, `sigmoid` or `identity`.
        link_reason: why it is that link.
        output_taken: which part of the model's output holds the logits; None if that is all.
        two_sided: whether the logits are the two sides of one output.
        form: how the maps lie in the layer's output.
        run, runs: the run of the layer that was captured, from 0, and how many gave maps.
    """

    layer: str
    activations: Float[Tensor, "n maps *grid"]
    gradients: Float[Tensor, "n maps *grid"]
    logits: Float[Tensor, "n classes"]
    targets: Int[Tensor, " n"]
    score_weights: Float[Tensor, "n classes"]
    dtype: torch.dtype
    path_gradients: Float[Tensor, "n maps *grid"]
    steps: int = 1
    completeness: Float[Tensor, " n"] | None = None
    link: str = "softmax"
    link_reason: str = "given"
    output_taken: str | None = None
    two_sided: bool = False
    form: LayerOutput | None = None
    run: int = 0
    runs: int = 1

    def __repr__(self) -> str:
        return short_repr(
            "Capture", layer=self.layer, activations=tuple(self.activations.shape),
            classes=self.logits.shape[1], dtype=self.dtype, steps=self.steps,
        )  # fmt: skip

    @property
    def contribution_maps(self) -> Float[Tensor, "n maps *grid"]:
        """The contribution map of every feature map, g_a = path gradient times f_a, in logits."""
        return self.path_gradients * self.activations

    @property
    def chosen_run(self) -> dict[str, Any]:
        """What `behind` needs to find the same maps: the run and the user's `reshape_transform`."""
        return {
            "run": self.run if self.runs > 1 else None,
            "reshape_transform": None if self.form is None else self.form.reshape,
        }

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
    images: Float[Tensor, "n channels *size"],
    *,
    layer: str,
    targets: Targets = None,
    against: Against = None,
    direction: str = "up",
    integrated: bool = False,
    run: int | None = None,
    reshape_transform: Reshape | None = None,
) -> Capture:
    """Return the activations f of `layer` and the gradients ds/df for a batch of images.

    The model runs in evaluation mode and is then restored: mode, hooks, `.grad`, `requires_grad`,
    random state; also after an error. It works inside `torch.no_grad()` and
    `torch.inference_mode()`, with frozen parameters, in bfloat16, on any device, and on compiled
    models (which run uncompiled here).

    With `integrated`, the contributions of the maps add up to the layer's effect on the score: what
    lies behind the layer runs once more with all maps zero, and only if the gradient times f falls
    short of s(f) - s(0) by over 0.1 % for some image, 8 more times forward and backward, for
    layer-integrated gradients,

        path gradient = mean over t of ds/df at t f,   t = 1/16, 3/16, ..., 15/16

    Args:
        model: a network that returns logits (n, classes); see `ModelOutput` for what else it may
            return, and `adapt` for further inputs and other outputs.
        images: already normalised, with one to three spatial axes; moved to the model's device and
            dtype.
        layer: the name of a module, as in `model.named_modules()`. Its maps may be on the first or
            on the last axis, or be tokens; see `LayerOutput`.
        targets: a class for all images, or one for each; None takes the predicted classes. A
            function of the logits (classes,) of one image may take the place of a class.
        against: what the target is contrasted with, as in `annealcam.explain`; None: nothing.
        direction: `up` explains what raises the target's logit; `down` what lowers a number, for
            the link `identity` alone.
        integrated: whether contributions should add up, by integrated gradients where needed.
        run: which of several runs of the layer in a forward pass, from 0; None takes the last one
            that gives maps.
        reshape_transform: makes maps (n, maps, h, w) of an output that is none; it only rearranges.

    Raises:
        LayerError: no such layer or run, it gives no maps, or no gradient reaches it.
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
    if not isinstance(images, Tensor) or images.ndim < 2 or len(images) == 0:
        kind = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise ArgumentError(f"images: {kind}; a batch (n, channels, height, width), n >= 1")
    options: dict[str, Any] = {
        "layer": layer, "against": against, "direction": one_of("direction", direction, DIRECTIONS),
        "integrated": integrated, "run": None if run is None else whole("run", run),
        "reshape": reshape_transform,
    }  # fmt: skip

    def captured(batch: Tensor, of_batch: Targets) -> Capture:
        return watched(lambda watch: _capture(model, batch, of_batch, watch=watch, **options))

    try:
        return captured(images, targets)
    except FoldedRows:
        if len(images) == 1:
            raise
    n = len(images)
    return _joined([captured(images[i : i + 1], _of_image(targets, i, n)) for i in range(n)])


def _capture(
    model: nn.Module,
    images: Tensor,
    targets: Targets,
    *,
    layer: str,
    against: Against,
    direction: str,
    integrated: bool,
    run: int | None,
    reshape: Reshape | None,
    watch: bool,
) -> Capture:
    with borrowed(model):
        module = find_layer(model, layer)
        tape = Recording(module, copy=watch)
        runs = LayerRuns(images, layer, run=run, reshape=reshape, watch=watch)
        leaves: list[Tensor] = []
        with (
            # The class of a convolution or its norm shows by itself where its maps are.
            nullcontext() if is_on_axis_1(module) else noted(model, runs.outputs),
            hooked({module: _cut_into(leaves, runs, tape)}),
            recording(model, tape) if integrated else nullcontext(),
        ):
            output = predict(model, images, watch=watch)
        if integrated:
            tape.refuse_overwritten()
        form, logits = runs.needed_form(), output.logits
        chosen, weights = scores(output, targets, against)
        if direction == "down":
            weights = -weights
            _refuse_down(output.link)
        maps = leaves[-1].detach()
        gradients = _gradient(logits, weights, leaves[-1], layer)
        path = _Path(gradients)
        if integrated:
            rest = Rest(model, images, tape, output)
            path = _path(rest, maps, gradients, logits.detach(), weights)
    wide = torch.promote_types(maps.dtype, torch.float32)
    gradients = gradients.to(wide)
    result = Capture(
        layer=layer,
        activations=maps.to(wide),
        gradients=gradients,
        logits=logits.detach().to(wide),
        targets=chosen,
        score_weights=weights.to(wide),
        dtype=maps.dtype,
        path_gradients=gradients if path.steps == 1 else path.gradients.to(wide),
        steps=path.steps,
        completeness=path.completeness,
        link=output.link,
        link_reason=output.reason,
        output_taken=output.taken,
        two_sided=output.two_sided,
        form=form,
        run=runs.count - 1 if run is None else run,
        runs=runs.count,
    )
    _refuse_non_finite(result)
    return result


def _of_image(targets: Targets, i: int, images: int) -> Targets:
    """Return the target of one image of a batch."""
    if not isinstance(targets, Sequence):
        return targets
    if len(targets) != images:
        raise too_few_targets(len(targets), images)
    return [targets[i]]


def _joined(each: Sequence[Capture]) -> Capture:
    """Return the captures of single images as that of a batch."""
    values: dict[str, Any] = {}
    for name in (f.name for f in fields(Capture)):
        of_images = [getattr(c, name) for c in each]
        if all(isinstance(value, Tensor) for value in of_images):
            values[name] = torch.cat(of_images)
    return replace(each[0], **values, steps=max(c.steps for c in each))


def _refuse_down(link: str) -> None:
    if link != "identity":
        raise ArgumentError(
            f"direction='down': for numbers alone, but the link is {link!r}; explain another class "
            "instead, or give link='identity' if the outputs are no classes"
        )


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
        none = rest.logits(torch.zeros_like(maps)).detach()
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


def _cut_into(leaves: list[Tensor], runs: LayerRuns, tape: Recording) -> Hook:
    """Return a hook that starts the graph at the layer: nothing before it needs a gradient.

    It passes on a clone, which may be overwritten (in-place ReLU) while the stored output stays.
    """

    def hook(module: nn.Module, _inputs: Any, output: Any) -> Tensor | None:
        form = runs.chosen(module, output)
        if form is None:
            return None
        torch.set_grad_enabled(True)  # also where the model itself froze its trunk by no_grad
        output = output.detach()
        tape.take(output, form)
        leaf = form.to_maps(output).clone().requires_grad_()
        leaves.append(leaf)
        return form.put(leaf, output).clone()

    return hook


def _gradient(logits: Tensor, weights: Tensor, leaf: Tensor, layer: str) -> Tensor:
    score = (logits * weights).sum()
    grad = None
    if score.requires_grad:
        try:
            (grad,) = torch.autograd.grad(score, leaf, allow_unused=True)
        except RuntimeError as error:
            first = str(error).splitlines()[0]
            raise ModelError(
                f"model: the backward pass to layer {layer!r} fails: {first}"
            ) from error
    if grad is None:
        raise UnreachedLayer(
            f"layer={layer!r}: no gradient of the logits reaches it; choose another layer"
        )
    return grad.detach()


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
