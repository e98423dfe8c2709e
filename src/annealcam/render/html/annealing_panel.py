"""The annealing of a selection as charts: levels along s, success over run time, final states."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from annealcam._internal.text import chance, number
from annealcam.annealing.diagnosis import best_chance, diagnosis
from annealcam.annealing.hardness import Hardness
from annealcam.render.html.svg import WIDTH, Chart, across, tag, upward
from annealcam.render.sheets import LOG_FROM

BAR, ROW = 13.0, 18.0  # height of a bar, and from one to the next
BARS = 12


@dataclass(frozen=True)
class Figure:
    """A chart, what it is called, what it says in a sentence, and its kinds of lines by name."""

    title: str
    chart: Markup
    caption: str
    key: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Panel:
    """All that a page shows of the annealing."""

    figures: tuple[Figure, ...]
    sentences: tuple[str, ...]
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    setting: str


def annealing_panel(h: Hardness) -> Panel:
    """Return the charts, the sentences and the table of an annealed problem."""
    figures = [success_figure(h), states_figure(h)]
    if h.curve is not None:
        figures.insert(0, levels_figure(h))
    return Panel(tuple(figures), tuple(diagnosis(h)), *_table(h), _setting(h))


def levels_figure(h: Hardness) -> Figure:
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
    told = "Levels along the run; the gap is not known."
    if gap is not None:
        told = f"Minimum gap {number(gap.gap)} at s = {gap.s:.3g}"
        marks.append(chart.dot(gap.s, gap.gap, "warn", told))
        told += f"; at s = 1 it is {number(gap.final_gap)}."
    return Figure(
        "Energy levels along the run",
        chart.drawn(*marks, told=told),
        told,
        (("strong", "the gap"), ("faint", "other levels"), ("warn", "minimum")),
    )


def success_figure(h: Hardness) -> Figure:
    """Return F and the best of the shots against the run time, each above what guessing reaches."""
    tau = [run.tau for run in h.runs]
    F = [run.success_probability for run in h.runs]
    best = [run.best_of_shots for run in h.runs]
    last = h.runs[-1]
    low = min(min(F), last.guess)
    log = low > 0 and low * LOG_FROM < 1
    chart = Chart(
        across(0.0, 1.06 * tau[-1]),
        upward(low / 2 if log else 0.0, 1.3 if log else 1.05, log=log),
        f"run time τ ({_plain_unit(h.tau_unit)})",
        "probability to find the optimum",
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
    told = (
        f"At τ = {last.tau:g}: F = {chance(last.success_probability)} a shot, best of "
        f"{last.shots} shots {best_chance(last)}; guessing as often {chance(last.guess_best)}."
    )
    key = (
        ("strong", "F, one shot"),
        ("second", f"best of {last.shots} shots"),
        ("dotted", "one guess"),
        ("dotted-second", f"best of {last.shots} guesses"),
    )
    return Figure("Success against run time", chart.drawn(*marks, told=told), told, key)


def states_figure(h: Hardness) -> Figure:
    """Return the likeliest final states as bars, lowest energy first, the optimum marked."""
    shown, last = h.distribution, h.runs[-1]
    kept = np.sort(np.argsort(-shown.probability, kind="stable")[:BARS])
    bars = [
        (
            f"+{number(above)}" if not optimal else "optimum",
            float(shown.probability[i]),
            "strong" if optimal else "plain",
            f"{_maps(h, shown.n[i])}: {chance(float(shown.probability[i]))}; "
            f"{shown.hits[i]} of {last.shots} shots",
            int(shown.hits[i]) / last.shots,
        )
        for i in kept
        for above, optimal in [(shown.energy[i] - h.ground_energy, bool(shown.optimal[i]))]
    ]
    others = h.states - len(kept)
    rest = f"{others} others together: {max(0.0, 1.0 - sum(bar[1] for bar in bars)):.1%}"
    told = (
        f"Bars: exact chance of a shot. Rings: share of {last.shots} simulated shots, of which "
        f"{last.hits} found the optimum: counted alone, they put "
        f"F between {last.interval[0]:.3f} and {last.interval[1]:.3f} (95 %)."
    )
    key = (
        ("block", "optimal"),
        ("plain", "not optimal, by energy above the optimum"),
        ("ball", f"of {last.shots} shots"),
    )
    return Figure("What a shot finds", _bars(bars, rest if others else "", told), told, key)


def _bars(bars: list[tuple[str, float, str, str, float]], rest: str, told: str) -> Markup:
    """A bar for each chance, and a ring at the share of shots that came out so."""
    left, width = 96.0, WIDTH
    unit = (width - left - 66) / (max(max(bar[1], bar[4]) for bar in bars) or 1.0)
    parts = []
    for row, (name, p, kind, about, share) in enumerate(bars):
        top = 6 + ROW * row
        length = max(unit * p, 1.0)
        ring = left + unit * share
        parts += [
            tag("text", name, x=left - 8, y=top + 11, class_="tick end"),
            tag("rect", tag("title", about), x=left, y=top, width=length, height=BAR,
                class_=f"bar-{kind}"),
            tag("circle", tag("title", about), cx=ring, cy=top + BAR / 2, r=3.5,
                class_="mark-second"),
            tag("text", f"{p:.1%}", x=max(left + length, ring + 4) + 6, y=top + 11, class_="tick"),
        ]  # fmt: skip
    parts.append(tag("text", rest, x=left, y=6 + ROW * len(bars) + 11, class_="label"))
    height = 12 + ROW * (len(bars) + (1 if rest else 0))
    return tag(
        "svg", *parts, viewBox=f"0 0 {width:g} {height:g}", role="img", aria_label=told,
        class_="chart",
    )  # fmt: skip


def _maps(h: Hardness, n: np.ndarray) -> str:
    chosen = [str(label) for label, one in zip(h.source.labels, n, strict=True) if one]
    return f"maps {', '.join(chosen)}" if chosen else "no map"


def _table(h: Hardness) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    shots = h.runs[0].shots
    header = ("τ", "F", "error", f"best of {shots}", "one guess", f"{shots} guesses", "TTS99")
    rows = tuple(
        (
            f"{run.tau:g}", f"{run.success_probability:.6f}", f"{run.error:.0e}",
            best_chance(run), chance(run.guess), chance(run.guess_best), number(run.tts99),
        )
        for run in h.runs
    )  # fmt: skip
    return header, rows


def _setting(h: Hardness) -> str:
    kept = f", exactly {h.problem.cardinality} maps ({h.constraint})" if h.constraint else ""
    return (
        f"{h.problem.d} qubits{kept}, driver {h.normalisation.name} (c = {number(h.driver_scale)}), "
        f"schedule {h.schedule.name}, τ in {_plain_unit(h.tau_unit)}"
    )


def _plain_unit(unit: str) -> str:
    """The unit without its explanation in brackets."""
    return unit.split(" (")[0]
