"""The command `annealcam app`: the page in a browser, on this machine alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from annealcam.cli.console import complain, one_line_errors, say

if TYPE_CHECKING:
    from annealcam.app.engine import Engine

HOW = "(Ctrl-C ends it)"


@one_line_errors
def app(
    model: Annotated[
        list[str] | None,
        typer.Option(help="A network to offer beside the bundled ones, as for explain."),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Where to listen; anything but loopback is open to others.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes any free one.")] = 7860,
    atlas: Annotated[
        Path | None, typer.Option(help="Folder of an atlas: what each map usually responds to.")
    ] = None,
) -> None:
    """Show the web page: photos explained in a browser, while you move beta and tau."""
    from annealcam.app.server import listen, only_here, prepare_gradio, serve

    prepare_gradio()
    with listen(host, port) as listening:  # before any work: another page may have the port
        if not only_here(listening):
            complain(
                f"--host {host}: whoever reaches this machine can open the page; it asks for no "
                "password",
                before="warning: ",
            )
        serve(_engine(model or [], atlas), listening, ready=lambda at: say(f"open {at} {HOW}"))


def _engine(models: list[str], atlas: Path | None) -> Engine:
    """What does the work; a network that cannot be loaded is told of now, not to a visitor."""
    from annealcam.app.choices import Choices
    from annealcam.app.engine import Engine
    from annealcam.app.networks import Networks
    from annealcam.app.photos import EXAMPLES
    from annealcam.models.images import BUNDLED

    engine = Engine(Networks(models), atlas=atlas)
    for name in models or engine.networks.names[:1]:
        engine.explain(Choices(BUNDLED + EXAMPLES[0], name))
    return engine
