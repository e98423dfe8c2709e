"""What a shell completes: names of networks, samplers, presets, objectives and more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from annealcam.annealing.hamiltonian import NORMALISATIONS
from annealcam.data.sets import NAMES as SETS
from annealcam.data.splits import PARTS
from annealcam.qubo.objectives import BETA
from annealcam.samplers.registry import SAMPLERS
from annealcam.settings import PRESETS

MODELS = (
    "efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2", "paper-16", "paper-24",
    "paper-32", "digits", "torchvision:", "timm:", "hf:",
)  # fmt: skip


def _start(names: Iterable[str]) -> Callable[[str], list[str]]:
    """Return a function of what has been typed to the names that begin with it."""
    known = tuple(names)

    def complete(incomplete: str) -> list[str]:
        return [name for name in known if name.startswith(incomplete)]

    return complete


# Functions by the names of the parameters, whatever the command.
COMPLETERS: dict[str, Callable[[str], list[str]]] = {
    "model": _start(MODELS),
    "sampler": _start(SAMPLERS),
    "preset": _start(name for name in PRESETS if name),
    "objective": _start(BETA),
    "importance": _start(("alignment", "contribution", "gradcam")),
    "gradients": _start(("integrated", "plain")),
    "normalisation": _start(NORMALISATIONS),
    "against": _start(("next", "rest")),
    "direction": _start(("up", "down")),
    "link": _start(("softmax", "sigmoid", "identity")),
    "data": _start((*SETS, "folder:")),
    "part": _start((*PARTS, "unseen")),
    "hardware": _start(("advantage", "advantage2")),
    "device": _start(("cpu", "cuda")),
}


_OF_COMMANDS = {
    ("study", "preset"): _start((
        "digits", "digits-evidence", "crops", "paper", "paper-imagenette", "imagenet-layer",
        "imagenet-evidence",
    )),
}  # fmt: skip


def complete_options(params: Iterable[Any], command: str) -> None:
    """Let a shell complete the values of a command's options."""
    for param in params:
        names = _OF_COMMANDS.get((command, param.name)) or COMPLETERS.get(param.name)
        if names is not None and param.param_type_name == "option":
            param._custom_shell_complete = _completer(names)


def _completer(names: Callable[[str], list[str]]) -> Callable[[Any, Any, str], list[str]]:
    return lambda _context, _param, text: names(text)
