"""A run's folder, read and checked, and the photos of its data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from annealcam._internal.storage.reading import reading
from annealcam._internal.types import Progress
from annealcam.data.sets import load_set
from annealcam.errors import AnnealcamError, ArgumentError, ImageError, OutputError
from annealcam.study.analysis import analyse
from annealcam.study.analysis.results import filled
from annealcam.study.config import Study, study_of
from annealcam.study.figures.overlap import main_run
from annealcam.study.pages.text import cleaned
from annealcam.study.run import store

if TYPE_CHECKING:
    import pyarrow as pa

    from annealcam.data.labelled import LabelledSet

PHOTO_SIDE, THUMBNAIL_SIDE = 320, 144  # pixels at most, on a photo's page and in the overview
TINY = 64  # pixels, up to which a photo is shown enlarged, pixel by pixel
_TYPES: dict[str, type] = {  # of the keys of a manifest that the pages read
    "identity": dict, "config": dict, "data": dict, "models": list, "warnings": list,
    "shortages": list, "skipped": list, "throughput": dict,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class LoadedStudy:
    """A study as its folder holds it; `results` are the analysis of the rows that exist."""

    run: Path
    study: Study
    manifest: Mapping[str, Any]
    table: pa.Table
    results: Mapping[str, pa.Table]

    def __repr__(self) -> str:
        return f"LoadedStudy({str(self.run)!r}, {self.table.num_rows} rows)"

    @property
    def finished(self) -> bool:
        """Whether all shards are done."""
        return self.manifest.get("finished") is True

    @property
    def name(self) -> str:
        """The name of its data; of a folder only the last part of the path."""
        name = self.study.data.name
        return Path(name).name or name if name.startswith("folder:") else name

    @property
    def main_run(self) -> tuple[str, float] | None:
        """The annealer's run that represents it, as in the study's figures."""
        overlap = filled(self.results, "overlap")
        return None if overlap is None else main_run(overlap)

    @property
    def data_hash(self) -> str | None:
        """The fingerprint of the data that the study used."""
        data = self.manifest.get("identity", {}).get("data")
        return data if isinstance(data, str) else self.manifest.get("data", {}).get("hash")

    def network_hash(self, model: str) -> str | None:
        """Return the fingerprint of a network that the study used."""
        hashes = self.manifest.get("identity", {}).get("networks")
        return hashes.get(model) if isinstance(hashes, dict) else None


def load_study(run: Path, *, progress: Progress | None = None) -> LoadedStudy:
    """Read and analyse a run, finished or not.

    Raises:
        OutputError: the folder holds no study, no shard is done yet, or a file is damaged.
    """
    report = progress or (lambda *_: None)
    report("reading the study", 0, 1)
    store.refuse_changed(run, store.DATA)
    with reading(run / store.MANIFEST):
        manifest = cleaned(store.read_manifest(run))
    for key, kind in _TYPES.items():
        if not isinstance(manifest.get(key, kind()), kind):
            raise OutputError(f"{run / store.MANIFEST}: damaged ({key} is not a {kind.__name__})")
    study = _configuration(run, manifest)
    table = store.read_table(run).combine_chunks()
    if table.num_rows == 0:
        raise OutputError(f"{run}: its table has no photos, so there is nothing to report")
    report("statistics", 0, 1)
    statistics, checks = study.statistics, store.read_checks(run)
    with reading(f"{run}: its table"):
        results = analyse(
            table, bootstrap=statistics.bootstrap, permutations=statistics.permutations,
            seed=study.seed, checks=checks,
        )  # fmt: skip
    return LoadedStudy(run, study, manifest, table, results)


def _configuration(run: Path, manifest: Mapping[str, Any]) -> Study:
    """The configuration; an unfinished run has it in its identity."""
    config = manifest.get("config") or manifest.get("identity", {}).get("config")
    if not isinstance(config, dict):
        raise OutputError(f"{run / store.MANIFEST}: damaged (it holds no configuration)")
    try:
        return study_of(config, name="its configuration")
    except ArgumentError as error:
        raise OutputError(f"{run / store.MANIFEST}: damaged ({error})") from error


@dataclass(frozen=True, eq=False)
class PhotoSource:
    """The photos of the data set by name, or the reason why they are missing, short and in full.

    The full reason names folders: it is for the person who makes the pages, not for their readers.
    """

    images: LabelledSet | None
    indices: dict[str, int]
    reason: str = ""
    detail: str = ""

    def __repr__(self) -> str:
        return f"PhotoSource({len(self.indices)} photos)"

    def photo(self, name: str) -> Image.Image | None:
        """Return a photo, or None if it is missing or cannot be read."""
        if self.images is None or name not in self.indices:
            return None
        try:
            return self.images.open(self.indices[name])
        except ImageError:
            return None


def open_photos(loaded: LoadedStudy, root: str | None) -> PhotoSource:
    """Return the photos of a study if its data exist and have the same fingerprint."""
    data = loaded.study.data
    try:
        images = load_set(data.name, part=data.part, root=root or data.root or None)
        if images.fingerprint() != loaded.data_hash:
            reason = "the data differ from those of the study"
            return PhotoSource(None, {}, reason, f"data={data.name!r}: {reason}")
    except AnnealcamError as error:
        return PhotoSource(None, {}, "the data were missing when this page was made", str(error))
    return PhotoSource(images, {name: i for i, name in enumerate(images.images)})


def is_tiny(photo: Image.Image) -> bool:
    """Return whether a photo has so few pixels that each should be visible."""
    return max(photo.size) <= TINY


def smaller(photo: Image.Image, side: int) -> Image.Image:
    """Return a photo of at most `side` pixels; a smaller one is not enlarged.

    >>> smaller(Image.new("RGB", (400, 200)), 100).size
    (100, 50)
    """
    copy = photo.convert("RGB")
    copy.thumbnail((side, side))
    return copy


def write_thumbnail(photo: Image.Image, file: Path) -> None:
    """Write a photo's thumbnail, without loss if the photo is tiny."""
    small = smaller(photo, THUMBNAIL_SIDE)
    small.save(file, "webp", lossless=is_tiny(small), quality=78, method=4)
