"""The networks of torchvision and timm, which are imported only where one is used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from annealcam._internal.extras import is_installed, require_extra
from annealcam.errors import ModelError, ModelNameError, suggest
from annealcam.models.cards.imagenet import imagenet_classes
from annealcam.models.loaded import PREPROCESSING, LoadedModel
from annealcam.models.preprocess import Preprocess
from annealcam.models.state_dicts.fit import (
    FitError,
    blank,
    classes_of,
    fill_network,
    names_in,
)
from annealcam.models.state_dicts.heads import HeadError
from annealcam.models.state_dicts.recognition import nearest, nearest_text
from annealcam.models.state_dicts.search import StateDict, read_state_dicts


@dataclass(frozen=True)
class Architecture:
    """A network without its weights, with the preprocessing and classes of its usual weights.

    `assumed` lists what of it is not sure for other weights.
    """

    name: str
    make: Callable[..., nn.Module]
    preprocess: Callable[..., Tensor]
    classes: Sequence[str] | None
    assumed: tuple[str, ...] = (*PREPROCESSING, "classes", "transform_input")


def torchvision_names() -> list[str]:
    """Return the names of torchvision's classifiers; none if it is not installed."""
    if not is_installed("torchvision"):
        return []
    from torchvision import models

    return list(models.list_models(module=models))


def timm_names() -> list[str]:
    """Return the names of timm's networks; none if it is not installed."""
    if not is_installed("timm"):
        return []
    import timm

    return list(timm.list_models())


def require_library(library: str, needed_by: str) -> None:
    """Raise ModelError, with the extra to install, unless torchvision or timm is installed.

    >>> require_library("timm", "model='timm:resnet18'")
    """
    require_extra(library, extra=library, needed_by=needed_by, kind=ModelError)


def load_torchvision(name: str, weights: str) -> LoadedModel:
    """Return a classifier of torchvision; `weights` as in `load_model`.

    Raises:
        ModelError: no such classifier or weights, they cannot be loaded, or torchvision is missing.
    """
    require_library("torchvision", f"model='torchvision:{name}'")
    from torchvision import models

    architecture = torchvision_architecture(name, weights)
    known = {w.name: w for w in models.get_model_weights(name)}
    if weights == "DEFAULT" or weights in known:
        preset = known.get(weights, models.get_model_weights(name).DEFAULT)
        model = _downloading(lambda: models.get_model(name, weights=preset), f"torchvision:{name}")
        return LoadedModel(model, architecture.preprocess, architecture.classes)
    if weights.lower() == "none":
        torch.manual_seed(0)
        model = models.get_model(name, weights=None)
        return LoadedModel(model, architecture.preprocess, architecture.classes)
    return filled(architecture, _states(weights, known))


def torchvision_architecture(name: str, weights: str = "DEFAULT") -> Architecture:
    """Return an architecture of torchvision with the preprocessing of its weights of a name.

    Raises:
        ModelNameError: there is no such classifier.
        ModelError: torchvision is not installed.

    >>> torchvision_architecture("resnet18").preprocess.crop
    224
    """
    require_library("torchvision", f"model='torchvision:{name}'")
    from torchvision import models

    if name not in torchvision_names():
        raise ModelNameError(
            f"model='torchvision:{name}': torchvision has no such classifier"
            f"{suggest(name, torchvision_names())}"
        )
    known = {w.name: w for w in models.get_model_weights(name)}
    preset = known.get(weights, models.get_model_weights(name).DEFAULT)
    return Architecture(
        f"torchvision:{name}",
        partial(_make_torchvision, name),
        _from_torchvision(preset.transforms()),
        tuple(preset.meta["categories"]),
    )


def _from_torchvision(preset: Any) -> Preprocess:
    return Preprocess(
        resize=preset.resize_size[0],
        crop=preset.crop_size[0],
        mean=tuple(preset.mean),
        std=tuple(preset.std),
        interpolation=preset.interpolation.value,
    )


def load_timm(name: str, weights: str) -> LoadedModel:
    """Return a network of timm; `weights` as in `load_model`.

    Raises:
        ModelError: no such network or weights, they cannot be loaded, or timm is missing.
    """
    require_library("timm", f"model='timm:{name}'")
    import timm

    architecture = timm_architecture(name)
    if weights == "DEFAULT":
        model = _downloading(lambda: timm.create_model(name, pretrained=True), f"timm:{name}")
        names = imagenet_classes() if getattr(model, "num_classes", None) == 1000 else None
        return LoadedModel(model, architecture.preprocess, names)
    if weights.lower() == "none":
        torch.manual_seed(0)
        return LoadedModel(architecture.make(), architecture.preprocess, architecture.classes)
    return filled(architecture, _states(weights, {}))


