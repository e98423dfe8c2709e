"""Annealing schedules: from functions, from tables, from files of D-Wave, and by name."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
