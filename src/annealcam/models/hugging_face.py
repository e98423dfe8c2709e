"""Classifiers in folders that Hugging Face's `save_pretrained` wrote, with their image processors.

Only local files are read, and no code of a folder is run: weights are safetensors, or tensors in a
`.bin` file, and configurations are JSON.
"""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from annealcam._internal.extras import require_extra
from annealcam.errors import AnnealcamError, ArgumentError, ModelError, ModelNameError
from annealcam.models.images import ArrayInput
from annealcam.models.loaded import LoadedModel
from annealcam.models.preprocess import Preprocess, without_far_ends

LINKS = {
    "single_label_classification": "softmax",
    "multi_label_classification": "sigmoid",
    "regression": "identity",
}
_LOCAL: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
_MODES = {1: "L", 3: "RGB"}
_MOST_LAYERS = 10_000  # of a stage; a hostile configuration would build for hours
_MOST_CLASSES = 10**6  # transformers makes a name for each
_CROPPED_BELOW = 384  # ConvNeXT's processor stretches to larger sizes


def load_hugging_face(place: str) -> LoadedModel:
    """Return the image classifier in a folder, with its image processor and its `id2label`.

    The network is what `AutoModelForImageClassification` makes of the folder, in float32. The link
    follows from `problem_type`; where that is not set, a network with one output is a regression,
    as in Hugging Face's own loss.

    Raises:
        ModelNameError: there is no such folder.
        ModelError: transformers is not installed, the folder holds no image classifier or no image
            processor, some of its weights are missing or do not fit, or it would run code.
    """
    name = f"model={'hf:' + place!r}"
    folder = _folder(place, name)
    transformers = _library(name)
    with _quiet(transformers):
        config = _config(name, folder, transformers)
        model = _network(name, folder, config, transformers.AutoModelForImageClassification)
        processor = _processor(name, folder, transformers.AutoImageProcessor)
    preprocess = preprocess_of(processor, getattr(config, "num_channels", 3))
    kind = config.problem_type or ("regression" if config.num_labels == 1 else "")
    record = {
        "architecture": type(model).__name__,
        "transformers": transformers.__version__,
        "problem_type": config.problem_type,
        "processor": json.loads(processor.to_json_string()),
    }
    return LoadedModel(
        model, preprocess, _classes(config), link=LINKS.get(kind), record={"hf": record}
    )


def _folder(place: str, name: str) -> Path:
    folder = Path(place)
    try:
        folder = folder.expanduser()
        is_file, is_folder = folder.is_file(), folder.is_dir()
    except (OSError, RuntimeError) as error:  # too long, or of a user who does not exist
        raise ModelNameError(f"{name}: no path of a folder ({error})") from error
    if is_file:
        raise ModelNameError(f"{name}: a file; give the folder that holds it and config.json")
    if not is_folder:
        on_hub = place if re.fullmatch(r"[\w.-]+/[\w.-]+", place) else "NAME"
        raise ModelNameError(
            f"{name}: no such folder; hf: reads a local folder and downloads nothing "
            f"(`hf download {on_hub} --local-dir FOLDER` fetches one)"
        )
    if not (folder / "config.json").is_file():
        raise ModelError(f"{name}: holds no config.json; write it by network.save_pretrained")
    return folder


def _library(name: str) -> Any:
    require_extra("transformers", extra="hf", needed_by=name, kind=ModelError)
    import transformers

    return transformers


