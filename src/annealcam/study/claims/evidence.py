"""Claims about the selectors by evidence: what they draw, where their maps lie, how they anneal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from annealcam.study.analysis.evidence import PREFIX
from annealcam.study.analysis.results import Results, filled
from annealcam.study.claims.annealing import annealing_claims
from annealcam.study.claims.claims import Case, Claim, Row, claim, sign
from annealcam.study.figures.panels import run_name, selector_style, setting_names, settings_of

CHANCE = 0.5  # share of a uniform map in one half of a picture
DEPENDENT = 0.5  # rank correlation below which a map depends on the classifier
_FORMS = {
    "penalty": "the energy as written",
    "centred penalty": "the centred energy",
}


def evidence_claims(results: Results) -> Iterator[Claim]:
    """Yield the claims that the tables of the evidence selectors, and of their checks, decide."""
    yield from claim(
        "The evidence optimum draws the evidence better than the k maps of largest contribution",
        _fidelity(results),
    )
    yield from claim(
        "Maps of the evidence optimum lie on the photo of their class more than on one beside it",
        _above(results, "pointing", "pointing", CHANCE),
    )
    yield from claim(
        "Maps of the evidence optimum depend on the classifier: their rank correlation with those "
        f"under a random classifier is below {DEPENDENT}",
        _above(results, "random_classifier", "rank_correlation", DEPENDENT, below=True),
    )
    for kind, form in _FORMS.items():
        yield from claim(
            "The XY driver on exactly k maps, which has no strength to choose and fewer states, "
            f"succeeds more often than the best penalty with {form}", _constraints(results, kind),
        )  # fmt: skip
    own = {
        name.removeprefix(PREFIX): table
        for name, table in results.items()
        if name.startswith(PREFIX)
    }
    for found in annealing_claims(own, any_size=False):
        yield replace(found, text=f"Evidence problems: {found.text}")


def _rows(results: Results, name: str) -> Iterator[tuple[str, Row]]:
    """Yield the rows of a table with the names of their settings."""
    table = filled(results, name)
    if table is not None:
        names = setting_names(settings_of(table))
        for row in table.to_pylist():
            yield names[row["model"], row["layer"]], row


def _fidelity(results: Results) -> Iterator[Case]:
    """Compare fidelities by the interval of their paired difference."""
    rows = list(_rows(results, "evidence"))
    optimum = {(name, r["k"]): r for name, r in rows if r["selector"] == "evidence_exact"}
    for name, row in rows:
        if row["selector"] == "topk_contribution" and (name, row["k"]) in optimum:
            outcome = sign(row["optimum_minus_low"], row["optimum_minus_high"])
            texts = [interval_of(r, "fidelity") for r in (optimum[name, row["k"]], row)]
            evidence = f"fidelity {texts[0]} against {texts[1]}"
            yield Case(f"{name}, k = {row['k']}", outcome, evidence)


def _above(
    results: Results, table: str, value: str, level: float, *, below: bool = False
) -> Iterator[Case]:
    """Compare the optimum's value with a level; those of other selectors stand beside it."""
    rows = list(_rows(results, table))
    for name, row in rows:
        if row["selector"] == "evidence_exact":
            low, high = row["low"] - level, row["high"] - level
            outcome = sign(-high, -low) if below else sign(low, high)
            others = [
                f"{selector_style(r['selector'])[0].removesuffix(', same k')} {r[value]:.3f}"
                for other, r in rows
                if other == name and r["k"] in (None, row["k"]) and r is not row
            ]
            evidence = "; ".join([interval_of(row, value), *others])
            yield Case(f"{name}, k = {row['k']}", outcome, evidence)


def _constraints(results: Results, kind: str) -> Iterator[Case]:
    for name, row in _rows(results, "evidence_constraints"):
        if row["constraint"] == kind:
            evidence = (
                f"F with the penalty over F without is {interval_of(row, 'ratio')}, the latter is "
                f"higher for {row['subspace_higher']:.0%} of {row['images']} images"
            )
            about = f"{name}, k = {row['k']}, {run_name(row['normalisation'], row['tau'])}"
            yield Case(about, sign(1.0 - row["high"], 1.0 - row["low"]), evidence)


def interval_of(row: dict[str, Any], value: str) -> str:
    """Return a value with its interval.

    >>> interval_of({"fidelity": 0.95, "low": 0.94, "high": 0.96}, "fidelity")
    '0.950 [0.940, 0.960]'
    """
    return f"{row[value]:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
