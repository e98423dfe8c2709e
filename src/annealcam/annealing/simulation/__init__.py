"""The simulation of annealing runs: plans, time steps, and state vectors of several kinds."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
