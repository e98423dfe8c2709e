"""D-Wave's machines: the quantum processor, and the hybrid solvers of the Leap service."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
