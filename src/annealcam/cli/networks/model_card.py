"""The command `annealcam model-card`: a first model card beside a weights file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from annealcam.cli.console import one_line_errors, print_line, print_warning
from annealcam.cli.interface.reporting import print_json
from annealcam.cli.interface.verbosity import takes_reporting_options
from annealcam.cli.networks.options import takes_network_options
from annealcam.errors import OutputError


@one_line_errors
@takes_network_options
@takes_reporting_options
def model_card(
    file: Annotated[Path, typer.Argument(help="Weights file, such as mine.pth.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a card that exists.")] = False,
    network_options: Any = None,
) -> None:
    """Write FILE.toml: architecture, class names and preprocessing of a weights file, to edit."""
    from annealcam.models.cards.draft import draft_card
    from annealcam.models.cards.model_card import runs_code, write_card

    target = file.with_name(f"{file.name}.toml")
    if target.exists() and not force:
        raise OutputError(f"{target}: exists; edit it, or replace it by --force")
    draft = draft_card(file, {k: v for k, v in network_options.items() if k != "card"})
    if draft.doubt:
        print_warning(draft.doubt)
    header = f"Model card of {file.name}"
    if draft.doubt:
        header += ': add architecture = "torchvision:NAME"'
    write_card(draft.card, target, comments=draft.comments, header=header)
    print_json({"card": target, "doubt": draft.doubt or None, "check": draft.comments})
    print_line(f"{target}: written", style="bold")
    if draft.doubt:
        print_line("  add      architecture, as the warning describes it")
    for comment in dict.fromkeys(draft.comments.values()):
        keys = [key for key in draft.card.given if draft.comments.get(key) == comment]
        print_line(f"  check    {', '.join(keys)}: {comment}")
    own = network_options.get("architecture")
    option = f" --architecture {own}" if runs_code(own) else ""
    print_line(f"  then     annealcam explain PHOTO --model {file}{option}")
