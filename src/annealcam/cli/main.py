"""The command `annealcam`. The commands import heavy packages when they run."""

from __future__ import annotations

import atexit
import gc
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from annealcam._internal.text import one_line
from annealcam._version import __version__
from annealcam.cli.app import app as page
from annealcam.cli.atlas import atlas
from annealcam.cli.audit import audit
from annealcam.cli.console import announce_compilation, print_error, print_line, print_visibly
from annealcam.cli.evaluate import evaluate
from annealcam.cli.explain import demo, explain, layers
from annealcam.cli.networks.model_card import model_card
from annealcam.cli.problems.anneal import anneal
from annealcam.cli.problems.convert import convert
from annealcam.cli.problems.solve import compare_samplers, solve
from annealcam.cli.sets import flip, path, suffice
from annealcam.cli.signals import ended_like_ctrl_c
from annealcam.cli.study import figures, report, study
from annealcam.cli.train import train
from annealcam.cli.verify import verify


class VisibleErrors(TyperGroup):
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


app = typer.Typer(
    cls=VisibleErrors,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Which few feature maps does a CNN's prediction rest on, and how hard is it to anneal?",
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


app.command()(explain)
app.command()(demo)
app.command()(layers)
app.command("model-card")(model_card)
app.command()(anneal)
app.command()(solve)
app.command()(convert)
app.command("compare-samplers")(compare_samplers)
app.command()(flip)
app.command()(suffice)
app.command()(path)
app.command()(train)
app.command()(evaluate)
app.command()(study)
app.command()(figures)
app.command("app")(page)
app.add_typer(atlas, name="atlas")
app.command()(report)
app.command()(audit)
app.command()(verify)


def main() -> None:
    """Run the command line."""
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
