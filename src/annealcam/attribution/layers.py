"""Which layers of a network can be explained, and which one to choose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import ReferenceType, ref

import torch
from jaxtyping import Float
from torch import Tensor, nn

from annealcam.attribution.activations import refuse_non_finite
from annealcam.attribution.contrast import Targets, scores
from annealcam.attribution.importance import importance_of
from annealcam.attribution.network.hooks import (
    Hook,
    borrowed,
    hooked,
    layer_names,
    predict,
    watched,
)
from annealcam.attribution.network.kinds import (
    FIRST,
    is_convolution,
    is_on_axis_1,
    is_pooling,
)
from annealcam.attribution.network.layer_output import LayerOutput, Outputs
from annealcam.attribution.network.model_output import ModelOutput
from annealcam.errors import LayerError


@dataclass(frozen=True)
class Layer:
    """What one layer makes of one image.

    `negative` is the share of the maps' entries below zero, `candidates` the share of maps that
    are alive and of positive importance for the class, `dead` the share that are zero all over.
    `size` is the grid of a map, `form` how the maps lie in the output (see `LayerOutput`), and
    `runs` how often the layer gives maps in a forward pass, of which the last one is described.
    """

    name: str
    kind: str
    channels: int
    size: tuple[int, ...]
    negative: float
    candidates: float
    dead: float
    form: str = FIRST
    runs: int = 1

    @property
    def signed(self) -> bool:
        """Whether the maps take negative values: |cosine| then mixes in anti-correlation."""
        return self.negative > 0


@dataclass(frozen=True)
class LayerChoice:
    """A layer, and which of its runs in a forward pass; None if there is one run.

    `ambiguous` means that the convolution before it runs several times as well, as in a network
    that sees several views, so that another run explains something else.
    """

    name: str
    run: int | None = None
    ambiguous: bool = False


@dataclass(eq=False)
class _Run:
    """A run in which a module gives maps. Names grow outwards where modules share an output."""

    name: str
    module: nn.Module
    form: LayerOutput
    number: int  # among the runs of the module of that name
    output: Tensor | None = None  # these two only where gradients are computed
    gradient: Tensor | None = None

    @property
    def gradient_maps(self) -> Tensor | None:
        return None if self.gradient is None else self.form.to_maps(self.gradient)

    @property
    def reached(self) -> bool:
        maps = self.gradient_maps
        return maps is not None and bool(maps.any())


def default_layer(model: nn.Module, image: Float[Tensor, "1 channels *size"]) -> str:
    """Return the name of the last convolutional output after its activation.

    That is the last module after the last convolution that keeps the convolution's map size, is
    not a pooling, and is not the class scores themselves. If the network goes on with tokens or
    maps on the last axis, as transformers do, it is the last block or norm. The gradient of the
    predicted class reaches the layer, and it has several maps. Where modules share an output (a
    block and its last ReLU), the outermost name is returned: `layer4`, not `layer4.1.relu`.

    Raises:
        LayerError: the network has no such layer.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
    ...                     nn.Linear(36, 2))
    >>> default_layer(net, torch.randn(1, 3, 8, 8))
    '1'
    """
    return choose_layer(model, image).name


def choose_layer(
    model: nn.Module, image: Float[Tensor, "1 channels *size"], *, reached: bool = True
) -> LayerChoice:
    """Return the default layer and its run; arguments and errors are those of `default_layer`.

    Without `reached`, the layer of a convolutional network is chosen by a forward pass alone, and
    a gradient need not reach it.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    >>> choose_layer(net, torch.randn(1, 3, 8, 8))
    LayerChoice(name='1', run=None, ambiguous=False)
    """
    with borrowed(model):
        runs, counts, output = watched(lambda watch: _runs(model, image, reached, watch))
        if reached:
            _add_gradients(runs, scores(output, None)[1], output)
            runs = [ran for ran in runs if ran.gradient is not None]
    grids = {ran.form.grid for ran in runs if is_on_axis_1(ran.module)}
    runs = [r for r in runs if r.form.maps > 1 and not is_pooling(r.module) and _is_whole(r, grids)]
    features = [r for r in runs if r.form.maps != output.logits.shape[1]] or runs
    features = [r for r in features if not reached or r.reached] or features
    if not features:
        raise LayerError(
            "layer=None: no layer of the network has several maps which the gradient of the "
            "prediction reaches; give a layer, and `reshape_transform` if its output is no maps"
        )
    convolutions = [r for r in features if is_convolution(r.module)]
    chosen = features[-1]
    if convolutions:
        after = features[features.index(convolutions[-1]) :]
        same = [r for r in after if r.form.grid == convolutions[-1].form.grid]
        later = after[after.index(same[-1]) + 1 :]
        if all(r.form.form == FIRST for r in later):
            chosen = same[-1]
    if not reached and chosen.form.form != FIRST:
        return choose_layer(model, image)
    count = counts[chosen.name]
    source = counts[convolutions[-1].name] if convolutions else count
    return LayerChoice(chosen.name, chosen.number if count > 1 else None, source > 1)


def _is_whole(ran: _Run, grids: Collection[tuple[int, ...]]) -> bool:
    """Whether maps are those of a block or a norm, and not from within an attention or an MLP.

    Weights of attention (heads, tokens, tokens) have no grid of a convolution, norm or pooling.
    """
    if ran.form.form == FIRST:
        return ran.form.grid in grids
    return hasattr(ran.module, "normalized_shape") or any(True for _ in ran.module.children())


def survey(
    model: nn.Module,
    image: Float[Tensor, "1 channels *size"],
    *,
    importance: str = "contribution",
    target: Targets = None,
) -> list[Layer]:
    """Describe every layer with maps, from one forward and one backward pass.

    Layers come in order of execution; modules that share an output are one layer, named by the
    outermost. Layers that no gradient reaches are left out.

    Raises:
        LayerError: no gradient reaches any layer with maps.
        TargetError: the target is not a class of the model.
        NumericalError: the logits hold NaN or infinity.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    >>> [(layer.name, layer.signed) for layer in survey(net, torch.randn(1, 3, 8, 8))]
    [('0', True), ('1', False)]
    """
    with borrowed(model):
        runs, counts, output = watched(lambda watch: _runs(model, image, True, watch))
        refuse_non_finite("logits", output.logits.detach())
        _add_gradients(runs, scores(output, target)[1], output)
    last = [r for r in runs if r.gradient is not None and r.number == counts[r.name] - 1]
    if not last:
        raise LayerError("layer: no gradient of the logits reaches any layer with maps")
    return [_describe(ran, counts[ran.name], importance) for ran in last]


def _describe(ran: _Run, count: int, importance: str) -> Layer:
    gradient = ran.gradient_maps
    assert gradient is not None
    assert ran.output is not None
    maps = ran.form.to_maps(ran.output.detach()).float()
    weight = importance_of(maps, gradient.float(), importance)[0]
    alive = maps[0].flatten(1).ne(0).any(dim=1)
    return Layer(
        name=ran.name,
        kind=type(ran.module).__name__,
        channels=maps.shape[1],
        size=ran.form.grid,
        negative=float((maps < 0).float().mean()),
        candidates=float(((weight > 0) & alive).float().mean()),
        dead=float((~alive).float().mean()),
        form=ran.form.form,
        runs=count,
    )


def _add_gradients(runs: Sequence[_Run], weights: Tensor, output: ModelOutput) -> None:
    """Store the gradient of the score in every run; None where it does not arrive."""
    score = (output.logits * weights).sum()
    if not runs or not score.requires_grad:
        return
    outputs = [ran.output for ran in runs if ran.output is not None]
    gradients = torch.autograd.grad(score, outputs, allow_unused=True)
    for ran, gradient in zip(runs, gradients, strict=True):
        ran.gradient = gradient


def _runs(
    model: nn.Module, image: Tensor, graph: bool, watch: bool
) -> tuple[list[_Run], Counter[str], ModelOutput]:
    """Run the model once; return all runs of modules that give maps, in order.

    Also returned are how often each module gave maps, by its name, and what the model gave.
    """
    runs: list[_Run] = []
    counts: Counter[str] = Counter()
    outputs = Outputs(image, watch=watch)
    # Of each tensor that a module handed on: the run, and its version. Weakly, since what is kept
    # costs as much time as the convolutions: the next output then needs new memory.
    handed_on: dict[int, tuple[_Run, ReferenceType[Tensor], int]] = {}

    def note(name: str) -> Hook:
        def hook(module: nn.Module, _inputs: Any, output: Any) -> Tensor | None:
            outputs.note(module, _inputs, output)
            try:
                form = outputs.read(module, output, name)
            except LayerError:
                return None
            counts[name] += 1
            inner, handed, version = handed_on.get(id(output), (None, None, 0))
            if inner and handed and output._version == version and handed() is output:
                if inner.name.startswith(name + "."):
                    inner.name, inner.number = name, counts[name] - 1
                return None
            ran = _Run(name, module, form, counts[name] - 1)
            runs.append(ran)
            given: Tensor = output
            if graph:  # also behind a trunk that the model itself froze by no_grad
                torch.set_grad_enabled(True)
                ran.output = given if given.requires_grad else given.detach().requires_grad_()
                given = ran.output.clone()  # may be overwritten in place; what is noted stays
            handed_on[id(given)] = (ran, ref(given), given._version)
            return given

        return hook

    modules = {module: note(name) for name, module in layer_names(model).items() if name}
    with hooked(modules), outputs.watching(), torch.set_grad_enabled(graph):
        output = predict(model, image.clone().requires_grad_(graph), watch=watch)
    return runs, counts, output
