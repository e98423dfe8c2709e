"""What a user or a model card states about a network: applied to it, and recorded."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from annealcam.errors import AnnealcamWarning, ArgumentError
from annealcam.models.cards.model_card import ModelCard, find_card, is_size, read_card
from annealcam.models.loaded import PREPROCESSING, LoadedModel
from annealcam.models.preprocess import Preprocess
from annealcam.models.state_dicts.fit import classes_of

_CHOSEN = (*PREPROCESSING, "crop", "channels")
_CLASSIFIERS = ("annealcam.models.efficientnet_lite", "torchvision.models", "timm.models")


def card_for(name: str, given: Mapping[str, Any]) -> tuple[ModelCard, Path | None]:
    """Return the values given by keyword over those of the card, and the card's path.

    Args:
        name: of the network, as `load_model` takes it.
        given: values by name; `card` may be the path of a card, or False for none. Without it, the
            card beside the weights file is read if there is one.

    Raises:
        ArgumentError: a value is not valid.
        ModelError: the card cannot be read.
    """
    options = {key: value for key, value in given.items() if key != "card"}
    card = given.get("card")
    if card is None:
        path = _beside(name)
    elif card is False:
        path = None
    elif isinstance(card, str | Path):
        path = Path(card)
    else:
        raise ArgumentError(
            f"card, a {type(card).__name__}: must be the path of a TOML file, or False for none"
        )
    own = ModelCard(**options)
    if path is None:
        return own, None
    try:
        return read_card(path).updated(own), path
    except ArgumentError as error:
        raise ArgumentError(f"{error} (of {path} and the options together)") from error


def _beside(name: str) -> Path | None:
    """The card beside the weights file that a name contains, as in `torchvision:NAME:FILE`."""
    after = name.split(":", 2)[-1] if name.count(":") >= 2 else name
    for file in (Path(name), Path(after)):
        try:
            if file.is_file():
                return find_card(file)
        except (OSError, ValueError):  # too long for a path, or with a null character
            return None
    return None


def with_choices(loaded: LoadedModel, card: ModelCard, path: Path | None) -> LoadedModel:
    """Return the network with what the card states, and a record of what is stated and assumed.

    `loaded.record["assumed"]` lists what the loader assumes: of `PREPROCESSING`, and `classes`.

    Raises:
        ArgumentError: a value does not fit the network.
    """
    preprocess, assumed = _preprocess(loaded, card)
    classes = loaded.classes
    if card.classes is not None:
        _refuse_other_count(loaded.model, card.classes)
        classes = card.classes
    if "classes" in loaded.record.get("assumed", ()) and classes is loaded.classes is not None:
        assumed.append("classes")
    assumed += _set_transform_input(loaded, card.transform_input)
    about = preprocess.as_json() if isinstance(preprocess, Preprocess) else None
    record = {
        **loaded.record,
        "card": None if path is None else str(path),
        "preprocess": about,
        "assumed": assumed,
    }
    if hasattr(loaded.model, "transform_input"):
        record["transform_input"] = bool(loaded.model.transform_input)
    if card.layer is not None:
        record["layer"] = card.layer
    link = card.link or loaded.link
    return loaded.changed(preprocess=preprocess, classes=classes, link=link, record=record)


def assumed_sentence(loaded: LoadedModel, name: str) -> str:
    """Return a sentence about the preprocessing that is assumed, empty where nothing is.

    >>> assumed_sentence(LoadedModel(nn.Linear(1, 2), Preprocess(), None), "x")
    ''
    """
    assumed = [key for key in PREPROCESSING if key in loaded.record.get("assumed", ())]
    if not assumed or not isinstance(loaded.preprocess, Preprocess):
        return ""
    p = loaded.preprocess
    values = {
        "mean": _rounded(p.mean), "std": _rounded(p.std), "size": _plain(p.crop),
        "resize": _plain(p.resize), "interpolation": p.interpolation,
    }  # fmt: skip
    listed = ", ".join(f"{key} {values[key]}" for key in assumed)
    return (
        f"{name}: the preprocessing of photos is not stored with the network; assumed: {listed}. "
        "Give what your training used by options, or in a model card (`annealcam model-card FILE`)"
    )


def _rounded(values: Any) -> str:
    values = values[:1] if len(set(values)) == 1 else values
    return "/".join(f"{value:.3g}" for value in values)


def _plain(size: Any) -> str:
    if size is None:
        return "none (stretched)"
    return str(size) if isinstance(size, int) else " x ".join(map(str, size))


def _preprocess(loaded: LoadedModel, card: ModelCard) -> tuple[Callable[..., Tensor], list[str]]:
    """The preprocessing, and the names of what neither a user nor a file states."""
    chosen = [key for key in _CHOSEN if key in card.given]
    base = loaded.preprocess
    assumed = [key for key in PREPROCESSING if key in loaded.record.get("assumed", ())]
    if not isinstance(base, Preprocess):
        if chosen:
            raise ArgumentError(
                f"{', '.join(chosen)}: the network brings its own preprocessing "
                f"({type(base).__name__}); change it there, or return None for it"
            )
        return base, []
    channels, bands = _channels(loaded.model, base, card, by_weights="mean" in assumed)
    if not chosen and channels == base.channels:
        return base, assumed
    resize, crop = _sizes(base, card)
    mean, std = _mean_and_std(base, card, channels)
    preprocess = Preprocess(
        resize, crop, mean, std, card.interpolation or base.interpolation,
        base.bands if bands is None and channels == base.channels else bands,
        base.normalise_arrays or card.mean is not None or card.std is not None,
    )  # fmt: skip
    stated = set(chosen)
    if is_size(card.crop):
        stated.add("size")
    if resize is None:
        stated.add("resize")
    return preprocess, [key for key in assumed if key not in stated]


def _channels(
    model: nn.Module, base: Preprocess, card: ModelCard, *, by_weights: bool
) -> tuple[int, tuple[int, ...] | None]:
    """The number of channels, and the bands if they are listed."""
    if card.channels is not None and not isinstance(card.channels, int):
        return len(card.channels), tuple(card.channels)
    own = input_channels(model)
    listed = next((len(v) for v in (card.mean, card.std) if isinstance(v, tuple)), None)
    count = card.channels or listed
    if count is not None and own is not None and count != own:
        name = "channels" if card.channels else "mean and std"
        raise ArgumentError(f"{name}: for {count} channels, but the network takes {own}")
    if count is None and by_weights:
        count = own
    return count or base.channels, None


def input_channels(model: nn.Module) -> int | None:
    """Return the channels of the first convolution of a network; None if it begins otherwise.

    >>> input_channels(nn.Sequential(nn.Conv2d(12, 8, 3), nn.Conv2d(8, 2, 1)))
    12
    """
    for module in model.modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d):
            return int(module.in_channels) or None  # 0 of a lazy layer
        if not list(module.children()) and list(module.parameters()):
            return None
    return None


def _mean_and_std(base: Preprocess, card: ModelCard, channels: int) -> tuple[Any, Any]:
    """Mean and std for each channel; those of the network are averaged over colours for grey."""
    values = []
    for name, own, neutral in (("mean", base.mean, 0.0), ("std", base.std, 1.0)):
        value = getattr(card, name)
        if isinstance(value, int | float):
            value = (value,) * channels
        if value is None and len(own) == channels:
            value = own
        elif value is None and channels == 1:
            value = (sum(own) / len(own),)
        elif value is None:
            value = (neutral,) * channels
        if len(value) != channels:
            raise ArgumentError(
                f"{name}={list(value)}: has {len(value)} numbers for {channels} channels; give one "
                "for each"
            )
        values.append(value)
    return values[0], values[1]


def _sizes(base: Preprocess, card: ModelCard) -> tuple[Any, Any]:
    """The arguments `resize` and `crop` of the preprocessing.

    A new size of a square keeps the ratio of both; an oblong one is stretched.
    """
    crop = card.size if card.size is not None else card.crop if is_size(card.crop) else None
    if card.crop is False:
        return None, crop or base.crop
    if card.resize is not None or crop is None:
        resize = base.resize if card.resize is None else card.resize
        if resize is None and card.crop is True:
            raise ArgumentError("crop=True: the network stretches photos; give resize as well")
        return resize, crop or base.crop
    if not isinstance(crop, int):
        return None, crop
    if isinstance(base.resize, int) and isinstance(base.crop, int):
        return round(crop * base.resize / base.crop), crop
    return None if base.resize is None else crop, crop


def _outputs(model: nn.Module) -> int | None:
    """The number of outputs, known for bundled networks and those of the libraries."""
    if type(model).__module__.startswith("transformers.models"):
        return getattr(getattr(model, "config", None), "num_labels", None)
    if not type(model).__module__.startswith(_CLASSIFIERS):
        return None
    return classes_of(model)


def _refuse_other_count(model: nn.Module, names: Any) -> None:
    outputs = _outputs(model)
    if outputs is None or len(names) == outputs or (outputs, len(names)) == (1, 2):
        return
    allowed = "one name, or two" if outputs == 1 else f"{outputs} names"
    raise ArgumentError(
        f"classes: {len(names)} names, but the network has {outputs} outputs; give {allowed}"
    )


def _set_transform_input(loaded: LoadedModel, chosen: bool | None) -> list[str]:
    """Set `transform_input` of Inception and GoogLeNet; return whether it is assumed."""
    model = loaded.model
    has_it = type(model).__module__.startswith("torchvision.") and hasattr(model, "transform_input")
    if not has_it:
        if chosen is not None:
            raise ArgumentError(
                f"transform_input={chosen}: {type(model).__name__} has none; leave it out (only "
                "inception_v3 and googlenet of torchvision do)"
            )
        return []
    if chosen is not None:
        model.transform_input = chosen  # type: ignore[assignment]
        return []
    if "transform_input" not in loaded.record.get("assumed", ()):
        return []
    model.transform_input = True  # type: ignore[assignment]
    warnings.warn(
        "transform_input=True is assumed, as of a network that was fine-tuned from torchvision's "
        "pretrained weights. It is not stored in the weights, and another value gives other "
        "predictions. Give transform_input=False (--no-transform-input) if it was trained from "
        "scratch, or True to confirm",
        AnnealcamWarning,
        stacklevel=2,
    )
    return ["transform_input"]
