"""The tables of a photo's page."""

from __future__ import annotations

from annealcam.study.claims.annealing import run
from annealcam.study.figures.panels import selector_style
from annealcam.study.pages.photos import Row
from annealcam.study.pages.sight import Sight, maps_of, share_of_draws, told_maps
from annealcam.study.pages.tables import Cell, Table, figure, run_cell, truth, word
from annealcam.study.pages.text import figure_of

MARK = "●"
# That select as many as they think fit, or as the optimum; how a narrow column calls them.
_MARKED = {"exact": "optimum", "anneal": "annealer", "topk": "top-k by alpha",
           "topk-contribution": "top-k by contribution"}  # fmt: skip


def candidate_table(sight: Sight) -> Table | None:
    """Return the candidates, with who selects which."""
    if not sight.candidates:
        return None
    J, h = sight.J, sight.h
    own = {row["selector"]: row for row in sight.free if row["selector"] in _MARKED}
    if sight.annealed:
        own["anneal"] = sight.annealed
    shown = {name: maps_of(own[name]) for name in _MARKED if name in own}
    drawn = any(row["draw"] is not None for row in sight.free)
    head = ("map", "relevance h", "largest |cosine|", *(_MARKED[s] for s in shown))
    body = []
    for i, channel in enumerate(sight.candidates):
        cells = [figure(channel), figure(float(h[i]), ".3f"), figure(float(J[i].max()), ".3f")]
        cells += [_mark(channel in maps) for maps in shown.values()]
        cells += [figure(share_of_draws(sight.free, channel), ".0%")] if drawn else []
        body.append(tuple(cells))
    told = f" The annealer: {_main(sight)}." if sight.annealed else ""
    return Table(
        "The candidate maps: their relevance h, their largest redundancy |cosine| with another "
        f"candidate, and who selects them.{told}",
        (*head, *(("random draws",) if drawn else ())), tuple(body),
    )  # fmt: skip


def _main(sight: Sight) -> str:
    row = sight.annealed or {}
    return run(row["normalisation"], row["tau"])


def _mark(selected: bool) -> Cell:
    return Cell(MARK if selected else "", 1.0 if selected else 0.0)


def selector_table(sight: Sight) -> Table:
    """Return what every selector selects, and how good that is."""
    head = ("selector", "run", "maps", "k", "energy", "optimal", "relevance", "redundancy",
            "carried")  # fmt: skip
    body = tuple(_selector_row(row, run_cell(row["normalisation"], row["tau"]))
                 for row in sight.means())  # fmt: skip
    return Table(
        "Energy: lower is better; none where maps outside of the candidates are selected. "
        "Relevance: sum of h; redundancy: mean |cosine| of the selected maps; carried: share of "
        "the positive contributions to the logit.", head, body, words=3,
    )  # fmt: skip


def sized_table(sight: Sight) -> Table | None:
    """Return what is selected where the number of maps is prescribed."""
    body = tuple(_selector_row(row, figure(row["cardinality"])) for row in sight.sized())
    head = ("selector", "asked k", "maps", "k", "energy", "optimal", "relevance", "redundancy",
            "carried")  # fmt: skip
    told = "Selections of a prescribed number of maps."
    return Table(told, head, body, words=3) if body else None


def _selector_row(row: Row, second: Cell) -> tuple[Cell, ...]:
    name = selector_style(row["selector"])[0]
    draws = row.get("draws")
    told = f"{name}, mean of {draws} draws" if draws else name
    share = isinstance(row["optimal"], float)
    whole = isinstance(row["k"], int)
    return (
        word(told), second, word(told_maps(row)),
        figure(row["k"], "" if whole else ".1f"), figure(row["energy"], ".4f"),
        figure(row["optimal"], ".0%") if share else truth(row["optimal"]),
        figure(row["relevance"], ".3f"), figure(row["redundancy"], ".3f"),
        figure(row["carried"], ".1%"),
    )  # fmt: skip


def annealing_table(sight: Sight) -> Table | None:
    """Return success and gap of every run of the annealer."""
    rows = [row for row in sight.free if row["selector"] == "anneal"]
    if not rows:
        return None
    head = ("run", "success F of a shot", "one guess", "shots", "best of the shots",
            "as many guesses", "minimum gap", "at s", "gap at the end", "inside",
            "formula applies")  # fmt: skip
    body = tuple(
        (run_cell(row["normalisation"], row["tau"]), figure(row["success_probability"]),
         figure(row["guess"]), figure(row["shots"]), figure(row["best_of_shots"]),
         figure(row["guess_best"]), figure(row["gap"]), figure(row["gap_s"], ".3f"),
         figure(row["final_gap"]), truth(row["gap_interior"]), truth(row["landau_zener_applies"]))
        for row in rows
    )  # fmt: skip
    return Table(
        "F: probability that one shot finds the optimum. The minimum gap between the two lowest "
        "levels along the run, where it lies (s = 0 to 1), and the gap at its end. The formula is "
        "Landau and Zener's.", head, body,
    )  # fmt: skip


def headline(sight: Sight) -> str:
    """Return in a sentence what was selected, and how likely the annealer finds it."""
    if sight.exact is None:
        return "The table holds no optimum for this photo."
    k, d = sight.exact["k"], sight.exact["d"]
    if not d:
        return "No map is alive and of positive importance: nothing can be selected."
    told = (
        f"The proved optimum selects {k} of {d} candidate maps: {told_maps(sight.exact) or 'none'}."
    )
    if sight.annealed and sight.success is not None:
        guess = figure_of(sight.annealed["guess"])
        told += (
            f" One shot of the annealer ({_main(sight)}) finds it with probability "
            f"{figure_of(sight.success)}; one uniform guess with {guess}."
        )
    return told
