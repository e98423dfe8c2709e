"""Annealing runs in notebooks: final states, success against tau, and the state along a run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from annealcam._internal.text import chance, number
from annealcam.annealing.batch import BatchResult
from annealcam.annealing.difficulty import Distribution, Hardness, final_states
from annealcam.annealing.evolution import AnnealResult
from annealcam.annealing.path import AnnealPath
from annealcam.annealing.sentences import diagnosis
from annealcam.annealing.sweep import OptimalTau, TauSweep
from annealcam.render.figures.annealing import (
    draw_F,
    draw_states,
    draw_success,
    scale_success,
)
from annealcam.render.figures.sheets import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    open_frame,
)
from annealcam.render.html.annealing import levels_figure, success_figure
from annealcam.render.html.svg import Chart, across, upward
from annealcam.render.notebook.cards import card, signed
from annealcam.render.notebook.levels import unique_legend
from annealcam.render.text import labels_of_ones

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_ROWS = 12  # of a table
MOST_QUBITS = 20  # above, the probabilities of the states take a run of their own
LEVELS = (BLUE, ORANGE, GREEN, PURPLE, SKY, GREY)
STYLES = ("-", "--", "-.")
MOST_LINES = 12  # more problems have fainter lines


def tau_unit(result: AnnealResult | AnnealPath | TauSweep) -> str:
    """Return the unit of run times."""
    if result.normalisation.time_unit == "ns":
        return "ns"
    return "1 / energy unit" if result.energy_scale == 1.0 else (
        f"1 / {result.energy_scale:.6g} energy units"
    )  # fmt: skip


def plot_run(axes: Axes, run: AnnealResult) -> None:
    """Draw the most likely final states; above 20 qubits they take a run of their own."""
    open_frame(axes)
    draw_states(axes, states_of(run), range(run.d), run.probabilities.size)
    axes.set_title(_heading(run), loc="left", size=10)
    axes.legend(frameon=False, fontsize=9)


def states_of(run: AnnealResult) -> Distribution:
    """Return the most likely final states of a run, with the energies of the problem itself."""
    shown = final_states(run._plan.problem, run, np.empty((0, run.d), dtype=np.int8))
    return replace(shown, energy=shown.energy * run.energy_scale)


def plot_path(axes: Axes, path: AnnealPath) -> None:
    """Draw the population of each level along s, and the sum over the final ground level."""
    open_frame(axes)
    for level, population in enumerate(path.populations.T):
        style = STYLES[level % len(STYLES)]
        axes.plot(path.s, population, color=LEVELS[level % len(LEVELS)], linestyle=style,
                  linewidth=1.4, label=f"level {level}")  # fmt: skip
    axes.plot(path.s, path.ground_fidelity, color=BLACK, linewidth=2.2, linestyle=":",
              label=f"lowest {path.multiplicity} together" if path.multiplicity > 1
              else "ground level")  # fmt: skip
    axes.set(xlabel="s = t / τ", ylabel="probability of the level", xlim=(0, 1), ylim=(-0.02, 1.05))
    axes.set_title(f"τ = {path.tau:g} ({tau_unit(path)})", loc="left", size=10)
    axes.legend(frameon=False, fontsize=9)


def plot_batch(axes: Axes, batch: BatchResult) -> None:
    """Draw a line over tau for each problem, or F of the problems in ascending order."""
    open_frame(axes)
    F = batch.success_probability
    problems = len(F)
    if len(batch.tau) == 1:
        axes.plot(np.arange(1, problems + 1), np.sort(F[:, 0]), color=BLUE, marker="o", ls="none")
        axes.set(xlabel="problems, in ascending order of F", ylabel="F, one shot", ylim=(0, 1.05))
        axes.set_title(f"τ = {batch.tau[0]:g}", loc="left", size=10)
        axes.locator_params(axis="x", integer=True)
        return
    alpha = 1.0 if problems == 1 else max(0.15, min(0.8, MOST_LINES / problems))
    for row in F:
        axes.plot(batch.tau, row, color=BLUE, alpha=alpha, marker=".", label="F of one problem")
    if problems > 1:
        axes.plot(batch.tau, np.median(F, axis=0), color=VERMILION, linewidth=2.4, label="median")
    scale_success(axes, np.sort(batch.tau), float(F.min()))
    ns = batch.normalisation.time_unit == "ns"
    axes.set(xlabel=f"annealing time τ ({'ns' if ns else '1 / energy unit'})", ylabel="F, one shot")
    unique_legend(axes)


def plot_sweep(axes: Axes, sweep: TauSweep) -> None:
    """Draw F with its error, beside the probability of one guess."""
    open_frame(axes)
    draw_F(axes, sweep.tau, sweep.success_probability, sweep.error)
    axes.axhline(sweep.guess, color=BLACK, linestyle=":", label="one guess")
    scale_success(axes, np.sort(sweep.tau), min(float(sweep.success_probability.min()),
                                                sweep.guess))  # fmt: skip
    axes.set(xlabel=f"annealing time τ ({tau_unit(sweep)})", ylabel="F, one shot")
    axes.legend(frameon=False, fontsize=9)


def plot_optimal_tau(axes: Axes, best: OptimalTau) -> None:
    """Draw the time to solution of the grid, and mark the best tau."""
    open_frame(axes)
    sweep, unit = best.sweep, tau_unit(best.sweep)
    axes.plot(sweep.tau, sweep.tts99, color=BLUE, marker=".", label="TTS99")
    label = f"least: {number(best.tts99)} at τ = {number(best.tau)}"
    axes.plot([best.tau], [best.tts99], color=VERMILION, marker="o", ls="none", ms=8, label=label)
    axes.set(xscale="log", yscale="log", xlabel=f"annealing time τ ({unit})",
             ylabel=f"time to solution TTS99 ({unit})")  # fmt: skip
    axes.legend(frameon=False, fontsize=9)


def plot_hardness(axes: Axes, h: Hardness) -> None:
    """Draw F and the best of the shots against tau, each beside guessing."""
    open_frame(axes)
    draw_success(axes, h)
    axes.legend(frameon=False, fontsize=9)


def run_card(run: AnnealResult) -> Markup:
    """Return F and, up to 20 qubits, the most likely final states."""
    many = run.states is None and run.d > MOST_QUBITS
    header, rows = _states_table(run) if not many else ((), [])
    ties = "" if run.multiplicity == 1 else f", {run.multiplicity} ground states together"
    return card(
        f"F = {chance(run.success_probability)}: probability of the optimum after one shot{ties}",
        facts=[
            ("error of F", number(run.error)),
            ("run time τ", f"{run.tau:g} ({tau_unit(run)})"),
            ("lowest energy", signed(run.ground_energy)),
            ("qubits", str(run.d)),
        ],
        header=header,
        rows=rows,
        notes=[_setting(run)],
    )


def _states_table(run: AnnealResult) -> tuple[tuple[str, ...], list[tuple[str, str, str]]]:
    shown = states_of(run)
    kept = np.sort(np.argsort(-shown.probability, kind="stable")[:MOST_ROWS])
    rows = [
        (
            (", ".join(labels_of_ones(range(run.d), shown.n[i])) or "none")
            + (" (optimal)" if shown.optimal[i] else ""),
            signed(shown.energy[i]),
            number(float(shown.probability[i])),
        )
        for i in kept
    ]
    return ("variables equal to 1", "energy", "probability"), rows


def path_card(path: AnnealPath) -> Markup:
    """Return the probability to be in the ground level along the run."""
    chart = Chart(across(0, 1), upward(0, 1.05), "s = t / τ", "probability of the ground level")
    return card(
        f"F = {chance(float(path.ground_fidelity[-1]))} at the end of the run, at least "
        f"{chance(float(path.ground_fidelity.min()))} along it",
        chart=chart.drawn(
            chart.line(path.s, path.ground_fidelity, "strong"),
            label="Probability of the ground level along s.",
        ),
        facts=[
            ("run time τ", f"{path.tau:g} ({tau_unit(path)})"),
            ("levels followed", str(path.populations.shape[1])),
            ("error of a probability", number(path.error)),
        ],
        notes=[_setting(path)],
    )


def batch_card(batch: BatchResult) -> Markup:
    """Return the median and the range of F over the problems, for each run time."""
    F = batch.success_probability
    rows = [
        (f"{tau:g}", *(number(float(value)) for value in (low, middle, high)))
        for tau, low, middle, high in list(
            zip(batch.tau, F.min(0), np.median(F, 0), F.max(0), strict=True)
        )[:MOST_ROWS]
    ]
    more = len(batch.tau) - MOST_ROWS
    return card(
        f"F of {len(F)} problem{'s' if len(F) > 1 else ''} at {len(batch.tau)} run "
        f"time{'s' if len(batch.tau) > 1 else ''}",
        header=("τ", "least F", "median", "largest"),
        rows=rows,
        notes=[
            *([f"and {more} more run times"] if more > 0 else []),
            f"schedule {batch.schedule}, driver normalisation {batch.normalisation.name}; the "
            f"largest error of F is {number(float(batch.error.max()))}",
        ],
    )


def sweep_card(sweep: TauSweep) -> Markup:
    """Return F and the time to solution for each run time."""
    F = sweep.success_probability
    rows = [
        (f"{tau:.4g}", number(float(p)), number(float(t)))
        for tau, p, t in list(zip(sweep.tau, F, sweep.tts99, strict=True))[:MOST_ROWS]
    ]
    best = int(F.argmax())
    more = len(sweep.tau) - MOST_ROWS
    return card(
        f"F is largest, {chance(float(F[best]))}, at τ = {sweep.tau[best]:.4g}; one guess finds "
        f"the optimum with {number(sweep.guess)}",
        chart=_success_chart(sweep) if len(F) > 1 else None,
        header=(f"τ ({tau_unit(sweep)})", "F, one shot", "TTS99"),
        rows=rows,
        notes=[
            *([f"and {more} more run times"] if more > 0 else []),
            f"schedule {sweep.schedule.name}, driver normalisation {sweep.normalisation.name} "
            f"(c = {number(sweep.driver_scale)})",
        ],
    )


def _success_chart(sweep: TauSweep) -> Markup:
    order = np.argsort(sweep.tau, kind="stable")
    tau, F = sweep.tau[order], sweep.success_probability[order]
    log = bool(tau[-1] >= 5 * tau[0])
    low, high = (0.9 * tau[0], 1.1 * tau[-1]) if log else (0.0, 1.06 * tau[-1])
    chart = Chart(
        across(float(low), float(high), log=log), upward(0, 1.05),
        f"annealing time τ ({tau_unit(sweep)})", "F, one shot",
    )  # fmt: skip
    return chart.drawn(
        chart.level(sweep.guess, "dotted"), chart.line(tau, F, "strong"),
        *(chart.dot(float(t), float(p), "strong", f"F at τ = {t:.4g}: {chance(float(p))}")
          for t, p in zip(tau, F, strict=True)),
        label="F of one shot against annealing time; dotted: one guess.",
    )  # fmt: skip


def optimal_tau_card(best: OptimalTau) -> Markup:
    """Return the best run time with its time to solution."""
    unit = tau_unit(best.sweep)
    notes = ["The best τ lies on a bound: a better one may lie beyond it."] if best.at_bound else []
    return card(
        f"Least time to solution: {number(best.tts99)} at τ = {number(best.tau)} ({unit})",
        facts=[
            ("F, one shot", f"{chance(best.success_probability)} (error {number(best.error)})"),
            ("run times searched", f"{best.sweep.tau.min():g} to {best.sweep.tau.max():g}"),
        ],
        notes=notes,
    )


def hardness_card(h: Hardness) -> Markup:
    """Return the diagnosis in words, with the levels or the success against tau."""
    chart = levels_figure(h) if h.curve is not None else success_figure(h)
    return card(
        f"How hard {h.problem.d} qubits are for the annealer",
        sentences=diagnosis(h),
        chart=chart.chart,
        header=(f"τ ({h.tau_unit})", "F, one shot", f"best of {h.runs[0].shots} shots", "TTS99"),
        rows=[
            (f"{run.tau:g}", chance(run.success_probability), chance(run.best_of_shots),
             number(run.tts99))
            for run in h.runs[:MOST_ROWS]
        ],
        notes=[f"{chart.title}: {chart.caption}"],
    )  # fmt: skip


def _heading(run: AnnealResult) -> str:
    F = chance(run.success_probability)
    return f"F = {F} at τ = {run.tau:g} ({tau_unit(run)})"


def _setting(result: AnnealResult | AnnealPath) -> str:
    return (
        f"schedule {result.schedule}, driver normalisation {result.normalisation.name} "
        f"(c = {number(result.driver_scale)}), {result.steps} steps"
    )
