"""The annealing panel: success probability, gap and final states."""

from __future__ import annotations

from typing import Any

import numpy as np

from annealcam._internal.text import chance, number
from annealcam.annealing.difficulty import Hardness
from annealcam.annealing.sentences import diagnosis
from annealcam.app.answer import PACKAGE
from annealcam.render.html.annealing import levels_figure
from annealcam.render.html.page import page
from annealcam.render.text import ones_of

MOST_STATES = 8


def annealing_html(h: Hardness, *, finished: bool) -> str:
    """Return the panel; until it is `finished`, gap and levels are still being computed."""
    return page(
        "annealing.html.j2",
        package=PACKAGE,
        facts=_facts(h, finished),
        levels=levels_figure(h) if h.curve is not None else None,
        no_levels=h.no_gap if finished else "",
        states=_states(h),
        others=_others(h),
        hits=_hits(h),
        tau=f"{h.distribution.tau:g}",
        sentences=diagnosis(h) if finished else [],
        finished=finished,
    )


def _facts(h: Hardness, finished: bool) -> list[tuple[str, str]]:
    run = h.runs[-1]
    facts = [
        ("F, one shot", chance(run.success_probability)),
        ("one guess", chance(run.guess)),
        ("time to solution, 99 %", f"{_long(run.tts99)} / energy"),
    ]
    if h.gap is not None:
        facts.append(("minimum gap", f"{number(h.gap.gap)} at s = {h.gap.s:.3g}"))
    elif not finished:
        facts.append(("minimum gap", "…"))
    return facts


def _long(time: float) -> str:
    """Return a time with three significant digits, up to a million without an exponent."""
    rounded = float(number(time))
    return f"{rounded:,.0f}" if 1000 <= rounded < 1e6 else number(time)


def _states(h: Hardness) -> list[dict[str, Any]]:
    """Return the most likely final states by probability; bars are relative to the first."""
    shown = h.distribution
    order = [int(i) for i in np.argsort(-shown.probability, kind="stable")[:MOST_STATES]]
    best = next((i for i in order if shown.optimal[i]), None)
    largest = max(float(shown.probability.max(initial=0.0)), 1e-300)
    return [
        {
            "maps": _maps(h, i, best),
            "energy": f"{shown.energy[i]:.4f}",
            "probability": number(float(shown.probability[i])),
            "width": f"{100 * float(shown.probability[i]) / largest:.1f}%",
            "hits": int(shown.hits[i]),
            "optimal": bool(shown.optimal[i]),
        }
        for i in order
    ]


def _maps(h: Hardness, i: int, best: int | None) -> str:
    """Return the maps of a state, as the difference (+, −) to the optimum if that is shown."""
    labels, n = h.source.labels, h.distribution.n
    if best is None:
        return " ".join(ones_of(h, n[i])) or "none"
    change = (n[i].astype(int) - n[best]).tolist()
    added = [f"+{label}" for label, c in zip(labels, change, strict=True) if c > 0]
    removed = [f"−{label}" for label, c in zip(labels, change, strict=True) if c < 0]
    return " ".join(added + removed)


def _others(h: Hardness) -> str:
    listed = sorted(map(float, h.distribution.probability), reverse=True)[:MOST_STATES]
    count = h.states - len(listed)
    return f"{count} other states: {number(max(0.0, 1.0 - sum(listed)))}" if count else ""


def _hits(h: Hardness) -> str:
    run = h.runs[-1]
    return f"{run.hits} of {run.shots} simulated shots found the optimum."
