"""What a study says about classes that share maps, and about what the optimisation does to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from annealcam._internal.text import number
from annealcam.study.claims.claims import FAILS, HOLDS, OPEN, Case, Claim, decided, sign
from annealcam.study.figures.columns import Columns, filled, rows
from annealcam.study.figures.panels import setting_names, settings_of

Row = dict[str, Any]
SIGNIFICANT = 0.05
NEARLY_ALL = 0.8  # an overlap of classes that share nearly every map
WELL_SAMPLED = 0.8  # overlap of two halves of a class, below which it misses some of its maps
LITTLE = 0.1  # share of the logit's positive contributions

# The selector compared with, the claim, and what follows.
_AGAINST: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("positive", "The optimum's classes overlap less than with all positive maps (Grad-CAM's)", {}),
    ("gradcam", "The optimum's classes overlap less than with Grad-CAM's weights", {}),
    ("gradcam++", "The optimum's classes overlap less than with Grad-CAM++'s weights", {}),
    (
        "random", "The optimum's classes overlap less than with random maps of the same number",
        {FAILS: "It tells classes apart worse than chance does."},
    ),
    (
        "topk", "The optimisation lowers the overlap: less than top-k by alpha of its size",
        {
            FAILS: "Top-k of the same size overlaps less still: the optimisation does not lower "
            "the overlap.",
            OPEN: "The optimisation is not shown to lower the overlap.",
        },
    ),
    (
        "topk-contribution", "The optimum's classes overlap less than with top-k by contribution",
        {FAILS: "Top-k by contribution, of the same size, overlaps less still."},
    ),
)  # fmt: skip


def overlap_claims(columns: dict[str, Columns]) -> Iterator[Claim]:
    """Yield the claims that the tables `overlap` and `overlap_by_k` decide."""
    table, by_k = columns.get("overlap"), columns.get("overlap_by_k")
    if table is not None and filled(table):
        yield from _claims(_by_setting(table, lambda row: row["selector"]))
    if by_k is not None and filled(by_k):
        yield from _against_k(_by_setting(by_k, lambda row: (row["selector"], row["k"])))


def _by_setting(table: Columns, key: Callable[[Row], Any]) -> dict[str, dict[Any, Row]]:
    """The rows of each setting by some key, under the setting's name."""
    names = setting_names(settings_of(table))
    found: dict[str, dict[Any, Row]] = {name: {} for name in names.values()}
    for row in rows(table):
        found[names[row["model"], row["layer"]]][key(row)] = row
    return found


def _claims(settings: dict[str, dict[str, Row]]) -> Iterator[Claim]:
    yield from _claim("The optimum's classes overlap less than shuffled labels do", _null(settings))
    yield from _claim(
        "The images are enough to know which maps a class uses", _halves(settings),
        {FAILS: "Classes overlap little even with themselves: read the overlap beside the "
                "split-half one."},
    )  # fmt: skip
    for selector, text, follows in _AGAINST:
        cases = list(_compared(settings, selector))
        yield from _claim(text, cases, _by_construction(settings, selector) | follows)
    yield from _claim(
        "The optimisation lowers the redundancy: less than top-k by alpha of its size",
        _redundancy(settings),
    )
    yield from _claim(
        "The optimum carries a tenth or more of what speaks for the class", _carried(settings),
        {FAILS: "It says little about what the prediction rests on."},
    )  # fmt: skip


def _claim(
    text: str, cases: Iterable[Case], follows: dict[str, str] | None = None
) -> Iterator[Claim]:
    """The claim, if there is any case."""
    found = tuple(cases)
    if found:
        yield Claim(text, found, follows or {})


def _null(settings: dict[str, dict[str, Row]]) -> Iterator[Case]:
    for name, row in _of("exact", settings):
        if row["p_value"] is not None and row["null_mean"] is not None:
            p = f"p = {number(row['p_value'])}"
            evidence = f"{spread(row)} against {row['null_mean']:.3f} ({p})"
            yield Case(name, decided(row["p_value"] <= SIGNIFICANT), evidence)


def _halves(settings: dict[str, dict[str, Row]]) -> Iterator[Case]:
    for name, row in _of("exact", settings):
        half = row["split_half"]
        if half is not None and row["ratio"] is not None:
            evidence = (
                f"two halves of a class overlap by {half:.3f}, different classes by "
                f"{row['ratio']:.2f} of that"
            )
            yield Case(name, decided(half >= WELL_SAMPLED), evidence)


