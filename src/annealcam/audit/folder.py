"""The folder of an audit: tables, words and pictures, written as a whole."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from annealcam._internal.files import written_aside
from annealcam.atlas.atlas import Atlas
from annealcam.audit.audit import Audit
from annealcam.audit.figures import NAMES, ranking_figure, usual_figure
from annealcam.audit.scores import SCORES
from annealcam.errors import ArgumentError
from annealcam.render.figures.sheets import save
from annealcam.render.folder import write_rows

MARKER = "audit.json"
WORST = 3  # classes with a picture of their usual maps
FILES = (
    MARKER, "ranking.csv", "dictionary.csv", "summary.md", "ranking.png", "ranking.svg",
    *(f"class-{place}.{kind}" for place in range(1, WORST + 1) for kind in ("png", "svg")),
)  # fmt: skip
MOST_MAPS = 12  # of a class, in the dictionary


def write_audit(found: Audit, folder: Path, *, atlas: Atlas | None = None) -> None:
    """Write audit.json, ranking.csv, dictionary.csv, summary.md, and the pictures.

    Raises:
        OutputError: the folder cannot be written, or holds something else than an audit.
    """
    with written_aside(folder, names=FILES, marker=MARKER) as aside:
        rows = list(ranking_rows(found))
        write_rows(rows, aside / "ranking.csv")
        write_rows(
            list(dictionary_rows(found, atlas)) or [{"class": None}], aside / "dictionary.csv"
        )
        (aside / "summary.md").write_text(summary(found, atlas), encoding="utf-8")
        told = {**found.provenance, "headline": found.headline, "ranking": rows}
        text = json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False)
        (aside / MARKER).write_text(text + "\n", encoding="utf-8")
        save(ranking_figure(found), aside, "ranking")
        for place, label in enumerate(found.worst(WORST), 1):
            figure = usual_figure(found, label)
            if figure is not None:
                save(figure, aside, f"class-{place}")


def check_atlas(atlas: Atlas, found: Audit) -> None:
    """Refuse an atlas of another network or layer.

    Raises:
        ArgumentError: it is of another network, layer, or number of maps.
    """
    own = (found.network.model_name, found.network.layer, found.network.channels)
    theirs = (atlas.model, atlas.layer, atlas.channels)
    if own != theirs:
        raise ArgumentError(
            f"atlas={str(atlas.folder)!r}: of {theirs[0]}, layer {theirs[1]}, {theirs[2]} maps; "
            f"the audit is of {own[0]}, layer {own[1]}, {own[2]}"
        )


def ranking_rows(found: Audit) -> Iterator[dict[str, Any]]:
    """Yield a row for each score, method and class, in the order of the ranking."""
    for score, methods in found.rankings.items():
        for method, standings in methods.items():
            for place, standing in enumerate(standings, 1):
                yield {
                    "score": score,
                    "method": method,
                    "place": place,
                    "class": found.photos.classes[standing.label],
                    "photos": standing.photos,
                    "mean": _finite(standing.score),
                    "low": _finite(standing.low),
                    "high": _finite(standing.high),
                }


def dictionary_rows(found: Audit, atlas: Atlas | None) -> Iterator[dict[str, Any]]:
    """Yield a row for each class and map that is usual for it."""
    for label, name in enumerate(found.photos.classes):
        own = found.looked.labels == label
        for channel in found.usual(label, MOST_MAPS):
            profile = found.profiles[channel]
            row = {
                "class": name,
                "map": channel,
                "selected": float(found.dictionary[channel, label]),
                "contribution": float(found.looked.gains[own, channel].mean()),
                "mean": float(profile[label]),
                "responds_most_to": found.photos.classes[int(profile.argmax())],
                "mean_there": float(profile.max()),
                "about_peak": _mean(found.looked.focus[own, channel]),
                "on_object": _mean(found.looked.inside[own, channel]),
            }
            if atlas is not None:
                row["atlas"] = atlas.portrait(channel).responds_to()
            yield row


def summary(found: Audit, atlas: Atlas | None = None) -> str:
    """Return what was found, in words, and what it does not say."""
    told, classes = found.provenance, found.photos.classes
    lines = [
        f"# Audit of {told['model']} on {told['data']}",
        "",
        f"{told['photos']} photos (part {told['part']}), layer {told['layer']}, "
        f"{told['channels']} maps; the {told['explain']} class of each photo is explained.",
        "",
    ]
    for score, methods in found.rankings.items():
        standings = [s for s in methods["annealcam"] if np.isfinite(s.score)][:WORST]
        first = ", ".join(
            f"{classes[s.label]} {s.score:.3f} [{s.low:.3f}, {s.high:.3f}]" for s in standings
        )
        lines += [f"- **{score}** ({SCORES[score]}): {first or 'no class has a value'}"]
        others = [
            f"{NAMES[m]} {classes[s[0].label]}" for m, s in methods.items() if m != "annealcam"
        ]
        lines += [f"  First by other methods' maps: {', '.join(others)}."] if others else []
    for place, label in enumerate(found.worst(WORST), 1):
        lines += ["", f"## {place}. {classes[label]} (by {found.headline})", ""]
        lines += list(_maps_told(found, label, atlas))
    return "\n".join([*lines, "", *_CAVEATS, ""])


def _maps_told(found: Audit, label: int, atlas: Atlas | None) -> Iterator[str]:
    usual = found.usual(label)
    if not usual:
        yield "No map is selected for any of its photos."
    for channel in usual:
        profile = found.profiles[channel]
        top = int(profile.argmax())
        words = "" if atlas is None else f"; in the atlas: {atlas.portrait(channel).responds_to()}"
        where = "this class" if top == label else found.photos.classes[top]
        yield (
            f"- map {channel}: selected for {found.dictionary[channel, label]:.0%} of the photos, "
            f"responds most to {where}{words}"
        )


_CAVEATS = (
    "## What this does not say",
    "",
    "A ranking always has a first class: it says where to look first, not that something is wrong.",
    "Intervals are over photos of this set and of this one network. Classes whose objects share a",
    "colour or a place rank high without any shortcut; a shortcut that these photos do not show is",
    "not found. Masks tell more than any score without them. docs/audit.md has how often each",
    "score put a planted shortcut first.",
)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _mean(values: Any) -> float | None:
    there = values[np.isfinite(values)]
    return float(there.mean()) if len(there) else None
