"""What a machine answers beside its shots, as plain numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import dimod


def chain_breaks(found: dimod.SampleSet) -> float:
    """Return the share of broken chains, averaged over the shots."""
    record = found.record
    return float(np.average(record.chain_break_fraction, weights=record.num_occurrences))


def numbers(told: Any) -> dict[str, float]:
    """Return the entries of a mapping that are numbers, as floats."""
    numeric = (int, float, np.number)
    kept = {k: v for k, v in dict(told or {}).items() if isinstance(v, numeric)}
    return {str(k): float(v) for k, v in kept.items()}
