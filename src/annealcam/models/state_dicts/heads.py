"""Read a changed head, or a changed number of input channels, off the tensors of a network.

Who trains a network on other classes replaces its last layer, often by a short `nn.Sequential`.
The tensors show the place and the shape of each layer that has any; layers without tensors follow
from the gaps between the places, as far as there is one reading.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from annealcam.errors import ModelError

AUXILIARY = re.compile(r"(AuxLogits|aux1|aux2)\.")  # heads of Inception and GoogLeNet for training
_HEAD = re.compile(r"fc\d*|classifier|heads?|head_dist|last_linear|logits|output")
_OWN = "give MODULE:FUNCTION, a function of yours that makes the network"
ASSUMED = (
    "layers without tensors: ReLU right after each hidden linear layer of the head, Dropout in all "
    "other places; a softmax or sigmoid at the end leaves no tensors (link= declares it)"
)


class HeadError(ModelError):
    """A head cannot be rebuilt from its tensors, or only by guessing."""


@dataclass(frozen=True)
class Change:
    """A module of an architecture that a network has in another form; None removes it."""

    path: str
    make: Callable[[nn.Module], nn.Module] | None  # from the module of the architecture
    description: str
    assumed: bool = False

    def apply(self, network: nn.Module) -> None:
        """Replace the module in a network, in place."""
        parent, _, name = self.path.rpartition(".")
        original = network.get_submodule(self.path)
        changed = None if self.make is None else self.make(original)
        setattr(network.get_submodule(parent), name, changed)


def changes_for(network: nn.Module, tensors: dict[str, Tensor]) -> list[Change]:
    """Return what to change in an architecture to have the first and last layers of `tensors`.

    Raises:
        HeadError: a head cannot be rebuilt, or has several readings.

    >>> net = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 1000))
    >>> tensors = {"0.weight": torch.ones(3, 4), "0.bias": torch.ones(3)}
    >>> tensors |= {"1.1.weight": torch.ones(2, 3), "1.1.bias": torch.ones(2)}
    >>> [(change.path, change.description) for change in changes_for(net, tensors)]
    [('1', 'Sequential(Identity, Linear(3, 2))')]
    """
    changes = []
    if auxiliary := _missing_auxiliary_heads(network, tensors):
        changes += auxiliary
    if first := _first_convolution(network, tensors):
        changes.append(first)
    known = tuple(f"{change.path}." for change in changes)
    odd = [name for name in odd_names(network, tensors) if not name.startswith(known or ("\0",))]
    by_child: dict[str, list[str]] = {}
    for name in odd:
        by_child.setdefault(name.partition(".")[0], []).append(name)
    for child, names in by_child.items():
        if not _may_be_head(network, child):
            return changes  # another architecture: the caller names what does not fit
        changes.append(_head(network, names, tensors))
    return changes


def odd_names(network: nn.Module, tensors: dict[str, Tensor]) -> list[str]:
    """Return the names that are missing, unexpected, or of another shape, in that order."""
    expected = required(network)
    missing = [name for name in expected if name not in tensors]
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    unexpected = [name for name in tensors if name not in expected]
    reshaped = [n for n, t in expected.items() if n in tensors and not _same(t, tensors[n])]
    return missing + unexpected + reshaped


def required(network: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of a network by name, without extra state of other types."""
    return {n: t for n, t in network.state_dict().items() if isinstance(t, Tensor)}


def _same(expected: Tensor, given: Tensor) -> bool:
    return nn.parameter.is_lazy(expected) or expected.shape == given.shape


def _missing_auxiliary_heads(network: nn.Module, tensors: dict[str, Tensor]) -> list[Change]:
    found = {name.partition(".")[0] for name in required(network) if AUXILIARY.match(name)}
    given = {name.partition(".")[0] for name in tensors}
    return [
        Change(name, None, "removed: it serves training only") for name in sorted(found - given)
    ]


def _first_convolution(network: nn.Module, tensors: dict[str, Tensor]) -> Change | None:
    """Return a first convolution with the input channels of its tensor, if they differ."""
    kinds = nn.Conv1d | nn.Conv2d | nn.Conv3d
    convolutions = ((n, m) for n, m in network.named_modules() if isinstance(m, kinds))
    path, first = next(convolutions, ("", None))
    weight, bias = tensors.get(f"{path}.weight"), tensors.get(f"{path}.bias")
    if first is None or weight is None or nn.parameter.is_lazy(first.weight) or first.groups != 1:
        return None
    rows, _, *kernel = first.weight.shape
    same_bias = (bias is None) == (first.bias is None)
    if [weight.shape[0], *weight.shape[2:]] != [rows, *kernel] or (
        weight.shape[1] == first.in_channels and same_bias
    ):
        return None
    channels = weight.shape[1]
    return Change(path, _convolution_like(weight, bias), f"input channels: {channels}")


