"""The views of results in notebooks, by the name of their class, imported when they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from annealcam._internal.plug_points import resolve
from annealcam._internal.validation import one_line
from annealcam.errors import ArgumentError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HTML = {
    "Explanation": "annealcam.render.html.notebook:notebook_html",
    "AnnealResult": "annealcam.render.notebook.annealing:run_card",
    "AnnealPath": "annealcam.render.notebook.annealing:path_card",
    "BatchResult": "annealcam.render.notebook.annealing:batch_card",
    "TauSweep": "annealcam.render.notebook.annealing:sweep_card",
    "OptimalTau": "annealcam.render.notebook.annealing:optimal_tau_card",
    "MinimumGap": "annealcam.render.notebook.levels:gap_card",
    "SpectrumCurve": "annealcam.render.notebook.levels:spectrum_card",
    "Hardness": "annealcam.render.notebook.annealing:hardness_card",
    "ExactSolution": "annealcam.render.notebook.problems:exact_card",
    "Selection": "annealcam.render.notebook.problems:selection_card",
    "SelectionProblem": "annealcam.render.notebook.problems:problem_card",
    "HardwareReport": "annealcam.render.notebook.problems:hardware_card",
    "FlipSet": "annealcam.render.notebook.sets:flip_card",
    "SufficientSet": "annealcam.render.notebook.sets:sufficient_card",
    "Atlas": "annealcam.render.notebook.atlas:atlas_card",
    "Portrait": "annealcam.render.notebook.atlas:portrait_card",
}
PLOTS = {
    "Explanation": "annealcam.render.notebook.explanation:plot_explanation",
    "AnnealResult": "annealcam.render.notebook.annealing:plot_run",
    "AnnealPath": "annealcam.render.notebook.annealing:plot_path",
    "BatchResult": "annealcam.render.notebook.annealing:plot_batch",
    "TauSweep": "annealcam.render.notebook.annealing:plot_sweep",
    "OptimalTau": "annealcam.render.notebook.annealing:plot_optimal_tau",
    "MinimumGap": "annealcam.render.notebook.levels:plot_gap",
    "SpectrumCurve": "annealcam.render.notebook.levels:plot_spectrum",
    "Hardness": "annealcam.render.notebook.annealing:plot_hardness",
    "HardwareReport": "annealcam.render.notebook.problems:plot_hardware",
    "FlipSet": "annealcam.render.notebook.sets:plot_flip",
    "SufficientSet": "annealcam.render.notebook.sets:plot_sufficient",
}


def html_of(result: object) -> Markup:
    """Return a result as a self-contained piece of HTML; all texts are escaped."""
    html: Markup = _of(HTML, result)(result)
    return html


def plot_of(result: object, ax: Axes | None, **options: Any) -> Axes:
    """Draw a result on `ax`, or on the axes of a new figure, and return the axes.

    Raises:
        ArgumentError: `ax` is no axes of matplotlib.
    """
    axes = axes_of(ax)
    _of(PLOTS, result)(axes, result, **options)
    return axes


def axes_of(ax: Axes | None) -> Axes:
    """Return the axes, or those of a new figure of pyplot, which notebooks show by themselves.

    Raises:
        ArgumentError: `ax` is no axes of matplotlib.
    """
    if ax is None:
        from matplotlib import pyplot

        return pyplot.subplots(layout="constrained")[1]
    from matplotlib.axes import Axes

    if not isinstance(ax, Axes):
        raise ArgumentError(
            f"ax={one_line(ax)}: must be axes of matplotlib, as plt.subplots() returns them, "
            "or None for a new figure"
        )
    return ax


def _of(views: dict[str, str], result: object) -> Any:
    """Return the view of the first class of a result that has one."""
    return resolve(next(views[kind.__name__] for kind in type(result).__mro__
                        if kind.__name__ in views))  # fmt: skip
