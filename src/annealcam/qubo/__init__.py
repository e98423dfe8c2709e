"""The selection problem: a QUBO over candidate maps, its energies, its files."""

from annealcam._internal.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, {"SelectionProblem": "problem"})