def timm_architecture(name: str) -> Architecture:
    """Return an architecture of timm with the preprocessing of its default weights.

    Raises:
        ModelNameError: there is no such network.
        ModelError: timm is not installed.

    >>> timm_architecture("resnet10t").preprocess.crop
    176
    """
    require_library("timm", f"model='timm:{name}'")
    import timm

    if not timm.is_model(name.split(".")[0]):
        raise ModelNameError(
            f"model='timm:{name}': timm has no such network{suggest(name, timm.list_models())}"
        )
    config = timm.data.resolve_data_config({}, model=blank(lambda: timm.create_model(name)))
    size = config["input_size"][-1]
    preprocess = Preprocess(
        resize=int(size / config["crop_pct"]),
        crop=size,
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        interpolation=config["interpolation"],
    )
    return Architecture(f"timm:{name}", partial(_make_timm, name), preprocess, imagenet_classes())


def library_makers() -> dict[str, Callable[[], nn.Module]]:
    """Return functions that make the networks of torchvision and timm, by name.

    A library that is not installed has none.
    """
    makers: dict[str, Callable[[], nn.Module]] = {}
    for name in torchvision_names():
        makers[f"torchvision:{name}"] = partial(_make_torchvision, name)
    for name in timm_names():
        makers[f"timm:{name}"] = partial(_make_timm, name)
    return makers


def _make_torchvision(name: str) -> nn.Module:
    """Return a network of torchvision without its weights."""
    from torchvision import models

    # Their random weights take seconds, for nothing here.
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    network: nn.Module = models.get_model(name, weights=None, **options)
    return network


def _make_timm(name: str, **options: Any) -> nn.Module:
    import timm

    network: nn.Module = timm.create_model(name, **options)
    return network


def _states(weights: str, known: dict[str, Any]) -> list[StateDict]:
    """Return the tensors of a file after a network's name."""
    if not Path(weights).exists():
        raise ModelNameError(
            f"weights={weights!r}: neither a file nor one of none, DEFAULT{', ' if known else ''}"
            f"{', '.join(known)}"
        )
    return read_state_dicts(Path(weights))


def filled(
    architecture: Architecture, states: Sequence[StateDict], *, recognised: bool = False
) -> LoadedModel:
    """Return an architecture with the tensors of a file, and a record of what was taken.

    Raises:
        ModelError: they belong to another architecture; the nearest one is named.
    """
    try:
        network, record = _filled(architecture, states)
    except FitError as error:
        raise ModelError(f"{error}{nearest_text(nearest(states, library_makers()))}") from error
    names = architecture.classes
    count = classes_of(network)
    record |= {"architecture": architecture.name, "recognised_by_its_tensors": recognised}
    return LoadedModel(
        network,
        architecture.preprocess,
        names if names is not None and count == len(names) else None,
        record={"weights": record, "assumed": list(architecture.assumed)},
    )


def _filled(
    architecture: Architecture, states: Sequence[StateDict]
) -> tuple[nn.Module, dict[str, Any]]:
    """Fill a network; one of timm that does not fit is made for the sizes in the file."""
    try:
        return fill_network(architecture.make, states)
    except (FitError, HeadError):
        options = _sizes(architecture, states[0]) if architecture.name.startswith("timm:") else {}
        if not options:
            raise
    network, record = fill_network(partial(architecture.make, **options), states)
    return network, {**record, "options": options}


def _sizes(architecture: Architecture, state: StateDict) -> dict[str, int]:
    """Return `num_classes` and `in_chans` of tensors, where they differ from 1000 and 3."""
    expected, given = names_in(blank(architecture.make), state)
    pairs = [(t.shape, given[name].shape) for name, t in expected.items() if name in given]
    rows = {g[0] for e, g in pairs if e[:1] == (1000,) and e[1:] == g[1:] and e != g}
    heads = [t for n, t in given.items() if n not in expected and t.ndim == 2]
    if not rows and len(heads) == 1:  # of a network that timm has without a head, as DINOv2
        rows = {heads[0].shape[0]}
    columns = {g[1] for e, g in pairs if len(e) == len(g) == 4 and e[1] == 3 != g[1]}
    found = {"num_classes": rows, "in_chans": columns}
    return {name: values.pop() for name, values in found.items() if len(values) == 1}


def _downloading(make: Callable[[], nn.Module], name: str) -> nn.Module:
    try:
        return make()
    except Exception as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"model={name!r}: its weights cannot be downloaded ({first}); "
            "connect to a network, or give a weights file, or `none`, after a second colon"
        ) from error
