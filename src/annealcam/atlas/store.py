"""The folder of an atlas: a manifest, two tables, and thumbnails of its photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.storage.files import written_aside
from annealcam._internal.storage.resumable import read_json, write_json
from annealcam._internal.types import Array
from annealcam.errors import OutputError

MANIFEST = "atlas.json"
CHANNELS, REGIONS, THUMBNAILS = "channels.parquet", "regions.parquet", "thumbnails.parquet"
FILES = (MANIFEST, CHANNELS, REGIONS, THUMBNAILS)
FORMAT = 1
_NEEDED = ("model", "layer", "data", "classes", "counts", "channels", "settings")
_BUILD = "build the atlas again"


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


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of an atlas.

    Raises:
        OutputError: there is none, or it cannot be read.
    """
    file = folder / MANIFEST
    if not file.is_file():
        raise OutputError(f"{folder}: holds no atlas; `annealcam atlas` builds one")
    try:
        manifest = read_json(file)
    except OutputError as error:
        raise OutputError(f"{error}; {_BUILD}") from error
    if manifest.get("format") != FORMAT:
        raise OutputError(f"{file}: format {manifest.get('format')}, not {FORMAT}; {_BUILD}")
    missing = [name for name in _NEEDED if name not in manifest]
    if missing or len(manifest["classes"]) != len(manifest["counts"]):
        what = f"lacks {missing[0]}" if missing else "counts and classes differ in length"
        raise OutputError(f"{file}: {what}; {_BUILD}")
    return manifest


def read_table(folder: Path, channels: int, classes: int) -> Table:
    """Return profile, selections and regions of every channel.

    Raises:
        OutputError: it cannot be read, or has other numbers of channels or classes.
    """
    table = _read(folder / CHANNELS, ["channel", "profile", "selected"])
    profiles = _matrix(table["profile"], np.float32, (channels, classes), folder / CHANNELS)
    selected = _matrix(table["selected"], np.int64, (channels, classes), folder / CHANNELS)
    regions: list[list[dict[str, Any]]] = [[] for _ in range(channels)]
    columns = ["channel", "rank", "image", "label", "peak", "mean", "box"]
    for row in _rows(_read(folder / REGIONS, columns)):
        if not (0 <= row["channel"] < channels and 0 <= row["label"] < classes):
            raise OutputError(
                f"{folder / REGIONS}: a region with an invalid channel or class; {_BUILD}"
            )
        regions[row["channel"]].append(row)
    return Table(profiles, selected, regions)


def read_thumbnails(folder: Path) -> dict[str, bytes]:
    """Return the thumbnails as WebP, by the photos' names.

    Raises:
        OutputError: they cannot be read.
    """
    table = _read(folder / THUMBNAILS, ["image", "webp"])
    return dict(zip(table["image"], table["webp"], strict=True))


def check_thumbnails(folder: Path) -> None:
    """Check that the file of thumbnails is complete, without reading the thumbnails.

    Raises:
        OutputError: it is missing or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = folder / THUMBNAILS
    try:
        pq.read_metadata(file)
    except (OSError, pa.ArrowException) as error:
        raise OutputError(f"{file}: cannot be read ({error}); {_BUILD}") from error


def _read(file: Path, columns: list[str]) -> dict[str, list[Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table: dict[str, list[Any]] = pq.read_table(file, columns=columns).to_pydict()
    except (OSError, pa.ArrowException) as error:
        raise OutputError(f"{file}: cannot be read ({error}); {_BUILD}") from error
    if set(table) != set(columns):
        raise OutputError(f"{file}: lacks a column; {_BUILD}")
    return table


def _rows(columns: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    """Return the rows of the regions, sorted by channel and rank."""
    keys = list(zip(columns["channel"], columns["rank"], strict=True))
    names = ("channel", "image", "label", "peak", "mean")
    return [
        {**{name: columns[name][i] for name in names}, "box": tuple(columns["box"][i])}
        for i in sorted(range(len(keys)), key=keys.__getitem__)
    ]


def _matrix(values: list[Any], dtype: Any, shape: tuple[int, int], file: Path) -> Any:
    try:
        matrix = np.array(values, dtype=dtype).reshape(len(values), -1)
    except (ValueError, TypeError) as error:
        raise OutputError(f"{file}: its rows differ in length; {_BUILD}") from error
    if matrix.shape != shape:
        raise OutputError(
            f"{file}: {matrix.shape[0]} channels of {matrix.shape[1]} classes, but the manifest "
            f"has {shape[0]} of {shape[1]}; {_BUILD}"
        )
    return matrix
