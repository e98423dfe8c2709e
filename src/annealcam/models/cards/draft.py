"""A first model card for a weights file, to be edited."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from annealcam.errors import AnnealcamWarning, ModelError
from annealcam.models.cards.model_card import ModelCard, runs_code
from annealcam.models.load import load_model
from annealcam.models.loaded import LoadedModel
from annealcam.models.preprocess import Preprocess
from annealcam.models.state_dicts.fit import classes_of
from annealcam.models.state_dicts.search import read_state_dicts


@dataclass(frozen=True)
class Draft:
    """A card, with a comment for each key that its owner must look at.

    Attributes:
        card: what is known, stated or assumed.
        comments: by key, why its value may be wrong.
        doubt: why the architecture is not known; empty where it is.
    """

    card: ModelCard
    comments: dict[str, str]
    doubt: str = ""


def draft_card(file: Path, options: Mapping[str, Any] | None = None) -> Draft:
    """Return a first card for a weights file.

    Args:
        file: weights, as `load_model` takes them.
        options: what is known, as keywords of `load_model`; the architecture is recognised by the
            tensors if it is not given, and left out of the card if it is MODULE:FUNCTION.

    Raises:
        ModelError: the file cannot be read, or the architecture that is given does not fit.
        ArgumentError: an option is not valid.
    """
    given = {key: value for key, value in (options or {}).items() if value is not None}
    stated = ModelCard(**given)
    if runs_code(stated.architecture):
        stated = replace(stated, architecture=None)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AnnealcamWarning)  # the comments are about the same
            loaded = load_model(str(file), **{**given, "card": False})
    except ModelError as error:
        if "architecture" in given:
            raise
        read_state_dicts(file)  # raises where the file itself is at fault
        return Draft(stated, {}, str(error))
    architecture = loaded.record.get("weights", {}).get("architecture")
    known, comments = _known(loaded)
    if "architecture" not in given and architecture is not None:
        known["architecture"] = architecture
        comments["architecture"] = "recognised by the names and shapes of the tensors"
    card = ModelCard(**{**known, **stated.given})
    return Draft(card, {key: text for key, text in comments.items() if key not in stated.given})


def _known(loaded: LoadedModel) -> tuple[dict[str, Any], dict[str, str]]:
    """What the loaded network shows, and comments on what of it is assumed."""
    assumed = loaded.record["assumed"]
    values: dict[str, Any] = {"classes": loaded.classes, "link": loaded.link}
    comments = {}
    count = classes_of(loaded.model)
    if loaded.classes is None and count is not None:
        values["classes"] = [f"class_{i}" for i in range(count)]
        comments["classes"] = "the names of your classes, in the order of the outputs"
    elif "classes" in assumed:
        comments["classes"] = "assumed: the classes of ImageNet"
    if isinstance(loaded.preprocess, Preprocess):
        values |= _preprocessing(loaded.preprocess)
        texts = dict.fromkeys(assumed, "assumed: what is usual for the architecture")
        comments |= {key: text for key, text in texts.items() if key in values}
    if "transform_input" in loaded.record:
        values["transform_input"] = loaded.record["transform_input"]
    if "transform_input" in assumed:
        comments["transform_input"] = (
            "assumed: fine-tuned from torchvision's pretrained weights; false if from scratch"
        )
    return {key: value for key, value in values.items() if value is not None}, comments


def _preprocessing(preprocess: Preprocess) -> dict[str, Any]:
    """The values of a card that give this preprocessing."""
    p = preprocess
    values: dict[str, Any] = {
        "mean": p.mean, "std": p.std, "size": p.crop, "interpolation": p.interpolation,
    }  # fmt: skip
    values |= {"crop": False} if p.resize is None else {"resize": p.resize}
    if p.bands is not None or p.channels != 3:
        values["channels"] = p.channels if p.bands is None else p.bands
    return values
