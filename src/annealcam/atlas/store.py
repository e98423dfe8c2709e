"""The folder of an atlas: a manifest, two tables, and thumbnails of its photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.storage.checksums import content_of, read_checksums
from annealcam._internal.storage.files import settled, written_aside
from annealcam._internal.storage.reading import json_of, parquet_table, reading
from annealcam._internal.storage.resumable import write_json
from annealcam._internal.types import Array
from annealcam.errors import OutputError

if TYPE_CHECKING:
    import pyarrow as pa

MANIFEST = "atlas.json"
CHANNELS, REGIONS, THUMBNAILS = "channels.parquet", "regions.parquet", "thumbnails.parquet"
FILES = (MANIFEST, CHANNELS, REGIONS, THUMBNAILS)
FORMAT = 1
_NEEDED: dict[str, type] = {
    "model": str, "layer": str, "data": str, "classes": list, "counts": list, "channels": int,
    "settings": dict,
}  # fmt: skip
_OF_SETTINGS: dict[str, type] = {"part": str, "photos": int, "skipped": list, "warnings": list}
_OF_REGIONS = ("channel", "rank", "image", "label", "peak", "mean", "box")
_MOST = 2**31  # channels of a layer, and photos of a class
_BUILD = "; build the atlas again"


@dataclass(frozen=True, eq=False)
class Table:
    """Profile, number of photos with a selection, and regions of every channel."""

    profiles: Float[Array, "maps classes"]
    selected: Int[Array, "maps classes"]
    regions: Sequence[Sequence[Mapping[str, Any]]]


def write(
    folder: Path, manifest: Mapping[str, Any], table: Table, thumbnails: Mapping[str, bytes]
) -> None:
    """Write an atlas, completely or not at all.

    Args:
        folder: folder of the atlas; an older atlas there is replaced.
        manifest: content of the manifest.
        table: all channels; a region is a mapping of image, label, peak, mean and box.
        thumbnails: a WebP picture of every photo in the regions.

    Raises:
        OutputError: the folder cannot be written, or holds other files.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    regions = [
        {"channel": channel, "rank": rank, **region, "box": list(region["box"])}
        for channel, rows in enumerate(table.regions)
        for rank, region in enumerate(rows)
    ]
    schema = pa.schema({
        "channel": pa.int32(), "rank": pa.int32(), "image": pa.string(), "label": pa.int32(),
        "peak": pa.float32(), "mean": pa.float32(), "box": pa.list_(pa.float32(), 4),
    })  # fmt: skip
    tables = {
        CHANNELS: pa.table({
            "channel": pa.array(range(len(table.profiles)), pa.int32()),
            "profile": pa.array(table.profiles.tolist(), pa.list_(pa.float32())),
            "selected": pa.array(table.selected.tolist(), pa.list_(pa.int32())),
        }),
        REGIONS: pa.Table.from_pylist(regions, schema=schema),
        THUMBNAILS: pa.table({
            "image": pa.array(list(thumbnails), pa.string()),
            "webp": pa.array(list(thumbnails.values()), pa.binary()),
        }),
    }  # fmt: skip
    with written_aside(folder, names=FILES, marker=MANIFEST) as aside:
        for name, content in tables.items():
            pq.write_table(content, aside / name, compression="zstd")
        write_json(aside / MANIFEST, {"format": FORMAT, **manifest})


