"""The study's first page: what was found in words, tables and figures, and all of its photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from annealcam.render.html.page import POLICY, page
from annealcam.study.analysis.rows import Rows, free, known_mean
from annealcam.study.claims.annealing import annealing_claims, no_advantage, run
from annealcam.study.claims.overlap import overlap_claims, spread
from annealcam.study.claims.summary import done
from annealcam.study.figures.columns import filled, rows, where
from annealcam.study.figures.overlaps import main_run
from annealcam.study.figures.panels import setting_names
from annealcam.study.pages import matrices, tables
from annealcam.study.pages.found import Found
from annealcam.study.pages.plots import plots_of
from annealcam.study.pages.sight import Run
from annealcam.study.pages.tables import Cell, Table, figure, word
from annealcam.study.pages.text import UNKNOWN, cleaned, real

PACKAGE = "annealcam.study.pages"
# Thumbnails lie beside the page; browsers differ in what 'self' is for a file.
INDEX_POLICY = POLICY.replace("img-src data:", "img-src data: 'self' file:")
FURTHER = "; base-uri 'none'; form-action 'none'"
MOST_LISTED = 20  # photos that were skipped


@dataclass(frozen=True)
class Card:
    """A photo in the overview; numbers are those of the setting that is hardest to anneal."""

    href: str
    name: str
    label: str
    predicted: tuple[str, ...]
    thumb: str | None
    tiny: bool
    success: float | None
    gap: float | None
    probability: float | None
    d: int
    k: int | None

    @property
    def short(self) -> str:
        """The name without the folders before it."""
        return self.name.rpartition("/")[2] or self.name


def run_of(found: Found) -> Run | None:
    """Return the annealer's run that stands for it, as the study's figures have it."""
    overlap = found.columns.get("overlap")
    return main_run(overlap) if overlap is not None and filled(overlap) else None


def overview(found: Found, cards: Sequence[Card], *, photos: int, no_photos: str) -> str:
    """Return the page.

    Args:
        found: the study.
        cards: the photos that have pages.
        photos: how many there are in all.
        no_photos: why there are no pictures; nothing where there are.
    """
    columns = cleaned(found.columns)
    panels = matrices.panels(found.columns["overlap_matrix"], found.table, found.study)
    classes = sorted({c.label for c in cards})
    predicted = sorted({name for c in cards for name in c.predicted})
    return page(
        "overview.html.j2",
        package=PACKAGE,
        policy=INDEX_POLICY + FURTHER,
        name=found.name,
        finished=found.finished,
        photos=photos,
        glance=glance(found),
        claims=[*overlap_claims(columns), *annealing_claims(columns)],
        no_advantage=no_advantage(columns),
        panels=panels,
        panel_data=[panel.data() for panel in panels],
        scale=matrices.scale(),
        overlaps=tables.overlap_table(columns["overlap"]),
        overlap_plots=list(plots_of(columns, "overlap", "overlap_by_k")),
        gaps=tables.gap_table(columns["gap_summary"]),
        gap_plots=list(plots_of(columns, "gap_histogram", "gap_by_d")),
        fits=tables.fit_table(columns["success_fit"]),
        by_class=tables.class_table(columns["success_by_class"]),
        success_plots=list(
            plots_of(columns, "success_by_d", "best_of_shots", "success_by_class", "landau_zener")
        ),
        cards=cards,
        classes=classes,
        predicted=predicted,
        no_photos=no_photos,
        done=list(done(told_of(found))),
        notes=notes(found.manifest),
        throughput=found.manifest.get("throughput") or {},
    )  # fmt: skip


def told_of(found: Found) -> dict[str, Any]:
    """Return the manifest; of a study that is not finished, what its identity tells."""
    identity = found.manifest.get("identity", {})
    return {"config": identity.get("config"), "seed": found.study.seed} | dict(found.manifest)


def notes(manifest: Mapping[str, Any]) -> list[str]:
    """Return what a reader of the numbers must know.

    >>> notes({"warnings": ["signed maps"], "skipped": [{"image": "a", "reason": "a: no photo"}]})
    ['signed maps', 'a photo was skipped: a: no photo']
    """
    told = [str(text) for name in ("warnings", "shortages") for text in manifest.get(name) or ()]
    skipped = [one for one in manifest.get("skipped") or () if isinstance(one, dict)]
    told += [f"a photo was skipped: {one.get('reason', '')}" for one in skipped[:MOST_LISTED]]
    more = len(skipped) - MOST_LISTED
    return (
        [*told, f"{more} more photos were skipped; manifest.json lists all"] if more > 0 else told
    )


def glance(found: Found) -> Table:
    """Return the main numbers of each network and layer."""
    chosen = run_of(found)
    every = free(Rows.from_table(found.table))
    groups = list(every.groups("model", "layer"))
    names = setting_names([(model, layer) for (model, layer), _ in groups])
    body = tuple(
        (word(cleaned(names[model, layer])), *_glance(found, own, (model, layer), chosen))
        for (model, layer), own in groups
    )
    about = f" of the annealer ({run(*chosen)})" if chosen else ""
    return Table(
        f"Mean d and k; median success F of one shot and median minimum gap{about}.",
        ("network", "photos", "candidates d", "maps selected k", "overlap of classes [95 %]",
         "with all positive maps", "success F", "minimum gap"), body,
    )  # fmt: skip


def _glance(
    found: Found, own: Rows, setting: tuple[str, str], chosen: Run | None
) -> tuple[Cell, ...]:
    exact = own.where(own["selector"] == "exact")
    runs = (
        own.where((own["normalisation"] == chosen[0]) & (own["tau"] == chosen[1]))
        if chosen
        else None
    )
    overlap = where(found.columns["overlap"], model=setting[0], layer=setting[1])
    of = {row["selector"]: row for row in rows(overlap)}
    return (
        figure(len(exact)), figure(known_mean(exact["d"]), ".1f"),
        figure(known_mean(exact["k"]), ".1f"),
        _spread(of.get("exact")), _spread(of.get("positive")),
        _median(runs, "success_probability"), _median(runs, "gap"),
    )  # fmt: skip


def _spread(row: dict[str, Any] | None) -> Cell:
    known = real(row["off_diagonal"]) if row else None
    return Cell(UNKNOWN, None) if row is None or known is None else Cell(spread(row), known)


def _median(runs: Rows | None, name: str) -> Cell:
    if runs is None or np.isnan(runs[name]).all():
        return figure(None)
    return figure(float(np.nanmedian(runs[name])))
