"""The command `annealcam app`: the web page, on this machine alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from annealcam.cli.console import one_line_errors, print_line, print_warning
from annealcam.cli.interface.reporting import print_json
from annealcam.cli.interface.verbosity import takes_reporting_options

if TYPE_CHECKING:
    from annealcam.app.engine import Engine


@one_line_errors
@takes_reporting_options
def app(
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Network to offer in addition to the bundled ones, named as for explain; may be "
            "repeated."
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than loopback are open to everyone.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes any free one.")] = 7860,
    atlas: Annotated[
        Path | None,
        typer.Option(help="Folder of an atlas, to show what each map usually responds to."),
    ] = None,
) -> None:
    """Serve the web page that explains photos in a browser."""
    from annealcam.app.server import check_installed, is_loopback, listen, serve

    check_installed()
    with listen(host, port) as listening:  # before any work: the port may be in use
        if not is_loopback(listening):
            print_warning(
                f"--host {host}: everyone who can reach this machine can open the page; it asks "
                "for no password"
            )
        serve(_engine(model or [], atlas), listening, ready=_announce)


def _announce(address: str) -> None:
    print_json({"address": address})
    print_line(f"open {address} (press Ctrl-C to stop)")


def _engine(models: list[str], atlas: Path | None) -> Engine:
    """Return the engine; each network explains one photo, so that errors appear at the start."""
    from annealcam.app.choices import Choices
    from annealcam.app.engine import Engine
    from annealcam.app.networks import Networks
    from annealcam.app.photos import EXAMPLES

    engine = Engine(Networks(models), atlas=atlas)
    for name in models or engine.networks.names[:1]:
        engine.explain(Choices(EXAMPLES[0], name))
    return engine
