"""Class overlap matrices: values with intervals for the page's script, and small pictures."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from PIL import Image

from annealcam._internal.types import Array
from annealcam.metrics.overlap import normalised
from annealcam.render.html.page import picture_uri
from annealcam.study.analysis.overlap import ClassOverlap, ImageGroups, class_overlaps
from annealcam.study.analysis.results import Results, distinct, filled, where
from annealcam.study.analysis.rows import Rows
from annealcam.study.config import Study
from annealcam.study.figures.overlap import matrix_of
from annealcam.study.figures.panels import run_name, selector_style
from annealcam.study.pages.text import cleaned, figure_of

if TYPE_CHECKING:
    import pyarrow as pa

COLOURS = "viridis"  # as in the study's figures
DIGITS = 4  # of a value in the page
_MOST = 20_000_000  # numbers in memory at once
_FEWEST = 100  # resamples


@dataclass(frozen=True)
class Matrix:
    """The overlaps of one selector; lists hold the lower triangle with the diagonal, row by row."""

    name: str
    mean: str
    picture: str
    values: list[float | None]
    low: list[float | None]
    high: list[float | None]

    def __repr__(self) -> str:
        return f"Matrix({self.name!r:.200}, mean {self.mean})"

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
    first: int  # index of the matrix shown first

    def __repr__(self) -> str:
        return f"Panel({self.name!r:.200}, {len(self.matrices)} matrices)"

    def data(self) -> dict[str, Any]:
        """Return the values for the script of the page."""
        keys = ("name", "mean", "values", "low", "high")
        matrices = [{key: getattr(m, key) for key in keys} for m in self.matrices]
        return {"name": self.name, "classes": self.classes, "matrices": matrices}


def panels(results: Results, table: pa.Table, study: Study) -> list[Panel]:
    """Return the matrices of the table `overlap_matrix`, with the intervals of all pairs."""
    shown = filled(results, "overlap_matrix")
    if shown is None:
        return []
    statistics = study.statistics
    drawn = []
    for (model, layer), rows in Rows.from_table(table).groups("model", "layer"):
        groups = ImageGroups.of(rows, statistics.bootstrap, statistics.permutations, study.seed)
        of_setting = where(shown, model=model, layer=layer)
        if of_setting.num_rows:
            name = cleaned(f"{model}, layer {layer}")
            drawn.append(_panel(name, of_setting, rows, groups))
    return drawn


def _panel(name: str, table: pa.Table, rows: Rows, groups: ImageGroups) -> Panel:
    overlaps = class_overlaps(rows, groups)
    keys: list[Any] = distinct(table, "selector", "tau", "normalisation")
    matrices = [_matrix(where(table, selector=key[0]), key, overlaps[key][0]) for key in keys]
    selectors = [key[0] for key in keys]
    first = selectors.index("exact") if "exact" in selectors else 0
    return Panel(name, cleaned([*groups.classes]), matrices, first)


def _matrix(
    table: pa.Table, key: tuple[str, float | None, str | None], overlap: ClassOverlap
) -> Matrix:
    matrix = matrix_of(table, list(overlap.groups.classes))  # a class without votes is NaN
    low, high = pair_intervals(overlap)
    different = matrix[~np.eye(len(matrix), dtype=bool)]
    mean = float(np.nanmean(different)) if np.isfinite(different).any() else None
    selector, tau, normalisation = key
    name, *_ = selector_style(selector)
    if tau is not None and normalisation is not None:
        name += f", {run_name(normalisation, tau)}"
    return Matrix(
        cleaned(name), figure_of(mean, ".3f"), picture_uri(_picture(matrix), quality=None),
        _triangle(matrix), _triangle(low), _triangle(high),
    )  # fmt: skip


def _triangle(matrix: Float[Array, "n n"]) -> list[float | None]:
    return [
        None if math.isnan(value) else round(value, DIGITS)
        for value in matrix[np.tril_indices(len(matrix))].tolist()
    ]


def _picture(matrix: Float[Array, "n n"]) -> Image.Image:
    """One pixel for each pair, transparent where the overlap is unknown."""
    import matplotlib

    pixels = matplotlib.colormaps[COLOURS](np.nan_to_num(matrix), bytes=True)
    pixels[np.isnan(matrix), 3] = 0
    return Image.fromarray(pixels)


def pair_intervals(
    overlap: ClassOverlap, *, confidence: float = 0.95
) -> tuple[Float[Array, "classes classes"], Float[Array, "classes classes"]]:
    """Return the bootstrap interval of each pair of classes, within [0, 1].

    The resamples and the correction of the bias are those of the interval of the mean
    (`bootstrap_overlap`), with fewer resamples if their arrays would be too large. The diagonal and
    classes without votes have no interval (NaN).
    """
    resampled = np.mean([_resampled(v, overlap.groups) for v in overlap.draws], axis=0)
    tail = (1 - confidence) / 2
    unknown = np.isnan(resampled).any()  # a class whose redrawn images have no votes
    mean, quantile = (np.nanmean, np.nanquantile) if unknown else (np.mean, np.quantile)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a class without votes
        shift = overlap.matrix - mean(resampled, axis=0)
        low, high = quantile(resampled, [tail, 1 - tail], axis=0) + shift
    low = np.clip(np.minimum(low, overlap.matrix), 0.0, 1.0)
    high = np.clip(np.maximum(high, overlap.matrix), 0.0, 1.0)
    for ends in (low, high):
        np.fill_diagonal(ends, np.nan)
    return low, high


def _resampled(
    votes: Float[Array, "images maps"], images: ImageGroups
) -> Float[Array, "resamples classes classes"]:
    """The overlap of every pair of classes in every resample."""
    classes, maps = len(images.classes), votes.shape[1]
    fitting = _MOST // max(classes * max(maps, classes), 1)
    many = min(images.bootstrap, max(fitting, _FEWEST))
    groups = [votes[images.labels == c] for c in range(classes)]
    rng = np.random.default_rng(images.seed)
    drawn = [rng.integers(0, len(g), (images.bootstrap, len(g)))[:many] for g in groups]
    roots = np.sqrt(normalised(_sums(groups, drawn)))
    voteless = roots.sum(axis=-1) == 0
    pairs = np.minimum(roots @ roots.transpose(0, 2, 1), 1.0)
    pairs[voteless[:, :, None] | voteless[:, None, :]] = np.nan
    return pairs


def _sums(
    groups: Sequence[Float[Array, "_ maps"]], drawn: Sequence[Array]
) -> Float[Array, "resamples classes maps"]:
    """The sums of the votes of the drawn images."""
    counts = [
        np.stack([(d == i).sum(axis=1) for i in range(len(g))], axis=1)
        for g, d in zip(groups, drawn, strict=True)
    ]
    return np.stack([c @ g for c, g in zip(counts, groups, strict=True)], axis=1)


def scale() -> list[str]:
    """Return the colours for 0 to 1 in 65 steps.

    >>> scale()[0], len(scale())
    ('#440154', 65)
    """
    import matplotlib
    from matplotlib.colors import to_hex

    return [to_hex(matplotlib.colormaps[COLOURS](i / 64)) for i in range(65)]
