"""Conformance of a sampler for selection problems, in any form that `annealcam.solve` takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from annealcam.testing.answers import Refusals, subject_of
from annealcam.testing.checks import Check, Report, named_checks, report_of
from annealcam.testing.sampler_arguments import ARGUMENT_CHECKS
from annealcam.testing.sampler_calls import CALL_CHECKS
from annealcam.testing.sampler_selections import SELECTION_CHECKS

SAMPLER_CHECKS = (*SELECTION_CHECKS, *CALL_CHECKS, *ARGUMENT_CHECKS)


def check_sampler(
    sampler: Any,
    *,
    exact: bool | None = None,
    deterministic: bool = True,
    options: Mapping[str, Any] | None = None,
    refusals: Refusals | None = None,
    skip: Mapping[str, str] | None = None,
    report: bool = False,
) -> Report:
    """Check that a sampler conforms to what `annealcam.solve` expects, and return the report.

    Problems have up to 10 maps, and the check of time limits one of 300; the optimum is found by
    trying all selections.

    Args:
        sampler: a name in `annealcam.samplers.SAMPLERS`; a function from a problem to a selection
            (d,), to rows (shots, d), to a `Selection` or an `ExactSolution`; or an object with
            dimod's `sample(bqm)`. Keywords `seed`, `shots` (dimod: `num_reads`) and `time_limit`
            are checked where the sampler takes them.
        exact: whether it must return an optimum; None: what the list of samplers states, and False
            for functions and objects.
        deterministic: whether equal calls must have equal results, with equal seeds if it takes
            one.
        options: further keywords of every call.
        refusals: the exceptions by which it may refuse an argument; None: `AnnealcamError`, and for
            objects of dimod `ValueError` and `TypeError` too.
        skip: checks that do not apply, by name, each with the reason for the report.
        report: whether to run all checks and return their results, failures included.

    Raises:
        AssertionError: a check failed; the message is its name and one sentence.
        ArgumentError: the sampler has none of the forms, or no check has a name of `skip`.

    >>> print(check_sampler("exact", report=True).failed)
    []
    >>> check_sampler(lambda problem: 2 * problem.h.astype(bool))
    Traceback (most recent call last):
    AssertionError: selections: It returns values other than 0 and 1.
    """
    checks = checks_of_sampler(
        sampler, exact=exact, deterministic=deterministic, options=options, refusals=refusals,
        skip=skip,
    )  # fmt: skip
    name = sampler if isinstance(sampler, str) else getattr(sampler, "__name__", None)
    return report_of(name or type(sampler).__name__, checks, stop=not report)


def checks_of_sampler(
    sampler: Any,
    *,
    exact: bool | None = None,
    deterministic: bool = True,
    options: Mapping[str, Any] | None = None,
    refusals: Refusals | None = None,
    skip: Mapping[str, str] | None = None,
) -> list[Check]:
    """Return the checks of a sampler, each a pair (name, run); arguments as in `check_sampler`.

    `run()` raises AssertionError if the check fails, and `unittest.SkipTest` if it does not apply.

    >>> [name for name, run in checks_of_sampler("greedy")][:3]
    ['selections', 'energies', 'cardinality']
    """
    subject = subject_of(
        sampler, exact=exact, deterministic=deterministic, options=options, refusals=refusals
    )
    return named_checks(SAMPLER_CHECKS, subject, skip)