def _config(name: str, folder: Path, transformers: Any) -> Any:
    """Return the configuration of an image classifier that its files can fill."""
    with _plain_errors(name, "its config.json cannot be used"):
        count = json.loads((folder / "config.json").read_text("utf-8")).get("num_labels") or 0
        if count > _MOST_CLASSES:
            raise ValueError(f"num_labels {count}: at most {_MOST_CLASSES}")
        config = transformers.AutoConfig.from_pretrained(folder, **_LOCAL)
    if type(config) not in transformers.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING:
        raise ModelError(
            f"{name}: holds a network of the type {config.model_type!r}, which transformers does "
            "not use as an image classifier; give a folder of AutoModelForImageClassification"
        )
    if any(depth > _MOST_LAYERS for depth in _depths(config)):
        raise ModelError(f"{name}: its config.json has over {_MOST_LAYERS} layers in a stage")
    with _plain_errors(name, "its config.json cannot be used"), torch.device("meta"):
        blank = transformers.AutoModelForImageClassification.from_config(
            config, trust_remote_code=False
        )
    numbers = sum(parameter.numel() for parameter in blank.parameters())
    stored = sum(f.stat().st_size for f in folder.iterdir() if f.suffix in (".safetensors", ".bin"))
    if numbers > stored:  # before they are allocated; a number takes one byte at least
        raise ModelError(
            f"{name}: its config.json describes {numbers} weights, and its files hold {stored} "
            "bytes; put the whole network's files (model.safetensors) into the folder"
        )
    return config


def _depths(config: Any) -> Iterator[float]:
    for key in ("depths", "num_hidden_layers", "depth", "num_layers", "layer_depths"):
        value = getattr(config, key, None)
        yield from (v for v in (value if isinstance(value, list | tuple) else [value]) if v)


def _network(name: str, folder: Path, config: Any, auto_class: Any) -> nn.Module:
    """Return the network, all of whose weights come from the folder."""
    with _plain_errors(name, "its weights cannot be read"):
        model, report = auto_class.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            weights_only=True,
            ignore_mismatched_sizes=True,  # reported, and refused below
            output_loading_info=True,
            **_LOCAL,
        )
    if report["mismatched_keys"]:
        key, stored, expected = min(report["mismatched_keys"])
        raise ModelError(
            f"{name}: {key} has shape {tuple(stored)} in the file and {tuple(expected)} by "
            "config.json; save the network and its configuration together by save_pretrained"
        )
    floating = {k for k, t in model.state_dict().items() if t.is_floating_point()}
    missing = sorted(floating & set(report["missing_keys"]))  # they would be random numbers
    if missing:
        raise ModelError(
            f"{name}: its files lack {len(missing)} of the network's tensors, such as "
            f"{missing[0]}; give the folder of a network fine-tuned for classification"
        )
    return model


def _processor(name: str, folder: Path, auto_class: Any) -> Any:
    try:
        with _plain_errors(name, "its image processor cannot be read"):
            return auto_class.from_pretrained(folder, **_LOCAL)
    except ModelError as error:
        if (folder / "preprocessor_config.json").exists():
            raise
        raise ModelError(
            f"{name}: holds no preprocessor_config.json, so that its preprocessing is not known; "
            "write it by processor.save_pretrained"
        ) from error


def _classes(config: Any) -> tuple[str, ...] | None:
    labels = {int(index): str(label) for index, label in config.id2label.items()}
    complete = sorted(labels) == list(range(config.num_labels))
    return tuple(labels[i] for i in range(config.num_labels)) if complete else None


