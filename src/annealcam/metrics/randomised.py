"""A network whose parameters are drawn anew, stage by stage, and given back to the bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from annealcam.attribution.hooks import borrowed, find_layer, layer_names, run
from annealcam.errors import ArgumentError


@contextmanager
def restored(model: nn.Module) -> Iterator[None]:
    """Give parameters, buffers and the random state back to the bit, also after an error.

    What lies in memory is overwritten and put back, never replaced: whoever holds a parameter
    (an optimiser, an explainer) holds the right one before, during and after.

    >>> net = nn.Linear(2, 2)
    >>> before = net.weight.clone()
    >>> with restored(net):
    ...     net.reset_parameters()
    >>> torch.equal(net.weight, before)
    True
    """
    held = [(m, dict(m._parameters), dict(m._buffers)) for m in model.modules()]
    tensors = {id(t): t for _, p, b in held for t in (*p.values(), *b.values()) if t is not None}
    kept = [(t, t.detach().clone()) for t in tensors.values() if not _expanded(t)]
    devices = sorted({t.device.index or 0 for t in tensors.values() if t.is_cuda})
    with torch.random.fork_rng(devices=devices):
        try:
            yield
        finally:
            for module, parameters, buffers in held:
                module._parameters.update(parameters)
                module._buffers.update(buffers)
            with torch.inference_mode():  # the only place where its own tensors may be written to
                for tensor, values in kept:
                    tensor.copy_(values)


def stages_of(
    model: nn.Module,
    images: Float[Tensor, "n channels height width"],
    layers: Sequence[str] | None = None,
) -> dict[str, list[nn.Module]]:
    """Return what to randomise, from the head downwards: the modules with parameters of each stage.

    Without names every module that has parameters of its own is a stage, the last to run first;
    modules that neither ran nor lie in one that ran are left out, as they change nothing.

    Raises:
        ArgumentError: a stage, or the model, has no parameters that run.
        LayerError: no such layer.

    >>> net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(8, 2))
    >>> list(stages_of(net, torch.zeros(1, 3, 4, 4)))
    ['2', '0']
    """
    started = _started(model, images)
    names = layer_names(model)
    when: dict[str, int] = {}
    for name, module in names.items():
        # Attention's out_proj never runs by itself: its module reads the weights.
        parent = names[name.rpartition(".")[0]] if name else module
        at = started.get(module, started.get(parent))
        if at is not None and _own(module):
            when[name] = at
    found = {name: [names[name]] for name in when}
    if layers is not None:
        for layer in layers:
            find_layer(model, layer)
        inside = {w: [n for n in when if n == w or n.startswith(f"{w}.")] for w in layers}
        found = {w: [names[n] for n in members] for w, members in inside.items()}
        when = {w: max((when[n] for n in members), default=0) for w, members in inside.items()}
    empty = [name for name, modules in found.items() if not modules]
    if empty or not found:
        what = f"layers={empty[0]!r}" if empty else "model"
        raise ArgumentError(
            f"{what}: no parameters that run, so that there is nothing to randomise"
        )
    return dict(sorted(found.items(), key=lambda stage: -when[stage[0]]))


def redrawn(
    modules: Sequence[nn.Module], *, draw: str, seed: int | Sequence[int], done: set[int]
) -> None:
    """Draw the parameters of modules anew, but for those in `done`, to which they are added.

    `initial` is the module's own `reset_parameters` (a normalisation forgets its statistics too),
    or the shuffled entries where it has none; `shuffled` permutes the entries of each parameter.

    >>> net = nn.Linear(1, 3, bias=False)
    >>> values = sorted(net.weight.flatten().tolist())
    >>> redrawn([net], draw="shuffled", seed=1, done=set())
    >>> sorted(net.weight.flatten().tolist()) == values
    True
    """
    torch.manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
    with torch.inference_mode():
        for module in modules:
            own = [p for p in _own(module) if id(p) not in done]
            tied = [(p, p.clone()) for p in _own(module) if id(p) in done]
            reset: Callable[[], Any] | None = getattr(module, "reset_parameters", None)
            if draw == "initial" and reset is not None:
                reset()
            else:
                for parameter in own:
                    _shuffle(parameter)
            for parameter, values in tied:  # drawn at an earlier stage, under another module
                parameter.copy_(values)
            done.update(id(p) for p in own)


def _expanded(tensor: Tensor) -> bool:
    """Whether entries share memory: nothing can write to such a tensor, so nothing has."""
    return any(
        step == 0 and size > 1 for step, size in zip(tensor.stride(), tensor.shape, strict=True)
    )


def _shuffle(parameter: Tensor) -> None:
    order = torch.randperm(parameter.numel()).to(parameter.device)  # the same on every device
    parameter.copy_(parameter.flatten()[order].view_as(parameter))


def _own(module: nn.Module) -> list[nn.Parameter]:
    return [p for p in module._parameters.values() if p is not None]


def _started(model: nn.Module, images: Tensor) -> Mapping[nn.Module, int]:
    """When each module that runs begins its last run; a container before what it holds."""
    started: dict[nn.Module, int] = {}
    count = iter(range(1 << 62))

    def hook(module: nn.Module, _inputs: Any) -> None:
        started[module] = next(count)

    with borrowed(model), torch.no_grad():
        handles = [m.register_forward_pre_hook(hook) for m in model.modules()]
        try:
            run(model, images)
        finally:
            for handle in handles:
                handle.remove()
    return started
