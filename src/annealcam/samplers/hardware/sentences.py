"""A hardware report as sentences and as the rows of a table."""

from __future__ import annotations

from annealcam._internal.text import chance, maps_counted, number
from annealcam.samplers.hardware.ensemble import MOST_ANNEALED, MOST_ENUMERATED
from annealcam.samplers.hardware.machine import Machine
from annealcam.samplers.hardware.report import HardwareReport

LIMITS = {
    "size": "What limits the machine is its size: the problem does not fit.",
    "precision": "What limits the machine is its precision: the errors of h and J are too large "
    "for the differences between the energies of this problem.",
    "chains": "What limits the machine are the chains: if they cost nothing, the optimum would "
    "survive the errors of h and J in most cases.",
    "temperature": "What limits the machine is its temperature: in equilibrium, even the best of "
    "the shots mostly misses the optimum.",
    "time": "What limits the machine is the time of a noiseless anneal: the gap of this problem is "
    "too small for it.",
    "none": "None of these limits the machine: the optimum survives the errors of h and J in most "
    "cases, and the best of the shots finds it.",
    "unknown": "What limits the machine is not known, since not all of this could be computed.",
}


def verdict(r: HardwareReport) -> tuple[str, ...]:
    """Return the report in words: size, scale, precision, temperature, time, and what limits it.

    >>> from annealcam.samplers.hardware import hardware_report
    >>> verdict(hardware_report([[-1.0]], members=20, tau=5.0))[-2]
    'This graph takes at most 184 maps where all pairs are coupled.'
    """
    texts = [_size(r), _scale(r), _precision(r), _thermal(r), _coherent(r), LIMITS[r.limit]]
    return (*(text for text in texts if text), _capacity(r), _reservation(r.machine))


def figure_rows(r: HardwareReport) -> list[list[str]]:
    """Return the figures of the report as rows of a name and a value."""
    e, p, m = r.embedding, r.program, r.machine
    table = [["machine", f"{m.name}, {_graph(m)}"]]
    if e is None:
        return [*table, ["embedding", "none found"], ["limit", r.limit]]
    if p is None:  # there are no maps
        return table
    table += [
        ["qubits", f"{e.qubits} for {maps_counted(r.d)} ({e.method})"],
        ["chains", f"{e.mean:.3g} qubits on average, {e.longest} at most"],
        ["couplings", f"{_span(p.couplings)}{_error(r, 'J')}"],
        ["biases", f"{_span(p.biases)}{_error(r, 'h')}"],
        ["scale set by", _limited_by(r)],
    ]
    if r.ensemble is not None:
        low, high = r.ensemble.interval
        most = "" if r.ensemble.proved else "at most "
        share = f"{most}{r.ensemble.survival:.0%} of {r.ensemble.members} perturbed problems"
        table += [
            ["optimum survives", f"{share} (95 % interval {low:.0%} to {high:.0%})"],
            ["mean loss of energy", number(r.ensemble.mean_loss)],
        ]
    best = f"best of {r.shots}"
    for tau, c in r.coherent.items():
        name = f"noiseless, {tau:g} ns"
        table.append([name, f"{chance(c.one_shot)}, {best}: {chance(c.best_of_shots)}"])
    for name, thermal in (("thermal, at freezeout", r.thermal), ("thermal, at the end",
                                                                 r.thermal_at_end)):  # fmt: skip
        if thermal is not None:
            value = f"{chance(thermal.one_shot)}, {best}: {chance(thermal.best_of_shots)}"
            table.append([name, value])
    return [*table, ["limit", r.limit]]


def _graph(m: Machine) -> str:
    shape = ", ".join(map(str, m.shape))
    missing = len(m.missing_qubits) + len(m.missing_couplers)
    kind = "ideal graph" if m.ideal else f"graph without {missing} qubits and couplers"
    return f"{kind} {m.topology} [{shape}]"


def _size(r: HardwareReport) -> str:
    on = f"on the {_graph(r.machine)} of {r.machine.name}"
    if r.embedding is None:
        return f"No chains were found for {maps_counted(r.d)} {on}."
    e = r.embedding
    needs = "needs" if r.d == 1 else "need"
    return (
        f"{maps_counted(r.d)} {needs} {e.qubits} qubits {on}, in chains of {e.mean:.3g} on average "
        f"and {e.longest} at most ({e.method})."
    )


