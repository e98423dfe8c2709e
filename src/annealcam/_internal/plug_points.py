"""Functions of higher layers that a result offers as its methods."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def resolve(target: str) -> Any:
    """Return a function of a higher layer by its place, `module:name`, imported when it is called.

    This is the one deliberate exception to "imports only point downwards": a result offers a method
    that a layer above it carries out (`Explanation.to_html`), as pandas does for its plotting
    backend. Nothing else may use it.

    >>> resolve("annealcam.errors:suggest").__name__
    'suggest'
    """
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


class NotebookView:
    """A result that notebooks show as a small piece of HTML; `render/notebook` holds the pieces."""

    def _repr_html_(self) -> str:
        """Return what a notebook shows, as one self-contained piece of HTML."""
        return str(resolve("annealcam.render.notebook.views:html_of")(self))


class PlottedResult(NotebookView):
    """A result that can be drawn as well; its class states what `plot` draws."""

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the result, and return the axes.

        Args:
            ax: axes of matplotlib; None: those of a new figure.

        Raises:
            ArgumentError: `ax` is no axes of matplotlib.
        """
        return plotted(self, ax)


def plotted(result: object, ax: Any, **options: Any) -> Any:
    """Draw a result on axes of matplotlib, new ones if `ax` is None, and return the axes.

    Raises:
        ArgumentError: `ax` is no axes of matplotlib.
    """
    return resolve("annealcam.render.notebook.views:plot_of")(result, ax, **options)
