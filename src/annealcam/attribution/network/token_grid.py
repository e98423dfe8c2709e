"""The grid that tokens fill, and the tokens beside it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import prod
from typing import Any, TypeAlias

from torch import Tensor
from torch.overrides import TorchFunctionMode

Grid: TypeAlias = tuple[int, ...]
BESIDE = 16  # tokens that are no patches: class, distillation and register tokens


class Joins(TorchFunctionMode):
    """The lengths of sequences that a forward pass concatenates, such as a class token and patches.

    >>> import torch
    >>> with Joins() as joins:
    ...     x = torch.cat([torch.zeros(2, 1, 8), torch.zeros(2, 16, 8)], dim=1)
    >>> joins.before(17, 16), joins.before(18, 16)
    (1, None)
    """

    def __init__(self) -> None:
        super().__init__()
        self._lengths: deque[tuple[int, ...]] = deque(maxlen=64)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run a function of torch, and note the lengths if it concatenates sequences."""
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "").partition(".")[0]
        if name in ("cat", "concat", "concatenate", "hstack"):
            parts = args[0] if args else (kwargs or {}).get("tensors", ())
            axis = args[1] if len(args) > 1 else (kwargs or {}).get("dim", 1)
            if _are_sequences(parts) and axis in (0, 1, -2, -3):
                self._lengths.append(tuple(part.shape[axis] for part in parts))
        return result

    def before(self, places: int, patches: int) -> int | None:
        """Return the number of tokens before the patches in the last such sequence; None if none.

        Args:
            places: length of the sequence.
            patches: how many of them are patches.
        """
        for lengths in reversed(self._lengths):
            if sum(lengths) == places and patches in lengths:
                return sum(lengths[: lengths.index(patches)])
        return None


def _are_sequences(parts: Any) -> bool:
    return (
        isinstance(parts, Sequence)
        and len(parts) > 1
        and all(isinstance(part, Tensor) and part.ndim == 3 for part in parts)
    )


def proportional(grid: Grid, size: Grid) -> bool:
    """Return whether a grid is the size divided by one stride, to one cell.

    >>> proportional((7, 14), (224, 448)), proportional((7, 7), (224, 448))
    (True, False)
    """
    if len(grid) != len(size) or any(g > s for g, s in zip(grid, size, strict=True)):
        return False
    return all(abs(g - grid[-1] * s / size[-1]) <= 1 for g, s in zip(grid, size, strict=True))


def token_grid(
    places: int, size: Grid, grids: Sequence[Grid], *, halved: bool = True
) -> tuple[Grid, int] | None:
    """Return the grid that tokens fill, and the number of tokens beside it; None if there is none.

    The grid is that of a convolution (the patches), or one that comes of halving it, without tokens
    beside it. If there is no convolution, it is the input divided by one stride, with at most a
    class token beside it.

    Args:
        places: number of tokens.
        size: of the input.
        grids: of convolutions, in order; of equally good ones the last is taken.
        halved: whether grids may be halved.

    >>> token_grid(197, (224, 224), [(14, 14)]), token_grid(49, (224, 224), [(56, 56)])
    (((14, 14), 1), ((7, 7), 0))
    """
    fitting = [(places - prod(g), g) for g in reversed(grids) if 0 <= places - prod(g) <= BESIDE]
    if grids:
        others = [(0, grid) for grid in _halves(grids) if prod(grid) == places] if halved else []
    else:
        strides = [tuple(s // stride for s in size) for stride in range(1, max(size) + 1)]
        others = [(b, g) for b in (0, 1) for g in strides if prod(g) + b == places and min(g) > 1]
    fitting += others
    if not fitting:
        return None
    beside, grid = min(fitting, key=lambda found: found[0])
    return grid, beside


def _halves(grids: Sequence[Grid]) -> list[Grid]:
    """Return the grids that come of halving others, once or several times."""
    halves = []
    for grid in dict.fromkeys(grids):
        for stride in (2**k for k in range(1, max(grid).bit_length())):
            halves += [tuple(g // stride for g in grid), tuple(-(-g // stride) for g in grid)]
    return [grid for grid in halves if min(grid) > 1]
