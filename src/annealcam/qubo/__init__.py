"""The selection problem: a QUBO over candidate maps, its energies, and its files."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
