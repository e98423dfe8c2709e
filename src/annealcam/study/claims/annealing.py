"""Claims about how hard the annealing is, and how often it succeeds."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from math import exp, log
from typing import TYPE_CHECKING

import numpy as np

from annealcam._internal.text import chance, number
from annealcam.study.analysis.annealing import ALL, WELL_BELOW
from annealcam.study.analysis.results import Results, filled, numbers, where
from annealcam.study.claims.claims import (
    FAILS,
    OPEN,
    Case,
    Claim,
    Row,
    above,
    claim,
    over_units,
    sign,
)
from annealcam.study.figures.panels import (
    interval,
    run_name,
    runs_of,
    setting_names,
    settings_of,
)

if TYPE_CHECKING:
    import pyarrow as pa

HALF = 0.5
FACTOR = 2.0  # by which a prediction of F may be off
GUESSING = log(2)  # the rate at which the success of a uniform guess falls with d
ENUMERABLE = 25  # variables whose states are enumerated in a fraction of a second


def annealing_claims(results: Results, *, any_size: bool = True) -> Iterator[Claim]:
    """Yield the claims that the tables of gaps and successes decide.

    Args:
        results: tables by name.
        any_size: whether selections of every size are possible, so that guesses are among 2^d.
    """
    makers = (
        ("best_of_shots", partial(_shots, filled(results, "shots_minus_guesses"))),
        ("success_fit", partial(_success_falls, any_size=any_size)),
        ("gap_summary", _gap_summary),
        ("gap_summary", _depth), ("landau_zener_error", _formula),
    )  # fmt: skip
    for name, make in makers:
        table = filled(results, name)
        if table is not None:
            yield from make(table)


def no_advantage(results: Results) -> str:
    """Return the statement on quantum advantage that every study carries."""
    names = ("success_by_d", "gaps", "evidence_success_by_d", "evidence_gaps")
    tables = [filled(results, name) for name in names]
    sizes = [d for table in tables if table is not None for d in table["d"].to_pylist()]
    if sizes and max(sizes) <= ENUMERABLE:
        return (
            "No quantum advantage is claimed: every optimum here "
            f"(d up to {max(sizes)}) is proved by enumeration in milliseconds."
        )
    return "No quantum advantage is claimed."


def _shots(differences: pa.Table | None, table: pa.Table) -> Iterator[Claim]:
    cases = []
    rows = [] if differences is None else differences.to_pylist()
    by_run = {(row["normalisation"], row["tau"]): row for row in rows}
    for normalisation, tau in runs_of(table):
        of_run = where(table, normalisation=normalisation, tau=tau)
        best, guess = (_image_mean(of_run, name) for name in ("best_of_shots", "guess_best"))
        if best is None or guess is None:
            continue
        evidence = f"{chance(best)} against {chance(guess)}, over all images{_extremes(of_run)}"
        row = by_run.get((normalisation, tau), {"low": None, "high": None})
        if row["low"] is not None:
            evidence += f"; difference [{row['low']:.2g}, {row['high']:.2g}] {_over(row)}"
        cases.append(Case(run_name(normalisation, tau), sign(row["low"], row["high"]), evidence))
    text = "The best of all shots finds the optimum more often than as many uniform guesses"
    yield from claim(text, cases)


def _extremes(table: pa.Table) -> str:
    """The same numbers at the least and the largest d: guessing succeeds at small d."""
    sizes = sorted({d for d in table["d"].to_pylist() if d is not None})
    text = ""
    for d in dict.fromkeys([sizes[0], sizes[-1]] if sizes else []):
        of_size = where(table, d=d)
        best, guess = (_image_mean(of_size, name) for name in ("best_of_shots", "guess_best"))
        if best is not None and guess is not None:
            text += f"; at d = {d}: {chance(best)} against {chance(guess)}"
    return text


def _image_mean(table: pa.Table, name: str) -> float | None:
    values, images = numbers(table, name), numbers(table, "images")
    known = np.isfinite(values) & (images > 0)
    return float(np.average(values[known], weights=images[known])) if known.any() else None


def _success_falls(table: pa.Table, *, any_size: bool) -> Iterator[Claim]:
    """How F falls with d: in the fit to all settings together, or in that of the only one."""
    pooled = where(table, model=ALL)
    shown = pooled if pooled.num_rows else table
    names = setting_names(settings_of(shown))
    cases = []
    for row in shown.to_pylist():
        if row["b"] is not None:
            about = "" if row["model"] == ALL else f"{names[row['model'], row['layer']]}, "
            slope = interval(row["b"], row["b_low"], row["b_high"])
            cases.append(
                Case(
                    about + run_name(row["normalisation"], row["tau"]),
                    sign(row["b_low"], row["b_high"]),
                    f"b = {slope} per qubit" + (f", {_speed(row)}" if any_size else ""),
                )
            )  # fmt: skip
    yield from claim("The success probability F falls with d, as a exp(-b d)", cases)


def _speed(row: Row) -> str:
    low, high, guess = row["b_low"], row["b_high"], f"guessing ({GUESSING:.3f})"
    if low is None or high is None:
        return f"compared with {guess}"
    if high < GUESSING:
        return f"more slowly than {guess}"
    return f"faster than {guess}" if low > GUESSING else f"not distinguishable from {guess}"


def _gap_summary(table: pa.Table) -> Iterator[Claim]:
    names = setting_names(settings_of(table))
    inside: list[Case] = []
    applies: list[Case] = []
    falls: list[Case] = []
    rows = table.to_pylist()
    for row in rows:
        about = f"{names[row['model'], row['layer']]}, driver {row['normalisation']}"
        for cases, name in ((inside, "interior"), (applies, "landau_zener")):
            cases += _share(about, row, name)
        if row["fit_b"] is not None:
            slope = interval(row["fit_b"], row["fit_b_low"], row["fit_b_high"])
            outcome = sign(row["fit_b_low"], row["fit_b_high"])
            falls.append(Case(about, outcome, f"b = {slope} per qubit"))
    never = not any(row["landau_zener_share"] for row in rows)
    yield from claim(
        "The minimum gap lies inside the run in at least half of the problems", inside,
        {FAILS: "A minimum at the end of the run is the problem's own first excitation."},
    )  # fmt: skip
    yield from claim(
        "Landau and Zener's formula applies to at least half of the problems", applies,
        {FAILS: "It applies to none, so there is no figure."} if never else {},
    )  # fmt: skip
    yield from claim("The minimum gap falls with d, as a exp(-b d)", falls)


def _share(about: str, row: Row, name: str) -> list[Case]:
    """Return the case that at least half of the problems have a property."""
    share = row[f"{name}_share"]
    if share is None:
        return []
    evidence = f"{share:.0%} of {row['images']} problems, {over_units(row, name, '.0%')}"
    return [Case(about, above(row, name, HALF), evidence)]


def _depth(table: pa.Table) -> Iterator[Claim]:
    """How many minima lie well below the final gap, inside the run or not."""
    names = setting_names(settings_of(table))
    cases = [
        case
        for row in table.to_pylist()
        for case in _share(
            f"{names[row['model'], row['layer']]}, driver {row['normalisation']}", row, "deep"
        )
    ]
    yield from claim(
        f"The minimum gap is below {WELL_BELOW:g} of the gap at s = 1 in at least half of the "
        "problems", cases,
        {FAILS: "In most problems, the annealing meets no gap much smaller than the final one."},
    )  # fmt: skip


def _formula(table: pa.Table) -> Iterator[Claim]:
    """How well the formula predicts F where it applies."""
    cases = []
    for row in table.to_pylist():
        if row["log_factor"] is not None:
            low, high = row["low"], row["high"]
            ends = "" if low is None else f" [{number(exp(low))}, {number(exp(high))}]"
            evidence = (
                f"off by a factor of {number(exp(row['log_factor']))}{ends} (geometric mean of "
                f"{row['images']} problems, {_over(row)})"
            )
            outcome = OPEN if low is None else sign(log(FACTOR) - high, log(FACTOR) - low)
            cases.append(Case(run_name(row["normalisation"], row["tau"]), outcome, evidence))
    text = "Where it applies, Landau and Zener's formula predicts F within a factor of two"
    yield from claim(text, cases)


def _over(row: Row) -> str:
    return f"over {row['units']} {row['unit']}"
