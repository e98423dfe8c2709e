"""Which layers of a network can be explained, and which one to choose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from annealcam.attribution.activations import refuse_non_finite, targets_of
from annealcam.attribution.importance import importance_of
from annealcam.attribution.network.hooks import Hook, borrowed, hooked, layer_names, run
from annealcam.errors import LayerError


@dataclass(frozen=True)
class Layer:
    """What one layer makes of one image.

    `negative` is the share of the maps' entries below zero, `candidates` the share of maps that
    are alive and of positive importance for the class, `dead` the share that are zero all over.
    """

    name: str
    kind: str
    channels: int
    size: tuple[int, int]
    negative: float
    candidates: float
    dead: float

    @property
    def signed(self) -> bool:
        """Whether the maps take negative values: |cosine| then mixes in anti-correlation."""
        return self.negative > 0


@dataclass(eq=False)
class _Run:
    """One run of a module in a forward pass. Names grow outwards where modules share an output."""

    name: str
    module: nn.Module
    output: Tensor


def default_layer(model: nn.Module, image: Float[Tensor, "1 channels height width"]) -> str:
    """Return the name of the last convolutional output after its activation.

    That is the last module after the last convolution that keeps the convolution's map size, is
    not a pooling, and is not the class scores themselves. Where modules share an output (a block
    and its last ReLU), the outermost name is returned: `layer4`, not `layer4.1.relu`.

    Raises:
        LayerError: the network has no convolution with maps larger than 1 x 1.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
    ...                     nn.Linear(36, 2))
    >>> default_layer(net, torch.zeros(1, 3, 8, 8))
    '1'
    """
    runs, logits = _runs(model, image)
    spatial = [r for r in runs if r.output.shape[2:].numel() > 1 and not _is_pooling(r.module)]
    features = [r for r in spatial if r.output.shape[1] != logits.shape[1]] or spatial
    convolutions = [r for r in features if _is_convolution(r.module)]
    if not convolutions:
        raise LayerError("layer=None: the network has no convolution with maps; give a layer")
    last = convolutions[-1]
    after = features[features.index(last) :]
    return [r for r in after if r.output.shape[2:] == last.output.shape[2:]][-1].name


def survey(
    model: nn.Module,
    image: Float[Tensor, "1 channels height width"],
    *,
    importance: str = "contribution",
    target: int | None = None,
) -> list[Layer]:
    """Describe every layer with spatial maps, from one forward and one backward pass.

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
        runs, logits = _runs(model, image, graph=True)
        refuse_non_finite("logits", logits.detach())
        score = logits[0, targets_of(logits, target)[0]]
        outputs = [r.output for r in runs if r.output.requires_grad]
        if not score.requires_grad or not outputs:
            raise LayerError("layer: no gradient of the logits reaches any layer with maps")
        gradients = torch.autograd.grad(score, outputs, allow_unused=True)
    gradient_of = dict(zip(map(id, outputs), gradients, strict=True))
    return [
        _describe(ran, gradient_of[id(ran.output)], importance)
        for ran in runs
        if gradient_of.get(id(ran.output)) is not None and ran.output.shape[2:].numel() > 1
    ]


def _describe(ran: _Run, gradient: Tensor, importance: str) -> Layer:
    maps = ran.output.detach().float()
    weight = importance_of(maps, gradient.float(), importance)[0]
    alive = maps[0].flatten(1).ne(0).any(dim=1)
    return Layer(
        name=ran.name,
        kind=type(ran.module).__name__,
        channels=maps.shape[1],
        size=(maps.shape[2], maps.shape[3]),
        negative=float((maps < 0).float().mean()),
        candidates=float(((weight > 0) & alive).float().mean()),
        dead=float((~alive).float().mean()),
    )


def _runs(model: nn.Module, image: Tensor, *, graph: bool = False) -> tuple[list[_Run], Tensor]:
    """Run the model once and note every module that gives (1, maps, h, w), in order."""
    runs: list[_Run] = []
    handed_on: dict[int, tuple[_Run, Tensor, int]] = {}  # identity -> run, clone, its version

    def note(name: str) -> Hook:
        def hook(module: nn.Module, _inputs: Any, output: Any) -> Tensor | None:
            if not isinstance(output, Tensor) or output.ndim != 4:
                return None
            inner, clone, version = handed_on.get(id(output), (None, output, 0))
            if inner and clone._version == version:  # it hands on what another module gave
                if inner.name.startswith(name + "."):
                    inner.name = name
                return None
            if graph:  # also behind a trunk that the model itself froze by no_grad
                torch.set_grad_enabled(True)
                output = output if output.requires_grad else output.detach().requires_grad_()
            clone = output.clone()  # may be overwritten in place; what is noted stays
            runs.append(_Run(name, module, output))
            handed_on[id(clone)] = (runs[-1], clone, clone._version)
            return clone

        return hook

    modules = {module: note(name) for name, module in layer_names(model).items() if name}
    with borrowed(model), hooked(modules), torch.set_grad_enabled(graph):
        logits = run(model, image.clone().requires_grad_(graph))
    last = {ran.module: ran for ran in runs}  # a layer that runs several times: its last run
    return [ran for ran in runs if last[ran.module] is ran], logits


def _is_convolution(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d) or _exported_as(module, "conv")


def _is_pooling(module: nn.Module) -> bool:
    return "pool" in type(module).__name__.lower() or _exported_as(module, "pool")


def _exported_as(module: nn.Module, operation: str) -> bool:
    """Whether a module of an exported program is that single operation (it lost its class)."""
    graph = getattr(module, "graph", None)
    calls = [n for n in graph.nodes if n.op == "call_function"] if graph is not None else []
    return len(calls) == 1 and operation in str(calls[0].target)
