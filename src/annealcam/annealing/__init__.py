"""Quantum annealing of a selection problem, simulated exactly: success, gap, levels, schedules."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
