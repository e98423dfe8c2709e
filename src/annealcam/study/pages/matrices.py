"""Class overlap matrices: numbers for the page's script, and a small picture of each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from PIL import Image

from annealcam._internal.types import Array
from annealcam.render.html.page import picture_uri
from annealcam.study.claims.annealing import run
from annealcam.study.figures.columns import Columns, Setting, distinct, filled, reals, where
from annealcam.study.figures.panels import selector_style, settings_of
from annealcam.study.pages.pairs import Key, ballots, pair_intervals
from annealcam.study.pages.text import cleaned, figure_of

if TYPE_CHECKING:
    import pyarrow as pa

    from annealcam.study.analysis.ballot import Ballot
    from annealcam.study.config import Study

COLOURS = "viridis"  # as in the study's figures
DIGITS = 4  # of a value in the page
_KEY = ("model", "layer", "selector", "tau", "normalisation")


@dataclass(frozen=True)
class Matrix:
    """One selector's overlaps: what stands in the page, row by row below the diagonal and on it."""

    name: str
    mean: str
    picture: str
    values: list[float | None]
    low: list[float | None]
    high: list[float | None]

    def rows(self) -> list[list[float | None]]:
        """Return the whole matrix.

        >>> Matrix("", "", "", [1.0, 0.5, 1.0], [], []).rows()
        [[1.0, 0.5], [0.5, 1.0]]
        """
        n = (math.isqrt(8 * len(self.values) + 1) - 1) // 2
        at = [[max(a, b) * (max(a, b) + 1) // 2 + min(a, b) for b in range(n)] for a in range(n)]
        return [[self.values[i] for i in row] for row in at]


@dataclass(frozen=True)
class Panel:
    """A network and layer: its classes, and a matrix for each selector."""

    name: str
    classes: list[str]
    matrices: list[Matrix]
    first: int  # the matrix that is shown first

    def data(self) -> dict[str, Any]:
        """Return what the page's script needs."""
        told = [{"name": m.name, "mean": m.mean, "values": m.values, "low": m.low, "high": m.high}
                for m in self.matrices]  # fmt: skip
        return {"name": self.name, "classes": self.classes, "matrices": told}


def panels(columns: Columns, table: pa.Table, study: Study) -> list[Panel]:
    """Return the matrices of the table `overlap_matrix`, with the intervals of all pairs."""
    if not filled(columns):
        return []
    keys = set(distinct(columns, *_KEY))
    votes = {key: ballot for key, ballot in ballots(table, study) if key in keys}
    return [_panel(setting, columns, votes) for setting in settings_of(columns)]


def _panel(setting: Setting, columns: Columns, votes: Mapping[Key, Ballot]) -> Panel:
    own = where(columns, model=setting[0], layer=setting[1])
    keys: list[Any] = distinct(own, *_KEY)
    selectors = [key[2] for key in keys]
    made = [_matrix(where(own, selector=key[2]), key, votes[key]) for key in keys]
    first = selectors.index("exact") if "exact" in selectors else 0
    classes = votes[keys[0]].electorate.classes
    name = cleaned(f"{setting[0]}, layer {setting[1]}")
    return Panel(name, cleaned([*classes]), made, first)


def _matrix(own: Columns, key: Key, ballot: Ballot) -> Matrix:
    classes = ballot.electorate.classes  # sorted; one of them may never vote
    B = np.full((len(classes), len(classes)), np.nan)
    place = {name: i for i, name in enumerate(classes)}
    at = [[place[name] for name in own[side]] for side in ("class_a", "class_b")]
    B[at[0], at[1]] = reals(own, "overlap")
    low, high = pair_intervals(ballot)
    apart = B[~np.eye(len(B), dtype=bool)]
    mean = float(np.nanmean(apart)) if np.isfinite(apart).any() else None
    name, *_ = selector_style(key[2])
    tau, normalisation = key[3:]
    told = name if tau is None or normalisation is None else f"{name}, {run(normalisation, tau)}"
    return Matrix(
        cleaned(told), figure_of(mean, ".3f"), picture_uri(_picture(B), quality=None),
        _triangle(B), _triangle(low), _triangle(high),
    )  # fmt: skip


def _triangle(B: Float[Array, "n n"]) -> list[float | None]:
    return [
        None if math.isnan(value) else round(value, DIGITS)
        for value in B[np.tril_indices(len(B))].tolist()
    ]


def _picture(B: Float[Array, "n n"]) -> Image.Image:
    """A pixel for each pair; nothing where nothing is known."""
    import matplotlib

    painted = matplotlib.colormaps[COLOURS](np.nan_to_num(B), bytes=True)
    painted[np.isnan(B), 3] = 0
    return Image.fromarray(painted)


def scale() -> list[str]:
    """Return the colours of 0 to 1, in 65 steps.

    >>> scale()[0], len(scale())
    ('#440154', 65)
    """
    import matplotlib
    from matplotlib.colors import to_hex

    return [to_hex(matplotlib.colormaps[COLOURS](i / 64)) for i in range(65)]
