"""Samplers: whatever returns a selection for a problem, exactly, by heuristics or by annealing."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
