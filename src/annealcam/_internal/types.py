"""Types that several packages share."""

from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

# Called with what is being done, how much of it is done, and how much there is.
Progress: TypeAlias = Callable[[str, int, int], None]

# `Array` is numpy's own type to a type checker, the plain class at run time. `Tensor` is torch's to
# a type checker; at run time it is anything with a shape and a dtype, which are checked all the
# same, so that modules which only pass tensors on need not import torch.
if TYPE_CHECKING:
    from torch import Tensor as Tensor

    Array: TypeAlias = np.ndarray[Any, Any]
else:
    Array = np.ndarray
    Tensor = Any


def thawed(value: Any) -> Any:
    """Return a read-only mapping as a dict, which can be pickled; anything else as it is."""
    return dict(value) if isinstance(value, MappingProxyType) else value
