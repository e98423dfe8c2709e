"""One photo in one setting: its selection problem, and what every selector made of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from annealcam._internal.types import Array
from annealcam.errors import OutputError
from annealcam.study.figures.columns import Setting
from annealcam.study.pages.photos import Row
from annealcam.study.pages.text import real
from annealcam.study.table.columns import SELECTORS

MOST_NAMED = 12  # maps in a cell

Run = tuple[str, float]  # normalisation, tau


@dataclass(frozen=True, eq=False)
class Sight:
    """The rows of one photo, network and layer; `main` is the annealer's run that stands for it."""

    setting: Setting
    rows: Sequence[Row]
    main: Run | None

    @cached_property
    def first(self) -> Row:
        """Any row: what it tells of the photo is in all of them."""
        return self.exact or self.rows[0]

    @cached_property
    def exact(self) -> Row | None:
        """The row of the proved optimum, which holds the problem."""
        return next((row for row in self.free if row["selector"] == "exact"), None)

    @cached_property
    def free(self) -> list[Row]:
        """The rows whose number of maps was left to the selector, in the selectors' order."""
        order = {name: i for i, name in enumerate(SELECTORS)}
        own = [row for row in self.rows if row["cardinality"] is None]
        return sorted(own, key=lambda row: order.get(row["selector"], len(order)))

    @cached_property
    def annealed(self) -> Row | None:
        """The annealer's main run."""
        runs = [row for row in self.free if row["selector"] == "anneal"]
        found = [row for row in runs if (row["normalisation"], row["tau"]) == self.main]
        return found[0] if found else next(iter(runs), None)

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
        """The candidates' channels, ascending."""
        return list((self.exact or {}).get("candidates") or [])

    @cached_property
    def h(self) -> Float[Array, " d"]:
        """The candidates' relevance."""
        return np.array((self.exact or {}).get("h") or [], dtype=np.float64)

    @cached_property
    def J(self) -> Float[Array, "d d"]:
        """The candidates' redundancies.

        Raises:
            OutputError: the row does not hold as many numbers as its candidates need.
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
        """Yield the free rows; draws of the random selector as one, their mean."""
        yield from averaged(self.free)

    def sized(self) -> Iterator[Row]:
        """Yield the rows of a prescribed number of maps, likewise."""
        own = [row for row in self.rows if row["cardinality"] is not None]
        for k in sorted({row["cardinality"] for row in own}):
            yield from averaged([row for row in own if row["cardinality"] == k])


def maps_of(row: Row | None) -> frozenset[int]:
    """Return the channels that a row selects."""
    return frozenset((row or {}).get("selected") or ())


def averaged(rows: Sequence[Row]) -> Iterator[Row]:
    """Yield rows; those of several draws as one: means, and the share of draws that were optimal.

    >>> blank = {"selector": "random", "energy": 1.0, "optimal": True, "k": 2, "relevance": None,
    ...          "redundancy": 0.5, "carried": 0.5, "selected": [1, 2]}
    >>> two = [blank | {"draw": 0}, blank | {"draw": 1, "energy": 2.0, "optimal": False}]
    >>> (row,) = averaged(two)
    >>> row["energy"], row["optimal"], row["draws"], row["selected"]
    (1.5, 0.5, 2, None)
    """
    drawn = [row for row in rows if row["draw"] is not None]
    told = False
    for row in rows:
        if row["draw"] is None or len(drawn) == 1:
            yield row
        elif not told:
            told = True
            yield row | _means(drawn)


def _means(drawn: Sequence[Row]) -> dict[str, Any]:
    means: dict[str, Any] = {"draws": len(drawn), "selected": None}
    for name in ("k", "energy", "optimal", "relevance", "redundancy", "carried"):
        known = [float(row[name]) for row in drawn if row[name] is not None]
        means[name] = sum(known) / len(known) if known else None
    return means


def share_of_draws(rows: Sequence[Row], channel: int) -> float | None:
    """Return the share of the random draws that hold a map."""
    drawn = [row for row in rows if row["draw"] is not None]
    return sum(channel in maps_of(row) for row in drawn) / len(drawn) if drawn else None


def told_maps(row: Row) -> str:
    """Return the channels of a row in words, many of them cut short.

    >>> told_maps({"selected": [3, 7]}), told_maps({"selected": list(range(14))})
    ('3, 7', '0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, and 2 more')
    """
    maps = row.get("selected") or []
    more = len(maps) - MOST_NAMED
    text = ", ".join(map(str, maps[:MOST_NAMED]))
    return f"{text}, and {more} more" if more > 0 else text
