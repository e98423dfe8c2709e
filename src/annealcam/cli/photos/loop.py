"""Photos explained one after the other: finished ones are kept, and odd ones do not stop others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annealcam._internal.storage.checksums import CHECKSUMS, sha256_of
from annealcam._internal.storage.files import make_folder
from annealcam._internal.storage.resumable import PartStore, identity_hash, read_json
from annealcam.cli.console import print_line, print_note, print_warning, progress_bar, resumable
from annealcam.cli.interface.reporting import json_list, reporting
from annealcam.cli.photo_explainer import PhotoExplainer
from annealcam.cli.photos.each import PhotoCounts
from annealcam.cli.photos.finished import Task, refuse_other_settings, tasks_of
from annealcam.cli.photos.overview import INDEX, SUMMARY, write_overview
from annealcam.cli.photos.printing import print_check, print_comparison, print_summary
from annealcam.explanation import MARKER, Explanation
from annealcam.models.images import digest_of
from annealcam.models.photo_files import FoundPhotos
from annealcam.render.records import record_of

if TYPE_CHECKING:
    from annealcam.atlas.atlas import Atlas
    from annealcam.samplers.hardware.machine import Machine


def explain_all(
    explainer: PhotoExplainer,
    found: FoundPhotos,
    output: Path,
    *,
    overwrite: bool = False,
    compare: bool = False,
    check: bool = False,
    html: bool = False,
    atlas: Atlas | None = None,
    hardware: Machine | None = None,
) -> None:
    """Explain every photo into a folder of its own; the arguments are those of `explain_into`.

    Raises:
        ArgumentError: there are results of other settings for many photos.
        OutputError: the folder cannot be written, or another process is writing it.
        typer.Exit: a photo failed.
    """
    is_new = not output.exists()
    make_folder(output)
    store = PartStore(output, "folder of explanations")
    kept = (
        f"interrupted; finished explanations are kept in {output}, and the same command continues"
    )
    try:
        with store.alone(), resumable(kept):
            store.remove_unfinished()
            tasks = tasks_of(found, output)
            work = _Work(
                explainer, PhotoCounts(len(tasks)), overwrite, atlas, hardware,
                {"compare": compare, "check": check, "html": html},
            )  # fmt: skip
            if not overwrite:
                for task, text in refuse_other_settings(tasks, explainer.request, output):
                    print_note(f"{task.folder}: replaces a result of other settings ({text})")
            try:
                work.run(tasks)
            finally:  # what is finished can be looked at after an interruption as well
                if work.counts.total > 1 or (output / INDEX).exists():
                    work.has_overview = bool(write_overview(output, work.counts.failures))
    finally:
        if is_new and not any(output.iterdir()):
            output.rmdir()
    work.end(output)


@dataclass
class _Work:
    """The photos of one command, and how many of them are done, finished before, or failed."""

    explainer: PhotoExplainer
    counts: PhotoCounts
    overwrite: bool
    atlas: Atlas | None
    hardware: Machine | None
    files: Mapping[str, bool]
    earlier: int = 0
    has_overview: bool = False

    def run(self, tasks: list[Task]) -> None:
        """Explain all photos; an error of one of them is printed as one line."""
        with progress_bar("explaining", self.counts.total) as update, json_list() as add:
            for number, task in enumerate(tasks):
                update(f"explaining {task.photo}", number, self.counts.total)
                with self.counts.counting(task.photo, add, str(task.folder)):
                    self._explain(task, add)

    def end(self, output: Path) -> None:
        """Print the number of photos, and exit unless all are explained."""
        self.counts.print("explained", earlier=self.earlier)
        if self.has_overview:
            print_line(f"see {output / INDEX} and {output / SUMMARY}")
        self.counts.end()

    def _explain(self, task: Task, add: Callable[[Any], None]) -> None:
        identity = {
            "photo": digest_of(task.photo),
            "request": self.explainer.request,
            "files": {
                **self.files,
                "atlas": _atlas_hash(self.atlas),
                "hardware": _machine_hash(self.hardware),
            },
        }
        comparison = checked = explanation = None
        is_brief = self.counts.total > 1 and not reporting().verbose
        if not self.overwrite and task.is_finished(identity):
            self.earlier += 1
            if not is_brief:
                explanation = Explanation.load(task.folder)
            record = record_of(read_json(task.folder / MARKER), task.folder)
        else:
            explanation, comparison, checked = self.explainer.explain_into(
                task.photo, task.folder, **self.files, atlas=self.atlas, hardware=self.hardware,
                identity=identity,
            )  # fmt: skip
            record = record_of(explanation.as_json(), task.folder)
        add(record.as_json(task.folder))
        if is_brief:
            print_line(record.line)
        elif explanation is not None:
            print_summary(task.photo, task.folder, explanation, html=self.files["html"])
            if comparison:
                print_comparison(comparison)
            if checked:
                print_check(checked)
        if self.atlas and explanation is not None and not self.atlas.fits(explanation):
            print_warning("the atlas is of another network or layer: not used")


def _atlas_hash(atlas: Atlas | None) -> str | None:
    if atlas is None:
        return None
    sums = atlas.folder / CHECKSUMS
    return sha256_of(sums) if sums.exists() else str(atlas.folder)


def _machine_hash(machine: Machine | None) -> str | None:
    if machine is None:
        return None
    return identity_hash({name: repr(value) for name, value in vars(machine).items()})
