"""The minimum gap and the lowest levels of a run in notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from markupsafe import Markup

from annealcam._internal.text import number
from annealcam._internal.types import Array
from annealcam.annealing.hamiltonian import Normalisation
from annealcam.annealing.levels.gap import MinimumGap
from annealcam.annealing.levels.low_spectrum import SpectrumCurve
from annealcam.render.figures.annealing import draw_levels, mark_point, scale_levels
from annealcam.render.figures.sheets import BLUE, LOG_FROM, VERMILION, open_frame
from annealcam.render.html.svg import Chart, across, upward
from annealcam.render.notebook.cards import card, signed

NO_GAP = "Every state is a ground state: there is no gap."
POINTS = 201

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def energy_unit(normalisation: Normalisation) -> str:
    """Return the unit of reported levels and gaps."""
    return "rad/ns" if normalisation.time_unit == "ns" else "energy units"


def plot_gap(axes: Axes, gap: MinimumGap) -> None:
    """Draw the gap along s as far as it is known, its certificate, and the minimum."""
    open_frame(axes)
    axes.set(xlabel="s = t / τ", ylabel=f"gap ({energy_unit(gap.normalisation)})", xlim=(0, 1))
    if not np.isfinite(gap.gap):
        axes.set_title(NO_GAP, loc="left", size=10)
        return
    s, (width, doubt) = points_of(gap), gap.along(points_of(gap)).T
    axes.plot(s, width, color=BLUE, linewidth=2.0, label="gap")
    axes.fill_between(s, np.maximum(width - doubt, 0.0), width, color=BLUE, alpha=0.25, lw=0)
    axes.axhline(gap.certificate, color=VERMILION, linestyle="--", label="certified lower bound")
    scale_levels(axes, width[:, None], gap, zero="_zero")
    mark_point(axes, gap.s, gap.gap, f"minimum {number(gap.gap)} at s = {gap.s:.4g}")
    axes.legend(frameon=False, fontsize=9)


def points_of(gap: MinimumGap) -> Float[Array, " points"]:
    """Return equally spaced points along a run, and more of them around the minimum."""
    near = gap.s + np.outer([-1, 1], np.geomspace(1e-6, 0.1, 40)).ravel()
    return np.union1d(np.linspace(0, 1, POINTS), [gap.s, *near[(near > 0) & (near < 1)]])


def plot_spectrum(axes: Axes, curve: SpectrumCurve, *, gap: MinimumGap | None = None) -> None:
    """Draw the levels above the ground level, with the minimum gap marked if it is known."""
    open_frame(axes)
    draw_levels(axes, curve, gap, energy_unit(curve.normalisation))
    unique_legend(axes)


def unique_legend(axes: Axes) -> None:
    """Draw a legend with each label once."""
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    axes.legend(list(unique.values()), list(unique), frameon=False, fontsize=9)


def gap_card(gap: MinimumGap) -> Markup:
    """Return the minimum gap with its place, certificate and adiabatic time."""
    unit, kind = energy_unit(gap.normalisation), gap.normalisation
    if not np.isfinite(gap.gap):
        return card(NO_GAP)
    applies = "applies" if gap.landau_zener_applies else "does not apply"
    time = "ns" if kind.time_unit == "ns" else _time_unit(gap.energy_scale)
    return card(
        f"Minimum gap {number(gap.gap)} {unit} at s = {gap.s:.4g}",
        chart=_gap_chart(gap, unit),
        facts=[
            ("gap at the end", f"{number(gap.final_gap)} (ratio {number(gap.ratio)})"),
            ("certified lower bound", f"{number(gap.certificate)}{_proof(gap)}"),
            ("error of the gap", number(gap.error)),
            ("ground states", str(gap.multiplicity)),
            ("Hamming distance of the two states", str(gap.hamming_distance)),
            ("Landau-Zener", applies),
            ("adiabatic time",
             f"{number(gap.adiabatic_time)} {time}, at s = {gap.adiabatic_s:.4g}"),
        ],
        notes=[_setting(gap)],
    )  # fmt: skip


def spectrum_card(curve: SpectrumCurve) -> Markup:
    """Return the lowest levels above the ground level."""
    unit = energy_unit(curve.normalisation)
    above = curve.energies - curve.energies[:, :1]
    levels = curve.energies.shape[1]
    return card(
        f"The lowest {levels} levels along the run" if levels > 1 else "The ground level",
        chart=_levels_chart(curve, above, unit) if levels > 1 else None,
        facts=[
            ("ground level", f"{signed(curve.energies[0, 0])} at s = 0, "
             f"{signed(curve.energies[-1, 0])} at s = 1"),
            ("largest error", number(curve.error)),
        ],
        notes=[_setting(curve)],
    )  # fmt: skip


def _levels_chart(curve: SpectrumCurve, above: Any, unit: str) -> Markup:
    chart = Chart(
        across(0, 1), upward(0.0, 1.05 * (float(above.max()) or 1.0)), "s = t / τ",
        f"above the ground level ({unit})",
    )  # fmt: skip
    marks = [chart.line(curve.s, above[:, i], "faint") for i in range(above.shape[1] - 1, 1, -1)]
    return chart.drawn(
        *marks, chart.line(curve.s, above[:, 1], "strong"),
        label="Energies of the lowest levels above the ground level, along s.",
    )  # fmt: skip


def _gap_chart(gap: MinimumGap, unit: str) -> Markup:
    s = points_of(gap)
    width = gap.along(s)[:, 0]
    top = float(width.max())
    log = 0 < gap.gap * LOG_FROM < top
    low = gap.gap / 3 if log else 0.0
    chart = Chart(
        across(0, 1), upward(low, top * (1.5 if log else 1.05), log=log), "s = t / τ",
        f"gap ({unit})",
    )  # fmt: skip
    minimum = f"minimum {number(gap.gap)} at s = {gap.s:.4g}"
    return chart.drawn(
        chart.line(s, width, "strong"), chart.dot(gap.s, gap.gap, "warn", minimum),
        label=f"The gap along s: {minimum}.",
    )  # fmt: skip


def _proof(gap: MinimumGap) -> str:
    return " (proved to the share that `certify` requires)" if gap.proved else ""


def _setting(result: MinimumGap | SpectrumCurve) -> str:
    return (
        f"schedule {result.schedule}, driver normalisation {result.normalisation.name} "
        f"(c = {number(result.driver_scale)}), {result.snapshots} snapshots"
    )


def _time_unit(energy_scale: float) -> str:
    scale = "" if energy_scale == 1.0 else f"{energy_scale:.6g} "
    return f"/ {scale}energy unit{'s' if scale else ''}"
