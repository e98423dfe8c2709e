"""Claims that the numbers of a study decide, and how they are told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

HOLDS, FAILS, OPEN = "holds", "does not hold", "not decided"


@dataclass(frozen=True)
class Case:
    """A claim about one network, or one run, with the numbers that decide it."""

    about: str
    verdict: str
    evidence: str


@dataclass(frozen=True)
class Claim:
    """A claim, its cases, and what follows if they all end alike."""

    text: str
    cases: tuple[Case, ...]
    follows: Mapping[str, str] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """How its cases end: all alike, or some of them so."""
        verdicts = {case.verdict for case in self.cases}
        if len(verdicts) == 1:
            return verdicts.pop()
        held = sum(case.verdict == HOLDS for case in self.cases)
        return f"holds in {held} of {len(self.cases)} cases"

    @property
    def consequence(self) -> str:
        """What follows, where all cases end alike; else nothing."""
        return self.follows.get(self.verdict, "")

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
        one = f" {self._told(self.cases[0])}." if len(self.cases) == 1 else ""
        follows = f" {self.consequence}" if self.consequence else ""
        yield f"- **{self.text}: {self.verdict}.**{one}{follows}"
        if one:
            return
        alike = self.verdict == self.cases[0].verdict
        for case in self.cases:
            yield f"  - {self._told(case)}{'' if alike else f': {case.verdict}'}."

    @staticmethod
    def _told(case: Case) -> str:
        return f"{case.about}: {case.evidence}" if case.about else case.evidence


def sign(low: float | None, high: float | None) -> str:
    """Return whether a number is above zero, by its interval.

    >>> sign(0.1, 0.2), sign(-0.2, -0.1), sign(-0.1, 0.1), sign(None, None)
    ('holds', 'does not hold', 'not decided', 'not decided')
    """
    if low is None or high is None:
        return OPEN
    return HOLDS if low > 0 else FAILS if high < 0 else OPEN


def decided(holds: bool) -> str:
    """Return the verdict of a claim that one comparison decides.

    >>> decided(2 > 3)
    'does not hold'
    """
    return HOLDS if holds else FAILS
