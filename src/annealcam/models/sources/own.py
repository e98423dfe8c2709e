"""Networks of users: modules, functions that make one, and lazy layers."""

from __future__ import annotations

import importlib
import os
import sys
from itertools import chain
from typing import Any

import torch
from PIL import Image
from torch import nn

from annealcam._internal.text import shorten
from annealcam.errors import ArgumentError, ModelError, ModelNameError
from annealcam.models.loaded import PREPROCESSING, LoadedModel
from annealcam.models.preprocess import Preprocess

_RETURN = "return a network, or a tuple (network, preprocess, classes)"


def network_name(source: Any) -> str:
    """Return how messages name a network: its name or path, or what kind of object it is.

    >>> network_name(nn.Linear(1, 2)), network_name("digits")
    ('Linear', 'digits')
    """
    if isinstance(source, str | os.PathLike):
        return str(source)
    function = getattr(source, "func", source)  # of a partial
    return str(getattr(function, "__name__", type(source).__name__))


def from_module(module: str, function: str) -> LoadedModel:
    """Return what a function of a module makes; the working folder is searched for the module.

    Raises:
        ModelNameError: the module has no such function.
        ModelError: the function fails, or returns something else.
    """
    working_folder = os.getcwd()
    sys.path.insert(0, working_folder)  # as `python -m` does
    name = f"model='{module}:{function}'"
    try:
        maker = getattr(importlib.import_module(module), function, None)
    except Exception as error:
        raise _failed(name, error) from error
    finally:
        sys.path.remove(working_folder)
    if maker is None:
        raise ModelNameError(f"{name}: {module} has no {function}")
    sys.path.insert(0, working_folder)
    try:
        return from_object(maker, name)
    finally:
        sys.path.remove(working_folder)


def from_object(source: Any, name: str | None = None) -> LoadedModel:
    """Return a network from a module, a tuple (network, preprocess, classes), or their maker.

    Raises:
        ArgumentError: it is none of these.
        ModelError: the function or class fails, or makes something else.

    >>> from_object(lambda: nn.Linear(3, 2)).model
    Linear(in_features=3, out_features=2, bias=True)
    """
    loaded = _as_loaded(source)
    if loaded is not None:
        return loaded
    if not callable(source):
        raise ArgumentError(
            f"model={_one_line(source)}: must be the name of a network, a file, a network, "
            f"a function that makes one, or (network, preprocess, classes), not {_kind(source)}"
        )
    name = name or f"model={network_name(source)}"
    try:
        made = source()
    except Exception as error:
        raise _failed(name, error) from error
    loaded = _as_loaded(made)
    if loaded is None:
        raise ModelError(f"{name}: returned {type(made).__name__}; {_RETURN}")
    return loaded


def _as_loaded(made: Any) -> LoadedModel | None:
    if isinstance(made, LoadedModel) and made.preprocess is not None:
        return made
    if isinstance(made, nn.Module):
        made = (made, None, None)
    if not (isinstance(made, tuple) and len(made) == 3 and isinstance(made[0], nn.Module)):
        return None
    network, preprocess, classes = made
    if preprocess is not None and not callable(preprocess):
        raise ModelError(
            f"preprocess={_one_line(preprocess)}: must be a function from a photo to a "
            "tensor, or None"
        )
    record = {"assumed": list(PREPROCESSING)} if preprocess is None else {}
    link = made.link if isinstance(made, LoadedModel) else None
    return LoadedModel(network, preprocess or Preprocess(), classes, link=link, record=record)


def _failed(name: str, error: Exception) -> ModelError:
    reason = shorten(f"{type(error).__name__}: {error}", 300)
    return ModelError(f"{name}: cannot be made ({reason})")


def _one_line(value: Any) -> str:
    return shorten(" ".join(repr(value).split()), 60)


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "a dictionary; save it by torch.save, and give the file and architecture="
    return type(value).__name__


def initialised(loaded: LoadedModel, name: str) -> LoadedModel:
    """Return a network whose lazy layers have the shapes that one input gives them.

    The input is a grey picture of the preprocessing's size; random weights are seeded by 0.

    Raises:
        ModelError: the network fails on that input.

    >>> lazy = nn.Sequential(nn.LazyConv2d(4, 3), nn.ReLU())
    >>> initialised(LoadedModel(lazy, Preprocess(32, 32), None), "mine").record["lazy_input"]
    [1, 3, 32, 32]
    """
    network = loaded.model
    tensors = chain(network.parameters(), network.buffers())
    if not any(nn.parameter.is_lazy(tensor) for tensor in tensors):
        return loaded
    try:
        image = loaded.preprocess(Image.new("RGB", (256, 256), "grey"))[None]
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(0)
            network(image)
    except Exception as error:
        raise ModelError(
            f"model={name!r}: its lazy layers get no shapes from a photo as preprocessed "
            f"({shorten(str(error), 200)}); run the network once on an input of yours"
        ) from error
    return loaded.changed(record={**loaded.record, "lazy_input": list(image.shape)})
