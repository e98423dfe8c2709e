"""The meaning of the numbers of an annealed problem, in plain sentences."""

from __future__ import annotations

import math

from annealcam._internal.text import chance, number
from annealcam.annealing.difficulty import Hardness, Run

OWN = 0.9  # a minimum gap above this share of the final gap is not made by a crossing
QUICK, ENUMERABLE = 2**20, 2**26  # numbers of states enumerated in milliseconds, and in a second


def diagnosis(h: Hardness) -> list[str]:
    """Return sentences on the gap, on success against guessing, on ties, and on enumeration."""
    return [_gap(h), _success(h), *_ties(h), _enumeration(h)]


def _gap(h: Hardness) -> str:
    g = h.gap
    if g is None:
        return f"The gap is not known: {h.no_gap}."
    if g.multiplicity == h.states:
        return "All states have the same energy: there is no gap to close."
    size = f"The minimum gap, {number(g.gap)} {h.energy_unit},"
    where = f"at s = {g.s:.4g}, {g.ratio:.1%} of the gap at s = 1"
    if g.s > 0.5 and g.ratio >= OWN:
        return (
            f"{size} is {where}: it is essentially the first excitation of the problem itself, a "
            "property of its energies and not of a crossing; Landau-Zener does not apply."
        )
    if not g.interior:
        return f"{size} is at an end of the run, {where}; Landau-Zener does not apply."
    if not g.landau_zener_applies:
        return f"{size} is {where}: no narrow avoided crossing, so Landau-Zener does not apply."
    longest = h.runs[-1]
    apart = f"; the two states differ in {g.hamming_distance} of {h.problem.d} variables"
    return (
        f"{size} is an avoided crossing {where}: Landau-Zener applies, and estimates F = "
        f"{chance(g.landau_zener(longest.tau))} at tau = {longest.tau:g}"
        f"{apart if g.hamming_distance else ''}."  # at the crossing both may be the same mixture
    )


def _success(h: Hardness) -> str:
    best = max(h.runs, key=lambda run: run.success_probability)
    return (
        f"At tau = {best.tau:g} one shot finds the optimum with probability F = "
        f"{chance(best.success_probability)}, {_against_guessing(best)}. The best of {best.shots} "
        f"shots finds it with probability {best_chance(best)}, and as many guesses with "
        f"{chance(best.guess_best)}."
    )


def best_chance(run: Run) -> str:
    """Return the success probability of the best shot as text; it is 1 only if F is."""
    certain = run.success_probability == 1
    return chance(run.best_of_shots if certain else min(run.best_of_shots, math.nextafter(1, 0)))


def _against_guessing(run: Run) -> str:
    gain = run.success_probability / run.guess
    if gain < 1:
        return f"less than a uniform guess ({chance(run.guess)})"
    times = f"{gain:,.0f}" if gain >= 1000 else number(gain)
    return f"{times} times a uniform guess"


def _ties(h: Hardness) -> list[str]:
    if h.multiplicity == 1:
        return []
    return [f"{h.multiplicity} selections share the lowest energy; F counts them all."]


def _enumeration(h: Hardness) -> str:
    if h.states > ENUMERABLE:
        return "No quantum advantage is claimed."
    time = "milliseconds" if h.states <= QUICK else "about a second"
    return (
        f"An ordinary computer enumerates all {h.states} selections in {time}: no quantum "
        "advantage is claimed."
    )
