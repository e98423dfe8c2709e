"""Hooks on a model that is borrowed for gradient work and then restored."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any, TypeAlias, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from annealcam.attribution.network.adapted import Adapted, check_module, network_of
from annealcam.attribution.network.model_output import (
    Activations,
    ModelOutput,
    UnwatchedError,
    read_output,
)
from annealcam.errors import AnnealcamError, LayerError, ModelError, suggest

T = TypeVar("T")
Hook: TypeAlias = Callable[[nn.Module, Any, Any], Any]

_COMPILED = "_orig_mod."  # what torch.compile puts into the names of modules
_BORROWING = threading.RLock()  # one borrower at a time: a hook would see the other's forward


@contextmanager
def borrowed(model: nn.Module) -> Iterator[None]:
    """Prepare a model for gradient work and restore it afterwards, also after an error.

    Inside: evaluation mode, parameters frozen (so that no graph is built before a hook starts
    one), gradients on, compiled parts run as written (they would ignore new hooks).
    """
    _check_model(model)
    devices = sorted({p.device.index or 0 for p in model.parameters() if p.is_cuda})
    with ExitStack() as stack:
        stack.enter_context(_BORROWING)  # before its state is read: another may hold the model
        modules = list(model.modules())
        modes = [(m, m.training) for m in modules]
        learning = [p for p in model.parameters() if p.requires_grad and _can_freeze(p)]
        stack.enter_context(torch.random.fork_rng(devices=devices))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        if any(_is_compiled(module) for module in modules):
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        try:
            for module in modules:
                module.training = False
            for parameter in learning:
                parameter.requires_grad = False  # a lazy one has no method for that
            yield
        finally:
            for parameter in learning:
                parameter.requires_grad = True
            for module, training in modes:
                module.training = training


def _can_freeze(parameter: nn.Parameter) -> bool:
    """Whether `requires_grad` may be set, also of a lazy parameter; not of an inference tensor."""
    return is_lazy(parameter) or not parameter.is_inference()


def _is_compiled(module: nn.Module) -> bool:
    return hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None) is not None


@contextmanager
def hooked(hooks: Mapping[nn.Module, Hook]) -> Iterator[None]:
    """Add forward hooks, and take off just those."""
    handles = [m.register_forward_hook(h) for m, h in hooks.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _check_model(model: Any) -> None:
    check_module(model)
    for module in model.modules():
        if ".quantized." in type(module).__module__:
            raise ModelError(
                f"model: is quantised ({type(module).__module__}.{type(module).__name__}), and "
                "gradients need floating-point weights; explain the network before quantisation"
            )


def layer_names(model: nn.Module) -> dict[str, nn.Module]:
    """Return every module by its name, without what `torch.compile` adds to names.

    Raises:
        ModelError: the model is no module, or one that takes no hooks.
    """
    network = network_of(model)
    _check_model(network)
    return {name.replace(_COMPILED, ""): m for name, m in network.named_modules()}


def layer_name(model: nn.Module, layer: Any) -> str:
    """Return the name of a layer, which may be a name or a module of the network.

    Raises:
        LayerError: the module is no part of the network, or `layer` is neither.

    >>> model = nn.Sequential(nn.ReLU(), nn.Flatten())
    >>> layer_name(model, model[1]), layer_name(model, "0")
    ('1', '0')
    """
    if isinstance(layer, str):
        return layer
    if not isinstance(layer, nn.Module):
        raise LayerError(
            f"layer: a {type(layer).__name__}; give a name such as 'layer4', or a module"
        )
    for name, module in layer_names(model).items():
        if module is layer and name:
            return name
    raise LayerError(f"layer: this {type(layer).__name__} is no part of the network")


def find_layer(model: nn.Module, layer: str) -> nn.Module:
    """Return the module named `layer`; the names that `torch.compile` adds may be left out."""
    modules = layer_names(model)
    if not isinstance(layer, str):
        raise LayerError(f"layer: a {type(layer).__name__}; give its name, such as 'layer4'")
    wanted = layer.replace(_COMPILED, "")
    if wanted not in modules or wanted == "":
        raise LayerError(
            f"layer={layer!r}: the model has no such layer{suggest(wanted, modules)} "
            "(`annealcam layers` lists all)"
        )
    return modules[wanted]


def run(
    model: nn.Module, images: Float[Tensor, "n channels *size"], *, rows: int | None = None
) -> Float[Tensor, "rows classes"]:
    """Return the logits (rows, classes) of a borrowed model; see `predict`."""
    return watched(lambda watch: predict(model, images, rows=rows, watch=watch)).logits


def watched(attempt: Callable[[bool], T]) -> T:
    """Return what an attempt with `predict` gives; `watch` is on if the outputs call for it.

    Watching every function of a network takes a fifth of its time, and is of use only if the
    outputs may be those of a softmax or a sigmoid, or if there are tokens beside a grid.

    >>> watched(lambda watch: watch)
    False
    """
    try:
        return attempt(False)
    except UnwatchedError:
        return attempt(True)


def predict(
    model: nn.Module,
    images: Float[Tensor, "n channels *size"],
    *,
    rows: int | None = None,
    watch: bool = False,
    like: ModelOutput | None = None,
) -> ModelOutput:
    """Return the logits (rows, classes) of a borrowed model, and how they are read.

    There is a row for each image, unless hooks change their number. The model gets a copy of the
    images, which it may overwrite. Outputs are read in the same way as those of an earlier run,
    `like`.

    Raises:
        UnwatchedError: outputs may be those of a softmax or a sigmoid, and no one watched.
        ModelError: the model fails, or returns no logits.
        ArgumentError: a function `output` of the user fails, or gives no logits.
    """
    rows = len(images) if rows is None else rows
    floating = (p for p in model.parameters() if not is_lazy(p) and p.is_floating_point())
    weight = next(floating, None)
    if weight is not None:
        images = images.to(device=weight.device, dtype=weight.dtype)
    images = images.clone()  # as `x -= mean` in the model would change what the caller passed
    try:
        calls = Activations() if watch else None
        with calls or nullcontext():
            returned = model(images)
    except AnnealcamError:
        raise
    except Exception as error:
        raise ModelError(_failure(network_of(model), images, error)) from error
    how = {"output": model.output, "link": model.link} if isinstance(model, Adapted) else _PLAIN
    name = type(network_of(model)).__name__
    return read_output(returned, rows, calls, model=name, like=like, **how)


def _failure(network: nn.Module, images: Tensor, error: Exception) -> str:
    """What a model's error means for the caller, in one line."""
    name = type(network).__name__
    first = (str(error).splitlines() or [type(error).__name__])[0]
    if first.startswith("Inference tensors cannot be saved"):
        return (
            "model: was made under torch.inference_mode, whose tensors take no part in gradients; "
            "make or load it outside"
        )
    if isinstance(error, NotImplementedError) and f'[{name}] is missing the required "for' in first:
        sizes = {k: sum(p.numel() for p in m.parameters()) for k, m in network.named_children()}
        inner = f", such as model.{max(sizes, key=lambda k: sizes[k])}" if sizes else ""
        return f"model: {name} has no forward; give the network inside it{inner}"
    way = next((way for part, way in _WAYS.items() if part in first), "")
    return f"model: {name} fails on images of shape {tuple(images.shape)}: {first}{way}"


_WAYS = {  # by what an error of PyTorch contains
    "required positional argument": "; in Python, give further inputs as a tuple (image, ...)",
    "positional arguments but": "; a list holds several inputs: stack a batch by torch.stack",
    "shapes cannot be multiplied": "; check the size of the image (`size`, --size)",
    "channels, but got": "; check the channels of the image (`channels`, --channels)",
}
_PLAIN: dict[str, Any] = {"output": None, "link": None}
