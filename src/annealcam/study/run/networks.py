"""The networks of a study, opened once in each process, and their match with the data's classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annealcam.errors import ArgumentError, TargetError, suggest

if TYPE_CHECKING:
    from annealcam.models.loaded import LoadedModel


UNMATCHED = -1  # the network's class for a class of the data of which no use is made


@dataclass(frozen=True)
class NetworkCard:
    """The facts about a network that a study needs, without tensors.

    `model` opens it, and `name` is its name in the table: for a file, the stem. `targets` holds the
    network's class for each class of the data, `names` the names of all of the network's classes.
    """

    model: str
    name: str
    layers: tuple[str, ...]
    hash: str
    names: tuple[str, ...]
    targets: tuple[int, ...]

    def __repr__(self) -> str:
        return (
            f"NetworkCard({self.name!r:.100}, layers={self.layers!r:.100}, "
            f"{len(self.names)} classes)"
        )


@lru_cache(maxsize=4)
def opened(model: str, device: str) -> LoadedModel:
    """Return a network on its device; each process opens it once."""
    from annealcam.models.load import load_model
    from annealcam.models.loaded import move

    loaded = load_model(model)
    move(loaded.model, device)
    return loaded


def card_of(
    model: str,
    layers: Sequence[str],
    device: str,
    classes: tuple[str, ...],
    labels: Mapping[str, str],
    example: Any,
    *,
    match: bool = True,
) -> NetworkCard:
    """Describe a network, after checking that it has the layers and the classes of the data.

    Args:
        model, device: as in the configuration.
        layers: names of layers; none means the default layer for the photo `example`.
        classes: of the data.
        labels: the network's class for each class whose name differs.
        example: a photo.
        match: whether each class of the data must be one of the network's.

    Raises:
        AnnealcamError: no such network or layer, its outputs are numbers, or a class of the data is
            none of the network's.
    """
    import torch

    from annealcam.attribution.layers import default_layer
    from annealcam.attribution.network.adapted import adapt
    from annealcam.attribution.network.hooks import borrowed, find_layer, run
    from annealcam.attribution.targets import names_of_targets
    from annealcam.models.network_layer import refuse_numbers
    from annealcam.models.state_dicts.fingerprint import fingerprint

    loaded = opened(model, device)
    refuse_numbers(loaded.link, model_name=model, needed_by="a study")
    network, preprocess = adapt(loaded.model, link=loaded.link), loaded.preprocess
    names = names_of_targets(loaded.classes, loaded.link)
    image = preprocess(example)[None]
    for layer in layers:
        find_layer(network, layer)
    with borrowed(network), torch.no_grad():
        count = run(network, image).shape[1]
    class_names = tuple(names) if names is not None else tuple(map(str, range(count)))
    return NetworkCard(
        model=model,
        name=Path(model).stem if model.endswith((".safetensors", ".pt2")) else model,
        layers=tuple(layers) or (default_layer(network, image),),
        hash=fingerprint(loaded.model),
        names=class_names,
        targets=matched(classes, names, count, labels, model)
        if match
        else (UNMATCHED,) * len(classes),
    )


def matched(
    classes: Sequence[str],
    names: Sequence[str] | None,
    count: int,
    labels: Mapping[str, str],
    model: str,
) -> tuple[int, ...]:
    """Return the network's class for each class of the data: by `labels`, else by name.

    A network without class names is assumed to have the data's classes in their order.

    Raises:
        ArgumentError: the network lacks a class, or two classes match the same one.

    >>> matched(["cat", "dog"], ["Dog", "hare", "Cat"], 3, {}, "net")
    (2, 0)
    """
    from annealcam.attribution.targets import resolve_target

    for name in labels:
        if name not in classes:
            raise ArgumentError(
                f"data.labels: {name!r} is no class of the data{suggest(name, classes)}"
            )
    if names is None and not labels:
        if count != len(classes):
            raise ArgumentError(
                f"model={model!r}: {count} classes without names, the data have {len(classes)}; "
                "match them under [data.labels]"
            )
        return tuple(range(count))
    targets = []
    for name in classes:
        try:
            index = resolve_target(labels.get(name, name), names, count)
        except TargetError as error:
            raise ArgumentError(
                f"data: class {name!r} is no class of model {model!r} ({error}); "
                "match it under [data.labels]"
            ) from None
        assert index is not None
        targets.append(index)
    if len(set(targets)) < len(targets):
        raise ArgumentError(
            f"data.labels: two classes of the data are the same class of model {model!r}"
        )
    return tuple(targets)
