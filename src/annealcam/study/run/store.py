"""A run's folder: the table in parts, the log of each part, the manifest."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from annealcam._internal.storage.checksums import CHECKSUMS, changed, sha256_of
from annealcam._internal.storage.files import file_written_aside, make_folder
from annealcam._internal.storage.reading import bytes_of, parquet_table, reading
from annealcam._internal.storage.resumable import PartStore, read_json, write_json
from annealcam.errors import OutputError
from annealcam.study.config import current_names
from annealcam.study.table.columns import CHECKS_SCHEMA, SCHEMA, current_table

TABLE, LOG, FIGURES, HEADS, REPORT = "table", "log", "figures", "heads", "report"
CHECKS = "checks"
MANIFEST, SUMMARY = "manifest.json", "summary.md"
OURS = frozenset((TABLE, LOG, CHECKS, FIGURES, HEADS, REPORT, MANIFEST, SUMMARY, CHECKSUMS))
DATA = (MANIFEST, TABLE, CHECKS, LOG)  # from which figures, pages and the summary are made


def table_of(rows: list[dict[str, Any]]) -> pa.Table:
    """Return rows as a table; columns that a row lacks are null."""
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def content_of(part: pa.Table) -> bytes:
    """Return a part of the table as the content of a Parquet file."""
    stream = io.BytesIO()
    pq.write_table(part, stream, compression="zstd")
    return stream.getvalue()


def write_part(content: bytes, file: Path) -> None:
    """Write a part of the table, as a whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    with file_written_aside(file) as aside:
        aside.write_bytes(content)


def read_table(run: Path) -> pa.Table:
    """Return the whole table of a run, part after part.

    Raises:
        OutputError: there is no table, or a part of it cannot be read.
    """
    parts = sorted((run / TABLE).glob("part-*.parquet"))
    if not parts:
        raise OutputError(f"{run}: holds no table; is it the folder of a study?")
    return pa.concat_tables([_read_part(part, current_table) for part in parts])


def read_checks(run: Path) -> pa.Table | None:
    """Return the table of the checks of a run; None where there are none.

    Raises:
        OutputError: a part of it cannot be read.
    """
    parts = sorted((run / CHECKS).glob("part-*.parquet"))
    if not parts:
        return None
    return pa.concat_tables([_read_part(part, _checks_table) for part in parts])


def _checks_table(table: pa.Table) -> pa.Table:
    return table.select(CHECKS_SCHEMA.names).cast(CHECKS_SCHEMA)


def _read_part(file: Path, current: Callable[[pa.Table], pa.Table]) -> pa.Table:
    """Return a part with the columns of this version."""
    with reading(file):
        return current(parquet_table(bytes_of(file)))


def read_logs(run: Path) -> list[dict[str, Any]]:
    """Return the logs of all parts, in order.

    Raises:
        OutputError: one cannot be read.
    """
    files = sorted((run / LOG).glob("part-*.json"))
    return [read_json(file) for file in files]


def read_manifest(run: Path) -> dict[str, Any]:
    """Return the manifest of a run, with the names of the current version.

    Raises:
        OutputError: there is none, or it cannot be read.
    """
    manifest = read_json(run / MANIFEST)
    for holder in (manifest, manifest.get("identity")):
        if isinstance(holder, dict) and isinstance(holder.get("config"), dict):
            holder["config"] = current_names(holder["config"])
    return manifest


def write_manifest(run: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest, completely or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    write_json(run / MANIFEST, manifest)


def part_store(run: Path, folder: str = TABLE) -> PartStore:
    """Return the store of the parts of a run: those of its table, of its checks, or of its log."""
    suffix = {TABLE: ".parquet", CHECKS: ".parquet", LOG: ".json"}[folder]
    return PartStore(run, "study", record=MANIFEST, parts=folder, suffix=suffix)


def open_run(run: Path, identity: Mapping[str, Any]) -> dict[str, Any]:
    """Start a run in a folder, or continue one of the same identity; return its manifest.

    Raises:
        ArgumentError: the folder holds a run of another identity; the differences are listed.
        OutputError: the folder holds other files, or cannot be written.
    """
    _refuse_foreign(run)
    manifest = part_store(run).open(identity, read=lambda _: read_manifest(run))
    for folder in (TABLE, LOG):  # made after the manifest, so that each has one
        make_folder(run / folder)
    return manifest


def refuse_changed(run: Path, among: Sequence[str] = tuple(OURS)) -> None:
    """Refuse a run of which a part of the table is not what was written.

    A finished run has the SHA-256 of each of its files, and the log of a part holds that of the
    part.

    Args:
        run: the folder.
        among: the files and folders of the run that are compared.

    Raises:
        OutputError: a file is changed or damaged, or cannot be read.
    """
    wrong = [name for name in changed(run, among) if name != SUMMARY]
    for part in sorted((run / TABLE).glob("part-*.parquet")):
        log = run / LOG / f"{part.stem}.json"
        if log.exists() and read_json(log).get("sha256") not in (None, sha256_of(part)):
            wrong.append(f"{TABLE}/{part.name}")
    if wrong:
        raise OutputError(
            f"{run / wrong[0]}: is changed or damaged; remove it, and the command of the study "
            "computes it again"
        )


def tidy(run: Path) -> None:
    """Remove the files that killed workers left unfinished, once all shards are done.

    Raises:
        OutputError: one cannot be removed.
    """
    for folder in (TABLE, LOG, CHECKS):
        part_store(run, folder).remove_unfinished()


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
