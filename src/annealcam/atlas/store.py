"""An atlas's folder: a manifest, two tables, and the small pictures of its photos."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.files import written_aside
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
    """What is known of every channel: its profile, for how many photos it is selected, regions."""

    profiles: Float[Array, "maps classes"]
    selected: Int[Array, "maps classes"]
    regions: Sequence[Sequence[Mapping[str, Any]]]


def write(
    folder: Path, told: Mapping[str, Any], table: Table, thumbnails: Mapping[str, bytes]
) -> None:
    """Write an atlas, as a whole or not at all.

    Args:
        folder: it becomes, in place of an older atlas.
        told: of the manifest.
        table: of all channels; a region is a mapping of image, label, peak, mean and box.
        thumbnails: a small WebP of every photo in the regions.

    Raises:
        OutputError: the folder cannot be written, or holds something else.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    regions = [
        {"channel": channel, "rank": rank, **region, "box": list(region["box"])}
        for channel, own in enumerate(table.regions)
        for rank, region in enumerate(own)
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
        text = json.dumps({"format": FORMAT, **told}, indent=1, ensure_ascii=False)
        (aside / MANIFEST).write_text(text + "\n", encoding="utf-8")


def refuse_foreign(folder: Path) -> None:
    """Refuse a folder that an atlas cannot become, before the work is done.

    Raises:
        OutputError: it is a file, or holds something.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        what = "holds something else" if folder.is_dir() else "is a file"
        raise OutputError(f"{folder}: {what}; choose another folder for the atlas")


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return what an atlas says of itself.

    Raises:
        OutputError: there is none, or it cannot be read.
    """
    file = folder / MANIFEST
    if not file.is_file():
        raise OutputError(f"{folder}: holds no atlas; `annealcam atlas` builds one")
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(f"{file}: cannot be read ({error}); {_BUILD}") from error
    if not isinstance(told, dict) or "format" not in told:
        raise OutputError(f"{file}: is no manifest of an atlas; {_BUILD}")
    if told["format"] != FORMAT:
        raise OutputError(f"{folder}: an atlas of format {told['format']}, not {FORMAT}; {_BUILD}")
    missing = [name for name in _NEEDED if name not in told]
    if missing or len(told["classes"]) != len(told["counts"]):
        what = f"lacks {missing[0]}" if missing else "counts other classes than it names"
        raise OutputError(f"{file}: {what}; {_BUILD}")
    return told


def read_table(folder: Path, channels: int, classes: int) -> Table:
    """Return what is known of every channel.

    Raises:
        OutputError: it cannot be read, or is of another number of channels or classes.
    """
    found = _read(folder / CHANNELS, ["channel", "profile", "selected"])
    profiles = _matrix(found["profile"], np.float32, (channels, classes), folder / CHANNELS)
    selected = _matrix(found["selected"], np.int64, (channels, classes), folder / CHANNELS)
    regions: list[list[dict[str, Any]]] = [[] for _ in range(channels)]
    columns = ["channel", "rank", "image", "label", "peak", "mean", "box"]
    for row in _rows(_read(folder / REGIONS, columns)):
        if not (0 <= row["channel"] < channels and 0 <= row["label"] < classes):
            raise OutputError(f"{folder / REGIONS}: a region of no channel or class; {_BUILD}")
        regions[row["channel"]].append(row)
    return Table(profiles, selected, regions)


def read_thumbnails(folder: Path) -> dict[str, bytes]:
    """Return the small pictures, as WebP, by the photos' names.

    Raises:
        OutputError: they cannot be read.
    """
    found = _read(folder / THUMBNAILS, ["image", "webp"])
    return dict(zip(found["image"], found["webp"], strict=True))


def check_thumbnails(folder: Path) -> None:
    """Check whether the small pictures are there, without reading them.

    Raises:
        OutputError: they are not.
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
        found: dict[str, list[Any]] = pq.read_table(file, columns=columns).to_pydict()
    except (OSError, pa.ArrowException) as error:
        raise OutputError(f"{file}: cannot be read ({error}); {_BUILD}") from error
    if set(found) != set(columns):
        raise OutputError(f"{file}: lacks a column; {_BUILD}")
    return found


def _rows(columns: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    """Rows of regions, in the order of channel and rank."""
    keys = list(zip(columns["channel"], columns["rank"], strict=True))
    names = ("channel", "image", "label", "peak", "mean")
    return [
        {**{name: columns[name][i] for name in names}, "box": tuple(columns["box"][i])}
        for i in sorted(range(len(keys)), key=keys.__getitem__)
    ]


def _matrix(values: list[Any], dtype: Any, shape: tuple[int, int], file: Path) -> Any:
    try:
        found = np.array(values, dtype=dtype).reshape(len(values), -1)
    except (ValueError, TypeError) as error:
        raise OutputError(f"{file}: its rows differ in length; {_BUILD}") from error
    if found.shape != shape:
        raise OutputError(
            f"{file}: {found.shape[0]} channels of {found.shape[1]} classes, but the manifest "
            f"tells of {shape[0]} of {shape[1]}; {_BUILD}"
        )
    return found
