"""A network from a weights file: its architecture by name, by a user's code, or by its tensors."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from torch import nn

from annealcam.errors import ArgumentError, ModelNameError, suggest
from annealcam.models.libraries import (
    Architecture,
    filled,
    library_makers,
    require_library,
    timm_architecture,
    timm_names,
    torchvision_architecture,
    torchvision_names,
)
from annealcam.models.loaded import LoadedModel
from annealcam.models.sources.efficientnet_lite import LITE, lite_architecture
from annealcam.models.sources.own import from_module, from_object, network_name
from annealcam.models.state_dicts.files import SUFFIXES
from annealcam.models.state_dicts.recognition import recognise
from annealcam.models.state_dicts.search import read_state_dicts


def is_weights_file(name: str) -> bool:
    """Return whether a name is that of a weights file, by its ending or since there is a file.

    >>> is_weights_file("mine.pth"), is_weights_file("resnet18")
    (True, False)
    """
    path = Path(name)
    try:
        return path.suffix.lower() in SUFFIXES or path.is_file()
    except (OSError, ValueError):  # too long for a path, or with a null character
        return False


def load_weights_file(file: Path, architecture: Any = None) -> LoadedModel:
    """Return a network with the tensors of a file, and what was taken in its record.

    Args:
        file: a file of tensors.
        architecture: `torchvision:NAME`, `timm:NAME`, NAME in one of them, MODULE:FUNCTION, a
            network (a copy of it is filled), or a function that makes one. None finds the one
            architecture of torchvision that the tensors fit.

    Raises:
        ModelError: the file holds no tensors, or they do not fit.
        ArgumentError: the architecture is of another type.
    """
    states = read_state_dicts(file)
    if architecture is None:
        require_library("torchvision", f"model={str(file)!r}: without an architecture")
        found = architecture_of(recognise(states, library_makers()))
        return filled(found, states, recognised=True)
    return filled(architecture_of(architecture), states)


def architecture_of(architecture: Any) -> Architecture:
    """Return an architecture by name, or of a network or a function that makes one.

    Raises:
        ModelNameError: there is no architecture of that name.
        ModelError: the function fails or returns something else, or torchvision or timm is missing.
        ArgumentError: it is of another type.

    >>> architecture_of("resnet18").name
    'torchvision:resnet18'
    """
    if not isinstance(architecture, str):
        if not isinstance(architecture, nn.Module) and not callable(architecture):
            raise ArgumentError(
                f"architecture={architecture!r}: must be a name such as 'torchvision:resnet18', a "
                f"network, or a function that makes one, not {type(architecture).__name__}"
            )
        return _own(from_object(architecture), network_name(architecture))
    library, _, name = architecture.partition(":")
    if library == "torchvision" and name:
        return torchvision_architecture(name)
    if library == "timm" and name:
        return timm_architecture(name)
    if name:
        return _own(from_module(library, name), architecture)
    if architecture in LITE:
        return lite_architecture(architecture)
    require_library("torchvision", f"architecture={architecture!r}")
    if architecture in torchvision_names():
        return torchvision_architecture(architecture)
    require_library("timm", f"architecture={architecture!r}")
    if architecture.split(".")[0] in timm_names():
        return timm_architecture(architecture)
    raise ModelNameError(
        f"architecture={architecture!r}: neither in torchvision nor in timm"
        f"{suggest(architecture, [*torchvision_names(), *timm_names()])}; give "
        "MODULE:FUNCTION for a network of your own"
    )


def _own(loaded: LoadedModel, name: str) -> Architecture:
    """Return a user's network as an architecture, copied whenever it is filled."""
    assumed = tuple(loaded.record.get("assumed", ()))
    network = loaded.model
    return Architecture(
        name, lambda: copy.deepcopy(network), loaded.preprocess, loaded.classes, assumed
    )
