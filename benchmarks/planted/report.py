"""The folder of the experiment: a table, a summary and figures."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from annealcam._internal.storage.files import written_aside
from annealcam.audit.figures import NAMES
from annealcam.audit.observations import METHODS
from annealcam.audit.scores import SCORES
from annealcam.render.figures.sheets import save
from annealcam.render.folder import write_rows

from . import figures
from .experiment import CONTROL, PLANTED, Experiment, as_json, flat
from .selections import selection_lines

MARKER = "experiment.json"
PICTURES = ("inside", "places", "channels", "photos")
FILES = (
    MARKER, "experiment.csv", "summary.md",
    *(f"{name}.{kind}" for name in PICTURES for kind in ("png", "svg")),
)  # fmt: skip


def write_experiment(experiment: Experiment, folder: Path) -> None:
    """Write experiment.json, experiment.csv, summary.md, and the figures.

    Raises:
        OutputError: the folder cannot be written, or holds other files than an experiment.
    """
    with written_aside(folder, names=FILES, marker=MARKER) as aside:
        (aside / MARKER).write_text(as_json(experiment), encoding="utf-8")
        write_rows(
            [flat(row, experiment.classes) for row in experiment.rows], aside / "experiment.csv"
        )
        (aside / "summary.md").write_text("\n".join(summary(experiment)) + "\n", encoding="utf-8")
        save(figures.inside_figure(experiment), aside, "inside")
        save(figures.places_figure(experiment), aside, "places")
        save(figures.channels_figure(experiment), aside, "channels")
        save(figures.photo_figure(experiment), aside, "photos")


def summary(experiment: Experiment) -> Iterator[str]:
    """Yield the lines of the tables of results."""
    provenance = experiment.provenance
    plan, patch = provenance["plan"], provenance["plan"]["patch"]
    count = len(experiment.of(PLANTED))
    yield f"# A shortcut planted into {provenance['data']}"
    yield ""
    yield (
        f"A {patch['pattern']} patch in {patch['colour']}, {patch['side']:.0%} of the short side "
        f"wide, place: {patch['place']}; on {plan['share']:.0%} of the class's training photos and "
        f"{plan['elsewhere']:.0%} of the others'. {count} networks: "
        f"{', '.join(provenance['classes'])}; {provenance['seeds']} seeds. "
        "Control: networks without it, on the same photos."
    )
    yield from ("", "| class | seed | network | accuracy of the class without, with the patch |"
                " photos of others that it flips | patch maps | selected with, without |"
                " among the largest contributions with, without | strongest |"
                " its regions on the patch |")  # fmt: skip
    yield f"|{10 * '---|'}"
    for row in experiment.rows:
        yield (
            f"| {experiment.classes[row['label']]} | {row['seed']} | {row['network']} | "
            f"{row['accuracy_without']:.2f}, {row['accuracy_with']:.2f} | {row['flipped']:.2f} | "
            f"{len(row['patch_maps'])} | {row['selected_with']:.2f}, {row['selected_without']:.2f}"
            f" | {row['top_gain_with']:.2f}, {row['top_gain_without']:.2f} | map "
            f"{row['strongest']}, {row['strongest_due']:.0%} due to the patch | "
            + ("-" if row["regions"] is None else f"{row['regions_on_patch']} of {row['regions']}")
            + " |"
        )
    names = ("selected_with", "selected_without", "top_gain_with", "top_gain_without")
    for network in (PLANTED, CONTROL):
        selected_with, selected_without, top_with, top_without = (
            experiment.mean(network, name) for name in names
        )
        yield (
            f"| **mean** | | {network} | {experiment.mean(network, 'accuracy_without'):.2f}, "
            f"{experiment.mean(network, 'accuracy_with'):.2f} | "
            f"{experiment.mean(network, 'flipped'):.2f} | | "
            f"{selected_with:.2f}, {selected_without:.2f} | "
            f"{top_with:.2f}, {top_without:.2f} | | |"
        )
    for network in (PLANTED, CONTROL):
        yield from ("", f"The map that the patch raises most, {network} networks:", "")
        yield from selection_lines(experiment.of(network))
    yield from ("", "Share of the map on the patch (mean over networks):", "")
    yield from ("| method | with the shortcut | control |", "|---|---|---|")
    for method in METHODS:
        yield (
            f"| {NAMES[method]} | {_share(experiment.mean(PLANTED, 'inside', method))} | "
            f"{_share(experiment.mean(CONTROL, 'inside', method))} |"
        )
    yield f"| the patch's share of the area | {experiment.mean(PLANTED, 'area'):.3f} | |"
    yield from ("", f"First places of the class, of {count}: with the shortcut (control):", "")
    yield f"| score | {' | '.join(NAMES[m] for m in METHODS)} |"
    yield f"|---|{'---|' * len(METHODS)}"
    for score in SCORES:
        cells = [
            f"{experiment.first(PLANTED, score, m)} ({experiment.first(CONTROL, score, m)})"
            if m in experiment.rows[0]["places"][score]
            else "-"
            for m in METHODS
        ]
        yield f"| {score} | {' | '.join(cells)} |"


def _share(value: float) -> str:
    """Return a share, or a dash if every map is zero."""
    return f"{value:.3f}" if math.isfinite(value) else "-"
