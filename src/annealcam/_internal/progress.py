"""Progress of long functions: a function of the caller, or a bar in terminals and notebooks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from html import escape
from time import monotonic
from typing import Any, ParamSpec, TypeAlias, TypeVar

from annealcam._internal.text import one_line as printable
from annealcam._internal.types import Progress
from annealcam._internal.validation import one_line
from annealcam.errors import ArgumentError

P = ParamSpec("P")
R = TypeVar("R")
ProgressOption: TypeAlias = Callable[..., None] | bool | None
PAUSE = 0.1  # seconds between two changes of a notebook's bar


def shows_progress(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function whose `progress=True` shows a bar; False is None.

    Functions of the caller are passed on; anything else raises an ArgumentError.

    >>> @shows_progress
    ... def work(*, progress=None):
    ...     return progress
    >>> work(progress=False) is None, work(progress=print) is print, callable(work(progress=True))
    (True, True, True)
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        wanted = kwargs.get("progress")
        if wanted is True:
            with bar(function.__name__.replace("_", " ")) as kwargs["progress"]:
                return function(*args, **kwargs)
        if wanted is False:
            kwargs["progress"] = None
        elif wanted is not None and not callable(wanted):
            raise ArgumentError(
                f"progress={one_line(wanted)}: must be True, False, a function or None"
            )
        return function(*args, **kwargs)

    return run


def reporter(progress: ProgressOption) -> Progress:
    """Return the function of the caller, or one that does nothing.

    >>> reporter(print) is print, reporter(None)("step", 1, 2)
    (True, None)
    """
    return progress if callable(progress) else lambda *_: None


@contextmanager
def bar(description: str) -> Iterator[Callable[..., None]]:
    """Yield a function ([description,] done, total) that updates a bar, which ends with the block.

    In a notebook it is a native element of HTML, which needs no widgets; elsewhere a line of rich
    on standard error, if that is a terminal. A total of 0 is an unknown one.
    """
    show = _in_notebook if _is_notebook() else _in_terminal
    with show(description) as update:

        def report(*values: Any) -> None:
            *text, done, total = values
            update(str(text[0]) if text else description, int(done), int(total))

        yield report


def _is_notebook() -> bool:
    """Return whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


@contextmanager
def _in_notebook(description: str) -> Iterator[Callable[[str, int, int], None]]:
    from IPython.display import HTML, display

    handle, last = display(HTML(progress_html(description, 0, 0)), display_id=True), monotonic()

    def update(text: str, done: int, total: int) -> None:
        nonlocal last
        if monotonic() - last >= PAUSE:
            handle.update(HTML(progress_html(text, done, total)))
            last = monotonic()

    try:
        yield update
    finally:
        handle.update(HTML(""))


def progress_html(text: str, done: int, total: int) -> str:
    """Return a bar as an element of HTML, without an end if the total is unknown.

    >>> progress_html("a < b", 1, 4)
    '<progress value="1" max="4"></progress> a &lt; b, 1 of 4'
    """
    name = escape(printable(text))
    if total <= 0:
        return f"<progress></progress> {name}"
    return f'<progress value="{done}" max="{total}"></progress> {name}, {done} of {total}'


@contextmanager
def _in_terminal(description: str) -> Iterator[Callable[[str, int, int], None]]:
    from rich.console import Console
    from rich.markup import escape as plain
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    with Bars(console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task(description, total=None)

        def update(text: str, done: int, total: int) -> None:
            end = total if total > 0 else None
            bars.update(task, description=plain(printable(text)), completed=done, total=end)

        yield update