@dataclass(frozen=True)
class ProcessorPreprocess(Preprocess):
    """A Hugging Face image processor, with the geometry and normalisation that it applies.

    Photos become the processor's own `pixel_values`, to the bit. Those of `Preprocess` with the
    same settings differ by up to two of 255 levels in few of them, as the processors of
    transformers resize by torchvision's kernels; and a crop begins at the whole pixel before the
    middle here.
    """

    # No argument, so that dataclasses.replace, which changes the settings, leaves it out.
    processor: Any = field(default=None, init=False, repr=False, compare=False)

    def __call__(self, photo: Image.Image | ArrayInput) -> Float[Tensor, "channels length *more"]:
        """Return the input of the network, a tensor (channels, height, width)."""
        if self.processor is None or not isinstance(photo, Image.Image):
            return super().__call__(photo)
        if isinstance(self.resize, int):
            photo = without_far_ends(photo)
        return _pixel_values(self.processor, photo, self.channels)

    def as_json(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        settings = {k: v for k, v in vars(self).items() if k != "processor"}
        return Preprocess(**settings).as_json()

    @staticmethod
    def _start(length: int, part: int) -> int:
        return int((length - part) / 2)


def preprocess_of(processor: Any, channels: int) -> Callable[[Any], Tensor]:
    """Return an image processor of transformers as a preprocessing.

    Its settings are read off, and tried on two pictures of noise. A processor that does anything
    else than resize, crop the middle, scale and normalise is called as it is; which part of a
    photo it shows is then unknown.
    """

    def opaque(photo: Image.Image) -> Tensor:
        return _pixel_values(processor, photo, channels)

    if channels not in _MODES:
        return opaque
    try:
        preprocess = _translated(processor, channels)
        if _agree(preprocess, processor):
            object.__setattr__(preprocess, "processor", processor)
            return preprocess
    except (AnnealcamError, TypeError, ValueError, KeyError, AttributeError, ArithmeticError):
        pass  # settings of another kind
    return opaque


def _translated(processor: Any, channels: int) -> ProcessorPreprocess:
    settings = processor.to_dict()
    resize, crop = _geometry(settings)
    scale = 255 * settings["rescale_factor"] if settings.get("do_rescale") else 255.0
    scale = 1.0 if math.isclose(scale, 1) else scale
    mean, std = [0.0], [1.0]
    if settings.get("do_normalize"):
        mean, std = (np.atleast_1d(settings[k]).tolist() for k in ("image_mean", "image_std"))
    mean, std = (values * channels if len(values) == 1 else values for values in (mean, std))
    return ProcessorPreprocess(
        resize=resize,
        crop=crop,
        mean=[m / scale for m in mean],
        std=[s / scale for s in std],
        interpolation=Image.Resampling(settings["resample"]).name.lower(),
    )


def _geometry(settings: dict[str, Any]) -> tuple[Any, Any]:
    """Return `resize` and `crop` of `Preprocess`."""
    size = settings["size"]
    short = size.get("shortest_edge")
    if short and settings.get("crop_pct"):
        return (None if short >= _CROPPED_BELOW else int(short / settings["crop_pct"])), short
    resize = short or (size["height"], size["width"])
    crop = resize
    if settings.get("do_center_crop"):
        crop = settings["crop_size"]["height"], settings["crop_size"]["width"]
    resize = None if resize == crop and not short else resize
    return resize, crop[0] if isinstance(crop, tuple) and crop[0] == crop[1] else crop


def _agree(preprocess: ProcessorPreprocess, processor: Any) -> bool:
    """Whether both give the same tensors of two pictures of noise, to half a level in the mean.

    A shift by one pixel makes five levels and more.
    """
    generator = np.random.default_rng(0)
    for width, height in ((61, 40), (40, 59)):
        noise = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
        picture = Image.fromarray(noise)
        ours, theirs = preprocess(picture), _pixel_values(processor, picture, preprocess.channels)
        level = torch.tensor(preprocess.std)[:, None, None] * 255
        if ours.shape != theirs.shape or ((ours - theirs) * level).abs().mean() > 0.5:
            return False
    return True


def _pixel_values(processor: Any, photo: Image.Image, channels: int) -> Tensor:
    if channels not in _MODES:
        raise ArgumentError(
            f"photo: the network takes {channels} channels; pass tensors to annealcam.explain"
        )
    batch = processor(photo.convert(_MODES[channels]), return_tensors="pt")
    pixels: Tensor = batch["pixel_values"][0]
    return pixels


@contextmanager
def _plain_errors(name: str, what: str) -> Iterator[None]:
    """Raise whatever transformers raises as one line."""
    try:
        yield
    except Exception as error:
        if "trust_remote_code" in str(error):
            raise ModelError(
                f"{name}: needs Python code of the folder, which is not run; load it by "
                "transformers and pass the network to annealcam.explain"
            ) from error
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"{name}: {what} ({first[:200]}); save it again by save_pretrained"
        ) from error


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Turn off the reports and progress bars of transformers; what they show is checked here."""
    log = transformers.utils.logging
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity(log.CRITICAL)
    log.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()
