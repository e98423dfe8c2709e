"""Classes to explain, by index or by name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from operator import index
from typing import Any

import numpy as np
import torch

from annealcam.errors import ArgumentError, TargetError, suggest

FEW = 12  # classes that an error lists

MANY = 10_000_000  # classes that no network has


def resolve_target(
    target: int | str | None, classes: Sequence[str] | None, count: int | None = None
) -> int | None:
    """Return the index of a class given by index or name; None stays None (the predicted class).

    Raises:
        TargetError: no such class, or several of that name.

    >>> resolve_target("Dog", ["cat", "dog"])
    1
    """
    count = len(classes) if count is None and classes is not None else count
    if target is None:
        return None
    if not isinstance(target, str) or re.fullmatch(r"-?\d+", target, re.ASCII):
        if count is not None and not 0 <= int(target) < count:
            raise TargetError(f"target={target}: the model has classes 0 to {count - 1}")
        return int(target)
    if classes is None:
        raise TargetError(f"target={target!r}: the model has no class names; give an index")
    matches = [i for i, c in enumerate(classes) if c.casefold() == target.casefold()]
    if not matches:
        few = f"; the classes are {', '.join(classes)}" if len(classes) <= FEW else ""
        raise TargetError(f"target={target!r}: no such class{suggest(target, classes) or few}")
    if len(matches) > 1:
        raise TargetError(
            f"target={target!r}: {len(matches)} classes have that name; "
            f"give an index: {', '.join(map(str, matches))}"
        )
    return matches[0]


def resolve_targets(target: Any, classes: Sequence[str] | None) -> Any:
    """Return the class, or a list of one class for each image, as indices; None stays None.

    A function of the logits may take the place of a class, and stays as it is.

    Raises:
        TargetError: no such class, or None among several.

    >>> resolve_targets(["dog", 0], ["cat", "dog"])
    [1, 0]
    """
    if not isinstance(target, Sequence | np.ndarray | torch.Tensor) or isinstance(target, str):
        return _target(target, classes)
    if getattr(target, "ndim", 1) == 0:
        return _target(target, classes)
    resolved = [_target(t, classes) for t in target]
    if None in resolved:
        raise TargetError("target: None among several; give every image a class, or none of them")
    return [t for t in resolved if t is not None]


def _target(target: Any, classes: Sequence[str] | None) -> Any:
    """One target; integers of numpy and torch are integers."""
    if callable(target):
        return target
    if target is not None and not isinstance(target, str):
        try:
            target = index(target)
        except TypeError:
            raise TargetError(
                f"target={target!r}: a class is a whole number or a name; a function of the logits "
                "may take its place"
            ) from None
    return resolve_target(target, classes)


def names_of_classes(
    names: Any, classes: int, *, two_sided: bool = False, argument: str = "class_names"
) -> list[str] | None:
    """Return the name of each class; None stays None.

    Args:
        names: a list, or a mapping from index to name, in which indices without a name keep their
            number.
        classes: number of logits.
        two_sided: whether they are the two sides of one output, of which a single name is that of
            class 1.
        argument: how messages call the names.

    Raises:
        ArgumentError: they are something else, or as many as no network of that size has.

    >>> names_of_classes({0: "cat", 2: "dog"}, 3)
    ['cat', '1', 'dog']
    >>> names_of_classes(["tumour"], 2, two_sided=True)
    ['not tumour', 'tumour']
    """
    if names is None:
        return None
    if isinstance(names, Mapping):
        return _of_mapping(names, classes, argument)
    counted = hasattr(names, "__len__") and hasattr(names, "__iter__")
    if isinstance(names, str) or not counted or getattr(names, "ndim", 1) != 1:
        raise ArgumentError(
            f"{argument}: a {type(names).__name__}; give a list with the name of each class, or a "
            "dict from index to name"
        )
    each = [str(name) for name in names]
    if two_sided and len(each) == 1:
        return [f"not {each[0]}", each[0]]
    if len(each) != classes:
        raise ArgumentError(f"{argument}: {len(each)} names, but the model has {classes} classes")
    return each


def _of_mapping(names: Mapping[Any, Any], classes: int, argument: str) -> list[str]:
    by_index = _by_index(names, argument)
    beyond = [key for key in by_index if key >= classes]
    if beyond:
        raise ArgumentError(
            f"{argument}: has a name for class {beyond[0]}, but the model has classes 0 to "
            f"{classes - 1}"
        )
    return [by_index.get(j, str(j)) for j in range(classes)]


def _by_index(names: Mapping[Any, Any], argument: str) -> dict[int, str]:
    """Return a mapping from index to name, whose keys may be digits, as in JSON."""
    try:
        by_index = {
            int(key) if isinstance(key, str) else index(key): str(name)
            for key, name in names.items()
        }
    except (TypeError, ValueError):
        by_index = {-1: ""}
    if any(not 0 <= key < MANY for key in by_index):
        raise ArgumentError(
            f"{argument}: a dict whose keys are no indices; give a dict from index to name"
        )
    return by_index


def names_of_targets(names: Any, link: str | None = None) -> list[str] | None:
    """Return class names as targets are looked up in them, before the logits are counted.

    A single name is that of class 1 of a network with one output, unless the link is `identity`.

    >>> names_of_targets(["tumour"]), names_of_targets(["age"], "identity")
    (['not tumour', 'tumour'], ['age'])
    """
    if names is None:
        return None
    if isinstance(names, Mapping):
        count = 1 + max(_by_index(names, "class_names"), default=-1)
        return names_of_classes(names, count)
    sized = hasattr(names, "__len__") and getattr(names, "ndim", 1) == 1
    each = names_of_classes(names, len(names) if sized else 0)
    one = each is not None and len(each) == 1 and link != "identity"
    return names_of_classes(each, 2, two_sided=True) if one else each
