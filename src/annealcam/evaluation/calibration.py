"""Figures of one explanation on one scale, beside Grad-CAM's and those of random selections."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.text import percentage, short_repr
from annealcam._internal.types import Array

DRAWS = 20  # random selections that a figure is compared with
LEAST_DRAWS = 19  # with fewer, a random selection would lie beyond all of them in over 5 %
SPARE = 3  # times as many are drawn, since some draw no map for the other class


@dataclass(frozen=True, eq=False, repr=False)
class Figure:
    """A figure of an explanation, of Grad-CAM, and of random selections of as many maps.

    A figure separates the explanation from random selections if it lies beyond all `DRAWS` of them.
    A random selection does so on the better side with a probability of 1 / 21 = 4.8 %.

    Attributes:
        name: the key of the figure.
        meaning: what it is, as the beginning of a sentence.
        better: whether higher or lower values are better.
        annealcam, gradcam: the figure of the explanation and of Grad-CAM; NaN without a value.
        random: those of the random selections that have a value.
        unrelated: for a comparison of two maps, that of two random selections with each other; NaN
            for other figures.
        is_share: whether the values are shares, to be written as percentages.
    """

    name: str
    meaning: str
    better: Literal["higher", "lower"]
    annealcam: float
    gradcam: float
    random: Float[Array, " draws"]
    unrelated: float = math.nan
    is_share: bool = False

    def __repr__(self) -> str:
        return short_repr("Figure", name=self.name, annealcam=self.annealcam, verdict=self.verdict)

    @property
    def verdict(self) -> str | None:
        """Return `better` or `worse` if the explanation lies beyond all random selections."""
        return self.verdict_on(self.annealcam)

    def verdict_on(self, value: float) -> str | None:
        """Return `better` or `worse` if a value lies beyond all random selections, else None.

        >>> figure = Figure("kept", "kept", "higher", 0.9, 0.5, np.linspace(0.0, 0.8, 20))
        >>> figure.verdict, figure.verdict_on(0.5), figure.verdict_on(-0.1)
        ('better', None, 'worse')
        """
        if not math.isfinite(value) or len(self.random) < LEAST_DRAWS:
            return None
        above = "better" if self.better == "higher" else "worse"
        below = "worse" if self.better == "higher" else "better"
        if value > self.random.max():
            return above
        return below if value < self.random.min() else None

    def as_row(self) -> dict[str, Any]:
        """Return the figure as plain values, ready for JSON; None takes the place of NaN."""
        values = self.random
        mean, low, high = (values.mean(), values.min(), values.max()) if len(values) else [None] * 3
        return {
            "figure": self.name,
            "meaning": self.meaning,
            "better": self.better,
            "is_share": self.is_share,
            "annealcam": plain(self.annealcam),
            "gradcam": plain(self.gradcam),
            "random": plain(mean),
            "random_low": plain(low),
            "random_high": plain(high),
            "draws": len(values),
            "unrelated": plain(self.unrelated),
            "verdict": self.verdict,
            "gradcam_verdict": self.verdict_on(self.gradcam),
            "cells": self.cells(),
            "sentence": self.sentence(),
        }

    def cells(self) -> list[str]:
        """Return the values and the verdict as the cells of a table.

        >>> Figure("kept", "", "higher", 0.9, 0.5, np.linspace(0.0, 0.8, 20)).cells()
        ['kept', '0.90', '0.50', '0.40 [0.00, 0.80]', 'better']
        """
        return [
            self.name, self._written(self.annealcam), self._written(self.gradcam),
            self._scale() or "no value", self.verdict or "no verdict",
        ]  # fmt: skip

    def _scale(self) -> str:
        """Return mean and range of the random selections; empty without any."""
        if not len(self.random):
            return ""
        low, high = self._written(self.random.min()), self._written(self.random.max())
        return f"{self._written(self.random.mean())} [{low}, {high}]"

    def sentence(self) -> str:
        """Return the figure, its scale and its verdict as a sentence."""
        parts = [f"{self.meaning}: {self._written(self.annealcam)}"]
        parts.append(f"Grad-CAM {self._written(self.gradcam)}")
        if len(self.random):
            parts.append(f"{len(self.random)} random selections {self._scale()}")
        if math.isfinite(self.unrelated):
            parts.append(f"two unrelated ones {self._written(self.unrelated)}")
        return f"{'; '.join(parts)}. {self._conclusion()}"

    def _conclusion(self) -> str:
        if not math.isfinite(self.annealcam):
            return "No verdict: there is no value"
        if len(self.random) < LEAST_DRAWS:
            return "No verdict: too few random selections have a value"
        if self.verdict is None:
            return "No verdict: random selections reach this too"
        extent = "Better" if self.verdict == "better" else "Worse"
        return f"{extent} than all random selections"

    def _written(self, value: float) -> str:
        if not math.isfinite(value):
            return "no value"
        return percentage(value) if self.is_share else f"{value:.2f}"


def random_selections(
    contribution: Float[Array, " maps"], k: int, *, draws: int, seed: int
) -> list[Int[Array, " k"]]:
    """Return random selections of k maps of positive contribution.

    If these are fewer, maps that lower the logit are drawn as well; dead maps never are.

    >>> random_selections(np.array([1.0, 0.0, 2.0, -1.0]), 2, draws=1, seed=0)[0].tolist()
    [0, 2]
    """
    rng = np.random.default_rng(seed)
    pool = np.flatnonzero(contribution > 0)
    if len(pool) < k:
        pool = np.flatnonzero(contribution)  # a dead map contributes nothing
    size = min(k, len(pool))
    return [np.sort(rng.choice(pool, size=size, replace=False)) for _ in range(draws)]


def defined(values: Float[Array, " all"]) -> Float[Array, " draws"]:
    """Return the first `DRAWS` values that are finite.

    >>> defined(np.array([np.nan, 0.5]))
    array([0.5])
    """
    return values[np.isfinite(values)][:DRAWS]


def plain(value: Any) -> float | None:
    """Return a number as JSON holds it; None for NaN, infinity and None.

    >>> plain(np.float64(0.5)), plain(math.nan)
    (0.5, None)
    """
    return None if value is None or not math.isfinite(value) else float(value)
