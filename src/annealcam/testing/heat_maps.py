"""An explainer, called in one way, and its heat maps in one form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from annealcam._internal.types import Array
from annealcam.testing.answers import Refusals
from annealcam.testing.checks import Failed, NotApplicable, raised, require
from annealcam.testing.global_state import seeded_globals
from annealcam.testing.networks import CELL, GRID, planted_images, planted_network

SIZES = (GRID, (CELL * GRID[0], CELL * GRID[1]))  # of the layer's maps, and of images
EQUAL = 1e-4  # of the largest value: maps that differ by less are equal but for rounding
DIFFERENT = 0.01  # of the largest value: maps that differ by more are different


@dataclass(frozen=True, eq=False)
class Subject:
    """An explainer with what is declared about it."""

    function: Callable[..., Any]
    batches: bool
    deterministic: bool
    refusals: Refusals

    def call(self, model: nn.Module, images: Any, targets: Sequence[Any]) -> list[Any]:
        """Return what the explainer returns: for the batch, or for each image."""
        if self.batches:
            return [self.function(model, images, list(targets))]
        return [self.function(model, x, t) for x, t in zip(images, targets, strict=True)]

    def called(self, model: nn.Module, images: Tensor, targets: Sequence[int]) -> Array:
        """Return the heat maps (n, h, w) in float64; another form is a failure."""
        results = [_array(result) for result in self.call(model, images, targets)]
        axes, found = 3 if self.batches else 2, results[0]
        require(
            found.ndim == axes and found.shape[-2:] in SIZES,
            f"It returns the shape {found.shape}, not ({'n, ' * self.batches}h, w) of the layer's "
            f"{GRID[0]} x {GRID[1]} positions or of the image.",
        )
        maps = found if self.batches else np.stack(results)
        require(len(maps) == len(images), f"It returns {len(maps)} maps for {len(images)} images.")
        require(np.isfinite(maps).all(), "A map holds NaN or infinity.")
        return maps

    @cached_property
    def usable(self) -> bool:
        """Whether the planted images get maps of the right form."""
        try:
            self.called(planted_network(), planted_images(), [0, 1, 2])
        except Exception:
            return False
        return True

    def must_be_usable(self) -> None:
        """Raise NotApplicable if even the planted images get no maps of the right form."""
        if not self.usable:
            raise NotApplicable("There are no maps to check: see `maps`.")

    def maps(
        self,
        images: Tensor | None = None,
        targets: Sequence[int] = (0, 1, 2),
        *,
        model: nn.Module | None = None,
    ) -> Float[Array, "n h w"]:
        """Return the maps of images, by default the planted ones, on the planted network."""
        self.must_be_usable()
        images = planted_images(len(targets)) if images is None else images
        with seeded_globals(0):  # what depends on them fails one check, and not all
            return self.called(planted_network() if model is None else model, images, targets)

    def must_refuse(self, what: str, images: Any, targets: Sequence[Any] = (0,)) -> None:
        """Fail unless the explainer refuses a call by one of `refusals`."""
        self.must_be_usable()
        try:
            self.call(planted_network(), images, targets)
        except self.refusals:
            return
        except Exception as error:
            raise Failed(f"For {what}, {raised(error)}.") from error
        raise Failed(f"{what[0].upper()}{what[1:]} is accepted.")


def equal(first: Array, second: Array, share: float = EQUAL) -> bool:
    """Return whether maps differ by a share of their largest value at most.

    >>> equal(np.array([1.0, 0.5]), np.array([1.0, 0.50001]))
    True
    """
    largest = max(np.abs(first).max(initial=0.0), np.abs(second).max(initial=0.0))
    return first.shape == second.shape and bool((np.abs(first - second) <= share * largest).all())


def different(first: Array, second: Array) -> bool:
    """Return whether maps differ in more than their scale.

    >>> different(np.array([1.0, 0.5]), np.array([2.0, 1.0]))
    False
    """
    return not equal(_scaled(first), _scaled(second), DIFFERENT)


def _scaled(values: Array) -> Array:
    largest = np.abs(values).max(initial=0.0)
    return values / largest if largest > 0 else values


def _array(result: Any) -> Float[Array, "..."]:
    if isinstance(result, Tensor):
        result = result.detach().cpu().double().numpy()
    try:
        return np.array(result, dtype=np.float64)
    except Exception as error:
        raise Failed(
            f"It returns {type(result).__name__} where an array or a tensor is needed."
        ) from error
