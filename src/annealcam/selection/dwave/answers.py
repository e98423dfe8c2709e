"""What a machine answers, as selections and plain numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int

from annealcam._types import Array
from annealcam.errors import SamplerError

if TYPE_CHECKING:
    import dimod


def selections(found: dimod.SampleSet, d: int, sampler: str) -> Int[Array, "reads d"]:
    """Return a row of 0 and 1 for each read, variables in the order 0 to d - 1.

    Samples of a constrained model come as whole numbers, of which 0 and 1 are meant.

    Raises:
        SamplerError: there is no sample, a variable is missing, or a value is neither 0 nor 1.

    >>> import dimod
    >>> rows = dimod.SampleSet.from_samples({1: -1, 0: 1}, "SPIN", 0.0, num_occurrences=[2])
    >>> selections(rows, 2, "mine").tolist()
    [[1, 0], [1, 0]]
    """
    labels = list(found.variables)
    if len(found) == 0 or not set(range(d)) <= set(labels):
        raise SamplerError(
            f"sampler={sampler}: answered {len(found)} samples of the variables {labels}; "
            f"0 to {d - 1} were asked for"
        )
    order = [labels.index(v) for v in range(d)]
    values = found.record.sample[:, order]
    low = -1 if found.vartype.name == "SPIN" else 0
    if not ((values == low) | (values == 1)).all():
        raise SamplerError(f"sampler={sampler}: answered other values than {low} and 1")
    rows: Int[Array, "rows d"] = (values == 1).astype(np.int8)
    return np.repeat(rows, found.record.num_occurrences, axis=0)


def chain_breaks(found: dimod.SampleSet) -> float:
    """Return the share of broken chains, averaged over the reads."""
    record = found.record
    return float(np.average(record.chain_break_fraction, weights=record.num_occurrences))


def numbers(told: Any) -> dict[str, float]:
    """Return the entries of a mapping that are numbers, as floats."""
    numeric = (int, float, np.number)
    kept = {k: v for k, v in dict(told or {}).items() if isinstance(v, numeric)}
    return {str(k): float(v) for k, v in kept.items()}
