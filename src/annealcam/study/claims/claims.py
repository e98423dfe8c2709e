"""Claims that the results of a study decide, and those about the overlap of classes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from annealcam._internal.text import number
from annealcam.study.analysis.results import Results, filled
from annealcam.study.figures.panels import setting_names, settings_of

if TYPE_CHECKING:
    import pyarrow as pa

HOLDS, FAILS, OPEN = "holds", "does not hold", "not decided"
SIGNIFICANT = 0.05
NEARLY_ALL = 0.8  # an overlap of classes that share nearly every map
WELL_SAMPLED = 0.8  # overlap of two halves of a class, below which it misses some of its maps
LITTLE = 0.1  # share of the logit's positive contributions

Row: TypeAlias = dict[str, Any]
Settings: TypeAlias = Mapping[str, Mapping[Any, Row]]  # by a setting's name, then by a key


@dataclass(frozen=True)
class Case:
    """A claim about one network or run: whether it holds, with the numbers that decide it."""

    about: str
    outcome: str
    evidence: str

    def __str__(self) -> str:
        return f"{self.about}: {self.evidence}" if self.about else self.evidence


@dataclass(frozen=True)
class Claim:
    """A claim, its cases, and the consequence of each outcome that all cases may have."""

    text: str
    cases: tuple[Case, ...]
    consequences: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Claim({self.text!r}, {self.outcome!r})"

    @property
    def outcome(self) -> str:
        """The outcome of all cases, or in how many the claim holds, or does not hold in any.

        >>> Claim("A claim", (Case("a", OPEN, ""), Case("b", FAILS, ""))).outcome
        'does not hold in 1 of 2 cases'
        """
        outcomes = [case.outcome for case in self.cases]
        if len(set(outcomes)) == 1:
            return outcomes[0]
        decided = HOLDS if HOLDS in outcomes else FAILS
        return f"{decided} in {outcomes.count(decided)} of {len(outcomes)} cases"

    @property
    def consequence(self) -> str:
        """The consequence of the common outcome, or nothing."""
        return self.consequences.get(self.outcome, "")

    def lines(self) -> Iterator[str]:
        """Yield the claim as an item of a Markdown list.

        >>> case = Case("paper-16", HOLDS, "0.2 against 0.3")
        >>> print(*Claim("A claim", (case,)).lines(), sep="\\n")
        - **A claim: holds.** paper-16: 0.2 against 0.3.
        >>> print(*Claim("A claim", (case, Case("paper-24", FAILS, "0.4 against 0.3"))).lines(),
        ...       sep="\\n")
        - **A claim: holds in 1 of 2 cases.**
          - paper-16: 0.2 against 0.3: holds.
          - paper-24: 0.4 against 0.3: does not hold.
        """
        single = f" {self.cases[0]}." if len(self.cases) == 1 else ""
        consequence = f" {self.consequence}" if self.consequence else ""
        yield f"- **{self.text}: {self.outcome}.**{single}{consequence}"
        if single:
            return
        equal = self.outcome == self.cases[0].outcome
        for case in self.cases:
            yield f"  - {case}{'' if equal else f': {case.outcome}'}."


def tally(claims: Sequence[Claim]) -> str:
    """Return how many claims hold, do not hold, and are decided in part or not at all.

    >>> case = Case("paper-16", HOLDS, "0.2 against 0.3")
    >>> tally([Claim("A claim", (case,)), Claim("Another one", (case, Case("", OPEN, "")))])
    'Of 2 claims, 1 holds, 0 do not hold, and 1 is decided in part or not at all.'
    """
    holding, failing = (sum(c.outcome == outcome for c in claims) for outcome in (HOLDS, FAILS))
    rest = len(claims) - holding - failing
    return (
        f"Of {len(claims)} claims, {holding} hold{'s' * (holding == 1)}, "
        f"{failing} do{'es' * (failing == 1)} not hold, and {rest} {'is' if rest == 1 else 'are'} "
        "decided in part or not at all."
    )


def sign(low: float | None, high: float | None) -> str:
    """Return whether a number is above zero, decided by its interval.

    >>> sign(0.1, 0.2), sign(-0.2, -0.1), sign(-0.1, 0.1), sign(None, None)
    ('holds', 'does not hold', 'not decided', 'not decided')
    """
    if low is None or high is None:
        return OPEN
    return HOLDS if low > 0 else FAILS if high < 0 else OPEN


def above(row: Row, name: str, level: float) -> str:
    """Return whether a value is above a level, decided by the interval of the value.

    >>> above({"share_low": 0.2, "share_high": 0.3}, "share", 0.1)
    'holds'
    """
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return OPEN if None in (low, high) else sign(low - level, high - level)


def over_units(row: Row, name: str, form: str) -> str:
    """Return the interval of a value, with what it is over.

    >>> over_units({"x_low": -0.1, "x_high": 0.2, "units": 10, "unit": "classes"}, "x", ".2f")
    '[-0.10, 0.20] over 10 classes'
    """
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    if None in (low, high):
        return f"without an interval, {row['units']} {row['unit']}"
    return f"[{low:{form}}, {high:{form}}] over {row['units']} {row['unit']}"


def decided(holds: bool) -> str:
    """Return the outcome of a claim that one comparison decides.

    >>> decided(2 > 3)
    'does not hold'
    """
    return HOLDS if holds else FAILS


def claim(
    text: str, cases: Iterable[Case], consequences: Mapping[str, str] | None = None
) -> Iterator[Claim]:
    """Yield the claim if it has cases."""
    cases = tuple(cases)
    if cases:
        yield Claim(text, cases, consequences or {})


# The selector compared with the optimum, the claim, and its consequences.
_COMPARISONS: tuple[tuple[str, str, dict[str, str]], ...] = (
    (
        "positive",
        "Classes overlap less with the optimum than with all positive maps (as in Grad-CAM)", {},
    ),
    ("gradcam", "Classes overlap less with the optimum than with Grad-CAM's weights", {}),
    ("gradcam++", "Classes overlap less with the optimum than with Grad-CAM++'s weights", {}),
    (
        "random", "Classes overlap less with the optimum than with random maps of the same number",
        {FAILS: "It separates classes worse than chance."},
    ),
    (
        "topk_alpha",
        "The optimisation lowers the overlap: it is less than with top-k by alpha at the same k",
        {
            FAILS: "With top-k by alpha, classes overlap even less: the optimisation does not "
            "lower the overlap.",
            OPEN: "The optimisation is not shown to lower the overlap.",
        },
    ),
    (
        "topk_contribution",
        "Classes overlap less with the optimum than with top-k by contribution at the same k",
        {FAILS: "With top-k by contribution, classes overlap even less."},
    ),
)  # fmt: skip


def overlap_claims(results: Results) -> Iterator[Claim]:
    """Yield the claims that the tables `overlap` and `overlap_by_k` decide."""
    overlap, by_k = filled(results, "overlap"), filled(results, "overlap_by_k")
    if overlap is not None:
        settings = _by_setting(overlap, lambda row: row["selector"])
        yield from claim(
            "Classes overlap less with the optimum than with shuffled labels",
            _against_null(settings),
        )
        yield from claim(
            "The images suffice to determine which maps a class uses", _halves(settings),
            {FAILS: "Even the halves of one class overlap little: compare overlaps with the "
                    "split-half overlap."},
        )  # fmt: skip
        for selector, text, consequences in _COMPARISONS:
            trivial = _trivial(settings, selector)
            yield from claim(text, _against(settings, selector), trivial | consequences)
        yield from claim(
            "The optimisation lowers the redundancy: it is less than with top-k by alpha at the "
            "same k", _redundancy(settings),
        )  # fmt: skip
        yield from claim(
            "The optimum carries at least a tenth of the positive contributions to the logit",
            _carried(settings), {FAILS: "The selection accounts for little of the prediction."},
        )  # fmt: skip
    if by_k is not None:
        sizes = _by_setting(by_k, lambda row: (row["selector"], row["k"]))
        yield from claim(
            "The overlap grows with the number of maps, for every selector", _growth(sizes),
            {HOLDS: "Overlaps can be compared only at the same k."},
        )  # fmt: skip
        yield from claim(
            "At most of the sizes k, classes overlap less with the optimum than with top-k by "
            "alpha",
            _at_each_k(sizes),
        )


def _by_setting(table: pa.Table, key: Callable[[Row], Any]) -> dict[str, dict[Any, Row]]:
    names = setting_names(settings_of(table))
    settings: dict[str, dict[Any, Row]] = {name: {} for name in names.values()}
    for row in table.to_pylist():
        settings[names[row["model"], row["layer"]]][key(row)] = row
    return settings


def _against_null(settings: Settings) -> Iterator[Case]:
    for name, row in _of("exact", settings):
        if row["p_value"] is not None and row["null_mean"] is not None:
            p = f"p = {number(row['p_value'])}"
            evidence = f"{spread(row)} against {row['null_mean']:.3f} ({p})"
            yield Case(name, decided(row["p_value"] <= SIGNIFICANT), evidence)


def _halves(settings: Settings) -> Iterator[Case]:
    for name, row in _of("exact", settings):
        half = row["split_half"]
        if half is not None and row["ratio"] is not None:
            halves = spread(
                {"off_diagonal": half, "low": row["split_half_low"], "high": row["split_half_high"]}
            )
            evidence = (
                f"two halves of a class overlap by {halves}, different classes by "
                f"{row['ratio']:.2f} of that"
            )
            yield Case(name, above(row, "split_half", WELL_SAMPLED), evidence)


def _against(settings: Settings, selector: str) -> Iterator[Case]:
    """Compare the optimum with another selector, by the interval of the difference."""
    for name, exact in _of("exact", settings):
        other = settings[name].get(selector)
        if other is not None and None not in (exact["off_diagonal"], other["off_diagonal"]):
            outcome = sign(other["minus_exact_low"], other["minus_exact_high"])
            sizes = f"k = {_size(exact)} against {_size(other)}"
            texts = [f"{spread(exact)} against {spread(other)}", sizes]
            if other["minus_exact"] is not None:
                more = over_units(other, "minus_exact", ".3f")
                texts.append(f"difference {other['minus_exact']:.3f} {more}")
            yield Case(name, outcome, ", ".join(texts))


def _trivial(settings: Settings, selector: str) -> dict[str, str]:
    """The consequence of a comparison with a selector of nearly every map."""
    overlaps = [row["off_diagonal"] or 0.0 for _, row in _of(selector, settings)]
    if not overlaps or min(overlaps) < NEARLY_ALL:
        return {}
    return {HOLDS: "By construction: it gives nearly every map a weight for every class."}


def _redundancy(settings: Settings) -> Iterator[Case]:
    for name, exact in _of("exact", settings):
        top = settings[name].get("topk_alpha")
        if top is not None and None not in (exact["redundancy"], top["redundancy"]):
            name_of = "redundancy_minus_exact"
            difference = top[name_of]
            more = "" if difference is None else (
                f", difference {difference:.3f} {over_units(top, name_of, '.3f')}"
            )  # fmt: skip
            evidence = (
                f"mean |cosine| of selected maps {exact['redundancy']:.3f} against "
                f"{top['redundancy']:.3f}{more}"
            )
            yield Case(name, above(top, name_of, 0.0), evidence)


def _carried(settings: Settings) -> Iterator[Case]:
    others = (("topk_alpha", "top-k by alpha"), ("topk_contribution", "top-k by contribution"))
    for name, exact in _of("exact", settings):
        if exact["carried"] is not None:
            interval = over_units(exact, "carried", ".1%")
            shares = [f"{exact['carried']:.1%} of the positive contributions {interval}"]
            for selector, words in others:
                row = settings[name].get(selector)
                if row is not None and row["carried"] is not None:
                    shares.append(f"{words} {row['carried']:.1%}")
            yield Case(name, above(exact, "carried", LITTLE), ", ".join(shares))


def _growth(settings: Settings) -> Iterator[Case]:
    """Compare the least k with the largest that the same images allow."""
    for name, table in settings.items():
        grows = []
        for selector in dict.fromkeys(selector for selector, _ in table):
            sizes = {k: row for (other, k), row in table.items() if other == selector}
            first = sizes[min(sizes)]
            last = sizes[max(k for k, row in sizes.items() if row["images"] == first["images"])]
            if first is not last and None not in (first["overlap"], last["overlap"]):
                grows.append(sign(last["growth_low"], last["growth_high"]))
        if grows:
            evidence = f"from the least k to the largest for {_counted(grows)} selectors"
            yield Case(name, _of_all(grows), evidence)


def _at_each_k(settings: Settings) -> Iterator[Case]:
    """Compare the optimum with top-k at each size."""
    for name, table in settings.items():
        less = [
            sign(row["minus_exact_low"], row["minus_exact_high"])
            for (selector, k), row in table.items()
            if selector == "topk_alpha" and row["minus_exact"] is not None
        ]
        if less:
            yield Case(name, _of_most(less), f"at {_counted(less)} sizes")


def _counted(outcomes: Sequence[str]) -> str:
    """Return how many of several comparisons hold, and how many are not decided.

    >>> _counted([HOLDS, OPEN, FAILS])
    '1 of 3 (1 not decided)'
    """
    count = outcomes.count(OPEN)
    return f"{outcomes.count(HOLDS)} of {len(outcomes)}" + f" ({count} {OPEN})" * (count > 0)


def _of_all(outcomes: Sequence[str]) -> str:
    """Return the outcome of a claim about all of several comparisons.

    >>> _of_all([HOLDS, OPEN]), _of_all([HOLDS, OPEN, FAILS])
    ('not decided', 'does not hold')
    """
    return FAILS if FAILS in outcomes else OPEN if OPEN in outcomes else HOLDS


def _of_most(outcomes: Sequence[str]) -> str:
    """Return the outcome of a claim about more than half of several comparisons.

    >>> _of_most([HOLDS, HOLDS, OPEN]), _of_most([HOLDS, OPEN]), _of_most([HOLDS, FAILS])
    ('holds', 'not decided', 'does not hold')
    """
    half = len(outcomes) / 2
    if outcomes.count(HOLDS) > half:
        return HOLDS
    return FAILS if outcomes.count(FAILS) >= half else OPEN


def _of(selector: str, settings: Settings) -> Iterator[tuple[str, Row]]:
    return ((name, table[selector]) for name, table in settings.items() if selector in table)


def _size(row: Row) -> str:
    return "?" if row["k"] is None else f"{row['k']:.1f}"


def spread(row: Row) -> str:
    """Return the overlap of a row with its interval.

    >>> spread({"off_diagonal": 0.265, "low": 0.25, "high": None})
    '0.265'
    """
    if row["off_diagonal"] is None:
        return "unknown"
    if None in (row["low"], row["high"]):
        return f"{row['off_diagonal']:.3f}"
    return f"{row['off_diagonal']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


def null_spread(row: Row) -> str:
    """Return the overlap under shuffled labels with its interval."""
    return spread(
        {"off_diagonal": row["null_mean"], "low": row["null_low"], "high": row["null_high"]}
    )