def _scale(r: HardwareReport) -> str:
    p = r.program
    if p is None:
        return ""
    text = (
        f"Scaled to the machine's ranges, the couplings of the problem are {_span(p.couplings)}, "
        f"and the qubits' biases {_span(p.biases)}"
    )
    if r.cardinality is not None:
        text += f", with the penalty for exactly {maps_counted(r.cardinality)}"
    if r.ensemble is not None:
        h, J = r.ensemble.errors
        text += (
            f"; the published errors have standard deviations of {number(J)} and {number(h)} for "
            "chains of this length"
        )
    if p.chain_coupling is not None and p.chain_cost > 1.05:
        text += (
            f". The couplings along chains ({number(p.chain_coupling)}) set the scale: without "
            f"them the coefficients could be {number(p.chain_cost)} times as large"
        )
    return f"{text}."


def _precision(r: HardwareReport) -> str:
    if r.program is None:
        return ""
    if r.machine.control_errors is None:
        return "The errors of h and J are not known, so that the chances are those without errors."
    if r.ensemble is None:
        return ""
    low, high = r.ensemble.interval
    most = "" if r.ensemble.proved else "at most "
    text = (
        f"With these errors, the optimum is kept in {most}{r.ensemble.survival:.0%} of "
        f"{r.ensemble.members} perturbed problems (95 % interval {low:.0%} to {high:.0%}); the "
        f"mean loss of energy is {number(r.ensemble.mean_loss)}"
    )
    free = r.without_chains
    if free is not None:
        most = "" if free.proved else "at most "
        text += f". If chains cost nothing, it would be kept in {most}{free.survival:.0%}"
    if not r.ensemble.proved:
        text += ". Not all optima were proved in time; the others are the best that were found"
    return f"{text}."


def _thermal(r: HardwareReport) -> str:
    if r.program is None:
        return ""
    if r.thermal_at_end is None:
        if r.d > MOST_ENUMERATED:
            return f"Thermal equilibrium is not computed above {MOST_ENUMERATED} maps."
        return "The chance in thermal equilibrium is not known: no temperature or no schedule is."
    mK = f"{r.machine.temperature_mK:g} mK"
    at_end = f"{chance(r.thermal_at_end.one_shot)} at the end of the anneal"
    if r.thermal is None:
        return f"In equilibrium at {mK}, one shot is optimal with probability {at_end}."
    one, best = chance(r.thermal.one_shot), chance(r.thermal.best_of_shots)
    return (
        f"In equilibrium at {mK}, one shot is optimal with probability {one} where a single qubit "
        f"freezes (s = {r.machine.freezeout:g}) and {at_end}; the best of {r.shots} shots with "
        f"{best}."
    )


def _coherent(r: HardwareReport) -> str:
    if r.program is None:
        return ""
    if not r.coherent:
        if r.d > MOST_ANNEALED:
            return f"The noiseless anneal is not simulated above {MOST_ANNEALED} maps."
        return "The success of a noiseless anneal is not known, since the schedule is not."
    parts = [f"{chance(c.one_shot)} in {tau:g} ns" for tau, c in r.coherent.items()]
    longest = r.coherent[max(r.coherent)]
    text = (
        f"A noiseless anneal with the schedule “{r.machine.schedule and r.machine.schedule.name}” "
        f"would give it with probability {', '.join(parts)} (mean of {longest.members} perturbed "
        "problems, each map as one qubit)."
    )
    if r.machine.annealing_time_range is not None:
        shortest = 1e3 * r.machine.annealing_time_range[0]
        text += f" The machine's shortest anneal with biases takes {shortest:g} ns."
    return text


def _capacity(r: HardwareReport) -> str:
    text = f"This graph takes at most {r.largest} maps where all pairs are coupled"
    if r.surviving is not None:
        size, share = r.surviving
        text += (
            f"; of this problem, the optimum of the {size} most relevant maps survives in "
            f"{share:.0%} of the ensemble"
        )
    return f"{text}."


def _reservation(m: Machine) -> str:
    return (
        f"All of this is by published figures; {m.name} was not used. Systematic errors, broken "
        "chains and the slower dynamics of chains are left out."
    )


def _limited_by(r: HardwareReport) -> str:
    p = r.program
    assert p is not None
    if p.chain_coupling is None:
        return p.limited_by
    return f"{p.limited_by}; coupling along chains {number(p.chain_coupling)}"


def _span(ends: tuple[float, float]) -> str:
    low, high = ends
    if high == 0:
        return "all zero"
    return f"{number(low)} to {number(high)}" if low != high else number(high)


def _error(r: HardwareReport, name: str) -> str:
    if r.ensemble is None:
        return ""
    return f" (error {number(r.ensemble.errors['hJ'.index(name)])})"
