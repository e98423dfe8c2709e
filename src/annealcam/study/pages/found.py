"""What a run's folder holds, read once and checked: the ground of its pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annealcam._internal.types import Progress
from annealcam.errors import ArgumentError, OutputError
from annealcam.study.analysis import analyse
from annealcam.study.config import Study, study_of
from annealcam.study.figures.columns import Columns
from annealcam.study.pages.text import cleaned
from annealcam.study.run import store

if TYPE_CHECKING:
    import pyarrow as pa

_FORMS: dict[str, type] = {  # what the pages read of a manifest
    "identity": dict, "config": dict, "data": dict, "models": list, "warnings": list,
    "shortages": list, "skipped": list, "throughput": dict,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Found:
    """A study as its folder tells it; `columns` are the analysis of as many rows as there are."""

    run: Path
    study: Study
    manifest: Mapping[str, Any]
    table: pa.Table
    columns: dict[str, Columns]

    @property
    def finished(self) -> bool:
        """Whether all of it was done."""
        return self.manifest.get("finished") is True

    @property
    def name(self) -> str:
        """What its data are called; of a folder not where it lies."""
        told = self.study.data.name
        return Path(told).name or told if told.startswith("folder:") else told

    @property
    def data_hash(self) -> str | None:
        """The fingerprint of the data that it saw."""
        told = self.manifest.get("identity", {}).get("data")
        return told if isinstance(told, str) else self.manifest.get("data", {}).get("hash")

    def network_hash(self, model: str) -> str | None:
        """Return the fingerprint of a network that it used."""
        told = self.manifest.get("identity", {}).get("networks")
        return told.get(model) if isinstance(told, dict) else None


def find(run: Path, *, progress: Progress | None = None) -> Found:
    """Read and analyse a run, finished or not.

    Raises:
        OutputError: the folder holds no study, nothing of it is done yet, or it is damaged.
    """
    tell = progress or (lambda *_: None)
    tell("reading the study", 0, 1)
    manifest = cleaned(store.read_manifest(run))
    for name, form in _FORMS.items():
        if not isinstance(manifest.get(name, form()), form):
            raise OutputError(f"{run / store.MANIFEST}: damaged ({name} is no {form.__name__})")
    study = _study(run, manifest)
    table = store.read_table(run).combine_chunks()
    if table.num_rows == 0:
        raise OutputError(f"{run}: no photo is in its table; there is nothing to report")
    tell("statistics", 0, 1)
    asked = study.statistics
    columns = analyse(
        table, bootstrap=asked.bootstrap, permutations=asked.permutations, seed=study.seed
    )
    return Found(run, study, manifest, table, columns)


def _study(run: Path, manifest: Mapping[str, Any]) -> Study:
    """Its configuration; one that is not finished has it in its identity."""
    told = manifest.get("config") or manifest.get("identity", {}).get("config")
    if not isinstance(told, dict):
        raise OutputError(f"{run / store.MANIFEST}: damaged (it holds no configuration)")
    try:
        return study_of(told, name="its configuration")
    except ArgumentError as error:
        raise OutputError(f"{run / store.MANIFEST}: damaged ({error})") from error
