"""Help that fits a screen: options in panels, and the less used ones by name only."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from annealcam.cli.interface.completion import complete_options
from annealcam.cli.interface.extended import extended

NETWORK, SELECTION, OUTPUT, OPTIONS = "Network and photo", "Selection", "Output", "Options"
WEIGHTS, DETAILS, PROBLEM = "Networks of weights files", "Details of the selection", "Problem"
FURTHER, ANNEALING = "Further options", "Annealing"
FOLDED = (DETAILS, FURTHER, WEIGHTS)  # shown by --help-all; --help has their names alone
_ALL = "--help-all"
_BESIDE = 34  # columns of the frame and of the names beside the help of an option

# The panel of an option by the name of its parameter, whatever the command.
_PANELS: dict[str, tuple[str, ...]] = {
    NETWORK: (
        "model", "layer", "target", "against", "data", "part", "photo", "trunk",
        "cut", "explain", "per_class", "photos_per_class",
    ),
    SELECTION: ("cardinality", "fidelity", "preset", "sampler", "seed"),
    DETAILS: (
        "objective", "importance", "beta", "max_qubits", "gradients", "tau", "normalisation",
        "option", "shots", "direction", "run",
    ),
    PROBLEM: ("format", "maximise"),
    OUTPUT: (
        "output", "html", "check", "compare", "force", "verbose", "quiet", "json", "help_all",
        "help",
    ),
    FURTHER: (
        "root", "download", "device", "atlas", "hardware", "overwrite", "budget", "grid_side",
        "grids", "grid_probability", "masks",
    ),
}  # fmt: skip
_PANEL_OF = {name: panel for panel, names in _PANELS.items() for name in names}
_ORDER = (NETWORK, PROBLEM, ANNEALING, SELECTION, OPTIONS, OUTPUT, *FOLDED)
# Commands of which these options are the subject.
_OWN: dict[str, dict[str, str]] = {
    "anneal": dict.fromkeys(("tau", "normalisation"), ANNEALING)
    | dict.fromkeys(("beta", "cardinality"), PROBLEM)
    | dict.fromkeys(("certify", "constraint", "tol", "scale_energies", "maximise"), FURTHER),
    "solve": dict.fromkeys(("beta", "cardinality"), PROBLEM),
    "convert": dict.fromkeys(("beta", "cardinality"), PROBLEM),
}


def show_all(ctx: Any, value: bool | None) -> None:
    """Print the help with all options, as the callback of --help-all."""
    if value and not ctx.resilient_parsing:
        ctx.meta[_ALL] = True
        typer.echo(ctx.get_help(), nl=False)
        raise typer.Exit


HELP_ALL = Annotated[
    bool | None,
    typer.Option(_ALL, is_eager=True, callback=show_all, help="Show all options and exit."),
]


def takes_help_all(command: Callable[..., None]) -> Callable[..., None]:
    """Add the option --help-all to a command."""
    return extended(
        command, {"help_all": HELP_ALL}, lambda run, args, kwargs, _: run(*args, **kwargs)
    )


class FoldedHelp:
    """The help of a command; a mixin of typer's classes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = _OWN.get(str(self.name), {})  # type: ignore[attr-defined]
        for param in self.params:  # type: ignore[attr-defined]
            if param.param_type_name == "option" and param.rich_help_panel is None:
                param.rich_help_panel = own.get(param.name) or _PANEL_OF.get(param.name)
        self.params.sort(key=_place)  # type: ignore[attr-defined]
        complete_options(self.params, str(self.name))  # type: ignore[attr-defined]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help; less used options have their names only, unless all is shown."""
        params = self.get_params(ctx)  # type: ignore[attr-defined]
        for param in params:
            if getattr(param, "is_flag", False):
                param.metavar = ""  # instead of <bool>
            if param.name == "help":
                param.rich_help_panel = _PANEL_OF["help"] if _is_foldable(params) else None
        if ctx.parent is not None and (ctx.meta.get(_ALL) or not _is_foldable(params)):
            super().format_help(ctx, formatter)  # type: ignore[misc]
            return
        with _folded(self, params):
            super().format_help(ctx, formatter)  # type: ignore[misc]


@contextmanager
def _folded(command: Any, params: list[Any]) -> Iterator[None]:
    """Shorten the texts of a command while the block runs, so that they fit a screen."""
    former = command.help, command.epilog
    own = [(param, param.hidden, param.help, param.show_default) for param in params]
    is_foldable = _is_foldable(params)
    hidden = [param for param in params if not is_foldable or _panel(param) in FOLDED]
    names = ", ".join(max(param.opts, key=len) for param in hidden)
    label = f"Further options ({_ALL})" if is_foldable else "Options"
    command.epilog = f"{label}: {names}." if names else None
    if is_foldable:
        command.help = (command.help or "").partition("\n\n")[0]
    for param in params:
        first, rest, _ = (param.help or "").partition(". ")
        param.help = f"{first}." if rest else param.help
        if param.param_type_name == "argument":
            param.hidden = True
            command.help += f"\n\n{param.metavar or str(param.name).upper()}: {param.help}"
        param.hidden = param.hidden or param in hidden
        param.show_default = param.show_default if _has_room(param) else False
    try:
        yield
    finally:
        command.help, command.epilog = former
        for param, was_hidden, text, shown in own:
            param.hidden, param.help, param.show_default = was_hidden, text, shown


def _has_room(param: Any) -> bool:
    """Return whether the default of an option fits beside its help on one line."""
    shown = param.show_default
    default = f"({shown})" if isinstance(shown, str) else param.default
    text = f"{param.help or ''} [default: {default}]"
    return len(text) < shutil.get_terminal_size().columns - _BESIDE


class Command(FoldedHelp, TyperCommand):
    """A command whose help fits a screen."""


class Group(FoldedHelp, TyperGroup):
    """A group of commands whose help fits a screen."""


def _is_foldable(params: list[Any]) -> bool:
    """Return whether there is --help-all, which shows what is left out."""
    return any(param.name == "help_all" for param in params)


def _panel(param: Any) -> str | None:
    return getattr(param, "rich_help_panel", None)


def _place(param: Any) -> int:
    """Return what orders options by their panels, behind the arguments."""
    if param.param_type_name != "option":
        return -1
    panel = _panel(param) or OPTIONS
    return _ORDER.index(panel) if panel in _ORDER else _ORDER.index(OPTIONS)
