"""Options of commands that take a network: what a weights file does not hold."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from annealcam.cli.console import print_note, print_warning
from annealcam.cli.interface.extended import extended
from annealcam.cli.interface.panels import HELP_ALL, WEIGHTS
from annealcam.errors import AnnealcamWarning, ArgumentError

if TYPE_CHECKING:
    from annealcam.models.loaded import LoadedModel


def _option(name: str, text: str, default: str | bool = True) -> Any:
    return typer.Option(name, help=text, rich_help_panel=WEIGHTS, show_default=default)


_ASSUMED = "that of the model card, or assumed"
NETWORK_OPTIONS: dict[str, Any] = {
    "architecture": Annotated[
        str | None,
        _option("--architecture", "Network that the file's weights fill: torchvision:NAME, ..."),
    ],
    "classes": Annotated[
        str | None,
        _option("--classes", "Class names with commas between them, or a JSON or text file."),
    ],
    "mean": Annotated[
        str | None,
        _option("--mean", "Mean of the pixels of each channel (0 to 1), as .5,.4,.4.", _ASSUMED),
    ],
    "std": Annotated[
        str | None, _option("--std", "Standard deviation of each channel, as --mean.", _ASSUMED)
    ],
    "size": Annotated[
        str | None,
        _option("--size", "Pixels of the network's input: 224, or HEIGHT,WIDTH.", _ASSUMED),
    ],
    "resize": Annotated[
        str | None,
        _option("--resize", "Pixels of a photo's short side before the crop.", _ASSUMED),
    ],
    "crop": Annotated[
        str | None,
        _option("--crop", "none stretches the whole photo to --size; a number is --size."),
    ],
    "channels": Annotated[
        str | None,
        _option("--channels", "Number of channels, 1 for grey; or bands from 0, as 2,1,0."),
    ],
    "interpolation": Annotated[
        str | None,
        _option("--interpolation", "nearest, bilinear, bicubic, lanczos, ...", _ASSUMED),
    ],
    "link": Annotated[
        str | None,
        _option("--link", "softmax, sigmoid or identity: what makes probabilities of outputs."),
    ],
    "transform_input": Annotated[
        bool | None,
        _option(
            "--transform-input/--no-transform-input",
            "Of inception_v3 and googlenet: weights fine-tuned from pretrained ones, or not.",
        ),
    ],
    "card": Annotated[
        str | None,
        _option("--card", "Model card; none for none.", "FILE.toml beside the weights"),
    ],
}


def takes_network_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add `NETWORK_OPTIONS` to a command, which gets them together as `network_options`."""
    options = {**NETWORK_OPTIONS, "help_all": HELP_ALL}
    return extended(command, options, _run, without="network_options")


def _run(
    command: Callable[..., None], args: Any, kwargs: dict[str, Any], values: dict[str, Any]
) -> None:
    texts = {name: values[name] for name in NETWORK_OPTIONS}
    command(*args, **kwargs, network_options=parsed(texts))


def parsed(texts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of `load_model` in the texts of a command line; None is left out.

    >>> parsed({"mean": "0.5", "size": "20,30", "classes": "cat, dog", "crop": "none"})
    {'mean': 0.5, 'size': [20, 30], 'classes': ['cat', 'dog'], 'crop': False}
    """
    readers: dict[str, Callable[[str, str], Any]] = {
        "classes": _names, "mean": _numbers, "std": _numbers, "size": _wholes, "resize": _wholes,
        "crop": _none_or_wholes, "channels": _wholes, "card": _none_or_text,
    }  # fmt: skip
    return {
        name: readers[name](name, value) if name in readers else value
        for name, value in texts.items()
        if value is not None
    }


def _names(_name: str, text: str) -> str | list[str]:
    """Return class names, or the file that holds them."""
    is_path = text.lower().endswith((".txt", ".json", ".csv")) or os.sep in text
    if Path(text).is_file() or (is_path and "," not in text):
        return text
    return [name.strip() for name in text.split(",")]


def _numbers(name: str, text: str, *, kind: type = float, noun: str = "numbers") -> Any:
    """Return the numbers between commas; a single one without a comma is no list."""
    try:
        values = [kind(part) for part in text.split(",") if part.strip()]
    except ValueError:
        values = []
    if not values:
        raise ArgumentError(f"--{name} {text}: must be {noun} with commas between them")
    return values if "," in text else values[0]


def _wholes(name: str, text: str) -> Any:
    return _numbers(name, text, kind=int, noun="whole numbers")


def _none_or_wholes(name: str, text: str) -> Any:
    return False if text.lower() == "none" else _wholes(name, text)


def _none_or_text(_name: str, text: str) -> Any:
    return False if text.lower() == "none" else text


def load_adapted(name: str, network_options: Mapping[str, Any] | None = None) -> LoadedModel:
    """Load a network as `load_network` does, adapted to its link."""
    from annealcam.attribution.network.adapted import adapt

    loaded = load_network(name, network_options)
    return loaded.changed(model=adapt(loaded.model, link=loaded.link))


def load_network(name: str, network_options: Mapping[str, Any] | None = None) -> LoadedModel:
    """Load a network, and print what is assumed about it, and other doubts, as warnings.

    Raises:
        AnnealcamError: there is no such network, or an option does not fit it.
    """
    from annealcam.models.cards.choices import assumed_sentence
    from annealcam.models.load import load_model
    from annealcam.models.state_dicts.fit import taken_sentence

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", AnnealcamWarning)
        loaded = load_model(name, **(network_options or {}))
    for warning in caught:
        if issubclass(warning.category, AnnealcamWarning):
            print_warning(warning.message)
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    if weights := loaded.record.get("weights"):
        print_note(taken_sentence(weights))
        if loaded.classes is None and loaded.link != "identity":
            print_note(f"{name}: its classes have no names; give --classes NAME,NAME,...")
    if sentence := assumed_sentence(loaded, name):
        print_warning(sentence)
    return loaded
