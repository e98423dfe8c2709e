"""A study's report: one page to begin with and a page for each photo, in a folder of its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from annealcam._internal.files import file_written_aside, make_folder, written_aside
from annealcam._internal.types import Progress
from annealcam._internal.validation import whole
from annealcam.errors import OutputError
from annealcam.render.html.page import write_page
from annealcam.study.figures.columns import Setting
from annealcam.study.pages.explained import Explain, explain_again
from annealcam.study.pages.found import Found, find
from annealcam.study.pages.overview import Card, overview, run_of
from annealcam.study.pages.photo_page import card_of, explained_stem, is_tiny, photo_page, turns
from annealcam.study.pages.photos import Photo, evenly, photos_of, settings_in
from annealcam.study.pages.pictures import Album, open_album, write_thumbnail
from annealcam.study.pages.sight import Sight
from annealcam.study.run.store import REPORT

INDEX, MARKER = "index.html", "report.json"
PHOTOS, THUMBS, EXPLAINED = "photos", "thumbs", "explained"
OURS = frozenset((INDEX, MARKER, PHOTOS, THUMBS, EXPLAINED))


@dataclass(frozen=True)
class Written:
    """What was written: the first page, and how many photos have pages, of how many."""

    index: Path
    pages: int
    photos: int
    explained: int
    no_photos: str


def write_report(
    run: Path,
    folder: Path | None = None,
    *,
    photos: int | None = None,
    root: str | None = None,
    explain: Explain | None = None,
    progress: Progress | None = None,
) -> Written:
    """Write a study's pages, finished or not, from its table; return where.

    Pages are replaced as a whole; explanations that are there are kept, and linked.

    Args:
        run: folder of the study.
        folder: of the report; else `report` in the folder of the study.
        photos: how many of the photos have pages, at most; of each class as many.
        root: where data sets lie, for the pictures; else as the study had it.
        explain: `annealcam.explain`, to run the networks again on the photos that have pages.
        progress: called with what is being done, the number of things done, and of all.

    Raises:
        ArgumentError: an option is out of range, or a network is not the study's.
        OutputError: the run holds no study or is damaged, or the folder is another's.
    """
    if photos is not None:
        whole("photos", photos, least=1)
    tell = progress or (lambda *_: None)
    found = find(run, progress=tell)
    target = folder if folder is not None else run / REPORT
    _claim(target, found)
    every = photos_of(found.table)
    shown = evenly(every, photos)
    album = open_album(found, root)
    if explain is not None:
        explain_again(found, shown, album, target / EXPLAINED, explain, tell)
    cards = _write_photos(found, shown, album, target, tell)
    tell("overview", 0, 1)
    write_page(overview(found, cards, photos=len(every), no_photos=album.reason), target / INDEX)
    done = len(list((target / EXPLAINED).glob("*.html")))
    return Written(target / INDEX, len(cards), len(every), done, album.detail)


def _claim(folder: Path, found: Found) -> None:
    """Make the folder this study's; one of another study, or of something else, is left alone."""
    told = {"format": 1, "study": _identity(found)}
    names = _names(folder)
    if not names:
        make_folder(folder)
        with file_written_aside(folder / MARKER) as aside:
            aside.write_text(json.dumps(told) + "\n", encoding="utf-8")
        return
    foreign = sorted(names - OURS) or ([] if MARKER in names else sorted(names))
    if foreign:
        raise OutputError(
            f"{folder}: holds {foreign[0]}, which is no part of a report; choose another folder"
        )
    try:
        older = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(f"{folder / MARKER}: cannot be read ({error})") from error
    if older != told:
        raise OutputError(f"{folder}: holds the report of another study; choose another folder")


def _names(folder: Path) -> set[str]:
    """What a folder holds, but for what is hidden."""
    try:
        inside = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    except OSError as error:
        raise OutputError(f"{folder}: cannot be read ({error.strerror})") from error
    return {name for name in inside if not name.startswith(".")}


def _identity(found: Found) -> str:
    told = json.dumps(found.manifest.get("identity"), sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def _write_photos(
    found: Found, photos: Sequence[Photo], album: Album, folder: Path, tell: Progress
) -> list[Card]:
    """Write pages and thumbnails, each folder as a whole; return how the photos are shown."""
    cards = []
    main = run_of(found)
    with _replaced(folder / PHOTOS) as pages, _replaced(folder / THUMBS) as thumbs:
        for photo, turn in zip(photos, turns(photos), strict=True):
            tell("photos", turn.number - 1, turn.count)
            sights = [Sight(s, rows, main) for s, rows in settings_in(found.table, photo)]
            picture = album.photo(photo.name)
            html = photo_page(
                photo, sights, turn, study=found.name, finished=found.finished,
                picture=picture, no_picture=album.reason or "it cannot be read",
                explained=_explained(photo, sights, folder),
            )  # fmt: skip
            (pages / f"{photo.stem}.html").write_text(html, encoding="utf-8")
            thumb = None
            if picture is not None:
                thumb = f"{THUMBS}/{photo.stem}.webp"
                write_thumbnail(picture, thumbs / f"{photo.stem}.webp")
            tiny = picture is not None and is_tiny(picture)
            cards.append(card_of(photo, sights, thumb=thumb, tiny=tiny))
    return cards


def _explained(photo: Photo, sights: Sequence[Sight], folder: Path) -> dict[Setting, str]:
    """Links to the explanations that are there, as the photo's page needs them."""
    files = {s.setting: f"{explained_stem(photo, s.setting)}.html" for s in sights}
    there = {
        setting: file for setting, file in files.items() if (folder / EXPLAINED / file).exists()
    }
    return {setting: f"../{EXPLAINED}/{file}" for setting, file in there.items()}


@contextmanager
def _replaced(folder: Path) -> Iterator[Path]:
    """A new folder that takes the place of our older one when all of it is written."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    with written_aside(folder, names=names, marker=min(names, default="")) as aside:
        yield aside
