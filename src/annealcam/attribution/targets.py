"""Classes to explain, by index or by name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np
import torch

from annealcam.errors import TargetError, suggest


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
        raise TargetError(f"target={target!r}: no such class{suggest(target, classes)}")
    if len(matches) > 1:
        raise TargetError(
            f"target={target!r}: {len(matches)} classes have that name; "
            f"give an index: {', '.join(map(str, matches))}"
        )
    return matches[0]


def resolve_targets(target: Any, classes: Sequence[str] | None) -> int | list[int] | None:
    """Return the class, or a list of one class for each image, as indices; None stays None.

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


def _target(target: Any, classes: Sequence[str] | None) -> int | None:
    """One target; integers of numpy and torch are integers."""
    if target is not None and not isinstance(target, str):
        try:
            target = index(target)
        except TypeError:
            raise TargetError(f"target={target!r}: a class is a whole number or a name") from None
    return resolve_target(target, classes)
