"""What a shell completes: names of networks, samplers, presets, objectives and more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from annealcam.cli.interface import names as known
from annealcam.samplers.registry import SAMPLERS


def _start(names: Iterable[str]) -> Callable[[str], list[str]]:
    """Return a function of what has been typed to the names that begin with it."""
    ordered = tuple(names)

    def complete(incomplete: str) -> list[str]:
        return [name for name in ordered if name.startswith(incomplete)]

    return complete


# Functions by the names of the parameters, whatever the command.
COMPLETERS: dict[str, Callable[[str], list[str]]] = {
    "model": _start((*known.MODELS, "torchvision:", "timm:", "hf:")),
    "sampler": _start(SAMPLERS),
    "preset": _start(known.PRESETS),
    "objective": _start(known.BETA),
    "importance": _start(known.IMPORTANCES),
    "gradients": _start(("integrated", "plain")),
    "normalisation": _start(known.NORMALISATIONS),
    "against": _start(("next", "rest")),
    "direction": _start(("up", "down")),
    "link": _start(("softmax", "sigmoid", "identity")),
    "data": _start((*known.SETS, "folder:")),
    "part": _start((*known.PARTS, "unseen")),
    "hardware": _start(("advantage", "advantage2")),
    "device": _start(("cpu", "cuda")),
}


_OF_COMMANDS = {("study", "preset"): _start(known.STUDIES)}


def complete_options(params: Iterable[Any], command: str) -> None:
    """Let a shell complete the values of a command's options."""
    for param in params:
        names = _OF_COMMANDS.get((command, param.name)) or COMPLETERS.get(param.name)
        if names is not None and param.param_type_name == "option":
            param._custom_shell_complete = _completer(names)


def _completer(names: Callable[[str], list[str]]) -> Callable[[Any, Any, str], list[str]]:
    return lambda _context, _param, text: names(text)
