"""Model cards: a small TOML file beside a weights file, with what the weights do not hold.

A card has the keys of `ModelCard`, each of which may be left out:

    architecture = "torchvision:resnet18"
    classes = ["cat", "dog", "fox"]
    mean = [0.485, 0.456, 0.406]
    std = [0.229, 0.224, 0.225]
    size = 224
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from annealcam._internal.links import LINKS
from annealcam._internal.storage.files import file_written_aside
from annealcam._internal.text import shorten
from annealcam._internal.validation import one_of, whole
from annealcam.errors import ArgumentError, ModelError, OutputError, suggest
from annealcam.models.cards.class_names import class_names
from annealcam.models.preprocess import INTERPOLATIONS, band_numbers, numbers, side_or_sides

LARGEST = 2**20  # bytes of a card
MOST_CHANNELS = 10_000


@dataclass(frozen=True)
class ModelCard:
    """What a weights file does not hold about its network.

    Attributes:
        architecture: the network that the weights fill, such as `torchvision:resnet18`.
        classes: names of the outputs, in order.
        mean, std: one number for each channel, or one number for all, in units of photos scaled to
            0 to 1.
        size: the network's input in pixels: the side of a square, or (height, width).
        resize: pixels of a photo's short side before the central crop, or (height, width).
        crop: False stretches the whole photo to `size`; a number is another name of `size`.
        interpolation: nearest, bilinear, bicubic, lanczos, box or hamming.
        channels: the number of channels, 1 for grey; or a list of the bands of a picture, counted
            from 0.
        link: what makes probabilities of the outputs: softmax, sigmoid or identity.
        transform_input: whether Inception or GoogLeNet normalises its input once more, as
            torchvision's do that are made with pretrained weights.
        layer: the layer that the command line explains by default.

    Raises:
        ArgumentError: a value is of another type or outside its domain, or two do not fit.

    >>> ModelCard(classes=["cat", "dog"], size=96).classes
    ('cat', 'dog')
    """

    architecture: str | None = None
    classes: Sequence[str] | None = None
    mean: float | Sequence[float] | None = None
    std: float | Sequence[float] | None = None
    size: int | Sequence[int] | None = None
    resize: int | Sequence[int] | None = None
    crop: bool | int | Sequence[int] | None = None
    interpolation: str | None = None
    channels: int | Sequence[int] | None = None
    link: str | None = None
    transform_input: bool | None = None
    layer: str | None = None

    def __post_init__(self) -> None:
        for name, value in self.given.items():
            object.__setattr__(self, name, _checked(name, value))
        self._refuse_other_lengths()
        self._refuse_other_sizes()

    @property
    def given(self) -> dict[str, Any]:
        """The values that are not left out."""
        return {name: value for name, value in vars(self).items() if value is not None}

    def updated(self, other: ModelCard) -> ModelCard:
        """Return a card with the values of `other` where they are given, and these elsewhere.

        A size that is given replaces a crop of this card, and a crop its size.

        >>> ModelCard(size=96, link="sigmoid").updated(ModelCard(size=64)).given
        {'size': 64, 'link': 'sigmoid'}
        """
        mine, others = self.given, other.given
        for name, same in (("size", "crop"), ("crop", "size")):
            if name in others and is_size(others[name]) and is_size(mine.get(same)):
                del mine[same]
        if others.get("crop") is False:
            mine.pop("resize", None)
        if "resize" in others and mine.get("crop") is False:
            del mine["crop"]
        return ModelCard(**{**mine, **others})

    def _refuse_other_lengths(self) -> None:
        counts = {}
        for name in ("mean", "std", "channels"):
            value = getattr(self, name)
            if isinstance(value, tuple):
                counts[name] = len(value)
            elif name == "channels" and value is not None:
                counts[name] = value
        if len(set(counts.values())) > 1:
            values = ", ".join(f"{name}={_plain(getattr(self, name))}" for name in counts)
            has = " and ".join(map(str, counts.values()))
            raise ArgumentError(
                f"{values}: for {has} channels; give mean and std one number for each channel"
            )

    def _refuse_other_sizes(self) -> None:
        if is_size(self.crop) and self.size is not None and self.crop != self.size:
            raise ArgumentError(
                f"size={_plain(self.size)}, crop={_plain(self.crop)}: both are the network's "
                "input; leave out one of them"
            )
        if self.crop is False and self.resize is not None:
            raise ArgumentError(
                f"resize={_plain(self.resize)}, crop=False: without a crop the photo is stretched "
                "to size; leave out one of them"
            )


def is_size(value: Any) -> bool:
    """Return whether a value of `crop` or `size` is a number of pixels, or a pair of them.

    >>> is_size(96), is_size(False), is_size(None)
    (True, False, False)
    """
    return value is not None and not isinstance(value, bool)


def read_card(path: str | os.PathLike[str]) -> ModelCard:
    """Return the card in a TOML file.

    A file of class names, `classes = "names.txt"`, is searched for beside the card. A card is data,
    which may come from others: its architecture cannot be MODULE:FUNCTION, which runs code.

    Raises:
        ModelError: there is no such file, it is too large or no TOML, it has an unknown key or a
            value of another type, length or domain, or its architecture would run code.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "mine.pth.toml"
    ...     _ = file.write_text("size = 96")
    ...     read_card(file).size
    96
    """
    file = Path(path)
    values = _read_toml(file)
    names = [field.name for field in fields(ModelCard)]
    for key, value in values.items():
        if key not in names:
            near = suggest(key, names) or f"; a card has {', '.join(names)}"
            raise ModelError(
                f"{file}: {shorten(key, 60)!r} = {_plain(value)}: a model card has no such key"
                f"{near}"
            )
    if isinstance(values.get("classes"), str):
        values["classes"] = str(file.parent / values["classes"])
    try:
        card = ModelCard(**values)
    except ArgumentError as error:
        raise ModelError(f"{file}: {error}") from error
    if runs_code(card.architecture):
        raise ModelError(
            f"{file}: architecture={_plain(card.architecture)}: a card names networks of "
            "torchvision or timm, and runs no code; leave it out, and give it by --architecture "
            "(architecture= in Python)"
        )
    return card


def runs_code(architecture: str | None) -> bool:
    """Return whether an architecture is MODULE:FUNCTION, whose code makes the network.

    >>> runs_code("nets:make"), runs_code("timm:resnet18"), runs_code("resnet18")
    (True, False, False)
    """
    library, colon, _ = (architecture or "").partition(":")
    return bool(colon) and library not in ("torchvision", "timm")


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        if not file.is_file():
            raise ModelError(f"card={shorten(str(file), 200)!r}: no such file")
        if file.stat().st_size > LARGEST:
            raise ModelError(f"{file}: more than {LARGEST} bytes; this is no model card")
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except RecursionError as error:
        raise ModelError(f"{file}: nested too deeply; a card has plain keys only") from error
    except (OSError, ValueError) as error:  # TOML and UTF-8 errors are ValueErrors
        reason = getattr(error, "strerror", None) or str(error).split("\n")[0]
        name = shorten(str(file), 200)
        raise ModelError(f"{name}: cannot be read as TOML ({reason[:200]})") from error


def find_card(weights: Path) -> Path | None:
    """Return the card beside a weights file: `mine.pth.toml`, else `mine.toml`; else None.

    >>> find_card(Path("no/mine.pth")) is None
    True
    """
    beside = (weights.with_name(f"{weights.name}.toml"), weights.with_suffix(".toml"))
    return next((file for file in beside if file != weights and file.is_file()), None)


def write_card(
    card: ModelCard,
    path: str | os.PathLike[str],
    *,
    comments: Mapping[str, str] | None = None,
    header: str = "",
) -> None:
    """Write a card as TOML that `read_card` reads again; a comment goes before its key.

    Args:
        card: the values.
        path: of the file, which is replaced.
        comments: by key, each of one line.
        header: a comment for the top, of one line.

    Raises:
        OutputError: the file cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "mine.toml"
    ...     write_card(ModelCard(mean=[0.5], link="sigmoid"), file, comments={"mean": "assumed"})
    ...     print(file.read_text(), end="")
    # assumed
    mean = [0.5]
    link = "sigmoid"
    """
    lines = [_comment(header)] if header else []
    for name, value in card.given.items():
        if comments and name in comments:
            lines.append(_comment(comments[name]))
        lines.append(f"{name} = {_toml(value)}")
    try:
        content = ("\n".join(lines) + "\n").encode()
    except UnicodeEncodeError as error:
        raise OutputError(f"{path}: a value has characters beyond Unicode ({error})") from error
    with file_written_aside(path) as aside:
        aside.write_bytes(content)


def _comment(text: str) -> str:
    return "# " + "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        inside = [_toml(item) for item in value]
        if all(isinstance(item, str) for item in value):
            return "[\n" + "".join(f"    {item},\n" for item in inside) + "]"
        return f"[{', '.join(inside)}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value).lower() if isinstance(value, bool) else repr(value)


def _plain(value: Any) -> str:
    return shorten(repr(list(value) if isinstance(value, tuple) else value), 80)


def _checked(name: str, value: Any) -> Any:
    """Return a valid value; errors are one short line, whatever the value."""
    try:
        return _CHECKS[name](name, value)
    except ArgumentError as error:
        raise ArgumentError(shorten(" ".join(str(error).split()), 400)) from error


def _text(argument: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ArgumentError(f"{argument}={_plain(value)}: must be a name")
    return value


def _switch(argument: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ArgumentError(f"{argument}={_plain(value)}: must be true or false")
    return value


def _per_channel(argument: str, values: Any) -> float | tuple[float, ...]:
    if isinstance(values, bool | str | Mapping):
        raise ArgumentError(f"{argument}={_plain(values)}: must be one number for each channel")
    if isinstance(values, int | float):
        values = numbers(argument, [values])[0]
        listed: tuple[float, ...] = (values,)
    else:
        values = listed = numbers(argument, values)
    if argument == "std" and min(listed) <= 0:
        raise ArgumentError(f"std={_plain(values)}: must be above 0, since it divides")
    return values


def _sides_or_switch(argument: str, value: Any) -> bool | int | tuple[int, int]:
    return value if isinstance(value, bool) else side_or_sides(argument, value)


def _channels(argument: str, value: Any) -> int | tuple[int, ...]:
    if isinstance(value, list | tuple):
        return band_numbers(argument, value)
    if isinstance(value, bool):
        raise ArgumentError(f"{argument}={value}: must be a number of channels or a list of bands")
    count = whole(argument, value, least=1)
    if count > MOST_CHANNELS:
        raise ArgumentError(f"{argument}={_plain(value)}: must be {MOST_CHANNELS} or fewer")
    return count


_CHECKS = {
    "architecture": _text,
    "classes": lambda argument, value: class_names(value, argument=argument),
    "mean": _per_channel,
    "std": _per_channel,
    "size": side_or_sides,
    "resize": side_or_sides,
    "crop": _sides_or_switch,
    "interpolation": lambda argument, value: one_of(argument, value, INTERPOLATIONS),
    "channels": _channels,
    "link": lambda argument, value: one_of(argument, value, LINKS),
    "transform_input": _switch,
    "layer": _text,
}
