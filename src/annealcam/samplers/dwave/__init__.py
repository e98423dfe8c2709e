"""D-Wave's machines: the quantum processor, and the hybrid solvers of the Leap service."""

from typing import TYPE_CHECKING

from annealcam._internal.lazy import lazy_exports

if TYPE_CHECKING:
    from annealcam.samplers.dwave.controls import Controls
    from annealcam.samplers.dwave.embedding import clique_embedding
    from annealcam.samplers.dwave.leap import constrained_model, select_by_leap
    from annealcam.samplers.dwave.qpu import select_by_dwave

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Controls": "controls",
        "clique_embedding": "embedding",
        "constrained_model": "leap",
        "select_by_dwave": "qpu",
        "select_by_leap": "leap",
    },
)
