"""The photos of a study, and what every selector selected for each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from annealcam._internal.types import Array
from annealcam.errors import OutputError
from annealcam.study.analysis.results import Setting
from annealcam.study.pages.text import cleaned, file_stem, natural, real
from annealcam.study.table.columns import SELECTORS

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]
Run = tuple[str, float]  # normalisation, tau
_AVERAGED = ("k", "energy", "optimal", "relevance", "redundancy", "carried")


@dataclass(frozen=True)
class Photo:
    """A photo: its name and class in the data, and the indices of its rows in the table."""

    name: str
    label: str
    rows: tuple[int, ...]

    def __repr__(self) -> str:
        return f"Photo({self.name!r:.100}, class {self.label!r:.100}, {len(self.rows)} rows)"

    @property
    def stem(self) -> str:
        """The name of its files."""
        return file_stem(self.label, self.name)

    @property
    def title(self) -> str:
        """Its name on a page."""
        return str(cleaned(self.name))


def photos_of(table: pa.Table) -> list[Photo]:
    """Return the photos of a table, each once, by class and then by name."""
    rows: dict[tuple[str, str], list[int]] = defaultdict(list)
    names = zip(table["class"].to_pylist(), table["image"].to_pylist(), strict=True)
    for row, (label, name) in enumerate(names):
        rows[str(label), str(name)].append(row)
    order = sorted(rows, key=lambda key: (natural(key[0]), natural(key[1])))
    return [Photo(name, label, tuple(rows[label, name])) for label, name in order]


def evenly(photos: Sequence[Photo], most: int | None) -> list[Photo]:
    """Return at most that many of the photos, equally many of each class if possible, in order.

    >>> few = [Photo(f"{label}{i}", label, ()) for label in "ab" for i in range(3)]
    >>> [photo.name for photo in evenly(few, 3)]
    ['a0', 'a1', 'b0']
    """
    classes: dict[str, list[Photo]] = defaultdict(list)
    for photo in photos:
        classes[photo.label].append(photo)
    in_turn = [photo for turn in zip_longest(*classes.values()) for photo in turn if photo]
    chosen = set(in_turn[:most])
    return [photo for photo in photos if photo in chosen]


@dataclass(frozen=True, eq=False)
class PhotoResult:
    """The rows of one photo, network and layer; `main` is the run that represents the annealer."""

    setting: Setting
    rows: Sequence[Row]
    main: Run | None

    def __repr__(self) -> str:
        return f"PhotoResult({self.setting!r:.200}, {len(self.rows)} rows)"

    @cached_property
    def first(self) -> Row:
        """Any row: all of them hold the facts of the photo."""
        return self.exact or self.rows[0]

    @cached_property
    def exact(self) -> Row | None:
        """The row of the proved optimum, which holds the problem."""
        return next((row for row in self.free if row["selector"] == "exact"), None)

    @cached_property
    def free(self) -> list[Row]:
        """The rows whose number of maps was chosen by the selector, in the selectors' order."""
        order = {name: i for i, name in enumerate(SELECTORS)}
        free = [row for row in self.rows if row["cardinality"] is None]
        return sorted(free, key=lambda row: order.get(row["selector"], len(order)))

    @cached_property
    def annealed(self) -> Row | None:
        """The annealer's main run, or else its first one."""
        runs = [row for row in self.free if row["selector"] == "anneal"]
        main = [row for row in runs if (row["normalisation"], row["tau"]) == self.main]
        return next(iter(main or runs), None)

    @property
    def success(self) -> float | None:
        """The success probability F of one shot of the main run."""
        return real(self.annealed["success_probability"]) if self.annealed else None

    @property
    def gap(self) -> float | None:
        """The minimum gap of the main run's driver."""
        return real(self.annealed["gap"]) if self.annealed else None

    @cached_property
    def candidates(self) -> list[int]:
        """The channels of the candidates, ascending."""
        return list((self.exact or {}).get("candidates") or [])

    @cached_property
    def h(self) -> Float[Array, " d"]:
        """The relevance of each candidate."""
        return np.array((self.exact or {}).get("h") or [], dtype=np.float64)

    @cached_property
    def J(self) -> Float[Array, "d d"]:
        """The redundancy of each pair of candidates.

        Raises:
            OutputError: the row does not hold as many numbers as its candidates require.
        """
        d = len(self.candidates)
        pairs = (self.exact or {}).get("J") or []
        if len(self.h) != d or len(pairs) != d * (d - 1) // 2:
            raise OutputError(
                f"the table is damaged: {d} candidates of photo {self.first['image']!r} have "
                f"{len(self.h)} h and {len(pairs)} J"
            )
        J = np.zeros((d, d))
        J[np.triu_indices(d, 1)] = pairs
        return J + J.T

    @property
    def n(self) -> list[bool]:
        """Which candidates the optimum selects."""
        return [channel in maps_of(self.exact) for channel in self.candidates]

    def means(self) -> Iterator[Row]:
        """Yield the free rows, with the draws of the random selector averaged into one."""
        yield from averaged(self.free)

    def sized(self) -> Iterator[Row]:
        """Yield the rows of each prescribed number of maps, with the draws averaged as well."""
        sized = [row for row in self.rows if row["cardinality"] is not None]
        for k in sorted({row["cardinality"] for row in sized}):
            yield from averaged([row for row in sized if row["cardinality"] == k])


def results_of(table: pa.Table, photo: Photo, main: Run | None = None) -> list[PhotoResult]:
    """Return a photo's rows, one result for each network and layer, in the order of the table."""
    settings: dict[Setting, list[Row]] = {}
    for row in table.take(list(photo.rows)).to_pylist():
        setting = (str(row["model"]), str(row["layer"]))
        texts = {name: cleaned(text) for name, text in row.items() if isinstance(text, str)}
        settings.setdefault(setting, []).append(row | texts)
    return [PhotoResult(setting, rows, main) for setting, rows in settings.items()]


def explained_stem(photo: Photo, setting: Setting) -> str:
    """Return the name of the file that explains a photo in one setting."""
    return file_stem(photo.label, photo.name, *setting)


def maps_of(row: Row | None) -> frozenset[int]:
    """Return the channels that a row selects."""
    return frozenset((row or {}).get("selected") or ())


def averaged(rows: Sequence[Row]) -> Iterator[Row]:
    """Yield rows, with several draws averaged into one: `optimal` is then a share of the draws.

    >>> blank = {"selector": "random", "energy": 1.0, "optimal": True, "k": 2, "relevance": None,
    ...          "redundancy": 0.5, "carried": 0.5, "selected": [1, 2]}
    >>> two = [blank | {"draw": 0}, blank | {"draw": 1, "energy": 2.0, "optimal": False}]
    >>> (row,) = averaged(two)
    >>> row["energy"], row["optimal"], row["draws"], row["selected"]
    (1.5, 0.5, 2, None)
    """
    draws = [row for row in rows if row["draw"] is not None]
    if len(draws) < 2:
        yield from rows
        return
    for row in rows:
        if row["draw"] is None:
            yield row
        elif row is draws[0]:
            yield row | _means(draws)


def _means(draws: Sequence[Row]) -> Row:
    means: Row = {"draws": len(draws), "selected": None}
    for name in _AVERAGED:
        known = [float(row[name]) for row in draws if row[name] is not None]
        means[name] = sum(known) / len(known) if known else None
    return means


def share_of_draws(rows: Sequence[Row], channel: int) -> float | None:
    """Return the share of the random draws that contain a map."""
    draws = [row for row in rows if row["draw"] is not None]
    return sum(channel in maps_of(row) for row in draws) / len(draws) if draws else None
