"""A run's folder: the table in parts, the log of each part, the manifest."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from annealcam._internal.files import UNFINISHED, file_written_aside, make_folder
from annealcam.errors import ArgumentError, OutputError
from annealcam.study.config import current_names
from annealcam.study.table.columns import SCHEMA, current_table

TABLE, LOG, FIGURES, HEADS, REPORT = "table", "log", "figures", "heads", "report"
MANIFEST, SUMMARY = "manifest.json", "summary.md"
OURS = frozenset((TABLE, LOG, FIGURES, HEADS, REPORT, MANIFEST, SUMMARY))


def table_of(rows: list[dict[str, Any]]) -> pa.Table:
    """Return rows as a table; columns that a row lacks are null."""
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def write_part(part: pa.Table, file: Path) -> None:
    """Write a part of the table, as a whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    with file_written_aside(file) as aside:
        pq.write_table(part, aside, compression="zstd")


def read_table(run: Path) -> pa.Table:
    """Return the whole table of a run, part after part.

    Raises:
        OutputError: there is no table, or a part of it cannot be read.
    """
    parts = sorted((run / TABLE).glob("part-*.parquet"))
    if not parts:
        raise OutputError(f"{run}: holds no table; is it the folder of a study?")
    try:
        return pa.concat_tables([current_table(pq.read_table(part)) for part in parts])
    except (OSError, pa.ArrowException) as error:
        raise OutputError(f"{run}: its table cannot be read ({error})") from error


def read_logs(run: Path) -> list[dict[str, Any]]:
    """Return the logs of all parts, in order.

    Raises:
        OutputError: one cannot be read.
    """
    files = sorted((run / LOG).glob("part-*.json"))
    return [_read_json(file) for file in files]


def read_manifest(run: Path) -> dict[str, Any]:
    """Return what a run was made of and by.

    Raises:
        OutputError: there is none, or it cannot be read.
    """
    manifest = _read_json(run / MANIFEST)
    for holder in (manifest, manifest.get("identity")):
        if isinstance(holder, dict) and isinstance(holder.get("config"), dict):
            holder["config"] = current_names(holder["config"])
    return manifest


def write_manifest(run: Path, told: Mapping[str, Any]) -> None:
    """Write the manifest, as a whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    with file_written_aside(run / MANIFEST) as aside:
        text = json.dumps(dict(told), indent=2, ensure_ascii=False, allow_nan=False)
        aside.write_text(text + "\n", encoding="utf-8")


def open_run(run: Path, identity: Mapping[str, Any]) -> dict[str, Any]:
    """Begin a run in a folder, or go on with one of the same identity; return its manifest.

    Raises:
        ArgumentError: the folder holds a run of another identity; the differences are named.
        OutputError: the folder holds something else, or cannot be written.
    """
    _refuse_foreign(run)
    if (run / MANIFEST).exists():
        told = read_manifest(run)
        _refuse_another(run, told.get("identity", {}), identity)
    else:
        told = {"identity": dict(identity), "finished": False}
        make_folder(run)
        write_manifest(run, told)
    for name in (TABLE, LOG):  # after the manifest: a folder of parts is always somebody's
        make_folder(run / name)
    return told


def tidy(run: Path) -> None:
    """Remove what killed workers left half written: of a run whose shards are all done, nobody's.

    Raises:
        OutputError: it cannot be removed.
    """
    for name in (TABLE, LOG):
        for unfinished in (run / name).glob(UNFINISHED):
            try:
                unfinished.unlink(missing_ok=True)
            except OSError as error:
                raise OutputError(f"{unfinished}: cannot be removed ({error.strerror})") from error


def _refuse_another(run: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    found = list(differences(old, new))
    if found:
        more = f", and {len(found) - 3} more" if len(found) > 3 else ""
        raise ArgumentError(
            f"output={str(run)!r}: holds the run of another study: {'; '.join(found[:3])}{more}; "
            "choose another folder"
        )


def differences(old: Mapping[str, Any], new: Mapping[str, Any], place: str = "") -> Iterable[str]:
    """Yield where two nested mappings differ, in words.

    >>> list(differences({"data": {"name": "a"}, "seed": 0}, {"data": {"name": "b"}, "seed": 0}))
    ["data.name is 'a' there, 'b' here"]
    """
    for key in dict.fromkeys([*old, *new]):
        one, other = old.get(key), new.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from differences(one, other, f"{place}{key}.")
        elif one != other:
            yield f"{place}{key} is {_short(one)} there, {_short(other)} here"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _refuse_foreign(run: Path) -> None:
    if run.exists() and not run.is_dir():
        raise OutputError(f"output={str(run)!r}: is a file; choose a folder")
    inside = {path.name for path in run.iterdir()} if run.exists() else set()
    visible = {name for name in inside if not name.startswith(".")}
    foreign = sorted(visible - OURS) or sorted(visible if MANIFEST not in visible else ())
    if foreign and foreign != [HEADS]:
        raise OutputError(
            f"output={str(run)!r}: holds {foreign[0]}, which is no part of a study; "
            "choose another folder"
        )


def _read_json(file: Path) -> dict[str, Any]:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"{file}: cannot be read ({reason})") from error
    if not isinstance(told, dict):
        raise OutputError(f"{file}: holds no mapping; is it part of a study?")
    return told
