"""The problems of the benchmarks: maps as after a ReLU, with 49 pixels each."""

from __future__ import annotations

import numpy as np

from annealcam import SelectionProblem


def relu_problem(d: int, seed: int = 0) -> SelectionProblem:
    """Return the problem of d random maps, half of them zero, with random relevance."""
    rng = np.random.default_rng([d, seed])
    maps = np.maximum(rng.normal(size=(d, 49)), 0.0)
    return SelectionProblem.from_maps(maps, rng.uniform(0.02, 1.0, d))


def study(count: int = 200, largest: int = 14) -> list[SelectionProblem]:
    """Return problems of 4, 5, ..., `largest` qubits in turn."""
    sizes = largest - 3
    return [relu_problem(4 + k % sizes, seed=k // sizes) for k in range(count)]