def _compared(settings: dict[str, dict[str, Row]], selector: str) -> Iterator[Case]:
    """The optimum's overlap against another selector's, by the interval of their difference."""
    for name, exact in _of("exact", settings):
        other = settings[name].get(selector)
        if other is not None and None not in (exact["off_diagonal"], other["off_diagonal"]):
            verdict = sign(other["minus_exact_low"], other["minus_exact_high"])
            sizes = f"k = {_k(exact)} against {_k(other)}"
            yield Case(name, verdict, f"{spread(exact)} against {spread(other)}, {sizes}")


def _by_construction(settings: dict[str, dict[str, Row]], selector: str) -> dict[str, str]:
    """What a comparison with a selector that takes nearly every map is worth."""
    overlaps = [row["off_diagonal"] or 0.0 for _, row in _of(selector, settings)]
    if not overlaps or min(overlaps) < NEARLY_ALL:
        return {}
    return {HOLDS: "By construction: it gives nearly every map a weight for every class."}


def _redundancy(settings: dict[str, dict[str, Row]]) -> Iterator[Case]:
    for name, exact in _of("exact", settings):
        top = settings[name].get("topk")
        if top is not None and None not in (exact["redundancy"], top["redundancy"]):
            verdict = decided(exact["redundancy"] < top["redundancy"])
            evidence = (
                f"mean |cosine| of selected maps {exact['redundancy']:.3f} against "
                f"{top['redundancy']:.3f}"
            )
            yield Case(name, verdict, evidence)


def _carried(settings: dict[str, dict[str, Row]]) -> Iterator[Case]:
    others = (("topk", "top-k by alpha"), ("topk-contribution", "top-k by contribution"))
    for name, exact in _of("exact", settings):
        if exact["carried"] is not None:
            told = [f"{exact['carried']:.1%} of the positive contributions"]
            for selector, words in others:
                row = settings[name].get(selector)
                if row is not None and row["carried"] is not None:
                    told.append(f"{words} {row['carried']:.1%}")
            yield Case(name, decided(exact["carried"] >= LITTLE), ", ".join(told))


def _against_k(settings: dict[str, dict[tuple[str, int], Row]]) -> Iterator[Claim]:
    yield from _claim(
        "More maps overlap more, whoever selects them", _grows(settings),
        {HOLDS: "Overlaps can be compared at the same k only."},
    )  # fmt: skip
    yield from _claim(
        "At most sizes k the optimum overlaps less than top-k by alpha", _at_each_k(settings)
    )


def _grows(settings: dict[str, dict[tuple[str, int], Row]]) -> Iterator[Case]:
    """From the least k to the largest that all of its images have: fewer images are others."""
    for name, table in settings.items():
        grown = []
        for selector in dict.fromkeys(selector for selector, _ in table):
            own = {k: row for (other, k), row in table.items() if other == selector}
            first = own[min(own)]
            last = own[max(k for k, row in own.items() if row["images"] == first["images"])]
            if first is not last and None not in (first["overlap"], last["overlap"]):
                grown.append(last["overlap"] > first["overlap"])
        if grown:
            evidence = f"from the least k to the largest for {sum(grown)} of {len(grown)} selectors"
            yield Case(name, decided(all(grown)), evidence)


def _at_each_k(settings: dict[str, dict[tuple[str, int], Row]]) -> Iterator[Case]:
    for name, table in settings.items():
        pairs = [
            (row["overlap"], table["topk", k]["overlap"])
            for (selector, k), row in table.items()
            if selector == "exact" and ("topk", k) in table
        ]
        known = [(mine, other) for mine, other in pairs if None not in (mine, other)]
        if known:
            fewer = sum(mine < other for mine, other in known)
            yield Case(name, decided(2 * fewer > len(known)), f"at {fewer} of {len(known)} sizes")


def _of(selector: str, settings: dict[str, dict[str, Row]]) -> Iterator[tuple[str, Row]]:
    return ((name, table[selector]) for name, table in settings.items() if selector in table)


def _k(row: Row) -> str:
    return "?" if row["k"] is None else f"{row['k']:.1f}"


def spread(row: Row) -> str:
    """Return a row's overlap with its interval.

    >>> spread({"off_diagonal": 0.265, "low": 0.25, "high": None})
    '0.265'
    """
    if row["off_diagonal"] is None:
        return "unknown"
    if None in (row["low"], row["high"]):
        return f"{row['off_diagonal']:.3f}"
    return f"{row['off_diagonal']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
