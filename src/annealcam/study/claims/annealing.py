"""What a study says about how hard the annealing was."""

from __future__ import annotations

from collections.abc import Iterator
from math import log
from typing import Any

import numpy as np

from annealcam._internal.text import chance, number
from annealcam.study.claims.claims import FAILS, Case, Claim, decided, sign
from annealcam.study.figures.columns import Columns, filled, reals, rows, where
from annealcam.study.figures.gaps import WELL_BELOW, interval, well_below
from annealcam.study.figures.panels import pairs, runs_of, setting_names, settings_of
from annealcam.study.figures.successes import ALL

HALF = 0.5
FACTOR = 2.0  # that a prediction of F may be off
GUESSING = log(2)  # how fast the chance of a uniform guess falls with d
ENUMERABLE = 25  # variables whose states are all looked at in a fraction of a second


def annealing_claims(columns: dict[str, Columns]) -> Iterator[Claim]:
    """Yield the claims that the tables of gaps and successes decide."""
    told = {name: table for name, table in columns.items() if filled(table)}
    makers = (
        ("best_of_shots", _shots), ("success_fit", _falls), ("gap_summary", _gaps),
        ("gaps", _depth), ("landau_zener", _formula),
    )  # fmt: skip
    for name, make in makers:
        if name in told:
            yield from make(told[name])


def no_advantage(columns: dict[str, Columns]) -> str:
    """Return what must be said of every study, and of the sizes of this one."""
    sizes = [d for name in ("success_by_d", "gaps") for d in columns.get(name, {}).get("d", [])]
    if sizes and max(sizes) <= ENUMERABLE:
        return (
            "No quantum advantage is claimed: every optimum here "
            f"(d up to {max(sizes)}) is proved by enumeration in milliseconds."
        )
    return "No quantum advantage is claimed."


def _shots(table: Columns) -> Iterator[Claim]:
    cases = []
    for normalisation, tau in runs_of(table):
        own = where(table, normalisation=normalisation, tau=tau)
        best, guess = (_mean(own, name) for name in ("best_of_shots", "guess_best"))
        if best is None or guess is None:
            continue
        told = f"{chance(best)} against {chance(guess)}, over all images{_ends(own)}"
        cases.append(Case(run(normalisation, tau), decided(best > guess), told))
    if cases:
        text = "The best of all shots finds the optimum more often than as many uniform guesses"
        yield Claim(text, tuple(cases))


def _ends(table: Columns) -> str:
    """The same numbers at the least and the largest d: guessing is good at small ones."""
    d = sorted({size for size in table["d"] if size is not None})
    told = ""
    for size in dict.fromkeys([d[0], d[-1]] if d else []):
        own = where(table, d=size)
        best, guess = (_mean(own, name) for name in ("best_of_shots", "guess_best"))
        if best is not None and guess is not None:
            told += f"; at d = {size} {chance(best)} against {chance(guess)}"
    return told


def _mean(table: Columns, name: str) -> float | None:
    """The mean over images."""
    values, images = reals(table, name), reals(table, "images")
    known = np.isfinite(values) & (images > 0)
    return float(np.average(values[known], weights=images[known])) if known.any() else None


def _falls(table: Columns) -> Iterator[Claim]:
    """How F falls with d, over all settings where there are several."""
    pooled = where(table, model=ALL)
    shown = pooled if filled(pooled) else table
    names = setting_names(settings_of(shown))
    cases = []
    for row in rows(shown):
        if row["b"] is not None:
            about = "" if row["model"] == ALL else f"{names[row['model'], row['layer']]}, "
            told = f"b = {interval(row['b'], row['b_low'], row['b_high'])} a qubit, {_speed(row)}"
            cases.append(
                Case(about + run(row["normalisation"], row["tau"]), sign(row["b_low"], row["b_high"]),
                     told)
            )  # fmt: skip
    if cases:
        yield Claim("The success probability F falls with d, as a exp(-b d)", tuple(cases))


def _speed(row: dict[str, Any]) -> str:
    low, high, guess = row["b_low"], row["b_high"], f"guessing ({GUESSING:.3f})"
    if low is None or high is None:
        return f"{guess} beside it"
    if high < GUESSING:
        return f"more slowly than {guess}"
    return f"faster than {guess}" if low > GUESSING else f"not told apart from {guess}"


def _gaps(table: Columns) -> Iterator[Claim]:
    names = setting_names(settings_of(table))
    inside: list[Case] = []
    applies: list[Case] = []
    falls: list[Case] = []
    for row in rows(table):
        about = f"{names[row['model'], row['layer']]}, driver {row['normalisation']}"
        for cases, share in ((inside, "interior_share"), (applies, "landau_zener_share")):
            if row[share] is not None:
                told = f"{row[share]:.0%} of {row['images']} problems"
                cases.append(Case(about, decided(row[share] >= HALF), told))
        if row["fit_b"] is not None:
            told = f"b = {interval(row['fit_b'], row['fit_b_low'], row['fit_b_high'])} a qubit"
            falls.append(Case(about, sign(row["fit_b_low"], row["fit_b_high"]), told))
    claims = (
        ("The minimum gap lies inside the run in half of the problems or more", inside,
         "Where it lies at the end, it is the problem's own first excitation."),
        ("Landau and Zener's formula applies to half of the problems or more", applies,
         "" if any(table["landau_zener_share"]) else "It applies to none: there is no figure."),
        ("The minimum gap falls with d, as a exp(-b d)", falls, ""),
    )  # fmt: skip
    for text, cases, otherwise in claims:
        if cases:
            yield Claim(text, tuple(cases), {FAILS: otherwise} if otherwise else {})


def _depth(table: Columns) -> Iterator[Claim]:
    """How many minima lie well below the gap at the end, wherever they lie."""
    names = setting_names(settings_of(table))
    cases = []
    for normalisation, setting in pairs(table):
        own = where(table, model=setting[0], layer=setting[1], normalisation=normalisation)
        deep = well_below(own)[np.isfinite(reals(own, "gap") + reals(own, "final_gap"))]
        if len(deep):
            told = f"{deep.mean():.0%} of {len(deep)} problems"
            about = f"{names[setting]}, driver {normalisation}"
            cases.append(Case(about, decided(bool(deep.mean() >= HALF)), told))
    text = (
        f"The minimum gap is under {WELL_BELOW:g} of the gap at s = 1 in half of the problems or "
        "more"
    )
    shallow = "For most, the annealing meets no gap much smaller than the problem's own."
    if cases:
        yield Claim(text, tuple(cases), {FAILS: shallow})


def _formula(table: Columns) -> Iterator[Claim]:
    """How well the formula predicts F where it applies."""
    cases = []
    for normalisation, tau in runs_of(table):
        own = where(table, normalisation=normalisation, tau=tau)
        F, told = reals(own, "success_probability"), reals(own, "landau_zener")
        known = (F > 0) & (told > 0)
        if known.any():
            off = float(np.exp(np.median(np.abs(np.log(F[known] / told[known])))))
            text = f"off by a factor of {number(off)} (median of {int(known.sum())} problems)"
            cases.append(Case(run(normalisation, tau), decided(off <= FACTOR), text))
    if cases:
        text = "Where it applies, Landau and Zener's formula gives F within a factor of two"
        yield Claim(text, tuple(cases))


def run(normalisation: str, tau: float) -> str:
    """Return how a run of the annealer is called.

    >>> run("per_qubit", 50.0)
    'τ = 50, driver paper'
    """
    return f"τ = {tau:g}, driver {normalisation}"
