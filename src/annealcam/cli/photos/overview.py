"""The page and the table of all photos of a folder of explanations: index.html and summary.csv."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from annealcam._internal.storage.checksums import CHECKSUMS, content_of, read_checksums
from annealcam._internal.storage.files import file_written_aside, seal, unseal
from annealcam._internal.storage.reading import json_of
from annealcam.cli.photos.finished import RESERVED
from annealcam.errors import OutputError
from annealcam.explanation import MARKER
from annealcam.render.folder import write_rows
from annealcam.render.html.page import write_page
from annealcam.render.html.photos import natural_key, photos_html
from annealcam.render.records import PhotoRecord, record_of

INDEX, SUMMARY, _ = RESERVED


def write_overview(output: Path, failures: Sequence[str] = ()) -> list[PhotoRecord]:
    """Write the page and the table of all finished results in a folder, and return the records.

    Checksums are added if the folder holds nothing but results: other files are not ours, and may
    change.

    Args:
        output: the folder that holds the folders of the results.
        failures: a line for each photo without a result.

    Raises:
        OutputError: a file cannot be written.
    """
    records = sorted(_records(output), key=natural_key)
    if not records:
        return records
    html = photos_html(records, output, failures=failures)
    unseal(output)
    write_page(html, output / INDEX)
    with file_written_aside(output / SUMMARY) as aside:
        write_rows([record.row() for record in records], aside)
    if _is_ours(output):
        seal(output)
    return records


def record_in(folder: Path) -> PhotoRecord | None:
    """Return the record of a result; None if there is none, or if it is damaged."""
    if not (folder / MARKER).is_file():
        return None
    try:
        content = content_of(folder, MARKER, read_checksums(folder))
        return record_of(json_of(content), folder)
    except (OutputError, KeyError, TypeError, ValueError, AttributeError):
        return None


def _records(output: Path) -> Iterator[PhotoRecord]:
    """Yield the records of the finished results in a folder."""
    for folder in output.iterdir():
        if not folder.name.startswith(".") and (record := record_in(folder)) is not None:
            yield record


def _is_ours(output: Path) -> bool:
    """Return whether a folder holds sealed results and the files of this module alone."""
    return all(
        path.name in RESERVED or path.name.startswith(".") or (path / CHECKSUMS).is_file()
        for path in output.iterdir()
    )
