"""Sets of maps: the fewest that a prediction changes without, and those that keep it best."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
