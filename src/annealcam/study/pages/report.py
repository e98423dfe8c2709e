"""The report of a study: an overview and a page for each photo, in one folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from annealcam._internal.environment import one_thread
from annealcam._internal.storage.checksums import CHECKSUMS
from annealcam._internal.storage.files import file_written_aside, make_folder, seal, written_aside
from annealcam._internal.storage.reading import reading
from annealcam._internal.storage.resumable import read_json
from annealcam._internal.types import Progress
from annealcam._internal.validation import whole
from annealcam.errors import OutputError
from annealcam.render.html.page import write_page
from annealcam.study.analysis.results import Setting
from annealcam.study.pages.explained import Explain, explain_again
from annealcam.study.pages.loaded import (
    LoadedStudy,
    PhotoSource,
    is_tiny,
    load_study,
    open_photos,
    write_thumbnail,
)
from annealcam.study.pages.overview import Card, card_of, overview
from annealcam.study.pages.photo_maps import PhotoMaps
from annealcam.study.pages.photo_page import photo_page, turns
from annealcam.study.pages.photos import (
    Photo,
    PhotoResult,
    evenly,
    explained_stem,
    photos_of,
    results_of,
)
from annealcam.study.pages.text import cleaned
from annealcam.study.run.store import MANIFEST, REPORT

INDEX, MARKER = "index.html", "report.json"
PHOTOS, THUMBS, EXPLAINED = "photos", "thumbs", "explained"
OURS = frozenset((INDEX, MARKER, PHOTOS, THUMBS, EXPLAINED, CHECKSUMS))


@dataclass(frozen=True)
class WrittenReport:
    """The files of a report: its first page, the number of photos with pages, and of all photos."""

    index: Path
    pages: int
    photos: int
    explained: int
    no_photos: str

    def __repr__(self) -> str:
        return (
            f"WrittenReport({str(self.index)!r:.200}, {self.pages} of {self.photos} photos, "
            f"{self.explained} explanations)"
        )


def write_report(
    run: Path,
    folder: Path | None = None,
    *,
    photos: int | None = None,
    root: str | None = None,
    explain: Explain | None = None,
    maps: bool = True,
    progress: Progress | None = None,
) -> WrittenReport:
    """Write the pages of a study, finished or not, from its table.

    Existing pages are replaced as a whole; existing explanations are kept and linked.

    Args:
        run: folder of the study.
        folder: of the report; by default `report` in the folder of the study.
        photos: the most photos that get pages, equally many of each class; by default all.
        root: folder of the data sets, for the pictures; by default that of the study.
        maps: whether the pages of photos show the maps, for which the study's networks run again.
        explain: `annealcam.explain`, to run the networks again on the photos that have pages.
        progress: called with the current step, the number of things done, and their total.

    Raises:
        ArgumentError: an option is out of range, or a network differs from the study's.
        OutputError: the run holds no study or is damaged, or the folder belongs to something else.
    """
    if photos is not None:
        whole("photos", photos, least=1)
    report = progress or (lambda *_: None)
    loaded = load_study(run, progress=report)
    target = folder if folder is not None else run / REPORT
    _claim_folder(target, loaded)
    with reading(f"{run}: its table"):
        all_photos = photos_of(loaded.table)
    shown = evenly(all_photos, photos)
    source = open_photos(loaded, root)
    if explain is not None:
        explain_again(loaded, shown, source, target / EXPLAINED, explain, report)
    drawn = PhotoMaps(loaded, trusted=explain is not None) if maps else None
    with one_thread():
        cards = _write_photos(loaded, shown, source, target, drawn, report)
    report("overview", 0, 1)
    with reading(f"{run}: its table or {MANIFEST}"):
        html = overview(loaded, cards, photos=len(all_photos), no_photos=source.reason)
    write_page(html, target / INDEX)
    seal(target)
    explained = len(list((target / EXPLAINED).glob("*.html")))
    return WrittenReport(target / INDEX, len(cards), len(all_photos), explained, source.detail)


def _claim_folder(folder: Path, loaded: LoadedStudy) -> None:
    """Mark an empty folder as this study's report; refuse a folder of anything else."""
    # As the file holds it: reports that earlier versions made of it belong to the same study.
    with reading(loaded.run / MANIFEST):
        written = cleaned(read_json(loaded.run / MANIFEST)).get("identity")
        identity = json.dumps(written, sort_keys=True)
    marker = {"format": 1, "study": hashlib.sha256(identity.encode()).hexdigest()}
    names = _names(folder)
    if not names:
        make_folder(folder)
        with file_written_aside(folder / MARKER) as aside:
            aside.write_text(json.dumps(marker) + "\n", encoding="utf-8")
        return
    foreign = sorted(names - OURS) or ([] if MARKER in names else sorted(names))
    if foreign:
        raise OutputError(
            f"{folder}: holds {foreign[0]}, which is no part of a report; choose another folder"
        )
    if read_json(folder / MARKER) != marker:
        raise OutputError(f"{folder}: holds the report of another study; choose another folder")


def _names(folder: Path) -> set[str]:
    """The names in a folder, without hidden ones."""
    try:
        inside = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    except OSError as error:
        raise OutputError(f"{folder}: cannot be read ({error.strerror})") from error
    return {name for name in inside if not name.startswith(".")}


def _write_photos(
    loaded: LoadedStudy,
    photos: Sequence[Photo],
    source: PhotoSource,
    folder: Path,
    maps: PhotoMaps | None,
    report: Progress,
) -> list[Card]:
    """Write pages and thumbnails, each folder as a whole; return the photos' entries."""
    cards = []
    with _replaced(folder / PHOTOS) as pages, _replaced(folder / THUMBS) as thumbs:
        for photo, turn in zip(photos, turns(photos), strict=True):
            report("photos", turn.number - 1, turn.count)
            picture = source.photo(photo.name)
            with reading(f"{loaded.run}: the rows of photo {photo.title!r:.100}"):
                results = results_of(loaded.table, photo, loaded.main_run)
                html = photo_page(
                    photo, results, turn, study=loaded.name, finished=loaded.finished,
                    picture=picture, no_picture=source.reason or "it cannot be read",
                    explained=_explanations(photo, results, folder),
                    maps=maps.of(photo, picture, results) if maps else {},
                )  # fmt: skip
            (pages / f"{photo.stem}.html").write_text(html, encoding="utf-8")
            thumb, tiny = None, False
            if picture is not None:
                thumb, tiny = f"{THUMBS}/{photo.stem}.webp", is_tiny(picture)
                write_thumbnail(picture, thumbs / f"{photo.stem}.webp")
            with reading(f"{loaded.run}: the rows of photo {photo.title!r:.100}"):
                cards.append(card_of(photo, results, thumb=thumb, tiny=tiny))
    return cards


def _explanations(photo: Photo, results: Sequence[PhotoResult], folder: Path) -> dict[Setting, str]:
    """Links from the photo's page to the explanations that exist."""
    files = {r.setting: f"{explained_stem(photo, r.setting)}.html" for r in results}
    return {
        setting: f"../{EXPLAINED}/{file}"
        for setting, file in files.items()
        if (folder / EXPLAINED / file).exists()
    }


@contextmanager
def _replaced(folder: Path) -> Iterator[Path]:
    """Yield a new folder that replaces the older one once it is completely written."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    marker = min(names, default="")
    with written_aside(folder, names=names, marker=marker, checksums=False) as aside:
        yield aside
