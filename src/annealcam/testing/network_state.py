"""The state of a network that an explainer must leave as it was."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_HOOKS = (
    "_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks",
    "_state_dict_hooks", "_load_state_dict_pre_hooks",
)  # fmt: skip


def network_state(model: nn.Module) -> dict[str, Any]:
    """Return the state of a network by parts, with copies of all values.

    >>> net = nn.Linear(2, 1).eval()
    >>> before = network_state(net)
    >>> _ = net.train(), net.register_forward_hook(lambda *_: None)
    >>> changed_parts(before, net)
    ['modes', 'hooks']
    """
    parameters, modules = list(model.parameters()), list(model.modules())
    return {
        "parameters": [(id(p), p.detach().clone()) for p in parameters],
        "buffers": [b.detach().clone() for b in model.buffers()],
        "modes": [m.training for m in modules],
        "requires_grad": [p.requires_grad for p in parameters],
        "gradients": [None if p.grad is None else p.grad.clone() for p in parameters],
        "hooks": [
            *(len(getattr(m, kind, None) or ()) for m in modules for kind in _HOOKS),
            *(len(p._backward_hooks or ()) for p in parameters),
        ],
        "modules": [(name, id(m)) for name, m in model.named_modules()],
    }


def changed_parts(before: dict[str, Any], model: nn.Module) -> list[str]:
    """Return the names of the parts of a network's state that have changed."""
    after = network_state(model)
    return [name for name, value in before.items() if not same(value, after[name])]


def same(first: Any, second: Any) -> bool:
    """Return whether two nested values are equal, tensors to the bit.

    >>> same([1, torch.ones(2)], [1, torch.ones(2)]), same({"a": None}, {"a": torch.ones(1)})
    (True, False)
    """
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return type(first) is type(second) and bool(first == second)
