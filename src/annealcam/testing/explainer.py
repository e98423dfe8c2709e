"""Conformance of an explainer: any function from a network, images and classes to heat maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from annealcam._internal.validation import one_line
from annealcam.errors import AnnealcamError, ArgumentError
from annealcam.testing.answers import Refusals
from annealcam.testing.checks import Check, Report, named_checks, report_of
from annealcam.testing.explainer_calls import CALL_CHECKS
from annealcam.testing.explainer_maps import MAP_CHECKS
from annealcam.testing.heat_maps import Subject

EXPLAINER_CHECKS = (*MAP_CHECKS, *CALL_CHECKS)
REFUSALS = (AnnealcamError, ValueError, TypeError, LookupError, AssertionError, RuntimeError)


def check_explainer(
    explain_fn: Callable[..., Any],
    *,
    batches: bool = True,
    deterministic: bool = True,
    refusals: Refusals | None = None,
    skip: Mapping[str, str] | None = None,
    report: bool = False,
) -> Report:
    """Check an explainer's maps, and what its calls leave behind, and return the report.

    The network of the checks is `planted_network()`: its module `maps` is the layer to explain, and
    each class lies at a known place of `planted_images()`.

    Args:
        explain_fn: a function (model, images (n, 3, 32, 32), a list of n classes) to heat maps
            (n, h, w), arrays or tensors, with the size of the layer's maps or of the images; these
            are the explainers of `annealcam.metrics.random_classifier`.
        batches: False for a function (model, image (3, 32, 32), class) to one heat map (h, w).
        deterministic: whether equal calls must have equal results.
        refusals: the exceptions by which it may refuse an argument; None: `AnnealcamError`,
            `ValueError`, `TypeError`, `LookupError`, `AssertionError` and `RuntimeError`.
        skip: checks that do not apply, by name, each with the reason for the report.
        report: whether to run all checks and return their results, failures included.

    Raises:
        AssertionError: a check failed; the message is its name and one sentence.
        ArgumentError: `explain_fn` is no function, or no check has a name of `skip`.

    >>> from annealcam.metrics import cam_explainer
    >>> check_explainer(cam_explainer("maps")).failed
    []
    >>> check_explainer(lambda model, images, targets: images.mean(dim=1))
    Traceback (most recent call last):
    AssertionError: target: Two classes have the same map.
    """
    checks = checks_of_explainer(
        explain_fn, batches=batches, deterministic=deterministic, refusals=refusals, skip=skip
    )
    name = getattr(explain_fn, "__name__", type(explain_fn).__name__)
    return report_of(name, checks, stop=not report)


def checks_of_explainer(
    explain_fn: Callable[..., Any],
    *,
    batches: bool = True,
    deterministic: bool = True,
    refusals: Refusals | None = None,
    skip: Mapping[str, str] | None = None,
) -> list[Check]:
    """Return the checks of an explainer, each a pair (name, run); arguments as `check_explainer`.

    `run()` raises AssertionError if the check fails, and `unittest.SkipTest` if it does not apply.

    >>> [name for name, run in checks_of_explainer(print)][:3]
    ['maps', 'blank_image', 'target']
    """
    if not callable(explain_fn):
        raise ArgumentError(
            f"explain_fn={one_line(explain_fn)}: must be a function from a network, images and "
            "classes to heat maps"
        )
    subject = Subject(explain_fn, batches, deterministic, refusals or REFUSALS)
    return named_checks(EXPLAINER_CHECKS, subject, skip)
