"""Types that all rooms share."""

from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

# Called with what is being done, how much of it is done, and how much there is.
Progress: TypeAlias = Callable[[str, int, int], None]

# The array type of signatures: numpy's own to a type checker, the plain class at run time.
if TYPE_CHECKING:
    Array: TypeAlias = np.ndarray[Any, Any]
else:
    Array = np.ndarray


def thawed(value: Any) -> Any:
    """Return a read-only mapping as a dict, which can be pickled; anything else as it is."""
    return dict(value) if isinstance(value, MappingProxyType) else value
