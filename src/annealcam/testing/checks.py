"""Named checks, and the report of what came of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from unittest import SkipTest

from annealcam._internal.validation import one_of

OUTCOMES = ("passed", "failed", "not applicable")


class NotApplicable(SkipTest):
    """A check does not apply to a subject; pytest and unittest count it as skipped."""


class Failed(AssertionError):
    """A check failed; the message is one sentence, without the name of the check."""


class Check(NamedTuple):
    """A named check: `run()` raises AssertionError if it fails, and SkipTest if it does not apply.

    As a pair (name, run) it is a parameter of `pytest.mark.parametrize`.
    """

    name: str
    run: Callable[[], None]


class CheckResult(NamedTuple):
    """The outcome of a check: `passed`, `failed` or `not applicable`, with the reason.

    The sentence is empty if the check passed.
    """

    name: str
    outcome: str
    sentence: str = ""


@dataclass(frozen=True)
class Report:
    """The results of all checks, in their order; printed as a table.

    >>> report = Report("mine", (CheckResult("energies", "failed", "energy 1 instead of 2"),))
    >>> print(report)
    mine: 0 passed, 1 failed, 0 not applicable
      failed          energies: energy 1 instead of 2
    """

    subject: str
    results: tuple[CheckResult, ...]

    @property
    def passed(self) -> list[str]:
        """Names of the checks that passed."""
        return self._with("passed")

    @property
    def failed(self) -> list[str]:
        """Names of the checks that failed."""
        return self._with("failed")

    @property
    def not_applicable(self) -> list[str]:
        """Names of the checks that do not apply."""
        return self._with("not applicable")

    def _with(self, outcome: str) -> list[str]:
        return [result.name for result in self.results if result.outcome == outcome]

    def __str__(self) -> str:
        counts = ", ".join(f"{len(self._with(outcome))} {outcome}" for outcome in OUTCOMES)
        lines = [
            f"  {outcome:<15} {name}{': ' if sentence else ''}{sentence}"
            for name, outcome, sentence in self.results
        ]
        return "\n".join([f"{self.subject}: {counts}", *lines])


def require(condition: Any, sentence: str) -> None:
    """Raise `Failed` with the sentence unless the condition holds."""
    if not condition:
        raise Failed(sentence)


def named_checks(
    functions: Sequence[Callable[[Any], None]],
    subject: Any,
    skip: Mapping[str, str] | None = None,
) -> list[Check]:
    """Return the check of each function, under the function's name.

    Raises:
        ArgumentError: no check has a name of `skip`.

    >>> [check.name for check in named_checks([len, abs], 3)]
    ['len', 'abs']
    """
    reasons = dict(skip or {})
    names = [function.__name__ for function in functions]
    for name in reasons:
        one_of("skip", name, names)
    return [Check(f.__name__, _Run(f, subject, reasons.get(f.__name__))) for f in functions]


@dataclass(frozen=True)
class _Run:
    """A call of a check that puts its name before whatever goes wrong."""

    function: Callable[[Any], None]
    subject: Any
    reason: str | None = None  # why it does not apply

    def __call__(self) -> None:
        name = self.function.__name__
        if self.reason is not None:
            raise NotApplicable(self.reason)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.function(self.subject)
        except NotApplicable:
            raise
        except Failed as failure:
            raise AssertionError(f"{name}: {failure}") from failure.__cause__
        except Exception as error:
            raise AssertionError(f"{name}: {raised(error)}.") from error


def raised(error: BaseException) -> str:
    """Return a clause of one line about an exception.

    >>> raised(KeyError("x"))
    "KeyError was raised: 'x'"
    """
    text = " ".join(str(error).split()).rstrip(".")
    text = text if len(text) <= 120 else f"{text[:117]}..."
    return f"{type(error).__name__} was raised{': ' if text else ''}{text}"


def report_of(subject: str, checks: Iterable[Check], *, stop: bool) -> Report:
    """Run the checks and return their report; with `stop` the first failure is raised.

    >>> report_of("mine", named_checks([abs], -3), stop=True).passed
    ['abs']
    """
    results = []
    for name, run in checks:
        try:
            run()
        except NotApplicable as reason:
            results.append(CheckResult(name, "not applicable", str(reason)))
        except AssertionError as failure:
            if stop:
                raise
            results.append(CheckResult(name, "failed", str(failure).removeprefix(f"{name}: ")))
        else:
            results.append(CheckResult(name, "passed"))
    return Report(subject, tuple(results))
