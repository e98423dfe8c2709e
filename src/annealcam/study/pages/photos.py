"""The photos of a study, one after the other, with all rows that tell of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from annealcam.study.figures.columns import Setting
from annealcam.study.pages.text import cleaned, file_stem, natural

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]


@dataclass(frozen=True)
class Photo:
    """A photo: its name and class as the data have them, and where its rows stand."""

    name: str
    label: str
    rows: tuple[int, ...]

    @property
    def stem(self) -> str:
        """What its files are called."""
        return file_stem(self.label, self.name)

    @property
    def title(self) -> str:
        """Its name as a page shows it."""
        return str(cleaned(self.name))


def photos_of(table: pa.Table) -> list[Photo]:
    """Return the photos of a table, each once, by class and then by name."""
    places: dict[tuple[str, str], list[int]] = defaultdict(list)
    names = zip(table["class"].to_pylist(), table["image"].to_pylist(), strict=True)
    for place, (label, name) in enumerate(names):
        places[str(label), str(name)].append(place)
    order = sorted(places, key=lambda key: (natural(key[0]), natural(key[1])))
    return [Photo(name, label, tuple(places[label, name])) for label, name in order]


def evenly(photos: Sequence[Photo], most: int | None) -> list[Photo]:
    """Return so many of the photos, of every class as many where that is possible, in order.

    >>> few = [Photo(f"{label}{i}", label, ()) for label in "ab" for i in range(3)]
    >>> [photo.name for photo in evenly(few, 3)]
    ['a0', 'a1', 'b0']
    """
    classes: dict[str, list[Photo]] = defaultdict(list)
    for photo in photos:
        classes[photo.label].append(photo)
    dealt = [photo for turn in zip_longest(*classes.values()) for photo in turn if photo]
    kept = set(dealt[:most])
    return [photo for photo in photos if photo in kept]


def settings_in(table: pa.Table, photo: Photo) -> Iterator[tuple[Setting, list[Row]]]:
    """Yield a photo's rows, setting by setting, in the order of the table."""
    found: dict[Setting, list[Row]] = {}
    for row in table.take(list(photo.rows)).to_pylist():
        setting = (str(row["model"]), str(row["layer"]))
        texts = {name: cleaned(text) for name, text in row.items() if isinstance(text, str)}
        found.setdefault(setting, []).append(row | texts)
    yield from found.items()
