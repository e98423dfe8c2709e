"""Names of classes, in the forms in which people keep them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from operator import index
from pathlib import Path
from typing import Any

from annealcam._internal.text import shorten
from annealcam.errors import ArgumentError

LARGEST = 2**24  # bytes of a file of names
_WITHIN = ("id2label", "class_to_idx", "label2id", "classes", "class_names", "names", "labels")


def class_names(classes: Any, *, argument: str = "classes") -> tuple[str, ...]:
    """Return the names of a network's outputs, in order.

    Args:
        classes: a list or array of names, a mapping from index to name or from name to index, or
            the path of a file: JSON with a list or a mapping (also under the key `id2label` or
            `class_to_idx`), or text with one name a line.
        argument: how errors name it.

    Raises:
        ArgumentError: the file cannot be read, an index is missing or twice, or a value is no
            name.

    >>> class_names({1: "dog", 0: "cat"}), class_names({"dog": 1, "cat": 0})
    (('cat', 'dog'), ('cat', 'dog'))
    """
    if hasattr(classes, "tolist"):  # an array of names, such as a LabelEncoder's `classes_`
        classes = classes.tolist()
    if isinstance(classes, str | os.PathLike):
        file = os.fspath(classes)
        classes, argument = _read(argument, file), f"{argument}={str(file)!r}"
    if isinstance(classes, Mapping):
        within = next((classes[key] for key in _WITHIN if key in classes), None)
        within = within if isinstance(within, Mapping | list) else None
        classes = _in_order(argument, classes if within is None else within)
    if isinstance(classes, bytes) or not isinstance(classes, Sequence):
        raise ArgumentError(
            f"{argument}={_short(classes)}: give a list of names, a mapping from index to name, or "
            "a file of names"
        )
    if not classes:
        raise ArgumentError(f"{argument}: there are no names; give one for each output")
    for number, name in enumerate(classes):
        if not isinstance(name, str) or not name.strip():
            raise ArgumentError(f"{argument}: {_short(name)} at {number} is no name; give a text")
    return tuple(map(str, classes))


def _in_order(argument: str, names: Any) -> list[Any]:
    """The names of a mapping from index to name, or from name to index, by index."""
    if not isinstance(names, Mapping):
        return list(names)
    pairs = list(names.items())
    if all(_index(value) is not None and not isinstance(value, str) for _, value in pairs):
        pairs = [(value, key) for key, value in pairs]  # from name to index
    by_index: dict[int, Any] = {}
    for key, name in pairs:
        number = _index(key)
        if number is None:
            raise ArgumentError(
                f"{argument}: {_short(key)} is no index; give a mapping from index to name"
            )
        if number in by_index:
            raise ArgumentError(f"{argument}: index {number} has two names; give it one")
        # ImageNet's class_index.json has pairs of an identifier and a name.
        by_index[number] = name[-1] if isinstance(name, list | tuple) and name else name
    missing = next((i for i in range(len(by_index)) if i not in by_index), None)
    if missing is not None:
        raise ArgumentError(
            f"{argument}: index {missing} has no name; give indices from 0 to {len(by_index) - 1}"
        )
    return [by_index[i] for i in range(len(by_index))]


def _index(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"\d{1,9}", value, re.ASCII) else None
    try:
        return index(value)
    except TypeError:
        return None


def _read(argument: str, name: str) -> Any:
    """What a file of names holds: JSON if it ends or begins like it, else lines of text."""
    file = Path(name)
    try:
        if not file.is_file():
            raise ArgumentError(f"{argument}={name!r}: no such file of names")
        if file.stat().st_size > LARGEST:
            raise ArgumentError(f"{argument}={name!r}: more than {LARGEST} bytes; no file of names")
        text = file.read_text(encoding="utf-8-sig")
        if file.suffix.lower() == ".json" or text.lstrip()[:1] in ("[", "{"):
            return json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, ArgumentError):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise ArgumentError(
            f"{argument}={name!r}: cannot be read ({shorten(reason, 160)}); give JSON, or "
            "UTF-8 text with one name a line"
        ) from error
    lines = [line.strip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _short(value: Any) -> str:
    return shorten(repr(value), 80)
