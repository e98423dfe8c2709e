"""D-Wave's machines: the quantum processor, and the hybrid solvers of the Leap service."""

from annealcam._internal.lazy import lazy_exports

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