def refuse_foreign(folder: Path) -> None:
    """Raise an error for a folder that an atlas cannot replace, before the work is done.

    Raises:
        OutputError: it is a file, or is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        what = "holds other files" if folder.is_dir() else "is a file"
        raise OutputError(f"{folder}: {what}; choose another folder for the atlas")


@dataclass(frozen=True, eq=False)
class AtlasFiles:
    """The files of an atlas, each compared with its checksum when it is read.

    Attributes:
        folder: folder of the atlas.
        sums: the SHA-256 of each file; None for an atlas of an earlier version.
    """

    folder: Path
    sums: dict[str, str] | None

    @classmethod
    def of(cls, folder: Path) -> AtlasFiles:
        """Return the files of a folder.

        Raises:
            OutputError: it holds no atlas, or its list of checksums cannot be read.
        """
        place = settled(folder)
        if not (place / MANIFEST).is_file():
            raise OutputError(f"{folder}: holds no atlas; `annealcam atlas` builds one")
        return cls(place, read_checksums(place))

    def manifest(self) -> dict[str, Any]:
        """Return the manifest.

        Raises:
            OutputError: it cannot be read, or is damaged.
        """
        file = self.folder / MANIFEST
        content = content_of(self.folder, MANIFEST, self.sums, remedy=_BUILD)
        with reading(file, _BUILD):
            manifest = json_of(content)
            _require(isinstance(manifest, dict), "holds no mapping")
            _require(
                manifest.get("format") == FORMAT, f"format {manifest.get('format')}, not {FORMAT}"
            )
            _check_manifest(manifest)
        return dict(manifest)

    def table(self, channels: int, classes: int) -> Table:
        """Return profile, selections and regions of every channel.

        Raises:
            OutputError: a file cannot be read, or does not fit the numbers of channels and classes.
        """
        stored = self._table(CHANNELS, ("channel", "profile", "selected"))
        with reading(self.folder / CHANNELS, _BUILD):
            in_order = stored["channel"].to_pylist() == list(range(stored.num_rows))
            _require(in_order, "its channels are not numbered in order")
            profiles = _matrix(stored["profile"], np.float32, (channels, classes))
            selected = _matrix(stored["selected"], np.int64, (channels, classes))
            _require(bool((selected >= 0).all()), "a number of photos is negative")
        stored = self._table(REGIONS, _OF_REGIONS)
        with reading(self.folder / REGIONS, _BUILD):
            regions: list[list[dict[str, Any]]] = [[] for _ in range(channels)]
            for row in _rows(stored, channels, classes):
                regions[row["channel"]].append(row)
        return Table(profiles, selected, regions)

    def thumbnails(self) -> dict[str, bytes]:
        """Return the thumbnails as WebP, by the photos' names.

        Raises:
            OutputError: they cannot be read.
        """
        stored = self._table(THUMBNAILS, ("image", "webp"))
        return dict(zip(stored["image"].to_pylist(), stored["webp"].to_pylist(), strict=True))

    def check_thumbnails(self) -> None:
        """Check that the file of thumbnails is complete, without reading the thumbnails.

        Raises:
            OutputError: it is missing or damaged.
        """
        import pyarrow.parquet as pq

        with reading(self.folder / THUMBNAILS, _BUILD):
            pq.read_metadata(self.folder / THUMBNAILS)

    def _table(self, name: str, columns: Sequence[str]) -> pa.Table:
        """Return columns of a table, in which no value is missing."""
        content = content_of(self.folder, name, self.sums, remedy=_BUILD)
        with reading(self.folder / name, _BUILD):
            table = parquet_table(content, columns)
            for column in columns:
                _require(not table[column].null_count, f"a value of {column} is missing")
        return table


def _check_manifest(manifest: Mapping[str, Any]) -> None:
    """Raise a ValueError unless the manifest holds what an atlas needs."""
    for part, needed in (("", _NEEDED), ("settings", _OF_SETTINGS)):
        values = manifest[part] if part else manifest
        for name, kind in needed.items():
            _require(name in values, f"lacks {name}")
            _require(isinstance(values[name], kind), f"{name} is no {kind.__name__}")
    classes, counts, channels = (manifest[name] for name in ("classes", "counts", "channels"))
    _require(len(classes) == len(counts), "counts and classes differ in length")
    _require(all(isinstance(name, str) for name in classes), "the name of a class is no text")
    _require(all(_is_count(count) for count in counts), "the number of a class's photos is none")
    _require(_is_count(channels), f"channels is {channels}")
    skipped, warnings = manifest["settings"]["skipped"], manifest["settings"]["warnings"]
    _require(all(isinstance(text, str) for text in warnings), "a warning is no text")
    _require(
        all(isinstance(photo, dict) and isinstance(photo.get("reason"), str) for photo in skipped),
        "a skipped photo has no reason",
    )


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < _MOST


def _rows(table: pa.Table, channels: int, classes: int) -> list[dict[str, Any]]:
    """Return the rows of the regions, sorted by channel and rank."""
    columns = {name: table[name].to_pylist() for name in _OF_REGIONS}
    for name, most in (("channel", channels), ("label", classes)):
        _require(all(_is_count(n) and n < most for n in columns[name]), f"a region's {name}")
    _require(
        all(isinstance(name, str) for name in columns["image"]), "the name of a region's photo"
    )
    numbers = np.array([columns["peak"], columns["mean"]], dtype=np.float64)
    boxes = np.array(columns["box"], dtype=np.float64).reshape(len(columns["box"]), 4)
    _require(bool(np.isfinite(numbers).all()), "the peak or mean of a region is no number")
    _require(bool(((boxes >= 0) & (boxes <= 1)).all()), "the box of a region")
    _require(bool((boxes[:, :2] <= boxes[:, 2:]).all()), "the box of a region")
    keys = list(zip(columns["channel"], columns["rank"], strict=True))
    names = ("channel", "image", "label", "peak", "mean")
    return [
        {**{name: columns[name][i] for name in names}, "box": tuple(columns["box"][i])}
        for i in sorted(range(len(keys)), key=keys.__getitem__)
    ]


def _matrix(column: Any, dtype: Any, shape: tuple[int, int]) -> Any:
    values = column.to_pylist()
    _require(
        len(values) == shape[0] and all(len(row) == shape[1] for row in values),
        f"{len(values)} channels of {len(values[0]) if values else 0} classes, but the manifest "
        f"has {shape[0]} of {shape[1]}",
    )
    matrix = np.array(values, dtype=dtype).reshape(shape)
    _require(bool(np.isfinite(matrix).all()), "a mean is NaN or infinite")
    return matrix


def _require(condition: bool, fault: str) -> None:
    if not condition:
        raise ValueError(fault)
