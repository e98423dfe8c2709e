"""The lowest levels of H(s) along an annealing run, and the minimum gap between them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
