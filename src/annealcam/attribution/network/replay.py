"""The part of a network behind a layer, run again without the part before it.

While a network runs, the calls of modules form a tree. When the layer has run, the calls that are
still open are its ancestors, and what these have called so far is finished. A later run stores the
outputs of just these finished calls in place of their work, puts other maps in place of those of
the layer, and computes all that follows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from annealcam.attribution.network.hooks import borrowed, find_layer, hooked, run
from annealcam.errors import LayerError, ModelError


class Recording:
    """The calls that were finished when a layer ran for the last time, with their outputs.

    It is filled by `recording`, and holds nothing before the layer has run.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.finished: list[tuple[nn.Module, Any]] = []
        self._open: list[list[tuple[nn.Module, Any]]] = [[]]  # what each open call has called

    def enter(self, _module: nn.Module, _inputs: Any) -> None:
        """Note that a call begins."""
        self._open.append([])

    def leave(self, module: nn.Module, _inputs: Any, output: Any) -> None:
        """Note that a call is finished."""
        self._open.pop()
        if module is self.module:
            self.finished = [call for calls in self._open for call in calls]
        self._open[-1].append((module, output))


@contextmanager
def recording(model: nn.Module, tape: Recording) -> Iterator[None]:
    """Record on a tape what a borrowed model computes before the tape's layer.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> tape = Recording(net[1])
    >>> with recording(net, tape):
    ...     _ = net(torch.ones(1, 3, 8, 8))
    >>> [call is net[0] for call, _ in tape.finished]
    [True]
    """
    with ExitStack() as stack:
        for module in dict.fromkeys(model.modules()):
            stack.callback(module.register_forward_pre_hook(tape.enter, prepend=True).remove)
            stack.callback(module.register_forward_hook(tape.leave).remove)
        yield


class Rest:
    """What lies behind a layer, for the images of one recorded forward pass.

    Args:
        model: the borrowed network, that is, inside `borrowed`.
        images: the images that went through it.
        tape: what `recording` holds of that.
    """

    def __init__(self, model: nn.Module, images: Tensor, tape: Recording) -> None:
        self._model, self._images, self._tape = model, images, tape

    def logits(self, maps: Tensor) -> Tensor:
        """Return the logits (rows, classes) if the layer gave these maps (rows, maps, h, w).

        There is a row for each image, or any number of rows for a single image. A network that
        joins what lies behind the layer with what lies before it gets a copy of the latter for each
        row if it does not accept a single one.

        Raises:
            ModelError: the rest of the network fails.
        """
        rows = len(maps)
        try:
            return self._run(maps, self._images, lambda output: output)
        except ModelError:
            if len(self._images) == rows or len(self._images) != 1:
                raise
        images = self._images.expand(rows, *self._images.shape[1:])
        return self._run(maps, images, lambda output: tree_map(_copies(rows), output))

    def _run(self, maps: Tensor, images: Tensor, prepared: Callable[[Any], Any]) -> Tensor:
        outputs: dict[nn.Module, list[Any]] = defaultdict(list)
        for module, output in self._tape.finished:
            outputs[module].append(prepared(output))
        outputs[self._tape.module].append(maps)
        with ExitStack() as stack:
            for module, of_module in outputs.items():
                stack.enter_context(_replayed(module, of_module))
            return run(self._model, images, rows=len(maps))


@contextmanager
def _replayed(module: nn.Module, outputs: list[Any]) -> Iterator[None]:
    """Let the next calls of a module return `outputs` without work; later ones work as before."""
    left = iter(outputs)
    of_class = module.forward
    shadowed = module.__dict__.get("forward")
    current: list[Any] = []

    def forward(*inputs: Any, **keywords: Any) -> Any:
        current.clear()
        for output in left:
            torch.set_grad_enabled(True)  # also where the model itself froze its trunk by no_grad
            current.append(output)
            return output
        return of_class(*inputs, **keywords)

    def renewed(_module: nn.Module, _inputs: Any, _output: Any) -> Any:
        """Return a copy, which may be overwritten, and which no other hook has changed."""
        return tree_map(_copy, current[0]) if current else None

    module.__dict__["forward"] = forward
    try:
        with hooked({module: renewed}):
            yield
    finally:
        del module.__dict__["forward"]
        if shadowed is not None:
            module.__dict__["forward"] = shadowed


def _copy(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


def _copies(rows: int) -> Callable[[Any], Any]:
    def copies(value: Any) -> Any:
        if isinstance(value, Tensor) and value.ndim and len(value) == 1:
            return value.expand(rows, *value.shape[1:])
        return value

    return copies


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


@contextmanager
def behind(model: nn.Module, images: Tensor, layer: str) -> Iterator[tuple[Tensor, Rest]]:
    """Run a network once without gradients; yield the maps of a layer and what lies behind it.

    Raises:
        LayerError: the layer never ran, or gives no maps.
        AnnealcamError: as `capture`, for the layer and the model.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> with behind(net, torch.ones(1, 3, 8, 8), "1") as (maps, rest):
    ...     rest.logits(torch.cat([maps, 0 * maps])).shape
    torch.Size([2, 2])
    """
    with borrowed(model), torch.no_grad():
        tape = Recording(find_layer(model, layer))
        outputs: list[Tensor] = []

        def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
            outputs.append(as_maps(output, layer))

        with hooked({tape.module: keep}), recording(model, tape):
            run(model, images)
        if not outputs:
            raise never_ran(layer)
        yield outputs[-1].clone(), Rest(model, images, tape)
