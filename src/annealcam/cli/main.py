"""The command `annealcam`. The commands import heavy packages when they run."""

from __future__ import annotations

import atexit
import gc
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from annealcam._internal.text import one_line
from annealcam._version import __version__
from annealcam.cli.app import app as page
from annealcam.cli.atlas import atlas
from annealcam.cli.audit import audit
from annealcam.cli.console import announce_compilation, print_error, print_line, print_visibly
from annealcam.cli.evaluate import evaluate
from annealcam.cli.explain import demo, explain, layers
from annealcam.cli.interface.panels import Command, Group
from annealcam.cli.networks.model_card import model_card
from annealcam.cli.problems.anneal import anneal
from annealcam.cli.problems.convert import convert
from annealcam.cli.problems.solve import compare_samplers, solve
from annealcam.cli.sets import flip, path, suffice
from annealcam.cli.signals import end_despite_threads, ended_like_ctrl_c
from annealcam.cli.study import figures, report, study
from annealcam.cli.tools.doctor import doctor
from annealcam.cli.train import train
from annealcam.cli.verify import verify


class VisibleErrors(Group):
    """Commands whose errors of usage show control characters of the arguments as escapes."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read the options before the command."""
        with _visible_messages():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Read the arguments of the command, and run it."""
        with _visible_messages():
            return super().invoke(ctx)


@contextmanager
def _visible_messages() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if isinstance(message := getattr(error, "message", None), str):  # of the usage
            error.message = one_line(message)  # type: ignore[attr-defined]
        raise


PURPOSE = """Find the few feature maps that an image classifier's prediction rests on.

Example: annealcam explain photo.jpg --html
"""

app = typer.Typer(
    cls=VisibleErrors,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=PURPOSE,
)


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Options before a command."""
    announce_compilation()
    if version:
        print_line(__version__)
        raise typer.Exit


# The commands by panel: name, function, and the line in the list of commands.
COMMANDS: dict[str, tuple[tuple[str, Callable[..., None], str], ...]] = {
    "Explain": (
        ("explain", explain, "Explain photos: the few maps behind a prediction."),
        ("demo", demo, "Explain a bundled photo, offline."),
        ("flip", flip, "Find the fewest maps without which the prediction changes."),
        ("suffice", suffice, "Find the k maps that keep the prediction best."),
        ("path", path, "Find the proved best k maps for each k."),
        ("app", page, "Explain photos on a web page of this machine."),
    ),
    "Trust": (
        ("evaluate", evaluate, "Compare annealcam with Grad-CAM and baselines over photos."),
        ("audit", audit, "Rank classes by how suspicious their maps are."),
        ("verify", verify, "Compare results with their checksums."),
    ),
    "Annealing": (
        ("anneal", anneal, "Anneal a problem file: success and minimum gap."),
        ("solve", solve, "Solve a problem file: energy, bound and proof."),
        ("compare-samplers", compare_samplers, "Solve the problems of photos by several samplers."),
        ("convert", convert, "Convert a problem file to another format."),
    ),
    "Studies and networks": (
        ("study", study, "Run the method over a labelled set of images."),
        ("figures", figures, "Draw the figures of a study again."),
        ("report", report, "Write the pages of a study."),
        ("train", train, "Fit the paper's network to labelled photos."),
        ("layers", layers, "List the layers of a network that can be explained."),
        ("model-card", model_card, "Write a model card for a weights file, to edit."),
        ("doctor", doctor, "Show versions, devices, extras and caches."),
    ),
}
for panel, commands in COMMANDS.items():
    for name, function, line in commands:
        app.command(name, cls=Command, rich_help_panel=panel, short_help=line)(function)
app.add_typer(
    atlas, name="atlas", rich_help_panel="Trust", cls=Group,
    short_help="Build an atlas of a layer: what excites each map.",
)  # fmt: skip


def main() -> None:
    """Run the command line."""
    atexit.register(end_despite_threads)  # the first, so that it is called last
    _collect_rarely()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # for terminals without a character
    print_visibly()
    try:
        with ended_like_ctrl_c():
            app(prog_name="annealcam")
    except BrokenPipeError:  # the reader, such as `head`, has ended
        sys.stdout = None
        sys.exit(1)
    except OSError as error:
        print_error(f"the output cannot be written ({error.strerror or error})")
        sys.exit(1)


def _collect_rarely() -> None:
    """Let the garbage collector pass over the imported packages, a fifth of the time of a start.

    It would walk through all their objects again and again while they are imported, and once more
    at the end of the process.
    """
    gc.set_threshold(100_000, 20, 100)
    atexit.register(gc.freeze)
