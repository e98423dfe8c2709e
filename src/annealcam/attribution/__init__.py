"""From a network and an image to feature maps, their importance, candidates and CAM maps."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
