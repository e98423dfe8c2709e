"""Selection problems, their solutions, and reports about annealing hardware in notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int
from markupsafe import Markup

from annealcam._internal.text import maps_counted
from annealcam._internal.types import Array
from annealcam.qubo.problem import SelectionProblem
from annealcam.qubo.solution import ExactSolution, Selection
from annealcam.render.figures.sheets import BLUE, GREEN, ORANGE, open_frame
from annealcam.render.notebook.cards import card, signed
from annealcam.samplers.hardware.report import HardwareReport
from annealcam.samplers.hardware.sentences import figure_rows, verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_PLACES = 60  # of the variables equal to 1 that are listed


def problem_card(p: SelectionProblem) -> Markup:
    """Return the size and the terms of a problem."""
    exactly = "any number of maps" if p.cardinality is None else f"exactly {p.cardinality} maps"
    pairs = int(np.count_nonzero(p.J)) // 2
    return card(
        f"Selection problem over {maps_counted(p.d)}, {exactly}",
        facts=[
            ("beta", f"{p.beta:g}"),
            ("importance h", _range(p.h) if p.d else "none"),
            ("similarity J", f"{_range(p.J[np.triu_indices(p.d, 1)])}, {pairs} pairs other than 0"
             if p.d > 1 else "none"),
        ],
    )  # fmt: skip


def exact_card(x: ExactSolution) -> Markup:
    """Return the lowest energy with its certificate."""
    if x.proved:
        title = f"Optimum {signed(x.energy)}, proved"
        ties = "no other selection has it" if x.multiplicity == 1 else (
            f"{x.multiplicity} selections have it"
        )  # fmt: skip
    else:
        title = f"Best selection found: {signed(x.energy)}, not proved"
        ties = f"{x.multiplicity} found with it"
    return card(
        title,
        facts=[
            ("selected", _places(x.n)),
            ("lower bound", f"{float(x.lower_bound):.6g} (energy {float(x.energy):.6g})"),
            ("ties", ties),
            ("method", f"{x.method}, {x.nodes} nodes" if x.nodes else x.method),
        ],
        notes=["Ctrl-C ended the search."] if x.interrupted else [],
    )


def selection_card(s: Selection) -> Markup:
    """Return the selection of a sampler."""
    known = {True: "proved optimal", False: "not optimal", None: "not known to be optimal"}
    return card(
        f"Energy {signed(s.energy)}, {known[s.optimal]}",
        facts=[
            ("selected", _places(s.n)),
            ("sampler", s.sampler),
            ("shots", str(s.shots)),
            *((name, _value(value)) for name, value in s.info.items()),
        ],
    )


def hardware_card(r: HardwareReport) -> Markup:
    """Return the verdict in words and the figures."""
    return card(
        f"{r.machine.name}: {maps_counted(r.d)}",
        sentences=verdict(r),
        facts=[(name, value) for name, value in figure_rows(r)],
    )


def plot_hardware(axes: Axes, r: HardwareReport) -> None:
    """Draw a bar for each chance that is known: survival, noiseless anneals, and equilibrium."""
    open_frame(axes)
    bars: list[tuple[str, float, str]] = []
    if r.ensemble is not None:
        bars.append(("optimum survives\nthe errors", r.ensemble.survival, BLUE))
    if r.without_chains is not None:
        bars.append(("the same\nwithout chains", r.without_chains.survival, BLUE))
    bars += [(f"noiseless,\n{tau:g} ns", c.best_of_shots, GREEN) for tau, c in r.coherent.items()]
    thermal = (("thermal,\nat freezeout", r.thermal), ("thermal,\nat the end", r.thermal_at_end))
    bars += [(name, c.best_of_shots, ORANGE) for name, c in thermal if c is not None]
    place = np.arange(len(bars))
    axes.bar(place, [bar[1] for bar in bars], color=[bar[2] for bar in bars], width=0.7)
    if r.ensemble is not None:
        low, high = r.ensemble.interval
        middle = r.ensemble.survival
        ends = [[max(middle - low, 0.0)], [max(high - middle, 0.0)]]
        axes.errorbar([0], [middle], ends, color="black", fmt="none", capsize=3)
    axes.set_xticks(place, [bar[0] for bar in bars], size=8)
    axes.set(ylabel=f"probability (best of {r.shots} shots)", ylim=(0, 1.05))
    axes.set_title(f"{r.machine.name}, {maps_counted(r.d)}", loc="left", size=10,
                   parse_math=False)  # fmt: skip


def _places(n: Int[Array, " d"]) -> str:
    """Return the places of the ones, and how many there are."""
    places = np.flatnonzero(n).tolist()
    shown = ", ".join(map(str, places[:MOST_PLACES])) or "none"
    more = ", …" if len(places) > MOST_PLACES else ""
    return f"{shown}{more} ({len(places)} of {len(n)})"


def _range(values: Array) -> str:
    low, high = float(values.min()), float(values.max())
    return f"{signed(low)} to {signed(high)}"


def _value(value: object) -> str:
    return signed(value) if isinstance(value, float) else str(value)
