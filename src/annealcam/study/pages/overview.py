"""The first page of a study: its results in claims, tables and figures, and all of its photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from annealcam.render.html.page import POLICY, page
from annealcam.study.analysis.results import where
from annealcam.study.analysis.rows import Rows, free, known_mean
from annealcam.study.claims.annealing import no_advantage
from annealcam.study.claims.claims import spread, tally
from annealcam.study.claims.markdown import MOST_LISTED, all_claims, setup, speed_of
from annealcam.study.figures.drawing import EVIDENCE_FIGURES
from annealcam.study.figures.panels import run_name, setting_names
from annealcam.study.pages import matrices, tables
from annealcam.study.pages.loaded import LoadedStudy
from annealcam.study.pages.photos import Photo, PhotoResult, Run
from annealcam.study.pages.plots import plots_of
from annealcam.study.pages.tables import Cell, Table, figure, word
from annealcam.study.pages.text import UNKNOWN, cleaned, real, with_texts

PACKAGE = "annealcam.study.pages"
# The thumbnails are files beside the page; browsers differ in the meaning of 'self' for a file.
INDEX_POLICY = POLICY.replace("img-src data:", "img-src data: 'self' file:")
NO_FORMS = "; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True)
class Card:
    """A photo in the overview; its numbers are those of the setting that is hardest to anneal."""

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
        """The name without its folders."""
        return self.name.rpartition("/")[2] or self.name


def card_of(photo: Photo, results: Sequence[PhotoResult], *, thumb: str | None, tiny: bool) -> Card:
    """Return the entry of a photo in the overview."""
    annealed = [r for r in results if r.success is not None]
    hardest = min(annealed, key=lambda r: r.success or 0.0, default=results[0])
    k = hardest.exact["k"] if hardest.exact else None
    gaps = [r.gap for r in results if r.gap is not None]
    probabilities = [real(r.first["probability"]) for r in results]
    return Card(
        href=f"photos/{photo.stem}.html",
        name=photo.title,
        label=str(cleaned(photo.label)),
        predicted=tuple(dict.fromkeys(str(r.first["predicted"]) for r in results)),
        thumb=thumb,
        tiny=tiny,
        success=hardest.success,
        gap=min(gaps, default=None),
        probability=min((p for p in probabilities if p is not None), default=None),
        d=int(hardest.first["d"] or 0),
        k=k,
    )  # fmt: skip


def overview(loaded: LoadedStudy, cards: Sequence[Card], *, photos: int, no_photos: str) -> str:
    """Return the page.

    Args:
        loaded: the study.
        cards: the photos that have pages.
        photos: the number of all photos.
        no_photos: the reason why there are no pictures, or nothing.
    """
    results = {name: with_texts(table, cleaned) for name, table in loaded.results.items()}
    claims = all_claims(results)
    panels = matrices.panels(loaded.results, loaded.table, loaded.study)
    return page(
        "overview.html.j2",
        package=PACKAGE,
        policy=INDEX_POLICY + NO_FORMS,
        name=loaded.name,
        finished=loaded.finished,
        photos=photos,
        main_numbers=main_numbers(loaded),
        claims=claims,
        tally=tally(claims),
        no_advantage=no_advantage(results),
        panels=panels,
        predicted_classes=loaded.study.problem.explain == "predicted",
        panel_data=[panel.data() for panel in panels],
        scale=matrices.scale(),
        overlaps=tables.overlap_table(results),
        overlap_plots=list(plots_of(results, "overlap", "overlap_by_k")),
        gaps=tables.gap_table(results),
        gap_plots=list(plots_of(results, "gap_histogram", "gap_by_d")),
        fits=tables.fit_table(results),
        by_maps=tables.maps_table(results),
        by_class=tables.class_table(results),
        success_plots=list(
            plots_of(
                results, "success_by_d", "success_by_maps", "best_of_shots", "success_by_class",
                "landau_zener",
            )
        ),
        evidence_plots=list(plots_of(results, *(name for name, *_ in EVIDENCE_FIGURES))),
        cards=cards,
        classes=sorted({c.label for c in cards}),
        predicted=sorted({name for c in cards for name in c.predicted}),
        no_photos=no_photos,
        setup=list(setup(_manifest(loaded))),
        notes=notes(loaded.manifest),
        speed=_speed(loaded.manifest.get("throughput") or {}),
    )  # fmt: skip


def _speed(throughput: Mapping[str, Any]) -> str:
    known = (throughput.get(name) for name in ("images", "seconds", "images_per_second"))
    return speed_of(throughput) if all(isinstance(v, int | float) for v in known) else ""


def _manifest(loaded: LoadedStudy) -> dict[str, Any]:
    """The manifest; that of an unfinished study completed from its identity."""
    identity = loaded.manifest.get("identity", {})
    return {"config": identity.get("config"), "seed": loaded.study.seed} | dict(loaded.manifest)


def notes(manifest: Mapping[str, Any]) -> list[str]:
    """Return warnings, classes short of images, and skipped photos.

    >>> notes({"warnings": ["signed maps"], "skipped": [{"image": "a", "reason": "a: no photo"}]})
    ['signed maps', 'a photo was skipped: a: no photo']
    """
    texts = [str(text) for name in ("warnings", "shortages") for text in manifest.get(name) or ()]
    skipped = [photo for photo in manifest.get("skipped") or () if isinstance(photo, dict)]
    for photo in skipped[:MOST_LISTED]:
        texts.append(f"a photo was skipped: {photo.get('reason', '')}")
    more = len(skipped) - MOST_LISTED
    if more > 0:
        texts.append(f"{more} more photos were skipped; manifest.json lists all of them")
    return texts


def main_numbers(loaded: LoadedStudy) -> Table:
    """Return the main numbers of each network and layer."""
    main = loaded.main_run
    groups = list(free(Rows.from_table(loaded.table)).groups("model", "layer"))
    names = setting_names([(model, layer) for (model, layer), _ in groups])
    body = tuple(
        (word(cleaned(names[model, layer])), *_main_cells(loaded, rows, (model, layer), main))
        for (model, layer), rows in groups
    )
    about = f" of the annealer ({run_name(*main)})" if main else ""
    return Table(
        f"Mean d and k; median success probability F of one shot and median minimum gap{about}.",
        ("network", "photos", "candidates d", "maps selected k", "overlap of classes [95 %]",
         "with all positive maps", "success F", "minimum gap"), body,
    )  # fmt: skip


def _main_cells(
    loaded: LoadedStudy, rows: Rows, setting: tuple[str, str], main: Run | None
) -> tuple[Cell, ...]:
    exact = rows.where(rows["selector"] == "exact")
    of_run = None
    if main:
        of_run = rows.where((rows["normalisation"] == main[0]) & (rows["tau"] == main[1]))
    overlap = where(loaded.results["overlap"], model=setting[0], layer=setting[1]).to_pylist()
    by_selector = {row["selector"]: row for row in overlap}
    return (
        figure(len(exact)), figure(known_mean(exact["d"]), ".1f"),
        figure(known_mean(exact["k"]), ".1f"),
        _spread(by_selector.get("exact")), _spread(by_selector.get("positive")),
        _median(of_run, "success_probability"), _median(of_run, "gap"),
    )  # fmt: skip


def _spread(row: dict[str, Any] | None) -> Cell:
    known = real(row["off_diagonal"]) if row else None
    return Cell(UNKNOWN, None) if row is None or known is None else Cell(spread(row), known)


def _median(rows: Rows | None, name: str) -> Cell:
    if rows is None or np.isnan(rows[name]).all():
        return figure(None)
    return figure(float(np.nanmedian(rows[name])))
