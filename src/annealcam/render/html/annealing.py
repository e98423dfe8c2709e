"""The annealing of a selection as charts: energy levels, success probability, final states."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from annealcam._internal.text import chance, number
from annealcam.annealing.difficulty import Hardness
from annealcam.annealing.sentences import best_chance, diagnosis
from annealcam.render.figures.sheets import LOG_FROM
from annealcam.render.html.svg import WIDTH, Chart, across, tag, upward
from annealcam.render.text import annealing_runs, driver_setting, ones_of

BAR, ROW = 13.0, 18.0  # height of a bar, distance between bars
BARS = 12


@dataclass(frozen=True)
class CaptionedChart:
    """A chart with its title, its caption, and the names of its line styles."""

    title: str
    chart: Markup
    caption: str
    key: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Panel:
    """The annealing section of a page."""

    figures: tuple[CaptionedChart, ...]
    sentences: tuple[str, ...]
    header: list[str]
    rows: list[list[str]]
    setting: str


def annealing_panel(h: Hardness) -> Panel:
    """Return the charts, sentences and table of an annealed problem."""
    figures = [success_figure(h), states_figure(h)]
    if h.curve is not None:
        figures.insert(0, levels_figure(h))
    return Panel(tuple(figures), tuple(diagnosis(h)), *annealing_runs(h), _setting(h))


def levels_figure(h: Hardness) -> CaptionedChart:
    """Return the lowest levels above the ground level along s, with the minimum gap marked."""
    assert h.curve is not None
    above = h.curve.energies - h.curve.energies[:, :1]
    first = h.gap.multiplicity if h.gap is not None else 1
    top = float(above.max(initial=0.0)) or 1.0
    gap = h.gap if h.gap is not None and np.isfinite(h.gap.gap) and h.gap.gap > 0 else None
    log = gap is not None and gap.gap * LOG_FROM < top
    low = gap.gap / 3 if gap is not None and log else 0.0
    chart = Chart(
        across(0, 1),
        upward(low, top * (1.5 if log else 1.05), log=log),
        "s = t / τ",
        f"above the ground level ({h.energy_unit})",
    )
    order = sorted(range(1, above.shape[1]), key=lambda level: level == first)
    marks = [
        chart.line(h.curve.s, above[:, level], "strong" if level == first else "faint")
        for level in order
    ]
    caption = "Energy levels along the anneal; the gap is not known."
    if gap is not None:
        minimum = f"Minimum gap {number(gap.gap)} at s = {gap.s:.3g}"
        marks.append(chart.dot(gap.s, gap.gap, "warn", minimum))
        caption = f"{minimum}; the gap at s = 1 is {number(gap.final_gap)}."
    key = (("strong", "gap"), ("faint", "other levels"), ("warn", "minimum"))
    return _figure("Energy levels along the anneal", chart, marks, caption, key)


def success_figure(h: Hardness) -> CaptionedChart:
    """Return F and the best of the shots against annealing time, each beside random guessing."""
    tau = [run.tau for run in h.runs]
    F = [run.success_probability for run in h.runs]
    best = [run.best_of_shots for run in h.runs]
    last = h.runs[-1]
    low = min(min(F), last.guess)
    log = low > 0 and low * LOG_FROM < 1
    chart = Chart(
        across(0.0, 1.06 * tau[-1]),
        upward(low / 2 if log else 0.0, 1.3 if log else 1.05, log=log),
        f"annealing time τ ({_plain_unit(h.tau_unit)})",
        "probability of finding the optimum",
        tau if len(tau) > 1 and min(np.diff(tau)) > tau[-1] / 20 else None,
    )
    marks = [
        chart.level(last.guess_best, "dotted-second"),
        chart.level(last.guess, "dotted"),
        chart.line(tau, best, "second"),
        chart.line(tau, F, "strong"),
        *(
            chart.dot(t, p, "second", f"best of {last.shots} at τ = {t:g}: {chance(p)}",
                      square=True)
            for t, p in zip(tau, best, strict=True)
        ),
        *(
            chart.dot(t, p, "strong", f"F at τ = {t:g}: {chance(p)}")
            for t, p in zip(tau, F, strict=True)
        ),
    ]  # fmt: skip
    caption = (
        f"Probability of finding the optimum at τ = {last.tau:g}: "
        f"F = {chance(last.success_probability)} for one shot, {best_chance(last)} for the best of "
        f"{last.shots} shots, {chance(last.guess_best)} for the best of {last.shots} guesses."
    )
    key = (
        ("strong", "F, one shot"),
        ("second", f"best of {last.shots} shots"),
        ("dotted", "one guess"),
        ("dotted-second", f"best of {last.shots} guesses"),
    )
    return _figure("Success probability", chart, marks, caption, key)


def _figure(
    title: str, chart: Chart, marks: list[Markup], caption: str, key: tuple[tuple[str, str], ...]
) -> CaptionedChart:
    return CaptionedChart(title, chart.drawn(*marks, label=caption), caption, key)


def states_figure(h: Hardness) -> CaptionedChart:
    """Return the most likely final states as bars, sorted by energy, with the optimum marked."""
    shown, last = h.distribution, h.runs[-1]
    kept = np.sort(np.argsort(-shown.probability, kind="stable")[:BARS])
    maps = [", ".join(ones_of(h, n)) or "none" for n in shown.n]
    bars = [
        (
            f"+{number(above)}" if not optimal else "optimum",
            float(shown.probability[i]),
            "strong" if optimal else "plain",
            f"maps {maps[i]}: {chance(float(shown.probability[i]))}; "
            f"{shown.hits[i]} of {last.shots} shots",
            int(shown.hits[i]) / last.shots,
        )
        for i in kept
        for above, optimal in [(shown.energy[i] - h.ground_energy, bool(shown.optimal[i]))]
    ]
    others = h.states - len(kept)
    rest = f"{others} other states together: {max(0.0, 1.0 - sum(bar[1] for bar in bars)):.1%}"
    caption = (
        f"Bars: exact probability of the state after one shot. Rings: share of {last.shots} "
        f"simulated shots, of which {last.hits} found the optimum; their 95 % confidence interval "
        f"of F is {last.interval[0]:.3f} to {last.interval[1]:.3f}."
    )
    key = (
        ("block", "optimal"),
        ("plain", "not optimal, by energy above the optimum"),
        ("ball", f"share of {last.shots} shots"),
    )
    chart = _bars(bars, rest if others else "", caption)
    return CaptionedChart("Final states", chart, caption, key)


def _bars(bars: list[tuple[str, float, str, str, float]], rest: str, label: str) -> Markup:
    """Draw a bar for each probability, and a ring at the share of shots in that state."""
    left, width = 96.0, WIDTH
    unit = (width - left - 66) / (max(max(bar[1], bar[4]) for bar in bars) or 1.0)
    parts = []
    for row, (name, p, kind, title, share) in enumerate(bars):
        top = 6 + ROW * row
        length = max(unit * p, 1.0)
        ring = left + unit * share
        parts += [
            tag("text", name, x=left - 8, y=top + 11, class_="tick end"),
            tag("rect", tag("title", title), x=left, y=top, width=length, height=BAR,
                class_=f"bar-{kind}"),
            tag("circle", tag("title", title), cx=ring, cy=top + BAR / 2, r=3.5,
                class_="mark-second"),
            tag("text", f"{p:.1%}", x=max(left + length, ring + 4) + 6, y=top + 11, class_="tick"),
        ]  # fmt: skip
    parts.append(tag("text", rest, x=left, y=6 + ROW * len(bars) + 11, class_="label"))
    height = 12 + ROW * (len(bars) + (1 if rest else 0))
    return tag(
        "svg", *parts, viewBox=f"0 0 {width:g} {height:g}", role="img", aria_label=label,
        class_="chart",
    )  # fmt: skip


def _setting(h: Hardness) -> str:
    size = f", exactly {h.problem.cardinality} maps ({h.constraint})" if h.constraint else ""
    return f"{h.problem.d} qubits{size}, {driver_setting(h)}, τ in {_plain_unit(h.tau_unit)}"


def _plain_unit(unit: str) -> str:
    """Return a unit without its explanation in brackets."""
    return unit.split(" (")[0]
