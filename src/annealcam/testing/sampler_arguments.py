"""Checks of arguments: what is not valid must be refused by an error that callers can expect."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from annealcam.testing.answers import ModelSampler, Subject
from annealcam.testing.checks import NotApplicable
from annealcam.testing.problems import signed_problem


def bad_numbers(subject: Subject) -> None:
    """NaN and infinity in a problem are refused."""
    for name, value in (("NaN", math.nan), ("infinity", math.inf)):
        bad: Any = np.array([[1.0, value], [0.0, -1.0]])
        if isinstance(subject, ModelSampler):
            bad = signed_problem(2).to_bqm()
            bad.set_linear(0, value)
        subject.must_refuse(f"a problem with {name}", bad)


def bad_problems(subject: Subject) -> None:
    """What is no problem is refused: arrays that are not square, texts, None, other keys."""
    if isinstance(subject, ModelSampler):
        raise NotApplicable("An object of dimod gets models alone.")
    for name, value in (
        ("an array that is not square", np.zeros((2, 3))),
        ("an array of three axes", np.zeros((2, 2, 2))),
        ("a text", "problem"),
        ("None", None),
        ("a number", 3.0),
        ("a dict whose keys are no pairs", {"a": 1.0}),
    ):
        subject.must_refuse(name, value)


def bad_seeds(subject: Subject) -> None:
    """Seeds that are negative, fractions or texts are refused."""
    if not subject.takes("seed"):
        raise NotApplicable("It takes no seed.")
    for seed in (-1, 0.5, "x"):
        subject.must_refuse(f"the seed {seed!r}", signed_problem(4), seed=seed)


def bad_shots(subject: Subject) -> None:
    """Numbers of shots that are negative, zero, fractions or texts are refused."""
    if not subject.takes("shots"):
        raise NotApplicable("It takes no number of shots.")
    for shots in (-1, 0, 1.5, "x"):
        subject.must_refuse(f"the number of shots {shots!r}", signed_problem(4), shots=shots)


def bad_time_limits(subject: Subject) -> None:
    """Time limits that are negative, NaN or texts are refused."""
    if not subject.takes("time_limit"):
        raise NotApplicable("It takes no time limit.")
    for limit in (-1.0, math.nan, "x"):
        subject.must_refuse(f"the time limit {limit!r}", signed_problem(4), time_limit=limit)


ARGUMENT_CHECKS = (bad_numbers, bad_problems, bad_seeds, bad_shots, bad_time_limits)
