"""Help that fits a screen: options in panels, and the less used ones by name only."""

from __future__ import annotations

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

# The panel of an option by the name of its parameter, whatever the command.
_PANELS: dict[str, tuple[str, ...]] = {
    NETWORK: (
        "model", "layer", "target", "against", "data", "part", "photo", "trunk",
        "cut", "explain", "per_class", "photos_per_class", "root", "download",
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
        "device", "atlas", "hardware", "overwrite", "budget", "grid_side", "grids",
        "grid_probability", "masks",
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
        """Print the help; panels of less used options are one line each, unless all is shown."""
        params = self.get_params(ctx)  # type: ignore[attr-defined]
        for param in params:
            if getattr(param, "is_flag", False):
                param.metavar = ""  # instead of <bool>
            if param.name == "help":
                param.rich_help_panel = _PANEL_OF["help"] if _is_foldable(params) else None
        if ctx.meta.get(_ALL) or not _is_foldable(params):
            super().format_help(ctx, formatter)  # type: ignore[misc]
            return
        with _folded(self, params):
            super().format_help(ctx, formatter)  # type: ignore[misc]


@contextmanager
def _folded(command: Any, params: list[Any]) -> Iterator[None]:
    """Shorten the texts of a command while the block runs."""
    former = command.help, command.epilog, [(p, p.hidden, p.help) for p in params]
    hidden = [param for param in params if _panel(param) in FOLDED]
    command.help = (command.help or "").partition("\n\n")[0]
    command.epilog = "\n\n".join(filter(None, (_named(panel, hidden) for panel in FOLDED)))
    for param in params:
        param.hidden = param in hidden
        first, rest, _ = (param.help or "").partition(". ")
        param.help = f"{first}." if rest else param.help
    try:
        yield
    finally:
        command.help, command.epilog, own = former
        for param, was_hidden, text in own:
            param.hidden, param.help = was_hidden, text


class Command(FoldedHelp, TyperCommand):
    """A command whose help fits a screen."""


class Group(FoldedHelp, TyperGroup):
    """A group of commands whose help fits a screen."""


def _is_foldable(params: list[Any]) -> bool:
    return any(_panel(param) in FOLDED for param in params)


def _panel(param: Any) -> str | None:
    return getattr(param, "rich_help_panel", None)


def _place(param: Any) -> int:
    """Return what orders options by their panels, behind the arguments."""
    if param.param_type_name != "option":
        return -1
    panel = _panel(param) or OPTIONS
    return _ORDER.index(panel) if panel in _ORDER else _ORDER.index(OPTIONS)


def _named(panel: str, folded: list[Any]) -> str:
    """Return the names of the options of a panel in one sentence."""
    names = [param.opts[0] for param in folded if _panel(param) == panel]
    return f"{panel} ({_ALL}): {', '.join(names)}." if names else ""