def _convolution_like(weight: Tensor, bias: Tensor | None) -> Callable[[nn.Module], nn.Module]:
    """Return a function that gives a convolution the shapes of a weight and a bias."""

    def make(original: Any) -> nn.Module:
        original.out_channels, original.in_channels = weight.shape[:2]
        original.weight = nn.Parameter(torch.empty(tuple(weight.shape)))
        original.bias = None if bias is None else nn.Parameter(torch.empty(tuple(bias.shape)))
        return original

    return make


def _may_be_head(network: nn.Module, child: str) -> bool:
    """Whether a direct part of a network is where its classes come from."""
    parts = [name for name, part in network.named_children() if [*part.parameters()]]
    return bool(
        (parts and child == parts[-1]) or _HEAD.fullmatch(child) or AUXILIARY.match(f"{child}.")
    )


def _head(network: nn.Module, odd: list[str], tensors: dict[str, Tensor]) -> Change:
    """Return the head whose tensors differ from those of the architecture."""
    modules = dict(network.named_modules())
    path = os.path.commonpath([name.replace(".", "/") for name in odd]).replace("/", ".")
    path = path.rpartition(".")[0] if path in odd else path
    while path not in modules:
        path = path.rpartition(".")[0]
    while path and not isinstance(modules[path], nn.Linear | nn.Sequential | nn.Conv2d):
        path = path.rpartition(".")[0]
    given = _below(path, tensors)
    parent = path.rpartition(".")[0]
    if not given and parent and isinstance(modules[parent], nn.Sequential):
        path, given = parent, _below(parent, tensors)  # fewer layers than in the architecture
    if not path:
        raise HeadError(f"{odd[0]} belongs to a head of a form that is not known; {_OWN}")
    if not given:
        raise HeadError(f"{odd[0]} is missing: the file holds no head, so no classes; {_OWN}")
    original = modules[path]
    if isinstance(original, nn.Conv2d):
        return _convolution(path, original, given)
    return _linear_layers(path, original, given)


