"""The lowest levels of H(s) along an annealing run, and the minimum gap between them."""

from typing import TYPE_CHECKING

from annealcam._internal.lazy import lazy_exports

if TYPE_CHECKING:
    from annealcam.annealing.levels.gap import MinimumGap, minimum_gap
    from annealcam.annealing.levels.low_spectrum import SpectrumCurve, ground_state, spectrum

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "MinimumGap": "gap",
        "SpectrumCurve": "low_spectrum",
        "ground_state": "low_spectrum",
        "minimum_gap": "gap",
        "spectrum": "low_spectrum",
    },
)
