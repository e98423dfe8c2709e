"""Random weights in place of trained ones, stage by stage from the head, restored to the bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from annealcam.attribution.network.hooks import borrowed, find_layer, layer_names, run
from annealcam.errors import ArgumentError


@contextmanager
def restored(model: nn.Module) -> Iterator[None]:
    """Restore parameters, buffers and the random state to the bit, even after an error.

    Tensors are overwritten and restored in place, never replaced, so that references to them (of an
    optimiser or an explainer) stay valid before, during and after.

    >>> net = nn.Linear(2, 2)
    >>> before = net.weight.clone()
    >>> with restored(net):
    ...     net.reset_parameters()
    >>> torch.equal(net.weight, before)
    True
    """
    modules = [(m, dict(m._parameters), dict(m._buffers)) for m in model.modules()]
    tensors = {id(t): t for _, p, b in modules for t in (*p.values(), *b.values()) if t is not None}
    copies = [(t, t.detach().clone()) for t in tensors.values() if not _expanded(t)]
    devices = sorted({t.device.index or 0 for t in tensors.values() if t.is_cuda})
    with torch.random.fork_rng(devices=devices):
        try:
            yield
        finally:
            for module, parameters, buffers in modules:
                module._parameters.update(parameters)
                module._buffers.update(buffers)
            with torch.inference_mode():  # inference tensors can be written to only here
                for tensor, values in copies:
                    tensor.copy_(values)


def stages_of(
    model: nn.Module,
    images: Float[Tensor, "n channels *size"],
    layers: Sequence[str] | None = None,
) -> dict[str, list[nn.Module]]:
    """Return the stages from the head downwards, each with its modules that have parameters.

    Without `layers` every module that has parameters of its own is a stage, and the last to run
    comes first. Modules that did not run, by themselves or in a parent, are left out.

    Raises:
        ArgumentError: no module with parameters runs in a stage, or in the model.
        LayerError: a layer does not exist.

    >>> net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(8, 2))
    >>> list(stages_of(net, torch.zeros(1, 3, 4, 4)))
    ['2', '0']
    """
    started = _started(model, images)
    names = layer_names(model)
    when: dict[str, int] = {}
    for name, module in names.items():
        # The out_proj of attention does not run: its parent reads the weights.
        parent = names[name.rpartition(".")[0]] if name else module
        at = started.get(module, started.get(parent))
        if at is not None and _own(module):
            when[name] = at
    stages = {name: [names[name]] for name in when}
    if layers is not None:
        for layer in layers:
            find_layer(model, layer)
        inside = {w: [n for n in when if n == w or n.startswith(f"{w}.")] for w in layers}
        stages = {w: [names[n] for n in members] for w, members in inside.items()}
        when = {w: max((when[n] for n in members), default=0) for w, members in inside.items()}
    empty = [name for name, modules in stages.items() if not modules]
    if empty or not stages:
        place = f"Layer {empty[0]!r}" if empty else "The model"
        raise ArgumentError(f"{place} has no parameters that run: there is nothing to randomise.")
    return dict(sorted(stages.items(), key=lambda stage: -when[stage[0]]))


def redrawn(
    modules: Sequence[nn.Module], *, draw: str, seed: int | Sequence[int], done: set[int]
) -> None:
    """Randomise the parameters of modules, except those in `done`, and add them to `done`.

    `initial` calls the module's own `reset_parameters` (which resets the statistics of a
    normalisation too), or permutes entries if there is none. `shuffled` permutes the entries of
    each parameter.

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
            for (
                parameter,
                values,
            ) in tied:  # randomised at an earlier stage, in another module
                parameter.copy_(values)
            done.update(id(p) for p in own)


def _expanded(tensor: Tensor) -> bool:
    """Whether entries share memory, so that the tensor cannot be written to and needs no copy."""
    return any(
        step == 0 and size > 1 for step, size in zip(tensor.stride(), tensor.shape, strict=True)
    )


def _shuffle(parameter: Tensor) -> None:
    order = torch.randperm(parameter.numel()).to(parameter.device)  # equal on every device
    parameter.copy_(parameter.flatten()[order].view_as(parameter))


def _own(module: nn.Module) -> list[nn.Parameter]:
    return [p for p in module._parameters.values() if p is not None]


def _started(model: nn.Module, images: Tensor) -> Mapping[nn.Module, int]:
    """Return when each module starts its last run: a container starts before its children."""
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


def classifier_layer(model: nn.Module, images: Float[Tensor, "n channels *size"]) -> str:
    """Return the name of a network's classifier: the last linear layer or convolution that runs.

    Raises:
        ArgumentError: the network has no such layer, or the layer computes its weights.

    >>> net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(8, 2))
    >>> classifier_layer(net, torch.zeros(1, 3, 4, 4))
    '2'
    """
    for name, modules in stages_of(model, images[:1]).items():
        if isinstance(modules[0], nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
            if modules[0]._parameters.get("weight") is None:
                raise ArgumentError(
                    f"layer {name!r} computes its weights (weight norm, for example): they cannot "
                    "be replaced; remove the parametrization first."
                )
            return name
    raise ArgumentError(
        "The model has no linear layer and no convolution: its classifier cannot be replaced."
    )


@contextmanager
def random_weights(layer: nn.Module, *, seed: int | Sequence[int]) -> Iterator[None]:
    """Replace the weights of a layer by Gaussian ones of equal standard deviation, for a while.

    w ~ N(0, std(w)^2); the bias stays. The weights are overwritten in place and restored to the
    bit, also after an error.

    >>> net = nn.Linear(50, 50)
    >>> before = net.weight.clone()
    >>> with random_weights(net, seed=0):
    ...     round(float((net.weight.std() / before.std()).detach()), 1)
    1.0
    >>> torch.equal(net.weight, before)
    True
    """
    with restored(layer):
        weight = layer.get_parameter("weight")
        drawn = np.random.default_rng(seed).standard_normal(tuple(weight.shape))
        with torch.inference_mode():
            scale = weight.double().std(correction=0).item()
            weight.copy_(torch.from_numpy(drawn * scale).to(weight.dtype))
        yield
