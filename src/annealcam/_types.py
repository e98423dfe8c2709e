"""The array type of signatures: numpy's own to a type checker, the plain class at run time."""

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    Array: TypeAlias = np.ndarray[Any, Any]
else:
    Array = np.ndarray
