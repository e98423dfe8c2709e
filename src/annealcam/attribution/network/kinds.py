"""What the class of a module shows about its output."""

from __future__ import annotations

from torch import nn

FIRST, LAST = "channels first", "channels last"

_ON_AXIS_1 = (
    nn.modules.conv._ConvNd,
    nn.modules.batchnorm._NormBase,
    nn.GroupNorm,
    nn.LocalResponseNorm,
    nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AvgPoolNd,
    nn.modules.pooling._AdaptiveMaxPoolNd,
    nn.modules.pooling._AdaptiveAvgPoolNd,
    nn.modules.dropout.Dropout2d,
    nn.modules.dropout.Dropout3d,
    nn.Upsample,
    nn.PixelShuffle,
)


def is_convolution(module: nn.Module) -> bool:
    """Return whether a module is a convolution, also as an exported program holds it.

    >>> is_convolution(nn.Conv1d(1, 1, 1)), is_convolution(nn.ReLU())
    (True, False)
    """
    return isinstance(module, nn.modules.conv._ConvNd) or _exported_as(module, "conv")


def is_on_axis_1(module: nn.Module) -> bool:
    """Return whether a module has its maps on axis 1 by its class.

    >>> is_on_axis_1(nn.BatchNorm2d(1)), is_on_axis_1(nn.ReLU())
    (True, False)
    """
    return isinstance(module, _ON_AXIS_1) or _exported_as(module, "conv")


def is_pooling(module: nn.Module) -> bool:
    """Return whether a module pools, by its name or as an exported program holds it.

    A norm does not, such as the `PoolFormerGroupNorm` of transformers.

    >>> is_pooling(nn.MaxPool2d(2))
    True
    """
    name = type(module).__name__.lower()
    return ("pool" in name and "norm" not in name) or _exported_as(module, "pool")


def _exported_as(module: nn.Module, operation: str) -> bool:
    """Whether a module of an exported program is that single operation (it lost its class)."""
    own = module.__dict__  # `getattr` of what a module lacks is slow
    graph = own.get("_graph", own.get("graph"))
    calls = [n for n in graph.nodes if n.op == "call_function"] if graph is not None else []
    return len(calls) == 1 and operation in str(calls[0].target)


def form_of(module: nn.Module, shape: tuple[int, ...]) -> str | None:
    """Return the form of an output (without its first axis) that the class of a module determines.

    >>> form_of(nn.LayerNorm(8), (4, 4, 8)), form_of(nn.ReLU(), (8, 4, 4))
    ('channels last', None)
    """
    if is_on_axis_1(module):
        return FIRST
    if isinstance(module, nn.Linear):
        return LAST if module.out_features == shape[-1] else None
    width = getattr(module, "normalized_shape", None)
    if isinstance(width, tuple) and len(width) == 1:  # LayerNorm2d of ConvNeXt has it on axis 1
        fits = shape[0] == width[0], shape[-1] == width[0]
        if fits[0] != fits[1]:
            return FIRST if fits[0] else LAST
        if fits[0]:
            return FIRST if "2d" in type(module).__name__.lower() else LAST
    return None
