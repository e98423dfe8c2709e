"""The folder of an audit: tables, a summary and figures, written completely or not at all."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from annealcam._internal.storage.files import written_aside
from annealcam.atlas.atlas import Atlas
from annealcam.audit.figures import NAMES, ranking_figure, usual_figure
from annealcam.audit.run import Audit
from annealcam.audit.scores import SCORES
from annealcam.errors import ArgumentError
from annealcam.render.figures.sheets import figure_files, save
from annealcam.render.folder import write_table

MARKER = "audit.json"
WORST = 3  # classes with a figure of their usual maps
FILES = (
    MARKER, "ranking.csv", "ranking.tex", "dictionary.csv", "dictionary.tex", "summary.md",
    *figure_files("ranking", *(f"class-{place}" for place in range(1, WORST + 1))),
)  # fmt: skip
MOST_MAPS = 12  # maps of a class in the dictionary


def write_audit(audit: Audit, folder: Path, *, atlas: Atlas | None = None) -> None:
    """Write audit.json, summary.md, the tables (CSV, LaTeX) and the figures (PNG, SVG, PDF).

    Raises:
        OutputError: the folder cannot be written, or holds other files than an audit.
    """
    with written_aside(folder, names=FILES, marker=MARKER) as aside:
        rows = list(ranking_rows(audit))
        write_table(rows, aside, "ranking")
        write_table(list(dictionary_rows(audit, atlas)) or [{"class": None}], aside, "dictionary")
        (aside / "summary.md").write_text(
            summary(audit, atlas), encoding="utf-8", errors="backslashreplace"
        )
        text = json.dumps(audit_record(audit), indent=2, ensure_ascii=False, allow_nan=False)
        (aside / MARKER).write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
        save(ranking_figure(audit), aside, "ranking")
        for place, label in enumerate(audit.worst(WORST), 1):
            figure = usual_figure(audit, label)
            if figure is not None:
                save(figure, aside, f"class-{place}")


def audit_record(audit: Audit) -> dict[str, Any]:
    """Return the content of audit.json."""
    rows = list(ranking_rows(audit))
    return {**audit.provenance, "headline": audit.headline, "ranking": rows}


def check_atlas(atlas: Atlas, audit: Audit) -> None:
    """Check that an atlas has the network and layer of an audit.

    Raises:
        ArgumentError: the network, the layer or the number of maps differs.
    """
    of_audit = (audit.network.model_name, audit.network.layer, audit.network.channels)
    of_atlas = (atlas.model, atlas.layer, atlas.channels)
    if of_audit != of_atlas:
        (name, layer, maps), (other, other_layer, other_maps) = of_audit, of_atlas
        raise ArgumentError(
            f"atlas={str(atlas.folder)!r}: an atlas of {other}, layer {other_layer}, {other_maps} "
            f"maps, but the audit is of {name}, layer {layer}, {maps} maps"
        )


def ranking_rows(audit: Audit) -> Iterator[dict[str, Any]]:
    """Yield a row for each score, method and class, in the order of the rankings."""
    for score, methods in audit.rankings.items():
        for method, ranking in methods.items():
            for place, ranked in enumerate(ranking, 1):
                yield {
                    "score": score,
                    "method": method,
                    "place": place,
                    "class": audit.photos.classes[ranked.label],
                    "photos": ranked.photos,
                    "mean": _finite(ranked.score),
                    "low": _finite(ranked.low),
                    "high": _finite(ranked.high),
                }


def dictionary_rows(audit: Audit, atlas: Atlas | None) -> Iterator[dict[str, Any]]:
    """Yield a row for each class and each of its usual maps."""
    for label, name in enumerate(audit.photos.classes):
        of_class = audit.observations.labels == label
        for channel in audit.usual(label, MOST_MAPS):
            profile = audit.profiles[channel]
            row = {
                "class": name,
                "map": channel,
                "selected": float(audit.dictionary[channel, label]),
                "contribution": float(audit.observations.contributions[of_class, channel].mean()),
                "mean": float(profile[label]),
                "responds_most_to": audit.photos.classes[int(profile.argmax())],
                "mean_there": float(profile.max()),
                "about_peak": _mean(audit.observations.near_peak[of_class, channel]),
                "on_object": _mean(audit.observations.on_mask[of_class, channel]),
            }
            if atlas is not None:
                row["atlas"] = atlas.portrait(channel).responds_to()
            yield row


def summary(audit: Audit, atlas: Atlas | None = None) -> str:
    """Return the results as Markdown, with the limits of their interpretation."""
    provenance, classes = audit.provenance, audit.photos.classes
    lines = [
        f"# Audit of {provenance['model']} on {provenance['data']}",
        "",
        f"{provenance['photos']} photos (part {provenance['part']}), layer {provenance['layer']}, "
        f"{provenance['channels']} maps; explained class of each photo: {provenance['explain']}"
        f"{_contrast(provenance['against'])}.",
        _objective(audit),
        "",
    ]
    for score, methods in audit.rankings.items():
        first = ", ".join(
            f"{classes[s.label]} {s.score:.3f} [{s.low:.3f}, {s.high:.3f}]"
            for s in methods["annealcam"][:WORST]
            if np.isfinite(s.score)
        )
        lines += [f"- **{score}** ({SCORES[score]}): {first or 'no class has a value'}"]
        others = [
            f"{NAMES[m]} {classes[s[0].label]}" for m, s in methods.items() if m != "annealcam"
        ]
        lines += [f"  First by the maps of other methods: {', '.join(others)}."] if others else []
    for place, label in enumerate(audit.worst(WORST), 1):
        lines += ["", f"## {place}. {classes[label]} (by {audit.headline})", ""]
        lines += list(_map_lines(audit, label, atlas))
    return "\n".join([*lines, "", *_CAVEATS, ""])


def _contrast(against: str | None) -> str:
    others = {"next": "the most likely other class", "rest": "all other classes"}
    return "" if against is None else f", contrasted with {others[against]}"


def _objective(audit: Audit) -> str:
    """Return a sentence on how maps are selected."""
    settings, beta = audit.provenance["settings"], audit.observations.beta
    preset = "" if settings["preset"] is None else f" of the preset {settings['preset']}"
    text = f"Maps are selected by the objective {settings['objective']}{preset}"
    if settings["objective"] != "evidence":
        return f"{text}, with the importance {settings['importance']}."
    if settings["beta"] is not None:
        return f"{text}, beta {settings['beta']:g}."
    drawn = int((beta == 0).sum())
    return (
        f"{text}: for {drawn} photos those that draw the evidence together, for "
        f"{len(beta) - drawn} those of largest contribution, as suits the rest of the network."
    )


def _map_lines(audit: Audit, label: int, atlas: Atlas | None) -> Iterator[str]:
    usual = audit.usual(label)
    if not usual:
        yield "No map is selected for any of its photos."
    for channel in usual:
        profile = audit.profiles[channel]
        top = int(profile.argmax())
        portrait = "" if atlas is None else f"; atlas: {atlas.portrait(channel).responds_to()}"
        most = "this class" if top == label else audit.photos.classes[top]
        yield (
            f"- map {channel}: selected for {audit.dictionary[channel, label]:.0%} of the photos, "
            f"responds most to {most}{portrait}"
        )


_CAVEATS = (
    "## Limits",
    "",
    "Every ranking has a first class, so the first place alone does not mean that something is",
    "wrong. The intervals cover the choice of photos, for this set and this one network. Classes",
    "whose objects share a colour or a place rank high without any shortcut, and a shortcut that",
    "these photos do not show is not found. The score with masks is more reliable than the others;",
    "docs/audit.md shows how often each score ranks a planted shortcut first.",
)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _mean(values: Any) -> float | None:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else None