def _below(path: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a module, by their names within it."""
    before = f"{path}."
    return {n.removeprefix(before): t for n, t in tensors.items() if n.startswith(before)}


def _convolution(path: str, original: nn.Conv2d, given: dict[str, Tensor]) -> Change:
    """Return a 1 x 1 convolution to other classes, as SqueezeNet ends in one."""
    weight = given.get("weight", torch.empty(0))
    if not given.keys() <= {"weight", "bias"} or weight.shape[1:] != original.weight.shape[1:]:
        raise HeadError(f"{path} has tensors of another form than a convolution; {_OWN}")
    shape = f"Conv2d({weight.shape[1]}, {weight.shape[0]})"
    return Change(path, _convolution_like(weight, given.get("bias")), shape)


def _linear_layers(path: str, original: nn.Module, given: dict[str, Tensor]) -> Change:
    """Return a linear layer, or a Sequential of several, from the tensors of a head."""
    if given.keys() <= {"weight", "bias"}:
        layer = _layer(path, given, _features(original))
        return Change(path, lambda _: layer.make(), layer.text)
    places = _by_place(path, given)
    kept = _kept(original, places)
    head = list(original.children())[:kept]
    layers = _sequence(path, places, head, original)
    texts = [type(module).__name__ for module in head] + [layer.text for layer in layers]

    def make(original: nn.Module) -> nn.Module:
        return nn.Sequential(*list(original.children())[:kept], *(layer.make() for layer in layers))

    assumed = any(layer.text == "ReLU" for layer in layers)
    return Change(path, make, f"Sequential({', '.join(texts)})", assumed)


@dataclass(frozen=True)
class _Layer:
    """A layer of a head: how it is made, as text, and the features that it takes and gives."""

    make: Callable[[], nn.Module]
    text: str
    takes: int | None = None
    gives: int | None = None


_RELU = _Layer(nn.ReLU, "ReLU")
_GAP = _Layer(nn.Identity, "Identity")  # a layer without tensors
_FLATTEN = _Layer(nn.Flatten, "Flatten")


def _layer(path: str, tensors: dict[str, Tensor], width: int | None) -> _Layer:
    """Return the layer whose tensors these are; `width` is the number of features that it takes."""
    layer = _layer_of(path, tensors)
    if layer.takes != (width or layer.takes) and layer.takes is not None:
        raise HeadError(
            f"{path} takes {layer.takes} features, but {width} arrive in this architecture; {_OWN}"
        )
    return layer


def _layer_of(path: str, tensors: dict[str, Tensor]) -> _Layer:
    weight, bias = tensors.get("weight"), tensors.get("bias")
    names = tensors.keys()
    if weight is not None and weight.ndim == 2 and names <= {"weight", "bias"}:
        rows, columns = weight.shape
        has_bias = bias is not None
        return _Layer(
            lambda: nn.Linear(columns, rows, bias=has_bias),
            f"Linear({columns}, {rows})", columns, rows,
        )  # fmt: skip
    mean = tensors.get("running_mean")
    if mean is not None and mean.ndim == 1:
        count, affine = len(mean), weight is not None
        return _Layer(
            lambda: nn.BatchNorm1d(count, affine=affine), f"BatchNorm1d({count})", count, count
        )
    if weight is not None and weight.ndim == 1 and names == {"weight", "bias"}:
        count = len(weight)
        return _Layer(lambda: nn.LayerNorm(count), f"LayerNorm({count})", count, count)
    if weight is not None and weight.ndim == 1 and names == {"weight"}:
        slopes = len(weight)
        return _Layer(lambda: nn.PReLU(slopes), "PReLU")
    raise HeadError(f"{path} has tensors of no layer that a head usually has; {_OWN}")


def _by_place(path: str, given: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    """Return the tensors of a Sequential by the place of their layer."""
    places: dict[int, dict[str, Tensor]] = {}
    for name, tensor in given.items():
        place = re.fullmatch(r"(\d{1,3})\.([a-z_]+)", name)
        if place is None:
            raise HeadError(
                f"{path}.{name}: the head is no plain Sequential, so the order of its layers "
                f"is not known; {_OWN}"
            )
        places.setdefault(int(place[1]), {})[place[2]] = tensor
    return dict(sorted(places.items()))


def _kept(original: nn.Module, places: dict[int, dict[str, Tensor]]) -> int:
    """Return how many leading layers of the architecture's own head the tensors fit."""
    count = 0
    layers = original.children() if isinstance(original, nn.Sequential) else ()
    for place, module in enumerate(layers):
        if place >= max(places) or odd_names(module, places.get(place, {})):
            return count
        count += 1
    return count


def _sequence(
    path: str, places: dict[int, dict[str, Tensor]], kept: list[nn.Module], original: nn.Module
) -> list[_Layer]:
    """Return the layers of a Sequential behind those that are kept."""
    before = [module for module in kept if isinstance(module, nn.Linear)]
    width = before[-1].out_features if before else _features(original)
    flatten = not kept and any(isinstance(m, nn.Flatten) for m in original.modules())
    layers = []
    for place in range(len(kept), max(places) + 1):
        layer = _layer(f"{path}.{place}", places[place], width) if place in places else _GAP
        width = layer.gives or width
        layers.append(layer)
    linear = [at for at, layer in enumerate(layers) if layer.text.startswith("Linear")]
    if not linear or _GAP in layers[linear[-1] :]:
        raise HeadError(f"{path} does not end in a linear layer; {_OWN}")
    if before and all(isinstance(m, nn.Dropout) for m in kept[kept.index(before[-1]) + 1 :]):
        linear.insert(0, -1)
    for left, right in pairwise(linear):
        _place_activation(path, layers, range(left + 1, right))
    return [_FLATTEN if layer is _GAP and flatten else layer for layer in layers]


def _place_activation(path: str, layers: list[_Layer], between: range) -> None:
    """Make the first layer without tensors between two linear ones a ReLU, in place."""
    gaps = [at for at in between if layers[at] is _GAP]
    if not gaps or any(layers[at].text == "PReLU" for at in between):
        return
    if len(gaps) > 2 or gaps[-1] - gaps[0] != len(gaps) - 1:
        raise HeadError(
            f"{path}: of the {len(gaps)} layers without tensors between two linear ones it is not "
            f"known which one is the activation; {_OWN}"
        )
    layers[gaps[0]] = _RELU


def _features(module: nn.Module) -> int | None:
    """Return the number of features that the first linear layer of a head takes."""
    return next((m.in_features for m in module.modules() if isinstance(m, nn.Linear)), None)
