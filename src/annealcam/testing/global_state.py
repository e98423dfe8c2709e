"""The state that a whole process shares, which a library must leave as it was."""

from __future__ import annotations

import os
import pickle
import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

_OF_TORCH = {
    "the grad mode of torch": "is_grad_enabled",
    "the inference mode of torch": "is_inference_mode_enabled",
    "the default dtype of torch": "get_default_dtype",
    "the number of threads of torch": "get_num_threads",
    "the deterministic mode of torch": "are_deterministic_algorithms_enabled",
    "the anomaly mode of torch": "is_anomaly_enabled",
}


def global_state() -> dict[str, Any]:
    """Return the state that a process shares, each part under its name in sentences.

    torch is inspected only where it is imported already.

    >>> changed_state(global_state())
    []
    >>> with seeded_globals(0):
    ...     before = global_state()
    ...     _ = random.random()
    ...     changed_state(before)
    ["the state of Python's random generator"]
    """
    state: dict[str, Any] = {
        "the state of Python's random generator": random.getstate(),
        "the state of numpy's random generator": pickle.dumps(np.random.get_state()),
        "numpy's handling of errors": np.geterr(),
        "the filters of warnings": list(warnings.filters),
        "the working directory": os.getcwd(),
        "the environment": dict(os.environ),
    }
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        state["the state of torch's random generator"] = torch.get_rng_state().numpy().tobytes()
        state |= {name: getattr(torch, function)() for name, function in _OF_TORCH.items()}
    return state


def changed_state(before: dict[str, Any]) -> list[str]:
    """Return the names of the parts of the state that have changed."""
    after = global_state()
    return [name for name, value in before.items() if after[name] != value]


@contextmanager
def seeded_globals(seed: int) -> Iterator[None]:
    """Seed the global generators of Python, numpy and torch, and restore them afterwards.

    >>> with seeded_globals(1):
    ...     first = random.random()
    >>> with seeded_globals(1):
    ...     random.random() == first
    True
    """
    torch: Any = sys.modules.get("torch")
    states = random.getstate(), np.random.get_state(), torch and torch.get_rng_state()
    random.seed(seed)
    np.random.seed(seed)
    if torch is not None:
        torch.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        if torch is not None:
            torch.set_rng_state(states[2])
