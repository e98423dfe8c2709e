"""What `annealcam explain` prints about one photo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from annealcam.cli.console import cell, print_line, print_table, print_warning
from annealcam.cli.interface.reporting import reporting

if TYPE_CHECKING:
    from annealcam.explanation import Explanation


def print_summary(photo: str, folder: Path, e: Explanation, *, html: bool) -> None:
    """Print what is explained, warnings and where the results are; with --verbose all sentences."""
    from annealcam.render import explanation_text as text

    verbose = reporting().verbose
    print_line(f"{photo}: {text.headline(e)}", style="bold")
    if verbose and not e.provenance["layer_was_named"]:
        kind = "convolutional output after its activation"
        if e.provenance.get("form", "channels first") != "channels first":
            kind = "block or norm whose positions the gradient reaches"
        print_line(f"  layer {e.provenance['layer']}: the last {kind}")
    print_line(f"  maps {' '.join(map(str, e.selected)) or 'none'}")
    proof = text.selection_summary(e) if verbose else f"{text.PROOFS[e.optimal]}."
    for sentence in (
        text.fidelity_sentence(e), text.completeness_sentence(e), text.core_sentence(e), proof,
    ):  # fmt: skip
        if sentence:
            print_line(f"  {sentence}")
    for warning in e.provenance["warnings"]:
        print_warning(warning)
    print_line(f"  see {folder / 'report.png'}{' and explanation.html' if html else ''}")


def print_check(checked: dict[str, Any]) -> None:
    """Print the figures of a check, with their meanings."""
    from annealcam.evaluation.faithfulness import selection_sentences

    for line in selection_sentences(checked):
        print_line(f"  {line}")
    header = ["figure", "annealcam", "Grad-CAM", "20 random selections", "verdict"]
    print_table(header, [row["cells"] for row in checked["figures"]])
    for row in checked["figures"]:
        print_line(f"  {row['figure']}: {row['meaning']}")
    print_line(
        "  A verdict needs a value beyond all random selections of as many maps (docs: metrics)."
    )
    if "flip_set" in checked:
        print_line(f"  {checked['flip_set']['sentence']}")


def print_comparison(rows: list[dict[str, Any]]) -> None:
    """Print the selections of several samplers as a table."""
    cells = [[cell(value) for value in row.values()] for row in rows]
    print_table(list(rows[0]), cells, marked=0)
    qualities = "relevance: sum of h; redundancy: mean cosine of the pairs"
    if "fidelity" in rows[0]:
        qualities = "fidelity: cosine of what the maps draw with the evidence"
    print_line(f"* this explanation. {qualities};")
    print_line("  share: of the logit, by contribution; shared: Jaccard index with *.")
