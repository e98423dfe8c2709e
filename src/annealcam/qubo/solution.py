"""What a certified optimum is."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Int

from annealcam._internal.types import Array


@dataclass(frozen=True, eq=False)
class ExactSolution:
    """A selection of lowest energy, with its certificate.

    `multiplicity` counts the selections whose energy is the lowest one to 1e-12 of the problem's
    scale (beyond 24 maps up to 100 of them). Without a proof (time ran out) `n` is the best seen,
    `lower_bound` is below every energy, and `multiplicity` counts among the selections seen.
    `method` is `enumeration`, where `n` is the first of equals in state order, or the bound of the
    search tree, `convex` or `combinatorial`, that had `nodes`.
    """

    n: Int[Array, " d"]
    energy: float
    lower_bound: float
    proved: bool
    multiplicity: int
    method: str = "enumeration"
    nodes: int = 0
