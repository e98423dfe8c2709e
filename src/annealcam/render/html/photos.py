"""The page of many explained photos: one self-contained HTML file with a card for each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import quote

from PIL import Image

from annealcam.explanation import PAGE
from annealcam.render.html.page import page, picture_uri
from annealcam.render.records import PhotoRecord

THUMBNAIL = 160, 120  # pixels; about 3 kB, so that the page of 1,000 photos has about 4 MB
_QUALITY = 60


@dataclass(frozen=True)
class PhotoCard:
    """A photo on the page: its record, the file that it leads to, and its thumbnail."""

    record: PhotoRecord
    href: str
    thumbnail: str
    size: tuple[int, int]


def photos_html(
    records: Sequence[PhotoRecord], folder: Path, *, failures: Sequence[str] = ()
) -> str:
    """Return the page of many photos, in the order of their names.

    Args:
        records: the results of the photos.
        folder: the folder that holds the folders of the results, and the page.
        failures: a line for each photo without a result.
    """
    ordered = sorted(records, key=natural_key)
    return page(
        "photos.html.j2",
        cards=[_card(record, folder) for record in ordered],
        findings=_findings(ordered),
        failures=failures,
    )


def natural_key(record: PhotoRecord) -> tuple[list[tuple[int, str]], str]:
    """Return what orders photos by their names, with numbers by their values."""
    parts = re.findall(r"(\d+)|(\D+)", record.photo)
    return [(int(digits or -1), text.casefold()) for digits, text in parts], record.folder


def _card(record: PhotoRecord, folder: Path) -> PhotoCard:
    file = PAGE if record.has_page else "report.png"
    uri, size = _thumbnail(folder / record.folder / "overlay.png")
    return PhotoCard(record, f"{quote(record.folder)}/{file}", uri, size)


def _thumbnail(file: Path) -> tuple[str, tuple[int, int]]:
    """Return a small picture as a data URI, and its size; nothing if the file cannot be read."""
    try:
        with Image.open(file) as picture:
            small = picture.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return "", (0, 0)
    small.thumbnail(THUMBNAIL, reducing_gap=2.0)
    return picture_uri(small, quality=_QUALITY), small.size


def _findings(records: Sequence[PhotoRecord]) -> list[str]:
    """Return sentences about all photos."""
    if not records:
        return []
    count = len(records)
    sizes = [len(record.selected) for record in records]
    fidelities = [record.fidelity for record in records if record.fidelity is not None]
    classes = len({record.name for record in records})
    proved = sum(record.optimal is True for record in records)
    doubtful = sum(bool(record.warnings) for record in records)
    networks = sorted({f"{record.model}, layer {record.layer}" for record in records})
    channels = {record.channels for record in records}
    of = f" of {channels.pop()}" if len(channels) == 1 else ""
    sentences = [
        f"Explained: {classes} class{'es' if classes > 1 else ''}, by {'; '.join(networks)}.",
        f"The median selection has {median(sizes):g}{of} maps"
        + (f" and a fidelity of {median(fidelities):.2f}." if fidelities else "."),
        f"{proved} of {count} selections are proved optimal.",
    ]
    if doubtful:
        sentences.append(f"{doubtful} of {count} results have warnings.")
    return sentences
